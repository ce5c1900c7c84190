// What an observer who only reads the entries of a schedule knows, written without the code that it judges.
#pragma once

#include <string>
#include <vector>

#include "bot/core/entry.hpp"

namespace schedules {

// The first broken invariant (design, section 4) in words; empty: none.
//   once: no person's vote is recorded twice in a row, one decision, one start, one end
//   separate people: nobody counts for what they asked for; only eligible ones count, each once
//   late is never: nothing counts at or after expiry; final is final: no vote after the decision
//   no act without a record: a start has its approval before it
std::string broken_invariant(std::vector<core::Entry> const& entries);

// An act whose person was told that it is recorded; the verdict as the ledger has it.
struct Acknowledged {
  std::string request, person, verdict, delivery;
  bool again = false;  // they were told that this delivery was recorded already, as what nobody said
};
// Whether the entries hold it: as that very delivery or, of one that says what its person said before, as the vote in
// force.
bool is_held(std::vector<core::Entry> const& entries, Acknowledged const& act);

// Votes and decisions in their order, as "REQUEST KIND PERSON".
std::vector<std::string> decisions_in(std::vector<core::Entry> const& entries);

}  // namespace schedules
