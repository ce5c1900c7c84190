// The rules on the form of a ledger, one entry after the other (ledger/FORMAT.md, Verification).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/commit_text.hpp"
#include "ledger/tree_diff.hpp"
#include "ledger/verifier.hpp"

namespace ledger {

class StructureRules {
 public:
  StructureRules(ObjectDb& db, std::optional<std::string> pin);

  // The entry at place `seq` of the chain. Answers with it as far as it can be read; nullopt when its files can't.
  // `complete`: the chain goes back to the first commit.
  std::optional<core::StoredEntry> see(Oid const& id, std::string_view raw, std::uint64_t seq, bool complete);
  // A commit of the chain can't be read: nothing before it can be checked.
  void unreadable(Oid const& id, std::string_view why);
  void count(bool on);

  core::Json const& main() const noexcept { return main_; }  // of the entry seen last
  std::string const& first_key() const noexcept { return first_key_; }
  bool pin_matches() const noexcept { return pin_ && first_key_ == *pin_; }
  std::vector<RuleResult> results(std::uint64_t entries) const;

 private:
  struct At {
    std::uint64_t seq;
    std::string commit;
  };
  void check_commit(ParsedCommit const& commit, At const& at, bool complete);
  void check_signature(ParsedCommit const& commit, At const& at);
  void check_paths(core::StoredEntry const& entry, At const& at);
  void check_main(ParsedCommit const& commit, core::StoredEntry const& entry, At const& at);
  void take_keys(core::StoredEntry const& entry, At const& at);

  ObjectDb* db_;
  TreeReader trees_;
  std::optional<std::string> pin_;
  std::vector<PublicKey> keys_;  // in force for the next entry
  std::size_t key_files_ = 0;
  std::string first_key_;
  std::optional<Oid> last_tree_;
  std::int64_t last_seconds_ = 0;
  core::Json main_;

  Tally objects_, form_, signature_, key_, pinned_, parent_, committer_, sequence_, dates_, append_only_, digest_,
      trailers_, author_, kinds_, paths_, main_file_, keys_rule_;
};

}  // namespace ledger
