// The auditor's side: recomputes everything from raw bytes and counts what it checked.
// Rules on structure live here; rules on meaning (policy, bindings, states) derive from Rule and are handed in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace ledger {

using core::Result;

struct RuleFailure {
  std::uint64_t seq = 0;
  std::string commit;  // may be empty when the failure belongs to no commit
  std::string text;    // a whole sentence, printable ASCII
};

inline constexpr std::size_t kMaxFailuresKept = 20;  // a rule; `failed` counts them all

struct RuleResult {
  std::string name;         // stable, "signature", "append_only" …
  std::string description;  // one line for people
  std::uint64_t checked = 0;
  std::uint64_t failed = 0;
  bool applies = true;  // false: nothing in this ledger calls for it (printed as "nothing to check")
  std::vector<RuleFailure> failures;
};

// What a rule sees of an entry: every file with its bytes, the main file parsed (null when it is no valid JSON).
struct VerifiedEntry {
  core::StoredEntry const& stored;
  core::Json const& main;
  std::string_view raw_commit;
};

// Counts the checks of one rule and keeps its first failures.
class Tally {
 public:
  // `required`: on a ledger with entries, zero checks is a failure of the rule (it must never pass silently).
  // Otherwise zero checks reads "nothing to check".
  Tally(std::string name, std::string description, bool required);
  void check(bool ok, std::uint64_t seq, std::string_view commit, std::string_view text);  // on !ok keeps the failure
  void count(bool on) noexcept { counting_ = on; }  // off: checks are made but neither counted nor kept
  bool counting() const noexcept { return counting_; }
  RuleResult result(std::uint64_t entries) const;

 private:
  RuleResult result_;
  bool required_;
  bool counting_ = true;
};

class Rule {
 public:
  Rule(std::string name, std::string description, bool required)
      : tally_(std::move(name), std::move(description), required) {}
  virtual ~Rule() = default;
  virtual void see(VerifiedEntry const& entry) = 0;  // in order of seq, once each
  virtual void finish() {}                           // after the last
  Tally& tally() noexcept { return tally_; }

 protected:
  void check(bool ok, core::StoredEntry const& at, std::string_view text) { tally_.check(ok, at.seq, at.commit, text); }

 private:
  Tally tally_;
};

struct VerifyOptions {
  std::optional<std::string> pin;   // "SHA256:…" of the first key
  std::optional<std::string> from;  // a revision already verified: only later entries are checked (rules that need
                                    // the whole history still see the earlier ones, but nothing of them is counted)
  std::vector<Rule*> rules;         // rules on meaning; they see every entry whose files can be read
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // every few hundred entries; may be empty
};

struct Report {
  bool ok = false;
  bool pinned = false;        // a pin was given and the first key has it
  std::uint64_t entries = 0;  // checked
  core::Receipt head;
  std::string first_key;  // fingerprint
  std::vector<RuleResult> rules;
  std::vector<std::pair<std::string, std::string>> not_in_this_release;  // name, why it isn't here
};

// The error is for a ledger that can't be read at all (not_found, io, no head); everything found in one is a failure
// of a rule.
Result<Report> verify(std::filesystem::path const& repository, VerifyOptions const& options = {});

}  // namespace ledger
