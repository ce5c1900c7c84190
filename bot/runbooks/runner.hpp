// The runner role: the second lock on the door (design, section 3). It takes request ids over a local socket, looks
// into the ledger itself and executes exactly what was approved there. README.md tells the protocol and the processes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/request.hpp"
#include "bot/ports.hpp"

namespace runbooks {

// What the ledger says is to be done.
struct RunOrder {
  core::Request request;
  std::string binding;  // "sha256:…" of request.json as it stands in the ledger
};

// The runner's own look at the ledger. Each call reads up to the head of now and checks every signature against the
// pinned key; what can't be checked is an error. The messages reach people, so they are whole sentences. Called on one
// thread; must start no thread of its own: the runner forks.
struct LedgerView {
  virtual ~LedgerView() = default;
  // Once, before `ready`: the ledger is there and everything in it holds.
  virtual core::Result<void> open() = 0;
  // The bound request, if an entry approves exactly this binding, and no run of it was started or ended.
  virtual core::Result<RunOrder> approved(core::RequestId const& id) = 0;
  // The same, if besides run.started is there, for this binding, and no run.finished.
  virtual core::Result<RunOrder> started(core::RequestId const& id) = 0;
  // Whether run.finished of it is there: its marker has done its work. Unknown is no.
  virtual bool finished(core::RequestId const& id) = 0;
  // From time to time while nobody asks: reads on, so that the next start or order has less to read.
  virtual void idle() {}
};

struct RunnerOptions {
  std::filesystem::path state_dir;
  // In a folder that only the runner's account may enter; made, mode 0700, if it isn't there.
  std::filesystem::path socket_path;
  ports::Redactor const* redactor = nullptr;  // required; outlives the call
  uid_t client_uid = static_cast<uid_t>(-1);  // who may connect, besides root; -1: the runner's own account
  std::string run_as{};  // the account that this runner is; its requests name it. Empty: the service's own runner
  std::vector<std::string> hidden{};  // absolute folders that no step sees under the sandbox strict
  // A socket that listens already, as systemd hands it over (sd_listen_fds(3)); -1: listen on socket_path.
  int listen_fd = -1;
  std::size_t max_runs = 16;  // at a time; more are refused
  // How long a check is done again that fails for want of something the host may have in a moment.
  core::Duration check_limit{60'000};
  // The program that runs one http or tcp probe in a process of its own, and the words before the probe's own
  // arguments: what ends in run_probe_child().
  std::string probe_program = "/proc/self/exe";
  std::vector<std::string> probe_words = {"probe-step"};
  std::function<void(std::string_view line)> log{};  // not set: standard error
};

// Serves one client until its socket ends or SIGTERM comes (spawn_runner asks the kernel for that when its parent
// dies), then kills every step and whatever it left, and answers the exit code: 0, or 3 if it could not run (said in
// the log). Must be called while the process has one thread. Changes the process for good: child subreaper, not
// dumpable, no new privileges, no core files.
int run_runner(RunnerOptions const& options, LedgerView& view);

// One http or tcp probe, or one http step: the hidden subcommand behind probe_words. `arguments` as run_runner wrote
// them. Prints one line, of a step the answer's body before it; 0: it is as expected, 1: it is not, 3: no answer in
// time, 2: the arguments make no sense.
int run_probe_child(std::span<std::string const> arguments);

}  // namespace runbooks
