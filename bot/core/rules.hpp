// Who people are and what the rules are: the part of the configuration that decides, as values. config/ reads it from
// YAML; config.loaded puts it into the ledger; the verifier reads it back from there and must come to the same answers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/core/time.hpp"

namespace core {

// One human. Accounts never decide anything: persons do.
struct Person {
  std::string name;   // for people to read; never written to the ledger
  std::string email;  // likewise
  std::set<std::string> groups;
  std::map<std::string, std::string> accounts;  // platform ("slack", "teams", "matrix") → immutable user id there
  std::string token_sha256;                     // 64 hex digits of an API token's digest, or empty; not in the ledger
  std::set<std::string> scopes{"request", "read"};
};

// A non-human requester. Never an approver.
struct Robot {
  std::set<std::string> groups;
  std::string token_sha256;
  std::set<std::string> scopes{"request", "read"};
};

// "count persons of this group". Count is at least 1, always.
struct Need {
  std::string group;
  std::uint32_t count = 1;
  friend bool operator==(Need const&, Need const&) = default;
};

enum class Justification { none, optional, required };
char const* to_string(Justification value) noexcept;

struct Policy {
  std::string name;
  std::set<std::string> request;  // groups that may ask; "triggers" is the reserved group of trigger requesters
  std::vector<Need> approve;      // all of them must be met, each person counting for one of them only
  std::set<std::string> notify;   // groups mentioned once when the request is posted
  bool self_approval = false;
  Justification approver_justification = Justification::optional;
  Justification requester_justification = Justification::required;
  Duration expires = std::chrono::minutes(30);
};

// --- runbooks -------------------------------------------------------------------------------------------------------

struct Parameter {
  enum class Type { enumeration, string, integer };
  std::string name;
  Type type = Type::enumeration;
  std::vector<std::string> values;    // enumeration
  std::string pattern;                // string: RE2, matched against the whole value
  std::uint32_t max_length = 256;     // string: in bytes
  std::int64_t min = 0, max = 0;      // integer, inclusive
  std::optional<std::string> preset;  // key `default`: used when the requester leaves the parameter out
  std::string description;
};

struct Probe {
  enum class Kind { http, tcp, command };
  Kind kind = Kind::http;
  std::string target;               // http: URL; tcp: host:port
  std::vector<std::string> argv;    // command: success is exit code 0
  std::uint32_t expect_status = 0;  // http: 0 means any 2xx
  std::string expect_body;          // http: RE2 searched in the body, which may have 64 KiB; empty: anything
};

struct Retry {
  Duration within{};  // key `for`: give up after this
  Duration every = std::chrono::seconds(2);
};

// One HTTP request, exactly as it will be sent but for Host, Content-Length, User-Agent and the token in `bearer`.
struct HttpCall {
  std::string method = "POST";  // GET, HEAD, POST, PUT, PATCH or DELETE
  std::string url;              // https, or http to loopback; `{{parameter}}` may stand in path and query alone
  std::map<std::string, std::string> headers;  // fixed text
  std::string body;                            // `{{parameter}}` may stand in strings of a JSON body alone
  bool json = false;                           // `body` is JSON text
  std::string bearer;                          // absolute path of the file with the token, or empty: no Authorization
  std::vector<std::uint32_t> expect_status;    // one of these; empty: any 2xx
  std::string expect_body;                     // RE2 searched in the answer's body; empty: anything
  std::uint64_t max_bytes = 64 * 1024;         // of the answer's body; more is a failure
  friend bool operator==(HttpCall const&, HttpCall const&) = default;
};

struct Step {  // `{{parameter}}` may stand in argv, probe target, probe argv, and in `http` where it says so
  std::string name;
  enum class Kind { run, probe, http };
  Kind kind = Kind::run;
  std::vector<std::string> argv;  // run
  Probe probe;                    // probe
  HttpCall http{};                // http
  Duration timeout = std::chrono::seconds(60);
  std::optional<Retry> retry;
};

// What one step's processes may use. Zero means: the runner's own default, which the request spells out.
struct Limits {
  std::uint64_t output_bytes = 1 << 20;  // kept of each step's output; more is counted and cut
  std::uint64_t cpu_seconds = 600;
  std::uint64_t memory_bytes = 4ULL << 30;  // address space of one process
  std::uint64_t file_bytes = 1ULL << 30;    // largest file it may write
  std::uint64_t open_files = 256;
  std::uint64_t processes = 512;             // of the uid, as the kernel counts them
  Duration grace = std::chrono::seconds(5);  // between TERM and KILL
  friend bool operator==(Limits const&, Limits const&) = default;
};

enum class Risk { low, medium, high };
char const* to_string(Risk risk) noexcept;

struct Runbook {
  std::string name;
  std::string summary;  // "Restart {{service}}"
  Risk risk = Risk::medium;
  std::string if_unanswered;          // what happens if nobody answers: shown to the approver
  std::vector<Parameter> parameters;  // in the order of the file
  std::vector<std::string> collect;   // collector names
  std::string lock;                   // "service/{{service}}", or empty
  std::vector<Step> steps;            // at least one
  std::vector<Step> on_failure;
  std::map<std::string, std::string> environment;  // added to PATH, LANG, HOME of the private folder
  std::string run_as;                              // empty: the runner's own user
  Limits limits;
  std::string policy;
};

struct TriggerRule {  // the deciding half of a trigger; its source is wiring (config/)
  std::string name;
  std::map<std::string, std::string> labels;
  std::vector<std::string> collect;
  struct Proposal {
    std::string runbook;
    std::map<std::string, std::string> with;
  };
  std::vector<Proposal> propose;
  std::vector<std::string> post_to;  // channel names
  std::vector<std::string> dedupe;   // label names; equal values are one occurrence
  Duration cooldown = std::chrono::minutes(10);
  std::uint32_t max_per_hour = 6;
};

// Who is in a group, where a platform keeps that: a Slack usergroup. Members are the known persons whose account there
// is in it as the ledger last says (groups.read); an account that no person has is no one.
struct GroupSource {
  std::string platform;  // "slack"
  std::string id;        // the immutable id there: "S0SRE"
  friend bool operator==(GroupSource const&, GroupSource const&) = default;
};

struct Rules {
  std::map<std::string, Person> people;
  std::map<std::string, Robot> robots;
  std::map<std::string, Runbook> runbooks;
  std::map<std::string, Policy> policies;
  std::map<std::string, TriggerRule> triggers;
  std::map<std::string, std::map<std::string, std::string>> channels;  // name → platform → id there
  std::map<std::string, GroupSource> sources;                          // by group
  // Groups with a source whose members are not known now: nobody is in them. All of them in rules fresh from a file; as
  // groups.read says in a state, which also puts their members' `groups` right.
  std::set<std::string> unread;
  // By name, of rules that were read from a file (empty in others): they are asked for at every vote.
  std::map<std::string, std::string> runbook_digests, policy_digests;

