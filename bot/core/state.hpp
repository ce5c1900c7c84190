// What is the case, as a fold over the entries of the ledger.
//
// apply() is the only way state changes: step() builds an entry and applies it, a restart applies what the ledger
// holds, the runner and the verifier do the same over entries whose signatures they checked. It refuses an entry that
// contradicts what came before (a decision that the votes don't support, a start without its approval …), so whoever
// can fold a ledger to its end has re-decided every request in it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/evidence.hpp"
#include "bot/core/held.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/packed.hpp"
#include "bot/core/policy.hpp"
#include "bot/core/request.hpp"
#include "bot/core/rules.hpp"

namespace core {

enum class Phase {
  collecting,
  pending,
  approved,
  running,
  succeeded,
  failed,
  interrupted,
  denied,
  expired,
  cancelled,
  voided
};
char const* to_string(Phase phase) noexcept;
bool is_final(Phase phase) noexcept;

struct Decision {
  std::string verdict;          // "approved", "denied", "expired", "cancelled", "voided"
  Actor actor;                  // who brought it about
  std::vector<std::string> by;  // persons whose votes count for it
  Time at;
  std::string reason;       // in words
  std::uint64_t entry = 0;  // of the ledger, counted from 1: whoever was approved first starts first
};

// How a run is confined, in closed sets of words: what the runner says when it accepts, and started.json keeps.
struct Confinement {
  std::string sandbox = "basic";  // or "strict"
  std::string cgroup = "none";    // "kill": a group of its own; "limits": with limits on memory and processes, too
  friend bool operator==(Confinement const&, Confinement const&) = default;
};

struct RunState {
  std::optional<Time> started_at, finished_at;
  std::string cause;        // "", "exit", "signal", "timeout", "spawn", "refused_by_runner", "not_started", "crash"
  std::string explanation;  // in words, when there is more to say
  std::optional<std::int64_t> exit_code;
  std::string step;         // name of the step that failed
  std::string output_tail;  // last lines of the output, redacted; only in the process that saw the run end
};

// A message of ours on a platform: intent first, then the reference that the platform gave.
struct PostState {
  std::uint32_t number = 0;                // NNNN of the intent's file
  std::string purpose;                     // "card" or "outcome"
  std::string platform, channel, address;  // "slack", "incidents", "C0INC"
  std::string key;                         // idempotency key that rides in the message
  std::string rendering;                   // digest of the rendered body, button values blanked
  Time at;                                 // of the intent
  PackedJson ref;                          // absent: intended, not known to stand there
};

// What somebody asked about an open request; it stands in the request's threads.
struct Question {
  std::uint32_t number = 0;  // NNNN of its file
  std::string person;
  Time at;
  std::string text;  // untrusted
};
inline constexpr std::size_t kMostQuestions = 20, kMostQuestionsOfOne = 5;  // of a request
inline constexpr std::size_t kMaxQuestionCharacters = 500;

// What a platform says of a group with a source is good for so long, from when it was asked (T30, T39).
inline constexpr Duration kMembershipFresh = std::chrono::seconds(60);

// The last decisions of a runbook that the usual time to one is the median of; with fewer than the least nothing is
// said.
inline constexpr std::size_t kMostDecisionTimes = 100, kLeastDecisionTimes = 3;

struct RequestState {
  RequestId id;
  Phase phase = Phase::collecting;
  Actor requester;
  std::string initiator;
  std::string runbook;
  std::map<std::string, std::string> parameters;
  std::string reason;
  std::map<std::string, std::string> labels;
  std::vector<std::string> channels;
  Time accepted_at;
  std::string evidence;  // digest of the manifest, once collected
  std::vector<Highlight> highlights;
  std::vector<ManifestItem> exhibits;  // its own and the case's
  std::optional<Request> bound;        // once opened
  std::string binding;
  Shared<Policy> pinned;  // the policy text at opening
  Votes votes;
  TextSet deliveries;  // delivery keys of recorded votes and refusals, and of what withdrawals took (T12)
  // Person → delivery keys of clicks that said once more what their vote says. They make no entry, so this process
  // alone knows them; the withdrawal of that vote puts them on record.
  std::map<std::string, std::set<std::string>> repeats;
  std::set<std::string> done_voting;  // persons who took back a vote with kMaxRepeats of them
  std::uint32_t vote_files = 0, post_files = 0;
  std::vector<PostState> posts;
  std::optional<RequestId> again_of;  // the ended request that this one asks for once more
  std::vector<Question> questions;
  Boxed<Decision> decision;
  Boxed<RunState> run;
  std::string last_commit;  // of the entry that decided or ended it; set by whoever knows commits (is_turning_point)

