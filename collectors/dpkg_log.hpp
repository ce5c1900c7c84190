// What dpkg did, from its log (option --log of dpkg(1)): lines such as
// "2026-11-21 09:58:12 upgrade nginx:amd64 1.22.1-9 1.24.0-1".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/time.hpp"

namespace collectors {

struct PackageChange {
  core::Time at;
  std::string what;  // "installed nginx:amd64 1.22.1-9", "upgraded nginx:amd64 1.22.1-9 -> 1.24.0-1", "removed …"
};

// One line without its line feed. Nothing for what is no change of a package (status, configure, trigproc …). Pure but
// for the zone: dpkg writes local time.
std::optional<PackageChange> parse_dpkg_line(std::string_view line);

struct LogReading {
  std::vector<PackageChange> changes;  // the latest, oldest first, at most `most`
  std::size_t left_out = 0;            // older ones beyond `most`
  std::string error;                   // empty, or why it ends early: a sentence
};

inline constexpr std::uint64_t kMaxLogBytes = 32u << 20;  // read of one log, inflated if it is a .gz (T65)
inline constexpr std::size_t kMaxLogLine = 4096;          // longer ones are passed over

// Reads a log, inflating one layer of gzip where it is one, in pieces of 64 KiB: what it holds in memory does not
// depend on what the file holds. `stop` is asked at each piece.
LogReading read_dpkg_log(std::string const& path, core::Time since, std::size_t most,
                         std::function<bool()> const& stop);

}  // namespace collectors
