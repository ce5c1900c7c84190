// One webhook behind its desk, and who sends to it.
#pragma once

#include <filesystem>

#include "bot/core/digest.hpp"
#include "bot/triggers/webhook_trigger.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/hmac.hpp"
#include "tests/support/story_desk.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/triggers/support.hpp"

namespace triggers_test {

using namespace triggers;
using namespace std::chrono_literals;
using core::Json;

inline std::string const kSecret = "9b1c2f4e7a6d8035";  // 16 bytes, made for this test
inline std::string const kToken = "f00dcafe-of-alertmanager";

inline core::Time const kNow = core::parse_time("2026-11-21T10:00:00Z").value();

inline core::JsonPointer at(std::string const& pointer) { return core::JsonPointer::parse(pointer).value(); }

inline Json alert(std::string const& fingerprint, std::string const& status, std::string const& name = "HighLoad") {
  return Json::object({{"status", status},
                       {"labels", Json::object({{"alertname", name}, {"severity", "page"}, {"instance", "web-1"}})},
                       {"annotations", Json::object({{"summary", "load is high on web-1, key hunter2"}})},
                       {"startsAt", "2026-11-21T09:59:00Z"},
                       {"endsAt", "0001-01-01T00:00:00Z"},
                       {"generatorURL", "http://prometheus/graph"},
                       {"fingerprint", fingerprint}});
}

inline std::string payload(std::vector<Json> alerts, std::string const& group = "{}:{alertname=\"HighLoad\"}") {
  return core::dump(Json::object({{"version", "4"},
                                  {"groupKey", group},
                                  {"status", "firing"},
                                  {"receiver", "countersign"},
                                  {"alerts", Json(Json::Array(alerts.begin(), alerts.end()))}}));
}

// One webhook behind its desk, on the virtual loop, its file in a folder of its own.
struct House {
  std::filesystem::path dir;
  support::VirtualLoop loop;
  support::InlineWorkers workers;
  fixture::Story story;
  support::StoryDesk desk{loop, story};
  support::MemoryLog log;
  NoRedactor redactor;
  core::Noise noise;
  HeldDesk held{loop, desk, log};
  Webhooks webhooks{loop, desk};
  WebhookSettings settings;
  support::ManualWorkers* disk = nullptr;  // instead of workers

  explicit House(WebhookForm::Kind kind = WebhookForm::Kind::alertmanager) {
    std::string form = (std::filesystem::temp_directory_path() / "cs-hook-XXXXXX").string();
    dir = ::mkdtemp(form.data());
    settings.form.kind = kind;
    settings.quiet = 24h;
    if (kind == WebhookForm::Kind::alertmanager) {
      settings.auth.token_sha256 = core::sha256_hex(kToken);
      settings.form.labels = {{"instance", at("/labels/instance")}};
      rule().dedupe = {"fingerprint"};
    } else {
      settings.auth.secret = kSecret;
      settings.delivery_header = "X-Delivery";
      settings.form.title = at("/title");
      settings.form.status = at("/state");
      settings.form.firing = {"down", "3"};
      settings.form.resolved = {"up"};
      settings.form.labels = {{"host", at("/host/name")}};
      rule().dedupe = {"host"};
    }
    rule().cooldown = 10min;
    rule().max_per_hour = 100;
    start();
  }
  ~House() { std::filesystem::remove_all(dir); }
  core::TriggerRule& rule() { return story.rules.triggers.at("web-down"); }
  void restart() {  // nothing is left but the ledger and the file
    webhooks.all().clear();
    story.now = loop.now();
    story.restart();
    noise = core::noise_of(story.copy);
    start();
  }
  ports::Workers& on() {
    if (disk) return *disk;
    return workers;
  }
  void start() {  // also what a reload does
    webhooks.all().clear();
    story.now = loop.now();
    story.reload(story.rules);
    WebhookParts const parts{.loop = loop, .workers = on(), .log = log, .redactor = redactor, .file = dir / "web-down"};
    webhooks.all().emplace("web-down", std::make_unique<WebhookTrigger>(
                                           parts, WatchParts{loop, desk, log, noise, &held}, rule(), settings));
  }
  std::shared_ptr<std::vector<ports::DeliveryAnswer>> give(ports::Delivery delivery) {
    auto answers = std::make_shared<std::vector<ports::DeliveryAnswer>>();
    webhooks.deliver(std::move(delivery),
                     [answers](ports::DeliveryAnswer answer) { answers->push_back(std::move(answer)); });
    return answers;
  }
  ports::Delivery alerts(std::string body) const {
    return {"web-down", {{"Authorization", "Bearer " + kToken}, {"Content-Type", "application/json"}}, std::move(body)};
  }
  ports::Delivery json(std::string body, std::string const& id) const {
    auto const signature = "sha256=" + support::hmac_sha256_hex(kSecret, body);
    return {"web-down",
            {{"X-Hub-Signature-256", signature}, {"Content-Type", "application/json"}, {"X-Delivery", id}},
            std::move(body)};
  }
  ports::DeliveryAnswer answer(ports::Delivery delivery) {
    auto const answers = give(std::move(delivery));
    loop.run_posted();
    REQUIRE(answers->size() == 1);
    return answers->front();
  }
  std::size_t cases() const { return story.copy.cases.size(); }
};

inline std::string became(ports::DeliveryAnswer const& answer, std::size_t index = 0) {
  return answer.body["signals"].at_index(index)["became"].text();
}

}  // namespace triggers_test
