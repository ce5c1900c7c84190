// The text of a ledger commit, both ways (ledger/FORMAT.md, Commit).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/error.hpp"
#include "ledger/git_object.hpp"
#include "ledger/key.hpp"

namespace ledger {

inline constexpr std::string_view kCommitterName = "countersign";
inline constexpr std::string_view kCommitterEmail = "ledger@countersign.invalid";  // the principal of allowed_signers
inline constexpr std::size_t kMaxSubject = 200;                                    // bytes, escapes included

// One line of printable ASCII, at most kMaxSubject bytes: other characters become \u{…}, bytes that are no UTF-8 \x…,
// a backslash is doubled, runs of blanks at the ends go. Never empty (T37).
std::string escape_subject(std::string_view text);

// "sha256:" over the sorted list "path NUL sha256-hex LF".
std::string digest_of_files(std::vector<core::File> const& files);

// The commit without its signature: what is signed.
std::string compose_commit(core::Entry const& entry, std::uint64_t seq, std::string_view digest, Oid const& tree,
                           std::optional<Oid> const& parent);
// The commit object's body: `text` of compose_commit with the armored signature in a gpgsig header.
std::string insert_signature(std::string_view text, std::string_view armor);

struct Identity {
  std::string name, email;
  std::int64_t seconds = 0;
  std::string zone;  // "+0000"
};

struct ParsedCommit {
  Oid tree;
  std::vector<Oid> parents;
  Identity author, committer;
  std::string armor;    // empty when unsigned
  std::string payload;  // what the signature is over
  std::string subject;
  std::vector<std::pair<std::string, std::string>> trailers;  // in their order
  std::vector<std::string> problems;  // everything that is not exactly as compose_commit writes it

  std::string trailer(std::string_view name) const;  // the first of that name without its prefix "Countersign-", or ""
};

// Never fails: what can't be read is empty and stands among the problems.
ParsedCommit parse_commit(std::string_view raw);

// The fields of an entry as far as the commit text holds them (no files).
core::StoredEntry entry_of(ParsedCommit const& commit, Oid const& id);

}  // namespace ledger
