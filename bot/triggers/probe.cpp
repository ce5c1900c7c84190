#include "bot/triggers/probe.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/text.hpp"

namespace triggers {
namespace {

constexpr std::size_t kMaxAttempts = 20;  // kept for the table
constexpr std::size_t kMaxWhy = 300;

}  // namespace

ProbeTrigger::ProbeTrigger(ports::Loop& loop, std::unique_ptr<Prober> prober, ProbeSettings settings,
                           Callbacks callbacks, bool failed)
    : loop_(loop),
      prober_(std::move(prober)),
      settings_(std::move(settings)),
      callbacks_(std::move(callbacks)),
      failed_(failed),
      next_(loop.now()) {
  settings_.every = std::max(settings_.every, core::Duration{1});
  settings_.failures = std::max(settings_.failures, 1u);
  settings_.successes = std::max(settings_.successes, 1u);
  loop_.post([this, alive = alive_] {
    if (*alive) due();
  });
}

ProbeTrigger::~ProbeTrigger() {
  *alive_ = false;
  loop_.cancel(timer_);
  prober_->cancel();
}

void ProbeTrigger::due() {
  // The grid stays where it began, however late a timer comes; ticks that were missed are not caught up.
  auto const now = loop_.now();
  auto const missed = now < next_ ? 0 : (now - next_) / settings_.every;
  next_ += (missed + 1) * settings_.every;
  timer_ = loop_.call_after(next_ - now, [this] { due(); });
  if (!under_way_) ask();
}

void ProbeTrigger::ask() {
  under_way_ = true;
  began_ = loop_.now();
  prober_->ask(settings_.timeout, [this](ProbeAnswer answer) { answered(std::move(answer)); });
}

void ProbeTrigger::answered(ProbeAnswer answer) {
  under_way_ = false;
  bool const ok = answer.ok;
  answer.why = core::one_line(answer.why, kMaxWhy);
  attempts_.push_back({began_, std::max(loop_.now() - began_, core::Duration{0}), std::move(answer)});
  if (attempts_.size() > kMaxAttempts) attempts_.pop_front();
  if (ok) {
    bad_ = 0;
    if (good_ != UINT32_MAX) ++good_;
    if (failed_ && good_ >= settings_.successes) {
      failed_ = false;
      auto const since =
          failing_since_ == core::Time{} ? std::string() : " after " + core::duration_words(began_ - failing_since_);
      failing_since_ = {};
      if (callbacks_.on_recovered) {
        callbacks_.on_recovered(signal(settings_.trigger + ": " + settings_.target + " answers again" + since));
      }
    }
    return;
  }
  good_ = 0;
  if (bad_++ == 0 && !failed_) failing_since_ = began_;
  if (bad_ == UINT32_MAX) bad_ = settings_.failures;
  if (!failed_ && bad_ < settings_.failures) return;
  auto const& tell = failed_ ? callbacks_.on_failing : callbacks_.on_failed;
  failed_ = true;
  if (!tell) return;
  auto const many = bad_ == 1 ? "a probe" : std::to_string(bad_) + " probes in a row";
  tell(signal(settings_.trigger + ": " + many + " of " + settings_.target + " failed"));
}

Signal ProbeTrigger::signal(std::string title) const {
  std::string text = "time                      took      result\n";
  for (auto const& attempt : attempts_) {
    auto took = core::duration_words(attempt.took);
    took.resize(std::max<std::size_t>(took.size(), 8), ' ');
    text += core::format_time(attempt.at) + "  " + took + "  " + (attempt.answer.ok ? "ok" : attempt.answer.why) + "\n";
  }
  return {settings_.trigger, core::one_line(title, kMaxWhy), std::move(text), loop_.now()};
}

}  // namespace triggers
