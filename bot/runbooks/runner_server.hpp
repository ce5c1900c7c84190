// The runner's loop: one client, orders in, messages out, one process a run. Private to runbooks.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "bot/net/io.hpp"
#include "bot/net/unix_socket.hpp"
#include "bot/process/cgroup.hpp"
#include "bot/process/sandbox.hpp"
#include "bot/runbooks/protocol.hpp"
#include "bot/runbooks/runner.hpp"
#include "bot/runbooks/state_dir.hpp"

namespace runbooks {

class RunnerServer {
 public:
  // All must outlive it. `lock`: the runner's lock, held.
  RunnerServer(RunnerOptions const& options, LedgerView& view, StateDir const& state, int lock);

  // Serves to the end. Error: it never could listen, the ledger check failed, or a run ended in an unknown way.
  core::Result<void> serve();

 private:
  struct Active {
    pid_t pid = 0;
    std::string lock, target;
    bool finished = false;  // its steps are dead and its result is sent; the process itself may need a moment
    bool left_out = false;  // live output was, since the last piece that was sent
    std::unique_ptr<net::LineChannel> channel;
  };

  void accept(int fd);
  void open_ledger();
  void forget_finished();
  core::Confinement confinement_of(core::Request const& request) const;
  void read_on();
  void order(std::string const& line);
  void check(Order const& order, std::chrono::steady_clock::time_point until, core::Duration pause);
  core::Result<RunOrder> vet(Order const& order);
  core::Result<void> check_request(core::Request const& request) const;
  core::Result<void> check_busy(core::Request const& request) const;
  core::Result<void> start(RunOrder const& order);
  void run_said(std::string const& id, std::string const& line);
  void run_ended(std::string const& id);
  void tell_live(Active& run, Output piece);
  void tell(Message const& message);
  void end(core::Result<void> how);
  void kill_all();
  void log(std::string const& line) const;

  RunnerOptions const& options_;
  LedgerView& view_;
  StateDir const& state_;
  int lock_;
  std::string why_no_strict_;  // empty: the sandbox mode strict works here
  process::Cgroups cgroups_;
  net::Io io_;
  std::unique_ptr<net::UnixListener> listener_;
  std::unique_ptr<net::LineChannel> client_;
  std::map<std::string, Active> runs_;
  core::Result<void> how_;
  bool ended_ = false;
};

}  // namespace runbooks
