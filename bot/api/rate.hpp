// How often a caller may call: a token bucket each, refilled steadily. Pure, bounded; private to api.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "bot/core/time.hpp"

namespace api {

class RateLimit {
 public:
  static constexpr double kBurstSeconds = 2;          // what may come at once: so many seconds' worth
  static constexpr std::size_t kMaxCallers = 10'000;  // remembered; beyond them those with a full bucket are forgotten

  explicit RateLimit(double per_second) : per_second_(per_second) {}

  // 0: go on; else the whole seconds until the next call is let through. `count` false only looks.
  unsigned take(std::string const& caller, core::Time now, bool count = true);
  // What was taken for a call that turned out to be somebody else's.
  void give_back(std::string const& caller);
  std::size_t callers() const { return buckets_.size(); }

 private:
  struct Bucket {
    double left;
    core::Time at;
  };
  double most() const { return per_second_ * kBurstSeconds; }
  void forget_the_idle(core::Time now);

  double per_second_;
  std::map<std::string, Bucket> buckets_{};
};

}  // namespace api
