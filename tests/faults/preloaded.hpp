// Whether a library can be put before all others of the service, or a tracer be put over it, as some faults want.
#pragma once

#include <cstdio>

#include "bot/process/sanitized.hpp"

namespace faults {

// Says so and is true where that can't be.
inline bool skipped(char const* name) {
  if (process::kSanitized)
    std::printf(
        "SKIPPED: %s: a sanitizer must be loaded first, needs descriptors and bears no tracer; the others run it\n",
        name);
  return process::kSanitized;
}

}  // namespace faults
