// The sandbox mode strict, control groups, and a runner of another account.
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>

#include "bot/net/unix_socket.hpp"
#include "bot/process/cgroup.hpp"
#include "bot/process/sandbox.hpp"
#include "bot/runbooks/state_files.hpp"
#include "tests/integration/runbooks/rig.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sanitized.hpp"

using namespace rig;

namespace {

constexpr uid_t kNobody = 65534;

bool skipped(std::string const& why) {
  if (!why.empty()) std::cerr << "SKIPPED: confinement of runs: " << why << std::endl;
  return !why.empty();
}

core::Request strict(std::vector<core::BoundStep> steps, int number = 1) {
  auto made = request(std::move(steps), number);
  made.sandbox = "strict";
  return made;
}

}  // namespace

TEST_CASE("strict: only its own folder, what is named and a /tmp of its own can be written, also by root") {
  bool const as_root = GENERATE(true, false);
  Rig rig;
  if (as_root != (::geteuid() == 0)) {
    if (as_root && skipped("as root: only root can try that")) return;
    if (support::skipped_under_thread_sanitizer("strict, not as root",
                                                "its thread in each process forbids a namespace of users, unshare(2)"))
      return;
    rig.runner_uid = rig.client_runner_uid = kNobody;
    rig.client_uid = 0;
    REQUIRE(::chown(rig.dir.c_str(), kNobody, kNobody) == 0);
    REQUIRE(::chmod(rig.dir.c_str(), 0711) == 0);
  }
  CAPTURE(as_root);
  if (skipped(process::why_no_strict(rig.dir.string()))) return;
  auto const open = rig.dir / "open", shut = rig.dir / "shut";
  for (auto const& folder : {open, shut}) {
    fs::create_directory(folder);
    REQUIRE(::chmod(folder.c_str(), 0777) == 0);
  }
  auto wanted =
      strict({shell("try", "echo a > here && echo a > $HOME/there && echo a > " + (open / "x").string() +
                               " && echo a > /tmp/mine && ls /tmp && ! touch " + (shut / "x").string() +
                               " && ! touch /var/tmp/x-cs && ! touch /dev/shm/x-cs && echo hidden > /dev/null && "
                               "grep -q NoNewPrivs:.1 /proc/self/status && echo held"),
              shell("again",
                    "test -e here && ! test -e /tmp/mine && ! mount -o remount,rw / 2>/dev/null && "
                    "! umount /tmp 2>/dev/null && ! touch /etc/x-cs && ! (: > /dev/kmsg) 2>/dev/null && "
                    "head -c 1 /dev/urandom > /dev/null && echo still held")});
  wanted.writable = {open.string()};
  auto const outcome = rig.run_one(wanted);
  INFO(outcome.output);
  CHECK(outcome.result["state"].text() == "succeeded");
  CHECK(outcome.output.find("\nheld") != std::string::npos);
  CHECK(outcome.output.find("still held") != std::string::npos);
  CHECK(read(open / "x") == "a\n");
  CHECK_FALSE(fs::exists(shut / "x"));
  CHECK_FALSE(fs::exists("/tmp/mine"));
  CHECK(rig.events.can.sandbox == "strict");
}

TEST_CASE("strict: a folder that is not there fails the step before its program runs") {
  if (skipped(process::why_no_strict(fs::temp_directory_path().string()))) return;
  Rig rig;
  auto wanted = strict({shell("try", "touch " + (rig.dir / "ran").string())});
  wanted.writable = {(rig.dir / "missing").string()};
  auto const outcome = rig.run_one(wanted);
  CHECK(outcome.result["cause"].text() == "spawn");
  CHECK(outcome.output.find("finding a folder that is to be writable failed") != std::string::npos);
  CHECK_FALSE(fs::exists(rig.dir / "ran"));
}

TEST_CASE("F32 T48 bomb: a hundred processes in sessions of their own are killed as a whole, and others go on") {
  Rig rig;
  auto bomb = helper("bomb", {"bomb", (rig.dir / "pids").string()});
  bomb.timeout = 1500ms;
  auto one = request({bomb}, 1), two = request({shell("calm", "sleep 0.2; echo calm")}, 2);
  rig.put(one);
  rig.put(two);
  rig.start_runner();
  rig.client->run(id(1));
  CHECK(rig.run(2).result["state"].text() == "succeeded");
  REQUIRE(rig.wait([&] { return rig.events.finished.contains(id(1)); }));
  CHECK(rig.events.finished[id(1)].result["cause"].text() == "timeout");
  auto const left = pids(rig.dir / "pids");
  CHECK(left.size() > 20);
  for (pid_t const pid : left) CHECK_FALSE(alive(pid));
}

