#include "bot/runbooks/result.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/text.hpp"
#include "bot/runbooks/output_filter.hpp"
#include "bot/runbooks/protocol.hpp"

namespace runbooks {
namespace {

template <class T>
core::Json or_null(std::optional<T> const& value) {
  return value ? core::Json(*value) : core::Json();
}

core::Json or_null(std::string const& text) { return text.empty() ? core::Json() : core::Json(text); }

std::string header(StepRecord const& step) {
  std::string line = "== " + step.name;
  if (step.on_failure) line += " (on failure)";
  line += step.succeeded() ? ": succeeded" : std::string(": failed, ") + to_string(step.cause);
  if (step.cause == Cause::exit && step.exit_code) line += " " + std::to_string(*step.exit_code);
  if (step.cause == Cause::signal && step.signal) line += " " + std::to_string(*step.signal);
  if (step.attempts > 1) line += ", " + std::to_string(step.attempts) + " attempts";
  return line + ", " + core::format_duration(step.duration) + "\n";
}

}  // namespace

char const* to_string(Cause cause) noexcept {
  switch (cause) {
    case Cause::none: return "";
    case Cause::exit: return "exit";
    case Cause::signal: return "signal";
    case Cause::timeout: return "timeout";
    case Cause::spawn: return "spawn";
    case Cause::refused_by_runner: return "refused_by_runner";
  }
  return "";
}

core::Json refused_json(std::string const& why) {
  constexpr std::size_t kMaxWhy = 1'000;
  return core::Json::object({{"state", "failed"},
                             {"cause", to_string(Cause::refused_by_runner)},
                             {"step", core::Json()},
                             {"exit_code", core::Json()},
                             {"explanation", or_null(core::one_line(why, kMaxWhy))},
                             {"started_at", core::Json()},
                             {"finished_at", core::Json()},
                             {"steps", core::Json::array()}});
}

core::Json result_json(RunRecord const& run) {
  StepRecord const* failed = nullptr;
  auto steps = core::Json::array();
  for (auto const& step : run.steps) {
    if (failed == nullptr && !step.succeeded() && !step.on_failure) failed = &step;
    steps.push(core::Json::object({{"name", step.name},
                                   {"kind", step.kind},
                                   {"on_failure", step.on_failure},
                                   {"outcome", step.succeeded() ? "succeeded" : "failed"},
                                   {"cause", or_null(std::string(to_string(step.cause)))},
                                   {"exit_code", or_null(step.exit_code)},
                                   {"signal", or_null(step.signal)},
                                   {"attempts", step.attempts},
                                   {"started_at", core::format_time(step.started_at)},
                                   {"duration_ms", std::int64_t{step.duration.count()}},
                                   {"output_bytes", step.output_bytes},
                                   {"truncated", step.truncated}}));
  }
  auto const cause = failed ? std::string(to_string(failed->cause)) : std::string();
  auto const exit_code = failed ? failed->exit_code : std::optional<int>(0);
  return core::Json::object({{"state", failed ? "failed" : "succeeded"},
                             {"cause", or_null(cause)},
                             {"step", failed ? core::Json(failed->name) : core::Json()},
                             {"exit_code", or_null(exit_code)},
                             {"explanation", or_null(failed ? failed->explanation : std::string())},
                             {"started_at", core::format_time(run.started_at)},
                             {"finished_at", core::format_time(run.finished_at)},
                             {"steps", std::move(steps)}});
}

std::string output_text(RunRecord const& run) {
  std::vector<std::string> headers;
  std::size_t left = kMaxOutputBytes;
  for (auto const& step : run.steps) {
    headers.push_back(header(step));
    left -= std::min(left, headers.back().size() + 1);
  }
  // The shortest first: each takes what it needs of an even share, and leaves the rest to the longer ones.
  std::vector<std::size_t> by_size(run.steps.size()), share(run.steps.size());
  for (std::size_t i = 0; i < by_size.size(); ++i) by_size[i] = i;
  std::ranges::stable_sort(by_size, {}, [&](std::size_t i) { return run.steps[i].output.size(); });
  for (std::size_t n = 0; n < by_size.size(); ++n) {
    auto const i = by_size[n];
    share[i] = std::min(run.steps[i].output.size(), left / (by_size.size() - n));
    left -= share[i];
  }
  std::string text;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    text += headers[i];
    text += cut_middle(run.steps[i].output, share[i]);
    if (text.back() != '\n') text += '\n';
  }
  // Only a run of thousands of steps gets here with more.
  return cut_middle(text, kMaxOutputBytes);
}

}  // namespace runbooks
