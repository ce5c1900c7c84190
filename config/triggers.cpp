// Section triggers, and the keys of a probe wherever one stands.
#include <algorithm>
#include <array>

#include "bot/core/digest.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/step.hpp"
#include "config/parts.hpp"

namespace config {

using namespace std::chrono_literals;

std::string exactly_one(Map const& map, std::vector<std::string> const& keys) {
  std::string found, list;
  bool several = false;
  for (auto const& key : keys) {
    list += (list.empty() ? "" : ", ") + key;
    if (!map.has(key)) continue;
    several = several || !found.empty();
    found = key;
  }
  if (!several && !found.empty()) return found;
  map.reading().problems.error(map.place(), map.path() + " must have exactly one of: " + list);
  return {};
}

void read_probe(Map const& map, core::Probe& probe) {
  auto const kind = exactly_one(map, {"http", "tcp", "command"});
  if (kind == "http") {
    probe.kind = core::Probe::Kind::http;
    if (map.text("http", probe.target)) {
      if (auto why = why_not_url(probe.target); !why.empty()) map.error("http", why);
    }
    map.uint32("expect_status", probe.expect_status, 100, 599);
    if (map.text("expect_body", probe.expect_body)) {
      if (auto why = why_not_pattern(probe.expect_body); !why.empty()) map.error("expect_body", why);
    }
  } else if (kind == "tcp") {
    probe.kind = core::Probe::Kind::tcp;
    if (map.text("tcp", probe.target)) {
      if (auto why = why_not_host_port(probe.target); !why.empty()) map.error("tcp", why);
    }
  } else if (kind == "command") {
    probe.kind = core::Probe::Kind::command;
    map.texts("command", probe.argv, {.lines = true, .empty = true});
    if (probe.argv.empty() || probe.argv.front().empty()) map.error("command", "names no program");
  }
  for (auto const* key : {"expect_status", "expect_body"}) {
    if (kind != "http" && !kind.empty() && map.has(key)) map.error(key, "belongs to an http probe only");
  }
}

namespace {

void read_log(Map const& map, std::string const& name, Config& config) {
  Map const source(map.reading(), *map.find("log"), sections::trigger_log, map.path("log"));
  LogTrigger trigger;
  source.absolute_path("path", trigger.path);
  if (trigger.path.find("{{") != std::string::npos || trigger.path.find('*') != std::string::npos)
    source.error("path", "is " + shown(trigger.path) + ", but a log trigger follows one file", "write its whole path");
  for (auto const& [key, out] : {std::pair{"match", &trigger.match}, {"except", &trigger.except}}) {
    if (!source.text(key, *out)) continue;
    if (auto why = why_not_pattern(*out); !why.empty()) source.error(key, why);
  }
  source.uint32("count", trigger.count, 1, 1000);
  source.duration("window", trigger.window, 1s, 24h);
  source.duration("quiet", trigger.quiet, 1s, 24h);
  source.size("max_line", trigger.max_line, 64, 1 << 20);
  for (auto const& group : named_groups(trigger.match)) {
    if (!core::is_name(group) || group == core::kFromSignal)
      source.error("match", "names a group " + shown(group) + ", which can't be a label",
                   "write it in small letters, digits and '_', at most 64, and not from_signal");
  }
  config.log_triggers.emplace(name, std::move(trigger));
}

bool read_pointer(Map const& map, std::string_view key, std::optional<core::JsonPointer>& out) {
  std::string text;
  if (!map.text(key, text, {.empty = true})) return false;
  auto pointer = core::JsonPointer::parse(text);
  if (!pointer) {
    map.error(key, "is " + shown(text) + ": " + pointer.error().message);
    return false;
  }
  out = std::move(*pointer);
  return true;
}

void read_header(Map const& map, std::string_view key, std::string& out) {
  if (!map.text(key, out)) return;
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";  // RFC 9110, section 5.6.2
  bool const token = std::ranges::all_of(out, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSigns.find(c) != std::string_view::npos;
  });
  if (!token || out.size() > 128) map.error(key, "is " + shown(out) + ", which is no name of a header");
}

// Digests of tokens that stand in examples and manuals.
bool is_well_known_token(std::string const& sha256) {
  static constexpr std::array kWords{"",       "changeme", "change-me", "secret",       "token",    "password", "test",
                                     "admin",  "default",  "webhook",   "alertmanager", "example",  "bearer",   "TOKEN",
                                     "string", "12345678", "foobar",    "countersign",  "<secret>", "alerts"};
  return std::ranges::any_of(kWords, [&](char const* word) { return core::sha256_hex(word) == sha256; });
}

void read_sender(Map const& source, WebhookTrigger& trigger) {
  auto const way = exactly_one(source, {"token_sha256", "secret"});
  if (way == "token_sha256" && source.text("token_sha256", trigger.token_sha256)) {
    bool const digest = trigger.token_sha256.size() == 64 &&
                        trigger.token_sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!digest)
      source.error("token_sha256", "must be 64 lower-case hex digits", "printf %s \"$TOKEN\" | sha256sum");
    else if (is_well_known_token(trigger.token_sha256))
      source.error("token_sha256", "is the digest of a token that everybody knows", "openssl rand -hex 32 makes one");
  }
  if (way == "secret") {
    Secret secret;
    if (source.secret("secret", secret)) trigger.secret = std::move(secret);
  }
  if (way == "secret" && trigger.format == WebhookTrigger::Format::alertmanager)
    source.error("secret", "does not fit: Alertmanager signs nothing", "give it a bearer token and write token_sha256");
  for (auto const* key : {"signature", "timestamp"}) {
    if (way == "token_sha256" && source.has(key)) source.error(key, "belongs to \"secret\" only", "leave it out");
  }
  if (auto const* node = source.find("signature")) {
    Map const signature(source.reading(), *node, sections::webhook_signature, source.path("signature"));
    read_header(signature, "header", trigger.signature_header);
    signature.text("prefix", trigger.signature_prefix, {.empty = true, .max_bytes = 64});
  }
  if (auto const* node = source.find("timestamp")) {
    Map const timestamp(source.reading(), *node, sections::webhook_timestamp, source.path("timestamp"));
    read_header(timestamp, "header", trigger.timestamp_header);
    timestamp.duration("window", trigger.timestamp_window, 1s, 1h);
  }
}

