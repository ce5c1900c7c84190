// How many rounds a random test takes.
#pragma once

#include <cstdint>

#include "bot/process/sanitized.hpp"
#include "tests/support/full.hpp"

namespace support {

// All of them in the full tier, a quarter before every commit; under a sanitizer, which makes each one some twenty
// times as slow, every twentieth: it is there to see memory and threads, and the rules are proved by the other runs.
inline std::uint32_t rounds(std::uint32_t all) {
  if (process::kSanitized) return all / 20;
  return full() ? all : all / 4;
}

// The same for what is quick enough to run whole before every commit.
inline std::uint32_t quick_rounds(std::uint32_t all) { return process::kSanitized ? all / 20 : all; }

}  // namespace support
