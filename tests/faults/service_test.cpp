// Faults that need no failpoint: the binary as it is released.
#include "tests/support/catch.hpp"
#include "tests/support/service_kit.hpp"

using support::ServiceKit;
using namespace std::chrono_literals;

TEST_CASE("the kit tells the whole story once") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  CHECK(kit.press("U0BOB", id));
  REQUIRE(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  CHECK(kit.witness_text() == "done\n");
  CHECK(kit.wait([&] { return kit.replies(id, "succeeded").size() == 1; }));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
  CHECK(kit.entries("run.finished", id).size() == 1);
}
