// F5, F7 to F11: what a service needs is missing, in its way or moves: the disk, locks, descriptors, memory, the clock.
// Nothing is half done, and the service works again, by itself or at its next start.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/faults/serve_sweep.hpp"
#include "tests/support/full.hpp"
#include "tests/support/memory_group.hpp"

using faults::ServeSweep;
using faults::Shimmed;
using faults::skipped_in_depth;
using support::ServiceKit;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// The request may still be decided, ran at most once, and the ledger is whole.
void end_well(ServiceKit& kit, std::string const& id) {
  if (kit.state(id) == "pending") CHECK(kit.press("U0CAROL", id));
  CHECK(kit.wait([&] { return faults::is_final(kit.state(id)); }));
  CHECK(kit.witnessed() <= 1);
  CHECK((kit.state(id) == "voided" || kit.witnessed() == 1));
  if (kit.running()) CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

}  // namespace

TEST_CASE("F11 clock steps of a second, an hour and a year, forward and back: nothing is revived, nothing stops") {
  if (skipped_in_depth("F11")) return;
  auto const step = GENERATE(from_range(support::full() ? std::vector<long>{1, -1, 3600, -3600, 31'536'000, -31'536'000}
                                                        : std::vector<long>{-1, 3600, -31'536'000}));
  CAPTURE(step);
  Shimmed on;
  on.start();
  auto& kit = on.kit;
  auto const id = kit.ask("witness");           // expires in ten minutes
  auto const brief = kit.ask("witness-short");  // in 1.5 s
  on.page.step_clock(step);
  if (step > 600) {
    CHECK(kit.wait([&] { return kit.state(id) == "expired"; }));  // late is never
    CHECK(kit.witnessed() == 0);
  } else {
    CHECK(kit.press("U0BOB", id));
    CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  }
  CHECK(kit.wait([&] { return kit.state(brief) == "expired"; }));  // a clock set back prolongs nothing
  if (step < -1 || step > 1) {
    CHECK(kit.wait([&] { return kit.process().line("the wall clock was set").has_value(); }));
  }
  CHECK(kit.stop() == 0);
  on.start();  // under the new clock
  auto const again = kit.ask("witness");
  CHECK(kit.press("U0BOB", again));
  CHECK(kit.wait([&] { return kit.state(again) == "succeeded"; }));
  CHECK(kit.stop() == 0);
  core::Time last{};
  for (auto const& entry : kit.entries()) {
    auto const time = core::parse_time(entry["time"].text()).value();
    CHECK(time >= last);
    last = time;
  }
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("F9 no descriptor is left below the ledger: nothing is approved, and it goes on when there are some",
          "[.full]") {
  if (skipped_in_depth("F9")) return;
  Shimmed on;
  on.start();
  auto& kit = on.kit;
  auto const id = kit.ask("witness");
  on.page.arm(kit.ledger(), 0, EMFILE, /*for_ever=*/true);
  REQUIRE(kit.click("U0BOB", id));
  REQUIRE(kit.wait([&] { return !kit.running() || !kit.whispers("U0BOB").empty(); }, 8s));
  CHECK(on.page.failed() > 0);
  CHECK(kit.witnessed() == 0);
  CHECK(kit.entries("request.approved", id).empty());
  on.revive();
  end_well(kit, id);
}

namespace {

// Processor time that it has used up to now.
std::chrono::milliseconds used(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  std::string skipped_field;
  for (int i = 0; i < 11; ++i) rest >> skipped_field;
  long user = 0, system = 0;
  rest >> user >> system;
  return std::chrono::milliseconds((user + system) * 1'000 / ::sysconf(_SC_CLK_TCK));
}

}  // namespace

TEST_CASE(
    "F9 no descriptor is left at all: what stands is served, nothing is approved, nothing spins, and it goes on") {
  if (support::skipped_under_sanitizer("F9 no descriptor at all", "the sanitizer needs some to look at memory")) return;
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  REQUIRE(kit.wait([&] { return kit.entries("request.posted", id).size() == 1 && kit.chat().connected(); }));  // idle
  // A connection of its own each time.
  auto const reached = [&] {
    return support::run("curl -s -m 2 http://127.0.0.1:" + std::to_string(kit.port()) + "/healthz").code == 0;
  };
  REQUIRE(reached());
  rlimit before{};
  REQUIRE(::prlimit(kit.pid(), RLIMIT_NOFILE, nullptr, &before) == 0);
  rlimit const none{3, before.rlim_max};  // fewer than are open: not even what is closed can be had again
  REQUIRE(::prlimit(kit.pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
  auto const used_before = used(kit.pid());
  CHECK_FALSE(reached());
  CHECK(used(kit.pid()) - used_before < 300ms);  // of 2 s: accepting is not tried without a pause
  CHECK(kit.state(id) == "pending");             // over a connection that stands
  REQUIRE(::prlimit(kit.pid(), RLIMIT_NOFILE, &before, nullptr) == 0);
  CHECK(kit.wait(reached, 5s));

  REQUIRE(::prlimit(kit.pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
  CHECK(kit.press("U0BOB", id));  // answered by the socket that stands
  static_cast<void>(kit.wait([&] { return !kit.running(); }, 2s));
  CHECK(kit.witnessed() == 0);
  CHECK(kit.entries("request.approved", id).empty());
  CHECK(kit.entries("vote.approve", id).empty());
  // It could neither write nor read its ledger: what it does not know it does not guess.
  if (kit.running()) REQUIRE(::prlimit(kit.pid(), RLIMIT_NOFILE, &before, nullptr) == 0);
  if (kit.running()) static_cast<void>(kit.stop());
  CHECK(kit.wait_end() == 3);
  kit.start();
  end_well(kit, id);
}

TEST_CASE("F9 started without standard descriptors: their numbers are no file's of ours, and the ledger is whole") {
  std::string const closed = " <&- >&- 2>&-";
  ServiceKit kit;
  auto words = kit.serve_words();
  words.insert(words.begin(), {"/bin/sh", "-c", "exec \"$0\" \"$@\"" + closed});
  kit.start({.words = words, .wait_ready = false});  // no log says when
  REQUIRE(kit.wait([&] { return !kit.running() || (kit.runner_pid() != 0 && kit.chat().connected()); }, 30s));
  REQUIRE(kit.running());
  std::error_code error;
  for (auto const pid : {kit.pid(), kit.runner_pid()}) {
    for (auto const* const number : {"0", "1", "2"}) {
      auto const file = fs::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + number, error);
      if (error == std::errc::permission_denied) break;  // the service lets no other process look
      CAPTURE(number);
      CHECK(file.string() == "/dev/null");
    }
  }
  if (error == std::errc::permission_denied)
    std::printf("SKIPPED: F9 which files are descriptors 0 to 2 of the service: this account may not look\n");
  CHECK(kit.stop() == 0);
  CHECK(kit.entries("service.stopped").size() == 1);
  CHECK(kit.ledger_problems() == "");

  auto const other = kit / "other.git", key = kit / "ledger_ed25519";
  auto const ledger = [&](std::string const& command, std::string const& more) {
    return support::run(ServiceKit::binary() + " ledger " + command + " --ledger '" + other.string() + "' " + more);
  };
  CHECK(ledger("init", "--key '" + key.string() + "'" + closed).code == 0);
  CHECK(ledger("export", "--as jsonl --out -" + closed).code == 3);  // printing fails, as it should
  auto const verified = ledger("verify", "--key '" + kit.pin() + "'");
  CAPTURE(verified.out);
  CHECK(verified.code == 0);
  CHECK(support::git(other, "fsck --full --strict --no-dangling --no-progress").out == "");
}

TEST_CASE(
    "F10 an allocation fails under a click, this one or all from it on: a clean end or an error, no half decision") {
  if (skipped_in_depth("F10")) return;
  ServeSweep sweep;
  auto const all = sweep.allocations();
  CHECK(all > 100);
  long const points = support::full() ? 40 : 4;
  for (long i = 0; i < points; ++i) {
    auto const nth = 1 + i * all * 3 / 4 / points;  // not each click takes as many
    bool const for_ever = i % 3 == 2;
    CAPTURE(nth, all, for_ever);
    CHECK(sweep.starved(nth, for_ever) == "");
  }
  CHECK(sweep.last_look() == "");
  std::printf("F10: an allocation failed in %ld of %ld points, of %ld allocations under a click\n", sweep.failed(),
              points, all);
  CHECK(sweep.failed() == points);
  for (auto const& [code, count] : sweep.ends()) std::printf("ended %d: %ld\n", code, count);
}

TEST_CASE(
    "F10 the control group's memory is used up: the kernel kills the service among its votes, and nothing is half "
    "done") {
  auto const group = support::MemoryGroup::make(96UL << 20);
  if (!group) {
    std::cerr << "SKIPPED: F10 by the control group: no group that limits memory can be made here" << std::endl;
    return;
  }
  int waiting = 0, under_way = 0, over = 0;
  for (std::uint64_t round = 1; round <= (support::full() ? 20U : 3U); ++round) {
    CAPTURE(round);
    ServiceKit kit;
    kit.start();
    auto const id = kit.ask("witness");
    // Beside it something that wants more than there is: the kernel ends the service first, and then that.
    auto const go = kit / "go";
    REQUIRE(::mkfifo(go.c_str(), 0600) == 0);
    support::ServiceProcess eater(
        {"/bin/sh", "-c", "read -r go < '" + go.string() + "'; head -c 400000000 /dev/zero | tail"}, kit / "eater.log");
    group->take_in(eater.pid());
    group->take_in_first_to_go(kit.pid());
    std::ofstream(go) << "go\n";
    for (auto const* person : {"U0BOB", "U0CAROL", "U0ERIN"}) static_cast<void>(kit.click(person, id));
    REQUIRE(kit.wait_end() == 128 + SIGKILL);
    REQUIRE(kit.wait([&] { return eater.ended(); }));
    CHECK(group->kills() >= 2 * round);
    kit.start();
    // Where it had begun to run, nobody knows how far it came: that is said, and it runs no more.
    if (kit.state(id) == "pending") {
      ++waiting;
      CHECK(kit.press("U0CAROL", id));
    }
    CHECK(kit.wait([&] { return faults::is_final(kit.state(id)); }));
    auto const state = kit.state(id);
    CAPTURE(state);
    CHECK((state == "succeeded" ? kit.witnessed() == 1 : state == "interrupted" && kit.witnessed() <= 1));
    ++(state == "interrupted" ? under_way : over);
    CHECK(kit.stop() == 0);
    CHECK(kit.ledger_problems() == "");
  }
  std::printf("F10: ended by the kernel %d times before the decision, %d during the run; %d ended well\n", waiting,
              under_way, over);
}

TEST_CASE("F7 what a killed process leaves behind in the ledger is cleaned away") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  kit.kill();
  auto const packs = kit.ledger() / "objects/pack";
  support::write_file(kit.ledger() / "refs/heads/main.lock", "half");  // or nothing could be recorded
  support::write_file(kit.ledger() / "refs/heads/other.lock", "");
  support::write_file(packs / "tmp_pack_1", "PACK");
  support::write_file(packs / "tmp_idx_1", "");
  support::write_file(packs / ("pack-" + std::string(40, 'a') + ".pack"), "PACK half of it");
  kit.start();
  CHECK_FALSE(fs::exists(kit.ledger() / "refs/heads/other.lock"));
  CHECK_FALSE(fs::exists(packs / "tmp_pack_1"));
  CHECK_FALSE(fs::exists(packs / "tmp_idx_1"));
  CHECK_FALSE(fs::exists(packs / ("pack-" + std::string(40, 'a') + ".pack")));
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("F7 a second service with a state of its own on the same ledger is refused, and the first is not disturbed") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  // What a writer at work has there, as the second one sees it.
  auto const packs = kit.ledger() / "objects/pack";
  auto const half = packs / ("pack-" + std::string(40, 'b') + ".pack");
  support::write_file(packs / "tmp_pack_1", "PACK");
  support::write_file(half, "PACK half of it");
  support::write_file(kit.ledger() / "refs/heads/other.lock", "");

  std::ifstream file(kit.config());
  std::string text{std::istreambuf_iterator<char>(file), {}};
  for (std::string const name : {"state", "side"}) {
    auto const path = (kit / name).string() + "\"";
    auto const at = text.find(path);
    REQUIRE(at != std::string::npos);
    text.replace(at, path.size(), (kit / name).string() + "-2\"");
  }
  support::write_file(kit / "second.yaml", text);
  fs::permissions(kit / "second.yaml", fs::perms::owner_read | fs::perms::owner_write);
  support::ServiceProcess second({ServiceKit::binary(), "serve", "-c", (kit / "second.yaml").string()},
                                 kit / "second.log");
  REQUIRE(kit.wait([&] { return second.ended(); }, 30s));
  CHECK(second.exit_code() == 3);
  CAPTURE(second.log_text());
  CHECK(second.log_text().find("the writer of the ledger") != std::string::npos);
  CHECK(fs::exists(packs / "tmp_pack_1"));
  CHECK(fs::exists(half));
  CHECK(fs::exists(kit.ledger() / "refs/heads/other.lock"));

  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  CHECK(kit.stop() == 0);
  kit.start();  // now they are nobody's
  CHECK_FALSE(fs::exists(packs / "tmp_pack_1"));
  CHECK_FALSE(fs::exists(half));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("F7 a lock that can't be removed: no start, exit code 3, and a sentence that names it") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  kit.kill();
  auto const lock = kit.ledger() / "refs/heads/main.lock";
  fs::remove(lock);  // the kill may have left one
  fs::create_directory(lock);
  support::write_file(lock / "kept", "");
  kit.start({.wait_ready = false});
  CHECK(kit.wait_end() == 3);
  CHECK(kit.process().log_text().find("main.lock") != std::string::npos);
  fs::remove_all(lock);
  kit.start();
  end_well(kit, id);
}

TEST_CASE("F8 a ledger that became read-only under the service: nothing is approved, and it recovers at the next start",
          "[.full]") {
  if (skipped_in_depth("F8")) return;
  Shimmed on;
  on.start();
  auto& kit = on.kit;
  auto const id = kit.ask("witness");
  on.page.arm(kit.ledger(), 0, EROFS, /*for_ever=*/true);
  REQUIRE(kit.click("U0BOB", id));
  CHECK(kit.wait([&] { return !kit.running() || !kit.whispers("U0BOB").empty(); }, 8s));
  CHECK(kit.witnessed() == 0);
  CHECK(kit.entries("request.approved", id).empty());
  CHECK(on.page.failed() > 0);
  on.revive();
  end_well(kit, id);
}

TEST_CASE("F8 the ledger's folder is mounted read-only under the service, and before it starts") {
  ServiceKit kit;
  auto const folder = "'" + kit.ledger().string() + "'";
  auto const side = "'" + (kit / "mounted").string() + "'";
  fs::create_directories(kit / "mounted");
  // Made read-only beside it, then laid over it at once: the folder itself is busy whenever the service writes. Flags
  // that a namespace above has locked must be named again, or the kernel says EPERM.
  auto const read_only = "mount --bind " + folder + " " + side + " && mount -o remount,bind,ro,nosuid,nodev,noexec " +
                         side + " && mount --bind " + side + " " + folder;
  // A process of the test holds the namespace: the service's own can't be entered where ptrace is forbidden. What is
  // mounted in it is gone with it.
  support::ServiceProcess holder(
      {"/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", "echo holds; exec sleep 600"},
      kit / "holder.log");
  REQUIRE(kit.wait([&] { return holder.ended() || holder.log_text().find("holds") != std::string::npos; }));
  std::vector<std::string> const enter = {"/usr/bin/nsenter", "-m", "-t", std::to_string(holder.pid())};
  auto const inside = [&](std::string const& command) {
    return support::run("nsenter -m -t " + enter.back() + " sh -c \"" + command + "\"");
  };
  if (auto const probe = inside(read_only); holder.ended() || probe.code != 0) {
    std::printf("SKIPPED: F8 by a real mount: this account may not mount in a namespace of its own: %s\n",
                (holder.log_text() + probe.out).c_str());
    return;
  }
  REQUIRE(inside("umount " + folder + " " + side).code == 0);
  auto words = kit.serve_words();
  words.insert(words.begin(), enter.begin(), enter.end());
  kit.start({.words = words});
  auto const id = kit.ask("witness"), denied = kit.ask("witness-two");
  for (auto const& one : {id, denied})  // nothing of theirs is under way any more
    REQUIRE(kit.wait([&] { return kit.entries("request.posted", one).size() == 1; }));
  auto const mounted = inside(read_only + " && ! touch " + folder + "/probe");
  CAPTURE(mounted.out);
  REQUIRE(mounted.code == 0);
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return !kit.whispers("U0BOB").empty(); }));
  CHECK(kit.press("U0BOB", denied, "deny"));
  CHECK(kit.wait([&] { return kit.state(denied) == "denied"; }));  // a no acts at once
  CHECK_FALSE(kit.ready());
  CHECK(kit.witnessed() == 0);
  CHECK(kit.entries("request.approved", id).empty());
  CHECK(kit.running());
  kit.kill();

  kit.start({.words = words, .wait_ready = false});  // the mount is still there
  CHECK(kit.wait_end() == 3);
  CHECK(kit.process().log_text().find("ledger.git") != std::string::npos);
  CHECK(kit.witnessed() == 0);

  kit.start();
  CHECK(kit.wait([&] { return kit.entries("request.denied", denied).size() == 1; }));
  end_well(kit, id);
}
