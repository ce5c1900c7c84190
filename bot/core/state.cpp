#include "bot/core/state.hpp"

#include <algorithm>

#include "bot/core/application.hpp"

namespace core {

char const* to_string(Phase phase) noexcept {
  switch (phase) {
    case Phase::collecting: return "collecting";
    case Phase::pending: return "pending";
    case Phase::approved: return "approved";
    case Phase::running: return "running";
    case Phase::succeeded: return "succeeded";
    case Phase::failed: return "failed";
    case Phase::interrupted: return "interrupted";
    case Phase::denied: return "denied";
    case Phase::expired: return "expired";
    case Phase::cancelled: return "cancelled";
    case Phase::voided: return "voided";
  }
  return "unknown";
}

bool is_final(Phase phase) noexcept {
  return phase != Phase::collecting && phase != Phase::pending && phase != Phase::approved && phase != Phase::running;
}

RequestState const* State::request(RequestId const& id) const {
  auto const found = requests.find(id);
  return found == requests.end() ? nullptr : &found->second;
}

std::vector<RequestState const*> State::open_requests() const {
  std::vector<RequestState const*> result;
  for (auto const& id : open) result.push_back(&requests.at(id));
  return result;
}

bool State::may_have_forgotten(CaseId const& id) const {
  auto const day = id.day();
  return forgotten > 0 && (day < case_counter.day || (day == case_counter.day && id.counter() <= case_counter.last));
}

std::string outcome_key(RequestState const& request) {
  return request.runbook + '\n' + (request.bound ? request.bound->target() : std::string());
}

std::set<std::string> groups_of(std::vector<Need> const& needs) {
  std::set<std::string> groups;
  for (auto const& need : needs) groups.insert(need.group);
  return groups;
}

std::string usual_time_words(State const& state, std::string const& runbook) {
  auto const found = state.decided_in.find(runbook);
  if (found == state.decided_in.end() || found->second.size() < kLeastDecisionTimes) return {};
  std::vector<Duration> times(found->second.begin(), found->second.end());
  std::ranges::sort(times);
  auto const middle = times.size() / 2;
  auto const median = times.size() % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  return "usually decided in " + duration_words(std::max<Duration>(median, std::chrono::seconds(1))) + " (median of " +
         std::to_string(times.size()) + ")";
}

Result<Rules> rules_from_bytes(std::string_view bytes) {
  // Ten thousand people with their groups and accounts fit.
  auto const json = parse_json(bytes, {.max_bytes = 8 << 20, .max_values = 1'000'000});
  if (!json) return json.error();
  return rules_from_json(*json);
}

Result<void> apply(State& state, Entry const& entry, FileLookup const& lookup) {
  // The handlers check before they change, with one exception: a vote carried by a decision is taken in before the
  // tally can judge it. So the request is put aside and put back when the entry is refused.
  std::optional<RequestState> before;
  auto const id = entry.request_id.empty() ? Result<RequestId>(make_error(Errc::bad_input, ""))
                                           : RequestId::parse(entry.request_id);
  if (id && (entry.kind == "request.approved" || entry.kind == "request.denied")) {
    if (auto const* request = state.request(*id)) before = *request;
  }
  try {
    Application(state, entry, lookup).run();
    return {};
  } catch (Failure const& failure) {
    if (before) state.requests.insert_or_assign(*id, std::move(*before));
    return make_error(Errc::corrupt, entry.kind + (entry.request_id.empty() ? "" : " of " + entry.request_id) + ": " +
                                         failure.error().message);
  }
}

Result<RequestState const*> approved_request(State const& state, RequestId const& id) {
  auto const* request = state.request(id);
  if (!request) return make_error(Errc::not_found, "the ledger holds no request " + id.str());
  if (request->phase != Phase::approved && request->phase != Phase::running)
    return make_error(Errc::forbidden,
                      "the request " + id.str() + " is " + to_string(request->phase) + ", not approved");
  return request;
}

bool is_turning_point(std::string_view kind) {
  return kind == "run.finished" || kind == "request.approved" || kind == "request.denied" ||
         kind == "request.expired" || kind == "request.cancelled" || kind == "request.voided";
}

std::string outcome_words(RequestState const& request) {
  std::string words = to_string(request.phase);
  if (request.phase == Phase::failed || request.phase == Phase::interrupted) {
    if (request.run && !request.run->cause.empty()) words += " (" + request.run->cause + ")";
  }
  if ((request.phase == Phase::denied || request.phase == Phase::cancelled) && request.decision)
    words += " by " + request.decision->actor.str();
  return words;
}

}  // namespace core
