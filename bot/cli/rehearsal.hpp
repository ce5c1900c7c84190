// Recorded signals through the real triggers, noise control and policies, on a clock that only the recording moves.
// Nothing runs, nothing is posted, no ledger: the core's steps are folded in memory and told.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/time.hpp"
#include "bot/ports.hpp"
#include "config/config.hpp"

namespace cli {

// One recorded signal: exactly one of line, payload and answer counts, by the kind of its trigger.
struct Recorded {
  core::Time time;
  std::string source;             // the trigger's name
  std::string line;               // log
  std::string payload, delivery;  // webhook: the body, and the delivery's name where a header carries it
  bool ok = false;                // probe: what it was answered from now on
  std::string why;
};

// Reads one line of a file of signals:
//   {"time": "2026-11-21T10:15:30Z", "source": "web-down", "ok": false, "why": "HTTP status 503"}
//   {"time": "2026-11-21T10:15:31Z", "source": "web-errors", "line": "GET /pay 500"}
//   {"time": "2026-11-21T10:15:32Z", "source": "alerts", "payload": {…}, "delivery": "7f3a"}
// bad_input says what is wrong, with the place in the line but without its number.
core::Result<Recorded> read_recorded(config::Config const& config, std::string_view line);

class Rehearsal {
 public:
  // What happens, as an object with at least `time` and `what`:
  //   case_opened, would_propose, cannot_propose, recovered, case_closed, expired, voided, held_back, digest, refused
  using Tell = std::function<void(core::Json const&)>;

  // `start`: the clock at the beginning. The configuration must outlive it.
  Rehearsal(config::Config const& config, std::shared_ptr<ports::Redactor const> redactor, core::Time start, Tell tell);
  ~Rehearsal();

  void feed(Recorded const& signal);  // in order of time; an earlier one counts as at the time reached
  // Until nothing more can come of what was fed: recoveries, cooldowns, expiry; a day at most.
  void finish();

  struct Totals {
    std::uint64_t signals = 0, cases = 0, proposals = 0, held_back = 0, digests = 0;
  };
  Totals const& totals() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cli
