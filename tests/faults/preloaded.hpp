// Whether a library can be put before all others of the service, or a tracer be put over it, as some faults want.
#pragma once

#include "tests/support/sanitized.hpp"

namespace faults {

// Says so and is true where that can't be.
inline bool skipped(char const* name) {
  return support::skipped_under_address_sanitizer(name, "the sanitizer must be loaded first and bears no tracer");
}

// The same for a library that takes the place of what a sanitizer itself needs: memory, the clock, each call of a file.
inline bool skipped_in_depth(char const* name) {
  return support::skipped_under_sanitizer(name, "the sanitizer does not bear calls of its own to fail");
}

}  // namespace faults
