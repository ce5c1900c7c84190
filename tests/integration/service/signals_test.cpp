// Logs and webhooks through the real service: real files, real sockets, kills and restarts; and the same in a
// rehearsal.
#include <numeric>

#include "bot/net/http_client.hpp"
#include "tests/integration/service/service.hpp"
#include "tests/support/hmac.hpp"
#include "tests/support/sanitized.hpp"

namespace {

using namespace service;

std::string const kSecret = "0c5e7a91b3d24f68";

std::string sign(std::string const& text) { return "sha256=" + support::hmac_sha256_hex(kSecret, text); }

// Posts raw bytes; the answer once it is there.
struct Sender {
  ServiceKit& kit;
  std::unique_ptr<net::HttpClient> client = net::make_http_client(kit.io());
  std::size_t under_way = 0, sent = 0;
  std::map<unsigned, std::size_t> statuses{};

  void send(std::string const& source, std::string body, net::Headers headers,
            std::function<void(net::HttpResponse const&)> done = {}) {
    headers.emplace_back("Content-Type", "application/json");
    net::HttpRequest request;
    request.method = "POST";
    request.url = "http://127.0.0.1:" + std::to_string(kit.port()) + "/v1/signals/" + source;
    request.headers = std::move(headers);
    request.body = std::move(body);
    ++under_way;
    ++sent;
    client->request(std::move(request), [this, done = std::move(done)](net::Result<net::HttpResponse> answer) {
      --under_way;
      ++statuses[answer ? answer->status : 0];
      if (answer && done) done(*answer);
    });
  }
  net::HttpResponse deliver(std::string const& source, std::string const& body, std::string const& id,
                            std::string const& signature = {}) {
    net::HttpResponse got{.status = 0};
    send(source, body, {{"X-Hub-Signature-256", signature.empty() ? sign(body) : signature}, {"X-Delivery", id}},
         [&](net::HttpResponse const& answer) { got = answer; });
    kit.wait([&] { return under_way == 0; });
    return got;
  }
};

void append(std::filesystem::path const& file, std::string const& text) {
  std::ofstream out(file, std::ios::app);
  out << text << std::flush;
}

std::size_t opened(ServiceKit const& kit, std::string const& trigger) {
  std::size_t found = 0;
  for (auto const& entry : kit.entries("case.opened")) found += entry["actor"].text() == "trigger:" + trigger ? 1u : 0u;
  return found;
}

std::string hook(std::string const& noise) {
  return "  hook: {webhook: {format: json, secret: {env: HOOK_SECRET}, delivery: {header: X-Delivery}, title: /title, "
         "status: {pointer: /state, firing: [down], resolved: [up]}, labels: {host: /host}}, post_to: [incidents], "
         "noise: {dedupe: [host], " +
         noise + "}}\n";
}

// Whether the note of a followed log says that it was read so far.
bool position_kept(ServiceKit const& kit, std::uintmax_t offset) {
  for (auto const& note : std::filesystem::directory_iterator(kit.state_dir() / "notes")) {
    if (!note.path().filename().string().starts_with("log-")) continue;
    auto const json = core::parse_json(read(note.path()));
    if (json && (*json)["position"]["offset"].integer() == static_cast<std::int64_t>(offset)) return true;
  }
  return false;
}

// The numbers of the channel's digests.
std::vector<std::size_t> digests(ServiceKit& kit) {
  std::vector<std::size_t> found;
  for (auto const& message : kit.slack().messages("C0INC")) {
    auto const text = message["text"].text();
    std::string const before = "Noise control held back ";
    auto const at = text.find(before);
    if (at == std::string::npos) continue;
    auto number = text.substr(at + before.size(), 12);
    std::erase(number, ',');
    found.push_back(std::stoul(number));
  }
  return found;
}
std::size_t sum(std::vector<std::size_t> const& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::size_t{0});
}

std::string resident(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return line;
  }
  return {};
}

support::Ran rehearsed(ServiceKit const& kit, std::string const& words) {
  return support::run("'" + ServiceKit::binary() + "' rehearse -c '" + kit.config().string() + "' " + words);
}

