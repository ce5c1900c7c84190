// F2: killed while it recovers, again and again.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

#include "ledger/state.hpp"
#include "tests/faults/fault_story.hpp"
#include "tests/faults/sweep_judge.hpp"
#include "tests/faults/sweep_page.hpp"
#include "tests/support/catch.hpp"

using faults::Failpoint;
using support::ServiceKit;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr int kKilled = 128 + SIGKILL;

// What a service leaves behind whose disk failed to sync an approval while a run was under way. Each life of the next
// ones begins with a copy of it.
class AfterFailure {
 public:
  // `moved`: the branch, to what was never promised.
  explicit AfterFailure(bool moved) {
    kit_.start(over_shim());
    held_ = kit_.ask("witness-hold");
    REQUIRE(kit_.press("U0BOB", held_));
    REQUIRE(kit_.wait([&] { return kit_.witnessed() == 1; }));
    pending_ = kit_.ask("witness-two");
    REQUIRE(kit_.wait([&] { return kit_.entries("request.posted", pending_).size() == 1; }));
    // Of the branch alone, whose calls come in one order whatever else the writer does.
    auto const branch = kit_.ledger() / "refs" / "heads";
    page_.arm(branch, -1, 0, false);
    REQUIRE(kit_.press("U0BOB", pending_));
    std::vector<long> syncs;
    for (long i = 0; i < page_.seen(); ++i) {
      if (page_.kind(i) == SWEEP_SYNC) syncs.push_back(i);
    }
    REQUIRE(syncs.size() == 2);  // before it moves, and after
    page_.arm(branch, moved ? syncs.back() : syncs.front(), EIO, false);
    REQUIRE(kit_.click("U0CAROL", pending_));
    REQUIRE(kit_.wait_end() == 3);
    page_.disarm();
    auto const marker = ledger::StateDir::open(kit_.state_dir(), kit_ / "side").value().fsync_failed().value();
    REQUIRE(marker);
    for (auto const& entry : kit_.entries()) {
      bool const promised = static_cast<std::uint64_t>(entry["seq"].integer()) <= marker->acknowledged.seq;
      (promised ? promised_ : dropped_).push_back(entry["commit"].text());
    }
    REQUIRE(promised_.back() == marker->acknowledged.commit);
    REQUIRE(dropped_.size() == (moved ? 1U : 0U));
    fs::create_directory(kit_ / "prepared");
    copy(kit_.dir(), kit_ / "prepared");
  }

  void prepare() {
    for (auto const* const name : kParts) fs::remove_all(kit_ / name);
    copy(kit_ / "prepared", kit_.dir());
  }

  // One start, killed before its nth call on a file of ours (-1: never). Its exit code; -1: it recovered before that.
  int live(long nth) {
    page_.arm(kit_.dir(), nth, SWEEP_KILL, false);
    auto options = over_shim();
    options.wait_ready = false;
    kit_.start(options);
    calls_ = 0;
    REQUIRE(kit_.wait(
        [&] {
          if (!kit_.running()) return true;
          if (fs::exists(marker())) return false;
          if (calls_ == 0) calls_ = page_.seen();
          return kit_.ready();
        },
        60s));
    page_.disarm();
    if (!kit_.running()) return kit_.wait_end();
    auto const code = kit_.stop();  // killed between the two after all
    return code == 0 ? -1 : code;
  }
  long calls() const { return calls_; }  // of the last life, until its marker was gone

  // The marker can't be removed in this one; what was asked and acknowledged meanwhile.
  std::vector<std::string> live_under_the_marker() {
    page_.arm(marker(), 0, EACCES, /*for_ever=*/true);
    auto options = over_shim();
    options.wait_ready = false;
    kit_.start(options);
    std::vector<std::string> acknowledged;
    REQUIRE(kit_.wait(
        [&] {
          if (!kit_.running()) return true;
          auto const answer = kit_.http("POST", "/v1/requests",
                                        core::Json::object({{"runbook", "witness"},
                                                            {"reason", "the line is missing"},
                                                            {"channels", core::Json::array({"incidents"})}}));
          if (answer.status == 202) acknowledged.push_back(answer.body["id"].text());
          return false;
        },
        60s));
    CHECK(kit_.wait_end() == 3);
    CHECK(page_.failed() > 0);
    page_.disarm();
    CHECK(fs::exists(marker()));
    CHECK(kit_.process().log_text().find(marker().string()) != std::string::npos);
    return acknowledged;
  }

  // What is wrong after a start that nobody kills; empty: nothing.
  std::string judge() {
    try {
      kit_.start({.limit = 60s});
    } catch (std::exception const& error) {
      return std::string("no start: ") + error.what();
    }
    bool const recovered = kit_.wait([&] {
      return !fs::exists(marker()) && kit_.state(pending_) == "voided" && kit_.state(held_) == "interrupted";
    });
    if (!recovered) return "it did not recover: " + kit_.process().log_text();
    if (kit_.stop() != 0) return "it does not stop";
    auto const recoveries = kit_.entries("ledger.recovered"), ends = kit_.entries("run.finished");
    if (recoveries.size() != 1) return std::to_string(recoveries.size()) + " recoveries are on record";
    if (ends.size() != 1 || ends.front()["data"]["result"]["cause"].text() != "crash")
      return "the run that was cut off has another end";
    if (kit_.witnessed() != 1) return "something ran";
    if (fs::exists(kit_.ledger() / "countersign-suspects")) return "what was dropped still lies there";
    auto const named = core::dump(recoveries.front()["data"]["dropped"]);
    for (auto const& commit : dropped_) {
      if (named.find(commit) == std::string::npos) return "the dropped entry is not named";
    }
    return faults::broken_ledger(kit_.ledger(), kit_.pin(), [&](std::vector<core::StoredEntry> const& all) {
      for (std::size_t i = 0; i < promised_.size(); ++i) {
        if (i >= all.size() || all[i].commit != promised_[i]) return "entry " + std::to_string(i) + " is gone";
      }
      bool const back = std::ranges::any_of(
          all, [&](auto const& stored) { return std::ranges::find(dropped_, stored.commit) != dropped_.end(); });
      return std::string(back ? "what was never promised is there" : "");
    });
  }

