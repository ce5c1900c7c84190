#include "bot/cli/runner_keeper.hpp"

#include <algorithm>

#include "bot/runbooks/state_files.hpp"

namespace cli {

namespace {

constexpr std::chrono::milliseconds kLookAgain{50};  // for an old runner's steps to be killed

}  // namespace

RunnerKeeper::RunnerKeeper(net::Io& io, ports::Log& log, runbooks::SpawnOptions spawn, pid_t first)
    : io_(io), log_(log), spawn_(std::move(spawn)), first_(first) {}

RunnerKeeper::~RunnerKeeper() { stop(); }

void RunnerKeeper::start(ports::RunnerEvents& events) {
  events_ = &events;
  connect(first_);
}

void RunnerKeeper::connect(pid_t pid) {
  client_ =
      std::make_unique<runbooks::RunnerClient>(io_, runbooks::RunnerClientOptions{.socket = spawn_.socket, .pid = pid});
  client_->start(*this);
}

void RunnerKeeper::check(std::string request, std::string) {
  if (client_) client_->check(std::move(request));
}

void RunnerKeeper::run(std::string request, std::string) {
  if (client_) client_->run(std::move(request));
}

void RunnerKeeper::runner_ready(std::string const& run_as, core::Confinement const& can) {
  failures_ = 0;
  log_.info("runner ready", {{"strict_sandbox", can.sandbox == "strict"}, {"cgroup", can.cgroup}});
  events_->runner_ready(run_as, can);
}

void RunnerKeeper::runner_gone(std::string const& run_as, std::string const& why) {
  events_->runner_gone(run_as, why);
  if (stopped_) return;
  auto const delay = std::chrono::milliseconds(std::min(30'000U, 200U << std::min(failures_++, 8U)));
  timer_ = io_.call_after(delay, [this] { again(); });
}

// The new process executes our own file with an empty environment and no descriptor of ours, so nothing that we have
// read since the start reaches it. It waits for nobody: the old one must be gone and the lock free first.
void RunnerKeeper::again() {
  timer_ = 0;
  if ((client_ && !client_->ended()) || !runbooks::wait_for_runner_lock(spawn_.state, std::chrono::milliseconds(0))) {
    timer_ = io_.call_after(kLookAgain, [this] { again(); });
    return;
  }
  client_.reset();
  auto const pid = runbooks::spawn_runner(spawn_);
  if (pid) return connect(*pid);
  log_.error("the runner can't be started again", {{"why", pid.error().message}});
  timer_ = io_.call_after(std::chrono::seconds(30), [this] { again(); });
}

void RunnerKeeper::stop() {
  stopped_ = true;
  if (timer_ != 0) io_.cancel(timer_);
  timer_ = 0;
  client_.reset();
}

}  // namespace cli
