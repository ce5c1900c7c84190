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

  explicit VirtualLoop(ports::Time start = kStart) : now_(start) {}

  ports::Time now() const override { return now_; }
  void post(std::function<void()> work) override {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
    arrived_.notify_all();
  }
  TimerId call_after(ports::Duration delay, std::function<void()> work) override {
    auto const due = now_ + (delay < ports::Duration{0} ? ports::Duration{0} : delay);
    timers_.emplace(std::pair{due, ++last_}, std::move(work));
    due_of_.emplace(last_, due);
    return last_;
  }
  void cancel(TimerId timer) override {
    if (auto const at = due_of_.find(timer); at != due_of_.end()) {
      timers_.erase({at->second, timer});
      due_of_.erase(at);
    }
  }

  // Runs what is posted, and what that posts, until nothing is left; returns how many.
  std::size_t run_posted() {
    std::size_t ran = 0;
    for (;; ++ran) {
      std::function<void()> work;
      {
        std::lock_guard lock(mutex_);
        if (posted_.empty()) return ran;
        work = std::move(posted_.front());
        posted_.pop_front();
      }
      work();
    }
  }
  // Moves the clock, running posted work and every timer that falls due on the way at its own time.
  void advance(ports::Duration by) {
    auto const until = now_ + by;
    run_posted();
    while (!timers_.empty() && timers_.begin()->first.first <= until) {
      auto const timer = timers_.begin();
      auto const work = std::move(timer->second);
      now_ = timer->first.first;
      due_of_.erase(timer->first.second);
      timers_.erase(timer);
      work();
      run_posted();
    }
    now_ = until;
  }
  // Moves to the next timer, runs all that is due then; false when there is none.
  bool advance_to_next() {
    run_posted();
    if (timers_.empty()) return false;
    advance(timers_.begin()->first.first - now_);
    return true;
  }
  // For work done on real threads: runs posted work until `done()` holds; false when nothing was posted for `limit` of
  // real time. The virtual clock stands still.
  bool run_until(std::function<bool()> const& done, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    while (true) {
      run_posted();
      if (done()) return true;
      std::unique_lock lock(mutex_);
      if (!arrived_.wait_for(lock, limit, [this] { return !posted_.empty(); })) return false;
    }
  }
  std::size_t timers() const noexcept { return timers_.size(); }
  std::size_t posted() const {
    std::lock_guard lock(mutex_);
    return posted_.size();
  }

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
  void run(std::function<void()> work) override { work(); }
};

// Keeps the work until the test runs it: a worker that is slow, or hangs for ever.
class ManualWorkers : public ports::Workers {
 public:
  void run(std::function<void()> work) override { waiting_.push_back(std::move(work)); }
  std::size_t waiting() const noexcept { return waiting_.size(); }
  bool run_one(std::size_t index = 0) {  // also out of order
    if (index >= waiting_.size()) return false;
    auto const work = std::move(waiting_[index]);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
    work();
    return true;
  }
  std::size_t run_all() {
    std::size_t ran = 0;
    while (run_one()) ++ran;
    return ran;
  }

 private:
  std::vector<std::function<void()>> waiting_;
};

// A real thread for each call, joined at the end: for what must be seen to work with threads.
class ThreadWorkers : public ports::Workers {
 public:
  ~ThreadWorkers() override {
    for (auto& thread : threads_) thread.join();
  }
  void run(std::function<void()> work) override { threads_.emplace_back(std::move(work)); }

 private:
  std::vector<std::thread> threads_;
};

// Notes in memory: a new adapter or engine on the same ones is a restart.
class MemoryNotebook : public ports::Notebook {
 public:
  core::Result<std::optional<std::string>> read(std::string const& name) override {
    auto const found = notes.find(name);
    return found == notes.end() ? std::nullopt : std::optional(found->second);
  }
  void write(std::string const& name, std::string bytes) override {
    ++writes;
    notes[name] = std::move(bytes);
  }
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
  void write(Level level, std::string_view message, Fields fields) override {
    std::lock_guard lock(mutex_);
    lines_.push_back({level, std::string(message), std::move(fields)});
  }
  std::vector<Line> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  bool has(std::string_view message) const {
    std::lock_guard lock(mutex_);
    for (auto const& line : lines_) {
      if (line.message == message) return true;
    }
    return false;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Line> lines_;
};

}  // namespace support
