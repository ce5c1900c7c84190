// Webhooks: what is read of a delivery and what is answered.
#include <fstream>

#include "tests/support/heap.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/unit/triggers/webhook_house.hpp"

using namespace triggers_test;

TEST_CASE("webhook: Alertmanager's payload, alert by alert, with its recovery") {
  House house;
  auto const first = house.answer(house.alerts(payload({alert("aa", "firing"), alert("bb", "firing", "DiskFull")})));
  CHECK(first.status == 202);
  CHECK(first.body["source"].text() == "web-down");
  CHECK(became(first, 0) == "opened");
  CHECK(became(first, 1) == "opened");
  REQUIRE(house.cases() == 2);
  auto const& of = house.story.copy.cases.begin()->second;
  CHECK(first.body["signals"].at_index(0)["case"].text() == of.id.str());
  CHECK(of.title == "web-down: HighLoad: load is high on web-1, key [redacted]");
  CHECK(of.labels.at("alertname") == "HighLoad");
  CHECK(of.labels.at("instance") == "web-1");
  CHECK(of.labels.count("fingerprint") == 0);
  CHECK(of.labels.at("from_signal") == "alertname, instance, severity");
  CHECK(house.desk.fired[0].text.find("summary: load is high") != std::string::npos);
  // Alertmanager repeats what still fires, and adds what is new: told already, told newly.
  auto const again = house.answer(house.alerts(payload({alert("aa", "firing"), alert("cc", "firing")})));
  CHECK(core::dump(again.body["signals"].at_index(0)) == core::dump(first.body["signals"].at_index(0)));
  CHECK(became(again, 1) == "opened");
  auto const over = house.answer(house.alerts(payload({alert("aa", "resolved")})));
  CHECK(became(over) == "recovered");
  REQUIRE(house.desk.recoveries.size() == 1);
  CHECK(house.desk.recoveries[0].dedupe_key == house.desk.fired[0].dedupe_key);
  CHECK(core::dump(house.answer(house.alerts(payload({alert("aa", "resolved")}))).body) == core::dump(over.body));
  CHECK(became(house.answer(house.alerts(payload({alert("zz", "resolved")})))) == "nothing");
  CHECK(house.cases() == 3);
  CHECK(house.answer(house.alerts(payload({}))).status == 202);
}

TEST_CASE("webhook: several alerts of one occurrence are one case, over when the last of them is") {
  House house;
  house.rule().dedupe = {"alertname"};
  house.start();
  auto const first = house.answer(house.alerts(payload({alert("aa", "firing"), alert("bb", "firing")})));
  CHECK(became(first, 0) == "opened");
  CHECK(became(first, 1) == "added");
  CHECK(house.cases() == 1);
  CHECK(became(house.answer(house.alerts(payload({alert("aa", "resolved")})))) == "nothing");
  CHECK(house.desk.recoveries.empty());
  CHECK(became(house.answer(house.alerts(payload({alert("bb", "resolved")})))) == "recovered");
}