TEST_CASE("cgroup: where it can be made each run has its own, and nothing is left of it, whoever is killed") {
  Rig rig;
  auto const file = rig.dir / "pids";
  rig.put(
      request({shell("look", "cat /proc/self/cgroup; setsid sleep 600 & echo $! > " + file.string() + "; sleep 600")}));
  rig.start_runner();
  auto const power = rig.events.can.cgroup;
  if (power == "none") {
    skipped("no control group can be made here");
    return;
  }
  rig.client->run(id());
  REQUIRE(rig.wait([&] { return rig.events.live[id() + " look"].find("0::") != std::string::npos; }));
  auto const shown = rig.events.live[id() + " look"];
  // Its name begins with a word of this state folder: other runners beside us have groups for the same number.
  auto const at = shown.find("/cs-run-");
  REQUIRE(at != std::string::npos);
  auto const group = shown.substr(at + 1, shown.find('\n', at) - at - 1);
  CHECK(group.ends_with(id()));
  REQUIRE(eventually([&] { return pids(file).size() == 1; }));
  rig.kill_runner();
  CHECK(runbooks::wait_for_runner_lock(rig.state, 20s));
  CHECK_FALSE(alive(pids(file).at(0)));
  REQUIRE(rig.wait([&] { return rig.events.gone.has_value(); }));
  rig.client.reset();
  rig.put(request({shell("after",
                         "ls -d $(sed -n 's|^0::||p' /proc/self/cgroup | sed 's|[^/]*$||; "
                         "s|^|/sys/fs/cgroup/unified|')cs-run-*; true")},
                  2));
  rig.start_runner();
  auto const after = rig.run(2).output;
  CHECK(after.find(group.substr(0, group.size() - 1) + "2") != std::string::npos);
  CHECK(after.find(group) == std::string::npos);  // the first one's is gone
}

TEST_CASE("T48 F32 cgroup: a real group's limit of processes holds for the run as a whole, and nothing of it is left") {
  if (::geteuid() != 0) {
    skipped("an ordinary account reaches its own limit of processes before the control group's");
    return;
  }
  Rig rig;
  auto bomb =
      request({shell("bomb",
                     "events=/sys/fs/cgroup$(sed -n 's|^0::||p' /proc/self/cgroup)/pids.events\n"
                     "(i=0; while [ $i -lt 60 ]; do setsid sleep 600 & echo $! >> " +
                         (rig.dir / "pids").string() +
                         "; i=$((i + 1)); done; echo all of them) 2>/dev/null\n"
                         "while read -r word count; do echo \"$word was reached $count times\"; done < \"$events\"")},
              1);
  bomb.limits.processes = 20;
  rig.put(bomb);
  rig.start_runner();
  if (rig.events.can.cgroup != "limits") {
    skipped("no control group with controllers can be made here, so no limit of one can be reached (it is \"" +
            rig.events.can.cgroup + "\")");
    return;
  }
  auto const outcome = rig.run();
  INFO(outcome.output);
  CHECK(outcome.output.find("all of them") == std::string::npos);
  CHECK(outcome.output.find("max was reached ") != std::string::npos);
  CHECK(outcome.output.find("max was reached 0 times") == std::string::npos);
  auto const left = pids(rig.dir / "pids");
  CHECK((left.size() >= 5 && left.size() < 20));
  for (pid_t const pid : left) CHECK_FALSE(alive(pid));
}

TEST_CASE("T46 run_as: the runner of an account carries out what names it, and nothing else") {
  Rig rig;
  rig.run_as = "deploy";
  auto theirs = request({shell("who", "id -u")}, 1), ours = request({shell("who", "id -u")}, 2), other = ours;
  theirs.run_as = "deploy";
  other.id = core::RequestId::parse(id(3)).value();
  other.run_as = "root";
  for (auto const& wanted : {theirs, ours, other}) rig.put(wanted);
  rig.start_runner();
  CHECK(rig.run(1).result["state"].text() == "succeeded");
  CHECK(rig.refusal(2).find("acts as deploy") != std::string::npos);
  CHECK(rig.refusal(3).find("to run as root") != std::string::npos);
  CHECK(rig.events.speakers == std::set<std::string>{"deploy"});
  CHECK(runbooks::started_markers(rig.state) == std::vector<std::string>{id(1)});
}

TEST_CASE("T19 T46 run_as: a socket that systemd opened becomes the runner's own, and only its account is believed") {
  if (::geteuid() != 0) {
    skipped("only root can start a runner of another account");
    return;
  }
  Rig rig;
  REQUIRE(::chmod(rig.dir.c_str(), 0711) == 0);
  fs::create_directory(rig.dir / "theirs");
  REQUIRE(::chown((rig.dir / "theirs").c_str(), kNobody, kNobody) == 0);
  rig.state = rig.dir / "theirs" / "state";
  rig.socket = rig.dir / "runner.sock";
  rig.runner_uid = kNobody;
  rig.client_uid = 0;
  rig.run_as = "nobody";
  rig.activated = true;
  auto wanted = request({shell("who", "id -u; id -g")});
  wanted.run_as = "nobody";
  rig.put(wanted);
  SECTION("its account") {
    rig.client_runner_uid = kNobody;
    rig.start_runner();
    REQUIRE(rig.client->ready());
    auto const outcome = rig.run();
    CHECK(outcome.output.find("65534\n") != std::string::npos);
    CHECK(outcome.result["state"].text() == "succeeded");
  }
  SECTION("another account") {
    rig.client_runner_uid = 1;
    rig.connect_limit = 2s;
    rig.start_runner();
    CHECK_FALSE(rig.client->ready());
    CHECK(rig.events.gone.value_or("").find("is not the runner") != std::string::npos);
  }
}
