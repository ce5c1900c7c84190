// The service's end: starts the runner as its first act, and speaks to it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/net/io.hpp"
#include "bot/ports.hpp"

namespace runbooks {

struct SpawnOptions {
  std::filesystem::path ledger;
  std::string pin;  // the value of --key
  std::filesystem::path state, socket;
  std::filesystem::path executable = "/proc/self/exe";  // of the service itself, also when its file was replaced
  // Nothing but what stands here reaches the runner. For the fault tests' own build, which takes its orders from the
  // environment; the service gives none.
  std::vector<std::pair<std::string, std::string>> environment{};
};

// Forks and executes `EXE runner --ledger … --key … --state … --socket …` with that environment, no descriptor but
// standard error, a session of its own, SIGTERM when the calling thread ends. Call it on the main thread before any
// secret is read and any other thread started, and after wait_for_runner_lock(). Answers the process id, which a
// RunnerClient then owns. Error: it could not be started.
core::Result<pid_t> spawn_runner(SpawnOptions const& options);

struct RunnerClientOptions {
  std::filesystem::path socket;
  pid_t pid = 0;  // from spawn_runner: the only process that is believed; 0: somebody else runs it, under runner_uid
  uid_t runner_uid = static_cast<uid_t>(-1);        // of a runner of somebody else; -1: our own account
  std::string run_as{};                             // the user of its requests; empty: the service's own runner
  std::chrono::milliseconds connect_limit{10'000};  // until it listens
  std::chrono::milliseconds ready_limit{300'000};   // from then until it has checked the ledger
  std::chrono::milliseconds end_limit{15'000};      // for it to kill its steps once its socket has ended; then SIGKILL
};

// One life of one runner: after runner_gone() nothing more comes, and a new runner needs a new client. Loop thread.
// Destroying it ends the runner: closes the socket and, if it was spawned, waits for its end (end_limit at most).
class RunnerClient final : public ports::Runner {
 public:
  RunnerClient(net::Io& io, RunnerClientOptions options);
  ~RunnerClient() override;

  void start(ports::RunnerEvents& events) override;
  bool ready() const override;
  bool ready_for(std::string const& run_as) const override;
  bool ended() const;  // gone, and the process that was spawned has been reaped: destroying this waits for nothing
  // A check is refused by runner_refused, an order to run by runner_finished with cause refused_by_runner: whoever
  // hears it must not take the one for the other. While it isn't ready both are, later and not from inside the call.
  void check(std::string request, std::string run_as = {}) override;
  void run(std::string request, std::string run_as = {}) override;
  void stop() override;  // as the destructor, without waiting; no event afterwards

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace runbooks
