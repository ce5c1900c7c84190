#include "bot/core/rules.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"
#include "bot/core/ids.hpp"

namespace core {

namespace {

constexpr std::int64_t kSchema = 1;

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

// Reads one object strictly: each member is asked for once, and what nobody asked for is an error. The first error
// stays; every later read answers with an empty value, so the callers need no branch after each line.
class Reader {
 public:
  Reader(Json const& json, std::string where, std::optional<Error>& error)
      : json_(json), where_(std::move(where)), error_(error) {
    if (!json.is_object()) fail("", "is no object");
  }

  void fail(std::string_view key, std::string_view what) {
    if (error_) return;
    error_ = make_error(Errc::bad_input, where_ + (key.empty() ? "" : "." + std::string(key)) + " " +
                                             std::string(what) + ": these rules were not written by Countersign");
  }

  bool has(std::string const& key) const {
    auto const* object = json_.if_object();
    return object && object->contains(key);
  }

  Json const& any(std::string const& key) {
    asked_.insert(key);
    if (!has(key)) fail(key, "is missing");
    return json_[key];
  }

  std::string text(std::string const& key) {
    auto const* value = any(key).if_string();
    if (!value) fail(key, "is no string");
    return value ? *value : std::string();
  }

  std::string name(std::string const& key) {
    auto value = text(key);
    if (!is_name(value)) fail(key, "is no name");
    return value;
  }

  bool boolean(std::string const& key) {
    auto const* value = any(key).if_bool();
    if (!value) fail(key, "is no boolean");
    return value && *value;
  }

  std::int64_t integer(std::string const& key, std::int64_t least, std::int64_t most) {
    auto const* value = any(key).if_int();
    if (!value || *value < least || *value > most) {
      fail(key, "is no integer in its bounds");
      return least;
    }
    return *value;
  }

  std::uint32_t uint32(std::string const& key, std::uint32_t least = 0) {
    return static_cast<std::uint32_t>(integer(key, least, 0xFFFFFFFFLL));
  }
  std::uint64_t uint64(std::string const& key) { return static_cast<std::uint64_t>(integer(key, 0, kMostExact)); }
  Duration millis(std::string const& key) { return Duration(integer(key, 0, kMostExact)); }

  std::vector<std::string> strings(std::string const& key) {
    std::vector<std::string> values;
    auto const* list = any(key).if_array();
    if (!list) fail(key, "is no array");
    for (auto const& item : list ? *list : Json::Array()) {
      if (!item.is_string()) fail(key, "holds something that is no string");
      values.push_back(item.text());
    }
    return values;
  }

  std::set<std::string> string_set(std::string const& key) {
    auto const values = strings(key);
    std::set<std::string> set(values.begin(), values.end());
    if (set.size() != values.size()) fail(key, "names something twice");
    return set;
  }

  std::map<std::string, std::string> string_map(std::string const& key) {
    std::map<std::string, std::string> values;
    auto const* object = any(key).if_object();
    if (!object) fail(key, "is no object");
    for (auto const& [name, value] : object ? *object : Json::Object()) {
      if (!value.is_string()) fail(key, "holds something that is no string");
      values.emplace(name, value.text());
    }
    return values;
  }

  // fn(Reader&, member's name) for each member of the object `key`.
  void each_member(std::string const& key, auto fn) {
    auto const* object = any(key).if_object();
    if (!object) fail(key, "is no object");
    for (auto const& [name, value] : object ? *object : Json::Object()) {
      Reader child(value, where_ + "." + key + "." + name, error_);
      if (!is_name(name)) child.fail("", "is no name");
      fn(child, name);
      child.done();
    }
  }

  void each_item(std::string const& key, auto fn) {
    auto const* list = any(key).if_array();
    if (!list) fail(key, "is no array");
    std::size_t index = 0;
    for (auto const& item : list ? *list : Json::Array()) {
      Reader child(item, where_ + "." + key + "[" + std::to_string(index++) + "]", error_);
      fn(child);
      child.done();
    }
  }