  Behind behind() const { return {requester, initiator}; }
};

struct CaseState {
  CaseId id;
  std::string trigger;  // empty: opened by a person or robot
  std::string dedupe_key;
  std::string title;
  std::map<std::string, std::string> labels;
  std::vector<std::string> channels;
  Time opened_at;
  std::uint32_t requests = 0;
  std::string evidence;  // digest of the case's own manifest, empty without
  std::vector<Highlight> highlights;
  std::vector<ManifestItem> exhibits;
  bool recovered = false;  // in this process; what lasts is the closing
  bool closed = false;
  Time closed_at{};  // once closed
};

// The last case of a trigger and dedupe key among those that were forgotten: what noise control still asks about.
struct PastCase {
  Time opened_at, closed_at;
};

struct Outcome {  // of an earlier request for the same runbook and target
  RequestId id;
  Phase phase;
  Time at;
};

struct DayCounter {
  std::string day;
  std::uint32_t last = 0;
  std::uint32_t next(std::string const& today) { return day == today ? last + 1 : 1; }
};

// What is kept of the past, so that memory is bounded however long the ledger grows. A case that is closed and settled
// (whoever waits for its outcome was told, or a week has passed) makes room for newer ones: what is left of it is its
// idempotency keys, its outcomes on their targets and, of a trigger's case, when it opened and closed.
struct Keep {
  std::size_t cases = 2'000;          // closed and settled; of triggers as many again
  std::size_t keys = 20'000;          // idempotency keys; beyond it the oldest tenth goes
  std::size_t targets = 10'000;       // with their last outcomes; likewise
  std::size_t trigger_keys = 10'000;  // dedupe keys of forgotten cases; likewise
  // Nothing is forgotten: for who judges a ledger, and must know what was there.
  static constexpr Keep everything() {
    constexpr auto kAll = std::numeric_limits<std::size_t>::max();
    return {.cases = kAll, .keys = kAll, .targets = kAll, .trigger_keys = kAll};
  }
  friend bool operator==(Keep const&, Keep const&) = default;
};

struct State {
  Keep keep;
  Time now{};  // of the last entry applied; never goes back
  std::uint64_t entries = 0;
  std::string instance;
  std::string first_key;  // fingerprint of the key that opened the ledger, "SHA256:…": the auditor's pin
  Rules rules;
  std::string config_digest;           // "sha256:…" of config/<hex>.json in force
  std::set<std::string> config_files;  // digests whose file is in the ledger already
  bool running = false;                // between service.started and service.stopped
  DayCounter case_counter, service_counter;
  std::map<CaseId, CaseState> cases;
  std::map<RequestId, RequestState> requests;
  std::map<std::string, Shared<Policy>> pinned;  // by digest: the texts that requests share
  std::set<CaseId> open_cases;                   // not closed yet
  std::set<RequestId> open;                      // those of them that have not ended
  std::set<RequestId> active;                    // those of them approved or running
  std::set<std::pair<Time, RequestId>> due;      // the pending and approved by expiry, so that time costs what is due
  std::map<std::string, std::pair<std::string, RequestId>> idempotency;  // caller + key digest → body digest, request
  std::map<std::string, std::deque<Outcome>> outcomes;  // runbook NUL target → the last three, newest first

  std::map<std::string, std::deque<Duration>> decided_in;  // runbook → from opened to approved or denied, newest last
  // Groups with a source whose members are known → when the platform was asked. The members themselves stand in
  // rules.people, the others in rules.unread.
  std::map<std::string, Time> memberships;

  // The last good answer about each group with a source, and about accounts (accounts.hpp: its own keys). Not in the
  // ledger until something depends on it.
  struct Reading {
    GroupSource source;
    Time asked_at;
    std::set<std::string> accounts;  // ids on the platform
  };
  std::map<std::string, Reading> readings;

  std::set<std::pair<Time, CaseId>> unsettled;  // closed ones that somebody still waits to hear of, by closing
  std::deque<CaseId> settled;                   // the others, in the order in which they will be forgotten
  std::deque<CaseId> settled_of_triggers;       // never before they are an hour old: they count against max_per_hour
  std::map<std::pair<std::string, std::string>, PastCase> past_cases;  // trigger, dedupe key → the last one forgotten
  std::uint64_t forgotten = 0;                                         // cases

  // Refusals by account within the running minute, for the quota (design, section 10). Not in the ledger: a restart
  // begins a new minute.
  struct Refusals {
    Time since{};
    std::uint32_t count = 0, folded = 0;
  };
  std::map<std::string, Refusals> refusals;

  RequestState const* request(RequestId const& id) const;
  std::vector<RequestState const*> open_requests() const;
  // Whether this case may have been here and was forgotten: the ledger alone still knows it.
  bool may_have_forgotten(CaseId const& id) const;
};

// Posts, updates and outcomes of a request that failed are tried again for so long after the intent to post.
inline constexpr auto kSettleWithin = std::chrono::hours(24 * 7);

// Bytes of a file that an earlier or this entry added; only config/<sha256>.json is ever asked for.
using FileLookup = std::function<Result<std::string>(std::string_view path)>;

// Reads config/<sha256>.json as config.loaded does.
Result<Rules> rules_from_bytes(std::string_view bytes);

// Applies one entry. Errors: corrupt, with a sentence that names the broken rule; the state is then unchanged.
Result<void> apply(State& state, Entry const& entry, FileLookup const& lookup);

// The action of a request that has been approved: what the runner needs. Errors say why it may not run.
Result<RequestState const*> approved_request(State const& state, RequestId const& id);

// The place of an approved request that waits for its turn.
struct QueuePlace {
  std::size_t position = 1;         // 1: it is next
  std::optional<RequestId> behind;  // who holds the target; nothing: as many runs as may be are under way
};
// Nothing: it is not approved, or its turn has come. One at a time for each target, in the order of approval.
std::optional<QueuePlace> queue_place(State const& state, RequestState const& request);
// The approved requests whose turn has come, in order.
std::vector<RequestId> startable(State const& state);
// The approved ones whose turn has not come, in order.
std::vector<RequestId> waiting_to_start(State const& state);

// Entries whose commit people are told: decisions, and the end of a run.
bool is_turning_point(std::string_view kind);

// The wording of an outcome line: "succeeded", "failed (exit)", "denied by bob" …
std::string outcome_words(RequestState const& request);

std::string outcome_key(RequestState const& request);

// The groups that these needs name, and of them those with a source.
std::set<std::string> groups_of(std::vector<Need> const& needs);

// "usually decided in 4 min (median of 23)", or nothing where too few decisions are known.
std::string usual_time_words(State const& state, std::string const& runbook);

}  // namespace core
