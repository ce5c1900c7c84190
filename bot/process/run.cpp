#include "bot/process/run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "bot/process/capture.hpp"
#include "bot/process/child.hpp"
#include "bot/process/descendants.hpp"

namespace process {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFirstParentFd = 10;  // above all that ChildPlan reserves
constexpr std::size_t kReadBytes = 64u << 10;
constexpr Duration kPollWithoutPidfd{20};  // only on kernels before 5.3
constexpr Duration kUnkillable{10'000};    // a process that SIGKILL doesn't end hangs in the kernel: give up on it
constexpr int kSweeps = 100;               // over the session's survivors; each takes a millisecond

Error failed(int number, std::string text) {
  return Error{number, std::move(text) + ": " + std::generic_category().message(number) + "."};
}

// Moves a descriptor above the numbers that the child rearranges.
Result<Fd> high(int fd, std::string const& what) {
  Fd const owned{fd};
  if (fd < 0) return failed(errno, "Can't open " + what);
  Fd moved{::fcntl(fd, F_DUPFD_CLOEXEC, kFirstParentFd)};
  if (!moved) return failed(errno, "Can't open " + what);
  return moved;
}

struct Pipe {
  Fd reader{}, writer{};
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(errno, "Can't make a pipe");
  auto reader = high(ends[0], "a pipe");
  auto writer = high(ends[1], "a pipe");
  if (!reader) return reader.error();
  if (!writer) return writer.error();
  return Pipe{std::move(*reader), std::move(*writer)};
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

Result<void> check(Spec const& spec) {
  if (spec.program == nullptr) return Error{EINVAL, "A run needs a program."};
  auto const& path = spec.program->identity().path;
  if (has_nul(spec.argv0) || std::ranges::any_of(spec.arguments, has_nul))
    return Error{EINVAL, "An argument of " + path + " holds a NUL byte."};
  for (auto const& [name, value] : spec.environment) {
    if (name.empty() || has_nul(name) || name.find('=') != std::string::npos || has_nul(value))
      return Error{EINVAL, "The environment for " + path + " has an impossible name, or a NUL byte."};
  }
  return {};
}

// Text for execve: the strings and the null-terminated array of pointers into them.
class Vector {
 public:
  void add(std::string text) { texts_.push_back(std::move(text)); }
  char* const* get() {
    pointers_.clear();
    for (auto& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
    return pointers_.data();
  }

 private:
  std::vector<std::string> texts_{};
  std::vector<char*> pointers_{};
};

void add_limit(ChildPlan& plan, int resource, std::optional<std::uint64_t> value, std::uint64_t headroom = 0) {
  if (!value) return;
  rlimit limit{};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  // Raising a hard limit is root's alone, and lowering is all that we are here for.
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, *value + headroom);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, *value);
  plan.limits[plan.limit_count++] = ChildLimit{resource, limit};
}

// The child and all that depends on its life. Destroying it kills and reaps, whatever has happened.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {
    handle_ = Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};  // close-on-exec by itself
  }
  ~Child() {
    if (pid_ > 0) {
      kill_group(SIGKILL);
      reap();
    }
  }
  Child(Child const&) = delete;
  Child& operator=(Child const&) = delete;

  int handle() const noexcept { return handle_.get(); }
  pid_t pid() const noexcept { return pid_; }

  // Looks without reaping: while the leader is a zombie its number, and so its group's, can't be given away.
  bool ended() {
    if (ended_) return true;
    siginfo_t info{};
    int const rc = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    ended_ = (rc == 0 && info.si_pid == pid_) || (rc != 0 && errno == ECHILD);
    return ended_;
  }
  void kill_group(int signal) const noexcept {
    // The child makes its group itself; before it has, only its own number exists.
    if (::kill(-pid_, signal) != 0) ::kill(pid_, signal);
  }
  // SIGKILL for everybody of the leader's session and group; true if somebody was left. The leader must have ended.
  bool kill_survivors() const {
    bool any = false;
    auto const ours = [this](ProcessEntry const& entry) {
      return entry.pid != pid_ && (entry.session == pid_ || entry.group == pid_);
    };
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      bool left = false;
      for (auto const& entry : list_processes()) {
        if (ours(entry) && entry.state != 'Z') left = kill_checked(entry.pid, ours) || left;
      }
      if (!left) break;
      any = true;
      ::poll(nullptr, 0, 1);
    }
    kill_group(SIGKILL);  // where there is no /proc
    return any;
  }
  struct End {
    int status = 0;
    rusage usage{};
    bool known = false;
  };
  End reap() {
    End end;
    while (::wait4(pid_, &end.status, 0, &end.usage) < 0) {
      if (errno != EINTR) {
        pid_ = 0;
        return end;
      }
    }
    end.known = true;
    pid_ = 0;
    return end;
  }
  void abandon() noexcept { pid_ = 0; }

 private:
  pid_t pid_;
  Fd handle_{};
  bool ended_ = false;
};

