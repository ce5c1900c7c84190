// The two encoders of what leaves as a line: JSON that commands no terminal (T37), and log lines that can't be forged
// (T73).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/time.hpp"

namespace core {

// Compact JSON in one line. Whatever visible_text() would show as an escape (C1 and DEL, bidi and format characters …)
// is written as \uXXXX: another parser reads the same value, a terminal obeys nothing.
std::string visible_json(Json const& value);

inline constexpr std::size_t kMaxLogText = 4000;  // bytes of one text in a log line; more is cut

// {"time", "level", "message", facts…} without a line feed: one JSON object of visible characters. Texts are redacted
// (where `redact` is given) and made one line, at any depth; a fact can't take the place of the first three members.
std::string log_line(Time time, std::string_view level, std::string_view message,
                     std::vector<std::pair<std::string, Json>> fields,
                     std::function<void(std::string&)> const& redact = {});

}  // namespace core
