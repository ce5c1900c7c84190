// An entry: one ledger record before it has a place in the ledger. ledger/ turns it into one signed commit and back;
// bot/core/entries.hpp gives its main file a meaning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/time.hpp"

namespace core {

// Who acted. Keys only, never display names or mail addresses: the ledger can't forget.
struct Actor {
  enum class Kind { person, robot, trigger, unknown, service };
  Kind kind = Kind::unknown;
  std::string key;  // person, robot or trigger key; for unknown "slack.U0MALLORY4" or empty; empty for the service

  static Actor person(std::string key) { return {Kind::person, std::move(key)}; }
  static Actor robot(std::string key) { return {Kind::robot, std::move(key)}; }
  static Actor trigger(std::string key) { return {Kind::trigger, std::move(key)}; }
  static Actor unknown(std::string account) { return {Kind::unknown, std::move(account)}; }
  static Actor service() { return {Kind::service, {}}; }

  // As trailers and JSON name it: "bob", "ci", "trigger:web-down", "unknown", "countersign".
  // People and robots share one name space (the configuration refuses a key that stands in both).
  std::string str() const;
  friend bool operator==(Actor const&, Actor const&) = default;
};

// The git author of an entry: ("bob", "bob@people.invalid") and so on (design: section 10). Always printable ASCII.
struct Signature {
  std::string name, email;
};
Signature author_of(Actor const& actor);

struct File {
  std::string path;  // relative, '/'-separated, checked by is_ledger_path
  std::string bytes;
};

// Safe in any git tree on any system: 1-200 bytes of [A-Za-z0-9._-] and '/', no empty part, no part beginning with
// '.', none ending in '.' or ".lock", none equal to ".git" in any case (T22).
bool is_ledger_path(std::string_view path);

struct Entry {
  std::string kind;        // "vote.approve"; the kinds stand in ledger/FORMAT.md
  std::string case_id;     // "" when the entry belongs to no case
  std::string request_id;  // full id, "" when it belongs to no request
  Actor actor;
  Time time;
  std::string subject;      // one line of the register; the ledger escapes it to printable ASCII, at most 200 bytes
  std::vector<File> files;  // at least one; the first is the main JSON file, which `ledger log --json` prints as data
};

// An entry as it stands in the ledger.
struct StoredEntry {
  Entry entry;            // files as far as the reader was asked for them; the main file always, and always first
  std::uint64_t seq = 0;  // 0 for ledger.opened, then without a gap
  std::string commit;     // 40 hex digits
  std::string digest;     // Countersign-Digest: sha256 over the sorted list "path NUL sha256-hex LF" of the added files
};

// What an append returns once the entry is durable.
struct Receipt {
  std::uint64_t seq = 0;
  std::string commit;
};

// True when `path` is the main file of an entry of this kind; the rule a reader needs to find `data` among the files
// that a commit adds. Table: ledger/FORMAT.md, Kinds.
bool is_main_file(std::string_view kind, std::string_view path);

}  // namespace core
