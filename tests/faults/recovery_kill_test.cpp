// F2: killed while it recovers, again and again.
#include <csignal>

#include "tests/faults/fault_story.hpp"
#include "tests/support/catch.hpp"

using faults::Failpoint;
using support::ServiceKit;
namespace fs = std::filesystem;

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
