// Triggers log and webhook: what is read, and every mistake at its place.
#include "tests/unit/config/rows.hpp"

using namespace config;
using namespace config_test;
using namespace std::chrono_literals;

namespace {

char const* const kProbe = R"(probe: {http: "http://127.0.0.1:8081/healthz", every: 5s, timeout: 2s, failures: 3}
    labels: {service: web, severity: critical})";
std::string const kDigest(64, 'a');

std::string with(std::string const& source, std::string const& more = "") {
  return replaced(std::string(kBase), kProbe, source + "\n    labels: {service: web, severity: critical}" + more);
}

Config good(std::string const& text) {
  auto outcome = load(text, "good.yaml");
  INFO(check_report(outcome));
  REQUIRE(outcome.config);
  return std::move(*outcome.config);
}

}  // namespace

TEST_CASE("values: a log trigger, its defaults and the labels of its groups") {
  auto const all =
      good(with("log: {path: /var/log/app.log, match: 'pid (?P<pid>[0-9]+)', except: test, count: 5, window: "
                "30s, quiet: 1h, max_line: 1KiB}"));
  CHECK(all.probe_triggers.empty());
  auto const& log = all.log_triggers.at("web-down");
  CHECK(log == LogTrigger{"/var/log/app.log", "pid (?P<pid>[0-9]+)", "test", 5, 30s, 1h, 1024});
  CHECK(signal_labels(log) == std::set<std::string>{"pid"});
  auto const few = good(with("log: {path: /a, match: b}")).log_triggers.at("web-down");
  CHECK(few == LogTrigger{"/a", "b", "", 1, 1min, 10min, 8192});
  // A group may tell occurrences apart, fill a parameter and go to a collector.
  auto text = with("log: {path: /a, match: '(?P<unit>[a-z]+)'}");
  text = replaced(text, "dedupe: [service]", "dedupe: [service, unit]");
  text = replaced(text, "with: {service: web}", "with: {service: \"{{unit}}\"}");
  text = replaced(text, "\"{{service}}.service\"], timeout: 5s", "\"{{unit}}.service\"], timeout: 5s");
  auto const used = good(text);
  CHECK(used.rules.triggers.at("web-down").propose[0].with.at("service") == "{{unit}}");
  auto const shown = core::dump(public_json(used));
  CHECK(shown.find("\"logs\":{\"web-down\":{\"count\":1,") != std::string::npos);
  CHECK(core::rules_from_json(core::parse_json(shown).value()).has_value());
}

TEST_CASE("values: a webhook of each format, its defaults, and nothing of its sender in the ledger") {
  auto const all = good(
      with("webhook: {format: alertmanager, token_sha256: " + kDigest + ", labels: {instance: /labels/instance}}"));
  auto const& alerts = all.webhook_triggers.at("web-down");
  CHECK(alerts.format == WebhookTrigger::Format::alertmanager);
  CHECK(alerts.quiet == 24h);
  CHECK(signal_labels(alerts) == std::set<std::string>{"alertname", "instance", "severity"});
  CHECK(all.rules.triggers.at("web-down").dedupe == std::vector<std::string>{"service"});  // as it says
  CHECK(core::dump(public_json(all)).find(kDigest) == std::string::npos);
  auto const plain =
      good(replaced(with("webhook: {format: alertmanager, token_sha256: " + kDigest + "}"), "dedupe: [service], ", ""));
  CHECK(plain.rules.triggers.at("web-down").dedupe == std::vector<std::string>{"fingerprint"});

  auto const json =
      good(with("webhook: {format: json, secret: {env: HOOK}, timestamp: {header: X-Time}, signature: "
                "{header: X-Sig, prefix: ''}, delivery: {header: X-Id}, title: /t~1t, status: {pointer: "
                "/s, firing: [a, 3], resolved: [b]}, labels: {host: /h/0}}"));
  auto const& hook = json.webhook_triggers.at("web-down");
  CHECK(hook.secret == Secret::from_env("HOOK"));
  CHECK(hook.signature_header == "X-Sig");
  CHECK(hook.signature_prefix.empty());
  CHECK(hook.timestamp_window == 5min);
  CHECK(hook.firing == std::set<std::string>{"3", "a"});
  CHECK(hook.title->text() == "/t~1t");
  CHECK(hook.quiet == 24h);
  CHECK(core::dump(public_json(json)).find("HOOK") == std::string::npos);
  auto const least = good(with("webhook: {format: json, secret: {file: /s}}")).webhook_triggers.at("web-down");
  CHECK(least.signature_header == "X-Hub-Signature-256");
  CHECK(least.signature_prefix == "sha256=");
  CHECK(least.quiet == 10min);  // nothing says that it is over
}

