// The released binary over sweep_shim.c: calls of the commit path fail while people click; clocks step; descriptors and
// memory run out. Afterwards the invariants hold and the service works again, by itself or at its next start.
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <sstream>
#include <utility>

#include "tests/faults/fault_story.hpp"
#include "tests/faults/sweep_page.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/full.hpp"

using faults::skipped;
using faults::SweepPage;
using support::ServiceKit;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Shimmed {
  ServiceKit kit;
  SweepPage page{kit / "page"};

  explicit Shimmed(support::KitOptions options = {}) : kit(std::move(options)) {}
  support::StartOptions options() const {
    return {.environment = {{"LD_PRELOAD", SWEEP_SHIM}, {"FAULTS_PAGE", (kit / "page").string()}}};
  }
  void start() { kit.start(options()); }
  // In its own words: ready, and the ledger is written. A service that can't know what the disk holds says that it is
  // not, before it ends half a second later.
  bool writes() {
    auto const answer = kit.http("GET", "/readyz");
    return answer.status == 200 && answer.body["ledger"].text() == "writable";
  }
  // The service is there and takes requests again: by itself within `patience`, or after a restart. False: it was there
  // all that time and did not recover.
  bool revive(std::chrono::milliseconds patience = 12s) {
    page.disarm();
    bool const over = kit.wait([&] { return !kit.running() || writes(); }, patience);
    if (over && kit.running()) return true;
    if (kit.running()) static_cast<void>(kit.stop());
    if (kit.running()) kit.kill();
    start();
    return over;
  }
};

// One request after the other, each with a click while a call fails. A run is its request's by the word it leaves.
class ServeSweep {
 public:
  ServeSweep() { on_.start(); }

  // The calls under a click without a fault.
  std::vector<int> dry_run() {
    auto const id = ask("dry");
    on_.page.arm(kit_.ledger(), -1, 0, false);
    CHECK(kit_.press("U0BOB", id));
    REQUIRE(kit_.wait([&] { return kit_.state(id) == "succeeded"; }));
    std::vector<int> kinds;
    for (long i = 0; i < on_.page.seen(); ++i) kinds.push_back(on_.page.kind(i));
    on_.page.disarm();
    return kinds;
  }

  // What is wrong after one request and one click while the index-th call fails; empty: nothing.
  std::string point(long index, faults::Fault const& fault, bool for_ever) {
    auto const word = "p" + std::to_string(words_.size());
    auto const id = ask(word);
    auto const heard = kit_.whispers("U0BOB").size();
    on_.page.arm(kit_.ledger(), index, fault.error, for_ever);
    if (!kit_.click("U0BOB", id)) return "no button";
    static_cast<void>(kit_.wait(
        [&] { return !kit_.running() || faults::is_final(kit_.state(id)) || kit_.whispers("U0BOB").size() > heard; },
        8s));
    on_.page.disarm();
    auto const hit = on_.page.failed() > 0;
    failed_ += hit ? 1 : 0;
    // Space comes back by itself; what else is wrong with a disk somebody has to look at.
    bool const by_itself = fault.error == ENOSPC || fault.error == SWEEP_SHORT || !hit;
    if (!on_.revive(by_itself ? 12s : 0s) && by_itself) return "it did not go on by itself";
    // What was not recorded may be asked again; what was, comes to its end.
    std::string state;
    static_cast<void>(kit_.wait(
        [&] {
          if (!kit_.running()) on_.start();  // what failed last
          state = kit_.state(id);
          if (state == "pending" && !kit_.press("U0CAROL", id)) return false;
          return faults::is_final(state);
        },
        20s));
    if (!faults::is_final(state)) return "it did not come to an end: " + state;
    if (hit && on_.page.kind(index) == SWEEP_SYNC && fault.error == EIO) {  // for want of space nothing is in doubt
      auto const before = std::exchange(recovered_, kit_.entries("ledger.recovered").size());
      if (recovered_ == before) return "a failed sync was passed over";
    }
    auto const entries = kit_.entries({}, id);
    auto const wrong = faults::broken_request(entries, runs()[word]);
    if (wrong.empty()) return kit_.ledger_problems();
    std::string kinds;
    for (auto const& entry : entries) kinds += entry["kind"].text() + " ";
    return wrong + id + " is " + state + ": " + kinds + "\n" + kit_.process().log_text();
  }

  // Of all requests, now that nothing more happens: what came late was seen at no point.
  std::string last_look() {
    std::string wrong;
    static_cast<void>(on_.revive());
    if (kit_.stop() != 0) wrong += "it did not stop\n";
    std::map<std::string, std::vector<core::Json>> entries;
    for (auto& entry : kit_.entries()) {
      auto const id = entry["request"].text();
      if (!id.empty()) entries[id].push_back(std::move(entry));
    }
    auto left = runs();
    for (auto const& [id, word] : words_) {
      auto const found = faults::broken_request(entries[id], left[word]);
      if (!found.empty()) wrong += id + ": " + found;
      left.erase(word);
    }
    for (auto const& [word, count] : left) wrong += word + " was left by no request\n";
    return wrong + kit_.ledger_problems();
  }
  long failed() const { return failed_; }

