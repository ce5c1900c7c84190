// Asking: from "run this" to request.accepted.
#include <algorithm>

#include "bot/core/asking.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/stepper.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

// Names only what this requester may ask for (T70).
std::string did_you_mean(Rules const& rules, Asked const& ask) {
  std::string list;
  for (auto const& [known, runbook] : rules.runbooks) {
    auto const* policy = rules.policy_of(runbook);
    if (policy && !why_not_request(*policy, rules, ask.requester)) list += (list.empty() ? "" : ", ") + known;
  }
  return "There is no runbook " + printable_ascii(ask.runbook, 64) + ". " +
         (list.empty() ? "There is none that you may ask for." : "There are: " + list + ".");
}

// " (bob or carol)": who of the group could count for this request now.
std::string who_could(State const& state, RequestState const& request, Policy const& policy, Need const& need) {
  constexpr std::size_t kMostNames = 5;
  if (state.rules.unread.contains(need.group)) return " (who that is, is not known at this moment)";
  std::vector<std::string> names;
  for (auto const& key : state.rules.members(need.group)) {
    if (!why_not_vote(policy, state.rules, request.behind(), key)) names.push_back(key);
  }
  if (names.empty()) return " (nobody is there to vote now)";
  std::string list;
  for (std::size_t i = 0; i < names.size() && i < kMostNames; ++i)
    list += (list.empty() ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  if (names.size() > kMostNames) list += " or " + std::to_string(names.size() - kMostNames) + " more";
  return " (" + list + ")";
}

std::string accepted_words(State const& state, RequestState const& request) {
  auto const* runbook = state.rules.runbook(request.runbook);
  auto const* policy = runbook ? state.rules.policy_of(*runbook) : nullptr;
  std::string text = request.id.str() + " is accepted; evidence is being collected.";
  if (!policy) return text;
  text += " It needs ";
  bool first = true;
  for (auto const& need : policy->approve) {
    text += (first ? "" : " and ") + std::to_string(need.count) + " of " + need.group +
            who_could(state, request, *policy, need);
    first = false;
  }
  text += " within " + format_duration(policy->expires);
  auto const usual = usual_time_words(state, request.runbook);
  return text + (usual.empty() ? "." : "; " + usual + ".");
}

}  // namespace

AskCheck check_ask(Rules const& rules, std::string const& instance, Asked const& ask) {
  AskCheck result;
  auto const refuse = [&](Errc code, std::string text, std::string place = {}) {
    result.refusals.push_back({code, std::move(text), std::move(place)});
  };
  auto const* runbook = rules.runbook(ask.runbook);
  if (!runbook) {
    refuse(Errc::not_found, did_you_mean(rules, ask), "runbooks");
    return result;
  }
  auto const* policy = rules.policy_of(*runbook);
  auto const of_runbook = "runbooks." + runbook->name;
  if (!policy) {
    refuse(Errc::unavailable, "The runbook " + runbook->name + " has no policy.", of_runbook + ".policy");
    return result;
  }
  auto const of_policy = "policies." + policy->name;
  if (auto why = why_not_request(*policy, rules, ask.requester))
    refuse(Errc::forbidden, std::move(*why), of_policy + ".request");
  for (auto& problem : parameter_problems(*runbook, ask.parameters, result.parameters))
    refuse(Errc::bad_input, std::move(problem.text),
           of_runbook + ".parameters" + (is_name(problem.name) ? "." + problem.name : ""));
  bool const trigger = ask.requester.kind == Actor::Kind::trigger;
  if (!trigger && !ask.reason.empty()) {
    if (auto why = why_not_words(ask.reason, "reason")) refuse(Errc::bad_input, std::move(*why));
  }
  if (!trigger && ask.reason.empty() && policy->requester_justification == Justification::required) {
    refuse(Errc::bad_input, "Say why: the policy " + policy->name + " requires a reason (in chat: … -- the reason).",
           of_policy + ".justification.requester");
  }
  if (!ask.initiator.empty()) {
    if (ask.requester.kind != Actor::Kind::robot)
      refuse(Errc::bad_input, "Only a robot's request may name an initiator; you are the one who asks.");
    else if (!rules.person(ask.initiator))
      refuse(Errc::bad_input, "The initiator must be the key of a person in the configuration.", "people");
  }
  constexpr std::size_t kMostLabels = 32, kMaxLabelBytes = 500;
  bool const labels_fine =
      ask.labels.size() <= kMostLabels && std::ranges::all_of(ask.labels, [](auto const& label) {
        return is_name(label.first) && label.second.size() <= kMaxLabelBytes && !has_control(label.second);
      });
  if (!trigger && !labels_fine) {
    refuse(Errc::bad_input,
           "Labels are at most 32, each a name and a text of at most 500 bytes without control characters.");
  }
  for (auto const& channel : ask.channels) {
    if (!rules.channels.contains(channel))
      refuse(Errc::bad_input, "There is no channel " + printable_ascii(channel, 64) + " in the configuration.",
             "channels");
  }
  std::optional<std::string> person;
  if (ask.requester.kind == Actor::Kind::person) person = ask.requester.key;
  if (!ask.initiator.empty()) person = ask.initiator;
  if (auto why = why_never_approvable(*policy, rules, person))
    refuse(Errc::forbidden, std::move(*why), of_policy + ".approve");
  // What follows is about the action as it would run: without its parameters there is none.
  if (result.parameters.size() != runbook->parameters.size()) return result;
  // The size that an approver would have to judge is known now: don't let somebody wait for the evidence first.
  Draft draft{.instance = instance,
              .id = RequestId::make(CaseId::make("20260101", 1), 1),
              .requester = ask.requester,
              .initiator = ask.initiator,
              .reason = ask.reason,
              .labels = ask.labels,
              .parameters = result.parameters,
              .programs = {},
              .evidence = {},
              .opened_at = {}};
  auto const names = programs_of(*runbook, result.parameters);
  if (!names) {
    refuse(Errc::bad_input, names.error().message, of_runbook + ".steps");
    return result;
  }
  // As long as they usually are, so that what is accepted is rarely too long once they are known.
  draft.evidence = digest_of("");
  ProgramIdentity const usual{
      .path = std::string(64, '/'),
      .sha256 = std::string(64, '0'),
      .interpreter = ProgramIdentity::Interpreter{std::string(32, '/'), std::string(64, '0'), {}}};
  for (auto const& name : *names) draft.programs.emplace(name, usual);
  if (auto const bound = make_request(draft, *runbook, *policy); !bound)
    refuse(bound.error().code, bound.error().message, of_runbook + ".steps");
  else if (auto why = why_too_long(*bound))
    refuse(Errc::too_large, std::move(*why), of_runbook);
  return result;
}

