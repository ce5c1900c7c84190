// The canonical request: everything an approval covers, and its binding.
//
// request.json is the RFC 8785 form of to_json(Request), without a trailing line feed; it has the least `schema` that
// can say it (2: an http step, or the sandbox mode strict; else 1); the binding is the SHA-256 of exactly those bytes.
// Whatever an approver sees of the action is rendered from this value alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/held.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/json.hpp"
#include "bot/core/rules.hpp"

namespace core {

inline constexpr std::size_t kMaxActionBytes = 32 * 1024;   // argv and parameters together (design, section 7)
inline constexpr std::size_t kMaxRequestBytes = 64 * 1024;  // request.json as it is written (T67)

// A program file as it will be executed: what exec would open, and its content's digest.
struct ProgramIdentity {
  std::string path;                      // absolute
  std::string sha256;                    // 64 hex digits of the file's bytes
  struct Interpreter {                   // when the file begins with "#!"
    std::string path, sha256, argument;  // argument: the single optional word after the interpreter
    friend bool operator==(Interpreter const&, Interpreter const&) = default;
  };
  Boxed<Interpreter> interpreter;
  friend bool operator==(ProgramIdentity const&, ProgramIdentity const&) = default;
};

// A step after substitution, exactly as it will run.
struct BoundStep {
  std::string name;
  Step::Kind kind = Step::Kind::run;
  std::vector<std::string> argv;           // run and command probes
  std::optional<ProgramIdentity> program;  // of argv[0]; absent for http and tcp probes
  Probe::Kind probe_kind = Probe::Kind::http;
  std::string probe_target;
  std::uint32_t expect_status = 0;
  std::string expect_body;
  Duration timeout{};
  std::optional<Retry> retry;
  Boxed<HttpCall> http{};  // kind http
};

struct Request {
  std::string instance;  // of ledger.opened: a vote for another installation is no vote here (T40)
  RequestId id;
  Actor requester;
  std::string initiator;  // person key or empty
  std::string reason;
  std::map<std::string, std::string> labels;
  std::string runbook, runbook_digest;
  std::string summary;  // after substitution
  Risk risk = Risk::medium;
  std::string if_unanswered;
  std::map<std::string, std::string> parameters;
  std::vector<std::string> targets;  // the expanded lock, else "runbook key=value …": what the history is about
  std::vector<BoundStep> steps, on_failure;
  std::map<std::string, std::string> environment;  // complete: nothing else reaches the steps but HOME and TMPDIR
  std::string working_directory;                   // "private": a fresh folder a run, removed afterwards
  std::string run_as;                              // empty: the runner's own user
  std::string sandbox;                             // "basic" or "strict"
  std::vector<std::string> writable{};             // strict: what the steps may write besides their private folders
  Limits limits;
  std::string lock;               // empty: none
  std::optional<Duration> grant;  // always absent in this release
  std::string policy, policy_digest;
  std::vector<Need> needs;
  std::string evidence;  // digest of evidence/manifest.json beside request.json
  Time opened_at, expires_at;

  std::string const& target() const { return targets.front(); }
};

Json to_json(Request const& request);
Result<Request> request_from_json(Json const& json);  // strict: every field, no others
std::string binding_of(Request const& request);       // "sha256:…"
std::string code_of(std::string_view binding);        // the 4 hex digits that people type: "7f3a"

// --- from a runbook and its parameters ------------------------------------------------------------------------------

// Checks and completes the parameters; the values come back in normal form. Errors name the parameter.
Result<std::map<std::string, std::string>> check_parameters(Runbook const& runbook,
                                                            std::map<std::string, std::string> given);

// A value that may go where a parameter goes, whatever its type: no control characters, no leading '-', valid UTF-8.
std::optional<std::string> why_not_value(std::string_view value);

// Replaces {{name}}; an unknown name is an error.
Result<std::string> substitute(std::string_view text, std::map<std::string, std::string> const& values);
// The names in {{…}} of a text, in order; an unclosed or malformed one is an error.
Result<std::vector<std::string>> placeholders(std::string_view text);

// Names of programs (argv[0]) that the steps of a runbook need, after substitution.
Result<std::vector<std::string>> programs_of(Runbook const& runbook, std::map<std::string, std::string> const& values);

// The runbook's summary, lock and target after substitution.
Result<std::string> summary_of(Runbook const& runbook, std::map<std::string, std::string> const& values);
Result<std::string> target_of(Runbook const& runbook, std::map<std::string, std::string> const& values);

// What every step's environment begins with; a runbook's own values add to it or replace it.
std::map<std::string, std::string> step_environment();

struct Draft {  // what the request is made from, besides runbook and policy
  std::string instance;
  RequestId id;
  Actor requester;
  std::string initiator, reason;
  std::map<std::string, std::string> labels, parameters;
  std::map<std::string, ProgramIdentity> programs;  // by argv[0]
  std::string evidence;
  Time opened_at;
  std::string sandbox = "basic";
  std::vector<std::string> writable{};
};
Result<Request> make_request(Draft const& draft, Runbook const& runbook, Policy const& policy);

// Why a request is not asked for or opened: its request.json has more than kMaxRequestBytes. Not part of make_request,
// which also reads again what an earlier release opened.
std::optional<std::string> why_too_long(Request const& request);

}  // namespace core
