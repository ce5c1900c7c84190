#include "tests/support/rules_fixture.hpp"

namespace fixture {

core::Person person(std::set<std::string> groups, std::string account) {
  core::Person made{.name = {}, .email = {}, .groups = std::move(groups), .accounts = {}, .token_sha256 = {}};
  if (!account.empty()) made.accounts.emplace("slack", std::move(account));
  return made;
}

core::Policy policy(std::string name, std::vector<core::Need> approve) {
  return {.name = std::move(name),
          .request = {"dev", "sre", "pipelines", "triggers"},
          .approve = std::move(approve),
          .notify = {"sre"}};
}

core::Step run_step(std::string name, std::vector<std::string> argv) {
  return {.name = std::move(name), .argv = std::move(argv), .probe = {}};
}

core::Runbook runbook(std::string name, std::string policy_name, std::vector<core::Parameter> parameters,
                      std::vector<std::string> argv) {
  core::Runbook made{.name = std::move(name), .summary = "Do it", .if_unanswered = "nothing happens"};
  made.parameters = std::move(parameters);
  made.steps = {run_step("act", std::move(argv))};
  made.policy = std::move(policy_name);
  return made;
}

core::Parameter one_of(std::string name, std::vector<std::string> values) {
  return {.name = std::move(name), .values = std::move(values), .pattern = {}};
}

core::Parameter words(std::string name, std::string pattern) {
  return {.name = std::move(name), .type = core::Parameter::Type::string, .pattern = std::move(pattern)};
}

core::Parameter number(std::string name, std::int64_t min, std::int64_t max) {
  return {.name = std::move(name), .type = core::Parameter::Type::integer, .pattern = {}, .min = min, .max = max};
}

core::Rules rules() {
  core::Rules rules;
  rules.people = {{"alice", person({"dev"}, "U0ALICE")},      {"bob", person({"sre"}, "U0BOB")},
                  {"carol", person({"sre"}, "U0CAROL")},      {"dave", person({"dba"}, "U0DAVE")},
                  {"erin", person({"sre", "dba"}, "U0ERIN")}, {"mallory", person({"guests"}, "U0MALLORY")}};
  rules.people["bob"].accounts["matrix"] = "@bob:example.org";
  rules.robots["ci"].groups = {"pipelines"};
  for (auto const& made : {policy("one-sre", {{"sre", 1}}), policy("two-sre", {{"sre", 2}}),
                           policy("sre-and-dba", {{"sre", 1}, {"dba", 1}})})
    rules.policies.emplace(made.name, made);
  auto self = policy("self-approval", {{"sre", 1}});
  self.self_approval = true;
  auto noted = policy("noted", {{"sre", 1}});
  noted.approver_justification = core::Justification::required;
  noted.requester_justification = core::Justification::none;
  rules.policies.emplace("self-approval", self);
  rules.policies.emplace("noted", noted);
  auto const service = one_of("service", {"web", "api"});
  auto restart = runbook("restart-service", "one-sre", {service}, {"systemctl", "restart", "{{service}}.service"});
  restart.summary = "Restart {{service}}";
  auto deploy = runbook("deploy", "two-sre", {words("version", ".{1,64}"), number("replicas", 1, 20)},
                        {"deploy", "--version={{version}}", "--replicas", "{{replicas}}"});
  auto migrate =
      runbook("migrate", "sre-and-dba", {one_of("database", {"main", "audit"})}, {"migrate", "{{database}}"});
  migrate.lock = "database/{{database}}";
  auto locked = runbook("vacuum", "one-sre", {one_of("database", {"main", "audit"})}, {"vacuum", "{{database}}"});
  locked.lock = "database/{{database}}";
  for (auto const& made : {restart, deploy, migrate, locked, runbook("own", "self-approval", {service}, {"own"}),
                           runbook("careful", "noted", {service}, {"careful", "{{service}}"})})
    rules.runbooks.emplace(made.name, made);
  core::TriggerRule trigger{.name = "web-down", .labels = {{"service", "web"}}, .collect = {"host"}};
  trigger.propose = {{"restart-service", {{"service", "web"}}}};
  trigger.post_to = {"incidents"};
  rules.triggers.emplace("web-down", trigger);
  rules.channels = {{"incidents", {{"slack", "C0INC"}}}};
  return rules;
}

std::string config_bytes(core::Rules const& rules) {
  return core::canonical(core::to_json(rules, core::Json(core::Json::Object{})));
}

core::ProgramIdentity program(std::string const& name) {
  return {.path = "/usr/bin/" + name, .sha256 = std::string(64, 'a'), .interpreter = {}};
}

}  // namespace fixture
