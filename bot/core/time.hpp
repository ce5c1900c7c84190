// Time as values. The core has no clock: time arrives in events; these are only its shapes and spellings.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"

namespace core {

using Duration = std::chrono::milliseconds;
using Time = std::chrono::sys_time<Duration>;  // UTC, milliseconds since 1970

std::string format_time(Time time);              // "2026-11-21T10:15:30.250Z" (RFC 3339, always UTC, always ms)
std::string format_day(Time time);               // "20261121"
std::string format_clock(Time time);             // "10:15:30 UTC": for people
Result<Time> parse_time(std::string_view text);  // what format_time writes; fractions optional
std::string format_duration(Duration duration);  // "1h30m", "45s", "250ms": what parse_duration reads
std::string duration_words(Duration duration);   // for people, to two figures that matter: "818 ms", "1.2 s", "5m3s"
Result<Duration> parse_duration(std::string_view text);  // "250ms", "10s", "5m", "2h", "1d" and sums like "1h30m"

}  // namespace core
