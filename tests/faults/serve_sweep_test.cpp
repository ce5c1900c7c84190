// The released binary over sweep_shim.c: calls of the commit path fail while people click; clocks step; descriptors and
// memory run out. Afterwards the invariants hold and the service works again, by itself or at its next start.
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "tests/faults/fault_story.hpp"
#include "tests/faults/sweep_page.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/full.hpp"

using faults::SweepPage;
using support::ServiceKit;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

bool skipped(char const* name) {
  if (kSanitized) std::printf("SKIPPED: %s: a sanitizer must be loaded first, and so must the shim\n", name);
  return kSanitized;
}

struct Shimmed {
  ServiceKit kit;
  SweepPage page{kit / "page"};

  explicit Shimmed(support::KitOptions options = {}) : kit(std::move(options)) {}
  support::StartOptions options() const {
    return {.environment = {{"LD_PRELOAD", SWEEP_SHIM}, {"FAULTS_PAGE", (kit / "page").string()}}};
  }
  void start() { kit.start(options()); }
  // The service is there and takes requests again, at once or after a restart.
  void revive() {
    page.disarm();
    // A service that can't know what the disk holds says so and ends half a second later: until then it is up.
    auto const ending = [&] { return kit.process().log_text().find("\"stopping: ") != std::string::npos; };
    if (kit.wait([&] { return !kit.running() || (kit.ready() && !ending()); }, 12s) && kit.running()) return;
    if (kit.running()) kit.kill();
    start();
  }
};

// One request and one click while the index-th call fails; the judges afterwards.
std::string serve_point(Shimmed& on, long index, int error, bool for_ever) {
  auto& kit = on.kit;
  auto const before = kit.witnessed();
  auto const id = kit.ask("witness");
  on.page.arm(kit.ledger(), index, error, for_ever);
  auto const click = kit.click("U0BOB", id);
  if (!click) return "no button";
  static_cast<void>(kit.wait(
      [&] { return !kit.running() || faults::is_final(kit.state(id)) || !kit.whispers("U0BOB").empty(); }, 8s));
  on.revive();
  // What was not recorded may be asked again; what was, must come to its end.
  static_cast<void>(kit.wait([&] { return kit.state(id) != "approved" && kit.state(id) != "running"; }, 10s));
  auto const state = kit.state(id);
  auto const ran = kit.witnessed() - before;
  if (ran > 1) return "it ran " + std::to_string(ran) + " times";
  if (ran == 1 && kit.entries("request.approved", id).size() != 1) return "it ran without a recorded approval";
  if (state == "succeeded" && ran != 1) return "it succeeded without running";
  return kit.ledger_problems();
}

void serve_sweep(long every, int rounds) {
  Shimmed on;
  on.start();
  auto const id = on.kit.ask("witness");
  on.page.arm(on.kit.ledger(), -1, 0, false);
  CHECK(on.kit.press("U0BOB", id));
  REQUIRE(on.kit.wait([&] { return on.kit.state(id) == "succeeded"; }));
  auto const calls = on.page.seen();
  on.page.disarm();
  int points = 0;
  long number = 0;
  for (long index = 0; index < calls && points < rounds; ++index) {
    for (auto const error : {ENOSPC, EIO, static_cast<int>(SWEEP_SHORT)}) {
      if (number++ % every != 0) continue;
      CAPTURE(index, error);
      auto const wrong = serve_point(on, index, error, /*for_ever=*/number % 2 == 0);
      if (!wrong.empty()) FAIL_CHECK(wrong);
      ++points;
    }
  }
  std::printf("fault points of serve: %d over %ld calls\n", points, calls);
  CHECK(points >= std::min(rounds, 4));
  if (on.kit.running()) CHECK(on.kit.stop() == 0);
  CHECK(on.kit.ledger_problems() == "");
}

}  // namespace

TEST_CASE("F4 F5 F6 the released service survives failing calls under a click", "[.full]") {
  if (skipped("serve sweep")) return;
  serve_sweep(1, 200);
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
