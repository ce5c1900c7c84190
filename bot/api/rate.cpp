#include "bot/api/rate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace api {

unsigned RateLimit::take(std::string const& caller, core::Time now, bool count) {
  if (buckets_.size() >= kMaxCallers && !buckets_.contains(caller)) {
    forget_the_idle(now);
    if (buckets_.size() >= kMaxCallers) return 1;  // ten thousand callers within two seconds: later
  }
  auto& bucket = buckets_.try_emplace(caller, Bucket{most(), now}).first->second;
  auto const passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.left = std::min(most(), bucket.left + std::max(0.0, passed) * per_second_);
  bucket.at = std::max(bucket.at, now);
  if (bucket.left < 1) return static_cast<unsigned>(std::max(1.0, std::ceil((1 - bucket.left) / per_second_)));
  if (count) bucket.left -= 1;
  return 0;
}

void RateLimit::give_back(std::string const& caller) {
  auto const found = buckets_.find(caller);
  if (found != buckets_.end()) found->second.left = std::min(most(), found->second.left + 1);
}

void RateLimit::forget_the_idle(core::Time now) {
  std::erase_if(buckets_, [&](auto const& item) {
    auto const passed = std::chrono::duration<double>(now - item.second.at).count();
    return item.second.left + passed * per_second_ >= most();
  });
}

}  // namespace api
