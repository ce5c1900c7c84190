// Every key that the grammar knows, in one table: the loader refuses what is not here, the test compares it with
// schema.json and README.md.
#pragma once

#include <span>
#include <string_view>

namespace config {

struct Key {
  std::string_view name;
  bool required = false;
  bool later = false;         // part of the contract, not of this release: an error that says so
  std::string_view choice{};  // what to say where a needed key is missing and "add it" doesn't help
};

// A map with fixed keys. `name` is also the definition's name in schema.json ("root" is the document itself).
struct Section {
  std::string_view name;
  std::span<Key const> keys;
};

namespace sections {
extern Section const root, person, robot, group, chat, slack, teams, teams_relay, teams_endpoint, matrix, channel,
    collector, file_collector, command_collector, host_collector, journal_collector, http_collector, config_collector,
    changes_collector, evidence, trigger, trigger_probe, trigger_log, trigger_webhook, webhook_signature,
    webhook_timestamp, webhook_delivery, webhook_status, noise, proposal, runbook, parameter, step, step_probe,
    step_http, retry, limits, policy, need, justification, ledger, state, sandbox, runner, progress, api, redact,
    secret;
}

std::span<Section const* const> all_sections();

}  // namespace config
