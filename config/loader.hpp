// YAML text → Config, with every problem at once and its place. Pure but for load_file(): the fuzz target's door.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"
#include "config/config.hpp"

namespace config {

inline constexpr std::size_t kMaxConfigBytes = 1 << 20;  // a thousand runbooks; more is no configuration of people's
inline constexpr std::size_t kMaxConfigDepth = 32;       // the grammar needs 8

struct Problem {
  enum class Severity { error, warning };
  Severity severity = Severity::error;
  std::string file;
  std::uint32_t line = 1;    // from 1
  std::uint32_t column = 1;  // from 1, in code points
  std::string message;       // what is wrong; never holds a secret
  std::string hint;          // the way out, or empty
};

struct LoadOutcome {
  std::optional<Config> config;             // present exactly when no problem is an error
  std::vector<Problem> problems;            // sorted by line, column, message
  std::optional<core::Error> unreadable{};  // load_file: nothing was checked, because the file can't be read
};

// Never throws on any bytes. `file_name` is only what problems print.
LoadOutcome load(std::string_view text, std::string file_name);

// Reads the file (regular, at most kMaxConfigBytes) and loads it; what can't be read is a problem at 1:1
// and `unreadable`, with path and reason.
// Also warns of secret files that others can read: the only look outside the text.
LoadOutcome load_file(std::string const& path);

// `countersign check`: a line a problem, "file:line:col: error: message (hint)", and one line that sums up.
std::string check_report(LoadOutcome const& outcome);

// The same for --json: {"ok", "errors", "warnings", "problems": [{"file", "line", "column", "severity", "message",
// "hint"}]}.
core::Json check_report_json(LoadOutcome const& outcome);

}  // namespace config
