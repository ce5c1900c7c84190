// The event loop: one thread, timers, signals, and work posted from other threads. Wraps Asio; its headers stay inside.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace net {

using Duration = std::chrono::milliseconds;

// Everything in net runs on the thread that calls run(). Destroy whatever uses an Io before the Io itself.
// What is still pending when the Io dies is dropped: no callback runs any more.
class Io {
 public:
  using TimerId = std::uint64_t;  // 0 is never a timer
  struct Impl;                    // for the sources of net alone

  Io();
  ~Io();
  Io(Io const&) = delete;
  Io& operator=(Io const&) = delete;

  // Serves until stop(), also while there is nothing to do. An exception from a callback leaves it; it may be called
  // again.
  void run();
  // Serves until `done()` holds (asked after each callback) or `limit` has passed; true if it holds.
  bool run_until(std::function<bool()> const& done, Duration limit);
  // Makes run() return soon; from any thread or signal callback.
  void stop();

  // Runs `work` later on the loop's thread, in the order of posting; from any thread.
  void post(std::function<void()> work);
  // Monotonic. Loop thread only, as is cancel(): after it the work never runs; unknown ids are ignored.
  TimerId call_after(Duration delay, std::function<void()> work);
  void cancel(TimerId timer);

  // Calls `fn(signal)` on the loop's thread for each of these signals, from now until the Io dies. Call it once.
  void on_signals(std::vector<int> const& signals, std::function<void(int)> fn);

  Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace net
