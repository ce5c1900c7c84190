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

core::Json slack_json(Slack const& slack) {
  return core::Json::object(
      {{"workspace", slack.workspace}, {"api_url", slack.api_url}, {"connections", slack.connections}});
}

core::Json teams_json(Teams const& teams) {
  core::Json relay, endpoint;
  if (teams.relay)
    relay = core::Json::object(
        {{"url", teams.relay->url}, {"path", teams.relay->path}, {"listeners", teams.relay->listeners}});
  if (teams.endpoint)
    endpoint = core::Json::object({{"host", teams.endpoint->host},
                                   {"port", std::uint64_t{teams.endpoint->port}},
                                   {"tls", !teams.endpoint->certificate.empty()}});
  return core::Json::object({{"tenant", teams.tenant},
                             {"app_id", teams.app_id},
                             {"service_url", teams.service_url},
                             {"login_url", teams.login_url},
                             {"openid_url", teams.openid_url},
                             {"issuer", teams.issuer},
                             {"relay", std::move(relay)},
                             {"endpoint", std::move(endpoint)}});
}

core::Json matrix_json(Matrix const& matrix) {
  return core::Json::object({{"homeserver", matrix.homeserver},
                             {"transport", matrix.transport == Matrix::Transport::sync ? "sync" : "websocket"},
                             {"user", matrix.user},
                             {"proxy", matrix.proxy}});
}

}  // namespace

core::Json public_json(Config const& config) {
  core::Json::Object collectors, probes;
  for (auto const& [key, collector] : config.collectors) collectors.emplace(key, collector_json(collector));
  for (auto const& [key, trigger] : config.probe_triggers) probes.emplace(key, probe_json(trigger));
  auto chat = core::Json::object({{"slack", core::Json()}, {"teams", core::Json()}, {"matrix", core::Json()}});
  if (config.chat.slack) chat.set("slack", slack_json(*config.chat.slack));
  if (config.chat.teams) chat.set("teams", teams_json(*config.chat.teams));
  if (config.chat.matrix) chat.set("matrix", matrix_json(*config.chat.matrix));
  core::Json::Object runners;
  for (auto const& [key, runner] : config.runners)
    runners.emplace(key, core::Json::object({{"socket", runner.socket}, {"user", runner.user}}));
  auto wiring = core::Json::object(
      {{"collectors", std::move(collectors)},
       {"probes", std::move(probes)},
       {"evidence", core::Json::object({{"deadline_ms", millis(config.evidence_deadline)}})},
       {"chat", std::move(chat)},
       {"ledger", core::Json::object({{"durability", "local"}})},
       {"sandbox",
        core::Json::object({{"mode", to_string(config.sandbox.mode)}, {"writable", texts(config.sandbox.writable)}})},
       {"runners", std::move(runners)},
       {"redact_patterns", std::uint64_t{config.redact_patterns.size()}}});
  return core::to_json(config.rules, std::move(wiring));
}

}  // namespace config
