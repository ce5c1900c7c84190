// Design, section 9: what a reload changes, what it leaves, and that a restart with another file is one.
#include "tests/integration/service/service.hpp"
#include "tests/support/catch.hpp"

using namespace service;
using namespace std::chrono_literals;

TEST_CASE("a reload is on record before its effects, voids what it changed alone, and names what needs a restart") {
  ServiceKit kit;
  kit.start();
  auto const changed = kit.ask("witness"), same = kit.ask("witness-two");
  auto const port = kit.port();
  edit(kit, "  one-sre:\n    request: [dev, sre, pipelines, triggers]",
       "  one-sre:\n    request: [dev, sre, triggers]");
  edit(kit, "listen: \"127.0.0.1:0\"", "listen: \"127.0.0.1:1\"");
  edit(kit, "/ledger.git\"", "/another.git\"");
  edit(kit, "/bot_token\"", "/bot_token_elsewhere\"");
  edit(kit, "requests_per_second: 100000", "requests_per_second: 99999");
  edit(kit, "version: 1", "version: 1\nrunners: {nobody: {socket: /tmp/cs-not-yet.sock}}");
  REQUIRE(reload(kit));
  REQUIRE(kit.wait([&] { return kit.state(changed) == "voided"; }));  // and so the listener is where it was
  CHECK(kit.port() == port);
  CHECK(kit.state(same) == "pending");
  CHECK_FALSE(std::filesystem::exists(kit / "another.git"));
  auto const told = kit.process().line("changed in the file, but in force only after a restart");
  REQUIRE(told);
  CHECK((*told)["keys"].text() == "ledger.path, runners, api.listen, api, chat");
  auto const loaded = kit.entries("config.loaded").back(), voided = kit.entries("request.voided", changed).front();
  CHECK(loaded["seq"].integer() < voided["seq"].integer());
  CHECK(kit.press("U0BOB", same));
  CHECK(kit.press("U0CAROL", same));
  CHECK(kit.wait([&] { return kit.state(same) == "succeeded"; }));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("a restart with another file counts as a reload, and what expired meanwhile is expired at the start",
          "[.full]") {
  ServiceKit kit;
  kit.start();
  auto const changed = kit.ask("witness"), same = kit.ask("witness-two"), brief = kit.ask("witness-short");
  auto const loaded = count(kit, "config.loaded");
  auto const expires = core::parse_time(kit.view(brief)["expires_at"].text()).value();
  kit.kill();
  edit(kit, "  one-sre:\n    request: [dev, sre, pipelines, triggers]",
       "  one-sre:\n    request: [dev, sre, triggers]");
  REQUIRE(kit.wait([&] { return std::chrono::system_clock::now() > expires; }));
  kit.start();
  CHECK(count(kit, "config.loaded") == loaded + 1);
  CHECK(kit.wait([&] { return kit.state(changed) == "voided"; }));
  CHECK(kit.state(same) == "pending");
  REQUIRE(kit.wait([&] { return kit.state(brief) == "expired"; }));
  CHECK(core::parse_time(kit.entries("request.expired", brief).front()["time"].text()).value() >= expires);
  CHECK(kit.witnessed() == 0);
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}
