#include "bot/net/backoff.hpp"

#include <algorithm>
#include <random>

namespace net {

Backoff::Backoff(Duration base, Duration cap, Random random, Duration least)
    : base_(base), cap_(cap), least_(least), random_(std::move(random)) {}

Duration Backoff::next() {
  Duration ceiling = base_;
  for (unsigned i = 0; i < n_ && ceiling < cap_; ++i) ceiling *= 2;  // stops at the cap: never overflows
  ceiling = std::min(ceiling, cap_);
  ++n_;
  if (ceiling <= least_) return least_;
  auto const span = static_cast<std::uint64_t>((ceiling - least_).count()) + 1;
  return least_ + Duration{static_cast<Duration::rep>(random_() % span)};
}

Backoff::Random system_random() {
  return [] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
  };
}

}  // namespace net
