// Carries out one step: opens and hashes its program, runs it within its limits, again where retry says so, and leaves
// no process behind. Blocks. Private to runbooks.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bot/core/request.hpp"
#include "bot/ports.hpp"
#include "bot/process/cgroup.hpp"
#include "bot/process/run.hpp"
#include "bot/runbooks/result.hpp"
#include "bot/runbooks/runner.hpp"

namespace runbooks {

// The limits of a request as process knows them; a zero means the default that core names.
process::Limits process_limits(core::Limits const& limits, core::Duration timeout);

// The program as the request names it. Refused (forbidden) if it isn't there or isn't, bit for bit, what was approved;
// unavailable if the host can't open or read it at the moment.
core::Result<process::ProgramFile> open_approved(core::BoundStep const& step);

struct StepContext {
  core::Request const& request;
  RunnerOptions const& options;
  std::string folder;  // private: working directory, HOME and TMPDIR
  process::Canceller const& canceller;
  std::function<void(std::string_view text)> live;  // clean output as it comes
  std::function<void(pid_t pid)> spawned;           // a process of the step runs, in a group of its own
  std::function<void()> exit_seen;                  // it has ended; its number may be reused once this has returned
  process::Cgroup const& cgroup;                    // of the run; may be none
};

// Never throws for what a step does. After a cancel the record means nothing.
StepRecord run_step(core::BoundStep const& step, bool on_failure, StepContext const& context);

}  // namespace runbooks
