// The runner's part of the state directory: one lock, a marker for each request that was ever started, a work folder
// for each run. `serve` looks at it after a crash. Below STATE:
//
//   runner.lock        held (flock) by the runner and by every run process of its: free means that no step lives
//   started/<id>       made, exclusively and durably, before the first step of that request is spawned (T13)
//   work/<id>/         the run's private folder: HOME, TMPDIR and working directory of its steps
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/ids.hpp"

namespace runbooks {

// Ids of the requests that have a marker, sorted: these may have run. Empty when there is no such folder. Files that
// are no request ids are left out. Throws core::Failure if the folder is there but can't be read.
std::vector<std::string> started_markers(std::filesystem::path const& state_dir);

// Takes a marker away, durably: its run.finished is in the ledger. No marker is no error. Error: io.
core::Result<void> forget_started(std::filesystem::path const& state_dir, core::RequestId const& id);

// Waits until nobody holds the lock, for `limit` at most: then every step of an earlier runner is dead and what it
// left behind may be called interrupted. Blocks. True at once where no runner ever was. Not for a runner that somebody
// else supervises: that one holds its lock all the time, and its `ready` says the same.
bool wait_for_runner_lock(std::filesystem::path const& state_dir, std::chrono::milliseconds limit);

}  // namespace runbooks
