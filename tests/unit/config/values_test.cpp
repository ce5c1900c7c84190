// What a good file becomes: every key in its field, every default, and what may be shown of it.
#include "config/loader.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/base.hpp"

using namespace config;
using namespace std::chrono_literals;
using config_test::kBase;
using config_test::replaced;
using Texts = std::vector<std::string>;

namespace {

Config load_good(std::string_view text) {
  auto outcome = load(text, "good.yaml");
  CAPTURE(check_report(outcome));
  REQUIRE(outcome.config);
  return *std::move(outcome.config);
}

}  // namespace

TEST_CASE("values: people, robots, chat, channels") {
  auto const config = load_good(kBase);
  auto const& alice = config.rules.people.at("alice");
  CHECK(alice.name == "Alice Ng");
  CHECK(alice.email == "alice@example.org");
  CHECK(alice.groups == std::set<std::string>{"dev"});
  CHECK(alice.accounts == std::map<std::string, std::string>{{"slack", "U0ALICE"}});
  CHECK(alice.token_sha256.empty());
  CHECK(alice.scopes == std::set<std::string>{"read", "request"});
  CHECK(config.rules.people.at("carol").scopes == std::set<std::string>{"request"});
  CHECK(config.rules.robots.at("ci").token_sha256.size() == 64);
  CHECK(config.rules.robots.at("ci").groups == std::set<std::string>{"pipelines"});
  REQUIRE(config.chat.slack);
  CHECK(config.chat.slack->workspace == "T0EX");
  CHECK(config.chat.slack->api_url == "https://slack.com/api/");
  CHECK(config.chat.slack->app_token == Secret::from_env("SLACK_APP_TOKEN"));
  CHECK(config.chat.slack->bot_token == Secret::from_file("/run/credentials/slack"));
  CHECK(config.chat.slack->connections == 2);
  CHECK(config.rules.channels.at("incidents") == std::map<std::string, std::string>{{"slack", "C0INC"}});
  auto const local = load_good(replaced(std::string(kBase), "connections: 2", "api_url: \"http://127.0.0.1:9/api\""));
  CHECK(local.chat.slack->api_url == "http://127.0.0.1:9/api/");
}

TEST_CASE(
    "values: a group from Slack may stand where a policy names a group, and the ledger keeps where it comes from") {
  auto text = replaced(std::string(kBase), "channels:", "groups: {oncall: {slack_usergroup: S0ONCALL}}\nchannels:");
  text = replaced(text, "approve: [{group: sre, count: 1}]", "approve: [{group: oncall, count: 2}]");
  text = replaced(text, "notify: [sre]", "notify: [oncall]");
  auto const config = load_good(text);
  CHECK(config.rules.sources.at("oncall") == core::GroupSource{"slack", "S0ONCALL"});
  CHECK(config.rules.unread == std::set<std::string>{"oncall"});
  CHECK(config.rules.members("oncall").empty());  // until Slack was asked
  auto const kept = public_json(config);
  CHECK(kept["schema"] == core::Json(2));
  CHECK(kept["groups"]["oncall"] == core::Json::object({{"platform", "slack"}, {"id", "S0ONCALL"}}));
  CHECK(public_json(load_good(kBase))["schema"] == core::Json(1));
  CHECK(core::rules_from_json(kept).value().unread == std::set<std::string>{"oncall"});
}

TEST_CASE("values: collectors, triggers, wiring") {
  auto const config = load_good(kBase);
  auto const& log = config.collectors.at("web-log");
  CHECK(std::get<FileCollector>(log.source).path == "/var/log/web/error.log");
  CHECK(std::get<FileCollector>(log.source).since == core::Duration(10min));
  CHECK(log.max_bytes == 65536);
  CHECK(log.timeout == 10s);
  CHECK(std::get<CommandCollector>(config.collectors.at("unit").source).run ==
        Texts{"systemctl", "status", "{{service}}.service"});
  CHECK(config.collectors.at("unit").timeout == 5s);
  CHECK(std::holds_alternative<HostCollector>(config.collectors.at("host").source));
  CHECK(config.evidence_deadline == 20s);
  auto const& probe = config.probe_triggers.at("web-down");
  CHECK(probe.probe.kind == core::Probe::Kind::http);
  CHECK(probe.probe.target == "http://127.0.0.1:8081/healthz");
  CHECK(probe.every == 5s);
  CHECK(probe.timeout == 2s);
  CHECK(probe.failures == 3);
  auto const& rule = config.rules.triggers.at("web-down");
  CHECK(rule.name == "web-down");
  CHECK(rule.labels == std::map<std::string, std::string>{{"service", "web"}, {"severity", "critical"}});
  CHECK(rule.collect == Texts{"web-log", "host"});
  REQUIRE(rule.propose.size() == 1);
  CHECK(rule.propose[0].runbook == "restart-service");
  CHECK(rule.propose[0].with == std::map<std::string, std::string>{{"service", "web"}});
  CHECK(rule.post_to == Texts{"incidents"});
  CHECK(rule.dedupe == Texts{"service"});
  CHECK(rule.cooldown == 10min);
  CHECK(rule.max_per_hour == 6);
  CHECK(config.ledger.path == "/var/lib/countersign/ledger.git");
  CHECK(config.ledger.key == Secret::from_file("/var/lib/countersign/ledger_ed25519"));
  CHECK(config.state.path == "/var/lib/countersign/state");
  CHECK(config.state.side == "/run/countersign");
  CHECK(config.api.host == "127.0.0.1");
  CHECK(config.api.port == 8080);
  CHECK(config.api.certificate.empty());
  CHECK((config.api.max_connections == 2048 && config.api.max_connections_per_address == 256));
  CHECK(config.api.requests_per_second == 100);
  CHECK(config.redact_patterns == Texts{"internal-[0-9]{6}"});
}

