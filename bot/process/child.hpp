// The child's side between fork and exec. Private to process.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>

#include "bot/process/sandbox_child.hpp"

namespace process {

// Where the child keeps its descriptors; all that the parent hands over must lie above.
inline constexpr int kScriptFd = 3;   // the script's bytes, kept open; free for a native program
inline constexpr int kStatusFd = 4;   // closed by a successful exec
inline constexpr int kProgramFd = 5;  // the executable itself, closed by exec
inline constexpr int kFirstFreeFd = 6;

struct ChildLimit {
  int resource = 0;
  rlimit value{};
};

// Everything that the child needs, made before the fork: between fork and exec only async-signal-safe calls are
// allowed, because another thread may have held malloc's lock.
struct ChildPlan {
  int null = -1, out = -1, err = -1, status = -1, directory = -1, program = -1;
  int script = -1;  // -1: none
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  pid_t parent = 0;
  int cgroup = -1;                       // cgroup.procs of the group to join; -1: none
  SandboxPlan const* sandbox = nullptr;  // null: none
  std::array<ChildLimit, 6> limits{};
  std::size_t limit_count = 0;
};

// What the child writes to its status descriptor when it can't go on.
struct ChildFailure {
  int number = 0;       // errno
  int stage = 0;        // index for describe_stage
  int inner_stage = 0;  // of the sandbox, for describe_sandbox
};

char const* describe_stage(int stage, int inner_stage) noexcept;

[[noreturn]] void run_child(ChildPlan const& plan) noexcept;

}  // namespace process