  Person const* person(std::string_view key) const;
  // The person who owns this account, or nothing: unknown is no.
  std::optional<std::string> person_of(std::string_view platform, std::string_view account) const;
  std::set<std::string> members(std::string_view group) const;  // person keys
  std::set<std::string> groups_of(Actor const& actor) const;    // triggers are in the reserved group "triggers"
  Runbook const* runbook(std::string_view name) const;
  Policy const* policy_of(Runbook const& runbook) const;
  // As the functions below; of its own runbooks and policies, and remembered where the rules were read from a file.
  std::string digest_of(Runbook const& runbook) const;
  std::string digest_of(Policy const& policy) const;
};

// RFC 8785 input forms, after defaults. The digest of each is SHA-256 over its canonical text.
Json to_json(Policy const& policy);
Json to_json(Runbook const& runbook);
Json to_json(Step const& step);
Json to_json(HttpCall const& call);
Json to_json(Limits const& limits);
std::string digest_of(Policy const& policy);
std::string digest_of(Runbook const& runbook);

// config/<sha256>.json of the ledger: person keys, groups and account ids stay; names, mail addresses and token digests
// go. `wiring` is what config/ adds for the reader's sake (collectors, trigger sources …), already without secrets.
Json to_json(Rules const& rules, Json wiring);
Result<Rules> rules_from_json(Json const& json);

}  // namespace core
