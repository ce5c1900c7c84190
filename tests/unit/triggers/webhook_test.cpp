// Webhooks: who may send, what is read of it, how often it counts, what is answered.
#include <openssl/hmac.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "bot/core/digest.hpp"
#include "bot/triggers/webhook_trigger.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story_desk.hpp"
#include "tests/support/virtual_loop.hpp"

using namespace triggers;
using namespace std::chrono_literals;
using core::Json;

namespace {

std::string const kSecret = "9b1c2f4e7a6d8035";  // 16 bytes, made for this test
std::string const kToken = "f00dcafe-of-alertmanager";

std::string sign(std::string const& secret, std::string const& text) {
  unsigned char digest[32];
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<unsigned char const*>(text.data()), text.size(), digest, &length);
  std::string hex;
  for (auto const byte : digest) {
    static constexpr char kHex[] = "0123456789abcdef";
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

core::Time const kNow = core::parse_time("2026-11-21T10:00:00Z").value();

core::JsonPointer at(std::string const& pointer) { return core::JsonPointer::parse(pointer).value(); }

Json alert(std::string const& fingerprint, std::string const& status, std::string const& name = "HighLoad") {
  return Json::object({{"status", status},
                       {"labels", Json::object({{"alertname", name}, {"severity", "page"}, {"instance", "web-1"}})},
                       {"annotations", Json::object({{"summary", "load is high on web-1, key hunter2"}})},
                       {"startsAt", "2026-11-21T09:59:00Z"},
                       {"endsAt", "0001-01-01T00:00:00Z"},
                       {"generatorURL", "http://prometheus/graph"},
                       {"fingerprint", fingerprint}});
}

std::string payload(std::vector<Json> alerts, std::string const& group = "{}:{alertname=\"HighLoad\"}") {
  return core::dump(Json::object({{"version", "4"},
                                  {"groupKey", group},
                                  {"status", "firing"},
                                  {"receiver", "countersign"},
                                  {"alerts", Json(Json::Array(alerts.begin(), alerts.end()))}}));
}

struct NoRedactor final : ports::Redactor {
  std::uint32_t redact(std::string& text) const override {
    auto const found = text.find("hunter2");
    if (found == std::string::npos) return 0;
    text.replace(found, 7, "[redacted]");
    return 1;
  }
};

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
    auto const signature = "sha256=" + sign(kSecret, body);
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

std::string became(ports::DeliveryAnswer const& answer, std::size_t index = 0) {
  return answer.body["signals"].at_index(index)["became"].text();
}

}  // namespace

TEST_CASE("T8 webhook: each byte of 100 good requests changed, none is let in and none is parsed") {
  WebhookAuth const auth{.secret = kSecret, .timestamp_header = "X-Time"};
  std::mt19937 random(5);
  auto const stamp = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kNow.time_since_epoch()).count());
  std::size_t tried = 0;
  for (int n = 0; n < 100; ++n) {
    std::string body = R"({"state":"down","n":)" + std::to_string(n) + R"(,"pad":")";
    for (auto i = random() % 60; i > 0; --i) body += static_cast<char>('a' + random() % 26);
    body += "\"}";
    auto const signature = "sha256=" + sign(kSecret, stamp + "." + body);
    auto const good = [&](std::string const& with, std::string const& by, std::string const& when) {
      return authentic(auth, {{"X-Time", when}, {"x-hub-signature-256", by}}, with, kNow);
    };
    REQUIRE(good(body, signature, stamp));
    auto const change = [&](std::string const& text, auto const& still) {
      for (std::size_t i = 0; i < text.size(); ++i) {
        auto bad = text;
        bad[i] = static_cast<char>(bad[i] ^ static_cast<char>(1u << (random() % 8)));
        // Hex digits are read in either case: that is the same signature.
        bool const same_digit = (bad[i] ^ text[i]) == 0x20 && text[i] >= 'a' && text[i] <= 'f';
        if (!same_digit && still(bad)) FAIL("byte " << i << " of " << text);
        ++tried;
      }
    };
    change(body, [&](std::string const& bad) { return good(bad, signature, stamp); });
    change(signature, [&](std::string const& bad) { return good(body, bad, stamp); });
    change(stamp, [&](std::string const& bad) { return good(body, signature, bad); });
    CHECK_FALSE(good(body + " ", signature, stamp));
    CHECK_FALSE(good(body.substr(1), signature, stamp));
  }
  CHECK(tried > 10'000);
}

