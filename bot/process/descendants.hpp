// Finding processes below us in /proc. Private to process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <vector>

namespace process {

// A line of /proc/PID/stat (proc(5)).
struct ProcessEntry {
  pid_t pid = 0;
  char state = 0;  // 'Z': ended, not yet reaped
  pid_t parent = 0, group = 0, session = 0;
};

std::optional<ProcessEntry> read_process(pid_t pid);
std::vector<ProcessEntry> list_processes();

// Sends SIGKILL if the process still satisfies `still` when it is held by a pidfd, so that a reused pid is never hit.
bool kill_checked(pid_t pid, std::function<bool(ProcessEntry const&)> const& still);

}  // namespace process
