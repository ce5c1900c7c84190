// How much a test does: a sample before every commit, all of it in `deploy/test --full`.
#pragma once

#include <cstdlib>
#include <string_view>

namespace support {

// COUNTERSIGN_FULL=1 in the environment: every combination on every platform, every seed. Without it what only repeats
// on another platform or with another seed is sampled.
inline bool full() {
  auto const* set = std::getenv("COUNTERSIGN_FULL");
  return set != nullptr && std::string_view(set) == "1";
}

}  // namespace support