// Signals wait while the child is made, so that no handler of ours runs in it.
class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockSignals(BlockSignals const&) = delete;
  BlockSignals& operator=(BlockSignals const&) = delete;

 private:
  sigset_t before_{};
};

class Watch {
 public:
  Watch(Spec const& spec, Child& child, Fd out, Fd err)
      : spec_(spec), child_(child), out_(std::move(out)), err_(std::move(err)), capture_(spec.limits.max_output_bytes) {
    ::fcntl(out_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(err_.get(), F_SETFL, O_NONBLOCK);
  }

  // Until the leader has ended and its output too, or the drain limit has passed.
  void until_end(Outcome& outcome) {
    auto deadline = started_ + spec_.limits.timeout;
    enum class Phase { running, asked, killed } phase = Phase::running;
    bool kill_now = false;
    std::optional<Clock::time_point> drained_by;
    for (;;) {
      if (!drained_by && child_.ended()) {
        if (spec_.on_exit_seen) spec_.on_exit_seen();
        drained_by = Clock::now() + spec_.limits.drain;
      }
      if (drained_by && !out_ && !err_) return;
      auto const now = Clock::now();
      if (drained_by) {
        if (now >= *drained_by) {
          held_open_ = true;
          return;
        }
      } else {
        bool const cancelled = spec_.canceller != nullptr && spec_.canceller->cancelled();
        if (phase == Phase::running && (cancelled || now >= deadline)) {
          outcome.kind = cancelled ? Outcome::Kind::cancelled : Outcome::Kind::timed_out;
          phase = Phase::asked;
          child_.kill_group(SIGTERM);
          child_.kill_group(SIGCONT);  // a stopped one could not hear it
          deadline = now + spec_.limits.grace;
          kill_now = spec_.limits.grace <= Duration{0};
        }
        if (phase == Phase::asked && (kill_now || now >= deadline)) {
          phase = Phase::killed;
          child_.kill_group(SIGKILL);
          deadline = now + kUnkillable;
        } else if (phase == Phase::killed && now >= deadline) {
          held_open_ = true;
          stuck_ = true;
          return;
        }
      }
      wait(drained_by ? *drained_by : deadline, /*leader_runs=*/!drained_by,
           /*cancellable=*/phase == Phase::running && !drained_by);
    }
  }

  Capture const& capture() const noexcept { return capture_; }
  bool held_open() const noexcept { return held_open_; }  // somebody else still had our pipe
  bool stuck() const noexcept { return stuck_; }
  Duration elapsed() const { return std::chrono::duration_cast<Duration>(Clock::now() - started_); }

 private:
  // `leader_runs`: as far as the caller has seen. To look here again would lose an end that comes in between: nothing
  // would be left to wake us before the deadline.
  void wait(Clock::time_point until, bool leader_runs, bool cancellable) {
    auto left = std::chrono::ceil<Duration>(until - Clock::now());
    bool const watched = child_.handle() >= 0;
    if (!watched) left = std::min(left, kPollWithoutPidfd);
    left = std::clamp(left, Duration{0}, Duration{60'000});
    // A negative descriptor is skipped by poll.
    std::array<pollfd, 4> polled{{{out_.get(), POLLIN, 0},
                                  {err_.get(), POLLIN, 0},
                                  {leader_runs ? child_.handle() : -1, POLLIN, 0},
                                  {cancellable && spec_.canceller ? spec_.canceller->fd() : -1, POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) <= 0) return;
    if (polled[0].revents != 0) read(out_, Stream::out);
    if (polled[1].revents != 0) read(err_, Stream::err);
  }

  void read(Fd& fd, Stream stream) {
    auto const count = ::read(fd.get(), buffer_.data(), buffer_.size());
    if (count > 0) {
      std::string_view const bytes{buffer_.data(), static_cast<std::size_t>(count)};
      capture_.append(bytes);
      if (spec_.on_output) spec_.on_output(stream, bytes);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      fd.reset();
    }
  }

  Spec const& spec_;
  Child& child_;
  Fd out_, err_;
  Capture capture_;
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
  Clock::time_point started_ = Clock::now();
  bool held_open_ = false;
  bool stuck_ = false;
};

}  // namespace

Canceller::Canceller() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw std::system_error(errno, std::generic_category(), "Can't make an event descriptor");
}

void Canceller::cancel() noexcept {
  std::uint64_t const one = 1;
  [[maybe_unused]] auto const written = ::write(event_.get(), &one, sizeof one);  // full: it is cancelled already
}

bool Canceller::cancelled() const noexcept {
  pollfd polled{event_.get(), POLLIN, 0};
  return ::poll(&polled, 1, 0) == 1;
}

Result<Outcome> run(Spec const& spec) {
  if (auto const good = check(spec); !good) return good.error();
  auto const& program = *spec.program;
  auto const& identity = program.identity();

  Vector arguments, environment;
  if (identity.interpreter) {
    arguments.add(identity.interpreter->path);
    if (identity.interpreter->argument) arguments.add(*identity.interpreter->argument);
    arguments.add("/proc/self/fd/" + std::to_string(kScriptFd));
  } else {
    arguments.add(spec.argv0.empty() ? identity.path : spec.argv0);
  }
  for (auto const& argument : spec.arguments) arguments.add(argument);
  for (auto const& [name, value] : spec.environment) environment.add(name + "=" + value);

  auto out = make_pipe(), err = make_pipe(), status = make_pipe();
  if (!out) return out.error();
  if (!err) return err.error();
  if (!status) return status.error();
  auto const null = high(::open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
  if (!null) return null.error();
  auto const directory = high(::open(spec.working_directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC),
                              "the working directory " + spec.working_directory);
  if (!directory) return directory.error();
  bool const script = identity.interpreter.has_value();
  auto const executable =
      high(::fcntl(script ? program.interpreter_fd() : program.fd(), F_DUPFD_CLOEXEC, 0), "the program");
  if (!executable) return executable.error();
  Fd script_fd;
  if (script) {
    auto opened = high(::fcntl(program.fd(), F_DUPFD_CLOEXEC, 0), "the script");
    if (!opened) return opened.error();
    script_fd = std::move(*opened);
  }

  ChildPlan plan;
  plan.null = null->get();
  plan.out = out->writer.get();
  plan.err = err->writer.get();
  plan.status = status->writer.get();
  plan.directory = directory->get();
  plan.program = executable->get();
  plan.script = script_fd.get();
  plan.arguments = arguments.get();
  plan.environment = environment.get();
  plan.parent = ::getpid();
  std::optional<SandboxPlan> sandbox;
  if (spec.sandbox) plan.sandbox = &sandbox.emplace(*spec.sandbox, spec.working_directory);
  auto const group = spec.cgroup != nullptr && *spec.cgroup
                         ? high(::fcntl(spec.cgroup->procs(), F_DUPFD_CLOEXEC, 0), "the control group")
                         : Result<Fd>(Fd{});
  if (!group) return group.error();
  plan.cgroup = group->get();
  add_limit(plan, RLIMIT_CORE, 0);
  add_limit(plan, RLIMIT_CPU, spec.limits.cpu_seconds, /*headroom=*/1);  // SIGXCPU first, SIGKILL a second later
  add_limit(plan, RLIMIT_AS, spec.limits.address_space);
  add_limit(plan, RLIMIT_NOFILE, spec.limits.open_files);
  add_limit(plan, RLIMIT_NPROC, spec.limits.processes);
  add_limit(plan, RLIMIT_FSIZE, spec.limits.file_size);

  if (auto const same = program.check_unchanged(); !same) return same.error();
  pid_t pid = -1;
  int fork_error = 0;
  {
    BlockSignals const blocked;
    pid = ::fork();
    if (pid == 0) run_child(plan);
    fork_error = errno;
  }
  if (pid < 0) return failed(fork_error, "Can't make a process for " + identity.path);
  Child child{pid};
  out->writer.reset();
  err->writer.reset();
  status->writer.reset();

  ChildFailure failure;
  ssize_t count = 0;
  do count = ::read(status->reader.get(), &failure, sizeof failure);
  while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(sizeof failure))
    return failed(failure.number,
                  "Can't run " + identity.path + ", " + describe_stage(failure.stage, failure.inner_stage));
  if (spec.on_spawned) spec.on_spawned(pid);

  Outcome outcome;
  Watch watch{spec, child, std::move(out->reader), std::move(err->reader)};
  watch.until_end(outcome);
  outcome.killed_survivors = watch.held_open();
  outcome.output = watch.capture().text();
  outcome.output_bytes = watch.capture().total();
  outcome.truncated = watch.capture().truncated();
  if (watch.stuck()) {
    outcome.signal = SIGKILL;
    child.abandon();
  } else {
    outcome.killed_survivors = child.kill_survivors() || outcome.killed_survivors;
    auto const end = child.reap();
    if (!end.known) return Error{ECHILD, "The end of " + identity.path + " was taken by somebody else: it is unknown."};
    outcome.max_rss_bytes = static_cast<std::uint64_t>(end.usage.ru_maxrss) * 1024;
    if (WIFSIGNALED(end.status)) {
      outcome.signal = WTERMSIG(end.status);
      if (outcome.kind == Outcome::Kind::exited) outcome.kind = Outcome::Kind::signaled;
    } else {
      outcome.exit_code = WEXITSTATUS(end.status);
    }
  }
  outcome.duration = watch.elapsed();
  return outcome;
}

}  // namespace process
