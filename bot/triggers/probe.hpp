// Trigger source `probe`: asks a service again and again whether it is well; so many failures in a row are a signal,
// whose text is a table of the last attempts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bot/core/rules.hpp"
#include "bot/core/time.hpp"
#include "bot/ports.hpp"
#include "bot/triggers/signal.hpp"

namespace triggers {

// One question. `why` is a sentence when the answer is no; it may quote the other side, so it is untrusted.
struct ProbeAnswer {
  bool ok = false;
  std::string why{};
};

// Asks once. Loop thread only.
struct Prober {
  virtual ~Prober() = default;
  // Calls `done` exactly once, never from inside, at the latest when `timeout` has passed.
  virtual void ask(core::Duration timeout, std::function<void(ProbeAnswer)> done) = 0;
  // After it, and after its own end, `done` is never called.
  virtual void cancel() = 0;
};

struct ProbeSettings {
  std::string trigger;
  std::string target;  // for the title: what is probed
  core::Duration every{5'000};
  core::Duration timeout{2'000};
  std::uint32_t failures = 3;   // in a row raise the signal
  std::uint32_t successes = 1;  // in a row end it
};

// Probes at start, start + every, start + 2 every …; no jitter, so a test can tell when. A probe still under way when
// the next is due makes that one be left out: never two at a time. One on_failed, then on_recovered before the next
// on_failed.
class ProbeTrigger {
 public:
  struct Callbacks {
    std::function<void(Signal)> on_failed;
    std::function<void(Signal)> on_recovered;
    // Each further failure until the recovery: what it looks like now.
    std::function<void(Signal)> on_failing{};
  };

  // Begins with the first probe at once (posted). `failed`: it had raised its signal before a restart, so the first
  // success is a recovery and no second signal is raised.
  ProbeTrigger(ports::Loop& loop, std::unique_ptr<Prober> prober, ProbeSettings settings, Callbacks callbacks,
               bool failed = false);
  ~ProbeTrigger();  // nothing is called any more
  ProbeTrigger(ProbeTrigger const&) = delete;
  ProbeTrigger& operator=(ProbeTrigger const&) = delete;

  bool failed() const noexcept { return failed_; }

 private:
  struct Attempt {
    core::Time at;
    core::Duration took{};
    ProbeAnswer answer;
  };

  void due();
  void ask();
  void answered(ProbeAnswer answer);
  Signal signal(std::string title) const;

  ports::Loop& loop_;
  std::unique_ptr<Prober> prober_;
  ProbeSettings settings_;
  Callbacks callbacks_;
  bool failed_;
  bool under_way_ = false;
  std::uint32_t bad_ = 0, good_ = 0;  // in a row
  core::Time next_, began_;
  core::Time failing_since_;
  ports::Loop::TimerId timer_ = 0;
  std::deque<Attempt> attempts_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace triggers
