// A warning that others can bring about as often as they like.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "bot/ports.hpp"

namespace ports {

// At most once a minute; the next one says how many were left out (`more_like_it`).
class Sparingly {
 public:
  void warn(Loop& loop, Log& log, std::string_view message, Log::Fields fields) {
    if (next_ && loop.now() < *next_) {
      ++left_out_;
      return;
    }
    next_ = loop.now() + std::chrono::minutes(1);
    fields.emplace_back("more_like_it", std::exchange(left_out_, 0));
    log.warn(message, std::move(fields));
  }

 private:
  std::optional<Time> next_;
  std::uint64_t left_out_ = 0;
};

}  // namespace ports
