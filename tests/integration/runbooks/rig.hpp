// A real runner in a process of its own over a ledger that the test writes down, and the service's client beside it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bot/core/request.hpp"
#include "bot/net/io.hpp"
#include "bot/runbooks/runner.hpp"
#include "bot/runbooks/runner_client.hpp"

namespace rig {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

inline constexpr std::string_view kSecret = "correct-horse-battery-staple";

std::string id(int number = 1);  // "CS-20261121-000042-R1"

// A step that runs a program of this host; its identity is taken now.
core::BoundStep step(std::string name, std::vector<std::string> argv);
core::BoundStep shell(std::string name, std::string script);  // /bin/sh -c: the tests' own programs
core::BoundStep helper(std::string name, std::vector<std::string> arguments);
core::BoundStep probe(std::string name, core::Probe::Kind kind, std::string target);
core::Request request(std::vector<core::BoundStep> steps, int number = 1);

std::string read(fs::path const& path);  // "" if it isn't there
bool alive(pid_t pid);                   // and no zombie
std::vector<pid_t> pids(fs::path const& path);
// Real processes end when the kernel gets to it: looks again until it holds.
bool eventually(std::function<bool()> const& holds, std::chrono::milliseconds limit = 20s);

struct Events : ports::RunnerEvents {
  struct Outcome {
    core::Json result;
    std::string output;
  };
  void runner_ready(std::string const&, core::Confinement const& how) override {
    ++readies;
    can = how;
  }
  void runner_gone(std::string const&, std::string const& why) override { gone = why; }
  void runner_accepted(std::string const& run_as, std::string const& request, core::Confinement const& how) override {
    speakers.insert(run_as);
    accepted.push_back(request);
    confinement = how;
  }
  void runner_refused(std::string const& run_as, std::string const& request, std::string const& why) override {
    speakers.insert(run_as);
    refused[request] = why;
  }
  void runner_output(std::string const& run_as, std::string const& request, std::string const& name,
                     std::string const& text) override {
    speakers.insert(run_as);
    if (text.empty()) return begun.push_back(name);
    ++pieces;
    live[request + " " + name] += text;
  }
  void runner_finished(std::string const& run_as, std::string const& request, core::Json const& result,
                       std::string const& output) override {
    speakers.insert(run_as);
    // An order to run that was refused: nothing began.
    if (result["cause"].text() == "refused_by_runner" && result["steps"].at_index(0).is_null()) {
      refused[request] = result["explanation"].text();
      return;
    }
    ++finishes[request];
    finished[request] = Outcome{result, output};
  }
  int readies = 0, pieces = 0;
  std::optional<std::string> gone;
  std::set<std::string> speakers;  // run_as of every runner that said something about a request
  std::vector<std::string> accepted, begun;
  core::Confinement confinement, can;  // of the last accepted; of the runner
  std::map<std::string, std::string> refused, live;
  std::map<std::string, int> finishes;
  std::map<std::string, Outcome> finished;
};

class Rig {
 public:
  Rig();  // no runner yet
  ~Rig();

  // What the ledger will say. Before start_runner().
  void put(core::Request request, bool started = true);
  void start_runner();      // and connects; returns when it is ready
  void start_raw_runner();  // without a client; returns when it listens
  void connect();
  void stop_client();  // closes the socket and waits for the runner's end
  void kill_runner();  // SIGKILL, then reaps it

  bool wait(std::function<bool()> const& holds, std::chrono::milliseconds limit = 60s);
  Events::Outcome run(int number = 1);             // orders it and waits for its end
  std::string refusal(int number = 1);             // orders it and waits for its refusal
  Events::Outcome run_one(core::Request request);  // put, start_runner, run

  fs::path dir, state, socket;
  core::Result<void> ledger_holds;     // what LedgerView::open() answers
  std::optional<core::Error> trouble;  // what the next `troubles` looks at a request in the ledger answer
  int troubles = 0;
  std::chrono::milliseconds check_limit = 60s;
  uid_t client_uid = static_cast<uid_t>(-1);
  uid_t runner_uid = 0;                              // not 0: the runner becomes this account; only root's tests can
  uid_t client_runner_uid = static_cast<uid_t>(-1);  // set: the client believes this account, not our own child
  std::string run_as;                                // of the runner
  bool activated = false;  // the socket listens before the runner is there, as systemd does it
  std::chrono::milliseconds connect_limit = 60s;
  pid_t runner = 0;
  net::Io io;
  Events events;
  std::unique_ptr<runbooks::RunnerClient> client;

 private:
  struct Ledger;
  void start_process();
  std::map<std::string, std::pair<core::Request, bool>> orders_;
};

}  // namespace rig
