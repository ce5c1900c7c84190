// Builds the entry of each kind: its files, its line in the register, its JSON. The reading side is apply() in
// state.hpp; what each member means stands in ledger/FORMAT.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bot/core/state.hpp"

namespace core::entries {

// Entries without a case live under service/; `counter` is the day's.
std::string service_path(Time at, std::uint32_t counter);

Entry service_started(Time at, std::uint32_t counter, std::string const& version, std::string const& commit,
                      std::string const& config_digest);
Entry service_stopped(Time at, std::uint32_t counter);
Entry ledger_recovered(Time at, std::uint32_t counter, std::vector<std::string> const& dropped);
// `with_file`: false when config/<sha256>.json stands in the ledger already.
Entry config_loaded(Time at, std::uint32_t counter, std::string const& config_bytes, bool with_file);

// What a platform says of a group: persons who are members (nothing: not known), and how many of its accounts no person
// has.
struct GroupMembers {
  Time asked_at;
  std::set<std::string> members;
  std::uint32_t strangers = 0;
};
Entry groups_read(Time at, std::uint32_t counter, std::string const& group, GroupSource const& source,
                  std::optional<GroupMembers> const& read);

Entry case_opened(CaseState const& opened, Actor const& opener, std::string const& text);
// Written once, when nothing more can happen: closed.json and the page that tells the case to a reader.
Entry case_closed(Time at, State const& state, CaseState const& closed, std::string const& reason);
Entry request_accepted(RequestState const& request, Json origin, Json idempotency);
// The case's own evidence when `request` is empty. `refers` are the exhibits of the case that a request's manifest
// names.
Entry evidence_collected(Time at, CaseId const& case_id, std::optional<RequestId> const& request,
                         Evidence const& evidence, std::vector<ManifestItem> const& refers);
Entry request_opened(Request const& request);
Entry post_intent(Time at, RequestState const& request, PostState const& post, Json const& body);
Entry posted(Time at, RequestState const& request, PostState const& post, std::uint32_t number, Json const& ref);

// vote.approve, vote.deny or vote.withdrawn that does not decide.
Entry vote(RequestState const& request, Vote const& vote, std::string const& delivery);
// vote.withdrawn by the service: the account that the vote came from is no active member's any more.
Entry vote_taken_back(RequestState const& request, Vote const& withdrawal);

struct Refusal {
  Time at;
  Actor actor;  // the person, or unknown with the account
  std::string platform, account, verdict, reason, via, envelope, delivery,
      claimed;               // claimed: the request as named, cleaned
  std::uint32_t folded = 0;  // how many further refusals this entry stands for
};
Entry vote_refused(RequestState const& request, Refusal const& refusal);
Entry vote_refused_unknown(std::uint32_t counter, Refusal const& refusal);

struct QuestionSource {
  std::string platform, account, via, rendering, envelope, delivery;
};
Entry question_asked(RequestState const& request, Question const& question, QuestionSource const& source);

// request.approved / denied (with the deciding vote), expired, cancelled, voided.
Entry decided(RequestState const& request, Decision const& decision, std::vector<NeedState> const& needs,
              Vote const* carried, std::string const& delivery, std::string const& config_digest);
Entry run_started(Time at, RequestState const& request, Confinement const& confinement);
// `actor`: the service, or who cancelled it while it waited to start.
Entry run_finished(Time at, RequestState const& request, Json const& result, std::string const& output,
                   Actor const& actor = Actor::service());

// Reads a vote as it stands in votes/ and inside decision.json.
Result<Vote> read_vote(Json const& json);

}  // namespace core::entries
