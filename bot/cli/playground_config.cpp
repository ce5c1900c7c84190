#include "bot/cli/playground_config.hpp"

#include <fstream>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace cli {

namespace fs = std::filesystem;

std::string yaml_text(std::string const& text) { return core::dump(core::Json(text)); }  // a JSON string is one of YAML

void write_private(fs::path const& path, std::string const& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  file << text;
  file.close();
  if (!file) throw core::Failure(core::make_error(core::Errc::io, "the file " + path.string() + " can't be written"));
}

std::string demo_config(DemoConfig const& config) {
  auto const d = config.dir.string();
  auto const health = yaml_text("http://127.0.0.1:" + std::to_string(config.demo_port) + "/healthz");
  auto const count = std::to_string(config.approvals_needed);
  std::string const policy = config.approvals_needed == 1 ? "one-sre" : "sre-quorum";
  return "# Made by countersign playground; change it and restart, or send SIGHUP.\n"
         "version: 1\n" +
         config.sections +
         "collectors:\n"
         "  web-log: {file: {path: " +
         yaml_text(d + "/demo/log") +
         ", max_bytes: 16KiB}}\n"
         "  host: {host: {}}\n"
         "triggers:\n"
         "  web-down:\n"
         "    probe: {http: " +
         health +
         ", every: 1s, timeout: 1s, failures: 3}\n"
         "    labels: {service: web, severity: critical}\n"
         "    collect: [web-log]\n"
         "    propose: [{runbook: restart-service, with: {service: web}}]\n"
         "    post_to: [incidents]\n"
         "    noise: {dedupe: [service], cooldown: 5s, max_per_hour: 60}\n"
         "runbooks:\n"
         "  restart-service:\n"
         "    summary: \"Restart {{service}}\"\n"
         "    risk: medium\n"
         "    if_unanswered: \"the service stays down; escalate by phone\"\n"
         "    parameters: {service: {type: enum, values: [web]}}\n"
         "    collect: [host]\n"
         "    lock: \"service/{{service}}\"\n"
         "    steps:\n"
         "      - {name: restart, run: [" +
         yaml_text(config.program) + ", demo-service, restart, --dir, " + yaml_text(d + "/demo") +
         "], timeout: 30s}\n"
         "      - {name: healthy, probe: {http: " +
         health +
         "}, retry: {for: 20s, every: 500ms}}\n"
         "    policy: " +
         policy +
         "\n"
         "policies:\n"
         "  " +
         policy +
         ":\n"
         "    request: [dev, sre, triggers]\n"
         "    approve: [{group: sre, count: " +
         count +
         "}]\n"
         "    notify: [sre]\n"
         "    justification: {approver: optional, requester: required}\n"
         "    expires: 30m\n"
         "ledger: {path: " +
         yaml_text(d + "/ledger.git") + ", key: {file: " + yaml_text(d + "/ledger_ed25519") +
         "}}\n"
         "state: {path: " +
         yaml_text(d + "/state") + ", side: " + yaml_text(d + "/side") +
         "}\n"
         "api: {listen: \"127.0.0.1:0\"}\n";
}

}  // namespace cli
