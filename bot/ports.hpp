// Every interface that the engine needs from the outside world, and nothing else. No Asio, no Beast, no RapidJSON:
// whoever includes this compiles in a second, and everything behind it can be played on a virtual clock.
//
// Threads: unless a comment says otherwise, every function is called on the loop's thread and every callback runs
// there. Blocking work goes to Workers and comes back by Loop::post.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/core/card.hpp"
#include "bot/core/entry.hpp"
#include "bot/core/error.hpp"
#include "bot/core/evidence.hpp"
#include "bot/core/json.hpp"
#include "bot/core/long_evidence.hpp"
#include "bot/core/step.hpp"
#include "bot/core/time.hpp"

namespace ports {

using core::Duration;
using core::Result;
using core::Time;

// The one event loop and its clock. In production: Asio and the wall clock that never goes back (design, invariant 7);
// in tests: a queue and a clock that the test moves.
struct Loop {
  using TimerId = std::uint64_t;  // 0 is never a timer

  virtual ~Loop() = default;
  virtual Time now() const = 0;
  // What the host's clock shows, be it less than now() was: for times that others wrote by their clocks.
  virtual Time wall() const { return now(); }
  virtual void post(std::function<void()> work) = 0;  // from any thread; runs later, in order of posting
  virtual TimerId call_after(Duration delay, std::function<void()> work) = 0;
  virtual void cancel(TimerId timer) = 0;  // the work never runs once this has returned; unknown ids are ignored
};

// Threads for calls that block (files, child processes). `work` that never ends by itself keeps a thread for good, so
// whoever gives such work sees to it that there is little of it, and tells.
struct Workers {
  virtual ~Workers() = default;
  virtual void run(std::function<void()> work) = 0;
  // Work under way hangs: another thread may take its thread's place for as long. Then it came back after all.
  virtual void hangs() {}
  virtual void came_back() {}
};

// Structured log lines: a fixed message, facts as fields, never a secret, never an unescaped control character (T73).
struct Log {
  enum class Level { debug, info, warn, error };
  using Fields = std::vector<std::pair<std::string, core::Json>>;

  virtual ~Log() = default;
  virtual void write(Level level, std::string_view message, Fields fields) = 0;  // from any thread
  void debug(std::string_view message, Fields fields = {}) { write(Level::debug, message, std::move(fields)); }
  void info(std::string_view message, Fields fields = {}) { write(Level::info, message, std::move(fields)); }
  void warn(std::string_view message, Fields fields = {}) { write(Level::warn, message, std::move(fields)); }
  void error(std::string_view message, Fields fields = {}) { write(Level::error, message, std::move(fields)); }
};

// Append-only, signed, durable. Implemented by ledger/.
struct Ledger {
  using Appended = std::function<void(Result<std::vector<core::Receipt>>)>;

