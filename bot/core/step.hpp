// step(): the one place where events become entries and effects. Pure: time and everything else arrives in the event.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "bot/core/card.hpp"
#include "bot/core/state.hpp"

namespace core {

using Ticket = std::uint64_t;  // who waits for an answer; 0: nobody

// --- events ---------------------------------------------------------------------------------------------------------

struct ServiceStarted {
  std::string version, commit;
  Rules rules;
  std::string config_bytes;                   // the file config/<sha256>.json
  bool recovered_from_fsync_failure = false;  // void what was pending (design, invariant 1)
  std::vector<std::string> dropped;           // commits that the recovery dropped
  std::set<std::string> started;              // requests with a marker in STATE/started: their steps may have begun
};
struct ConfigReloaded {
  Rules rules;
  std::string config_bytes;
};
struct ServiceStopping {};
struct SignalFired {                 // after noise control
  std::string trigger, title, text;  // text: the signal itself, redacted and clean; becomes the case's first exhibit
  std::string dedupe_key;
  // What the signal itself says of the occurrence (groups of an expression, fields of a payload): data of a stranger,
  // already redacted. The configuration's labels win; the case names the others in its label `from_signal` (T55).
  std::map<std::string, std::string> labels{};
  Ticket ticket = 0;  // answered once the case is on record
};
struct SignalRecovered {
  std::string trigger, text;
  std::optional<std::string> dedupe_key{};  // of the occurrence that is over; absent: of all of the trigger
};
struct Origin {                            // where a request came from
  std::string platform, account, channel;  // "api" without account for the HTTP API
};
struct Asked {
  Ticket ticket = 0;
  Actor requester;
  std::string initiator, runbook, reason;
  std::map<std::string, std::string> parameters, labels;
  std::vector<std::string> channels;  // empty: every configured channel
  std::string idempotency_key, body_digest;
  Origin origin;
  std::vector<Exhibit> attachments;
  std::optional<RequestId> again_of{};  // set by step() alone
};
struct Collected {
  CaseId case_id;
  std::optional<RequestId> request;  // absent: the case's own evidence
  Evidence evidence;
  std::map<std::string, Result<ProgramIdentity>> programs;
  std::string sandbox = "basic";        // mode in force on this host
  std::vector<std::string> writable{};  // strict: folders that stay writable
};
struct VoteCast {
  Ticket ticket = 0;
  std::string platform, account, channel;
  std::string request, binding;  // as received (ports::IncomingVote)
  Verdict verdict = Verdict::approve;
  std::string note, via, rendering, envelope, delivery, foreign;
};
struct CancelAsked {
  Ticket ticket = 0;
  Actor by;
  std::string platform, account, channel;
  std::string request;
  std::string reason;
};
// What a platform answered when asked who is in a group with a source; `asked_at`: when it was asked. With an empty
// group: whether the account `source.id` is an active member's, who then is in `accounts` (accounts.hpp).
struct GroupRead {
  std::string group;
  GroupSource source;
  Time asked_at;
  Result<std::set<std::string>> accounts;
};
// Something that a person does with a card other than voting: by one of its buttons, or typed.
struct CardAct {
  Ticket ticket = 0;
  std::string platform, account, channel;
  std::string request, binding, rendering;  // as received; binding and rendering of a button, else empty
  std::string via;                          // "button", "view" or "text"
  std::string envelope, delivery, foreign;
};
struct AgainAsked {  // the same once more, asked for by who acts
  CardAct act;
};
struct QuestionAsked {
  CardAct act;
  std::string text;
};
struct CommandRefused {  // what somebody tried who may not, and that is no vote; to be on record
  std::string platform, account, channel, reason, envelope, delivery;
  std::optional<Actor> by{};  // where it is known otherwise than by the account: whose token it was
  std::string via = "text";   // "text", "api", or "http": a request to a platform's endpoint
};
struct PostRendered {
  RequestId request;
  std::string purpose, platform, channel, address, key, rendering;
  Json body;
};
struct Posted {
  RequestId request;
  std::uint32_t number = 0;  // of the intent
  Json ref;
};
// `run_as` of these three: whose runner says so; empty: the service's own. Of a request that is bound to another one it
// changes nothing (is_of_runner).
struct RunnerAccepted {
  RequestId request;
  Confinement confinement{};
  std::string run_as{};
};
struct RunnerRefused {
  RequestId request;
  std::string why;
  std::string run_as{};
};
struct RunEnded {
  RequestId request;
  Json result;         // the runner's result (bot/runbooks)
  std::string output;  // redacted
  std::string run_as{};
};
struct RunLost {  // recorded as started, and nobody can say how it ended, or it was never ordered
  RequestId request;
  std::string why;
  bool ordered = true;  // false: the runner never heard of it, so nothing of it ran
};
struct Tick {};  // time passed: expiry, folded refusals

struct Event {
  Time at;
  std::variant<ServiceStarted, ConfigReloaded, ServiceStopping, SignalFired, SignalRecovered, Asked, Collected,
               VoteCast, CancelAsked, GroupRead, AgainAsked, QuestionAsked, CommandRefused, PostRendered, Posted,
               RunnerAccepted, RunnerRefused, RunEnded, RunLost, Tick>
      what;
};

// --- effects --------------------------------------------------------------------------------------------------------

struct Append {  // everything after it waits until it is durable
  Entry entry;
};
struct Reply {
  Ticket ticket = 0;
  Errc code{};       // 0: done
  std::string text;  // for the person or caller
  std::optional<RequestId> request;
  bool replay = false;              // an idempotent repetition: the request existed already
  std::optional<CaseId> case_id{};  // that a signal opened
};
struct CollectEvidence {
  CaseId case_id;
  Time opened;  // the case: what collectors look back from
  std::optional<RequestId> request;
  std::vector<std::string> collectors;
  std::map<std::string, std::string> labels;
  std::vector<Exhibit> attachments;
  std::vector<std::string> programs;
};
struct Refresh {  // the request's message changed: post where it is missing, update where it stands
  RequestId request;
};
struct SendPost {  // the intent is durable
  RequestId request;
  std::uint32_t number = 0;
};
struct AskRunner {
  RequestId request;
};
struct StartRun {
  RequestId request;
};
struct RunRecorded {  // run.finished is durable: the started marker may go
  RequestId request;
};
struct SayQuestion {  // it is recorded: into the threads with it
  RequestId request;
  std::uint32_t number = 0;
};
struct NoteRecovery {  // a line in the thread of the case's messages
  CaseId case_id;
  std::string text;
};
struct TellChannels {   // a note of its own in these channels
  std::string purpose;  // a word that tells apart what may be said
  std::vector<std::string> channels;
  Note note;
};
struct RulesChanged {};  // adapters and triggers must take the new rules
struct Warn {            // something went wrong that nobody waits for: to the log
  std::string text;
};

using Effect = std::variant<Append, Reply, CollectEvidence, Refresh, SendPost, AskRunner, StartRun, RunRecorded,
                            SayQuestion, NoteRecovery, TellChannels, RulesChanged, Warn>;

// Applies the event to `state` in place and returns what to do, in order. A refused event still answers its ticket.
// Throws Failure if the service starts with a configuration that the ledger could not give back, and std::logic_error
// only if an entry of its own making does not apply: a bug, never input.
std::vector<Effect> step(State& state, Event const& event);

// The next instant at which something is due by itself, if any: call step with a Tick then.
std::optional<Time> next_due(State const& state);

// The label that names those whose values came with a signal and not from the configuration.
inline constexpr std::string_view kFromSignal = "from_signal";

// Whether the request is bound to the runner of this account (empty: the service's own): no other one has a say in its
// run. No before it is opened.
bool is_of_runner(RequestState const& request, std::string_view run_as);
// What the log says of a runner of another account that spoke of this request, which must be bound.
std::string foreign_runner(RequestState const& request, std::string_view run_as);

// Whether a message of this request was posted, or is about to be, at this address of this platform.
bool stands_in(RequestState const& request, std::string_view platform, std::string_view address);

// Finds the request that a person names: a full id, or a short one ("CS-42", "42", "CS-42-R2") among the open requests
// that were posted in `channel` on `platform` ("" : anywhere). Without "-R…" it is R1, as messages print it. Errors say
// what to type; ambiguous ones list the candidates.
Result<RequestId> find_request(State const& state, std::string_view text, std::string_view platform,
                               std::string_view channel);

// Whether a vote names what stands on the request's messages: a button the whole binding and one of its renderings
// (`via` other than "text"), typed words its code.
bool names_binding(RequestState const& request, std::string_view via, std::string_view binding,
                   std::string_view rendering);

// Nothing when the actor may cancel it, else the reason.
std::optional<std::string> why_not_cancel(State const& state, RequestState const& request, Actor const& by);

}  // namespace core
