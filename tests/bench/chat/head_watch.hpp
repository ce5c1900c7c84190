// Tells when a ledger's branch moved, from a thread of its own, so that no work of the loop's delays what it sees.
#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

class HeadWatch {
 public:
  explicit HeadWatch(std::filesystem::path const& git_folder);  // throws std::system_error
  ~HeadWatch();
  HeadWatch(HeadWatch const&) = delete;
  HeadWatch& operator=(HeadWatch const&) = delete;

  // The first move after this moment.
  std::optional<Clock::time_point> after(Clock::time_point moment) const;

 private:
  void watch();

  int inotify_ = -1, stop_ = -1;
  mutable std::mutex mutex_;
  std::vector<Clock::time_point> moves_;
  std::thread thread_;
};

}  // namespace bench