 private:
  // Until its message has buttons. What failed last may still end the service, or void what it had accepted.
  std::string ask(std::string const& word) {
    std::string id;
    int tries = 0;
    bool const posted = kit_.wait(
        [&] {
          if (!kit_.running()) on_.start();
          if (!id.empty() && faults::is_final(kit_.state(id))) id.clear();
          if (id.empty()) {
            auto const answer = kit_.http("POST", "/v1/requests",
                                          core::Json::object({{"runbook", "witness"},
                                                              {"parameters", core::Json::object({{"word", word}})},
                                                              {"reason", "the line is missing"},
                                                              {"channels", core::Json::array({"incidents"})},
                                                              {"idempotency_key", word + std::to_string(tries++)}}));
            if (answer.status == 503) static_cast<void>(on_.revive());  // what failed last shut it
            if (answer.status != 202) return false;
            id = answer.body["id"].text();
          }
          auto const card = kit_.chat().card(id);
          return card && card->open;
        },
        40s);
    if (!posted) throw std::runtime_error("no message for " + word + ":\n" + kit_.process().log_text());
    words_.emplace_back(id, word);
    return id;
  }
  std::map<std::string, long> runs() const {
    std::map<std::string, long> counts;
    std::istringstream lines(kit_.witness_text());
    for (std::string line; std::getline(lines, line);) ++counts[line];
    return counts;
  }

  Shimmed on_;
  ServiceKit& kit_ = on_.kit;
  std::vector<std::pair<std::string, std::string>> words_;  // request and what its run leaves
  std::size_t recovered_ = 0;
  long failed_ = 0;
};

// Every second call, from the first or the second on; some minutes, because what lacked space is tried again after 5 s.
void serve_sweep(std::size_t first) {
  if (skipped("serve sweep")) return;
  auto const kinds = ServeSweep().dry_run();
  std::map<std::string, long> by_fault;
  long points = 0, failed = 0, calls = 0;
  constexpr std::size_t kCalls = 8;  // a service for a few of them: each look at its ledger stays short
  for (std::size_t begin = first; begin < kinds.size(); begin += kCalls) {
    ServeSweep sweep;
    for (std::size_t index = begin; index < std::min(begin + kCalls, kinds.size()); index += 2) {
      ++calls;
      // EIO once, and in turn one of the other ways, once or for ever: all of them at each call has
      // release_sweep_test.cpp.
      auto const ways = faults::faults_of(kinds[index]);
      auto const turn = index / 2, others = ways.size() - 1;
      for (auto const& [fault, for_ever] :
           {std::pair{ways[0], false}, std::pair{ways[1 + turn % others], turn / others % 2 == 1}}) {
        CAPTURE(index, kinds[index], fault.name, for_ever);
        auto const wrong = sweep.point(static_cast<long>(index), fault, for_ever);
        if (!wrong.empty()) FAIL_CHECK(wrong);
        ++points;
        ++by_fault[fault.name];
      }
    }
    CHECK(sweep.last_look() == "");
    failed += sweep.failed();
  }
  std::string list;
  for (auto const& [name, count] : by_fault) list += (list.empty() ? "" : ", ") + name + " " + std::to_string(count);
  std::printf("fault points of serve: %ld over %ld of %zu calls (%s); a call failed in %ld of them\n", points, calls,
              kinds.size(), list.c_str(), failed);
  CHECK(calls > 10);
  CHECK(failed > points * 3 / 5);
}

}  // namespace

TEST_CASE("F4 F5 F6 the released service survives failing calls under a click (1 of 2)", "[.full][serve-sweep]") {
  serve_sweep(0);
}
TEST_CASE("F4 F5 F6 the released service survives failing calls under a click (2 of 2)", "[.full][serve-sweep]") {
  serve_sweep(1);
}

TEST_CASE("the judge of the sweep sees what must not be") {
  auto const entry = [](std::string const& kind, core::Json result = {}) {
    return core::Json::object({{"kind", kind}, {"data", core::Json::object({{"result", std::move(result)}})}});
  };
  auto const approved = entry("request.approved"), started = entry("run.started"),
             done = entry("run.finished", core::Json::object({{"state", "succeeded"}, {"cause", nullptr}})),
             not_started =
                 entry("run.finished", core::Json::object({{"state", "interrupted"}, {"cause", "not_started"}}));
  using faults::broken_request;
  CHECK(broken_request({approved, started, done}, 1) == "");
  CHECK(broken_request({entry("request.voided")}, 0) == "");
  CHECK(broken_request({approved, not_started}, 0) == "");
  CHECK(broken_request({approved, started, done}, 2) != "");
  CHECK(broken_request({approved, started, done}, 0) != "");
  CHECK(broken_request({approved, started, started, done}, 1) != "");
  CHECK(broken_request({approved, approved, started, done}, 1) != "");
  CHECK(broken_request({started, approved, done}, 1) != "");
  CHECK(broken_request({started, done}, 1) != "");
  CHECK(broken_request({approved, started}, 1) != "");
  CHECK(broken_request({approved, done}, 1) != "");
  CHECK(broken_request({approved, not_started}, 1) != "");
  CHECK(broken_request({entry("request.voided")}, 1) != "");
}

