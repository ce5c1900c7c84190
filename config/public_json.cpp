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
  } else if (auto const* journal = std::get_if<JournalCollector>(&collector.source)) {
    json.set("kind", "journal").set("units", texts(journal->units)).set("priority", journal->priority);
    json.set("since_ms", journal->since ? millis(*journal->since) : core::Json());
    json.set("lines", journal->lines).set("path", journal->path);
  } else if (auto const* http = std::get_if<HttpCollector>(&collector.source)) {
    // Whether there is a token is worth knowing; where it is kept stays out, as for all secrets.
    json.set("kind", "http").set("url", http->url).set("allow", texts(http->allow));
    json.set("bearer", http->bearer.has_value()).set("ca", http->ca);
  } else if (auto const* watched = std::get_if<ConfigCollector>(&collector.source)) {
    json.set("kind", "config").set("path", watched->path).set("run", texts(watched->run));
  } else if (auto const* changes = std::get_if<ChangesCollector>(&collector.source)) {
    json.set("kind", "changes").set("since_ms", millis(changes->since)).set("files", texts(changes->files));
    json.set("packages", changes->packages).set("units", changes->units);
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

core::Json log_json(LogTrigger const& trigger) {
  return core::Json::object({{"path", trigger.path},
                             {"match", trigger.match},
                             {"except", trigger.except},
                             {"count", trigger.count},
                             {"window_ms", millis(trigger.window)},
                             {"quiet_ms", millis(trigger.quiet)},
                             {"max_line", trigger.max_line}});
}

core::Json webhook_json(WebhookTrigger const& trigger) {
  auto const pointer = [](std::optional<core::JsonPointer> const& at) {
    return at ? core::Json(at->text()) : core::Json();
  };
  core::Json::Object labels;
  for (auto const& [name, at] : trigger.labels) labels.emplace(name, at.text());
  bool const is_signed = trigger.secret.has_value();
  auto json = core::Json::object({{"labels", std::move(labels)}, {"quiet_ms", millis(trigger.quiet)}});
  json.set("format", trigger.format == WebhookTrigger::Format::json ? "json" : "alertmanager");
  json.set("sender", is_signed ? "hmac-sha256" : "bearer");
  json.set("timestamp_ms", trigger.timestamp_header.empty() ? core::Json() : millis(trigger.timestamp_window));
  json.set("delivery",
           trigger.delivery_header.empty() ? pointer(trigger.delivery) : core::Json(trigger.delivery_header));
  json.set("title", pointer(trigger.title)).set("status", pointer(trigger.status));
  json.set("firing", texts({trigger.firing.begin(), trigger.firing.end()}));
  json.set("resolved", texts({trigger.resolved.begin(), trigger.resolved.end()}));
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
  core::Json::Object collectors, probes, logs, webhooks;
  for (auto const& [key, collector] : config.collectors) collectors.emplace(key, collector_json(collector));
  for (auto const& [key, trigger] : config.probe_triggers) probes.emplace(key, probe_json(trigger));
  for (auto const& [key, trigger] : config.log_triggers) logs.emplace(key, log_json(trigger));
  for (auto const& [key, trigger] : config.webhook_triggers) webhooks.emplace(key, webhook_json(trigger));
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
       {"logs", std::move(logs)},
       {"webhooks", std::move(webhooks)},
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
