// Nothing of a step outlives its end, its runner's or its service's.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "bot/runbooks/state_files.hpp"
#include "tests/integration/runbooks/rig.hpp"
#include "tests/support/catch.hpp"

using namespace rig;

namespace {

bool all_dead(std::vector<pid_t> const& processes) {
  for (pid_t const pid : processes) {
    if (alive(pid)) return false;
  }
  return true;
}

// A step of which four processes live: the leader, a child, one in a session of its own, and a daemon.
std::vector<pid_t> start_stubborn(Rig& rig) {
  auto const file = rig.dir / "pids";
  rig.put(request({helper("escape", {"escape", file.string(), "stay"})}));
  rig.start_runner();
  rig.client->run(id());
  REQUIRE(eventually([&] {
    rig.wait([] { return false; }, 1ms);  // lets the order leave; the step says nothing that would wake the loop
    return pids(file).size() == 4;
  }));
  auto const found = pids(file);
  for (pid_t const pid : found) REQUIRE(alive(pid));
  return found;
}

}  // namespace

TEST_CASE("F32 T48 kill: what a step leaves behind is dead before its end is told") {
  auto const kind = GENERATE(as<std::string>{}, "fork", "setsid", "daemon");
  CAPTURE(kind);
  Rig rig;
  auto const file = rig.dir / "pids";
  auto const outcome = rig.run_one(request(
      {helper("escape", {"escape", file.string(), kind}), shell("see", "test -s " + file.string() + " && sleep 0.1")}));
  auto const left = pids(file);
  // Killed perhaps before it could write; if it wrote, it is dead.
  CHECK(all_dead(left));
  CHECK(outcome.result["steps"].at_index(0)["outcome"].text() == "succeeded");
  CHECK(outcome.output.find("-- processes that it left behind were killed") != std::string::npos);
}

TEST_CASE("F32 T48 kill: a time-out ends the whole tree") {
  Rig rig;
  auto const file = rig.dir / "pids";
  auto stay = helper("escape", {"escape", file.string(), "stay"});
  stay.timeout = 3s;
  auto const outcome = rig.run_one(request({stay}));
  CHECK(outcome.result["cause"].text() == "timeout");
  CHECK(pids(file).size() == 4);
  CHECK(all_dead(pids(file)));
}

TEST_CASE("F32 kill: when the socket ends every process of the step dies, and only then is the lock free") {
  Rig rig;
  auto const processes = start_stubborn(rig);
  CHECK_FALSE(runbooks::wait_for_runner_lock(rig.state, 0s));
  rig.stop_client();
  CHECK(runbooks::wait_for_runner_lock(rig.state, 20s));
  CHECK(all_dead(processes));
  CHECK(fs::is_empty(rig.state / "work"));
  CHECK(runbooks::started_markers(rig.state) == std::vector<std::string>{id()});
}

TEST_CASE("F1 F32 kill: SIGKILL of the runner itself leaves no step, and the lock tells when") {
  Rig rig;
  auto const processes = start_stubborn(rig);
  rig.kill_runner();
  // No time in between: a free lock alone must be proof enough.
  CHECK(runbooks::wait_for_runner_lock(rig.state, 20s));
  CHECK(all_dead(processes));
  CHECK(rig.wait([&] { return rig.events.gone.has_value(); }));
  CHECK(fs::is_empty(rig.state / "work"));
}

TEST_CASE("F1 kill: SIGKILL of the run process is an unknown end: the runner kills the rest and goes") {
  Rig rig;
  auto const file = rig.dir / "pids", parent = rig.dir / "parent";
  rig.put(request({shell("hang", "echo $PPID > " + parent.string() + "; setsid sleep 600 & echo $! > " + file.string() +
                                     "; echo in; sleep 600")}));
  rig.start_runner();
  rig.client->run(id());
  REQUIRE(rig.wait([&] { return rig.events.live.contains(id() + " hang"); }));
  auto const left = pids(file);
  REQUIRE(left.size() == 1);
  ::kill(pids(parent).at(0), SIGKILL);
  CHECK(rig.wait([&] { return rig.events.gone.has_value(); }));
  CHECK(rig.events.finishes[id()] == 0);
  CHECK(runbooks::wait_for_runner_lock(rig.state, 20s));
  CHECK(all_dead(left));
}

TEST_CASE("kill: SIGTERM, as the kernel sends it when the parent dies, ends runner and steps") {
  Rig rig;
  auto const processes = start_stubborn(rig);
  ::kill(rig.runner, SIGTERM);
  CHECK(rig.wait([&] { return rig.events.gone.has_value(); }));
  CHECK(runbooks::wait_for_runner_lock(rig.state, 20s));
  CHECK(all_dead(processes));
}

TEST_CASE("F1 kill: a service killed before it could connect takes its runner with it") {
  Rig rig;
  fs::create_directory(rig.state);
  auto const command =
      std::string("exec ") + RUNBOOKS_HELPER + " serve " + rig.state.string() + " " + rig.socket.string();
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  pid_t const service = ::fork();
  if (service == 0) {
    ::dup2(ends[1], 1);
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::FILE* const out = ::fdopen(ends[0], "r");
  int runner = 0;
  REQUIRE(std::fscanf(out, "%d", &runner) == 1);
  REQUIRE(eventually([&] { return fs::exists(rig.socket); }));
  CHECK(alive(runner));
  ::kill(service, SIGKILL);
  ::waitpid(service, nullptr, 0);
  CHECK(eventually([&] { return !alive(runner); }));
  CHECK(runbooks::wait_for_runner_lock(rig.state, 20s));
  std::fclose(out);
}