TEST_CASE("T12 a webhook whose captured deliveries could be sent again is warned of") {
  auto const warned = [](std::string const& more) {
    auto const outcome = load(with("webhook: {format: json, secret: {env: HOOK}" + more + "}"), "good.yaml");
    REQUIRE(outcome.config);
    return check_report(outcome).find("counts each time it is sent again") != std::string::npos;
  };
  CHECK(warned(""));
  CHECK_FALSE(warned(", delivery: {header: X-Id}"));
  CHECK_FALSE(warned(", delivery: {pointer: /id}"));
  CHECK_FALSE(warned(", timestamp: {header: X-Time}"));
}

TEST_CASE("bad files: log and webhook triggers") {
  std::string const log = "probe: {http: \"http://127.0.0.1:8081/healthz\", every: 5s, timeout: 2s, failures: 3}";
  std::vector<std::pair<std::string, std::string>> const rows{
      {"@@log: {path: /a, match: b}\n    probe: {tcp: \"a:1\"}", ""},
      {"log: {path: @@app.log, match: b}", "triggers.web-down.log.path"},
      {"log: {path: @@\"/var/log/{{service}}.log\", match: b}", "follows one file"},
      {"log: {path: @@\"/var/log/*.log\", match: b}", "follows one file"},
      {"log: @@{path: /a}", "match"},
      {"log: {path: /a, match: @@'('}", "is no RE2 pattern"},
      {"log: {path: /a, match: a, except: @@'('}", "is no RE2 pattern"},
      {"log: {path: /a, match: @@'(?P<Pid>a)'}", "which can't be a label"},
      {"log: {path: /a, match: @@'(?P<from_signal>a)'}", "which can't be a label"},
      {"log: {path: /a, match: a, count: @@0}", "count"},
      {"log: {path: /a, match: a, window: @@1ms}", "window"},
      {"log: {path: /a, match: a, max_line: @@2MiB}", "max_line"},
      {"log: {path: /a, match: a, @@every: 5s}", "every"},
      {"webhook: @@{token_sha256: " + kDigest + "}", "format"},
      {"webhook: {format: @@xml, token_sha256: " + kDigest + "}", "format"},
      {"webhook: @@{format: json}", "exactly one of: token_sha256, secret"},
      {"webhook: @@{format: json, token_sha256: " + kDigest + ", secret: {env: A}}", "exactly one of"},
      {"webhook: {format: json, token_sha256: @@abc}", "64 lower-case hex digits"},
      {"webhook: {format: json, token_sha256: @@e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}",
       "everybody knows"},
      {"webhook: {format: json, token_sha256: @@9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}",
       "everybody knows"},
      {"webhook: {format: json, secret: @@SECRET}", "triggers.web-down.webhook.secret"},
      {"webhook: {format: alertmanager, secret: @@{env: A}}", "Alertmanager signs nothing"},
      {"webhook: {format: alertmanager, token_sha256: " + kDigest + ", title: @@/a}", "format json only"},
      {"webhook: {format: json, token_sha256: " + kDigest + ", signature: @@{header: X}}", "belongs to \"secret\""},
      {"webhook: {format: json, secret: {env: A}, signature: {header: @@'a b'}}", "no name of a header"},
      {"webhook: {format: json, secret: {env: A}, timestamp: @@{window: 5m}}", "header"},
      {"webhook: {format: json, secret: {env: A}, delivery: @@{header: X, pointer: /a}}", "exactly one of"},
      {"webhook: {format: json, secret: {env: A}, title: @@a/b}", "begins with '/'"},
      {"webhook: {format: json, secret: {env: A}, labels: @@{host: 'a~'}}", "labels.host"},
      {"webhook: {format: json, secret: {env: A}, labels: @@{from_signal: /a}}", "a name of our own"},
      {"webhook: {format: json, secret: {env: A}, status: {pointer: /a, firing: @@[]}}", "nothing would ever fire"},
      {"webhook: {format: json, secret: {env: A}, status: {pointer: /a, firing: [x], resolved: @@[x]}}", "firing, too"},
  };
  for (auto const& [to, message] : rows) {
    auto const words = message.empty() ? "exactly one of: probe, log, webhook" : message;
    Row const row{log.c_str(), to.c_str(), words.c_str()};
    // Where the whole trigger is at fault its own place counts.
    if (message.empty()) {
      Row const whole{log.c_str(), to.c_str() + 2, words.c_str()};
      check_rows(kBase, {&whole, 1});
    } else {
      check_rows(kBase, {&row, 1});
    }
  }
  std::string const hook = "webhook: {format: json, secret: {env: A}}";
  auto const base = replaced(std::string(kBase), log, hook);
  Row const others[]{
      {"dedupe: [service]", "dedupe: [@@host]", "there is no label \"host\""},
      {"with: {service: web}", "with: {service: @@\"{{host}}\"}", "there is no label \"host\""},
      {"with: {service: web}", "with: {service: @@\"{{host\"}", "write {{name}}"},
      {"runbook: restart-service,", "runbook: @@\"{{host}}\",", "triggers.web-down.propose[0].runbook"},
      {"labels: {service: web", "labels: @@{from_signal: x, service: web", "a name of our own"},
  };
  check_rows(base, others);
}
