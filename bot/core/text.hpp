// Untrusted text made safe to look at: whatever could hide, reorder or command is shown as a visible escape.
//
// Shown as "\x1b" (bytes) or "\u{202E}" (code points): C0, DEL and C1 controls; every byte that is not valid UTF-8
// (RFC 3629: overlong forms and surrogates too); bidi, zero-width and other format characters (Unicode general category
// Cf), line and paragraph separators, invisible fillers, private use, noncharacters and the planes where nothing is
// assigned (T35, T37, T61). The result is always valid UTF-8 and each function is idempotent. A backslash stays as it
// is: the escapes are for reading, not for decoding.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace core {

// Text of several lines: line feed and tab stay, CR LF becomes a line feed. At most 6 times as long as its input.
std::string visible_text(std::string_view bytes);

// The same on one line: a run of line feeds, tabs and blanks becomes one blank, none at either end. At most `max_bytes`
// long; what is cut ends with "…" (3 bytes, counted), never inside a code point or an escape. Reads only as much of
// the input as it needs.
std::string one_line(std::string_view bytes, std::size_t max_bytes);

// One line of 0x20-0x7e only: everything else, line feed and tab included, is escaped. At most `max_bytes` long; what
// is cut ends with "...". For commit subjects, trailers, logs and terminals.
std::string printable_ascii(std::string_view bytes, std::size_t max_bytes);

// A C0, DEL or C1 control other than those in `allowed`, or a byte that is not valid UTF-8. For fields that must not
// hold any: has_control(reason, "\n").
bool has_control(std::string_view bytes, std::string_view allowed = {});

bool is_utf8(std::string_view bytes);
// Unicode code points of valid UTF-8 (an invalid byte counts as one).
std::size_t count_code_points(std::string_view bytes);

// The longest prefix of at most `max_bytes` that does not end inside a code point.
std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes);
// The longest suffix of at most `max_bytes` that does not begin inside a code point.
std::string_view utf8_suffix(std::string_view text, std::size_t max_bytes);

}  // namespace core
