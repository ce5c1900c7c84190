// The one encoder of log lines (T73): whatever a fact holds, it can't end its line, begin another one, or command a
// terminal or a journal.
#pragma once

#include <string>
#include <string_view>

#include "bot/core/time.hpp"
#include "bot/ports.hpp"

namespace cli {

inline constexpr std::size_t kMaxLogText = 4000;  // bytes of one text in a line; more is cut

// {"time", "level", "message", facts…} without a line feed: one JSON object of visible characters. Texts are redacted
// (where there is a redactor) and made one line, at any depth; a fact can't take the place of the first three members.
std::string log_line(core::Time time, char const* level, std::string_view message, ports::Log::Fields fields,
                     ports::Redactor const* redactor);

}  // namespace cli