 private:
  static constexpr char const* kParts[] = {"ledger.git", "state", "side"};

  support::StartOptions over_shim() const {
    return {.environment = {{"LD_PRELOAD", SWEEP_SHIM}, {"FAULTS_PAGE", (kit_ / "page").string()}}};
  }
  fs::path marker() const { return kit_.state_dir() / "fsync-failed"; }
  static void copy(fs::path const& from, fs::path const& to) {
    std::string parts;
    for (auto const* const name : kParts) parts += "'" + (from / name).string() + "' ";
    REQUIRE(support::run("cp -a " + parts + "'" + to.string() + "'").code == 0);  // sockets, too
  }

  ServiceKit kit_;
  faults::SweepPage page_{kit_ / "page"};
  std::string held_, pending_;
  std::vector<std::string> promised_, dropped_;  // commits
  long calls_ = 0;
};

// A start is killed before each of its calls until one recovers first; every third is killed once more, somewhere.
// `places`: so many, spread over all; 0: every one.
void sweep(bool moved, long places) {
  if (faults::skipped_in_depth("F2 a recovery that is killed at a call")) return;
  faults::prefer_memory();
  constexpr long kPointsAKit = 150;  // what its Slack remembers makes it slow
  auto on = std::make_unique<AfterFailure>(moved);
  on->prepare();
  REQUIRE(on->live(-1) == -1);
  auto const calls = on->calls(), step = places == 0 ? 1 : calls / places;
  REQUIRE(step > 0);
  CHECK(on->judge() == "");
  long points = 0, killed = 0, twice = 0;
  for (long nth = 0; nth < (places == 0 ? long{SWEEP_CALLS} : calls); nth += step) {
    CAPTURE(moved, nth, calls);
    on->prepare();
    auto const code = on->live(nth);
    CHECK((code == kKilled || code == -1));
    killed += code == kKilled ? 1 : 0;
    if (code == kKilled && points % 3 == 0) {
      auto const again = (nth * 31 + calls / 2) % calls;
      CAPTURE(again);
      auto const second = on->live(again);
      CHECK((second == kKilled || second == -1));
      twice += second == kKilled ? 1 : 0;
    }
    if (auto const wrong = on->judge(); !wrong.empty()) FAIL_CHECK(wrong);
    if (code != kKilled && places == 0) break;
    if (++points % kPointsAKit == 0) on = std::make_unique<AfterFailure>(moved);
  }
  std::printf("F2: killed at %ld of %ld calls of a recovery, after %ld of them once more\n", killed, calls, twice);
  CHECK(killed >= (places == 0 ? calls : places) / 2);
  CHECK(twice > killed / 6);
}

}  // namespace

TEST_CASE("F2 a recovery from a failed sync is killed at its calls, and again: nothing promised is lost: a sample") {
  sweep(true, 12);
}

TEST_CASE("F2 a recovery from a failed sync is killed at every call, and again: nothing promised is lost",
          "[.full][recovery-sweep]") {
  sweep(true, 0);
}
TEST_CASE("F2 the same where the branch had not moved yet: a sample", "[.full][recovery-sweep]") { sweep(false, 60); }

TEST_CASE(
    "F2 F8 the marker of a failed sync can't be removed: nothing is acknowledged under it, the next start recovers") {
  if (faults::skipped_in_depth("F2 F8 a marker that can't be removed")) return;
  AfterFailure on(true);
  CHECK(on.live_under_the_marker() == std::vector<std::string>{});
  CHECK(on.judge() == "");
}

TEST_CASE("F2 killed three times over while it recovers, at each step of the writing: the recovery comes to its end",
          "[.full]") {
  auto const point = GENERATE(3, 4, 5, 6, 7, 8);
  CAPTURE(point);
  ServiceKit kit;
  kit.start();
  auto const held = kit.ask("witness-hold"), pending = kit.ask("witness");
  CHECK(kit.press("U0BOB", held));
  REQUIRE(kit.wait([&] { return kit.witnessed() == 1; }));
  kit.kill_both();  // a run is cut off: the next start has to record its end
  for (int depth = 1; depth <= 3; ++depth) {
    CAPTURE(depth);
    fs::remove(kit.state_dir() / "failpoints.hit");
    // From K7 on the end of the run, in one commit with the start, is durable when the first one dies.
    char const* const what = point == 3 ? "*" : depth == 2 && point < 7 ? "run.finished" : "service.started";
    Failpoint const fail(kit, "serve", point, what, depth == 3 ? "both" : "serve");
    auto options = fail.start();
    options.wait_ready = false;
    kit.start(options);
    CHECK(kit.wait_end() == 128 + SIGKILL);
    REQUIRE(fail.hit());
  }
  kit.start();
  CHECK(kit.state(held) == "interrupted");
  CHECK(kit.entries("run.finished", held).size() == 1);
  CHECK(kit.state(pending) == "pending");
  CHECK(kit.press("U0CAROL", pending));
  CHECK(kit.wait([&] { return kit.state(pending) == "succeeded"; }));
  CHECK(kit.witnessed() == 2);
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}
