// The configuration file as values: `rules` decides and goes into the ledger, the rest is wiring. load() in loader.hpp
// is the only maker; whoever holds a Config that it returned may rely on every bound and reference stated here.
// Plain values: safe from any thread, cheap enough to copy at a reload.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/json_pointer.hpp"
#include "bot/core/rules.hpp"
#include "bot/core/time.hpp"
#include "config/secret.hpp"

namespace config {

// chat.slack
struct Slack {
  std::string workspace;                           // team id, "T0EX": clicks from any other are refused
  std::string api_url = "https://slack.com/api/";  // ends with "/"; plain http to loopback only
  Secret app_token;                                // xapp-…: opens Socket Mode
  Secret bot_token;                                // xoxb-…: everything else
  std::uint32_t connections = 2;                   // 1..10
  friend bool operator==(Slack const&, Slack const&) = default;
};

// chat.teams
struct Teams {
  // An Azure Relay Hybrid Connection that carries the messaging endpoint: outbound connections only.
  struct Relay {
    std::string url;              // the namespace, "wss://ns.servicebus.windows.net": no path, no "/" at the end
    std::string path;             // of the hybrid connection
    std::string key_name;         // of a rule with the right Listen
    Secret key;                   // its shared access key
    std::uint32_t listeners = 2;  // 1..25
    friend bool operator==(Relay const&, Relay const&) = default;
  };
  // The messaging endpoint itself.
  struct Endpoint {
    std::string host = "0.0.0.0";  // an IPv4 or IPv6 address without brackets
    std::uint16_t port = 3978;     // 0: the system chooses
    std::string certificate;       // PEM chain; empty: plain HTTP, on loopback only
    Secret key;                    // always a file: the certificate's private key, in PEM
    friend bool operator==(Endpoint const&, Endpoint const&) = default;
  };

