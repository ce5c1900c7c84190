#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "bot/cli/host.hpp"

namespace cli {

namespace {

constexpr std::size_t kMostHanging = 64;  // whose places others take

}  // namespace

struct WorkerPool::Impl {
  explicit Impl(unsigned at_most) : most(at_most) {}

  unsigned const most;
  std::mutex mutex;
  std::condition_variable wake, gone;
  std::deque<std::function<void()>> queue;
  std::vector<std::thread> threads;
  std::size_t idle = 0, alive = 0, hanging = 0;  // threads
  bool ending = false;

  // With the lock.
  void start_thread() {
    threads.emplace_back([this] { serve(); });
    ++alive;
  }
  void grow() {
    if (ending || queue.size() <= idle || threads.size() >= most + std::min(hanging, kMostHanging)) return;
    try {
      start_thread();
    } catch (std::system_error const&) {
      // Too many threads here already: those that there are do it, only later.
    }
  }

  void serve() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      wake.wait(lock, [&] { return ending || !queue.empty(); });
      --idle;
      if (queue.empty()) break;
      auto work = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
    --alive;
    gone.notify_all();
  }
};

// One at once: a service that can have no thread does not start.
WorkerPool::WorkerPool(unsigned most) : impl_(std::make_unique<Impl>(most)) {
  std::lock_guard const lock(impl_->mutex);
  impl_->start_thread();
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard const lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->wake.notify_all();
  for (auto& thread : impl_->threads) thread.join();
}

void WorkerPool::run(std::function<void()> work) {
  auto& impl = *impl_;
  std::lock_guard const lock(impl.mutex);
  if (impl.ending) return;
  impl.queue.push_back(std::move(work));
  impl.wake.notify_one();
  impl.grow();
}

void WorkerPool::hangs() {
  std::lock_guard const lock(impl_->mutex);
  ++impl_->hanging;
  impl_->grow();
}

void WorkerPool::came_back() {
  std::lock_guard const lock(impl_->mutex);
  --impl_->hanging;
}

bool WorkerPool::finish(std::chrono::milliseconds limit) {
  std::unique_lock lock(impl_->mutex);
  impl_->ending = true;
  impl_->wake.notify_all();
  return impl_->gone.wait_for(lock, limit, [this] { return impl_->alive == 0; });
}

bool Threads::finish(std::chrono::milliseconds limit) {
  auto const until = std::chrono::steady_clock::now() + limit;
  bool all = true;
  for (auto* pool : {&evidence, &programs, &probes, &watch, &ledger, &side, &files}) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    all = pool->finish(std::max(left, std::chrono::milliseconds(0))) && all;
  }
  return all;
}

}  // namespace cli
