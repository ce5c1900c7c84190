// A complete configuration to break in tests, one replacement at a time.
#pragma once

#include <string>
#include <string_view>

namespace config_test {

inline constexpr std::string_view kBase = R"(version: 1
people:
  alice: {name: Alice Ng, email: alice@example.org, groups: [dev], slack: U0ALICE}
  bob: {groups: [sre], slack: U0BOB}
  carol: {groups: [sre], slack: U0CAROL, scopes: [request]}
robots:
  ci:
    groups: [pipelines]
    token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
chat:
  slack:
    workspace: T0EX
    app_token: {env: SLACK_APP_TOKEN}
    bot_token: {file: /run/credentials/slack}
    connections: 2
channels:
  incidents: {slack: C0INC}
collectors:
  web-log: {file: {path: /var/log/web/error.log, since: 10m, max_bytes: 64KiB}}
  unit: {command: {run: [systemctl, status, "{{service}}.service"], timeout: 5s}}
  host: {host: {}}
evidence: {deadline: 20s}
triggers:
  web-down:
    probe: {http: "http://127.0.0.1:8081/healthz", every: 5s, timeout: 2s, failures: 3}
    labels: {service: web, severity: critical}
    collect: [web-log, host]
    propose: [{runbook: restart-service, with: {service: web}}]
    post_to: [incidents]
    noise: {dedupe: [service], cooldown: 10m, max_per_hour: 6}
runbooks:
  restart-service:
    summary: "Restart {{service}}"
    risk: medium
    if_unanswered: "the service stays down"
    parameters:
      service: {type: enum, values: [web, api]}
      note: {type: string, pattern: "[a-z ]*", max: 40, default: none}
      count: {type: integer, min: 1, max: 9, default: 3}
    collect: [host]
    lock: "service/{{service}}"
    steps:
      - {name: restart, run: [systemctl, restart, "{{service}}.service"], timeout: 60s}
      - {name: healthy, probe: {http: "http://127.0.0.1:8081/healthz"}, retry: {for: 30s, every: 2s}}
    on_failure: []
    environment: {LANG: C.UTF-8}
    limits: {output: 1MiB, cpu: 10m, memory: 1GiB, file_size: 1MiB, open_files: 64, processes: 64, grace: 5s}
    policy: one-sre
policies:
  one-sre:
    request: [dev, sre, pipelines, triggers]
    approve: [{group: sre, count: 1}]
    notify: [sre]
    self_approval: false
    justification: {approver: optional, requester: required}
    expires: 30m
ledger: {path: /var/lib/countersign/ledger.git, key: {file: /var/lib/countersign/ledger_ed25519}, durability: local, remotes: []}
state: {path: /var/lib/countersign/state, side: /run/countersign}
sandbox: {mode: basic, writable: []}
api: {listen: "127.0.0.1:8080"}
redact: {patterns: ["internal-[0-9]{6}"]}
)";

// `text` with the first `from` replaced; empty when there is none, so that a stale row fails.
inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  auto const at = text.find(from);
  if (at == std::string::npos) return {};
  return text.replace(at, from.size(), to);
}

}  // namespace config_test