  std::string tenant, app_id;  // GUIDs in lower case
  Secret app_secret;
  std::string service_url = "https://smba.trafficmanager.net/teams/";  // ends with "/", as login_url does
  std::string login_url = "https://login.microsoftonline.com/";
  std::string openid_url = "https://login.botframework.com/v1/.well-known/openidconfiguration";
  std::string issuer = "https://api.botframework.com";  // of the tokens that come with activities
  std::optional<Relay> relay;                           // one of the two at least
  std::optional<Endpoint> endpoint;
  friend bool operator==(Teams const&, Teams const&) = default;
};

// chat.matrix
struct Matrix {
  enum class Transport { websocket, sync };
  std::string homeserver;  // base URL without "/" at the end
  Transport transport = Transport::sync;
  std::string user;                                        // "@countersign:example.org"
  std::optional<Secret> access_token, password, as_token;  // exactly one
  std::string device_id = "COUNTERSIGN";                   // where the bot logs in: by password, or as_token with sync
  bool short_lived_tokens = false;                         // there: ask for tokens that are refreshed
  std::string proxy;                                       // base URL of mautrix-wsproxy; with transport websocket
  friend bool operator==(Matrix const&, Matrix const&) = default;
};

struct Chat {
  std::optional<Slack> slack;
  std::optional<Teams> teams;
  std::optional<Matrix> matrix;
  // The message in the thread that follows a run under way: from when on, and how often it changes.
  core::Duration progress_after = std::chrono::seconds(2), progress_every = std::chrono::seconds(5);
  friend bool operator==(Chat const&, Chat const&) = default;
};

// collectors.NAME.file: the end of a text file.
struct FileCollector {
  std::string path;  // absolute; may hold {{label}} or {{parameter}}
  std::optional<core::Duration>
      since;  // only lines whose time is not older than this before the case; absent: the tail
};

// collectors.NAME.command: what a program prints.
struct CommandCollector {
  std::vector<std::string> run;  // argv, at least the program; arguments may hold {{label}} or {{parameter}}
};

// collectors.NAME.host: load, memory, disks, uptime of this host.
struct HostCollector {};

// collectors.NAME.journal: the systemd journal.
struct JournalCollector {
  std::vector<std::string> units;  // may hold {{label}} or {{parameter}}; none: all
  int priority = 7;                // syslog's 0 (emerg) to 7 (debug): this and worse
  std::optional<core::Duration> since;
  std::uint32_t lines = 1000;
  std::string path;  // absolute: a folder or file of journals; empty: this machine's own
};

// collectors.NAME.http: a page of an allow-listed host.
struct HttpCollector {
  std::string url;                 // {{label}} or {{parameter}} behind the host only
  std::vector<std::string> allow;  // core::AllowList reads them
  std::optional<Secret> bearer;
  std::string ca;  // absolute: PEM, besides the system's; empty: none
};

// collectors.NAME.config: a configuration and its last good version; exactly one of path and run.
struct ConfigCollector {
  std::string path;              // absolute: a file, a folder or a glob
  std::vector<std::string> run;  // argv
};

// collectors.NAME.changes: packages, units and files that changed lately.
struct ChangesCollector {
  core::Duration since = std::chrono::hours(24);
  bool packages = true, units = true;
  std::vector<std::string> files;  // absolute paths, folders or globs
};

struct Collector {
  std::variant<FileCollector, CommandCollector, HostCollector, JournalCollector, HttpCollector, ConfigCollector,
               ChangesCollector>
      source;
  core::Duration timeout = std::chrono::seconds(10);
  std::uint64_t max_bytes = 64 * 1024;  // kept of what it yields
};

// triggers.NAME.probe; the deciding half of the trigger is rules.triggers.at(NAME).
struct ProbeTrigger {
  core::Probe probe;
  core::Duration every = std::chrono::seconds(30);
  core::Duration timeout = std::chrono::seconds(5);  // of one attempt
  std::uint32_t failures = 3;                        // in a row, before it is a signal
};

// triggers.NAME.log
struct LogTrigger {
  std::string path;           // absolute
  std::string match, except;  // RE2, searched in each line; except may be empty
  std::uint32_t count = 1;    // matching lines within `window` are a signal
  core::Duration window = std::chrono::minutes(1);
  core::Duration quiet = std::chrono::minutes(10);  // without a matching line: it is over
  std::uint64_t max_line = 8 * 1024;                // bytes; longer lines are left out
  friend bool operator==(LogTrigger const&, LogTrigger const&) = default;
};

// triggers.NAME.webhook
struct WebhookTrigger {
  enum class Format { alertmanager, json };
  Format format = Format::json;
  std::string token_sha256;      // of a bearer token; or
  std::optional<Secret> secret;  // the key of HMAC-SHA256
  std::string signature_header = "X-Hub-Signature-256", signature_prefix = "sha256=";
  std::string timestamp_header;  // empty: none is signed
  core::Duration timestamp_window = std::chrono::minutes(5);
  std::string delivery_header;  // or
  std::optional<core::JsonPointer> delivery, title, status;
  std::set<std::string> firing, resolved;
  std::map<std::string, core::JsonPointer> labels;
  core::Duration quiet = std::chrono::hours(24);  // not heard of for so long: it is over
};

// The labels that a trigger's signals bring along, besides those of rules.triggers: named groups of `match`, `labels`
// of a webhook.
std::set<std::string> signal_labels(LogTrigger const& trigger);
std::set<std::string> signal_labels(WebhookTrigger const& trigger);

struct LedgerPlace {
  std::string path;  // absolute: the bare repository
  Secret key;        // always a file
  enum class Durability { local };
  Durability durability = Durability::local;
};

struct StatePlace {
  std::string path;  // markers, locks, outbox, work folders; default "state" in the ledger's parent folder
  std::string side;  // side file for when the ledger can't be written; default "side" there
};

struct Sandbox {
  enum class Mode { basic, strict };
  Mode mode = Mode::basic;
  std::vector<std::string> writable;  // absolute paths of folders; without effect in mode basic
};
inline char const* to_string(Sandbox::Mode mode) noexcept { return mode == Sandbox::Mode::basic ? "basic" : "strict"; }

// runners.NAME: somebody else's runner, whose steps are those of runbooks with `run_as: NAME`.
struct Runner {
  std::string socket;  // absolute path
  std::string user;    // whose process must listen there
  friend bool operator==(Runner const&, Runner const&) = default;
};

struct Api {
  std::string host = "127.0.0.1";  // an IPv4 or IPv6 address without brackets, or "localhost"
  std::uint16_t port = 8080;       // 0: the system chooses
  std::string certificate;         // PEM chain; empty: plain HTTP, on loopback only
  Secret key;                      // always a file: the certificate's private key, in PEM
  bool behind_proxy = false;       // plain HTTP beyond loopback, for a proxy that speaks TLS
  std::uint32_t max_connections = 2048, max_connections_per_address = 256;
  std::uint32_t requests_per_second = 100;  // of one token
  friend bool operator==(Api const&, Api const&) = default;
};

struct Config {
  core::Rules rules;
  Chat chat;
  std::map<std::string, Collector> collectors;
  core::Duration evidence_deadline = std::chrono::seconds(20);  // key evidence.deadline: for all collectors of a case
  // Each key of rules.triggers is in one of these.
  std::map<std::string, ProbeTrigger> probe_triggers;
  std::map<std::string, LogTrigger> log_triggers;
  std::map<std::string, WebhookTrigger> webhook_triggers;
  LedgerPlace ledger;
  StatePlace state;
  Sandbox sandbox;
  std::map<std::string, Runner> runners;
  Api api;
  std::vector<std::string> redact_patterns;  // key redact.patterns: RE2, added to the built-in ones
};

// config/<sha256>.json of the ledger: core::to_json(rules, wiring). Without names, mail addresses, token digests,
// secrets, their references, and redaction patterns (which may spell a secret; only their number stays).
core::Json public_json(Config const& config);

}  // namespace config
