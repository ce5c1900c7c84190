// A runbook of another account, end to end: the service as root, a runner as nobody behind a socket that "systemd"
// opened.
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/integration/service/service.hpp"

using namespace service;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kNobody = 65534;

// What systemd does: listens, and starts the runner under its account when somebody knocks.
class Activator {
 public:
  Activator(ServiceKit& kit, fs::path socket) : kit_(kit), socket_(std::move(socket)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto const* const generic = reinterpret_cast<sockaddr const*>(&address);
    REQUIRE(::bind(listener_, generic, sizeof address) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
  }
  ~Activator() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    ::close(listener_);
  }
  void start(std::string const& pin) {
    pid = ::fork();
    if (pid != 0) return;
    auto const log = ::open((kit_ / "runner.log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(log, 2);
    ::dup2(listener_, 3);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    gid_t const readers[] = {kNobody};
    if (::setgroups(1, readers) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) ::_exit(98);
    auto const ledger = kit_.ledger().string(), state = (kit_ / "theirs/state").string();
    ::execl(ServiceKit::binary().c_str(), "countersign", "runner", "--ledger", ledger.c_str(), "--key", pin.c_str(),
            "--state", state.c_str(), "--run-as", "nobody", "--client", "root", nullptr);
    ::_exit(99);
  }
  int end() {
    int status = 0;
    ::waitpid(std::exchange(pid, 0), &status, 0);
    return status;
  }
  pid_t pid = 0;

 private:
  ServiceKit& kit_;
  fs::path socket_;
  int listener_ = -1;
};

void give_to_readers(fs::path const& top) {
  auto const give = [](fs::path const& path, bool folder) {
    REQUIRE(::chown(path.c_str(), static_cast<uid_t>(-1), kNobody) == 0);
    REQUIRE(::chmod(path.c_str(), folder ? 02750 : 0440) == 0);
  };
  give(top, true);
  for (auto const& entry : fs::recursive_directory_iterator(top)) give(entry.path(), entry.is_directory());
}

}  // namespace

TEST_CASE("T19 T46 run_as: steps run under another account, whose runner reads the ledger as a member of its group") {
  if (::geteuid() != 0) {
    std::cerr << "SKIPPED: run_as end to end: only root can start a runner of another account" << std::endl;
    return;
  }
  auto const before = ::umask(027);  // the unit's UMask=
  KitOptions options;
  options.extra_runbooks = R"(  who:
    summary: "Who"
    run_as: nobody
    lock: "who"
    steps:
      - {name: who, run: [id]}
      - {name: steal, run: [sh, -c, 'cat "$1" 2>/dev/null && echo READ; ls "$2" 2>/dev/null && echo LISTED; echo tried', sh, KEY, STATE]}
    limits: {grace: 100ms}
    policy: one-sre
  who-waits:
    summary: "Who waits"
    run_as: nobody
    lock: "who"
    steps: [{name: wait, run: [sleep, "600"]}]
    limits: {grace: 100ms}
    policy: one-sre
)";
  ServiceKit kit([&] {
    options.extra_sections = "runners: {nobody: {socket: /tmp/cs-not-yet.sock}}\n";
    return options;
  }());
  std::ostringstream file;
  file << std::ifstream(kit.config()).rdbuf();
  auto text = file.str();
  auto const put = [&](std::string const& from, std::string const& to) {
    text.replace(text.find(from), from.size(), to);
  };
  put("/tmp/cs-not-yet.sock", (kit / "nobody.sock").string());
  put("KEY", (kit / "ledger_ed25519").string());
  put("STATE", (kit / "state").string());
  support::write_file(kit.config(), text);
  REQUIRE(::chmod(kit.dir().c_str(), 0711) == 0);
  fs::create_directory(kit / "theirs");
  REQUIRE(::chown((kit / "theirs").c_str(), kNobody, kNobody) == 0);
  give_to_readers(kit.ledger());
  Activator systemd(kit, kit / "nobody.sock");
  kit.start();
  auto const id = kit.ask("who");
  CHECK(kit.chat().shows(id, "As user nobody"));
  CHECK(kit.press("U0BOB", id));
  // Nobody answers for it yet: it stays approved.
  CHECK(kit.wait([&] { return kit.state(id) == "approved"; }));
  systemd.start(kit.pin());
  REQUIRE(ends_as(kit, id, "succeeded"));
  auto const request = core::RequestId::parse(id).value();
  auto const output = support::git(kit.ledger(), "show main:" + request.folder() + "/output.txt").out;
  INFO(output);
  CHECK(has(output, "uid=65534"));
  CHECK(has(output, "tried"));
  CHECK_FALSE(has(output, "READ"));
  CHECK_FALSE(has(output, "LISTED"));
  CHECK(kit.entries("request.opened", id).at(0)["data"]["run_as"].text() == "nobody");

  // K12 and K13 for such a runner: who dies takes its steps along, and the end is recorded once, when the next one is
  // there and so holds the lock.
  auto const killed = kit.ask("who-waits");
  CHECK(kit.press("U0BOB", killed));
  REQUIRE(kit.wait([&] { return kit.state(killed) == "running"; }));
  auto const ours = kit.ask("witness");
  ::kill(systemd.pid, SIGKILL);
  systemd.end();
  CHECK(kit.press("U0BOB", ours));  // the service's own runner is there
  REQUIRE(ends_as(kit, ours, "succeeded"));
  CHECK(kit.state(killed) == "running");
  systemd.start(kit.pin());
  REQUIRE(ends_as(kit, killed, "interrupted"));
  auto const again = kit.ask("who-waits");
  CHECK(kit.press("U0BOB", again));
  REQUIRE(kit.wait([&] { return kit.state(again) == "running"; }));
  kit.kill();  // the service: its runner ends by itself
  CHECK(WIFEXITED(systemd.end()));
  systemd.start(kit.pin());
  kit.start();
  REQUIRE(ends_as(kit, again, "interrupted"));
  auto const after = kit.ask("who");
  CHECK(kit.press("U0BOB", after));
  REQUIRE(ends_as(kit, after, "succeeded"));
  for (auto const& one : {id, killed, again, after}) {
    CHECK(count(kit, "run.started", one) == 1);
    CHECK(count(kit, "run.finished", one) == 1);
  }
  CHECK(kit.ledger_problems() == "");
  CHECK(kit.stop() == 0);
  ::umask(before);
}
