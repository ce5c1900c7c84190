#include "bot/process/child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace process {
namespace {

enum Stage { kSession, kParent, kDescriptors, kDirectory, kLimits, kPrivileges, kExec, kGroup, kSandbox };

[[noreturn]] void fail(int status_fd, Stage stage, int inner_stage = 0) noexcept {
  ChildFailure const failure{errno, stage, inner_stage};
  // Smaller than PIPE_BUF, so it is written whole or not at all.
  [[maybe_unused]] auto const written = ::write(status_fd, &failure, sizeof failure);
  ::_exit(127);
}

// close_range(2) needs Linux 5.9; before, every possible number is tried.
void close_from(int first) noexcept {
  if (::syscall(SYS_close_range, static_cast<unsigned>(first), ~0u, 0u) == 0) return;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  auto const last = limit.rlim_cur > 1'048'576 ? 1'048'576 : static_cast<int>(limit.rlim_cur);
  for (int fd = first; fd < last; ++fd) ::close(fd);
}

}  // namespace

char const* describe_stage(int stage, int inner_stage) noexcept {
  switch (stage) {
    case kSession: return "making a session of its own failed";
    case kParent: return "its parent went away";
    case kDescriptors: return "arranging its descriptors failed";
    case kDirectory: return "entering its working directory failed";
    case kLimits: return "setting its limits failed";
    case kPrivileges: return "giving up new privileges failed";
    case kExec: return "executing it failed";
    case kGroup: return "joining its control group failed";
    case kSandbox: return describe_sandbox(inner_stage);
    default: return "it could not be started";
  }
}

void run_child(ChildPlan const& plan) noexcept {
  if (::setsid() < 0) fail(plan.status, kSession);
  // Follows the thread that forked: run() stays on it until the child has ended.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail(plan.status, kParent);
  if (::getppid() != plan.parent) fail(plan.status, kParent);  // it died before prctl

  // Ignored signals would stay ignored across exec; then the mask, blocked by the parent before the fork, may open.
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(077);

  // First of all: whatever it starts is in there, too.
  if (plan.cgroup >= 0 && ::write(plan.cgroup, "0", 1) != 1) fail(plan.status, kGroup);
  if (::fchdir(plan.directory) != 0) fail(plan.status, kDirectory);
  if (::dup2(plan.null, 0) < 0 || ::dup2(plan.out, 1) < 0 || ::dup2(plan.err, 2) < 0) fail(plan.status, kDescriptors);
  if (::dup3(plan.status, kStatusFd, O_CLOEXEC) < 0) fail(plan.status, kDescriptors);
  if (::dup3(plan.program, kProgramFd, O_CLOEXEC) < 0) fail(kStatusFd, kDescriptors);
  if (plan.script >= 0) {
    if (::dup2(plan.script, kScriptFd) < 0) fail(kStatusFd, kDescriptors);
  } else {
    ::close(kScriptFd);
  }
  close_from(kFirstFreeFd);
  // Only now: what an open folder names would still be writable.
  if (plan.sandbox != nullptr) {
    int inner = 0;
    if (int const number = plan.sandbox->enter(inner); number != 0) {
      errno = number;
      fail(kStatusFd, kSandbox, inner);
    }
    // Other credentials in another user namespace: the kernel forgets it with them.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || ::getppid() != plan.parent) fail(kStatusFd, kParent);
  }

  for (std::size_t i = 0; i < plan.limit_count; ++i) {
    // glibc types the resource as an enumeration in C++.
    if (::setrlimit(static_cast<__rlimit_resource>(plan.limits[i].resource), &plan.limits[i].value) != 0)
      fail(kStatusFd, kLimits);
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(kStatusFd, kPrivileges);
  // By number: that is what fexecve does, without its fallback through /proc by path.
  ::syscall(SYS_execveat, kProgramFd, "", plan.arguments, plan.environment, AT_EMPTY_PATH);
  fail(kStatusFd, kExec);
}

}  // namespace process
