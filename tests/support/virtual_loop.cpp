#include "tests/support/virtual_loop.hpp"

namespace support {

VirtualLoop::VirtualLoop(ports::Time start) : now_(start) {}
VirtualLoop::~VirtualLoop() = default;

void VirtualLoop::post(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  posted_.push_back(std::move(work));
  arrived_.notify_all();
}

VirtualLoop::TimerId VirtualLoop::call_after(ports::Duration delay, std::function<void()> work) {
  auto const due = now_ + (delay < ports::Duration{0} ? ports::Duration{0} : delay);
  timers_.emplace(std::pair{due, ++last_}, std::move(work));
  due_of_.emplace(last_, due);
  return last_;
}

void VirtualLoop::cancel(TimerId timer) {
  if (auto const at = due_of_.find(timer); at != due_of_.end()) {
    timers_.erase({at->second, timer});
    due_of_.erase(at);
  }
}

std::size_t VirtualLoop::run_posted() {
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

void VirtualLoop::advance(ports::Duration by) {
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

bool VirtualLoop::advance_to_next() {
  run_posted();
  if (timers_.empty()) return false;
  advance(timers_.begin()->first.first - now_);
  return true;
}

bool VirtualLoop::run_until(std::function<bool()> const& done, std::chrono::milliseconds limit) {
  while (true) {
    run_posted();
    if (done()) return true;
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, limit, [this] { return !posted_.empty(); })) return false;
  }
}

std::size_t VirtualLoop::posted() const {
  std::lock_guard lock(mutex_);
  return posted_.size();
}

void InlineWorkers::run(std::function<void()> work) { work(); }

void ManualWorkers::run(std::function<void()> work) { waiting_.push_back(std::move(work)); }

bool ManualWorkers::run_one(std::size_t index) {
  if (index >= waiting_.size()) return false;
  auto const work = std::move(waiting_[index]);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  work();
  return true;
}

std::size_t ManualWorkers::run_all() {
  std::size_t ran = 0;
  while (run_one()) ++ran;
  return ran;
}

ThreadWorkers::~ThreadWorkers() {
  for (auto& thread : threads_) thread.join();
}

void ThreadWorkers::run(std::function<void()> work) { threads_.emplace_back(std::move(work)); }

core::Result<std::optional<std::string>> MemoryNotebook::read(std::string const& name) {
  auto const found = notes.find(name);
  return found == notes.end() ? std::nullopt : std::optional(found->second);
}

void MemoryNotebook::write(std::string const& name, std::string bytes) {
  ++writes;
  notes[name] = std::move(bytes);
}

MemoryLog::MemoryLog() = default;
MemoryLog::~MemoryLog() = default;

void MemoryLog::write(Level level, std::string_view message, Fields fields) {
  std::lock_guard lock(mutex_);
  lines_.push_back({level, std::string(message), std::move(fields)});
}

std::vector<MemoryLog::Line> MemoryLog::lines() const {
  std::lock_guard lock(mutex_);
  return lines_;
}

bool MemoryLog::has(std::string_view message) const {
  std::lock_guard lock(mutex_);
  for (auto const& line : lines_) {
    if (line.message == message) return true;
  }
  return false;
}

}  // namespace support
