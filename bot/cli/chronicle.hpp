// What the ledger says of one request, noted while every entry goes by: a rule of the verifier that never objects.
// It folds the entries with core::apply(), as the service, the runner and the verifier do, and asks the policy's own
// functions what each vote counted for.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bot/core/state.hpp"
#include "ledger/verifier.hpp"

namespace cli {

// One ballot, as it stood right after it was cast.
struct NotedVote {
  core::Vote vote;
  std::uint64_t seq = 0;
  std::string commit;
  std::string counted_for;  // the group whose count it raised; empty: none
  std::string words;        // what it counted for, or why for nothing
  bool stands = true;       // false: a later vote of the same person took its place, or it was taken back
};

struct NotedRefusal {
  std::uint64_t seq = 0;
  core::Time at;
  std::string actor, platform, account, verb, reason;
  std::int64_t folded = 0;  // further attempts that this entry stands for
};

// One person of a group that approves, or one who voted.
struct NotedMember {
  std::string person;
  std::set<std::string> then, at_end;  // groups that count here: when it was opened, at the decision or now
  std::string excluded;                // in words; empty: may vote
};

struct Noted {
  bool found = false;
  core::RequestState request{.id = core::RequestId::make(core::CaseId::make("20260101", 1), 1)};
  std::set<std::uint64_t> seqs;  // of its entries
  std::uint64_t opened_seq = 0, decided_seq = 0, ended_seq = 0;
  std::string config_at_opening, config_at_end;  // digests of the configurations
  std::string policy_in_force;                   // digest at the end; empty: there is no such policy any more
  std::optional<core::Tally> at_end;             // with the pinned policy and the people at the decision, or now
  std::vector<NotedVote> votes;
  std::vector<NotedRefusal> refusals;
  std::vector<NotedMember> members;
  std::string unfolded;  // the first entry that contradicts those before it: what comes after is told as far as it goes
};

class Chronicle final : public ledger::Rule {
 public:
  explicit Chronicle(core::RequestId of);
  void see(ledger::VerifiedEntry const& entry) override;
  void finish() override;  // "now", for a request that is open
  Noted const& noted() const { return noted_; }

 private:
  void note_refusal(ledger::VerifiedEntry const& entry);
  void note_votes(core::RequestState const& before, core::StoredEntry const& stored);
  void note_members(core::RequestState const& request);
  void note_end();

  core::RequestId of_;
  core::State state_;
  core::Rules at_opening_;
  std::map<std::string, std::string, std::less<>> config_files_;
  Noted noted_;
};

}  // namespace cli
