// Section runbooks.
#include <algorithm>

#include "bot/core/request.hpp"
#include "config/parts.hpp"

namespace config {

namespace {

using namespace std::chrono_literals;

void refuse_foreign_keys(Map const& map, std::string_view type, std::vector<std::string> const& fitting) {
  for (std::string const key : {"values", "pattern", "max", "min"}) {
    if (map.has(key) && std::ranges::find(fitting, key) == fitting.end())
      map.error(key, "does not belong to a parameter of type " + std::string(type));
  }
}

void require(Map const& map, std::string_view type, std::vector<std::string> const& keys) {
  for (auto const& key : keys) {
    if (!map.has(key))
      map.reading().problems.error(map.place(), map.path() + " lacks the key \"" + key + "\"",
                                   "a parameter of type " + std::string(type) + " needs it");
  }
}

core::Parameter read_parameter(Map const& map, std::string const& name) {
  core::Parameter parameter;
  parameter.name = name;
  map.text("description", parameter.description);
  auto const type = map.word("type", {"enum", "string", "integer"});
  if (!type) return parameter;
  bool fine = true;
  switch (*type) {
    case 0:
      parameter.type = core::Parameter::Type::enumeration;
      refuse_foreign_keys(map, "enum", {"values"});
      require(map, "enum", {"values"});
      map.each_item("values", [&](Node const& item, std::string const& path) {
        auto const value = read_text(map.reading(), item, path, {.max_bytes = 256});
        if (!value) return;
        if (auto const why = core::why_not_value(*value)) {
          map.reading().problems.error(item.place, path + " is " + shown(*value) + ": " + *why);
        } else if (std::ranges::find(parameter.values, *value) != parameter.values.end()) {
          map.reading().problems.error(item.place, map.path("values") + " has " + shown(*value) + " twice");
        } else {
          parameter.values.push_back(*value);
        }
      });
      if (auto const* values = map.find("values");
          values && values->kind == Node::Kind::sequence && values->items.empty())
        map.error("values", "has no value to choose from");
      fine = !parameter.values.empty();
      break;
    case 1:
      parameter.type = core::Parameter::Type::string;
      refuse_foreign_keys(map, "string", {"pattern", "max"});
      require(map, "string", {"pattern"});
      fine = map.text("pattern", parameter.pattern);
      if (fine) {
        if (auto const why = why_not_pattern(parameter.pattern); !why.empty()) {
          map.error("pattern", why);
          fine = false;
        }
      }
      map.uint32("max", parameter.max_length, 1, 4096);
      break;
    default:
      parameter.type = core::Parameter::Type::integer;
      refuse_foreign_keys(map, "integer", {"min", "max"});
      require(map, "integer", {"min", "max"});
      fine = map.integer("min", parameter.min, -kMaxExact, kMaxExact);
      fine = map.integer("max", parameter.max, -kMaxExact, kMaxExact) && fine;
      if (fine && parameter.min > parameter.max) {
        map.error("max", "is smaller than min");
        fine = false;
      }
  }
  std::string preset;
  if (map.text("default", preset, {.empty = true})) {
    if (fine) {
      core::Runbook probe;
      probe.parameters.push_back(parameter);
      if (auto const checked = core::check_parameters(probe, {{name, preset}}); !checked)
        map.error("default", "is " + shown(preset) + ": " + checked.error().message);
    }
    parameter.preset = std::move(preset);
  }
  return parameter;
}

void read_retry(Map const& map, core::Step& step) {
  auto const* node = map.find("retry");
  if (!node) return;
  if (step.kind == core::Step::Kind::run) {
    map.error("retry", "belongs to a probe or an http step: a run step runs once",
              "check its effect in a probe step after it");
    return;
  }
  Map const inner(map.reading(), *node, sections::retry, map.path("retry"));
  core::Retry retry;
  inner.duration("for", retry.within, 1ms, 24h);
  inner.duration("every", retry.every, 10ms, 1h);
  step.retry = retry;
}

void read_steps(Map const& runbook, std::string_view key, std::set<std::string>& names,
                std::vector<core::Step>& steps) {
  auto& reading = runbook.reading();
  runbook.each_item(key, [&](Node const& item, std::string const& path) {
    Map const map(reading, item, sections::step, path);
    if (item.kind != Node::Kind::map) return;
    core::Step step;
    if (map.name("name", step.name) && !names.insert(step.name).second)
      map.error("name", "is " + shown(step.name) + ", as another step of this runbook", "each step has its own name");
    auto const kind = exactly_one(map, {"run", "probe", "http"});
    if (kind == "run") {
      step.kind = core::Step::Kind::run;
      map.texts("run", step.argv, {.lines = true, .empty = true});
      auto const* run = map.find("run");
      if (run->kind == Node::Kind::sequence && (run->items.empty() || (!step.argv.empty() && step.argv[0].empty())))
        map.error("run", "names no program");
      if (run->kind == Node::Kind::scalar)
        reading.problems.error(run->place, map.path("run") + " is one text, and there is no shell to split it",
                               "write the program and each argument as an item: [systemctl, restart, web.service]");
    } else if (kind == "probe") {
      step.kind = core::Step::Kind::probe;
      step.timeout = 5s;
      Map const probe(reading, *map.find("probe"), sections::step_probe, map.path("probe"));
      if (map.find("probe")->kind == Node::Kind::map) read_probe(probe, step.probe);
    } else if (kind == "http") {
      step.kind = core::Step::Kind::http;
      step.timeout = 30s;
      Map const call(reading, *map.find("http"), sections::step_http, map.path("http"));
      if (map.find("http")->kind == Node::Kind::map) read_http_call(call, step);
      if (map.has("timeout") && call.has("timeout"))
        map.error("timeout", "stands here and in " + call.path(), "give one of them");
    }
    map.duration("timeout", step.timeout, 1ms, 24h);
    read_retry(map, step);
    steps.push_back(std::move(step));
  });
}

void read_limits(Map const& runbook, core::Limits& limits) {
  auto const* node = runbook.find("limits");
  if (!node) return;
  Map const map(runbook.reading(), *node, sections::limits, runbook.path("limits"));
  constexpr std::uint64_t kTiB = 1ULL << 40;
  map.size("output", limits.output_bytes, 1, 64 << 20);
  core::Duration cpu = std::chrono::seconds(limits.cpu_seconds);
  if (map.duration("cpu", cpu, 1s, 24h)) limits.cpu_seconds = static_cast<std::uint64_t>((cpu.count() + 999) / 1000);
  map.size("memory", limits.memory_bytes, 1 << 20, kTiB);
  map.size("file_size", limits.file_bytes, 1, kTiB);
  std::int64_t number = 0;
  if (map.integer("open_files", number, 8, 1 << 20)) limits.open_files = static_cast<std::uint64_t>(number);
  if (map.integer("processes", number, 1, 1 << 20)) limits.processes = static_cast<std::uint64_t>(number);
  map.duration("grace", limits.grace, 0ms, 5min);
}

void read_environment(Map const& runbook, std::map<std::string, std::string>& environment) {
  environment = runbook.text_map("environment", Map::KeyRule::variable);
  for (auto const& [name, value] : environment) {
    auto const place = runbook.path("environment") + "." + name;
    auto const found = runbook.reading().places.find(place + "=");
    auto const at = found == runbook.reading().places.end() ? runbook.place("environment") : found->second;
    if (value.find("{{") != std::string::npos)
      runbook.reading().problems.error(at, place + " holds a placeholder; an environment is fixed text",
                                       "give the parameter as an argument");
    if (name == "HOME" || name == "TMPDIR")
      runbook.reading().problems.error(at, place + " is set by the runner to the run's private folder", "leave it out");
  }
}

}  // namespace

void read_runbooks(Map const& root, Config& config) {
  auto& reading = root.reading();
  root.each_named("runbooks", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::runbook, path);
    core::Runbook runbook;
    runbook.name = key;
    map.text("summary", runbook.summary, {.max_bytes = 300});
    if (auto const risk = map.word("risk", {"low", "medium", "high"}))
      runbook.risk = std::array{core::Risk::low, core::Risk::medium, core::Risk::high}[*risk];
    if (map.text("if_unanswered", runbook.if_unanswered, {.max_bytes = 300}) &&
        runbook.if_unanswered.find("{{") != std::string::npos)
      map.error("if_unanswered", "holds a placeholder; it is fixed text", "put the parameter into the summary");
    map.each_named("parameters", [&](Node const& item, std::string const& name, std::string const& item_path) {
      runbook.parameters.push_back(read_parameter(Map(reading, item, sections::parameter, item_path), name));
    });
    map.names("collect", runbook.collect);
    map.text("lock", runbook.lock, {.max_bytes = 256});
    std::set<std::string> names;
    read_steps(map, "steps", names, runbook.steps);
    if (auto const* steps = map.find("steps"); steps && steps->kind == Node::Kind::sequence && steps->items.empty())
      map.error("steps", "has no step", "a runbook does at least one thing");
    read_steps(map, "on_failure", names, runbook.on_failure);
    read_environment(map, runbook.environment);
    read_limits(map, runbook.limits);
    map.name("run_as", runbook.run_as);
    map.name("policy", runbook.policy);
    config.rules.runbooks.emplace(key, std::move(runbook));
  });
}

}  // namespace config
