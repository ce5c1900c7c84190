#include "config/config.hpp"

namespace config {

namespace {

core::Json texts(std::vector<std::string> const& values) { return core::Json::Array(values.begin(), values.end()); }

core::Json millis(core::Duration duration) { return std::int64_t{duration.count()}; }

core::Json collector_json(Collector const& collector) {
  auto json = core::Json::object({{"timeout_ms", millis(collector.timeout)}, {"max_bytes", collector.max_bytes}});
  if (auto const* file = std::get_if<FileCollector>(&collector.source)) {
    json.set("kind", "file").set("path", file->path);
    json.set("since_ms", file->since ? millis(*file->since) : core::Json());
  } else if (auto const* command = std::get_if<CommandCollector>(&collector.source)) {
    json.set("kind", "command").set("run", texts(command->run));
  } else {
    json.set("kind", "host");
  }
  return json;
}

core::Json probe_json(ProbeTrigger const& trigger) {
  auto json = core::Json::object(
      {{"every_ms", millis(trigger.every)}, {"timeout_ms", millis(trigger.timeout)}, {"failures", trigger.failures}});
  switch (trigger.probe.kind) {
    case core::Probe::Kind::http:
      json.set("http", trigger.probe.target);
      json.set("expect_status", trigger.probe.expect_status).set("expect_body", trigger.probe.expect_body);
      break;
    case core::Probe::Kind::tcp: json.set("tcp", trigger.probe.target); break;
    case core::Probe::Kind::command: json.set("command", texts(trigger.probe.argv)); break;
  }
  return json;
}

}  // namespace

core::Json public_json(Config const& config) {
  core::Json::Object collectors, probes;
  for (auto const& [key, collector] : config.collectors) collectors.emplace(key, collector_json(collector));
  for (auto const& [key, trigger] : config.probe_triggers) probes.emplace(key, probe_json(trigger));
  core::Json slack;
  if (config.chat.slack)
    slack = core::Json::object({{"workspace", config.chat.slack->workspace},
                                {"api_url", config.chat.slack->api_url},
                                {"connections", config.chat.slack->connections}});
  auto wiring = core::Json::object(
      {{"collectors", std::move(collectors)},
       {"probes", std::move(probes)},
       {"evidence", core::Json::object({{"deadline_ms", millis(config.evidence_deadline)}})},
       {"chat", core::Json::object({{"slack", std::move(slack)}})},
       {"ledger", core::Json::object({{"durability", "local"}})},
       {"sandbox", core::Json::object({{"mode", "basic"}, {"writable", texts(config.sandbox.writable)}})},
       {"redact_patterns", std::uint64_t{config.redact_patterns.size()}}});
  return core::to_json(config.rules, std::move(wiring));
}

}  // namespace config