TEST_CASE("T8 T12 webhook: no header, two headers, another time, another secret: not let in") {
  WebhookAuth auth{.secret = kSecret};
  std::string const body = "{}";
  auto const signature = "sha256=" + sign(kSecret, body);
  CHECK(authentic(auth, {{"X-Hub-Signature-256", signature}}, body, kNow));
  CHECK_FALSE(authentic(auth, {}, body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", ""}}, body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", signature.substr(7)}}, body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", signature}, {"x-hub-signature-256", signature}}, body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", "sha256=" + sign("another secret!!", body)}}, body, kNow));
  CHECK_FALSE(authentic({}, {{"X-Hub-Signature-256", "sha256=" + sign("", body)}}, body, kNow));  // no secret at all
  auth.timestamp_header = "X-Time";
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(kNow.time_since_epoch()).count();
  for (auto const& [off, fine] : {std::pair{0, true}, {300, true}, {-300, true}, {301, false}, {-301, false}}) {
    auto const stamp = std::to_string(seconds + off);
    CHECK(authentic(auth, {{"X-Time", stamp}, {"X-Hub-Signature-256", "sha256=" + sign(kSecret, stamp + "." + body)}},
                    body, kNow) == fine);
  }
  for (auto const* stamp : {"", "now", "1e9", " 1", "-5", "99999999999999"})
    CHECK_FALSE(authentic(
        auth, {{"X-Time", stamp}, {"X-Hub-Signature-256", "sha256=" + sign(kSecret, std::string(stamp) + "." + body)}},
        body, kNow));
  CHECK_FALSE(authentic(auth, {{"X-Hub-Signature-256", signature}}, body, kNow));  // without the time
}

