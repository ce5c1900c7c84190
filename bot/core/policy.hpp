// Who may ask, who may vote, and whether the votes suffice. The one decide(): every path to an approval, in the engine
// and in the verifier, comes through tally().
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/rules.hpp"
#include "bot/core/time.hpp"

namespace core {

enum class Verdict { approve, deny, withdraw };
char const* to_string(Verdict verdict) noexcept;  // "approve", "deny", "withdrawn": the ending of the vote's kind

// A vote as the ledger holds it.
struct Vote {
  std::string person;
  Verdict verdict = Verdict::approve;
  Time at;
  std::string platform;          // "slack", "teams", "matrix"
  std::string account;           // the immutable user id there
  std::string note;              // the voter's justification, may be empty
  std::string via;               // "button", "view" or "text"
  std::string rendering;         // digest of the rendered post it was cast on; empty for text
  std::string envelope;          // digest of the platform's raw message (T72)
  std::set<std::string> groups;  // the voter's groups at the vote
  std::uint32_t number = 0;      // NNNN of its file
  // A withdrawal takes with it the clicks that had said the same as the vote it takes back: none of them counts later.
  std::set<std::string> repeats{};
};

// So many clicks that only repeat a vote are remembered of a person and request. Who takes back a vote with as many has
// none left on that request: an old click could no longer be told from a new one, and unknown is no.
inline constexpr std::size_t kMaxRepeats = 100;

// Who is behind a request, as far as that excludes anybody.
struct Behind {
  Actor requester;
  std::string initiator;  // person key or empty
};

// Nothing when `person` may vote on this request now; otherwise the reason, said to that person ("You asked for this
// …").
std::optional<std::string> why_not_vote(Policy const& policy, Rules const& rules, Behind const& behind,
                                        std::string_view person);

// Nothing when the actor may ask for a runbook of this policy; otherwise the reason.
std::optional<std::string> why_not_request(Policy const& policy, Rules const& rules, Actor const& requester);

struct NeedState {
  std::string group;
  std::uint32_t count = 1;
  std::uint32_t have = 0;
};

struct Tally {
  std::vector<NeedState> needs;  // in the policy's order
  bool satisfied = false;
  std::vector<std::string> counted;      // persons whose approvals count, each for one need
  std::optional<std::string> denied_by;  // the person whose effective, eligible vote is a deny
};

// The votes in order of casting; of each person only the last counts. A person counts for at most one need, so a member
// of two groups is still one person (the assignment is a maximum matching: the best for the request, never double).
// Votes of people who may not vote (any more), or were not in the group when they voted, don't count. A policy without
// needs is never satisfied.
Tally tally(Policy const& policy, Rules const& rules, Behind const& behind, std::vector<Vote> votes);

// The effective vote of each person: the last one, withdrawn ones left out.
std::vector<Vote> effective_votes(std::vector<Vote> votes);

// "1 more from sre, 1 more from dba", or "nothing".
std::string what_is_missing(Tally const& tally);

// A sentence when a request by this person (or, with nothing, by somebody who is no approver) could never be approved
// with the people the rules know; nothing when it could.
std::optional<std::string> why_never_approvable(Policy const& policy, Rules const& rules,
                                                std::optional<std::string> requester_person);

}  // namespace core
