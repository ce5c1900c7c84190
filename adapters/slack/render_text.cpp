#include "adapters/slack/render_text.hpp"

#include "bot/core/text.hpp"

namespace slack {

namespace {

constexpr std::string_view kEllipsis = "…";  // one UTF-16 unit

// Bytes of the code point that begins with `lead`, in valid UTF-8.
std::size_t bytes_of(char lead) {
  auto const byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
std::size_t units_of(char lead) { return static_cast<unsigned char>(lead) >= 0xf0 ? 2 : 1; }

std::string_view entity_of(char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    default: return {};
  }
}

}  // namespace

std::size_t length_of(std::string_view text) {
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size(); at += bytes_of(text[at])) units += units_of(text[at]);
  return units;
}

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char const c : text) {
    if (auto const entity = entity_of(c); !entity.empty()) {
      out += entity;
    } else {
      out += c;
    }
  }
  return out;
}

namespace {

// The longest prefix of at most `room` units, an escaped character counting as its entity when `escaped`.
std::size_t prefix_within(std::string_view text, std::size_t room, bool escaped) {
  std::size_t at = 0;
  for (std::size_t units = 0; at < text.size();) {
    auto const entity = escaped ? entity_of(text[at]) : std::string_view{};
    units += entity.empty() ? units_of(text[at]) : entity.size();
    if (units > room) break;
    at += bytes_of(text[at]);
  }
  return std::min(at, text.size());
}

}  // namespace

std::string cut(std::string_view text, std::size_t room) {
  if (length_of(text) <= room) return std::string(text);
  if (room == 0) return {};
  return std::string(text.substr(0, prefix_within(text, room - 1, false))) + std::string(kEllipsis);
}

std::string escape_and_cut(std::string_view text, std::size_t room) {
  if (prefix_within(text, room, true) == text.size()) return escape(text);
  if (room == 0) return {};
  return escape(text.substr(0, prefix_within(text, room - 1, true))) + std::string(kEllipsis);
}

std::string clean(std::string_view text) { return core::visible_text(text); }

std::string clean_line(std::string_view text) {
  std::string out;
  for (char const c : core::visible_text(text)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  return out;
}

Fitted fit_lines(std::vector<std::string> const& lines, std::size_t room, std::string_view where) {
  std::size_t total = lines.empty() ? 0 : lines.size() - 1;
  for (auto const& line : lines) total += length_of(line);
  Fitted fitted;
  auto const add = [&](std::string const& line) {
    if (!fitted.text.empty()) fitted.text += '\n';
    fitted.text += line;
  };
  if (total <= room) {
    for (std::size_t i = 0; i < lines.size(); ++i) fitted.text += (i == 0 ? "" : "\n") + lines[i];
    return fitted;
  }
  fitted.whole = false;
  auto const tail = [&](std::size_t count) {
    return "… (" + std::to_string(count) + (count == 1 ? " more line, " : " more lines, ") + std::string(where) + ')';
  };
  auto const reserved = length_of(tail(lines.size())) + 1;
  if (room <= reserved) return fitted;
  std::size_t left = room - reserved;
  std::size_t shown = 0;
  for (auto const& line : lines) {
    auto const length = length_of(line) + 1;
    if (length > left) break;
    left -= length;
    add(line);
    ++shown;
  }
  if (shown == 0 && left > 20) {
    add(cut(lines.front(), left - 1));
    add(tail(lines.size()));  // the one that is cut counts among those to be read elsewhere
  } else {
    add(tail(lines.size() - shown));
  }
  return fitted;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string> pieces_of(std::string_view text, std::size_t room) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    auto end = prefix_within(text, room, false);
    if (auto const line = text.substr(0, end).rfind('\n'); end < text.size() && line != std::string_view::npos)
      end = line + 1;
    pieces.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return pieces;
}

}  // namespace slack
