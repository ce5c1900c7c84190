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

void WebhookSignals::heard_again(WebhookItem const& item) { occurrences_.heard_of(occurrence_of(item)); }

Became WebhookSignals::take(WebhookItem const& item, std::function<void(core::Reply const&)> recorded) {
  if (item.status == WebhookItem::Status::neither) return {Became::What::nothing, "its status is none of those named"};
  auto labels = labels_of(item);
  auto const& name = occurrences_.rule().name;
  Signal signal{.trigger = name, .title = name, .text = item.text, .at = loop_.now(), .labels = labels.shown};
  if (!item.title.empty()) signal.title += ": " + item.title;
  if (item.status == WebhookItem::Status::resolved) {
    signal.title += " (resolved)";
    return occurrences_.over(occurrences_.key_of(labels.key), item.instance, signal, item.instance.empty());
  }
  auto const became = occurrences_.raised(labels.key, std::move(signal), 1, item.instance, std::move(recorded));
  if (timer_ == 0) arm();
  return became;
}

void WebhookSignals::arm() {
  auto const next = occurrences_.end_quiet(quiet_, [this](core::Duration since) {
    auto const& name = occurrences_.rule().name;
    return Signal{.trigger = name,
                  .title = name + ": nothing was heard of it for " + core::duration_words(since),
                  .text = {},
                  .at = loop_.now()};
  });
  if (!next) return;
  timer_ = loop_.call_after(std::max(core::Duration{1}, *next - loop_.now()), [this] {
    timer_ = 0;
    arm();
  });
}

}  // namespace triggers