  void child(std::string const& key, auto fn) {
    Reader inner(any(key), where_ + "." + key, error_);
    fn(inner);
    inner.done();
  }

  void done() {
    for (auto const& [key, value] : json_.if_object() ? *json_.if_object() : Json::Object()) {
      if (!asked_.contains(key)) fail(key, "is not known");
    }
  }

 private:
  static constexpr std::int64_t kMostExact = (std::int64_t{1} << 53) - 1;  // what canonical JSON can hold
  Json const& json_;
  std::string where_;
  std::optional<Error>& error_;
  std::set<std::string> asked_;
};

template <class Enum>
Enum read_enum(Reader& in, std::string const& key, std::initializer_list<Enum> values) {
  auto const text = in.text(key);
  for (auto const value : values) {
    if (text == to_string(value)) return value;
  }
  in.fail(key, "has an unknown value");
  return *values.begin();
}

void read_name_of(Reader& in, std::string const& key) {
  if (in.name("name") != key) in.fail("name", "differs from its key");
}

Policy read_policy(Reader& in, std::string const& key) {
  Policy policy;
  read_name_of(in, key);
  policy.name = key;
  policy.request = in.string_set("request");
  in.each_item("approve", [&](Reader& item) {
    Need need;
    need.group = item.name("group");
    need.count = item.uint32("count", 1);
    policy.approve.push_back(std::move(need));
  });
  policy.notify = in.string_set("notify");
  policy.self_approval = in.boolean("self_approval");
  in.child("justification", [&](Reader& inner) {
    auto const values = {Justification::none, Justification::optional, Justification::required};
    policy.approver_justification = read_enum(inner, "approver", values);
    policy.requester_justification = read_enum(inner, "requester", values);
  });
  policy.expires = in.millis("expires_ms");
  return policy;
}

Parameter read_parameter(Reader& in) {
  Parameter parameter;
  parameter.name = in.name("name");
  auto const type = in.text("type");
  if (!in.any("default").is_null()) parameter.preset = in.text("default");
  parameter.description = in.text("description");
  constexpr std::int64_t kMost = (std::int64_t{1} << 53) - 1;
  if (type == "enum") {
    parameter.type = Parameter::Type::enumeration;
    parameter.values = in.strings("values");
  } else if (type == "string") {
    parameter.type = Parameter::Type::string;
    parameter.pattern = in.text("pattern");
    parameter.max_length = in.uint32("max");
  } else if (type == "integer") {
    parameter.type = Parameter::Type::integer;
    parameter.min = in.integer("min", -kMost, kMost);
    parameter.max = in.integer("max", -kMost, kMost);
  } else {
    in.fail("type", "has an unknown value");
  }
  return parameter;
}

Probe read_probe(Reader& in) {
  Probe probe;
  if (in.has("http")) {
    probe.kind = Probe::Kind::http;
    probe.target = in.text("http");
    probe.expect_status = in.uint32("expect_status");
    probe.expect_body = in.text("expect_body");
  } else if (in.has("tcp")) {
    probe.kind = Probe::Kind::tcp;
    probe.target = in.text("tcp");
  } else {
    probe.kind = Probe::Kind::command;
    probe.argv = in.strings("command");
  }
  return probe;
}

Step read_step(Reader& in) {
  Step step;
  step.name = in.name("name");
  if (in.has("run")) {
    step.kind = Step::Kind::run;
    step.argv = in.strings("run");
  } else {
    step.kind = Step::Kind::probe;
    in.child("probe", [&](Reader& inner) { step.probe = read_probe(inner); });
  }
  step.timeout = in.millis("timeout_ms");
  if (!in.any("retry").is_null()) {
    in.child("retry", [&](Reader& inner) {
      Retry retry;
      retry.within = inner.millis("for_ms");
      retry.every = inner.millis("every_ms");
      step.retry = retry;
    });
  }
  return step;
}

Limits read_limits(Reader& in) {
  Limits limits;
  limits.output_bytes = in.uint64("output_bytes");
  limits.cpu_seconds = in.uint64("cpu_seconds");
  limits.memory_bytes = in.uint64("memory_bytes");
  limits.file_bytes = in.uint64("file_bytes");
  limits.open_files = in.uint64("open_files");
  limits.processes = in.uint64("processes");
  limits.grace = in.millis("grace_ms");
  return limits;
}

Runbook read_runbook(Reader& in, std::string const& key) {
  Runbook runbook;
  read_name_of(in, key);
  runbook.name = key;
  runbook.summary = in.text("summary");
  runbook.risk = read_enum(in, "risk", {Risk::low, Risk::medium, Risk::high});
  runbook.if_unanswered = in.text("if_unanswered");
  in.each_item("parameters", [&](Reader& item) { runbook.parameters.push_back(read_parameter(item)); });
  runbook.collect = in.strings("collect");
  runbook.lock = in.text("lock");
  in.each_item("steps", [&](Reader& item) { runbook.steps.push_back(read_step(item)); });
  in.each_item("on_failure", [&](Reader& item) { runbook.on_failure.push_back(read_step(item)); });
  runbook.environment = in.string_map("environment");
  runbook.run_as = in.text("run_as");
  in.child("limits", [&](Reader& inner) { runbook.limits = read_limits(inner); });
  runbook.policy = in.name("policy");
  return runbook;
}

TriggerRule read_trigger(Reader& in, std::string const& key) {
  TriggerRule trigger;
  read_name_of(in, key);
  trigger.name = key;
  trigger.labels = in.string_map("labels");
  trigger.collect = in.strings("collect");
  in.each_item("propose", [&](Reader& item) {
    TriggerRule::Proposal proposal;
    proposal.runbook = item.name("runbook");
    proposal.with = item.string_map("with");
    trigger.propose.push_back(std::move(proposal));
  });
  trigger.post_to = in.strings("post_to");
  trigger.dedupe = in.strings("dedupe");
  trigger.cooldown = in.millis("cooldown_ms");
  trigger.max_per_hour = in.uint32("max_per_hour");
  return trigger;
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
  return Json::object({{"schema", kSchema},
                       {"people", std::move(people)},
                       {"robots", std::move(robots)},
                       {"runbooks", std::move(runbooks)},
                       {"policies", std::move(policies)},
                       {"triggers", std::move(triggers)},
                       {"channels", std::move(channels)},
                       {"wiring", std::move(wiring)}});
}

Result<Rules> rules_from_json(Json const& json) {
  std::optional<Error> error;
  Rules rules;
  Reader in(json, "config", error);
  if (in.integer("schema", 0, 0xFFFF) != kSchema) in.fail("schema", "is not 1");
  in.each_member("people", [&](Reader& item, std::string const& key) {
    Person person;
    person.groups = item.string_set("groups");
    person.accounts = item.string_map("accounts");
    person.scopes = item.string_set("scopes");
    rules.people.emplace(key, std::move(person));
  });
  in.each_member("robots", [&](Reader& item, std::string const& key) {
    Robot robot;
    robot.groups = item.string_set("groups");
    robot.scopes = item.string_set("scopes");
    rules.robots.emplace(key, std::move(robot));
  });
  in.each_member("runbooks",
                 [&](Reader& item, std::string const& key) { rules.runbooks.emplace(key, read_runbook(item, key)); });
  in.each_member("policies",
                 [&](Reader& item, std::string const& key) { rules.policies.emplace(key, read_policy(item, key)); });
  in.each_member("triggers",
                 [&](Reader& item, std::string const& key) { rules.triggers.emplace(key, read_trigger(item, key)); });
  if (auto const* channels = in.any("channels").if_object()) {
    for (auto const& [key, value] : *channels) {
      Reader all(json["channels"], "config.channels", error);
      if (!is_name(key)) all.fail(key, "is no name");
      rules.channels.emplace(key, all.string_map(key));
    }
  } else {
    in.fail("channels", "is no object");
  }
  in.any("wiring");
  in.done();
  if (error) return std::move(*error);
  return rules;
}

}  // namespace core
