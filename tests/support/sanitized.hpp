// Tests that a sanitizer can't bear, and that say so.
#pragma once

#include <cstdio>

#include "bot/process/sanitized.hpp"

namespace support {

// Whether `name` must be left out of this build because of a sanitizer; says so, with the reason, for deploy/test to
// gather. False in a build without one, without a word.
inline bool skipped_under_sanitizer(char const* name, char const* reason) {
  if (process::kSanitized) std::printf("SKIPPED: %s: %s; the others run it\n", name, reason);
  return process::kSanitized;
}

// The same, for what AddressSanitizer bears.
inline bool skipped_under_thread_sanitizer(char const* name, char const* reason) {
  return process::kSanitizer == process::Sanitizer::thread && skipped_under_sanitizer(name, reason);
}

// The same, for what ThreadSanitizer bears.
inline bool skipped_under_address_sanitizer(char const* name, char const* reason) {
  return process::kSanitizer == process::Sanitizer::address && skipped_under_sanitizer(name, reason);
}

}  // namespace support