TEST_CASE("values: runbooks and policies") {
  auto const config = load_good(kBase);
  auto const& runbook = config.rules.runbooks.at("restart-service");
  CHECK(runbook.summary == "Restart {{service}}");
  CHECK(runbook.risk == core::Risk::medium);
  CHECK(runbook.if_unanswered == "the service stays down");
  REQUIRE(runbook.parameters.size() == 3);
  CHECK(runbook.parameters[0].name == "service");
  CHECK(runbook.parameters[0].values == Texts{"web", "api"});
  CHECK_FALSE(runbook.parameters[0].preset);
  CHECK(runbook.parameters[1].type == core::Parameter::Type::string);
  CHECK(runbook.parameters[1].pattern == "[a-z ]*");
  CHECK(runbook.parameters[1].max_length == 40);
  CHECK(runbook.parameters[1].preset == "none");
  CHECK(runbook.parameters[2].type == core::Parameter::Type::integer);
  CHECK(runbook.parameters[2].min == 1);
  CHECK(runbook.parameters[2].max == 9);
  CHECK(runbook.parameters[2].preset == "3");
  CHECK(runbook.collect == Texts{"host"});
  CHECK(runbook.lock == "service/{{service}}");
  REQUIRE(runbook.steps.size() == 2);
  CHECK(runbook.steps[0].kind == core::Step::Kind::run);
  CHECK(runbook.steps[0].argv == Texts{"systemctl", "restart", "{{service}}.service"});
  CHECK(runbook.steps[0].timeout == 60s);
  CHECK(runbook.steps[1].kind == core::Step::Kind::probe);
  CHECK(runbook.steps[1].timeout == 5s);
  REQUIRE(runbook.steps[1].retry);
  CHECK(runbook.steps[1].retry->within == 30s);
  CHECK(runbook.steps[1].retry->every == 2s);
  CHECK(runbook.on_failure.empty());
  CHECK(runbook.environment == std::map<std::string, std::string>{{"LANG", "C.UTF-8"}});
  CHECK(runbook.limits == core::Limits{1 << 20, 600, 1 << 30, 1 << 20, 64, 64, 5s});
  CHECK(runbook.policy == "one-sre");
  auto const& policy = config.rules.policies.at("one-sre");
  CHECK(policy.name == "one-sre");
  CHECK(policy.request == std::set<std::string>{"dev", "pipelines", "sre", "triggers"});
  CHECK(policy.approve == std::vector<core::Need>{{"sre", 1}});
  CHECK(policy.notify == std::set<std::string>{"sre"});
  CHECK_FALSE(policy.self_approval);
  CHECK(policy.approver_justification == core::Justification::optional);
  CHECK(policy.requester_justification == core::Justification::required);
  CHECK(policy.expires == 30min);
}