// What a rehearsal told with --json, by its `what`.
std::map<std::string, std::vector<Json>> by_kind(std::string const& told) {
  std::map<std::string, std::vector<Json>> events;
  std::istringstream lines(told);
  for (std::string line; std::getline(lines, line);) {
    auto json = core::parse_json(line);
    if (!json) FAIL(line);
    events[(*json)["what"].text()].push_back(*json);
  }
  return events;
}

std::string recorded_alerts(std::string const& time, std::string const& trigger, Json::Array alerts) {
  return core::dump(Json::object(
             {{"time", "2026-11-21T" + time + "Z"},
              {"source", trigger},
              {"payload", Json::object({{"version", "4"}, {"groupKey", "{}:{}"}, {"alerts", std::move(alerts)}})}})) +
         "\n";
}
Json alert(std::string const& fingerprint, std::string const& status = "firing") {
  return Json::object({{"status", status}, {"fingerprint", fingerprint}, {"startsAt", "2026-11-21T07:59:00Z"}});
}

}  // namespace

TEST_CASE("T55 T32 a line of a followed log opens a case, asks with its own value, and is seen once over a kill") {
  support::TempDir dir;
  auto const log = dir / "app.log";
  append(log, "oom in worker old-1\n");
  KitOptions options;
  options.extra_triggers = "  oom: {log: {path: \"" + log.string() +
                           "\", match: 'oom in worker (?P<worker>[^ ]+)', except: test}, labels: {service: web}, "
                           "propose: [{runbook: witness, with: {word: \"{{worker}}\"}}], post_to: [incidents], "
                           "noise: {dedupe: [worker], cooldown: 0s, max_per_hour: 100}}\n";
  ServiceKit kit(options);
  kit.start();
  append(log, "oom in test worker\nfine\noom in worker w-1 password=hunter2-of-the-log\n");
  REQUIRE(kit.wait([&] { return count(kit, "request.posted") == 1; }));
  CHECK(opened(kit, "oom") == 1);
  auto const id = kit.entries("request.opened")[0]["request"].text();
  auto const accepted = kit.entries("request.accepted", id)[0];
  CHECK(accepted["data"]["parameters"]["word"].text() == "w-1");
  CHECK(accepted["data"]["labels"]["from_signal"].text() == "worker");
  CHECK(kit.state(id).empty());  // alice, who did not ask and may not approve, sees nothing of it
  CHECK(count(kit, "request.approved", id) == 0);
  CHECK(kit.witnessed() == 0);
  CHECK_FALSE(has(core::dump(Json(kit.entries())), "hunter2"));
  auto const exhibits = kit.entries("evidence.collected");
  REQUIRE_FALSE(exhibits.empty());
  CHECK(has(core::dump(exhibits[0]["data"]), "signal"));

  // A value that the parameter's type does not take asks for nothing, and people hear it.
  append(log, "oom in worker $(reboot)\n");
  REQUIRE(kit.wait([&] { return opened(kit, "oom") == 2; }));
  REQUIRE(kit.wait([&] { return has(core::dump(Json(kit.slack().messages("C0INC"))), "could not ask for witness"); }));
  CHECK(count(kit, "request.accepted") == 1);

  REQUIRE(kit.wait([&] { return position_kept(kit, std::filesystem::file_size(log)); }));
  kit.kill();
  append(log, "oom in worker w-2\n");
  kit.start();
  REQUIRE(kit.wait([&] { return opened(kit, "oom") == 3; }));
  std::filesystem::rename(log, dir / "app.log.1");
  append(log, "oom in worker w-3\n");
  REQUIRE(kit.wait([&] { return opened(kit, "oom") == 4; }));
  CHECK(count(kit, "request.accepted") == 3);
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("T8 T12 T44 a signed webhook through the real service: once, also over a kill, and nobody else's") {
  KitOptions options;
  options.extra_triggers = hook("cooldown: 0s");
  ServiceKit kit(options);
  for (auto const* weak : {"", "short", "changeme-changeme"}) {
    kit.start({.environment = {{"HOOK_SECRET", weak}}, .wait_ready = false});
    CHECK(kit.wait_end() == 3);
    CHECK(has(kit.process().log_text(), "triggers.hook.webhook.secret"));
  }
  support::StartOptions const start{.environment = {{"HOOK_SECRET", kSecret}}};
  kit.start(start);
  Sender sender{kit};
  std::string const down = R"({"title": "web-1 is down", "state": "down", "host": "web-1"})";
  auto const first = sender.deliver("hook", down, "d-1");
  CHECK(first.status == 202);
  REQUIRE(opened(kit, "hook") == 1);  // on record before it is answered
  CHECK(has(first.body, kit.entries("case.opened")[0]["case"].text()));
  CHECK(sender.deliver("hook", down, "d-1").body == first.body);
  kit.kill();
  kit.start(start);
  CHECK(sender.deliver("hook", down, "d-1").body == first.body);
  CHECK(sender.deliver("hook", down, "d-of-a-thief").body == first.body);
  auto const wrong = sender.deliver("hook", down, "d-2", "sha256=" + std::string(64, '0'));
  auto const absent = sender.deliver("nowhere", down, "d-2");
  CHECK(wrong.status == 401);
  CHECK(absent.status == 401);
  CHECK(wrong.body == absent.body);
  // Whoever can't sign is told nothing of the body: it is not read.
  auto const nonsense = sender.deliver("hook", "{", "d-2", "sha256=" + std::string(64, '0'));
  CHECK(nonsense.status == 401);
  CHECK(nonsense.body == wrong.body);
  CHECK(sender.deliver("hook", "{", "d-3").status == 422);
  CHECK(kit.http("GET", "/v1/signals/hook").status == 405);
  REQUIRE(kit.wait([&] { return count(kit, "vote.refused") == 3; }));
  CHECK(opened(kit, "hook") == 1);
  auto const over = sender.deliver("hook", R"({"state": "up", "host": "web-1"})", "d-4");
  CHECK(has(over.body, "recovered"));
  REQUIRE(kit.wait([&] { return count(kit, "case.closed") == 1; }));
  auto const metrics = kit.http("GET", "/metrics", {}, "").text;
  for (auto const* figure : {R"({outcome="fired",source="webhook"} 0)",  // by the process before
                             R"({outcome="recovered",source="webhook"} 1)", R"({outcome="refused",source="webhook"} 4)",
                             R"({outcome="fired",source="log"} 0)"})
    CHECK(has(metrics, std::string("countersign_signals_total") + figure));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("T69 T67 a storm of signals: clicks are answered, memory and ledger stay small, people hear of it") {
  support::TempDir dir;
  auto const log = dir / "app.log";
  append(log, "");
  KitOptions options;
  options.extra_triggers = hook("cooldown: 10m, max_per_hour: 6") + "  noisy: {log: {path: \"" + log.string() +
                           "\", match: error}, post_to: [incidents], noise: {max_per_hour: 6}}\n";
  options.api = ", requests_per_second: 100";  // all limits as they are when nobody says
  ServiceKit kit(options);
  kit.start({.environment = {{"HOOK_SECRET", kSecret}}});
  auto const id = kit.ask("witness");
  auto const began = std::chrono::steady_clock::now();
  Sender sender{kit};
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "an error number " + std::to_string(i) + "\n";
  auto const before = kit.entries().size();
  auto const rss = resident(kit.pid());
  bool pressed = false;
  for (int i = 0; i < 3000; ++i) {
    auto const body = R"({"title": "down", "state": "down", "host": "h)" + std::to_string(i % 50) + R"(", "n": )" +
                      std::to_string(i) + "}";
    sender.send("hook", body, {{"X-Hub-Signature-256", sign(body)}, {"X-Delivery", std::to_string(i)}});
    if (i % 1000 == 0) append(log, lines);
    if (i == 2000) pressed = kit.press("U0BOB", id, "deny");
    if (sender.under_way > 100) kit.wait([&] { return sender.under_way < 50; });
  }
  CHECK(pressed);
  CHECK(kit.wait([&] { return sender.under_way == 0; }, 60s));
  CHECK(sender.statuses[202] == 3000);  // an authentic delivery has no share of its address to use up
  CHECK(ends_as(kit, id, "denied"));
  CHECK(opened(kit, "hook") == 6);
  CHECK(opened(kit, "noisy") == 1);
  CHECK(kit.entries().size() - before < 40);
  INFO(rss << " before, after: " << resident(kit.pid()));
  auto const kib = [](std::string const& line) { return line.empty() ? 0 : std::stol(line.substr(6)); };
  if (!support::skipped_under_sanitizer("memory under a storm", "a sanitizer keeps what is freed for a while"))
    CHECK(kib(resident(kit.pid())) - kib(rss) < 24 * 1024);

  // People hear of it in one message a minute, and its number is the number: all but what the cases' own titles tell.
  std::size_t in_title = 6;
  for (auto const& entry : kit.entries("case.opened")) {
    if (entry["actor"].text() != "trigger:noisy") continue;
    auto const title = core::dump(entry);
    auto const at = title.find(" lines of ");
    in_title +=
        at == std::string::npos ? 1 : std::stoul(title.substr(title.find_last_not_of("0123456789", at - 1) + 1));
  }
  auto const told = [&] { return digests(kit); };
  REQUIRE(kit.wait([&] { return !told().empty() && sum(told()) == 6000 - in_title; }, 65s));
  CHECK(told().size() <= 1 + static_cast<std::size_t>((std::chrono::steady_clock::now() - began) / 61s));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("rehearse: recorded signals of each kind, on their own clock, and nothing happens") {
  support::TempDir dir;
  KitOptions options;
  options.extra_triggers =
      hook("cooldown: 10m, max_per_hour: 2") +
      "  door: {probe: {http: \"http://127.0.0.1:1/\", every: 10s, failures: 3}, labels: {service: web}, propose: "
      "[{runbook: witness, with: {word: door}}], post_to: [incidents]}\n"
      "  oom: {log: {path: /nowhere/app.log, match: 'oom (?P<worker>\\S+)', count: 2}, propose: [{runbook: witness, "
      "with: {word: \"{{worker}}\"}}], post_to: [incidents], noise: {dedupe: [worker]}}\n";
  ServiceKit kit(options);
  auto const before = kit.entries().size();
  auto const rehearse = [&](std::string const& words) { return rehearsed(kit, words); };
  auto const file = (dir / "signals.jsonl").string();
  std::string text = R"json({"time": "2026-11-21T10:00:05Z", "source": "door", "ok": false, "why": "HTTP status 503"}
{"time": "2026-11-21T10:10:05Z", "source": "door", "ok": true}
{"time": "2026-11-21T10:20:00Z", "source": "oom", "line": "oom w-1"}
{"time": "2026-11-21T10:20:10Z", "source": "oom", "line": "oom w-1"}
{"time": "2026-11-21T10:20:20Z", "source": "oom", "line": "oom $(reboot)"}
{"time": "2026-11-21T10:20:21Z", "source": "oom", "line": "oom $(reboot)"}
)json";
  for (int i = 0; i < 2000; ++i)
    text += R"({"time": "2026-11-21T12:00:0)" + std::to_string(i / 1000) +
            R"(Z", "source": "hook", "payload": {"title": "down", "state": "down", "host": "h)" +
            std::to_string(i % 4) + R"("}, "delivery": "d)" + std::to_string(i) + "\"}\n";
  append(file, text);
  auto const said = rehearse("--signals '" + file + "' --json");
  CHECK(said.code == 0);
  auto events = by_kind(said.out);
  auto const& cases = events["case_opened"];
  REQUIRE(cases.size() == 7);  // the door, two workers, two hosts; two more when the hour of the limit is over
  for (std::size_t i = 3; i < 7; ++i) {
    CAPTURE(i, core::dump(cases[i]));
    CHECK(cases[i]["time"].text() == (i < 5 ? "2026-11-21T12:00:00.000Z" : "2026-11-21T13:00:00.000Z"));
    CHECK(has(cases[i]["title"].text(), "(500 signals were held back)") == (i >= 5));
  }
  CHECK(cases[0]["time"].text() == "2026-11-21T10:00:25.000Z");
  REQUIRE(events["would_propose"].size() == 2);
  CHECK(events["would_propose"][0]["parameters"]["word"].text() == "door");
  CHECK(events["would_propose"][1]["parameters"]["word"].text() == "w-1");
  CHECK(core::dump(events["would_propose"][0]["asks"]) ==
        R"([{"count":1,"group":"sre","people":["bob","carol","erin"]}])");
  REQUIRE(events["cannot_propose"].size() == 1);
  CHECK(events["recovered"].size() >= 3);
  CHECK(events["held_back"].size() >= 2);
  CHECK_FALSE(events["digest"].empty());
  auto const& summary = events["summary"].at(0);
  CHECK(summary["signals"].integer() == 2006);
  CHECK(summary["held_back"].integer() == 1998);
  auto const words = rehearse("--signals '" + file + "'").out;
  CHECK(has(words, "would propose witness word=door in incidents; asks 1 of sre (bob, carol, erin)"));
  CHECK(has(words, "tells incidents: Noise control held back"));
  CHECK(kit.entries().size() == before);
  CHECK(kit.witnessed() == 0);

  auto const log = (dir / "app.log").string();
  append(log, "2026-11-21T10:00:00Z oom w-1\n2026-11-21T10:02:00Z oom w-1\n2026-11-21T10:02:30Z oom w-1\n");
  auto const from_log = rehearse("--log '" + log + "' --as oom");
  CHECK(from_log.code == 0);
  CHECK(has(from_log.out, "2026-11-21T10:02:30.000Z  opens"));
  CHECK(has(from_log.out, "3 signals: 1 cases"));
  CHECK(rehearse("--log '" + log + "' --as door").code == 2);
  CHECK(rehearse("--log '" + log + "'").code == 2);
  CHECK(rehearse("--signals /nowhere").code == 3);
  append(file, "{\"time\": \"2026-11-21T10:00:05Z\", \"source\": \"nobody\"}\n");
  auto const bad = rehearse("--signals '" + file + "'");
  CHECK(bad.code == 2);
  CHECK(has(bad.out, "signals.jsonl:2007: \"source\" is"));
}

TEST_CASE("rehearse: Alertmanager's repetitions are known, forgotten and taken anew as by the service") {
  support::TempDir dir;
  auto const trigger = [](std::string const& name, std::string const& quiet, std::string const& noise) {
    return "  " + name + ": {webhook: {format: alertmanager, token_sha256: " + core::sha256_hex("token-of-the-alerts") +
           ", quiet: " + quiet + "}, post_to: [incidents], noise: {" + noise + "}}\n";
  };
  KitOptions options;
  options.extra_triggers = trigger("alerts", "1h", "cooldown: 0s") + trigger("crowd", "5m", "max_per_hour: 1");
  ServiceKit const kit(options);
  Json::Array many;
  for (int i = 0; i < 1000; ++i) many.push_back(alert("f" + std::to_string(i)));
  auto const file = (dir / "signals.jsonl").string();
  // One more than there is room for; once there is, its repetition is taken.
  append(file, recorded_alerts("08:00:00", "crowd", std::move(many)) +
                   recorded_alerts("08:00:10", "crowd", {alert("late")}) +
                   recorded_alerts("08:00:20", "crowd", {alert("f7", "resolved")}) +
                   recorded_alerts("08:00:30", "crowd", {alert("late")}) +
                   recorded_alerts("10:00:00", "alerts", {alert("aa")}) +
                   recorded_alerts("10:05:00", "alerts", {alert("aa")}) +
                   recorded_alerts("10:10:00", "alerts", {alert("aa", "resolved")}) +
                   recorded_alerts("10:20:00", "alerts", {alert("aa"), alert("bb")}) +
                   recorded_alerts("12:00:00", "alerts", {alert("aa"), alert("bb")}));
  auto const said = rehearsed(kit, "--signals '" + file + "' --json");
  CHECK(said.code == 0);
  auto events = by_kind(said.out);
  std::string late;
  for (auto const& event : events["held_back"]) {
    CHECK(event["trigger"].text() == "crowd");
    if (event["occurrence"].text() == "fingerprint=late") late += event["time"].text() + " ";
  }
  CHECK(late == "2026-11-21T08:00:30.000Z ");
  std::string opened;
  for (auto const& event : events["case_opened"])
    opened += event["trigger"].text() + event["time"].text().substr(10, 6);
  CHECK(opened == "crowdT08:00alertsT10:00alertsT10:20alertsT12:00");
  std::string recovered;
  for (auto const& event : events["recovered"]) {
    if (has(event["text"].text(), "alerts")) recovered += event["time"].text().substr(10, 6);
  }
  CHECK(recovered == "T10:10T11:20T13:00");
  CHECK(events["refused"].empty());
}