TEST_CASE("webhook: what can't be read is refused with a sentence that quotes nothing of it") {
  House house;
  auto const status = [&](std::string const& body) {
    auto const answer = house.answer(house.alerts(body));
    CHECK(answer.detail.find("SENTINEL") == std::string::npos);
    return answer.status;
  };
  CHECK(status("") == 422);
  CHECK(status("SENTINEL") == 422);
  CHECK(status("\"SENTINEL\"") == 422);
  CHECK(status("{}") == 422);
  CHECK(status(R"({"version": "3", "groupKey": "SENTINEL", "alerts": []})") == 422);
  CHECK(status(R"({"version": "4", "groupKey": "g", "alerts": {}})") == 422);
  CHECK(status(R"({"version": "4", "groupKey": "g", "alerts": [1]})") == 422);
  CHECK(status(R"({"version": "4", "groupKey": "g", "alerts": [{"status": "SENTINEL"}]})") == 422);
  CHECK(status(R"({"version": "4", "groupKey": "g", "alerts": [{"status": "firing", "fingerprint": "a"}]})") == 422);
  CHECK(status(R"({"version": "4", "version": "4", "groupKey": "g", "alerts": []})") == 422);  // T59
  CHECK(status(std::string(100'000, '[')) == 422);                                             // T60
  CHECK(status(payload(std::vector<Json>(kMaxAlerts + 1, alert("a", "firing")))) == 422);
  CHECK(status(std::string((1u << 20) + 1, ' ')) == 413);
  auto delivery = house.alerts(payload({}));
  delivery.headers[1].second = "text/plain";
  CHECK(house.answer(delivery).status == 415);
  delivery.headers.pop_back();
  CHECK(house.answer(delivery).status == 415);
  delivery.headers.emplace_back("content-type", "application/json; charset=utf-8");
  CHECK(house.answer(delivery).status == 202);
  CHECK(house.cases() == 0);
  House json(WebhookForm::Kind::json);
  CHECK(json.answer(json.json("{}", "1")).status == 422);  // no status
  CHECK(json.answer(json.json(R"({"state": "down"})", "")).status == 422);
  CHECK(json.answer(json.json(R"({"state": "down"})", std::string(600, 'x'))).status == 422);
  CHECK(json.answer(json.json(R"({"state": "down"})", "1")).status == 202);
}

TEST_CASE("T69 webhook: a full queue answers 429, a ledger that can't be written 503, nothing waits for ever") {
  House house;
  std::vector<std::shared_ptr<std::vector<ports::DeliveryAnswer>>> all;
  for (int i = 0; i < 1000; ++i)
    all.push_back(house.give(house.alerts(payload({alert("f" + std::to_string(i), "firing")}))));
  std::size_t turned_away = 0;
  for (auto const& one : all) {
    if (one->empty()) continue;
    CHECK(one->front().status == 429);
    CHECK(one->front().retry_after == 1s);
    ++turned_away;
  }
  CHECK(turned_away == 1000 - WebhookTrigger::kMostWaiting);
  house.loop.run_posted();
  std::size_t taken = 0;
  for (auto const& one : all) {
    REQUIRE(one->size() == 1);
    taken += one->front().status == 202 ? 1u : 0u;
  }
  CHECK(taken == WebhookTrigger::kMostWaiting);
  for (int i = 0; i < 5; ++i) house.webhooks.turned_away("web-down");  // by whoever reads heads
  house.webhooks.turned_away("nowhere");
  CHECK(house.cases() == 100);  // max_per_hour
  house.loop.advance(1min);
  REQUIRE(house.desk.told.size() == 1);
  CHECK(house.desk.told[0].second.text.find("905 signals") != std::string::npos);
  CHECK(house.desk.told[0].second.block.find("turned away") != std::string::npos);

  house.desk.writes = false;
  CHECK(house.answer(house.alerts(payload({}))).status == 503);
  house.desk.writes = true;
  house.rule().max_per_hour = 1000;
  house.noise = core::Noise();
  house.start();
  house.desk.slow = true;  // the case never gets on record
  auto const stuck = house.give(house.alerts(payload({alert("new", "firing")})));
  house.loop.advance(9s);
  CHECK(stuck->empty());
  house.loop.advance(2s);
  REQUIRE(stuck->size() == 1);
  CHECK(stuck->front().status == 503);
  house.desk.slow = false;
  for (auto const& late : house.desk.unanswered) late();  // it comes after all: nobody is answered twice
  house.loop.run_posted();
  CHECK(stuck->size() == 1);
  CHECK(became(house.answer(house.alerts(payload({alert("new", "firing")})))) == "added");

  house.desk.slow = true;
  auto const waiting = house.give(house.alerts(payload({alert("newer", "firing")})));
  house.loop.run_posted();
  house.webhooks.all().clear();
  REQUIRE(waiting->size() == 1);
  CHECK(waiting->front().status == 503);
}

TEST_CASE("T69 T67 a storm over a webhook: one case, a few entries, one digest a minute") {
  House house(WebhookForm::Kind::json);
  std::uint64_t number = 0;
  std::size_t heap = 0;
  for (int second = 0; second < 61; ++second) {
    if (second == 20) heap = support::heap_in_use();  // all that is remembered is full by then
    for (int batch = 0; batch < 10; ++batch) {
      for (int i = 0; i < 100; ++i) {
        ++number;
        house.give(house.json(R"({"state": "down", "host": {"name": "web-1"}, "n": )" + std::to_string(number) + "}",
                              "d-" + std::to_string(number)));
      }
      house.loop.advance(100ms);
    }
  }
  if (!support::skipped_under_sanitizer("the heap in a storm over a webhook", "it has a heap of its own"))
    CHECK(support::heap_in_use() < heap + (1u << 20));
  CHECK(house.cases() == 1);
  CHECK(house.story.copy.entries < 15);
  CHECK(house.held.total() == number - 1);
  CHECK(house.desk.told.size() == 1);
  house.loop.advance(1min);
  CHECK(house.desk.told.size() == 2);
  std::ifstream file(house.dir / "web-down");
  std::size_t lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  CHECK(lines <= 2 * Deliveries::kMost);
}

TEST_CASE("webhook: without a word for the end it is over when nothing more is heard of it") {
  House house(WebhookForm::Kind::json);
  house.settings.form.status.reset();
  house.settings.quiet = 10min;
  house.start();
  CHECK(became(house.answer(house.json(R"({"title": "deploy failed", "host": {"name": "a"}})", "1"))) == "opened");
  house.loop.advance(9min);
  CHECK(became(house.answer(house.json(R"({"title": "deploy failed", "host": {"name": "a"}, "n": 2})", "2"))) ==
        "added");
  house.loop.advance(9min);
  CHECK(house.desk.recoveries.empty());
  house.loop.advance(2min);
  REQUIRE(house.desk.recoveries.size() == 1);
  CHECK(house.desk.recoveries[0].text.find("nothing was heard") != std::string::npos);
}

TEST_CASE("webhook: what can't be recorded is answered 503, and taken when it comes again") {
  House house;
  house.desk.fails = true;  // a failed fsync or no space left
  auto const lost = house.alerts(payload({alert("aa", "firing"), alert("zz", "resolved")}));
  CHECK(house.answer(lost).status == 503);
  house.desk.fails = false;
  if (GENERATE(true, false)) house.restart();  // or space was made, and the service never stopped
  auto const again = house.answer(lost);
  CHECK(again.status == 202);
  CHECK(became(again) == "opened");
  CHECK(house.cases() == 1);
}

TEST_CASE("T32 webhook: title and evidence are redacted before they are cut") {
  House house(WebhookForm::Kind::json);
  auto const filler = [](std::size_t size) { return std::string(size, '.'); };
  house.answer(house.json(core::dump(Json::object({{"title", filler(190) + "hunter2"}, {"state", "down"}})), "1"));
  REQUIRE(house.desk.fired.size() == 1);
  CHECK(house.desk.fired[0].title.find("hunt") == std::string::npos);
  // Wherever a line, the whole or what is redacted at all ends.
  for (auto const size : {4080u, 4090u, 16'370u, 16'380u, 262'130u, 262'140u}) {
    CAPTURE(size);
    auto item =
        WebhookItem{.title = filler(size) + "hunter2", .text = filler(size) + "hunter2", .instance = {}, .once = {}};
    auto lines = WebhookItem{.title = {}, .text = {}, .instance = {}, .once = {}};
    while (lines.text.size() + 64 < size) lines.text += filler(63) + "\n";
    lines.text += filler(size - lines.text.size()) + "hunter2 and more\n";
    for (auto* one : {&item, &lines}) {
      redact_and_cut(*one, house.redactor);
      CHECK(one->title.size() <= 200);
      CHECK(one->text.size() <= 17u << 10);
      CHECK((one->title + one->text).find("hunt") == std::string::npos);
    }
  }
}

TEST_CASE("webhook: an alert that too many others crowd out is taken when there is room for it") {
  House house;
  house.rule().max_per_hour = 1;
  house.start();
  std::vector<Json> all;
  for (std::size_t i = 0; i < Occurrences::kMost; ++i) all.push_back(alert("f" + std::to_string(i), "firing"));
  house.answer(house.alerts(payload(all)));
  auto const late = house.alerts(payload({alert("late", "firing")}));
  CHECK(house.answer(late).body["signals"].at_index(0)["why"].text() == kTooMany);
  house.answer(house.alerts(payload({alert("f7", "resolved")})));
  house.loop.advance(61min);
  house.noise = core::Noise();
  CHECK(became(house.answer(late)) == "opened");
}

TEST_CASE("webhook: an alert that still fires is news after it was quiet for too long, also over a restart") {
  bool const restarted = GENERATE(false, true);
  House house;
  house.settings.quiet = 1h;  // and Alertmanager repeats it every two
  house.start();
  auto const firing = house.alerts(payload({alert("aa", "firing")}));
  CHECK(became(house.answer(firing)) == "opened");
  house.loop.advance(2h);
  REQUIRE(house.desk.recoveries.size() == 1);
  if (restarted) house.restart();
  CHECK(became(house.answer(firing)) == "opened");
  CHECK(house.cases() == 2);
  // Not so for json: what a stranger has caught and sends again later stays known.
  House json(WebhookForm::Kind::json);
  json.settings.quiet = 1h;
  json.start();
  auto const down = json.json(R"({"state": "down", "host": {"name": "web-1"}})", "d-1");
  CHECK(became(json.answer(down)) == "opened");
  json.loop.advance(2h);
  if (restarted) json.restart();
  CHECK(became(json.answer(down)) == "opened");  // as it was answered then
  CHECK(json.answer(json.json(R"({"state": "up", "host": {"name": "web-1"}})", "d-2"))
            .body["signals"]
            .at_index(0)["became"]
            .text() == "nothing");  // it was over
  CHECK(json.cases() == 1);
}

TEST_CASE("webhook: after a restart an occurrence stands as long as any of its alerts does") {
  House house;
  house.rule().dedupe = {"alertname"};
  house.start();
  house.answer(house.alerts(payload({alert("aa", "firing"), alert("bb", "firing"), alert("cc", "firing")})));
  house.answer(house.alerts(payload({alert("cc", "resolved")})));
  house.restart();
  auto const half = house.answer(house.alerts(payload({alert("aa", "firing"), alert("bb", "resolved")})));
  CHECK(became(half, 0) == "opened");
  CHECK(became(half, 1) == "nothing");
  CHECK(house.desk.recoveries.empty());
  CHECK(became(house.answer(house.alerts(payload({alert("aa", "resolved")})))) == "recovered");
  CHECK(house.cases() == 1);
}

TEST_CASE("webhook: a recovery that was answered is one after a restart, too, and the next outage is reported") {
  House house;  // its case waits for people, so that the recovery does not close it
  house.rule().cooldown = 0ms;
  house.start();
  auto later = alert("aa", "firing");
  later.set("startsAt", "2026-11-21T11:00:00Z");
  CHECK(became(house.answer(house.alerts(payload({alert("aa", "firing")})))) == "opened");
  house.loop.advance(1min);
  CHECK(became(house.answer(house.alerts(payload({alert("aa", "resolved")})))) == "recovered");
  REQUIRE(house.story.copy.open_cases.size() == 1);
  house.loop.advance(1min);
  house.restart();
  CHECK(became(house.answer(house.alerts(payload({later})))) == "opened");
  CHECK(house.cases() == 2);
  // The file does not speak for a case that was opened after what it tells.
  house.loop.advance(1min);
  auto const path = house.dir / "web-down";
  std::ofstream(path, std::ios::app) << R"({"once": "x", "occurrence": ")" << house.desk.fired[0].dedupe_key
                                     << R"(", "became": "recovered", "at": "2026-11-21T10:01:00.000Z"})"
                                     << "\n";
  house.restart();
  auto latest = alert("aa", "firing");
  latest.set("startsAt", "2026-11-21T12:00:00Z");
  CHECK(became(house.answer(house.alerts(payload({latest})))) == "added");
}

TEST_CASE("webhook: an alert that fires for more than a day is reported anew although the service was restarted") {
  bool const closed_meanwhile = GENERATE(false, true);
  House house;
  house.rule().propose.clear();  // its case is closed by age alone
  house.start();
  auto const firing = house.alerts(payload({alert("aa", "firing")}));
  house.answer(firing);
  if (!closed_meanwhile) house.restart();
  for (int hour = 0; hour < 23; ++hour) {
    house.loop.advance(1h);
    house.answer(firing);
  }
  house.loop.advance(1h);
  house.desk.step(core::Tick{});
  REQUIRE(house.story.copy.open_cases.empty());
  if (closed_meanwhile) house.restart();
  house.loop.advance(11min);
  house.answer(firing);
  house.loop.advance(2min);
  CHECK(house.cases() == 2);
}

TEST_CASE("webhook: the file of deliveries is written once at a time, and an answer waits for it") {
  House house;
  support::ManualWorkers disk;
  house.disk = &disk;
  house.start();
  auto const first = house.give(house.alerts(payload({alert("aa", "firing")})));
  house.loop.advance(11s);  // the disk hangs
  REQUIRE(first->size() == 1);
  CHECK(first->front().status == 503);
  auto const second = house.give(house.alerts(payload({alert("bb", "firing")})));
  auto const repeated = house.give(house.alerts(payload({alert("aa", "firing")})));
  house.loop.advance(1s);
  CHECK(disk.waiting() == 1);
  CHECK(second->empty());
  CHECK(repeated->empty());  // known, but not on disk
  disk.run_one();
  house.loop.run_posted();
  CHECK(disk.waiting() == 1);
  disk.run_one();
  house.loop.run_posted();
  REQUIRE(second->size() == 1);
  CHECK(second->front().status == 202);
  REQUIRE(repeated->size() == 1);
  CHECK(repeated->front().status == 202);
  house.restart();
  CHECK(house.answer(house.alerts(payload({alert("bb", "firing")}))).status == 202);
  CHECK(house.cases() == 2);
  house.webhooks.all().clear();
}

TEST_CASE("webhook: what could not be written is not acknowledged, and is written with what comes next") {
  House house;
  auto const path = house.dir / "web-down";
  auto const away = house.dir / "away";
  house.answer(house.alerts(payload({alert("aa", "firing")})));
  std::filesystem::rename(path, away);
  std::filesystem::create_directory(path);  // nothing can be written there
  auto const lost = house.alerts(payload({alert("bb", "firing")}));
  CHECK(house.answer(lost).status == 503);
  CHECK(house.answer(lost).status == 503);
  std::filesystem::remove(path);
  std::filesystem::rename(away, path);
  std::ofstream(path, std::ios::app) << "{\"once\": \"half of a li";  // what a full disk leaves
  CHECK(house.answer(lost).status == 202);
  house.restart();
  CHECK(became(house.answer(lost)) == "opened");
  CHECK(house.cases() == 2);
  CHECK(house.story.copy.open_cases.size() == 2);
}
