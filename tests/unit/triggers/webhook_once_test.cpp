// Webhooks: what makes two deliveries the same one, and that it counts once.
#include <fstream>

#include "tests/unit/triggers/webhook_house.hpp"

using namespace triggers_test;

namespace {

// How often the first case's occurrence came again, as noise control counts it.
std::uint32_t came_again(House const& house) {
  return house.noise.look(house.story.rules.triggers.at("web-down"), house.desk.fired[0].dedupe_key, house.loop.now())
      .suppressed;
}

}  // namespace

TEST_CASE("T12 webhook: a delivery that comes again is answered as before and counts once, also after a restart") {
  House house(WebhookForm::Kind::json);
  auto const down = house.json(R"({"title": "web-1 is down", "state": "down", "host": {"name": "web-1"}})", "d-1");
  auto const first = house.answer(down);
  CHECK(became(first) == "opened");
  CHECK(core::dump(house.answer(down).body) == core::dump(first.body));
  house.start();
  CHECK(core::dump(house.answer(down).body) == core::dump(first.body));
  CHECK(house.cases() == 1);
  CHECK(came_again(house) == 0);
  // Another delivery about the same: it is added; the recovery ends it, also of a case of before the restart.
  CHECK(became(house.answer(house.json(R"({"state": 3, "host": {"name": "web-1"}})", "d-2"))) == "added");
  CHECK(became(house.answer(house.json(R"({"state": "busy", "host": {"name": "web-1"}})", "d-3"))) == "nothing");
  CHECK(became(house.answer(house.json(R"({"state": "up", "host": {"name": "web-1"}})", "d-4"))) == "recovered");
  CHECK(house.desk.recoveries.size() == 1);
  // Held back by the cooldown, and the service restarts: nobody holds it any more, so its repetition is taken anew.
  auto const held = house.json(R"({"state": "down", "host": {"name": "web-1"}})", "d-5");
  CHECK(became(house.answer(held)) == "held_back");
  CHECK(became(house.answer(held)) == "held_back");
  house.start();
  house.loop.advance(11min);
  CHECK(became(house.answer(held)) == "opened");
  // A file that a crash cut short, and one that is full of anything.
  std::ofstream(house.dir / "web-down", std::ios::app) << "{\"once\": \"cut";
  house.start();
  CHECK(became(house.answer(held)) == "opened");
  CHECK(house.cases() == 2);
}

TEST_CASE("T12 webhook: an alert that two groups of Alertmanager tell counts twice, and each repetition once") {
  House house;
  auto const of = [&](std::string const& fingerprint, std::string const& group) {
    return house.alerts(payload({alert(fingerprint, "firing")}, group));
  };
  auto const first = house.answer(of("aa", "{}:{team=\"web\"}"));
  auto const other = house.answer(of("aa", "{}:{team=\"db\"}"));
  CHECK(became(first) == "opened");
  CHECK(became(other) == "added");
  for (int round = 0; round < 2; ++round) {
    CHECK(core::dump(house.answer(of("aa", "{}:{team=\"web\"}")).body) == core::dump(first.body));
    CHECK(core::dump(house.answer(of("aa", "{}:{team=\"db\"}")).body) == core::dump(other.body));
    CHECK(came_again(house) == 1);
    house.start();
  }
  // No part of a name can pose as another's.
  CHECK(became(house.answer(of("bb;cc", "g"))) == "opened");
  CHECK(became(house.answer(of("cc", "g;bb"))) == "opened");
  CHECK(house.cases() == 3);
}

TEST_CASE("T12 webhook: a delivery that its own body names counts once, whatever else comes with it") {
  House house(WebhookForm::Kind::json);
  house.settings.delivery_header.clear();
  house.settings.form.delivery = at("/id");
  house.start();
  auto const down = [&](std::string const& id, int attempt) {
    auto const number = std::to_string(attempt);
    return house.json(R"({"id": )" + id + R"(, "attempt": )" + number + R"(, "state": "down", "host": {"name": "a"}})",
                      "header-" + number);
  };
  auto const first = house.answer(down("7", 1));
  CHECK(became(first) == "opened");
  CHECK(core::dump(house.answer(down("7", 2)).body) == core::dump(first.body));
  house.start();
  CHECK(core::dump(house.answer(down("7", 3)).body) == core::dump(first.body));
  CHECK(came_again(house) == 0);
  CHECK(became(house.answer(down("8", 1))) == "added");
  CHECK(came_again(house) == 1);
  CHECK(house.answer(down("null", 1)).status == 422);
  CHECK(house.cases() == 1);
}
