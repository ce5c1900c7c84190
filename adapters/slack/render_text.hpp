// Text as Slack counts, cuts and escapes it. Pure. Used by the renderer alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace slack {

// UTF-16 code units of valid UTF-8: how Slack's limits count, measured by what its errors name (reference/block-kit).
std::size_t length_of(std::string_view text);

// The three characters that begin markup, and nothing else (docs.slack.dev /messaging/formatting-message-text).
std::string escape(std::string_view text);

// At most `room` long, with "…" where something was cut; never inside a code point. For text that isn't escaped.
std::string cut(std::string_view text, std::size_t room);
// The same for text that is escaped here: the result's length is that after escaping, and no entity is cut.
std::string escape_and_cut(std::string_view text, std::size_t room);

// Text made safe to look at, of several lines or, with all breaks shown as escapes, of exactly one.
std::string clean(std::string_view text);
std::string clean_line(std::string_view text);

struct Fitted {
  std::string text;
  bool whole = true;
};
// Lines joined by line feeds; when they don't fit, as many as do and a last line "… (N more lines, WHERE)". A line that
// alone is too long is cut. Empty when there is no room to say anything.
Fitted fit_lines(std::vector<std::string> const& lines, std::size_t room, std::string_view where);
std::vector<std::string> lines_of(std::string_view text);

// Pieces of at most `room`, cut after a line feed where there is one, else on code points, that give the text back when
// joined.
std::vector<std::string> pieces_of(std::string_view text, std::size_t room);

}  // namespace slack
