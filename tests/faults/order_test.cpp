// What must come before what, and what must happen once.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>

#include "tests/faults/fault_story.hpp"
#include "tests/faults/preloaded.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/teams_floor.hpp"

using faults::Failpoint;
using support::ServiceKit;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// CAP_SYS_PTRACE, which root in a container may lack.
bool may_trace_all() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("CapEff:")) return (std::stoull(line.substr(7), nullptr, 16) >> 19 & 1) != 0;
  }
  return false;
}

}  // namespace

TEST_CASE("T10 no step is executed before approval and start are synced, as the kernel saw it") {
  if (faults::skipped("T10 as the kernel saw it")) return;
  // The service hides its memory from other processes of its account: only who may trace all in its namespace sees
  // which file is meant.
  std::string const inside = may_trace_all() ? "" : "unshare --map-root-user ";
  if (support::run(inside + "strace -f -e trace=execve /bin/true").code != 0) {
    std::puts("SKIPPED: T10 as the kernel saw it: strace can't trace processes here");
    return;
  }
  ServiceKit kit;
  auto const trace = (kit / "trace").string();
  // -D: the service stays our child. The runner is followed too.
  auto words = kit.serve_words();
  std::vector<std::string> traced{"/usr/bin/strace",
                                  "-D",
                                  "-f",
                                  "-qq",
                                  "-y",
                                  "-s",
                                  "300",
                                  "-o",
                                  trace,
                                  "-e",
                                  "trace=execve,execveat,fsync,fdatasync,rename,renameat,renameat2"};
  if (!inside.empty()) traced.insert(traced.begin(), {"/usr/bin/unshare", "--map-root-user"});
  traced.insert(traced.end(), words.begin(), words.end());
  kit.start({.words = traced, .limit = 60s});
  auto const id = kit.ask("witness");
  REQUIRE(kit.press("U0BOB", id));
  REQUIRE(kit.wait([&] { return kit.state(id) == "succeeded"; }, 30s));
  CHECK(kit.stop() == 0);
  // Syncs of the branch's folder before the step began: request.approved and run.started are the last two entries
  // that the ledger holds by then; each has had its own.
  std::ifstream in(trace);
  int renames = 0, syncs = 0, execs = 0;  // a rename counts from its begin, a sync from its end
  std::set<std::string> under_way;        // threads inside such an fsync
  for (std::string line; std::getline(in, line);) {
    // Steps alone are run by descriptor, and this configuration has but one.
    bool const execution = line.find("execveat(") != std::string::npos;
    if (line.find("rename") != std::string::npos && line.find("refs/heads/main\"") != std::string::npos) ++renames;
    auto const thread = line.substr(0, line.find(' '));
    if (line.find("fsync(") != std::string::npos && line.find("refs/heads>") != std::string::npos) {
      if (line.find("<unfinished") == std::string::npos)
        ++syncs;
      else
        under_way.insert(thread);
    } else if (line.find("fsync resumed") != std::string::npos && under_way.erase(thread) != 0) {
      ++syncs;
    }
    if (!execution) continue;
    ++execs;
    CHECK(syncs == renames);  // nothing was only half way to the disk
  }
  CHECK(execs >= 1);
  CHECK(renames >= 2);
  auto const entries = kit.entries();
  auto const seq = [&](char const* kind) {
    auto const found = std::ranges::find_if(entries, [&](auto const& entry) { return entry["kind"].text() == kind; });
    return found == entries.end() ? -1 : (*found)["seq"].integer();
  };
  CHECK(seq("request.approved") > 0);
  CHECK(seq("run.started") > seq("request.approved"));
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("F23 K2 comes after K8, or before it only past 2.0 s") {
  auto const point = GENERATE(4, 6, 7);
  ServiceKit kit;
  Failpoint const fail(kit, "serve", point, "request.approved", "pause");
  kit.start(fail.start());
  auto const id = kit.ask("witness");
  auto const click = kit.click("U0BOB", id);
  REQUIRE(click);
  REQUIRE(kit.wait([&] { return fail.hit(); }));
  using State = playground::Interaction::State;
  REQUIRE(kit.wait([&] { return kit.slack().interaction(*click)->state != State::sent; }));
  CHECK(kit.slack().interaction(*click)->state == State::acked);
  CHECK(kit.slack().interaction(*click)->ack_time >= 1990ms);
  REQUIRE(kit.wait([&] { return !kit.whispers("U0BOB").empty(); }));
  CHECK(kit.whispers("U0BOB").front().find("till being recorded") != std::string::npos);
  CHECK(kit.witnessed() == 0);
  fail.release();
  REQUIRE(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  CHECK(kit.wait([&] { return kit.whispers("U0BOB").size() == 2; }));  // and then how it ended
  CHECK(kit.witnessed() == 1);
}

TEST_CASE("F23 killed after a late answer: a lost approval was not claimed, a no is kept and recorded once") {
  auto const platform = GENERATE(support::Platform::slack, support::Platform::teams);
  // At 7 the entry is in the ledger when the service is killed: it counts, and the kept no must not count again.
  auto const [point, verb] =
      GENERATE(table<int, std::string>({{4, "approve"}, {6, "approve"}, {4, "deny"}, {6, "deny"}, {7, "deny"}}));
  CAPTURE(static_cast<int>(platform), point, verb);
  ServiceKit kit({.platforms = {platform}});
  auto& chat = kit.chat();
  Failpoint const fail(kit, "serve", point, verb == "deny" ? "request.denied" : "request.approved", "pause");
  kit.start(fail.start());
  REQUIRE(chat.wait_connected());
  auto const id = kit.ask("witness");
  REQUIRE(chat.click("bob", id, verb));
  REQUIRE(kit.wait([&] { return fail.hit(); }));
  auto const told = [&](std::string_view words) {
    auto all = chat.told("bob");
    if (platform == support::Platform::teams) {  // its answer to a click is a text of its own
      for (auto const& delivery : dynamic_cast<support::TeamsFloor&>(chat).stand_in().deliveries())
        all.push_back(delivery.answer["value"].text());
    }
    return std::ranges::any_of(all, [&](auto const& text) { return text.find(words) != std::string::npos; });
  };
  REQUIRE(kit.wait([&] { return told("till being recorded"); }));
  CHECK(told(verb == "deny" ? "it holds" : "Until then it does not count"));
  kit.kill();
  kit.start();
  if (verb == "approve") {
    CHECK(kit.state(id) == "pending");
    CHECK(kit.entries("vote.approve", id).empty());
    CHECK(kit.entries("request.approved", id).empty());
    CHECK(kit.witnessed() == 0);
    CHECK_FALSE(told("is approved"));
    REQUIRE(chat.wait_connected());
    CHECK(chat.press("bob", id));  // and may be given again
    CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  } else {
    CHECK(kit.wait([&] { return kit.state(id) == "denied"; }));
    CHECK(kit.wait([&] { return told("before the service was restarted"); }));
    CHECK(kit.wait([&] { return kit.entries("request.posted", id).size() == 2; }));  // the outcome, too
    CHECK(kit.stop() == 0);
    kit.start();
    CHECK(kit.entries("request.denied", id).size() == 1);
    CHECK(kit.entries("vote.refused").empty());
    CHECK(kit.witnessed() == 0);
  }
  CHECK(faults::broken_invariants(kit, id) == "");
}

TEST_CASE("T20 a program that was swapped after the approval is refused, and nothing ran") {
  ServiceKit kit;
  Failpoint const fail(kit, "serve", 8, "request.approved", "pause");
  kit.start(fail.start());
  auto const id = kit.ask("witness");
  REQUIRE(kit.click("U0BOB", id));
  REQUIRE(kit.wait([&] { return fail.hit(); }));
  auto const fresh = kit / "bin/fresh";
  fs::copy_file(kit.witness_program(), fresh);
  std::ofstream(fresh, std::ios::app | std::ios::binary) << "another";
  fs::rename(fresh, kit.witness_program());
  fail.release();
  REQUIRE(kit.wait([&] { return kit.state(id) == "failed"; }));
  CHECK(kit.witnessed() == 0);
  auto const finished = kit.entries("run.finished", id);
  REQUIRE(finished.size() == 1);
  CHECK(core::dump(finished.front()).find("refused_by_runner") != std::string::npos);
  CHECK(kit.wait([&] { return kit.replies(id, "<@U0ALICE>").size() == 1; }));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("a second service on the same state or ledger is refused with words, and the first goes on") {
  ServiceKit kit;
  kit.start();
  support::ServiceProcess second(kit.serve_words(), kit / "second.log");
  REQUIRE(kit.wait([&] { return second.ended(); }, 30s));
  CHECK(second.exit_code() == 3);
  CHECK(second.log_text().find("another") != std::string::npos);
  CHECK(kit.ready());
  auto const id = kit.ask("witness");
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
}

TEST_CASE("a runner that is killed while idle comes back, and approvals work") {
  ServiceKit kit;
  kit.start();
  auto const first = kit.runner_pid();
  REQUIRE(first != 0);
  auto const id = kit.ask("witness");
  kit.kill_runner();
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  CHECK(kit.runner_pid() != first);
  CHECK(faults::broken_invariants(kit, id) == "");
}
