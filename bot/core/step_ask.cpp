// Asking: from "run this" to request.accepted.
#include <algorithm>

#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/stepper.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

std::string did_you_mean(std::string const& name, std::map<std::string, Runbook> const& runbooks) {
  std::string list;
  for (auto const& [known, runbook] : runbooks) list += (list.empty() ? "" : ", ") + known;
  return "There is no runbook " + printable_ascii(name, 64) + ". There are: " + (list.empty() ? "none" : list) + ".";
}

struct Refusal {
  Errc code;
  std::string text;
};

// Everything that can be said before anything is written. Fills in the checked parameters.
std::optional<Refusal> check(State const& state, Asked const& ask, std::map<std::string, std::string>& parameters) {
  auto const* runbook = state.rules.runbook(ask.runbook);
  if (!runbook) return Refusal{Errc::not_found, did_you_mean(ask.runbook, state.rules.runbooks)};
  auto const* policy = state.rules.policy_of(*runbook);
  if (!policy) return Refusal{Errc::unavailable, "The runbook " + runbook->name + " has no policy."};
  if (auto why = why_not_request(*policy, state.rules, ask.requester)) return Refusal{Errc::forbidden, std::move(*why)};
  auto checked = check_parameters(*runbook, ask.parameters);
  if (!checked) return Refusal{Errc::bad_input, checked.error().message};
  parameters = std::move(*checked);
  bool const trigger = ask.requester.kind == Actor::Kind::trigger;
  if (!trigger && !ask.reason.empty()) {
    if (auto why = why_not_words(ask.reason, "reason")) return Refusal{Errc::bad_input, std::move(*why)};
  }
  if (!trigger && ask.reason.empty() && policy->requester_justification == Justification::required) {
    return Refusal{Errc::bad_input,
                   "Say why: the policy " + policy->name + " requires a reason (in chat: … -- the reason)."};
  }
  if (!ask.initiator.empty()) {
    if (ask.requester.kind != Actor::Kind::robot)
      return Refusal{Errc::bad_input, "Only a robot's request may name an initiator; you are the one who asks."};
    if (!state.rules.person(ask.initiator))
      return Refusal{Errc::bad_input, "The initiator must be the key of a person in the configuration."};
  }
  constexpr std::size_t kMostLabels = 32, kMaxLabelBytes = 500;
  bool const labels_fine =
      ask.labels.size() <= kMostLabels && std::ranges::all_of(ask.labels, [](auto const& label) {
        return is_name(label.first) && label.second.size() <= kMaxLabelBytes && !has_control(label.second);
      });
  if (!trigger && !labels_fine) {
    return Refusal{Errc::bad_input,
                   "Labels are at most 32, each a name and a text of at most 500 bytes without control characters."};
  }
  for (auto const& channel : ask.channels) {
    if (!state.rules.channels.contains(channel))
      return Refusal{Errc::bad_input, "There is no channel " + printable_ascii(channel, 64) + " in the configuration."};
  }
  std::optional<std::string> person;
  if (ask.requester.kind == Actor::Kind::person) person = ask.requester.key;
  if (!ask.initiator.empty()) person = ask.initiator;
  if (auto why = why_never_approvable(*policy, state.rules, person)) return Refusal{Errc::forbidden, std::move(*why)};
  // The size that an approver would have to judge is known now: don't let somebody wait for the evidence first.
  Draft draft{.instance = state.instance,
              .id = RequestId::make(CaseId::make("20260101", 1), 1),
              .requester = ask.requester,
              .initiator = ask.initiator,
              .reason = ask.reason,
              .labels = ask.labels,
              .parameters = parameters,
              .programs = {},
              .evidence = {},
              .opened_at = {}};
  auto const names = programs_of(*runbook, parameters);
  if (!names) return Refusal{Errc::bad_input, names.error().message};
  for (auto const& name : *names) draft.programs.emplace(name, ProgramIdentity{});
  if (auto const bound = make_request(draft, *runbook, *policy); !bound)
    return Refusal{bound.error().code, bound.error().message};
  return std::nullopt;
}

std::string accepted_words(State const& state, RequestState const& request) {
  auto const* runbook = state.rules.runbook(request.runbook);
  auto const* policy = runbook ? state.rules.policy_of(*runbook) : nullptr;
  std::string text = request.id.str() + " is accepted; evidence is being collected.";
  if (!policy) return text;
  text += " It needs ";
  bool first = true;
  for (auto const& need : policy->approve) {
    text += (first ? "" : " and ") + std::to_string(need.count) + " of " + need.group;
    first = false;
  }
  return text + " within " + format_duration(policy->expires) + ".";
}

}  // namespace

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
      if (!state.request(found->second.second))
        return refuse_ask(ask.ticket, Errc::conflict,
                          "This idempotency key was used for " + found->second.second.str() +
                              ", which is long over; `countersign ledger show` tells it. Take another key.");
      return effects.push_back(Reply{.ticket = ask.ticket,
                                     .text = "This request exists already.",
                                     .request = found->second.second,
                                     .replay = true});
    }
    idempotency = Json::object({{"caller", caller}, {"key", key}, {"body", ask.body_digest}});
  }
  std::map<std::string, std::string> parameters;
  if (auto refusal = check(state, ask, parameters))
    return refuse_ask(ask.ticket, refusal->code, std::move(refusal->text));
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
