// What commands print: one encoder for JSON, one for lines of text, so that nothing a ledger or a file holds can
// command the terminal that shows it (T37).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"

namespace cli {

// Compact JSON in one line. Whatever core::visible_text() would show as an escape (C1 and DEL, bidi and format
// characters …) is written as \uXXXX: another parser reads the same value, a terminal obeys nothing.
std::string json_line(core::Json const& value);
void print_json(core::Json const& value);  // with a line feed, to standard output

// "  label        value" on one line, cut at 400 bytes; nothing when there is no value.
void print_line(std::string const& label, std::string const& value);
// The label stands before the first alone.
void print_lines(std::string const& label, std::vector<std::string> const& values);
// A line of its own, made safe.
void print_text(std::string const& text);

// RFC 4648, section 4, with padding: bytes that are to stand in JSON.
std::string base64(std::string const& bytes);

// "2026-11-22T06:10:22.590Z" → "2026-11-22 06:10:22.590"
std::string time_words(std::string_view time);

}  // namespace cli
