// A webhook's items on their way through noise control.
#include <algorithm>
#include <utility>

#include "bot/core/text.hpp"
#include "bot/triggers/webhook_trigger.hpp"

namespace triggers {

WebhookSignals::WebhookSignals(ports::Loop& loop, ports::Redactor const& redactor, WatchParts watch,
                               core::TriggerRule rule, core::Duration quiet)
    : loop_(loop), redactor_(redactor), occurrences_(watch, std::move(rule)), quiet_(quiet) {
  arm();
}

WebhookSignals::Labels WebhookSignals::labels_of(WebhookItem const& item) const {
  Labels labels{clean_labels(item.labels, redactor_), {}};
  labels.key = labels.shown;
  if (!item.instance.empty()) labels.key.emplace(kFingerprint, core::one_line(item.instance, 128));
  return labels;
}

std::string WebhookSignals::occurrence_of(WebhookItem const& item) const {
  return occurrences_.key_of(labels_of(item).key);
}

Signal WebhookSignals::signal_of(WebhookItem item) const {
  redact_and_cut(item, redactor_);
  auto const& name = occurrences_.rule().name;
  Signal signal{.trigger = name,
                .title = name,
                .text = std::move(item.text),
                .at = loop_.now(),
                .labels = clean_labels(item.labels, redactor_)};
  if (!item.title.empty()) signal.title += ": " + item.title;
  return signal;
}

void WebhookSignals::heard_again(WebhookItem const& item) {
  // Of an alert that still fires, its repetition shows what a late case is to tell.
  bool const still = item.status == WebhookItem::Status::firing && !item.instance.empty();
  occurrences_.heard_of(occurrence_of(item), still ? std::optional(signal_of(item)) : std::nullopt);
}

void WebhookSignals::was_over(std::string const& occurrence, core::Time at) {
  Signal const signal{.trigger = occurrences_.rule().name,
                      .title = occurrences_.rule().name + ": it was over before the service was started again",
                      .text = {},
                      .at = loop_.now()};
  occurrences_.was_over(occurrence, at, signal);
}

Became WebhookSignals::take(WebhookItem const& item, std::function<void(core::Reply const&)> recorded) {
  if (item.status == WebhookItem::Status::neither) return {Became::What::nothing, "its status is none of those named"};
  auto const labels = labels_of(item);
  auto signal = signal_of(item);
  if (item.status == WebhookItem::Status::resolved) {
    signal.title += " (resolved)";
    return occurrences_.over(occurrences_.key_of(labels.key), item.instance, signal, item.instance.empty());
  }
  auto const became = occurrences_.raised(labels.key, std::move(signal), 1, item.instance, std::move(recorded));
  if (timer_ == 0) arm();
  return became;
}

void WebhookSignals::arm() {
  auto const signal = [this](core::Duration since) {
    auto const& name = occurrences_.rule().name;
    return Signal{.trigger = name,
                  .title = name + ": nothing was heard of it for " + core::duration_words(since),
                  .text = {},
                  .at = loop_.now()};
  };
  std::set<std::string> ended;
  auto const next = occurrences_.end_quiet(quiet_, signal, &ended);
  if (!ended.empty() && quiet_then_) quiet_then_(ended);
  if (!next) return;
  timer_ = loop_.call_after(std::max(core::Duration{1}, *next - loop_.now()), [this] {
    timer_ = 0;
    arm();
  });
}

}  // namespace triggers
