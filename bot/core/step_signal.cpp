// Signals of triggers: from what was seen to a case and what it proposes; and the end of it.
#include "bot/core/entries.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/stepper.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

constexpr std::size_t kMaxSignalBytes = 64 * 1024;  // of a signal's text, in its exhibit
constexpr std::size_t kMaxSignalRecord = 8 * 1024;  // of it in case.json, which is to stay below 64 KiB (T67)

CaseState new_case(Stepper const& step, std::string title) {
  auto const day = format_day(step.at);
  auto counter = step.state.case_counter;
  CaseState opened{.id = CaseId::make(day, counter.next(day))};
  opened.title = std::move(title);
  opened.opened_at = step.at;
  return opened;
}

// What the configuration says of the trigger, and beside it what the signal says: marked, so that nobody who decides
// takes a stranger's words for the operator's.
std::map<std::string, std::string> labels_of(TriggerRule const& rule, SignalFired const& event) {
  constexpr std::size_t kMostLabels = 32, kMaxLabelBytes = 500;  // kFromSignal is one of them
  auto labels = rule.labels;
  std::string marked;
  for (auto const& [name, value] : event.labels) {
    if (labels.size() >= kMostLabels - 1 || !is_name(name) || name == kFromSignal) continue;
    if (!labels.emplace(name, one_line(value, kMaxLabelBytes)).second) continue;
    marked += (marked.empty() ? "" : ", ") + name;
  }
  if (!marked.empty()) labels.emplace(kFromSignal, one_line(marked, kMaxLabelBytes));
  return labels;
}

Result<std::map<std::string, std::string>> filled_in(std::map<std::string, std::string> with,
                                                     std::map<std::string, std::string> const& labels) {
  for (auto& [name, value] : with) {
    auto filled = substitute(value, labels);
    if (!filled) return make_error(Errc::bad_input, "the parameter " + name + ": " + filled.error().message);
    value = std::move(*filled);
  }
  return with;
}

// A case that asks for nothing although its trigger proposes: people hear of it where they would have decided.
void not_asked(Stepper& step, TriggerRule const& rule, CaseId const& id, std::string const& runbook,
               std::string const& why) {
  auto const words = one_line(why, 300);
  step.effects.push_back(Warn{"the trigger " + rule.name + " could not ask for " + runbook + ": " + words});
  step.effects.push_back(
      TellChannels{.purpose = "not-asked-" + id.str(),
                   .channels = rule.post_to,
                   .note = {.text = id.str() + ": the trigger " + rule.name + " could not ask for " + runbook + ".",
                            .mention = {},
                            .block = words,
                            .block_label = "Why"}});
}

}  // namespace

void on(Stepper& step, SignalFired const& event) {
  auto const found = step.state.rules.triggers.find(event.trigger);
  if (found == step.state.rules.triggers.end()) {
    auto const why = "a signal of the trigger " + event.trigger + " came, but no such trigger is configured";
    if (event.ticket != 0) step.effects.push_back(Reply{.ticket = event.ticket, .code = Errc::not_found, .text = why});
    return step.effects.push_back(Warn{why});
  }
  auto const rule = found->second;  // a copy: it may not outlive what follows
  auto title = one_line(event.title, 200);
  if (title.empty()) title = rule.name;
  auto opened = new_case(step, title);
  opened.trigger = rule.name;
  opened.dedupe_key = one_line(event.dedupe_key, 500);
  opened.labels = labels_of(rule, event);
  opened.channels = rule.post_to;
  auto const id = opened.id;
  auto const labels = opened.labels;
  auto const text = visible_text(utf8_prefix(event.text, kMaxSignalBytes));
  auto const head = utf8_prefix(text, kMaxSignalRecord);
  step.append(
      entries::case_opened(opened, Actor::trigger(rule.name),
                           std::string(head) + (head.size() < text.size() ? " … (all of it: exhibit signal)" : "")));
  Exhibit signal{
      .name = "signal", .collector = "trigger", .bytes = text, .total_bytes = text.size(), .started = step.at};
  step.effects.push_back(CollectEvidence{.case_id = id,
                                         .opened = step.at,
                                         .request = std::nullopt,
                                         .collectors = rule.collect,
                                         .labels = labels,
                                         .attachments = {std::move(signal)},
                                         .programs = {}});
  if (event.ticket != 0) step.effects.push_back(Reply{.ticket = event.ticket, .case_id = id});
  for (auto const& proposal : rule.propose) {
    auto parameters = filled_in(proposal.with, labels);
    if (!parameters) {
      not_asked(step, rule, id, proposal.runbook, parameters.error().message);
      continue;
    }
    Asked const ask{.requester = Actor::trigger(event.trigger),
                    .initiator = {},
                    .runbook = proposal.runbook,
                    .reason = title,
                    .parameters = std::move(*parameters),
                    .labels = labels,
                    .channels = rule.post_to,
                    .origin = {.platform = "trigger", .account = {}, .channel = {}}};
    auto const before = step.state.cases.at(id).requests;
    step.accept(ask, id);
    if (step.state.cases.at(id).requests != before) continue;
    auto const* why = std::get_if<Warn>(&step.effects.back());
    not_asked(step, rule, id, proposal.runbook, why ? why->text : "");
  }
}

void on(Stepper& step, SignalRecovered const& event) {
  auto& cases = step.state.cases;
  for (auto it = cases.rbegin(); it != cases.rend(); ++it) {
    auto& [id, of] = *it;
    if (id.day() < format_day(step.at - kCaseWatched)) break;  // they are sorted by day
    if (of.trigger != event.trigger || of.recovered || of.closed || step.at - of.opened_at > kCaseWatched) continue;
    if (event.dedupe_key && of.dedupe_key != *event.dedupe_key) continue;
    of.recovered = true;
    step.effects.push_back(NoteRecovery{id, event.text});
  }
}

}  // namespace core
