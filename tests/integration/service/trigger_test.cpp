// A trigger's whole way through the real service: probe, noise control, case and request, recovery; what is held back
// comes late and not never, and a restart or a reload changes nothing of that.
#include "tests/integration/service/service.hpp"

namespace {

using namespace service;

// A service that is well while a file exists, and the triggers that watch it.
struct Watched {
  support::TempDir dir;
  std::filesystem::path const file = dir / "well";

  Watched() { up(); }
  void up() const { support::write_file(file, "well"); }
  void down() const { std::filesystem::remove(file); }

  std::string trigger(std::string const& name, std::string const& noise, std::string const& more = {}) const {
    return "  " + name + ": {probe: {command: [/usr/bin/test, -e, \"" + file.string() +
           "\"], every: 50ms, timeout: 5s, failures: 2}, labels: {service: web}, noise: {dedupe: [service], " + noise +
           "}" + more + "}\n";
  }
};

std::vector<Json> opened(ServiceKit const& kit, std::string const& trigger = "door") {
  std::vector<Json> found;
  for (auto& entry : kit.entries("case.opened")) {
    if (entry["actor"].text() == "trigger:" + trigger) found.push_back(std::move(entry));
  }
  return found;
}

bool opens(ServiceKit& kit, std::size_t cases, std::string const& trigger = "door") {
  return kit.wait([&] { return opened(kit, trigger).size() == cases; });
}

bool closes(ServiceKit& kit, std::size_t cases) {
  return kit.wait([&] { return count(kit, "case.closed") == cases; });
}

bool held_back(ServiceKit& kit, std::string const& trigger = "door", std::string const& why = "cooldown") {
  return kit.wait([&] {
    return std::ranges::any_of(kit.process().log(), [&](Json const& line) {
      return line["message"].text() == "a signal was held back" && line["trigger"].text() == trigger &&
             line["why"].text() == why;
    });
  });
}

core::Time time_of(Json const& entry) { return core::parse_time(entry["data"]["time"].text()).value(); }

}  // namespace

TEST_CASE("a failing probe opens one case and asks once, its recovery is told, the next one waits for the cooldown") {
  Watched const web;
  KitOptions options;
  options.extra_triggers =
      web.trigger("door", "cooldown: 6s", ", propose: [{runbook: witness, with: {word: up}}], post_to: [incidents]");
  ServiceKit kit(options);
  kit.start();
  CHECK(opened(kit).empty());
  web.down();
  REQUIRE(kit.wait([&] { return count(kit, "request.posted") == 1; }));
  auto const asked = kit.entries("request.opened");
  REQUIRE(asked.size() == 1);
  auto const id = asked[0]["request"].text();
  auto const accepted = kit.entries("request.accepted", id);
  REQUIRE(accepted.size() == 1);
  CHECK(accepted[0]["actor"].text() == "trigger:door");
  CHECK(accepted[0]["case"].text() == opened(kit)[0]["case"].text());
  CHECK(has(core::dump(opened(kit)[0]["data"]), "2 probes in a row"));
  CHECK(kit.press("U0BOB", id));
  REQUIRE(kit.wait([&] { return count(kit, "run.finished", id) == 1; }));
  CHECK(kit.witnessed() == 1);
  CHECK(opened(kit).size() == 1);  // it has failed all the time
  auto const recovers = std::chrono::time_point_cast<core::Duration>(std::chrono::system_clock::now());
  web.up();
  REQUIRE(kit.wait([&] { return kit.replies(id, "answers again").size() == 1; }));
  web.down();  // before anything that may take long: the cooldown has begun
  REQUIRE(held_back(kit));
  REQUIRE(closes(kit, 1));
  CHECK(opened(kit).size() == 1);
  REQUIRE(opens(kit, 2));
  auto const late = opened(kit)[1];
  CHECK(time_of(late) >= recovers + 6s);
  CHECK(has(late["data"]["title"].text(), "(1 signal was held back)"));
  CHECK(late["data"]["signal"].text().starts_with("Noise control: 1 signal was held back since "));
  REQUIRE(kit.wait([&] { return count(kit, "request.posted") == 3; }));  // two cards and one outcome
  CHECK(count(kit, "request.opened") == 2);
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("what is held back and recovers is let go, after a restart within the cooldown it is still held back") {
  Watched const web;
  KitOptions options;
  options.extra_triggers = web.trigger("door", "cooldown: 8s");
  ServiceKit kit(options);
  kit.start();
  web.down();
  REQUIRE(opens(kit, 1));
  web.up();
  REQUIRE(closes(kit, 1));
  web.down();
  REQUIRE(held_back(kit));
  web.up();
  REQUIRE(kit.wait([&] { return kit.process().line("a signal that was held back is over").has_value(); }));
  web.down();
  kit.kill();
  kit.start();
  REQUIRE(held_back(kit));
  CHECK(opened(kit).size() == 1);
  REQUIRE(opens(kit, 2));
  CHECK(time_of(opened(kit)[1]) >= time_of(kit.entries("case.closed")[0]) + 8s);
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("max_per_hour counts across a restart, and a reload that raises it lets the next one through") {
  Watched const web;
  KitOptions options;
  options.extra_triggers = web.trigger("door", "cooldown: 0s, max_per_hour: 2");
  ServiceKit kit(options);
  kit.start();
  for (std::size_t n = 1; n <= 2; ++n) {
    web.down();
    REQUIRE(opens(kit, n));
    web.up();
    REQUIRE(closes(kit, n));
  }
  CHECK(kit.stop() == 0);
  web.down();
  kit.start();
  REQUIRE(held_back(kit, "door", "max_per_hour"));
  CHECK(opened(kit).size() == 2);
  edit(kit, "max_per_hour: 2", "max_per_hour: 3");
  REQUIRE(reload(kit));
  CHECK(opens(kit, 3));
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("SIGHUP that removes a trigger stops it, also what it had held back") {
  Watched const web;
  KitOptions options;
  auto const door = web.trigger("door", "cooldown: 10s");
  options.extra_triggers = door + web.trigger("gate", "cooldown: 11s");
  ServiceKit kit(options);
  kit.start();
  web.down();
  REQUIRE(opens(kit, 1, "door"));
  REQUIRE(opens(kit, 1, "gate"));
  web.up();
  REQUIRE(closes(kit, 2));
  web.down();
  REQUIRE(held_back(kit, "door"));
  REQUIRE(held_back(kit, "gate"));
  edit(kit, door, "");
  REQUIRE(reload(kit));
  REQUIRE(opens(kit, 2, "gate"));  // a second after the door's would have come
  CHECK(opened(kit, "door").size() == 1);
  CHECK_FALSE(has(kit.process().log_text(), "no such trigger is configured"));  // the engine was not even asked
  CHECK(kit.ledger_problems().empty());
}
