// How many rounds a random test takes.
#pragma once

#include <cstdint>

namespace support {

// All of them; under a sanitizer, which makes each one some twenty times as slow, every twentieth: it is there to see
// memory and threads, and the rules are proved by the ordinary run.
constexpr std::uint32_t rounds(std::uint32_t all) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return all / 20;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return all / 20;
#else
  return all;
#endif
#else
  return all;
#endif
}

}  // namespace support
