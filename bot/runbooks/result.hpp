// What a run comes to: the result part of run.json and output.txt. Pure; private to runbooks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/time.hpp"

namespace runbooks {

enum class Cause { none, exit, signal, timeout, spawn, refused_by_runner };
char const* to_string(Cause cause) noexcept;  // "" for none

struct StepRecord {
  std::string name;
  char const* kind = "run";  // or "probe", "http"
  bool on_failure = false;
  Cause cause = Cause::none;
  std::optional<int> exit_code{}, signal{};
  std::uint32_t attempts = 0;
  core::Time started_at{};
  core::Duration duration{};
  std::uint64_t output_bytes = 0;  // all that was written, kept or not
  bool truncated = false;
  std::string output{};       // redacted, visible
  std::string explanation{};  // a sentence where the cause alone doesn't tell

  bool succeeded() const noexcept { return cause == Cause::none; }
};

struct RunRecord {
  std::vector<StepRecord> steps;  // those that began, in order
  core::Time started_at{}, finished_at{};
};

// {state, cause, step, exit_code, explanation, started_at, finished_at, steps: [{name, kind, on_failure, outcome,
// cause, exit_code, signal, attempts, started_at, duration_ms, output_bytes, truncated}]}; what has no value is null.
// The cause is the first failure's outside on_failure.
core::Json result_json(RunRecord const& run);

// The same of a run that the runner refused to begin: no step did.
core::Json refused_json(std::string const& why);

// A header line for each step, then its output. At most kMaxOutputBytes: short outputs stay whole, long ones share
// what is left.
std::string output_text(RunRecord const& run);

}  // namespace runbooks
