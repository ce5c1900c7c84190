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
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/error.hpp"
#include "bot/core/evidence.hpp"
#include "bot/core/json.hpp"
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
  virtual void post(std::function<void()> work) = 0;  // from any thread; runs later, in order of posting
  virtual TimerId call_after(Duration delay, std::function<void()> work) = 0;
  virtual void cancel(TimerId timer) = 0;  // the work never runs once this has returned; unknown ids are ignored
};

// Threads for calls that block (files, child processes). `work` must end by itself within a bounded time.
struct Workers {
  virtual ~Workers() = default;
  virtual void run(std::function<void()> work) = 0;
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
  // on the loop, in the order of the calls: with a receipt an entry once all are durable on disk, or with the error that
  // kept all of them out. After no_space nothing of the batch was written and later batches may succeed; after
  // fsync_failed or io every further append fails with the same error. The engine gives the next batch only when it has
  // heard of the last one, so an event that waits is still in the engine's own queue and can be dropped there.
  virtual void append(std::vector<core::Entry> entries, Appended done) = 0;
};

// What collectors are asked about.
struct EvidenceOrder {
  std::vector<std::string> collectors;        // keys in the configuration; an unknown one yields an exhibit with an error
  std::map<std::string, std::string> labels;  // of the case, and the request's parameters: what {{name}} may stand for
  std::vector<core::Exhibit> attachments;     // already given (the triggering lines, files of the caller): redacted like the rest
  Time since;                                 // start of the time that matters
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

}  // namespace ports
