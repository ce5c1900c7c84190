// Text as it costs room in a card and as it may stand there. Pure. Used by the renderer alone.
//
// Room is counted in bytes of JSON: Teams limits the whole message, so what a character costs is what it takes there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace teams {

// Made safe to look at: of several lines, or of exactly one with all breaks shown as escapes.
std::string clean(std::string_view text);
std::string clean_line(std::string_view text);
// Blanks that follow a blank or begin a line become no-break spaces: a browser would draw several as one, and what is
// approved must look like what runs.
std::string keep_blanks(std::string_view text);

// Clients replace {{DATE(…)}} and {{TIME(…)}} wherever text stands, in plain runs too; such text is cut after the first
// brace into runs that mean nothing. Joined they are the text.
std::vector<std::string_view> inert_runs(std::string_view text);

// Bytes that the text takes in a card, its cuts into runs included.
std::size_t cost_of(std::string_view text);

// The longest prefix that costs at most `room`, never inside a code point.
std::string_view prefix_within(std::string_view text, std::size_t room);
// The same with "…" where something was cut.
std::string cut(std::string_view text, std::size_t room);

struct Fitted {
  std::string text;
  bool whole = true;
};
// Lines, one below the other; if they cost too much, as many as fit and a last line "… (N more lines, WHERE)".
Fitted fit(std::vector<std::string> const& lines, std::size_t room, std::string_view where);
std::vector<std::string> split_lines(std::string_view text);

// Pieces of at most `room` that give the text back when joined; cut after a line feed where there is one.
std::vector<std::string> pages_of(std::string_view text, std::size_t room);

}  // namespace teams
