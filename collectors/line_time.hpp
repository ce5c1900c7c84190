// When a log line was written, where it says so.
#pragma once

#include <optional>
#include <string_view>

#include "bot/core/time.hpp"

namespace collectors {

// Looks in the first 80 bytes for RFC 3339 (also with a blank, a comma before the fraction, slashes, or no zone),
// the common log format ("21/Nov/2026:10:15:30 +0000") or classic syslog ("Nov 21 10:15:30", RFC 3164: no year, so the
// latest one that is not after `now`). Times without a zone are this machine's local time.
std::optional<core::Time> line_time(std::string_view line, core::Time now);

}  // namespace collectors
