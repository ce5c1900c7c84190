// Keeps the beginning and the end of a stream of any length within fixed memory. Private to process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace process {

class Capture {
 public:
  // Keeps the first half and the last half of `max_bytes`.
  explicit Capture(std::size_t max_bytes) : head_max_(max_bytes / 2), tail_max_(max_bytes - max_bytes / 2) {}

  void append(std::string_view bytes);
  std::uint64_t total() const noexcept { return total_; }
  bool truncated() const noexcept { return total_ > head_.size() + tail_.size(); }
  // What was kept; where bytes are missing a line says how many.
  std::string text() const;

 private:
  std::size_t head_max_, tail_max_;
  std::uint64_t total_ = 0;
  std::string head_{}, tail_{};
  std::size_t tail_start_ = 0;  // tail_ is a ring once it has tail_max_ bytes; this is its oldest byte
};

}  // namespace process
