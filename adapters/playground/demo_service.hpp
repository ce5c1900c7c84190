// The service that fails for the demonstration: a tiny web server with a health check, a log, and a pool that can run
// dry. It is a real process with a real restart: the runbook's step ends it by signal and its supervisor starts it
// anew.
//
// In its directory: pid (of the process that serves), port, log, started (grows with each start), broken (while it is
// there, the process that was running when it appeared is sick; a new process removes it).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/net/io.hpp"

namespace playground {

// Serves until SIGTERM or SIGINT; answers the exit code. `dir` must exist. Port 0: the system chooses, see `port`.
// GET /healthz: 200 while healthy, 503 with the reason while not. GET /orders: 200, or 500 while not.
int run_demo_service(std::string const& dir, std::uint16_t port);

// Ends the serving process by SIGTERM and waits until its supervisor has another one serving.
// Errors: not_found (no pid file, no such process), timed_out (nothing came back in time).
core::Result<void> restart_demo_service(std::string const& dir, net::Duration timeout);

// Lets the running process lose its database connections, within a quarter of a second.
core::Result<void> break_demo_service(std::string const& dir);
// The way back without a restart, for the page's button.
core::Result<void> mend_demo_service(std::string const& dir);

struct DemoStatus {
  bool up = false;
  std::string reason;  // a sentence
  pid_t pid = 0;       // 0: nothing serves
  std::uint16_t port = 0;
  std::uint64_t starts = 0;
  std::vector<std::string> log;  // its last lines
};
// As its files tell; asks nobody.
DemoStatus demo_service_status(std::string const& dir, std::size_t log_lines = 8);

// Keeps a demo service running as a child: starts it again when it ends. On the loop's thread; destroying it ends the
// child. The command is run as given, without a shell, e.g. {"/usr/bin/countersign", "demo-service", "run", …}.
class DemoSupervisor {
 public:
  // Throws core::Failure if the program can't be started.
  DemoSupervisor(net::Io& io, std::vector<std::string> command, net::Duration restart_delay = net::Duration{300});
  ~DemoSupervisor();
  DemoSupervisor(DemoSupervisor const&) = delete;
  DemoSupervisor& operator=(DemoSupervisor const&) = delete;
  pid_t pid() const noexcept { return pid_; }

 private:
  void start();
  void look();

  net::Io& io_;
  std::vector<std::string> command_;
  net::Duration restart_delay_;
  net::Io::TimerId timer_ = 0;
  pid_t pid_ = 0;
};

}  // namespace playground
