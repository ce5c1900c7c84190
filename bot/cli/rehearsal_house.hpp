// What a rehearsal gives the triggers instead of the service: a clock that is moved, a desk without a ledger, a log
// that is listened to. Private to the rehearsal.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/step.hpp"
#include "bot/ports.hpp"

namespace cli {

class RehearsalLoop final : public ports::Loop {
 public:
  explicit RehearsalLoop(core::Time start) : now_(start) {}
  core::Time now() const override { return now_; }
  void post(std::function<void()> work) override { posted_.push_back(std::move(work)); }
  TimerId call_after(core::Duration delay, std::function<void()> work) override;
  void cancel(TimerId timer) override;

  void run_posted();
  // Everything that falls due up to then, each at its own time; the clock stands at `until` afterwards.
  void advance_to(core::Time until);

 private:
  core::Time now_;
  TimerId last_ = 0;
  std::deque<std::function<void()>> posted_;
  std::map<std::pair<core::Time, TimerId>, std::function<void()>> timers_;
  std::map<TimerId, core::Time> due_;
};

// Steps the core at once and folds what it appends; evidence is empty and every program is there.
class RehearsalDesk final : public ports::RequestDesk {
 public:
  using Told = std::function<void(core::Effect const& effect)>;

  RehearsalDesk(RehearsalLoop& loop, core::Rules const& rules, std::string config_bytes, Told told);

  void signal(core::SignalFired signal, std::function<void(core::Reply const&)> done) override;
  void recovered(core::SignalRecovered signal) override;
  void tell(std::vector<std::string> const& channels, std::string const& purpose, core::Note note) override;
  core::State const& state() const override { return state_; }
  void ask(core::Asked, std::function<void(core::Reply)>) override {}
  void cancel(core::CancelAsked, std::function<void(core::Reply)>) override {}
  void refused(core::CommandRefused) override {}
  void when_durable(std::function<void()> then) override { then(); }
  bool writable() const override { return true; }
  std::map<std::string, bool> platforms() const override { return {}; }
  bool ready() const override { return true; }
  std::vector<ports::Figure> figures() const override { return {}; }
  std::vector<ports::Timing> timings() const override { return {}; }

 private:
  void step(decltype(core::Event::what) what);
  void collected(core::CollectEvidence const& order);
  void arm();

  RehearsalLoop& loop_;
  Told told_;
  core::State state_;
  std::map<core::Ticket, std::function<void(core::Reply const&)>> tickets_;
  core::Ticket last_ticket_ = 0;
  ports::Loop::TimerId timer_ = 0;
};

// At once: a rehearsal has nothing else to do meanwhile.
struct RehearsalWorkers final : ports::Workers {
  void run(std::function<void()> work) override { work(); }
};

struct RehearsalLog final : ports::Log {
  std::function<void(std::string_view message, Fields const& fields)> heard;
  void write(Level, std::string_view message, Fields fields) override {
    if (heard) heard(message, fields);
  }
};

}  // namespace cli
