// The process that carries out one run: forked from the runner, parent of every step. Private to runbooks.
#pragma once

#include "bot/process/cgroup.hpp"
#include "bot/runbooks/runner.hpp"
#include "bot/runbooks/state_dir.hpp"

namespace runbooks {

// Never returns. `socket`: to the runner; messages of protocol.hpp go out, nothing comes in, and its end means: kill
// everything, clean up, go. `lock`: a copy of the runner's lock, which this process keeps until its last step is dead,
// also when the runner itself was killed. Every other descriptor above 2 is closed.
[[noreturn]] void run_process(RunOrder const& order, RunnerOptions const& options, StateDir const& state,
                              process::Cgroups const& cgroups, int socket, int lock) noexcept;

}  // namespace runbooks
