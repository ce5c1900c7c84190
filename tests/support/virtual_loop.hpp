// A loop whose clock the test moves, and workers that do what they are told: what blocks in production is played here
// without a thread, a socket or a sleep.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "bot/ports.hpp"

namespace support {

// Timers fire in order of their due time, those due together in the order they were set; posted work runs before the
// clock moves on. Only post() may be called from another thread.
class VirtualLoop : public ports::Loop {
 public:
  static constexpr ports::Time kStart{std::chrono::milliseconds(1'795'255'200'000)};  // 2026-11-21T10:00:00Z

  explicit VirtualLoop(ports::Time start = kStart);
  ~VirtualLoop() override;

  ports::Time now() const override { return now_; }
  ports::Time wall() const override { return now_ - lead; }
  void post(std::function<void()> work) override;
  TimerId call_after(ports::Duration delay, std::function<void()> work) override;
  void cancel(TimerId timer) override;

  // Runs what is posted, and what that posts, until nothing is left; returns how many.
  std::size_t run_posted();
  // Moves the clock, running posted work and every timer that falls due on the way at its own time.
  void advance(ports::Duration by);
  // Moves to the next timer, runs all that is due then; false when there is none.
  bool advance_to_next();
  // For work done on real threads: runs posted work until `done()` holds; false when nothing was posted for `limit` of
  // real time. The virtual clock stands still.
  bool run_until(std::function<bool()> const& done, std::chrono::milliseconds limit = std::chrono::seconds(20));
  std::size_t timers() const noexcept { return timers_.size(); }
  std::size_t posted() const;
  ports::Duration lead{0};  // of now() over the host's clock, after that was set back

 private:
  ports::Time now_;
  TimerId last_ = 0;
  std::map<std::pair<ports::Time, TimerId>, std::function<void()>> timers_;
  std::map<TimerId, ports::Time> due_of_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> posted_;
};

// Does the work at once, on the caller's thread.
struct InlineWorkers : ports::Workers {
  void run(std::function<void()> work) override;
};

// Keeps the work until the test runs it: a worker that is slow, or hangs for ever.
class ManualWorkers : public ports::Workers {
 public:
  void run(std::function<void()> work) override;
  std::size_t waiting() const noexcept { return waiting_.size(); }
  bool run_one(std::size_t index = 0);  // also out of order
  std::size_t run_all();

 private:
  std::vector<std::function<void()>> waiting_;
};

// A real thread for each call, joined at the end: for what must be seen to work with threads.
class ThreadWorkers : public ports::Workers {
 public:
  ~ThreadWorkers() override;
  void run(std::function<void()> work) override;

 private:
  std::vector<std::thread> threads_;
};

// Notes in memory: a new adapter or engine on the same ones is a restart.
class MemoryNotebook : public ports::Notebook {
 public:
  core::Result<std::optional<std::string>> read(std::string const& name) override;
  void write(std::string const& name, std::string bytes) override;
  std::map<std::string, std::string> notes;
  std::size_t writes = 0;
};

// Log lines kept for the test to look at; from any thread.
class MemoryLog : public ports::Log {
 public:
  struct Line {
    Level level;
    std::string message;
    Fields fields;
  };
  MemoryLog();
  ~MemoryLog() override;
  void write(Level level, std::string_view message, Fields fields) override;
  std::vector<Line> lines() const;
  bool has(std::string_view message) const;

 private:
  mutable std::mutex mutex_;
  std::vector<Line> lines_;
};

}  // namespace support
