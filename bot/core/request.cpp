#include "bot/core/request.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "bot/core/asking.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/http_call.hpp"
#include "bot/core/json_reader.hpp"

namespace core {

namespace {

Json map_json(std::map<std::string, std::string> const& map) {
  Json::Object object;
  for (auto const& [key, value] : map) object.emplace(key, value);
  return object;
}

Json strings_json(std::vector<std::string> const& items) { return Json::Array(items.begin(), items.end()); }

Json optional_text(std::string const& text) { return text.empty() ? Json() : Json(text); }

char const* kind_word(Actor::Kind kind) {
  switch (kind) {
    case Actor::Kind::person: return "person";
    case Actor::Kind::robot: return "robot";
    case Actor::Kind::trigger: return "trigger";
    case Actor::Kind::unknown: return "unknown";
    case Actor::Kind::service: return "service";
  }
  return "unknown";
}

char const* kind_word(Probe::Kind kind) {
  switch (kind) {
    case Probe::Kind::http: return "http";
    case Probe::Kind::tcp: return "tcp";
    case Probe::Kind::command: return "command";
  }
  return "http";
}

Json program_json(std::optional<ProgramIdentity> const& program) {
  if (!program) return {};
  Json interpreter;
  if (program->interpreter)
    interpreter = Json::object({{"path", program->interpreter->path},
                                {"sha256", program->interpreter->sha256},
                                {"argument", program->interpreter->argument}});
  return Json::object({{"path", program->path}, {"sha256", program->sha256}, {"interpreter", std::move(interpreter)}});
}

char const* kind_word(Step::Kind kind) {
  switch (kind) {
    case Step::Kind::run: return "run";
    case Step::Kind::probe: return "probe";
    case Step::Kind::http: break;
  }
  return "http";
}

// Of request.json: the least that can say it, so that what an earlier release could write it still does, bit for bit.
constexpr std::int64_t kSchema = 1, kSchemaHttpStrict = 2;

std::int64_t schema_of(Request const& request) {
  bool second = request.sandbox == "strict";
  for (auto const* steps : {&request.steps, &request.on_failure})
    second = second || std::ranges::find(*steps, Step::Kind::http, &BoundStep::kind) != steps->end();
  return second ? kSchemaHttpStrict : kSchema;
}

Json step_json(BoundStep const& step, std::int64_t schema) {
  auto json = Json::object({{"name", step.name},
                            {"timeout_ms", step.timeout.count()},
                            {"program", program_json(step.program)},
                            {"argv", strings_json(step.argv)}});
  json.set("kind", kind_word(step.kind));
  Json probe;
  if (step.kind == Step::Kind::probe) {
    probe = Json::object({{"kind", kind_word(step.probe_kind)},
                          {"target", step.probe_target},
                          {"expect_status", step.expect_status},
                          {"expect_body", step.expect_body}});
  }
  json.set("probe", std::move(probe));
  Json retry;
  if (step.retry)
    retry = Json::object({{"for_ms", step.retry->within.count()}, {"every_ms", step.retry->every.count()}});
  json.set("retry", std::move(retry));
  if (schema == kSchemaHttpStrict) json.set("http", step.kind == Step::Kind::http ? to_json(*step.http) : Json());
  return json;
}

Json steps_json(std::vector<BoundStep> const& steps, std::int64_t schema) {
  Json::Array array;
  for (auto const& step : steps) array.push_back(step_json(step, schema));
  return array;
}

std::optional<ProgramIdentity> read_program(ObjectReader& parent, std::string const& key) {
  auto reader = parent.nullable_object(key);
  if (!reader) return std::nullopt;
  ProgramIdentity program{.path = reader->text("path"), .sha256 = reader->text("sha256")};
  if (auto inner = reader->nullable_object("interpreter")) {
    program.interpreter =
        ProgramIdentity::Interpreter{inner->text("path"), inner->text("sha256"), inner->text("argument")};
    inner->done();
  }
  reader->done();
  return program;
}

BoundStep read_step(ObjectReader reader, std::int64_t schema) {
  BoundStep step;
  step.name = reader.text("name");
  step.kind = static_cast<Step::Kind>(reader.word("kind", {"run", "probe", "http"}));
  step.argv = reader.texts("argv");
  step.program = read_program(reader, "program");
  step.timeout = Duration(reader.integer("timeout_ms"));
  if (auto probe = reader.nullable_object("probe")) {
    step.probe_kind = static_cast<Probe::Kind>(probe->word("kind", {"http", "tcp", "command"}));
    step.probe_target = probe->text("target");
    auto const status = probe->integer("expect_status");
    if (status > 999) probe->fail("expect_status is no status of HTTP");
    step.expect_status = static_cast<std::uint32_t>(status);
    step.expect_body = probe->text("expect_body");
    probe->done();
  } else if (step.kind == Step::Kind::probe) {
    reader.fail("a probe step without a probe");
  }
  if (auto retry = reader.nullable_object("retry")) {
    step.retry = Retry{Duration(retry->integer("for_ms")), Duration(retry->integer("every_ms"))};
    retry->done();
  }
  auto http = schema == kSchemaHttpStrict ? reader.nullable_object("http") : std::optional<ObjectReader>();
  if (http.has_value() != (step.kind == Step::Kind::http)) reader.fail("kind http and member http don't agree");
  if (http) step.http = read_http_call(std::move(*http));
  reader.done();
  return step;
}

std::vector<BoundStep> read_steps(ObjectReader& reader, std::string const& key, std::int64_t schema) {
  std::vector<BoundStep> steps;
  for (auto& item : reader.objects(key)) steps.push_back(read_step(std::move(item), schema));
  return steps;
}

// A parameter inside a URL must not change its shape: only unreserved characters (RFC 3986 section 2.3), and no dot
// segment (section 3.3).
bool is_url_safe(std::string_view value) {
  return value != "." && value != ".." && std::ranges::all_of(value, [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
         });
}

bool valid_utf8(std::string_view text) {
  return parse_json(canonical(Json(text)), {.max_bytes = 16 << 20, .max_string = 16 << 20}).has_value();
}

Result<std::vector<std::string>> substitute_all(std::vector<std::string> const& templates,
                                                std::map<std::string, std::string> const& values) {
  std::vector<std::string> result;
  for (auto const& text : templates) {
    auto done = substitute(text, values);
    if (!done) return done.error();
    result.push_back(std::move(*done));
  }
  return result;
}

Result<BoundStep> bind_step(Step const& step, Draft const& draft) {
  BoundStep bound{.name = step.name, .kind = step.kind, .timeout = step.timeout, .retry = step.retry};
  if (step.kind == Step::Kind::http) {
    auto call = bind_http_call(step.http, draft.parameters);
    if (!call) return make_error(call.error().code, "step " + step.name + ": " + call.error().message);
    bound.http = std::move(*call);
    return bound;
  }
  auto const& argv_template = step.kind == Step::Kind::run ? step.argv : step.probe.argv;
  auto argv = substitute_all(argv_template, draft.parameters);
  if (!argv) return argv.error();
  bound.argv = std::move(*argv);
  if (step.kind == Step::Kind::probe) {
    bound.probe_kind = step.probe.kind;
    bound.expect_status = step.probe.expect_status;
    bound.expect_body = step.probe.expect_body;
    if (step.probe.kind != Probe::Kind::command) {
      auto const names = placeholders(step.probe.target);
      if (!names) return names.error();
      for (auto const& name : *names) {
        auto const found = draft.parameters.find(name);
        if (found != draft.parameters.end() && !is_url_safe(found->second))
          return make_error(Errc::bad_input, "step " + step.name + ": the value of " + name +
                                                 " may not stand in an address; only letters, digits and - . _ ~ may");
      }
      auto target = substitute(step.probe.target, draft.parameters);
      if (!target) return target.error();
      bound.probe_target = std::move(*target);
    }
  }
  if (!bound.argv.empty()) {
    auto const program = draft.programs.find(bound.argv.front());
    if (program == draft.programs.end())
      return make_error(Errc::unavailable, "step " + step.name + ": the program " + bound.argv.front() +
                                               " could not be identified on this host");
    bound.program = program->second;
  }
  return bound;
}

Result<std::vector<BoundStep>> bind_steps(std::vector<Step> const& steps, Draft const& draft) {
  std::vector<BoundStep> bound;
  for (auto const& step : steps) {
    auto one = bind_step(step, draft);
    if (!one) return one.error();
    bound.push_back(std::move(*one));
  }
  return bound;
}

std::size_t action_bytes(Request const& request) {
  std::size_t total = 0;
  for (auto const* steps : {&request.steps, &request.on_failure}) {
    for (auto const& step : *steps) {
      total += step.probe_target.size();
      if (step.kind == Step::Kind::http) total += action_bytes(*step.http);
      for (auto const& word : step.argv) total += word.size() + 1;
    }
  }
  for (auto const& [name, value] : request.parameters) total += name.size() + value.size();
  return total;
}

Result<std::string> check_value(Parameter const& parameter, std::string value) {
  auto const bad = [&](std::string why) {
    return make_error(Errc::bad_input, "parameter " + parameter.name + ": " + std::move(why));
  };
  if (auto why = why_not_value(value)) return bad(std::move(*why));
  switch (parameter.type) {
    case Parameter::Type::enumeration: {
      if (std::ranges::find(parameter.values, value) != parameter.values.end()) return value;
      std::string list;
      for (auto const& allowed : parameter.values) list += (list.empty() ? "" : ", ") + allowed;
      return bad("the value must be one of: " + list);
    }
    case Parameter::Type::string: {
      if (value.size() > parameter.max_length)
        return bad("the value is longer than " + std::to_string(parameter.max_length) + " bytes");
      RE2::Options options;
      options.set_log_errors(false);
      RE2 const pattern(parameter.pattern, options);
      if (!pattern.ok() || !RE2::FullMatch(value, pattern))
        return bad("the value does not match the pattern " + parameter.pattern);
      return value;
    }
    case Parameter::Type::integer: {
      std::int64_t number = 0;
      auto const [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      bool const whole = error == std::errc() && end == value.data() + value.size();
      if (!whole || std::to_string(number) != value)
        return bad("the value must be a whole number without sign, blanks or leading zeros");
      if (number < parameter.min || number > parameter.max)
        return bad("the value must lie between " + std::to_string(parameter.min) + " and " +
                   std::to_string(parameter.max));
      return value;
    }
  }
  return bad("its type is unknown");
}

}  // namespace

Json actor_json(Actor const& actor) { return Json::object({{"kind", kind_word(actor.kind)}, {"key", actor.key}}); }

Actor read_actor(ObjectReader reader) {
  auto const kind = reader.word("kind", {"person", "robot", "trigger", "unknown", "service"});
  Actor actor{static_cast<Actor::Kind>(kind), reader.text("key")};
  reader.done();
  return actor;
}

Json to_json(Request const& r) {
  auto const schema = schema_of(r);
  auto json = Json::object(
      {{"schema", schema}, {"instance", r.instance}, {"request", r.id.str()}, {"case", r.id.case_id().str()}});
  if (schema == kSchemaHttpStrict) json.set("writable", strings_json(r.writable));
  json.set("requester", actor_json(r.requester)).set("initiator", optional_text(r.initiator)).set("reason", r.reason);
  json.set("labels", map_json(r.labels))
      .set("runbook", Json::object({{"name", r.runbook}, {"digest", r.runbook_digest}}));
  json.set("summary", r.summary).set("risk", to_string(r.risk)).set("if_unanswered", r.if_unanswered);
  json.set("parameters", map_json(r.parameters)).set("targets", strings_json(r.targets));
  json.set("steps", steps_json(r.steps, schema)).set("on_failure", steps_json(r.on_failure, schema));
  json.set("environment", map_json(r.environment)).set("working_directory", r.working_directory);
  json.set("run_as", optional_text(r.run_as))
      .set("sandbox", r.sandbox)
      .set("limits", to_json(r.limits))
      .set("lock", optional_text(r.lock));
  json.set("grant_ms", r.grant ? Json(std::int64_t{r.grant->count()}) : Json());
  json.set("policy", Json::object({{"name", r.policy}, {"digest", r.policy_digest}}));
  Json::Array needs;
  for (auto const& need : r.needs) needs.push_back(Json::object({{"group", need.group}, {"count", need.count}}));
  json.set("needs", std::move(needs)).set("evidence", r.evidence);
  json.set("opened_at", format_time(r.opened_at)).set("expires_at", format_time(r.expires_at));
  return json;
}

Result<Request> request_from_json(Json const& json) {
  return read_strictly("request.json", [&]() -> Request {
    ObjectReader reader(json, "request.json");
    auto const schema = json["schema"].integer() == kSchemaHttpStrict ? kSchemaHttpStrict : kSchema;
    reader.schema(schema);
    auto id = RequestId::parse(reader.text("request"));
    if (!id) reader.fail(id.error().message);
    Request r{.id = *id};
    r.instance = reader.text("instance");
    if (reader.text("case") != r.id.case_id().str()) reader.fail("the case is not the request's");
    r.requester = read_actor(reader.object("requester"));
    r.initiator = reader.text_or_null("initiator");
    r.reason = reader.text("reason");
    r.labels = reader.text_map("labels");
    auto runbook = reader.object("runbook");
    r.runbook = runbook.text("name");
    r.runbook_digest = runbook.digest("digest");
    runbook.done();
    r.summary = reader.text("summary");
    r.risk = static_cast<Risk>(reader.word("risk", {"low", "medium", "high"}));
    r.if_unanswered = reader.text("if_unanswered");
    r.parameters = reader.text_map("parameters");
    r.targets = reader.texts("targets");
    if (r.targets.empty()) reader.fail("no target");
    r.steps = read_steps(reader, "steps", schema);
    r.on_failure = read_steps(reader, "on_failure", schema);
    r.environment = reader.text_map("environment");
    r.working_directory = reader.text("working_directory");
    r.run_as = reader.text_or_null("run_as");
    r.sandbox = reader.text("sandbox");
    if (schema == kSchemaHttpStrict) r.writable = reader.texts("writable");
    r.limits = read_limits(reader.object("limits"));
    r.lock = reader.text_or_null("lock");
    if (auto const grant = reader.integer_or_null("grant_ms")) r.grant = Duration(*grant);
    auto policy = reader.object("policy");
    r.policy = policy.text("name");
    r.policy_digest = policy.digest("digest");
    policy.done();
    for (auto& need : reader.objects("needs")) {
      auto group = need.text("group");
      auto const count = need.integer("count");
      if (count < 1 || count > 1000) need.fail("count must be at least 1");
      r.needs.push_back({std::move(group), static_cast<std::uint32_t>(count)});
      need.done();
    }
    r.evidence = reader.digest("evidence");
    r.opened_at = reader.time("opened_at");
    r.expires_at = reader.time("expires_at");
    reader.done();
    if (schema_of(r) != schema) reader.fail("its schema says less, or more, than it needs");
    return r;
  });
}

std::string binding_of(Request const& request) { return digest_of(canonical(to_json(request))); }

std::string code_of(std::string_view binding) { return std::string(binding.substr(binding.find(':') + 1, 4)); }

std::optional<std::string> why_not_value(std::string_view value) {
  if (value.starts_with('-')) return "a value may not begin with '-': it could be taken for an option";
  for (char const c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return "a value may not contain control characters or line breaks";
  }
  if (!valid_utf8(value)) return "a value must be valid UTF-8";
  return std::nullopt;
}

std::vector<ParameterProblem> parameter_problems(Runbook const& runbook, std::map<std::string, std::string> given,
                                                 std::map<std::string, std::string>& checked) {
  std::vector<ParameterProblem> problems;
  std::string known;
  for (auto const& parameter : runbook.parameters) {
    known += (known.empty() ? "" : ", ") + parameter.name;
    auto const found = given.find(parameter.name);
    std::string value;
    if (found != given.end()) {
      value = std::move(found->second);
      given.erase(found);
    } else if (parameter.preset) {
      value = *parameter.preset;
    } else {
      problems.push_back(
          {parameter.name, "parameter " + parameter.name + " is missing; write " + parameter.name + "=VALUE"});
      continue;
    }
    if (auto fine = check_value(parameter, std::move(value))) {
      checked.emplace(parameter.name, std::move(*fine));
    } else {
      problems.push_back({parameter.name, fine.error().message});
    }
  }
  for (auto const& [name, value] : given) {
    problems.push_back({name, "the runbook " + runbook.name + " has no parameter " +
                                  (is_name(name) ? name : std::string("that you gave")) +
                                  (known.empty() ? "; it takes none" : "; it takes: " + known)});
  }
  return problems;
}

Result<std::map<std::string, std::string>> check_parameters(Runbook const& runbook,
                                                            std::map<std::string, std::string> given) {
  std::map<std::string, std::string> checked;
  auto const problems = parameter_problems(runbook, std::move(given), checked);
  if (!problems.empty()) return make_error(Errc::bad_input, problems.front().text);
  return checked;
}

Result<std::vector<std::string>> placeholders(std::string_view text) {
  std::vector<std::string> names;
  std::size_t at = 0;
  while ((at = text.find("{{", at)) != std::string_view::npos) {
    auto const end = text.find("}}", at);
    if (end == std::string_view::npos) return make_error(Errc::bad_input, "a \"{{\" is never closed by \"}}\"");
    std::string name(text.substr(at + 2, end - at - 2));
    while (name.starts_with(' ')) name.erase(0, 1);
    while (name.ends_with(' ')) name.pop_back();
    if (!is_name(name)) return make_error(Errc::bad_input, "\"{{" + name.substr(0, 40) + "}}\" names no parameter");
    names.push_back(std::move(name));
    at = end + 2;
  }
  return names;
}

Result<std::string> substitute(std::string_view text, std::map<std::string, std::string> const& values) {
  auto const names = placeholders(text);  // also checks the form, so the walk below can't run astray
  if (!names) return names.error();
  std::string result;
  std::size_t at = 0;
  for (auto const& name : *names) {
    auto const start = text.find("{{", at), end = text.find("}}", start);
    auto const value = values.find(name);
    if (value == values.end()) return make_error(Errc::bad_input, "\"{{" + name + "}}\" names no parameter");
    result.append(text.substr(at, start - at)).append(value->second);  // values are never looked at again: no nesting
    at = end + 2;
  }
  result.append(text.substr(at));
  return result;
}

Result<std::vector<std::string>> programs_of(Runbook const& runbook, std::map<std::string, std::string> const& values) {
  std::vector<std::string> names;
  for (auto const* steps : {&runbook.steps, &runbook.on_failure}) {
    for (auto const& step : *steps) {
      auto const& argv = step.kind == Step::Kind::run ? step.argv : step.probe.argv;
      if (step.kind == Step::Kind::http || argv.empty()) continue;
      auto name = substitute(argv.front(), values);
      if (!name) return name.error();
      if (std::ranges::find(names, *name) == names.end()) names.push_back(std::move(*name));
    }
  }
  return names;
}

Result<std::string> summary_of(Runbook const& runbook, std::map<std::string, std::string> const& values) {
  return substitute(runbook.summary, values);
}

Result<std::string> target_of(Runbook const& runbook, std::map<std::string, std::string> const& values) {
  if (!runbook.lock.empty()) return substitute(runbook.lock, values);
  std::string target = runbook.name;
  for (auto const& [name, value] : values) target.append(" ").append(name).append("=").append(value);
  return target;
}

std::map<std::string, std::string> step_environment() {
  return {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"LANG", "C.UTF-8"}};
}

Result<Request> make_request(Draft const& draft, Runbook const& runbook, Policy const& policy) {
  Request r{.instance = draft.instance,
            .id = draft.id,
            .requester = draft.requester,
            .initiator = draft.initiator,
            .reason = draft.reason,
            .labels = draft.labels};
  auto summary = summary_of(runbook, draft.parameters);
  auto target = target_of(runbook, draft.parameters);
  auto steps = bind_steps(runbook.steps, draft);
  auto on_failure = bind_steps(runbook.on_failure, draft);
  if (!summary) return summary.error();
  if (!target) return target.error();
  if (!steps) return steps.error();
  if (!on_failure) return on_failure.error();
  r.runbook = runbook.name;
  r.runbook_digest = digest_of(runbook);
  r.summary = std::move(*summary);
  r.risk = runbook.risk;
  r.if_unanswered = runbook.if_unanswered;
  r.parameters = draft.parameters;
  r.lock = runbook.lock.empty() ? "" : *target;
  r.targets = {std::move(*target)};
  r.steps = std::move(*steps);
  r.on_failure = std::move(*on_failure);
  r.environment = step_environment();
  for (auto const& [name, value] : runbook.environment) r.environment[name] = value;
  r.working_directory = "private";
  r.run_as = runbook.run_as;
  r.sandbox = draft.sandbox;
  if (r.sandbox == "strict") r.writable = draft.writable;
  r.limits = runbook.limits;
  r.policy = policy.name;
  r.policy_digest = digest_of(policy);
  r.needs = policy.approve;
  r.evidence = draft.evidence;
  r.opened_at = draft.opened_at;
  r.expires_at = draft.opened_at + policy.expires;
  if (auto const size = action_bytes(r); size > kMaxActionBytes) {
    return make_error(Errc::too_large, "the command line and parameters together have " + std::to_string(size) +
                                           " bytes; an approver can't judge more than " +
                                           std::to_string(kMaxActionBytes));
  }
  return r;
}

std::optional<std::string> why_too_long(Request const& request) {
  auto const size = canonical(to_json(request)).size();
  if (size <= kMaxRequestBytes) return std::nullopt;
  return "the request has " + std::to_string(size) + " bytes as it is written into the ledger, which takes " +
         std::to_string(kMaxRequestBytes) +
         "; shorten its parameters, reason or labels, or repeat them less in the runbook";
}

}  // namespace core