std::optional<std::string> why_not_words(std::string_view text, std::string_view what) {
  constexpr std::size_t kMostCharacters = 2000;
  if (has_control(text, "\n"))
    return "The " + std::string(what) +
           " may hold no control characters other than line breaks, and must be valid UTF-8.";
  if (text.find_first_not_of(" \n") == std::string_view::npos) return "The " + std::string(what) + " is empty.";
  if (count_code_points(text) > kMostCharacters)
    return "The " + std::string(what) + " is longer than 2,000 characters.";
  return std::nullopt;
}

void Stepper::accept(Asked const& ask, std::optional<CaseId> into) {
  Json idempotency;
  if (!ask.idempotency_key.empty()) {
    auto const key = digest_of(ask.idempotency_key);
    auto const caller = ask.requester.str();
    if (!is_digest(ask.body_digest))
      return refuse_ask(ask.ticket, Errc::bad_input, "An idempotency key comes with the digest of its body.");
    if (auto const found = state.idempotency.find(caller + '\n' + key); found != state.idempotency.end()) {
      if (found->second.first != ask.body_digest)
        return refuse_ask(ask.ticket, Errc::conflict, "This idempotency key was used before with another body.");
      return effects.push_back(Reply{.ticket = ask.ticket,
                                     .text = "This request exists already.",
                                     .request = found->second.second,
                                     .replay = true});
    }
    idempotency = Json::object({{"caller", caller}, {"key", key}, {"body", ask.body_digest}});
  }
  if (auto const* named = state.rules.runbook(ask.runbook)) {
    if (auto const* policy = state.rules.policy_of(*named)) freshen(policy->request);
  }
  auto checked = check_ask(state.rules, state.instance, ask);
  if (!checked.refusals.empty()) {
    auto& first = checked.refusals.front();
    return refuse_ask(ask.ticket, first.code, std::move(first.text));
  }
  auto& parameters = checked.parameters;
  auto const& runbook = *state.rules.runbook(ask.runbook);
  auto channels = ask.channels;
  if (channels.empty()) {
    for (auto const& [name, addresses] : state.rules.channels) channels.push_back(name);
  }
  if (!into) {
    auto const day = format_day(at);
    auto counter = state.case_counter;
    CaseState opened{.id = CaseId::make(day, counter.next(day))};
    opened.title = summary_of(runbook, parameters).value();
    opened.labels = ask.labels;
    opened.channels = channels;
    opened.opened_at = at;
    into = opened.id;
    append(entries::case_opened(opened, ask.requester, ""));
  }
  RequestState request{.id = RequestId::make(*into, state.cases.at(*into).requests + 1)};
  request.requester = ask.requester;
  request.initiator = ask.initiator;
  request.runbook = runbook.name;
  request.parameters = std::move(parameters);
  request.reason = ask.reason;
  request.labels = ask.labels;
  request.channels = std::move(channels);
  request.again_of = ask.again_of;
  request.accepted_at = at;
  auto const id = request.id;
  append(entries::request_accepted(request,
                                   Json::object({{"platform", printable_ascii(ask.origin.platform, 64)},
                                                 {"account", printable_ascii(ask.origin.account, 128)},
                                                 {"channel", printable_ascii(ask.origin.channel, 128)}}),
                                   std::move(idempotency)));
  auto const& accepted = state.requests.at(id);
  if (ask.ticket != 0)
    effects.push_back(Reply{.ticket = ask.ticket, .text = accepted_words(state, accepted), .request = id});
  collect(accepted, ask.attachments);
}

void on(Stepper& step, Asked const& event) { step.accept(event, std::nullopt); }

}  // namespace core
