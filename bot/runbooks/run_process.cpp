#include "bot/runbooks/run_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "bot/process/run.hpp"
#include "bot/runbooks/live_view.hpp"
#include "bot/runbooks/protocol.hpp"
#include "bot/runbooks/result.hpp"
#include "bot/runbooks/step_runner.hpp"

namespace runbooks {
namespace {

constexpr core::Duration kSweep{10'000};
constexpr int kLastStandardFd = 2;

core::Time wall_clock() { return std::chrono::floor<core::Duration>(std::chrono::system_clock::now()); }

void close_between(int first, int last) noexcept {  // both included
  if (first > last) return;
  if (::syscall(SYS_close_range, static_cast<unsigned>(first), static_cast<unsigned>(last), 0u) == 0) return;
  auto const end = std::min(last, static_cast<int>(std::min(::sysconf(_SC_OPEN_MAX), 1'048'576L)));
  for (int fd = first; fd <= end; ++fd) ::close(fd);
}

void keep_only(int a, int b) noexcept {
  auto const [low, high] = std::minmax(a, b);
  close_between(kLastStandardFd + 1, low - 1);
  close_between(low + 1, high - 1);
  close_between(high + 1, std::numeric_limits<int>::max());
}

// The end of the socket, or the runner's own hand, ends this process; a terminal or a supervisor that signals a whole
// group must not, or its steps would outlive it.
void ignore_signals() noexcept {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (int const signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2})
    ::sigaction(signal, &ignore, nullptr);
  struct sigaction preset {};
  preset.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &preset, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

class Run {
 public:
  Run(RunOrder const& order, RunnerOptions const& options, StateDir const& state, process::Cgroups const& cgroups,
      int socket)
      : order_(order),
        options_(options),
        state_(state),
        made_(cgroups.make(order.request.id.str(), order.request.limits.memory_bytes, order.request.limits.processes,
                           why_no_cgroup_)),
        cgroup_(made_ ? std::move(*made_) : process::Cgroup()),
        socket_(socket),
        id_(order.request.id.str()),
        live_([this](std::string const& step, std::string const& text) {
          send(Output{id_, step, text});
        }) {}

  void run() {
    std::thread{[this] { watch(); }}.detach();  // ends with the process
    auto folder = state_.make_work_folder(order_.request.id);
    RunRecord record;
    record.started_at = wall_clock();
    // started.json says how it is confined: without that nothing runs.
    if (!made_) {
      fail(record, "The run's control group can't be made as announced: " + why_no_cgroup_ + ".");
    } else if (!folder) {
      fail(record, folder.error().message);
    } else {
      run_steps(record, folder->string());
    }
    record.finished_at = wall_clock();
    if (!cgroup_.kill_all(kSweep) && options_.log) options_.log(id_ + ": its control group could not be emptied");
    cgroup_.remove();
    if (auto const removed = state_.remove_work_folder(order_.request.id); !removed && options_.log)
      options_.log(id_ + ": " + removed.error().message);
    if (cancelled_.cancelled()) return;
    live_.flush();
    send(Finished{id_, result_json(record), output_text(record)});
  }

 private:
  void fail(RunRecord& record, std::string const& why) const {
    StepRecord failed;
    failed.name = order_.request.steps.front().name;
    failed.cause = Cause::spawn;
    failed.started_at = record.started_at;
    failed.explanation = failed.output = why;
    record.steps.push_back(std::move(failed));
  }

  void run_steps(RunRecord& record, std::string const& folder) {
    StepContext const context{order_.request,
                              options_,
                              folder,
                              cancelled_,
                              [this](std::string_view text) { live_.add(text, LiveView::Clock::now()); },
                              [this](pid_t pid) { set_group(pid); },
                              [this] { set_group(0); },
                              cgroup_};
    bool good = true;
    for (auto const& step : order_.request.steps) {
      good = run_one(record, step, /*on_failure=*/false, context);
      if (!good || cancelled_.cancelled()) break;
    }
    if (good) return;
    for (auto const& step : order_.request.on_failure) {
      if (cancelled_.cancelled()) return;
      run_one(record, step, /*on_failure=*/true, context);
    }
  }

  bool run_one(RunRecord& record, core::BoundStep const& step, bool on_failure, StepContext const& context) {
    live_.begin(step.name);
    record.steps.push_back(run_step(step, on_failure, context));
    return record.steps.back().succeeded();
  }

  // A thread of its own: steps block the other one.
  void watch() {
    for (;;) {
      pollfd polled{socket_, POLLRDHUP, 0};
      auto const ready = ::poll(&polled, 1, static_cast<int>(kLiveInterval.count()));
      if (ready > 0 || (ready < 0 && errno != EINTR)) break;
      live_.tick(LiveView::Clock::now());
    }
    // No grace: whoever could have waited for the outcome is gone.
    cancelled_.cancel();
    std::lock_guard const lock(group_mutex_);
    group_ended_ = true;
    if (group_ > 0) ::kill(-group_, SIGKILL);
  }

  void set_group(pid_t group) {
    std::lock_guard const lock(group_mutex_);
    group_ = group;
    if (group_ended_ && group_ > 0) ::kill(-group_, SIGKILL);
  }

  void send(Message const& message) {
    auto line = encode(message);
    line += '\n';
    std::lock_guard const lock(send_mutex_);
    std::string_view left{line};
    while (!left.empty()) {
      auto const count = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return;  // the watch sees it too
      left.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  RunOrder const& order_;
  RunnerOptions const& options_;
  StateDir const& state_;
  std::string why_no_cgroup_{};
  std::optional<process::Cgroup> made_;
  process::Cgroup cgroup_;
  int socket_;
  std::string id_;
  process::Canceller cancelled_{};
  std::mutex group_mutex_, send_mutex_;
  pid_t group_ = 0;  // of the running step, until its end was seen
  bool group_ended_ = false;
  LiveView live_;
};

}  // namespace

void run_process(RunOrder const& order, RunnerOptions const& options, StateDir const& state,
                 process::Cgroups const& cgroups, int socket, int lock) noexcept {
  ignore_signals();
  keep_only(socket, lock);
  ::prctl(PR_SET_NAME, "countersign-run", 0, 0, 0);
  int code = 1;
  try {
    if (process::adopt_orphans()) {
      // Never deleted: its watching thread looks at it until the process ends.
      (new Run{order, options, state, cgroups, socket})->run();
      code = 0;
    }
  } catch (std::exception const&) {
    // The end without a result says it: the runner ends with us, and what happened is unknown.
  }
  cgroups.remove(order.request.id.str());
  process::kill_descendants(kSweep);
  ::_exit(code);  // what the runner's own objects would do at their end is not ours to do
}

}  // namespace runbooks
