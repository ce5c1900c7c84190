// How long to wait before the next try.
#pragma once

#include <cstdint>
#include <functional>

#include "bot/net/io.hpp"

namespace net {

// Exponential back-off with full jitter: a wait drawn evenly from [0, min(cap, base * 2^n)] for the n-th failure in a
// row, so that many clients of one restarted server don't come back together. Pure: the randomness is the caller's.
class Backoff {
 public:
  // Answers with all 64 bits random.
  using Random = std::function<std::uint64_t()>;

  // `least` is the shortest wait ever given (0 in textbook full jitter).
  Backoff(Duration base, Duration cap, Random random, Duration least = Duration{0});

  Duration next();                   // counts a failure
  void reset() noexcept { n_ = 0; }  // call it once the connection has proved good
  unsigned failures() const noexcept { return n_; }

 private:
  Duration base_, cap_, least_;
  Random random_;
  unsigned n_ = 0;
};

// A source from the system's random device.
Backoff::Random system_random();

}  // namespace net
