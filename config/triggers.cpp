// Section triggers, and the keys of a probe wherever one stands.
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

void read_triggers(Map const& root, Config& config) {
  auto& reading = root.reading();
  root.each_named("triggers", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::trigger, path);
    core::TriggerRule rule;
    rule.name = key;
    if (auto const* probe_node = map.find("probe")) {
      Map const source(reading, *probe_node, sections::trigger_probe, map.path("probe"));
      ProbeTrigger trigger;
      if (probe_node->kind == Node::Kind::map) read_probe(source, trigger.probe);
      source.duration("every", trigger.every, 50ms, 24h);
      source.duration("timeout", trigger.timeout, 1ms, 10min);
      source.uint32("failures", trigger.failures, 1, 1000);
      config.probe_triggers.emplace(key, std::move(trigger));
    }
    rule.labels = map.text_map("labels", Map::KeyRule::name);
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
    if (auto const* noise_node = map.find("noise")) {
      Map const noise(reading, *noise_node, sections::noise, map.path("noise"));
      noise.names("dedupe", rule.dedupe);
      noise.duration("cooldown", rule.cooldown, 0ms, 24h * 30);
      noise.uint32("max_per_hour", rule.max_per_hour, 1, 3600);
    }
    config.rules.triggers.emplace(key, std::move(rule));
  });
}

}  // namespace config