void read_json_form(Map const& source, WebhookTrigger& trigger) {
  if (auto const* node = source.find("delivery")) {
    Map const delivery(source.reading(), *node, sections::webhook_delivery, source.path("delivery"));
    auto const where = node->kind == Node::Kind::map ? exactly_one(delivery, {"header", "pointer"}) : std::string();
    if (where == "header") read_header(delivery, "header", trigger.delivery_header);
    if (where == "pointer") read_pointer(delivery, "pointer", trigger.delivery);
  }
  read_pointer(source, "title", trigger.title);
  if (auto const* node = source.find("status")) {
    Map const status(source.reading(), *node, sections::webhook_status, source.path("status"));
    read_pointer(status, "pointer", trigger.status);
    std::vector<std::string> firing, resolved;
    status.texts("firing", firing);
    status.texts("resolved", resolved);
    if (status.has("firing") && firing.empty()) status.error("firing", "is empty, so nothing would ever fire");
    trigger.firing = {firing.begin(), firing.end()};
    trigger.resolved = {resolved.begin(), resolved.end()};
    for (auto const& value : resolved) {
      if (trigger.firing.contains(value)) status.error("resolved", "has " + shown(value) + ", which is firing, too");
    }
  }
  // Nothing says that it is over: it is when nothing more is heard of it.
  if (trigger.resolved.empty()) trigger.quiet = 10min;
}