  virtual ~Ledger() = default;
  // Queues entries that are to share one pack and one fsync (more that are queued meanwhile may join them). `done` runs
  // on the loop, in the order of the calls: with a receipt an entry once all are durable on disk, or with the error
  // that kept all of them out. After no_space nothing of the batch was written and later batches may succeed; after
  // fsync_failed or io every further append fails with the same error. The engine gives the next batch only when it has
  // heard of the last one, so an event that waits is still in the engine's own queue and can be dropped there.
  virtual void append(std::vector<core::Entry> entries, Appended done) = 0;
};

// Reads files of the ledger back.
struct Papers {
  virtual ~Papers() = default;
  // The file at that path as it stands in the ledger now; `done` runs on the loop. Errors: not_found, too_large (more
  // than `most` bytes), or why the ledger can't be read.
  virtual void read(std::string path, std::uint64_t most, std::function<void(Result<std::string>)> done) = 0;
};

// What collectors are asked about.
struct EvidenceOrder {
  std::vector<std::string> collectors;  // keys in the configuration; an unknown one yields an exhibit with an error
  std::map<std::string, std::string> labels;  // of the case, and the request's parameters: what {{name}} may stand for
  std::vector<core::Exhibit>
      attachments;  // already given (the triggering lines, files of the caller): redacted like the rest
  Time opened;      // the case, by Loop::now(): what collectors look back from; the epoch when unknown
};

// Runs collectors side by side, each with its own time and byte limits, all within one overall deadline; redacts; picks
// highlights. `done` is called exactly once, at the latest shortly after the overall deadline, and never with an error:
// what failed is an exhibit that says so. Implemented by collectors/.
struct EvidenceRoom {
  virtual ~EvidenceRoom() = default;
  virtual void collect(EvidenceOrder order, std::function<void(core::Evidence)> done) = 0;
};

// Blanks secrets in text that is about to reach any sink (ledger, chat, log). Pure and safe from any thread.
struct Redactor {
  virtual ~Redactor() = default;
  // Replaces each secret in place by "[redacted]"; returns how many.
  virtual std::uint32_t redact(std::string& text) const = 0;
};

// Identifies programs on this host: where a name leads and what is there. `done` runs once on the loop, after 10 s at
// the latest: of a program whose file has not answered by then it says timed_out.
struct Programs {
  using Found = std::map<std::string, Result<core::ProgramIdentity>>;
  virtual ~Programs() = default;
  virtual void identify(std::vector<std::string> names, std::function<void(Found)> done) = 0;
};

// One figure for /metrics: a counter where the name ends in _total, else a gauge. Labels are small closed sets, never
// an id of a person or a request.
struct Figure {
  std::string name;  // without the prefix countersign_
  std::string help;
  double value = 0;
  std::map<std::string, std::string> labels{};
};

// Durations of one kind, counted in buckets for /metrics.
struct Timing {
  std::string name, help;        // the name ends in _seconds
  std::vector<double> bounds;    // upper bounds of the buckets in seconds, rising; one more has no bound
  std::vector<double> counts{};  // of each bucket
  double sum = 0;                // seconds
  void observe(double seconds) {
    counts.resize(bounds.size() + 1);
    std::size_t bucket = 0;
    while (bucket < bounds.size() && seconds > bounds[bucket]) ++bucket;
    counts[bucket] += 1;
    sum += seconds;
  }
};

// --- chat -----------------------------------------------------------------------------------------------------------

// Who did something on a platform, after the adapter authenticated the platform. Never a display name.
struct Account {
  std::string platform;  // "slack"
  std::string id;        // "U0BOB"
};

// How an interaction ended, in words for the person who acted.
struct Answer {
  enum class State {
    recorded,         // durable
    refused,          // recorded as refused, or nothing to record
    not_recorded,     // dropped after 2.0 s: never counts, try again
    still_recording,  // given to the writer 2.0 s ago, or a no that is kept aside meanwhile; more follows
  };
  State state = State::refused;
  std::string text;  // a sentence or a few lines; plain text
};
// Called once, or again after each answer still_recording, of which there are two at most.
using Answered = std::function<void(Answer)>;

struct IncomingVote {
  Account account;
  std::string request;  // as received: full id, or short id when typed
  std::string binding;  // full binding of a button, or the 4 hex digits of a typed code
  core::Verdict verdict = core::Verdict::approve;
  std::string note;
  std::string via;        // "button", "view", "text"
  std::string channel;    // platform channel id it came from
  std::string rendering;  // digest named by the button; empty for text
  std::string envelope;   // sha256 digest of the raw platform message
  std::string delivery;   // platform's key of this delivery: the same one twice is the same click
  std::string
      foreign;  // not empty: the platform's facts already forbid it (foreign workspace, guest, unknown message); why
};

struct IncomingCommand {
  Account account;
  std::vector<std::string>
      words;         // after "/countersign": {"run", "restart-service", "service=web", "--", "reason words"}
  std::string text;  // the whole text, normalised
  std::string channel;
  std::string envelope, delivery;
  std::string foreign;
  // A button of a card says the same as words would ({"again", ID} or {"ask", ID, …}); then `via` is "button", or
  // "view" where a form was filled in, and binding and rendering are those that the button carries.
  std::string via = "text";
  std::string binding{}, rendering{};
};

// What an adapter calls; implemented by the engine.
struct ChatSink {
  virtual ~ChatSink() = default;
  virtual void vote(IncomingVote vote, Answered answered) = 0;
  virtual void command(IncomingCommand command, Answered answered) = 0;
  // The view to open for a button; not_found, forbidden (with the words for the person) or the view. Answers at once.
  virtual Result<core::VoteView> view(Account const& account, std::string const& request, std::string const& binding,
                                      core::Verdict verdict) = 0;
  // The adapter's connection state changed: `connected` is true once clicks can arrive.
  virtual void connection(std::string const& platform, bool connected, std::string const& detail) = 0;
  // The platform refuses our credentials, and no number of tries mends it: `why`, in sentences without secrets, says
  // how an operator does. Over with connection(platform, true, …).
  virtual void locked_out(std::string const& /*platform*/, std::string const& /*why*/) {}
  // Puts on record that somebody tried for whom nobody vouches (T71).
  virtual void refused(core::CommandRefused refused) = 0;
};

// A message that stands on a platform, as the platform names it ({"channel": "C0INC", "ts": "…"}).
using MessageRef = core::Json;

struct Rendered {
  core::Json body;     // what the platform's API is sent, complete but for channel, thread and token
  std::string digest;  // "sha256:…" of the body's canonical form with button values blanked
};

// A file to show: an exhibit that is too long for a card. Redacted, as the ledger keeps it.
struct ChatFile {
  core::LongExhibit exhibit;
  std::string bytes;
};

// Small durable notes: how far a log has been read, which click may be taken back, where a conversation is, as what a
// file stands in a thread. The ledger is the truth: a note that is lost costs a second look, never a decision.
struct Notebook {
  virtual ~Notebook() = default;
  // The bytes last written under that name, or nothing. Blocks shortly: at start only. An error is io, or bad_input for
  // a name that is no plain word of [a-z0-9-].
  virtual Result<std::optional<std::string>> read(std::string const& name) = 0;
  // Replaces the note as a whole, soon and in order; of several for one name only the last need reach the disk. At most
  // 4 MiB. A failure is logged.
  virtual void write(std::string const& name, std::string bytes) = 0;
};

// In which order updates go that had to wait because the platform asked for it.
enum class Urgency {
  refusal,   // the request is denied, cancelled, expired or void: nobody must go on deciding it
  decision,  // it is approved, or what came of that
  usual,
};

// One platform. Everything asynchronous retries by itself (Retry-After, 5xx, back-off) until it succeeds, fails for
// good or stop() is called; order per message is kept and updates of one message are coalesced to the last. `done` runs
// on the loop; errors: unavailable (may succeed later), forbidden (needs an operator: says how to mend it), not_found
// (the message is gone), bad_input (the platform refuses the content).
struct ChatAdapter {
  virtual ~ChatAdapter() = default;
  virtual std::string platform() const = 0;
  virtual void start(ChatSink& sink) = 0;
  virtual void stop() = 0;  // no callback afterwards

