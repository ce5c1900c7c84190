#include "bot/core/rules.hpp"

#include <algorithm>
#include <limits>

#include "bot/core/digest.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/json_reader.hpp"

namespace core {

namespace {

constexpr std::int64_t kSchema = 1, kSchemaSecond = 2;  // 2: a runbook has an http step, or there is `groups`

Json strings_json(auto const& values) {
  Json::Array list;
  for (auto const& value : values) list.emplace_back(value);
  return list;
}

Json map_json(std::map<std::string, std::string> const& values) {
  Json::Object object;
  for (auto const& [key, value] : values) object.emplace(key, value);
  return object;
}

Json probe_json(Probe const& probe) {
  switch (probe.kind) {
    case Probe::Kind::http:
      return Json::object(
          {{"http", probe.target}, {"expect_status", probe.expect_status}, {"expect_body", probe.expect_body}});
    case Probe::Kind::tcp: return Json::object({{"tcp", probe.target}});
    case Probe::Kind::command: break;
  }
  return Json::object({{"command", strings_json(probe.argv)}});
}

bool has_http(Rules const& rules) {
  return std::ranges::any_of(rules.runbooks, [](auto const& member) {
    auto const is_http = [](Step const& step) { return step.kind == Step::Kind::http; };
    return std::ranges::any_of(member.second.steps, is_http) || std::ranges::any_of(member.second.on_failure, is_http);
  });
}

Json steps_json(std::vector<Step> const& steps) {
  Json::Array list;
  for (auto const& step : steps) list.push_back(to_json(step));
  return list;
}

char const* type_name(Parameter::Type type) noexcept {
  switch (type) {
    case Parameter::Type::enumeration: return "enum";
    case Parameter::Type::string: return "string";
    case Parameter::Type::integer: break;
  }
  return "integer";
}

Json parameter_json(Parameter const& parameter) {
  auto json = Json::object({{"name", parameter.name},
                            {"type", type_name(parameter.type)},
                            {"default", parameter.preset ? Json(*parameter.preset) : Json()},
                            {"description", parameter.description}});
  switch (parameter.type) {
    case Parameter::Type::enumeration: json.set("values", strings_json(parameter.values)); break;
    case Parameter::Type::string: json.set("pattern", parameter.pattern).set("max", parameter.max_length); break;
    case Parameter::Type::integer: json.set("min", parameter.min).set("max", parameter.max); break;
  }
  return json;
}

Json trigger_json(TriggerRule const& trigger) {
  Json::Array proposals;
  for (auto const& proposal : trigger.propose)
    proposals.push_back(Json::object({{"runbook", proposal.runbook}, {"with", map_json(proposal.with)}}));
  return Json::object({{"name", trigger.name},
                       {"labels", map_json(trigger.labels)},
                       {"collect", strings_json(trigger.collect)},
                       {"propose", std::move(proposals)},
                       {"post_to", strings_json(trigger.post_to)},
                       {"dedupe", strings_json(trigger.dedupe)},
                       {"cooldown_ms", std::int64_t{trigger.cooldown.count()}},
                       {"max_per_hour", trigger.max_per_hour}});
}

std::string read_name(ObjectReader& in, std::string const& key) {
  auto value = in.text(key);
  if (!is_name(value)) in.fail(key + " is no name");
  return value;
}

std::string read_own_name(ObjectReader& in, std::string const& key) {
  auto value = in.text("name");
  if (value != key) in.fail("its name differs from its key");
  return value;
}

std::uint32_t read_uint32(ObjectReader& in, std::string const& key) {
  auto const value = in.integer(key);
  if (value > std::numeric_limits<std::uint32_t>::max()) in.fail(key + " is out of bounds");
  return static_cast<std::uint32_t>(value);
}

Probe read_probe(ObjectReader in) {
  Probe probe;
  if (in.has("http")) {
    probe.kind = Probe::Kind::http;
    probe.target = in.text("http");
    probe.expect_status = read_uint32(in, "expect_status");
    probe.expect_body = in.text("expect_body");
  } else if (in.has("tcp")) {
    probe.kind = Probe::Kind::tcp;
    probe.target = in.text("tcp");
  } else {
    probe.kind = Probe::Kind::command;
    probe.argv = in.texts("command");
  }
  in.done();
  return probe;
}

Step read_step(ObjectReader in) {
  Step step;
  step.name = read_name(in, "name");
  if (in.has("run")) {
    step.kind = Step::Kind::run;
    step.argv = in.texts("run");
  } else if (in.has("http")) {
    step.kind = Step::Kind::http;
    step.http = read_http_call(in.object("http"));
  } else {
    step.kind = Step::Kind::probe;
    step.probe = read_probe(in.object("probe"));
  }
  step.timeout = Duration(in.integer("timeout_ms"));
  if (auto inner = in.nullable_object("retry")) {
    step.retry = Retry{Duration(inner->integer("for_ms")), Duration(inner->integer("every_ms"))};
    inner->done();
  }
  in.done();
  return step;
}

Parameter read_parameter(ObjectReader in) {
  Parameter parameter;
  parameter.name = read_name(in, "name");
  if (in.has("default")) parameter.preset = in.text("default");
  in.any("default");
  parameter.description = in.text("description");
  switch (in.word("type", {"enum", "string", "integer"})) {
    case 0:
      parameter.type = Parameter::Type::enumeration;
      parameter.values = in.texts("values");
      break;
    case 1:
      parameter.type = Parameter::Type::string;
      parameter.pattern = in.text("pattern");
      parameter.max_length = read_uint32(in, "max");
      break;
    default:
      parameter.type = Parameter::Type::integer;
      parameter.min = in.signed_integer("min");
      parameter.max = in.signed_integer("max");
  }
  in.done();
  return parameter;
}

Runbook read_runbook(ObjectReader in, std::string const& key) {
  Runbook runbook;
  runbook.name = read_own_name(in, key);
  runbook.summary = in.text("summary");
  constexpr Risk kRisks[] = {Risk::low, Risk::medium, Risk::high};
  runbook.risk = kRisks[in.word("risk", {"low", "medium", "high"})];
  runbook.if_unanswered = in.text("if_unanswered");
  for (auto& item : in.objects("parameters")) runbook.parameters.push_back(read_parameter(std::move(item)));
  runbook.collect = in.texts("collect");
  runbook.lock = in.text("lock");
  for (auto& item : in.objects("steps")) runbook.steps.push_back(read_step(std::move(item)));
  for (auto& item : in.objects("on_failure")) runbook.on_failure.push_back(read_step(std::move(item)));
  runbook.environment = in.text_map("environment");
  runbook.run_as = in.text("run_as");
  runbook.limits = read_limits(in.object("limits"));
  runbook.policy = read_name(in, "policy");
  in.done();
  return runbook;
}

Policy read_policy(ObjectReader in, std::string const& key) {
  Policy policy;
  policy.name = read_own_name(in, key);
  policy.request = in.text_set("request");
  for (auto& item : in.objects("approve")) {
    Need need;
    need.group = read_name(item, "group");
    need.count = read_uint32(item, "count");
    if (need.count == 0) item.fail("a count is at least 1");
    item.done();
    policy.approve.push_back(std::move(need));
  }
  policy.notify = in.text_set("notify");
  policy.self_approval = in.boolean("self_approval");
  auto inner = in.object("justification");
  constexpr Justification kWords[] = {Justification::none, Justification::optional, Justification::required};
  policy.approver_justification = kWords[inner.word("approver", {"none", "optional", "required"})];
  policy.requester_justification = kWords[inner.word("requester", {"none", "optional", "required"})];
  inner.done();
  policy.expires = Duration(in.integer("expires_ms"));
  in.done();
  return policy;
}

TriggerRule read_trigger(ObjectReader in, std::string const& key) {
  TriggerRule trigger;
  trigger.name = read_own_name(in, key);
  trigger.labels = in.text_map("labels");
  trigger.collect = in.texts("collect");
  for (auto& item : in.objects("propose")) {
    trigger.propose.push_back({read_name(item, "runbook"), item.text_map("with")});
    item.done();
  }
  trigger.post_to = in.texts("post_to");
  trigger.dedupe = in.texts("dedupe");
  trigger.cooldown = Duration(in.integer("cooldown_ms"));
  trigger.max_per_hour = read_uint32(in, "max_per_hour");
  in.done();
  return trigger;
}

// read(ObjectReader of the member, its key) for each member of the object `key`; keys are names.
void each_member(ObjectReader& parent, std::string const& key, auto const& read) {
  auto all = parent.object(key);
  for (auto const& [name, value] : all.members()) {
    if (!is_name(name)) all.fail("it holds a key that is no name");
    read(ObjectReader(value, all.place() + "." + name), name);
  }
}

Rules read_rules(Json const& json) {
  Rules rules;
  ObjectReader in(json, "config");
  bool const second = json["schema"].integer() == kSchemaSecond;
  in.schema(second ? kSchemaSecond : kSchema);
  if (second && in.has("groups")) {
    each_member(in, "groups", [&](ObjectReader item, std::string const& key) {
      GroupSource source{.platform = read_name(item, "platform"), .id = item.text("id")};
      item.done();
      rules.unread.insert(key);
      rules.sources.emplace(key, std::move(source));
    });
  }
  each_member(in, "people", [&](ObjectReader item, std::string const& key) {
    Person person;
    person.groups = item.text_set("groups");
    person.accounts = item.text_map("accounts");
    person.scopes = item.text_set("scopes");
    item.done();
    rules.people.emplace(key, std::move(person));
  });
  each_member(in, "robots", [&](ObjectReader item, std::string const& key) {
    if (rules.people.contains(key)) item.fail("the key is a person's too");
    Robot robot;
    robot.groups = item.text_set("groups");
    robot.scopes = item.text_set("scopes");
    item.done();
    rules.robots.emplace(key, std::move(robot));
  });
  each_member(in, "runbooks", [&](ObjectReader item, std::string const& key) {
    rules.runbooks.emplace(key, read_runbook(std::move(item), key));
  });
  each_member(in, "policies", [&](ObjectReader item, std::string const& key) {
    rules.policies.emplace(key, read_policy(std::move(item), key));
  });
  each_member(in, "triggers", [&](ObjectReader item, std::string const& key) {
    rules.triggers.emplace(key, read_trigger(std::move(item), key));
  });
  auto channels = in.object("channels");
  for (auto const& [key, value] : channels.members()) {
    if (!is_name(key)) channels.fail("it holds a key that is no name");
    rules.channels.emplace(key, channels.text_map(key));
  }
  for (auto const& [group, source] : rules.sources) {
    if (!rules.members(group).empty()) in.fail("somebody is put into the group " + group + ", which has a source");
  }
  in.any("wiring");
  in.done();
  if (second != (has_http(rules) || !rules.sources.empty()))
    in.fail("schema 2 is for configurations with an http step or with groups of a platform, and only for them");
  return rules;
}

}  // namespace

char const* to_string(Justification value) noexcept {
  switch (value) {
    case Justification::none: return "none";
    case Justification::optional: return "optional";
    case Justification::required: break;
  }
  return "required";
}

char const* to_string(Risk risk) noexcept {
  switch (risk) {
    case Risk::low: return "low";
    case Risk::medium: return "medium";
    case Risk::high: break;
  }
  return "high";
}

Person const* Rules::person(std::string_view key) const {
  auto const found = people.find(std::string(key));
  return found == people.end() ? nullptr : &found->second;
}

std::optional<std::string> Rules::person_of(std::string_view platform, std::string_view account) const {
  if (account.empty()) return std::nullopt;
  for (auto const& [key, person] : people) {
    auto const found = person.accounts.find(std::string(platform));
    if (found != person.accounts.end() && found->second == account) return key;
  }
  return std::nullopt;
}

std::set<std::string> Rules::members(std::string_view group) const {
  std::set<std::string> keys;
  for (auto const& [key, person] : people) {
    if (person.groups.contains(std::string(group))) keys.insert(key);
  }
  return keys;
}

std::set<std::string> Rules::groups_of(Actor const& actor) const {
  switch (actor.kind) {
    case Actor::Kind::person: {
      auto const* found = person(actor.key);
      return found ? found->groups : std::set<std::string>();
    }
    case Actor::Kind::robot: {
      auto const found = robots.find(actor.key);
      return found == robots.end() ? std::set<std::string>() : found->second.groups;
    }
    case Actor::Kind::trigger:
      // A trigger that has left the configuration asks for nothing any more.
      return triggers.contains(actor.key) ? std::set<std::string>{"triggers"} : std::set<std::string>();
    case Actor::Kind::unknown:
    case Actor::Kind::service: break;
  }
  return {};
}

Runbook const* Rules::runbook(std::string_view name) const {
  auto const found = runbooks.find(std::string(name));
  return found == runbooks.end() ? nullptr : &found->second;
}

Policy const* Rules::policy_of(Runbook const& runbook) const {
  auto const found = policies.find(runbook.policy);
  return found == policies.end() ? nullptr : &found->second;
}

Json to_json(Policy const& policy) {
  Json::Array approve;
  for (auto const& need : policy.approve)
    approve.push_back(Json::object({{"group", need.group}, {"count", need.count}}));
  return Json::object({{"name", policy.name},
                       {"request", strings_json(policy.request)},
                       {"approve", std::move(approve)},
                       {"notify", strings_json(policy.notify)},
                       {"self_approval", policy.self_approval},
                       {"justification", Json::object({{"approver", to_string(policy.approver_justification)},
                                                       {"requester", to_string(policy.requester_justification)}})},
                       {"expires_ms", std::int64_t{policy.expires.count()}}});
}

Json to_json(Step const& step) {
  auto json = Json::object({{"name", step.name}, {"timeout_ms", std::int64_t{step.timeout.count()}}});
  if (step.kind == Step::Kind::run) {
    json.set("run", strings_json(step.argv));
  } else if (step.kind == Step::Kind::http) {
    json.set("http", to_json(step.http));
  } else {
    json.set("probe", probe_json(step.probe));
  }
  json.set("retry", step.retry ? Json::object({{"for_ms", std::int64_t{step.retry->within.count()}},
                                               {"every_ms", std::int64_t{step.retry->every.count()}}})
                               : Json());
  return json;
}

Json to_json(Limits const& limits) {
  return Json::object({{"output_bytes", limits.output_bytes},
                       {"cpu_seconds", limits.cpu_seconds},
                       {"memory_bytes", limits.memory_bytes},
                       {"file_bytes", limits.file_bytes},
                       {"open_files", limits.open_files},
                       {"processes", limits.processes},
                       {"grace_ms", std::int64_t{limits.grace.count()}}});
}

Json to_json(Runbook const& runbook) {
  Json::Array parameters;
  for (auto const& parameter : runbook.parameters) parameters.push_back(parameter_json(parameter));
  return Json::object({{"name", runbook.name},
                       {"summary", runbook.summary},
                       {"risk", to_string(runbook.risk)},
                       {"if_unanswered", runbook.if_unanswered},
                       {"parameters", std::move(parameters)},
                       {"collect", strings_json(runbook.collect)},
                       {"lock", runbook.lock},
                       {"steps", steps_json(runbook.steps)},
                       {"on_failure", steps_json(runbook.on_failure)},
                       {"environment", map_json(runbook.environment)},
                       {"run_as", runbook.run_as},
                       {"limits", to_json(runbook.limits)},
                       {"policy", runbook.policy}});
}

std::string Rules::digest_of(Runbook const& runbook) const {
  auto const known = runbook_digests.find(runbook.name);
  bool const own = known != runbook_digests.end() && this->runbook(runbook.name) == &runbook;
  return own ? known->second : core::digest_of(runbook);
}

std::string Rules::digest_of(Policy const& policy) const {
  auto const known = policy_digests.find(policy.name);
  bool const own = known != policy_digests.end() && &policies.at(policy.name) == &policy;
  return own ? known->second : core::digest_of(policy);
}

std::string digest_of(Policy const& policy) { return digest_of(canonical(to_json(policy))); }

std::string digest_of(Runbook const& runbook) { return digest_of(canonical(to_json(runbook))); }

Json to_json(Rules const& rules, Json wiring) {
  Json::Object people, robots, runbooks, policies, triggers, channels;
  for (auto const& [key, person] : rules.people)
    people.emplace(key, Json::object({{"groups", strings_json(person.groups)},
                                      {"accounts", map_json(person.accounts)},
                                      {"scopes", strings_json(person.scopes)}}));
  for (auto const& [key, robot] : rules.robots)
    robots.emplace(key, Json::object({{"groups", strings_json(robot.groups)}, {"scopes", strings_json(robot.scopes)}}));
  for (auto const& [key, runbook] : rules.runbooks) runbooks.emplace(key, to_json(runbook));
  for (auto const& [key, policy] : rules.policies) policies.emplace(key, to_json(policy));
  for (auto const& [key, trigger] : rules.triggers) triggers.emplace(key, trigger_json(trigger));
  for (auto const& [key, ids] : rules.channels) channels.emplace(key, map_json(ids));
  auto json = Json::object({{"schema", has_http(rules) ? kSchemaSecond : kSchema},
                            {"people", std::move(people)},
                            {"robots", std::move(robots)},
                            {"runbooks", std::move(runbooks)},
                            {"policies", std::move(policies)},
                            {"triggers", std::move(triggers)},
                            {"channels", std::move(channels)},
                            {"wiring", std::move(wiring)}});
  if (!rules.sources.empty()) {
    Json::Object groups;
    for (auto const& [key, source] : rules.sources)
      groups.emplace(key, Json::object({{"platform", source.platform}, {"id", source.id}}));
    json.set("schema", kSchemaSecond).set("groups", std::move(groups));
  }
  return json;
}

Limits read_limits(ObjectReader in) {
  Limits limits;
  auto const amount = [&](std::string const& key) { return static_cast<std::uint64_t>(in.integer(key)); };
  limits.output_bytes = amount("output_bytes");
  limits.cpu_seconds = amount("cpu_seconds");
  limits.memory_bytes = amount("memory_bytes");
  limits.file_bytes = amount("file_bytes");
  limits.open_files = amount("open_files");
  limits.processes = amount("processes");
  limits.grace = Duration(in.integer("grace_ms"));
  in.done();
  return limits;
}

Result<Rules> rules_from_json(Json const& json) {
  auto rules = read_strictly("the configuration in the ledger", [&] { return read_rules(json); });
  if (!rules) return rules;
  for (auto const& [name, runbook] : rules->runbooks) rules->runbook_digests.emplace(name, core::digest_of(runbook));
  for (auto const& [name, policy] : rules->policies) rules->policy_digests.emplace(name, core::digest_of(policy));
  return rules;
}

}  // namespace core
