// The runner's socket, and how the service starts its runner.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

#include "bot/net/unix_socket.hpp"
#include "bot/runbooks/state_files.hpp"
#include "tests/integration/runbooks/rig.hpp"
#include "tests/support/catch.hpp"

using namespace rig;

namespace {

// A client that says what it likes.
struct Raw {
  Raw(Rig& rig) {
    channel = net::connect_unix(rig.io, rig.socket.string(), 5s,
                                {.on_open = [this] { open = true; },
                                 .on_line = [this](std::string line) { lines.push_back(line); },
                                 .on_close = [this](net::NetError const&) { closed = true; }});
  }
  std::unique_ptr<net::LineChannel> channel;
  bool open = false, closed = false;
  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("socket: only its owner can reach it") {
  Rig rig;
  rig.start_runner();
  REQUIRE(rig.client->ready());
  struct stat file {
  }, folder{};
  REQUIRE(::stat(rig.socket.c_str(), &file) == 0);
  REQUIRE(::stat(rig.socket.parent_path().c_str(), &folder) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  CHECK((folder.st_mode & 0777) == 0700);
  CHECK(fs::is_empty(rig.state / "work"));
}

TEST_CASE("socket: one client at a time, a second one is sent away and changes nothing") {
  Rig rig;
  rig.put(request({shell("x", "true")}));
  rig.start_runner();
  REQUIRE(rig.client->ready());
  Raw second(rig);
  REQUIRE(rig.wait([&] { return second.closed; }));
  CHECK(second.lines.empty());
  CHECK(rig.run().result["state"].text() == "succeeded");
}

TEST_CASE("socket: a client that does not read for a while loses live output, and no run and no result") {
  Rig rig;
  auto const talk = rig.dir / "talk", over = rig.dir / "over", heard = rig.dir / "heard";
  {
    std::ofstream file(talk);  // a piece of the largest size: each quote takes two bytes on the way
    for (int i = 0; i < 160; ++i) file << std::string(99, '"') << '\n';
  }
  std::vector<core::BoundStep> steps;
  for (int i = 0; i < 320; ++i) steps.push_back(step("talk-" + std::to_string(i), {"/bin/cat", talk.string()}));
  steps.push_back(
      shell("last", "touch " + over.string() + "; until test -e " + heard.string() + "; do echo on; sleep 0.05; done"));
  rig.put(request(steps));
  rig.start_raw_runner();
  Raw raw(rig);
  REQUIRE(rig.wait([&] { return !raw.lines.empty(); }));
  raw.channel->send(R"({"v":1,"op":"run","request":"CS-20261121-000042-R1"})");
  REQUIRE(rig.wait([&] { return raw.lines.size() > 1; }));
  // Our loop stands still, while some 10 MB are said.
  REQUIRE(eventually([&] { return fs::exists(over); }, 120s));
  auto const count = [&](std::string_view words) {
    return std::ranges::count_if(raw.lines, [&](auto const& line) { return line.find(words) != std::string::npos; });
  };
  REQUIRE(rig.wait([&] { return raw.closed || count("live output was left out") > 0; }));
  REQUIRE_FALSE(raw.closed);
  std::ofstream{heard};
  REQUIRE(rig.wait([&] { return raw.closed || count(R"("op":"finished")") > 0; }));
  CHECK(count("live output was left out") == 1);
  CHECK(count(R"("state":"succeeded")") == 1);
  CHECK(count(R"("text":"")") == std::ssize(steps));  // where the run is was told at each step
}

TEST_CASE("T59 T60 socket: a line that is no order closes it and ends the runner and its steps") {
  auto const line = GENERATE(as<std::string>{}, "nonsense", R"({"v":1,"op":"run","request":"x"})",
                             R"({"v":1,"op":"run","op":"run","request":"CS-20261121-000042-R1"})",
                             std::string(900'000, '['), std::string(1 << 20, 'x'));
  Rig rig;
  auto const pid_file = rig.dir / "pid";
  rig.put(request({shell("hang", "echo $$ > " + pid_file.string() + "; echo in; exec sleep 600")}));
  rig.start_raw_runner();
  Raw raw(rig);
  REQUIRE(rig.wait([&] { return !raw.lines.empty(); }));
  raw.channel->send(R"({"v":1,"op":"run","request":"CS-20261121-000042-R1"})");
  REQUIRE(rig.wait([&] { return raw.lines.size() >= 2 && pids(pid_file).size() == 1; }));
  auto const step = pids(pid_file);
  raw.channel->send(line);
  CHECK(rig.wait([&] { return raw.closed; }));
  CHECK(runbooks::wait_for_runner_lock(rig.state, 20s));
  CHECK_FALSE(alive(step.front()));
}

TEST_CASE("socket: a line longer than a message may be closes it") {
  Rig rig;
  rig.start_raw_runner();
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, rig.socket.c_str(), sizeof address.sun_path - 1);
  sockaddr_storage generic{};
  std::memcpy(&generic, &address, sizeof address);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr const*>(&generic), sizeof address) == 0);
  std::string const flood(3 << 20, 'x');
  std::size_t sent = 0;
  while (sent < flood.size()) {
    auto const count = ::send(fd, flood.data() + sent, flood.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  ::close(fd);
  CHECK(sent < flood.size());
  CHECK(runbooks::wait_for_runner_lock(rig.state, 20s));
}

TEST_CASE("socket: an account that is not the client's is sent away") {
  if (::geteuid() != 0) {
    std::cerr << "SKIPPED: another account at the runner's socket: only root can become it" << std::endl;
    return;
  }
  Rig rig;
  rig.start_raw_runner();
  ::chmod(rig.dir.c_str(), 0755);
  ::chmod(rig.socket.parent_path().c_str(), 0755);
  ::chmod(rig.socket.c_str(), 0666);
  pid_t const stranger = ::fork();
  if (stranger == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    net::Io io;
    bool closed = false;
    std::size_t lines = 0;
    auto const channel =
        net::connect_unix(io, rig.socket.string(), 5s,
                          {.on_open = {},
                           .on_line = [&](std::string const&) { ++lines; },
                           .on_close = [&](net::NetError const& why) { closed = why.code == net::Errc::closed; }});
    io.run_until([&] { return closed || lines > 0; }, 20s);
    ::_exit(closed && lines == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(stranger, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  Raw raw(rig);  // the control: we are let in
  CHECK(rig.wait([&] { return !raw.lines.empty(); }));
}

TEST_CASE("socket: a second runner on the same state is refused with a reason") {
  Rig rig;
  rig.start_runner();
  REQUIRE(rig.client->ready());
  Rig second;
  second.state = rig.state;
  second.start_runner();
  CHECK_FALSE(second.client->ready());
  CHECK(second.events.gone == std::string("The runner ended with exit code 3."));
  CHECK(read(second.dir / "runner.log").find("Another runner holds") != std::string::npos);
  second.state = second.dir;  // the first one's is not its to wait for
}

TEST_CASE("socket: a ledger that does not hold is told, and nothing is served") {
  Rig rig;
  rig.put(request({shell("x", "true")}));
  rig.ledger_holds = core::make_error(core::Errc::corrupt, "The entry 7 is not signed by a key in force.");
  rig.start_runner();
  CHECK_FALSE(rig.client->ready());
  CHECK(rig.events.gone == std::string("The entry 7 is not signed by a key in force."));
  CHECK(rig.refusal().empty());  // a client that was told goodbye says nothing more
}

TEST_CASE("client: a socket that belongs to another process is not believed") {
  Rig rig;
  fs::create_directory(rig.socket.parent_path());
  std::vector<std::unique_ptr<net::LineChannel>> channels;
  auto const impostor = net::listen_unix(rig.io, rig.socket.string(), 0600, [&](int fd) {
    channels.push_back(net::adopt_unix(rig.io, fd, {}));
    channels.back()->send(R"({"v":1,"op":"ready","sandbox":"basic","cgroup":"none"})");
  });
  REQUIRE(impostor.has_value());
  rig.runner = ::fork();
  if (rig.runner == 0) {
    ::pause();
    ::_exit(0);
  }
  rig.client = std::make_unique<runbooks::RunnerClient>(
      rig.io, runbooks::RunnerClientOptions{.socket = rig.socket, .pid = rig.runner, .end_limit = 50ms});
  rig.client->start(rig.events);
  REQUIRE(rig.wait([&] { return rig.events.gone.has_value(); }));
  CHECK(rig.events.gone->find("is not the runner") != std::string::npos);
  CHECK(rig.events.readies == 0);
}

TEST_CASE("client: a runner that never comes to the socket that systemd holds for it is said") {
  if (::geteuid() != 0) {
    std::cerr << "SKIPPED: a runner that never comes: systemd's side of the socket is root's" << std::endl;
    return;
  }
  Rig rig;
  fs::create_directory(rig.socket.parent_path());
  std::vector<std::unique_ptr<net::LineChannel>> channels;
  auto const systemd = net::listen_unix(rig.io, rig.socket.string(), 0600,
                                        [&](int fd) { channels.push_back(net::adopt_unix(rig.io, fd, {})); });
  REQUIRE(systemd.has_value());
  rig.client = std::make_unique<runbooks::RunnerClient>(
      rig.io, runbooks::RunnerClientOptions{.socket = rig.socket, .runner_uid = 65534, .connect_limit = 100ms});
  rig.client->start(rig.events);
  REQUIRE(rig.wait([&] { return rig.events.gone.has_value(); }));
  CHECK(rig.events.gone->find("does not come") != std::string::npos);
}

TEST_CASE("client: before the runner is ready orders are refused, later and not from inside the call") {
  Rig rig;
  rig.client = std::make_unique<runbooks::RunnerClient>(
      rig.io, runbooks::RunnerClientOptions{.socket = rig.socket, .connect_limit = 100ms});
  rig.client->start(rig.events);
  rig.client->run(id());
  CHECK(rig.events.refused.empty());
  CHECK(rig.wait([&] { return rig.events.refused.contains(id()) && rig.events.gone.has_value(); }));
}

TEST_CASE("T19 spawn: the runner gets its four arguments, an empty environment and standard descriptors alone") {
  Rig rig;
  fs::create_directory(rig.state);
  ::setenv("COUNTERSIGN_CANARY", "canary", 1);
  int const canary = ::open("/dev/null", O_RDONLY);  // without close-on-exec
  auto const pid = runbooks::spawn_runner({.ledger = rig.dir / "ledger.git",
                                           .pin = "SHA256:pin",
                                           .state = rig.state,
                                           .socket = rig.socket,
                                           .executable = RUNBOOKS_HELPER});
  ::close(canary);
  ::unsetenv("COUNTERSIGN_CANARY");
  REQUIRE(pid.has_value());
  rig.runner = *pid;
  rig.connect();
  REQUIRE(rig.client->ready());
  auto const sight = read(rig.state / "sight");
  CHECK(sight.starts_with("argument --ledger\nargument " + (rig.dir / "ledger.git").string() +
                          "\nargument --key\nargument SHA256:pin\nargument --state\nargument " + rig.state.string() +
                          "\nargument --socket\nargument " + rig.socket.string() + "\n"));
  CHECK(sight.find("env ") == std::string::npos);
  CHECK(sight.find("\nfd 0\nfd 1\nfd 2\nfd 3\ncwd /\n") != std::string::npos);  // 3: the report itself
  CHECK(sight.find("leads_session 1") != std::string::npos);
  CHECK(rig.refusal() == "There is no request " + id() + ".");
  rig.stop_client();
  CHECK_FALSE(alive(*pid));
}

TEST_CASE("spawn: a program that isn't there is said at once") {
  Rig rig;
  auto const pid = runbooks::spawn_runner(
      {.ledger = "l", .pin = "p", .state = rig.state, .socket = rig.socket, .executable = "/nonexistent"});
  REQUIRE_FALSE(pid.has_value());
  CHECK(pid.error().message.find("/nonexistent") != std::string::npos);
}