  // Pure. `key` is the idempotency key of the post; it rides in the message so that find() can recognise it.
  virtual Rendered render(core::Card const& card, std::string const& key) const = 0;
  virtual Rendered render(core::Note const& note, std::string const& key) const = 0;

  // Posts once. When it can't know whether the platform took it, it looks with find() before posting again.
  virtual void post(std::string channel, std::optional<MessageRef> thread, core::Json body, std::string key, Time since,
                    std::function<void(Result<MessageRef>)> done) = 0;
  virtual void update(MessageRef message, core::Json body, std::function<void(Result<void>)> done,
                      Urgency urgency = Urgency::usual) = 0;
  // Looks for a message of ours with this key, posted at or after `since`.
  virtual void find(std::string channel, std::optional<MessageRef> thread, std::string key, Time since,
                    std::function<void(Result<std::optional<MessageRef>>)> done) = 0;
  // Whether find() can look at all. False: it always answers that nothing is there.
  virtual bool can_find() const { return true; }
  // Puts a file into the thread of a message of ours, after everything else that waits. `key` and `since` as for
  // post(): find() recognises it by the key. A platform that takes no file from a bot, or not this one, is shown the
  // text instead: as much as messages hold, and where the whole is. `done`: once it stands, and as what.
  virtual void attach(std::string channel, MessageRef thread, ChatFile file, std::string key, Time since,
                      std::function<void(Result<core::InThread>)> done) = 0;
  // As what attach() shows a file when nothing goes wrong.
  virtual core::InThread usual_file() const { return core::InThread::file; }
  // A person's messages by accident or on purpose: shown to that person only, may be lost.
  virtual void whisper(Account const& to, std::string channel, std::string text) = 0;
  virtual std::vector<Figure> figures() const { return {}; }  // names begin with the platform's
};

// Groups whose members a platform keeps (core::GroupSource).
struct Groups {
  virtual ~Groups() = default;
  virtual std::string platform() const = 0;
  // Asks now who is in that group: ids of accounts. `done` once, on the loop, at the latest after 15 s; errors:
  // unavailable, forbidden (needs an operator: says how to mend it), not_found. Every error means: not known.
  virtual void members(std::string group, std::function<void(Result<std::set<std::string>>)> done) = 0;
};

// Whether accounts of a platform are those of active members (T39).
struct Accounts {
  virtual ~Accounts() = default;
  virtual std::string platform() const = 0;
  // Asks now whether that account of a configured person is an active member's: no guest's, no bot's, not deactivated,
  // of this workspace. `done` once, on the loop, at the latest after 15 s; errors: as of Groups::members. Every error
  // means: not known.
  virtual void is_active(std::string account, std::function<void(Result<bool>)> done) = 0;
};

// --- runner ---------------------------------------------------------------------------------------------------------

// The engine's end of the runner's socket. The runner takes only a request id and checks the ledger itself.
struct RunnerEvents {
  virtual ~RunnerEvents() = default;
  // The runner for this `run_as` (empty: the service's own) is connected and its ledger check passed. `can`: the
  // strictest that it can do here.
  virtual void runner_ready(std::string const& run_as, core::Confinement const& can) = 0;
  // The socket of the runner for this `run_as` ended: its steps are being killed.
  virtual void runner_gone(std::string const& run_as, std::string const& why) = 0;
  // What follows is this runner's word, and counts only for requests that are bound to its `run_as`.
  // Answer to check(): it would run this, confined so.
  virtual void runner_accepted(std::string const& run_as, std::string const& request,
                               core::Confinement const& confinement) = 0;
  virtual void runner_refused(std::string const& run_as, std::string const& request,
                              std::string const& why) = 0;  // answer to check()
  virtual void runner_output(std::string const& run_as, std::string const& request, std::string const& step,
                             std::string const& text) = 0;  // redacted
  virtual void runner_finished(std::string const& run_as, std::string const& request, core::Json const& result,
                               std::string const& output) = 0;  // run.json's result part; also a refused run()
};

struct Runner {
  virtual ~Runner() = default;
  virtual void start(RunnerEvents& events) = 0;
  virtual bool ready() const = 0;  // the service's own
  // The one that runs as this user (empty: the service's own).
  virtual bool ready_for(std::string const& run_as) const { return run_as.empty() && ready(); }
  // Both to the runner of the request's run_as.
  virtual void check(std::string request, std::string run_as) = 0;  // needs request.approved in the ledger
  virtual void run(std::string request, std::string run_as) = 0;    // needs run.started there; a second is refused
  virtual void stop() = 0;
};

// Where a deny or a cancel goes while the ledger can't be written (design, invariant 1): another file system, lines
// that are durable when append returns. Called on the loop: the file is small and the case is rare.
struct SideFile {
  virtual ~SideFile() = default;
  // fsync_failed: nobody knows whether the next start will find the line; any other error: it will not.
  virtual Result<void> append(std::string_view line) = 0;
  // The same without holding the loop up, for a disk that hangs: `done` on the loop.
  virtual void append_aside(std::string line, std::function<void(Result<void>)> done) = 0;
  virtual Result<std::vector<std::string>> read_all() = 0;
  virtual Result<void> clear() = 0;
};

// The engine as the HTTP API, the triggers and the command line see it.
struct RequestDesk {
  virtual ~RequestDesk() = default;
  // `done` comes once the request is durable (or refused). The ticket of `ask` is ignored.
  virtual void ask(core::Asked ask, std::function<void(core::Reply)> done) = 0;
  virtual void cancel(core::CancelAsked cancel, std::function<void(core::Reply)> done) = 0;
  virtual void refused(core::CommandRefused refused) = 0;  // puts on record that somebody tried (T71)
  // `done` (may be empty) once the case that it opens is on record; the ticket of `signal` is ignored.
  virtual void signal(core::SignalFired signal, std::function<void(core::Reply const&)> done) = 0;
  virtual void recovered(core::SignalRecovered signal) = 0;
  // A note of its own in these channels. Not recorded; of several with one purpose for one channel the last to come
  // while another is on its way is left out.
  virtual void tell(std::vector<std::string> const& channels, std::string const& purpose, core::Note note) = 0;
  virtual core::State const& state() const = 0;
  // Runs `then` once everything in state() is durable (at once when it is): what is told is what is on record.
  virtual void when_durable(std::function<void()> then) = 0;
  virtual bool writable() const = 0;  // false: the ledger can't be written, or a write has taken 2.0 s so far
  virtual std::map<std::string, bool> platforms() const = 0;  // connected and reconciled?
  // Those that refuse our credentials for good.
  virtual std::set<std::string> platforms_locked_out() const { return {}; }
  virtual bool ready() const = 0;                   // design, section 11: readyz
  virtual std::vector<Figure> figures() const = 0;  // for metrics
  virtual std::vector<Timing> timings() const = 0;
};

// One delivery to POST /v1/signals/{source}, as received and not yet believed.
struct Delivery {
  std::string source;
  std::vector<std::pair<std::string, std::string>> headers;  // in order, names as sent
  std::string body;                                          // its raw bytes: what a signature is over
};

// 202: taken; `body` says what became of each signal. Otherwise `detail` says why not: 401 (no such source or not
// signed by it: alike), 413, 415, 422, 429 and 503 (`retry_after` says when to come again).
struct DeliveryAnswer {
  unsigned status = 202;
  core::Json body{};
  std::string detail{};
  Duration retry_after{};
  // With 202: it said something that was not known before and is known by its name from now on. Never so of one that
  // was caught and is sent again (T12).
  bool news = false;
};

// Where deliveries go; implemented by triggers/. `done` is called exactly once, perhaps at once, at the latest after
// some seconds.
struct SignalDesk {
  virtual ~SignalDesk() = default;
  virtual void deliver(Delivery delivery, std::function<void(DeliveryAnswer)> done) = 0;
};

}  // namespace ports