TEST_CASE("values: what is left out has the defaults that README.md states") {
  auto const config = load_good(R"(version: 1
people:
  alice: {groups: [dev], slack: U0ALICE}
  bob: {groups: [sre], slack: U0BOB}
chat: {slack: {workspace: T0EX, app_token: {env: A}, bot_token: {env: B}}}
channels: {incidents: {slack: C0INC}}
collectors: {host: {host: {}}, log: {file: {path: /var/log/x}}}
triggers: {down: {probe: {tcp: "127.0.0.1:80"}, propose: [{runbook: show}], post_to: [incidents]}}
runbooks:
  show:
    summary: Show
    steps: [{name: show, run: [uptime]}, {name: up, probe: {command: ["true"]}, retry: {for: 10s}}]
    policy: one
policies: {one: {request: [dev, triggers], approve: [{group: sre}]}}
ledger: {path: /srv/ledger.git/, key: {file: /srv/key}}
)");
  CHECK(config.chat.slack->api_url == "https://slack.com/api/");
  CHECK(config.chat.slack->connections == 2);
  CHECK(config.collectors.at("host").timeout == 10s);
  CHECK(config.collectors.at("host").max_bytes == 64 * 1024);
  CHECK_FALSE(std::get<FileCollector>(config.collectors.at("log").source).since);
  CHECK(config.evidence_deadline == 20s);
  auto const& probe = config.probe_triggers.at("down");
  CHECK(probe.probe.kind == core::Probe::Kind::tcp);
  CHECK(probe.every == 30s);
  CHECK(probe.timeout == 5s);
  CHECK(probe.failures == 3);
  CHECK(config.rules.triggers.at("down").cooldown == 10min);
  CHECK(config.rules.triggers.at("down").max_per_hour == 6);
  auto const& runbook = config.rules.runbooks.at("show");
  CHECK(runbook.risk == core::Risk::medium);
  CHECK(runbook.limits == core::Limits{1 << 20, 600, 4ULL << 30, 1ULL << 30, 256, 512, 5s});
  CHECK(runbook.steps[0].timeout == 60s);
  CHECK(runbook.steps[1].timeout == 5s);
  CHECK(runbook.steps[1].retry->every == 2s);
  CHECK(runbook.steps[1].probe.argv == Texts{"true"});
  auto const& policy = config.rules.policies.at("one");
  CHECK(policy.approve == std::vector<core::Need>{{"sre", 1}});
  CHECK_FALSE(policy.self_approval);
  CHECK(policy.expires == 30min);
  CHECK(policy.approver_justification == core::Justification::optional);
  CHECK(policy.requester_justification == core::Justification::required);
  CHECK(config.state.path == "/srv/state");
  CHECK(config.state.side == "/srv/side");
  CHECK(config.sandbox.writable.empty());
  CHECK(config.api.host == "127.0.0.1");
  CHECK(config.api.port == 8080);
  CHECK(config.redact_patterns.empty());
}

TEST_CASE("public_json: what the ledger keeps has no names, mails, tokens, secrets or their places") {
  auto const config = load_good(kBase);
  auto const json = public_json(config);
  auto const text = core::canonical(json);
  for (auto const* hidden : {"Alice Ng", "alice@example.org", "9f86d081", "SLACK_APP_TOKEN", "/run/credentials",
                             "ledger_ed25519", "internal-", "token"})
    CHECK(text.find(hidden) == std::string::npos);
  for (auto const* kept : {"\"alice\"", "U0ALICE", "\"sre\"", "\"ci\"", "one-sre", "/var/log/web/error.log",
                           "http://127.0.0.1:8081/healthz", "C0INC"})
    CHECK(text.find(kept) != std::string::npos);
  CHECK(json["wiring"]["redact_patterns"].integer() == 1);
  CHECK(json["wiring"]["chat"]["slack"]["workspace"].text() == "T0EX");
  CHECK(json["wiring"]["probes"]["web-down"]["every_ms"].integer() == 5000);
  CHECK(json["wiring"]["collectors"]["web-log"]["since_ms"].integer() == 600'000);
  auto const back = core::rules_from_json(core::parse_json(text).value());
  REQUIRE(back.has_value());
  CHECK(core::digest_of(back->runbooks.at("restart-service")) ==
        core::digest_of(config.rules.runbooks.at("restart-service")));
  // A secret that moves is no change of the rules.
  CHECK(core::canonical(public_json(load_good(replaced(std::string(kBase), "SLACK_APP_TOKEN", "OTHER")))) == text);
  CHECK(core::canonical(
            public_json(load_good(replaced(std::string(kBase), "count: 1}]", "count: 1}, {group: dev}]")))) != text);
}

TEST_CASE("check_report and check_report_json say the same") {
  auto const outcome = load(replaced(std::string(kBase), "policy: one-sre", "policy: one-sr"), "countersign.yaml");
  CHECK(check_report(outcome) ==
        "countersign.yaml:48:13: error: runbooks.restart-service.policy: there is no policy \"one-sr\" (did you mean "
        "\"one-sre\"?)\nThe configuration is not valid: 1 error.\n");
  auto const json = check_report_json(outcome);
  CHECK(json["ok"] == core::Json(false));
  CHECK(json["errors"].integer() == 1);
  CHECK(json["warnings"].integer() == 0);
  auto const& problem = json["problems"].at_index(0);
  CHECK(problem["file"].text() == "countersign.yaml");
  CHECK(problem["line"].integer() == 48);
  CHECK(problem["column"].integer() == 13);
  CHECK(problem["severity"].text() == "error");
  CHECK(problem["message"].text() == "runbooks.restart-service.policy: there is no policy \"one-sr\"");
  CHECK(problem["hint"].text() == "did you mean \"one-sre\"?");
  auto const good = check_report_json(load(kBase, "a"));
  CHECK(good["ok"] == core::Json(true));
  CHECK(good["problems"].if_array()->empty());
  auto const warned = check_report_json(
      load(replaced(std::string(kBase), "\"127.0.0.1:8080\"", "\"0.0.0.0:8080\", behind_proxy: true"), "a"));
  CHECK(warned["ok"] == core::Json(true));
  CHECK(warned["warnings"].integer() == 1);
}
