// Live output at a pace that people can follow and a chat can take. Private to runbooks.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace runbooks {

inline constexpr std::chrono::milliseconds kLiveInterval{200};  // at most 5 pieces a second

// Gathers text between two pieces; of more than kMaxLiveBytes the middle is left out. Any thread.
class LiveView {
 public:
  using Clock = std::chrono::steady_clock;
  using Send = std::function<void(std::string const& step, std::string const& text)>;

  explicit LiveView(Send send) : send_(std::move(send)) {}
  void begin(std::string step);  // what was gathered for another step is sent first
  void add(std::string_view text, Clock::time_point now);
  void tick(Clock::time_point now);  // call it every kLiveInterval or so
  void flush();

 private:
  void send_now(Clock::time_point now);

  std::mutex mutex_;
  Send send_;
  std::string step_{}, gathered_{};
  Clock::time_point next_{};
};

}  // namespace runbooks