TEST_CASE("F11 clock steps of a second, an hour and a year, forward and back: nothing is revived, nothing stops") {
  if (skipped("F11")) return;
  auto const step = GENERATE(from_range(support::full() ? std::vector<long>{1, -1, 3600, -3600, 31'536'000, -31'536'000}
                                                        : std::vector<long>{-31'536'000}));
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

TEST_CASE("F9 no descriptor is left: new work is refused, nothing is half done, and it goes on when there are some",
          "[.full]") {
  if (skipped("F9")) return;
  Shimmed on;
  on.start();
  auto& kit = on.kit;
  auto const id = kit.ask("witness");
  on.page.arm(kit.ledger(), 0, EMFILE, /*for_ever=*/true);
  auto const click = kit.click("U0BOB", id);
  REQUIRE(click);
  static_cast<void>(kit.wait([&] { return !kit.running() || !kit.whispers("U0BOB").empty(); }, 8s));
  CHECK(kit.witnessed() == 0);
  CHECK(kit.entries("request.approved", id).empty());
  on.revive();
  CHECK(kit.press("U0CAROL", id));
  CHECK(kit.wait([&] { return faults::is_final(kit.state(id)); }));
  CHECK(kit.witnessed() <= 1);
  if (kit.running()) CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("F10 memory runs out: a clean end or an error, no half decision, and the next start goes on", "[.full]") {
  if (skipped("F10")) return;
  Shimmed on;
  on.start();
  auto& kit = on.kit;
  auto const id = kit.ask("witness");
  rlimit const little{1 << 20, RLIM_INFINITY}, plenty{RLIM_INFINITY, RLIM_INFINITY};
  REQUIRE(::prlimit(kit.pid(), RLIMIT_AS, &little, nullptr) == 0);  // no page more than it has
  static_cast<void>(kit.click("U0BOB", id));
  for (int i = 0; i < 20 && kit.running(); ++i) static_cast<void>(kit.http("GET", "/v1/requests/" + id));
  if (kit.running()) ::prlimit(kit.pid(), RLIMIT_AS, &plenty, nullptr);
  on.revive();
  static_cast<void>(kit.wait([&] { return kit.state(id) != "approved" && kit.state(id) != "running"; }, 10s));
  if (kit.state(id) == "pending") {
    CHECK(kit.press("U0CAROL", id));
    CHECK(kit.wait([&] { return faults::is_final(kit.state(id)); }));
  }
  CHECK(kit.witnessed() <= 1);
  if (kit.running()) CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("F7 what a killed process leaves behind in the ledger is cleaned away, and a live writer is not disturbed") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  kit.kill();
  auto const packs = kit.ledger() / "objects/pack";
  support::write_file(kit.ledger() / "refs/heads/main.lock", "half");
  support::write_file(packs / "tmp_pack_1", "PACK");
  support::write_file(packs / "tmp_idx_1", "");
  support::write_file(packs / ("pack-" + std::string(40, 'a') + ".pack"), "PACK half of it");
  kit.start();
  CHECK_FALSE(fs::exists(kit.ledger() / "refs/heads/main.lock"));
  CHECK_FALSE(fs::exists(packs / "tmp_pack_1"));
  CHECK_FALSE(fs::exists(packs / "tmp_idx_1"));
  CHECK_FALSE(fs::exists(packs / ("pack-" + std::string(40, 'a') + ".pack")));
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("F8 a ledger that became read-only under the service: nothing is approved, and it recovers at the next start",
          "[.full]") {
  if (skipped("F8")) return;
  Shimmed on;
  on.start();
  auto& kit = on.kit;
  auto const id = kit.ask("witness");
  on.page.arm(kit.ledger(), 0, EROFS, /*for_ever=*/true);
  REQUIRE(kit.click("U0BOB", id));
  CHECK(kit.wait([&] { return !kit.running() || !kit.whispers("U0BOB").empty(); }, 8s));
  CHECK(kit.witnessed() == 0);
  CHECK(kit.entries("request.approved", id).empty());
  on.revive();
  if (kit.state(id) == "pending") CHECK(kit.press("U0CAROL", id));
  CHECK(kit.wait([&] { return faults::is_final(kit.state(id)); }));
  if (kit.running()) CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}