TEST_CASE("T45 webhook: a bearer token is compared by its digest, in constant time") {
  WebhookAuth const auth{.token_sha256 = core::sha256_hex(kToken)};
  CHECK(authentic(auth, {{"authorization", "Bearer " + kToken}}, "", kNow));
  for (auto const& bad : {std::string("Bearer "), std::string("bearer " + kToken), "Bearer  " + kToken,
                          "Bearer " + kToken + " ", "Bearer " + kToken.substr(1), "Basic " + kToken,
                          "Bearer " + core::sha256_hex(kToken), "Bearer " + std::string(100'000, 'x')})
    CHECK_FALSE(authentic(auth, {{"authorization", bad}}, "", kNow));
  CHECK_FALSE(authentic(auth, {{"authorization", "Bearer " + kToken}, {"Authorization", "Bearer x"}}, "", kNow));
  // The comparison itself is OpenSSL's (core::equal_in_constant_time): no early end that a clock could see.
}

TEST_CASE("T8 a secret that nobody should rely on is refused, and never quoted") {
  for (auto const* weak :
       {"", "short", "fifteen-bytes-x", "changeme-changeme", "my-webhook-secret-1", "aaaaaaaaaaaaaaaaaaaaaaaa",
        "1234567812345678", "ExamplePassword1234", "abababababababababab"}) {
    auto const why = why_weak_secret(weak);
    CAPTURE(weak);
    REQUIRE(why);
    if (std::string_view(weak).size() > 9) CHECK(why->find(weak) == std::string::npos);
  }
  CHECK_FALSE(why_weak_secret(kSecret));
  CHECK_FALSE(why_weak_secret("kR9v-wq2LmN8-zzT1pXe"));
}

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

TEST_CASE("T12 webhook: a delivery that comes again is answered as before and counts once, also after a restart") {
  House house(WebhookForm::Kind::json);
  auto const down = house.json(R"({"title": "web-1 is down", "state": "down", "host": {"name": "web-1"}})", "d-1");
  auto const first = house.answer(down);
  CHECK(became(first) == "opened");
  CHECK(core::dump(house.answer(down).body) == core::dump(first.body));
  house.start();
  CHECK(core::dump(house.answer(down).body) == core::dump(first.body));
  CHECK(house.cases() == 1);
  CHECK(house.noise.look(house.rule(), house.desk.fired[0].dedupe_key, house.loop.now()).suppressed == 0);
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

TEST_CASE("T44 T71 webhook: no such source and a wrong sender are answered alike, and are on record") {
  House house;
  auto wrong = house.alerts(payload({alert("aa", "firing")}));
  wrong.headers[0].second = "Bearer wrong";
  auto absent = house.alerts(payload({alert("aa", "firing")}));
  absent.source = "nowhere\x1b[2J";
  auto const first = house.answer(wrong), second = house.answer(absent);
  CHECK(first.status == 401);
  CHECK(second.status == 401);
  CHECK(first.detail == second.detail);
  REQUIRE(house.desk.refusals.size() == 2);
  CHECK(house.desk.refusals[0].reason.find("web-down") != std::string::npos);
  CHECK(house.desk.refusals[1].reason.find('\x1b') == std::string::npos);
  CHECK(house.cases() == 0);
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
  CHECK(house.cases() == 100);  // max_per_hour
  house.loop.advance(1min);
  REQUIRE(house.desk.told.size() == 1);
  CHECK(house.desk.told[0].second.text.find("900 signals") != std::string::npos);
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
  for (int second = 0; second < 61; ++second) {
    for (int batch = 0; batch < 10; ++batch) {
      for (int i = 0; i < 100; ++i) {
        ++number;
        house.give(house.json(R"({"state": "down", "host": {"name": "web-1"}, "n": )" + std::to_string(number) + "}",
                              "d-" + std::to_string(number)));
      }
      house.loop.advance(100ms);
    }
  }
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
  house.desk.fails = true;  // a failed fsync: everybody is told, and the service stops
  auto const lost = house.alerts(payload({alert("aa", "firing"), alert("zz", "resolved")}));
  CHECK(house.answer(lost).status == 503);
  house.desk.fails = false;
  house.restart();
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

TEST_CASE("T12 webhook: a captured delivery is known by its signature, whatever name it is given") {
  House house(WebhookForm::Kind::json);
  auto const body = R"({"state": "down", "host": {"name": "web-1"}, "at": 1})";
  auto const first = house.answer(house.json(body, "d-1"));
  CHECK(became(first) == "opened");
  CHECK(became(house.answer(house.json(R"({"state": "up", "host": {"name": "web-1"}, "at": 2})", "d-2"))) ==
        "recovered");
  house.loop.advance(1h);
  auto replayed = house.json(body, "d-3");
  CHECK(core::dump(house.answer(replayed).body) == core::dump(first.body));
  for (auto& c : replayed.headers[0].second.erase(0, 7)) c = static_cast<char>(std::toupper(c));
  replayed.headers[0].second.insert(0, "sha256=");
  CHECK(core::dump(house.answer(replayed).body) == core::dump(first.body));
  CHECK(house.held.total() == 2);  // and people hear of it: a sender may say the same twice
  house.restart();
  CHECK(core::dump(house.answer(house.json(body, "d-4")).body) == core::dump(first.body));
  CHECK(house.cases() == 1);
  auto both = house.give(house.json(R"({"state": "down", "host": {"name": "b"}})", "d-5"));
  auto same = house.give(house.json(R"({"state": "down", "host": {"name": "b"}})", "d-6"));
  house.loop.run_posted();
  CHECK(core::dump(both->at(0).body) == core::dump(same->at(0).body));
  CHECK(house.desk.fired.size() == 2);
}
