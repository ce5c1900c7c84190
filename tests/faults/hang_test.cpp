// F29: files that never answer (a dead network mount), below the released binary: each holds up who asks for it, and
// nobody else, not even the end.
#include "tests/faults/preloaded.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/service_kit.hpp"

using support::ServiceKit;
using namespace std::chrono_literals;

TEST_CASE("F29 T69 evidence and programs on a dead mount, again and again: the rest of the service works, and ends") {
  if (faults::skipped_in_depth("F29 a dead mount")) return;
  support::TempDir const place;
  auto const dead = (place / "dead").string();
  auto const runbook = [](std::string const& name, std::string const& program, std::string const& more) {
    return "  " + name + ":\n    summary: \"Leave nothing\"\n    risk: low\n    if_unanswered: \"nothing is left\"\n" +
           more + "    steps: [{name: leave, run: [\"" + program + "\"], timeout: 10s}]\n    policy: one-sre\n";
  };
  ServiceKit kit({.extra_runbooks = runbook("see-dead", "/bin/true", "    collect: [dead-file]\n    lock: see-dead\n") +
                                    runbook("run-dead", dead + "/program", "    lock: run-dead\n"),
                  .extra_collectors = "  dead-file: {file: {path: \"" + dead + "/web.log\", timeout: 1s}}\n"});
  kit.start({.environment = {{"LD_PRELOAD", FAULTS_HANG_SHIM}, {"FAULTS_DEAD", dead}}});

  // More than it has threads for any kind of work.
  for (int i = 0; i < 12; ++i) {
    auto const id = kit.post("see-dead");
    REQUIRE(kit.wait([&] { return kit.state(id) == "pending"; }));
  }
  std::vector<std::string> never;
  for (int i = 0; i < 12; ++i) never.push_back(kit.post("run-dead"));
  auto const id = kit.ask("witness");
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  for (auto const& one : never) CHECK(kit.wait([&] { return kit.state(one) == "voided"; }, 20s));
  auto const voided = kit.entries("request.voided", never.front());
  REQUIRE(voided.size() == 1);
  CHECK_THAT(core::dump(voided.front()), Catch::Contains("gave no answer within 10s"));

  CHECK(kit.stop() == 0);
  CHECK(kit.entries("service.stopped").size() == 1);
  CHECK(kit.ledger_problems() == "");
}