void read_webhook(Map const& map, std::string const& name, Config& config) {
  Map const source(map.reading(), *map.find("webhook"), sections::trigger_webhook, map.path("webhook"));
  WebhookTrigger trigger;
  auto const format = source.word("format", {"alertmanager", "json"});
  trigger.format = format && *format == 0 ? WebhookTrigger::Format::alertmanager : WebhookTrigger::Format::json;
  if (map.find("webhook")->kind != Node::Kind::map) return;
  read_sender(source, trigger);
  if (trigger.format == WebhookTrigger::Format::json) {
    read_json_form(source, trigger);
  } else {
    for (auto const* key : {"delivery", "title", "status"}) {
      if (source.has(key)) source.error(key, "belongs to format json only", "leave it out");
    }
  }
  if (trigger.format == WebhookTrigger::Format::json && source.has("secret") && !source.has("timestamp") &&
      !source.has("delivery"))
    map.reading().problems.warning(source.place("secret"),
                                   source.path("secret") +
                                       ": without \"timestamp\" or \"delivery\" a delivery that somebody has caught "
                                       "counts each time it is sent again",
                                   "name the header in which the sender gives each delivery its id");
  for (auto const& [label, text] : source.text_map("labels", Map::KeyRule::name)) {
    auto pointer = core::JsonPointer::parse(text);
    if (!pointer)
      map.reading().problems.error(source.place("labels"), source.path("labels") + "." + label + " is " + shown(text) +
                                                               ": " + pointer.error().message);
    else if (label == core::kFromSignal)
      source.error("labels", "has \"from_signal\", a name of our own", "choose another name");
    else
      trigger.labels.emplace(label, std::move(*pointer));
  }
  source.duration("quiet", trigger.quiet, 1s, 24h * 30);
  config.webhook_triggers.emplace(name, std::move(trigger));
}

}  // namespace

std::set<std::string> signal_labels(LogTrigger const& trigger) { return named_groups(trigger.match); }

std::set<std::string> signal_labels(WebhookTrigger const& trigger) {
  std::set<std::string> names;
  for (auto const& [name, pointer] : trigger.labels) names.insert(name);
  if (trigger.format == WebhookTrigger::Format::alertmanager) names.insert({"alertname", "severity"});
  return names;
}

void read_triggers(Map const& root, Config& config) {
  auto& reading = root.reading();
  root.each_named("triggers", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::trigger, path);
    core::TriggerRule rule;
    rule.name = key;
    auto const kind = node.kind == Node::Kind::map ? exactly_one(map, {"probe", "log", "webhook"}) : std::string();
    if (kind == "log") read_log(map, key, config);
    if (kind == "webhook") read_webhook(map, key, config);
    if (auto const* probe_node = kind == "probe" ? map.find("probe") : nullptr) {
      Map const source(reading, *probe_node, sections::trigger_probe, map.path("probe"));
      ProbeTrigger trigger;
      if (probe_node->kind == Node::Kind::map) read_probe(source, trigger.probe);
      source.duration("every", trigger.every, 50ms, 24h);
      source.duration("timeout", trigger.timeout, 1ms, 10min);
      source.uint32("failures", trigger.failures, 1, 1000);
      config.probe_triggers.emplace(key, std::move(trigger));
    }
    rule.labels = map.text_map("labels", Map::KeyRule::name);
    if (rule.labels.contains(std::string(core::kFromSignal)))
      reading.problems.error(map.place("labels"),
                             path +
                                 ".labels: \"from_signal\" is a name of our own: in it a case says "
                                 "which labels came with the signal",
                             "choose another name");
    map.names("collect", rule.collect);
    map.each_item("propose", [&](Node const& item, std::string const& item_path) {
      Map const inner(reading, item, sections::proposal, item_path);
      core::TriggerRule::Proposal proposal;
      inner.name("runbook", proposal.runbook);
      proposal.with = inner.text_map("with", Map::KeyRule::name);
      rule.propose.push_back(std::move(proposal));
    });
    map.names("post_to", rule.post_to);
    if (!rule.propose.empty() && rule.post_to.empty() && !map.has("post_to"))
      reading.problems.error(map.place(), path + " proposes runbooks but has no \"post_to\"",
                             "name the channels where people decide");
    auto const* noise_node = map.find("noise");
    auto const webhook = config.webhook_triggers.find(key);
    // Each alert is an occurrence of its own unless the configuration says what makes one.
    if (webhook != config.webhook_triggers.end() && webhook->second.format == WebhookTrigger::Format::alertmanager)
      rule.dedupe = {"fingerprint"};
    if (noise_node) {
      Map const noise(reading, *noise_node, sections::noise, map.path("noise"));
      if (noise.has("dedupe")) rule.dedupe.clear();
      noise.names("dedupe", rule.dedupe);
      noise.duration("cooldown", rule.cooldown, 0ms, 24h * 30);
      noise.uint32("max_per_hour", rule.max_per_hour, 1, 3600);
    }
    config.rules.triggers.emplace(key, std::move(rule));
  });
}

}  // namespace config
