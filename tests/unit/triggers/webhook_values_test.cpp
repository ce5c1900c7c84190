// What a webhook's sender writes is data: it fills a parameter of the kind that the runbook declares, or nothing.
#include "bot/core/text.hpp"
#include "tests/unit/triggers/webhook_house.hpp"

using namespace triggers_test;

namespace {

struct Proposing : House {
  explicit Proposing(WebhookForm::Kind kind, std::string const& label) : House(kind) {
    rule().propose = {{"restart-service", {{"service", "{{" + label + "}}"}}}};
    rule().post_to = {"incidents"};
    rule().dedupe = {label};
    start();
  }
  std::size_t requests() const { return story.copy.requests.size(); }
};

}  // namespace

TEST_CASE("T55 webhook: a label's value is data: typed, marked, never an option, never a choice of the runbook") {
  bool const alertmanager = GENERATE(true, false);
  CAPTURE(alertmanager);
  std::string const label = alertmanager ? "instance" : "host";
  Proposing house(alertmanager ? WebhookForm::Kind::alertmanager : WebhookForm::Kind::json, label);
  int sent = 0;
  auto const send = [&](Json const& value) {
    auto const id = std::to_string(++sent);
    if (!alertmanager) {
      // With all that a sender might hope somebody reads.
      auto const body = Json::object({{"state", "down"},
                                      {"host", Json::object({{"name", value}})},
                                      {"runbook", "deploy"},
                                      {"parameters", Json::object({{"service", "api"}})},
                                      {"labels", Json::object({{"runbook", "deploy"}, {"from_signal", ""}})},
                                      {"approved", true}});
      return house.answer(house.json(core::dump(body), "d-" + id));
    }
    auto one = alert("f" + id, "firing");
    auto labels = one["labels"];
    labels.set("instance", value).set("runbook", "deploy").set("service", "api").set("from_signal", "");
    one.set("labels", labels);
    return house.answer(house.alerts(payload({one}, "group " + id)));
  };

  REQUIRE(send("web").status == 202);  // one of the enum's values
  REQUIRE(house.requests() == 1);
  auto const& asked = house.story.copy.requests.begin()->second;
  CHECK(asked.runbook == "restart-service");
  CHECK(asked.parameters == std::map<std::string, std::string>{{"service", "web"}});
  CHECK(asked.labels.at("from_signal") == (alertmanager ? "alertname, instance, severity" : "host"));
  CHECK(asked.requester.str() == "trigger:web-down");
  CHECK(asked.phase == core::Phase::collecting);  // and then it waits for people: nothing approves it by itself

  std::vector<Json> hostile(std::begin(kHostileValues), std::end(kHostileValues));
  for (auto const* value : {"{{instance}}", "{{host}}", " web", "web ", "web\n", "web\nservice=api", "WEB", "we\u200bb",
                            "w\u0435b", "$(reboot)", "../web", "web,api"})
    hostile.emplace_back(value);
  hostile.insert(hostile.end(), {Json::array({"web"}), Json::object({{"web", "web"}}), Json(true), Json(), Json(1)});
  for (auto const& value : hostile) {
    CAPTURE(core::dump(value));
    auto const before = house.cases();
    auto const answer = send(value);
    CHECK((answer.status == 202 || answer.status == 422));
    CHECK(house.requests() == 1);
    if (house.cases() > before)
      CHECK(house.story.count<core::TellChannels>() == 1);  // people hear that nothing was asked
  }
  CHECK(house.cases() > 10);
  for (auto const& [id, of] : house.story.copy.cases) {
    for (auto const& [name, value] : of.labels) {
      CAPTURE(name, value);
      CHECK((name == label || name == "from_signal" || house.rule().labels.contains(name) ||
             (alertmanager && (name == "alertname" || name == "severity"))));
      CHECK_FALSE(value.starts_with('-'));
      CHECK(core::one_line(value, 1000) == value);
    }
  }
}
