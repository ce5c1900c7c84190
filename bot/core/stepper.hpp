// Inside of step(): what the files step*.cpp share. Not for other folders.
#pragma once

#include <string>
#include <vector>

#include "bot/core/entries.hpp"
#include "bot/core/step.hpp"

namespace core {

inline constexpr auto kCaseWatched = std::chrono::hours(24);  // a case this old hears of no recovery any more

struct Stepper {
  State& state;
  Time at;
  std::vector<Effect> effects;

  // Applies an entry of our own making and orders it written. `config_bytes`: for config.loaded.
  void append(Entry entry, std::string const& config_bytes = {});
  void refuse_ask(Ticket ticket, Errc code, std::string text);
  void decide(RequestState const& request, std::string verdict, Actor actor, std::vector<std::string> by,
              std::string reason, std::vector<NeedState> const& needs, Vote const* carried,
              std::string const& delivery);
  void end_run(RequestState const& request, std::string const& result_state, std::string const& cause,
               std::string const& explanation, Actor const& actor = Actor::service());
  void start_next();  // asks the runner about those whose turn it is; the others learn their places
  void collect(RequestState const& request, std::vector<Exhibit> attachments);
  Result<void> load(std::string const& config_bytes);  // refuses bytes that could not be read back
  void void_changed();  // voids what is open under a runbook or policy that is no longer in force
  // step_vote.cpp: records that somebody tried and was refused, within the account's quota
  void record_refusal(RequestState const* request, entries::Refusal refusal);
  void close_cases(std::set<CaseId> const& among);  // those where nothing more can happen
  void flush_refusals(bool all);                    // step_vote.cpp: writes folded refusals whose minute is over
  std::uint32_t service_counter() const;

  // step_groups.cpp: brings what is on record about these groups up to what is known now: an old reading gives way to a
  // fresh one or, without one, to "not known". Groups without a source don't matter.
  void freshen(std::set<std::string> const& groups);
  void record_group(std::string const& group, bool known);
  // step_groups.cpp: records that these effective votes count no more, and why. Their persons may vote anew.
  void take_back(RequestState const& request, std::vector<Vote> const& votes, std::string_view why);
  // step_groups.cpp: before `vote`, an approval, is recorded: approvals of others whose accounts nobody vouches for now
  // count for nothing. Where the others suffice with `vote`, they are taken back, so that the decision rests on the
  // others alone. Otherwise they stay, and nothing may be decided: gives those whose accounts are not known, or "".
  std::string leave_doubtful(RequestState const& request, Policy const& in_force, Vote const& vote);

  // step_ask.cpp: accepts a request into `into`, or into a case of its own.
  void accept(Asked const& ask, std::optional<CaseId> into);
};

void on(Stepper& step, Asked const& event);            // step_ask.cpp
void on(Stepper& step, SignalFired const& event);      // step_signal.cpp
void on(Stepper& step, SignalRecovered const& event);  // step_signal.cpp
void on(Stepper& step, VoteCast const& event);         // step_vote.cpp
void on(Stepper& step, CancelAsked const& event);      // step_vote.cpp
void on(Stepper& step, CommandRefused const& event);   // step_vote.cpp
void on(Stepper& step, GroupRead const& event);        // step_groups.cpp
void on(Stepper& step, AgainAsked const& event);       // step_acts.cpp
void on(Stepper& step, QuestionAsked const& event);    // step_acts.cpp

// step_vote.cpp: who has this account here, and an outside id as the ledger holds it.
Actor actor_of(State const& state, std::string const& platform, std::string const& account);
std::string ledger_id(std::string const& id);
std::string decided_words(RequestState const& request);
// Requester, initiator, or a member of an approving group.
bool takes_part(State const& state, RequestState const& request, Actor const& by);

// Whether the texts that the request was bound to are the ones in force.
bool still_in_force(State const& state, Request const& bound);

// A note or reason of a person: 1-2,000 characters of text without control characters other than line feeds.
std::optional<std::string> why_not_words(std::string_view text, std::string_view what);

}  // namespace core
