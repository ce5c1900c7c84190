// Sections evidence, ledger, state, sandbox, api, redact.
#include "config/parts.hpp"

namespace config {

namespace {

using namespace std::chrono_literals;

// Where state is kept when nobody says so: beside the ledger.
std::string default_state(Config const& config) {
  auto const slash = config.ledger.path.find_last_not_of('/');
  return config.ledger.path.substr(0, config.ledger.path.rfind('/', slash)) + "/state";
}

// The runner's socket stands at runner/socket below it, and the path of a socket has at most 107 bytes (unix(7)).
constexpr std::size_t kMaxStatePath = 107 - std::string_view("/runner/socket").size();

void read_ledger(Map const& root, Config& config) {
  auto const* node = root.find("ledger");
  if (!node) return;
  auto& reading = root.reading();
  Map const map(reading, *node, sections::ledger, "ledger");
  map.absolute_path("path", config.ledger.path);
  if (!root.find("state") && default_state(config).size() > kMaxStatePath)
    map.error("path", "makes the path of the state beside it too long for the runner's socket",
              "choose a shorter one, or give state.path with at most " + std::to_string(kMaxStatePath) + " bytes");
  if (map.secret("key", config.ledger.key) && config.ledger.key.kind() == Secret::Kind::env)
    map.error("key", "must be a file", "write {file: /var/lib/countersign/ledger_ed25519}; keygen makes it");
  std::string durability;
  if (map.text("durability", durability) && durability != "local")
    map.error("durability", "is " + shown(durability) + ", which is not in this release", "write local");
  if (auto const* remotes = map.find("remotes");
      remotes && !(remotes->kind == Node::Kind::sequence && remotes->items.empty()))
    map.error("remotes", "must be empty: remotes are not in this release", "leave it out");
}

void read_state(Map const& root, Config& config) {
  config.state.path = default_state(config);
  config.state.side = config.state.path.substr(0, config.state.path.rfind('/')) + "/side";
  auto const* node = root.find("state");
  if (!node) return;
  Map const map(root.reading(), *node, sections::state, "state");
  map.absolute_path("path", config.state.path);
  map.absolute_path("side", config.state.side);
  if (!config.ledger.path.empty() && config.state.path == config.ledger.path)
    map.error("path", "is the ledger's own path", "give it a folder of its own");
  if (config.state.path.size() > kMaxStatePath)
    map.error("path", "is too long: the runner's socket stands below it",
              "choose one of at most " + std::to_string(kMaxStatePath) + " bytes");
}

void read_sandbox(Map const& root, Config& config) {
  auto const* node = root.find("sandbox");
  if (!node) return;
  auto& reading = root.reading();
  Map const map(reading, *node, sections::sandbox, "sandbox");
  if (auto const mode = map.word("mode", {"basic", "strict"}); mode && *mode == 1)
    config.sandbox.mode = Sandbox::Mode::strict;
  map.each_item("writable", [&](Node const& item, std::string const& path) {
    auto const value = read_text(reading, item, path);
    if (!value) return;
    if (!value->starts_with('/')) {
      reading.problems.error(item.place, path + " is " + shown(*value) + ", which is no absolute path",
                             "begin it with \"/\"");
      return;
    }
    if (*value == "/" || value->find("/../") != std::string::npos || value->ends_with("/..")) {
      reading.problems.error(item.place, path + " is " + shown(*value) + ": name a folder that the steps may write",
                             "write it without \"..\", and not the root");
      return;
    }
    config.sandbox.writable.push_back(*value);
  });
  if (!config.sandbox.writable.empty() && config.sandbox.mode == Sandbox::Mode::basic)
    reading.problems.warning(map.place("writable"), "sandbox.writable has no effect in mode basic",
                             "leave it out, or write mode: strict");
}

// The path of a local socket has at most 107 bytes (unix(7)).
constexpr std::size_t kMaxSocketPath = 107;

void read_runners(Map const& root, Config& config) {
  root.each_named("runners", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(root.reading(), node, sections::runner, path);
    Runner runner;
    if (map.absolute_path("socket", runner.socket) && runner.socket.size() > kMaxSocketPath)
      map.error("socket", "is longer than a socket's path may be",
                "choose one of at most " + std::to_string(kMaxSocketPath) + " bytes");
    runner.user = key;
    if (map.text("user", runner.user, {.max_bytes = 32}) && runner.user != key)
      map.error("user", "is " + shown(runner.user) + ", another one than the runner's name",
                "name the runner like its account: run_as shows people who will act");
    config.runners.emplace(key, std::move(runner));
  });
}

void read_api(Map const& root, Config& config) {
  auto const* node = root.find("api");
  if (!node) return;
  Map const map(root.reading(), *node, sections::api, "api");
  auto& api = config.api;
  bool const right = read_listen(map, api.host, api.port) || !map.has("listen");
  map.absolute_path("certificate", api.certificate);
  read_key_file(map, "key", api.key);
  map.boolean("behind_proxy", api.behind_proxy);
  map.uint32("max_connections", api.max_connections, 16, 100'000);
  map.uint32("max_connections_per_address", api.max_connections_per_address, 1, 100'000);
  map.uint32("requests_per_second", api.requests_per_second, 1, 1'000'000);
  auto& problems = root.reading().problems;
  if (map.has("certificate") != map.has("key")) {
    map.error(map.has("certificate") ? "certificate" : "key", "stands alone", "give certificate and key, or neither");
  } else if (map.has("certificate")) {
    if (api.behind_proxy)
      problems.warning(map.place("behind_proxy"), "api.behind_proxy has no effect beside a certificate",
                       "leave it out");
  } else if (right && !is_loopback_host(api.host)) {
    if (api.behind_proxy)
      problems.warning(map.place("listen"), "api.listen is reachable from other hosts over plain HTTP",
                       "let nothing but the proxy that speaks TLS reach it: tokens travel in the clear");
    else
      problems.error(
          map.place("listen"), "api would take plain HTTP, and tokens with it, from other hosts",
          "give certificate and key, listen on 127.0.0.1 behind a proxy that speaks TLS, or, where the proxy "
          "is on another host, say behind_proxy: true");
  }
}

void read_redact(Map const& root, Config& config) {
  auto const* node = root.find("redact");
  if (!node) return;
  auto& reading = root.reading();
  Map const map(reading, *node, sections::redact, "redact");
  map.each_item("patterns", [&](Node const& item, std::string const& path) {
    auto const value = read_text(reading, item, path);
    if (!value) return;
    // Not shown: people write the secret itself as a pattern.
    if (auto const why = why_not_pattern(*value); !why.empty()) {
      reading.problems.error(item.place, path + " is no RE2 pattern", "see the syntax of RE2");
      return;
    }
    config.redact_patterns.push_back(*value);
  });
}

}  // namespace

void read_wiring(Map const& root, Config& config) {
  if (auto const* node = root.find("evidence")) {
    Map const map(root.reading(), *node, sections::evidence, "evidence");
    map.duration("deadline", config.evidence_deadline, 100ms, 10min);
  }
  read_ledger(root, config);
  read_state(root, config);
  read_sandbox(root, config);
  read_runners(root, config);
  read_api(root, config);
  read_redact(root, config);
}

}  // namespace config
