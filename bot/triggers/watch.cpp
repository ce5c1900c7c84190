#include "bot/triggers/watch.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/text.hpp"

namespace triggers {
namespace {

using Kind = core::NoiseAnswer::Kind;

// At the latest: a case may be closed meanwhile, and the wall clock may have been set forward.
constexpr core::Duration kLook = std::chrono::minutes(1);

char const* words_of(Kind kind) {
  switch (kind) {
    case Kind::open: return "";
    case Kind::duplicate: return "its case is open";
    case Kind::cooldown: return "cooldown";
    case Kind::over_hourly_limit: return "max_per_hour";
  }
  return "";
}

std::string many_signals(std::uint32_t count) {
  return count == 1 ? "1 signal was" : std::to_string(count) + " signals were";
}

}  // namespace

std::string occurrence_words(core::TriggerRule const& rule, std::map<std::string, std::string> const& labels) {
  std::string words;
  for (auto const& name : rule.dedupe) {
    auto const label = labels.find(name);
    if (label != labels.end()) words += (words.empty() ? "" : ", ") + name + "=" + core::one_line(label->second, 80);
  }
  return words;
}

Watch::Watch(WatchParts parts, core::TriggerRule rule, std::map<std::string, std::string> const& labels, Scope scope)
    : Watch(parts, rule, core::Noise::key_of(rule, labels), occurrence_words(rule, labels), scope) {}

Watch::Watch(WatchParts parts, core::TriggerRule rule, std::string key, std::string words, Scope scope)
    : parts_(parts), rule_(std::move(rule)), key_(std::move(key)), words_(std::move(words)), scope_(scope) {
  note_closing();
  standing_ = reported();
  if (standing_) arm(kLook);
}

Watch::~Watch() { parts_.loop.cancel(timer_); }

core::NoiseAnswer Watch::raised(Signal signal, std::uint32_t count, Recorded recorded) {
  latest_ = std::move(signal);
  standing_ = true;
  note_closing();
  auto const answer = parts_.noise.signal(rule_, key_, parts_.loop.now(), count);
  if (answer.kind == Kind::open) {
    logged_.reset();
  } else {
    parts_.count(answer.kind == Kind::duplicate ? "added" : "held_back", count);
    if (parts_.held) parts_.held->note(rule_, words_of(answer.kind), words_, count);
    // Whoever can raise signals must not fill the log with them: one line for each way of being held back.
    if (std::exchange(logged_, answer.kind) != answer.kind) {
      ports::Log::Fields fields{
          {"trigger", rule_.name}, {"why", words_of(answer.kind)}, {"suppressed", answer.suppressed}};
      if (!words_.empty()) fields.emplace_back("occurrence", words_);
      if (answer.until != core::Time{}) fields.emplace_back("until", core::format_time(answer.until));
      parts_.log.info("a signal was held back", std::move(fields));
    }
  }
  act(answer, std::move(recorded));
  return answer;
}

void Watch::still(Signal signal) {
  if (standing_) latest_ = std::move(signal);
}

void Watch::over(Signal const& signal) {
  parts_.loop.cancel(std::exchange(timer_, 0));
  if (std::exchange(held_, false)) parts_.log.info("a signal that was held back is over", {{"trigger", rule_.name}});
  if (std::exchange(standing_, false)) parts_.count("recovered");
  logged_.reset();
  latest_.reset();
  parts_.noise.note_ended(rule_.name, key_, parts_.loop.now());
  core::SignalRecovered recovered{.trigger = rule_.name, .text = signal.title};
  if (scope_ == Scope::one_of_several) recovered.dedupe_key = key_;
  parts_.desk.recovered(std::move(recovered));
}

void Watch::act(core::NoiseAnswer const& answer, Recorded recorded) {
  switch (answer.kind) {
    case Kind::open: return open_case(answer, std::move(recorded));
    case Kind::duplicate: return arm(kLook);  // its case may be closed by age while it still stands
    case Kind::cooldown:
    case Kind::over_hourly_limit: held_ = true; return arm(std::min(answer.until - parts_.loop.now(), kLook));
  }
}

void Watch::open_case(core::NoiseAnswer const& answer, Recorded recorded) {
  // After a restart the source may not have looked yet; a case without a signal would show nothing.
  if (!latest_) return arm(kLook);
  if (std::exchange(held_, false))
    parts_.log.info("a signal that was held back is reported now",
                    {{"trigger", rule_.name}, {"suppressed", answer.suppressed}});
  core::SignalFired fired{.trigger = rule_.name,
                          .title = latest_->title,
                          .text = latest_->text,
                          .dedupe_key = key_,
                          .labels = latest_->labels};
  if (answer.suppressed > 0) {
    auto const held = many_signals(answer.suppressed) + " held back";
    fired.title += " (" + held + ")";
    fired.text = "Noise control: " + held + " since " + core::format_time(answer.since) + ".\n\n" + fired.text;
  }
  auto const at = parts_.loop.now();
  parts_.noise.note_opened(rule_.name, key_, at);
  // The watch may have gone by then.
  parts_.desk.signal(std::move(fired), [parts = parts_, trigger = rule_.name, key = key_, at,
                                        recorded = std::move(recorded)](core::Reply const& reply) {
    bool const opened = reply.code == core::Errc{};
    parts.count(opened ? "fired" : "not_recorded");
    if (!opened) parts.noise.note_not_opened(trigger, key, at);
    if (recorded) recorded(reply);
  });
  arm(kLook);
}

void Watch::look_again() {
  timer_ = 0;
  note_closing();
  act(parts_.noise.look(rule_, key_, parts_.loop.now()));
}

// A case that was closed without a recovery (24 hours passed) no longer speaks for what stands.
void Watch::note_closing() {
  auto const opened = parts_.noise.open_since(rule_.name, key_);
  if (!opened) return;
  auto const& cases = parts_.desk.state().cases;
  for (auto of = cases.rbegin(); of != cases.rend() && of->second.opened_at >= *opened; ++of) {
    if (of->second.trigger != rule_.name || of->second.dedupe_key != key_) continue;
    if (of->second.closed) parts_.noise.note_ended(rule_.name, key_, of->second.closed_at);
    return;
  }
  auto const& past = parts_.desk.state().past_cases;
  if (auto const of = past.find({rule_.name, key_}); of != past.end() && of->second.opened_at >= *opened)
    parts_.noise.note_ended(rule_.name, key_, of->second.closed_at);
}

void Watch::arm(core::Duration delay) {
  parts_.loop.cancel(timer_);
  timer_ = parts_.loop.call_after(delay, [this] { look_again(); });
}

}  // namespace triggers
