#include "adapters/matrix/render_text.hpp"

#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace matrix {

namespace {

constexpr std::string_view kEllipsis = "…";

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char const c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
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

std::string cut(std::string_view text, std::size_t room) {
  if (text.size() <= room) return std::string(text);
  if (room < kEllipsis.size()) return {};
  return std::string(core::utf8_prefix(text, room - kEllipsis.size())) + std::string(kEllipsis);
}

Fitted fit_lines(std::vector<std::string> const& lines, std::size_t room, std::string_view where) {
  Fitted fitted;
  std::size_t total = 0;
  for (auto const& line : lines) total += line.size() + 1;
  if (total <= room) {
    fitted.lines = lines;
    return fitted;
  }
  fitted.whole = false;
  auto const tail = [&](std::size_t count) {
    return "… (" + std::to_string(count) + (count == 1 ? " more line, " : " more lines, ") + std::string(where) + ')';
  };
  auto const reserved = tail(lines.size()).size() + 1;
  if (room <= reserved) return fitted;
  auto left = room - reserved;
  for (auto const& line : lines) {
    if (line.size() + 1 > left) break;
    left -= line.size() + 1;
    fitted.lines.push_back(line);
  }
  auto const shown = fitted.lines.size();
  // A line that is cut counts among those to be read elsewhere.
  if (shown == 0 && left > 20) fitted.lines.push_back(cut(lines.front(), left - 1));
  fitted.lines.push_back(tail(lines.size() - shown));
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

// --- the two forms
// ----------------------------------------------------------------------------------------------------

void Text::break_line() {
  if (!plain_.empty()) plain_ += '\n';
}

void Text::line(std::string_view text, bool bold) {
  if (text.empty()) return;
  break_line();
  plain_ += text;
  std::string lines;
  for (auto const& part : lines_of(text)) lines += (lines.empty() ? "" : "<br>") + escape_html(part);
  html_ += bold ? "<p><strong>" + lines + "</strong></p>" : "<p>" + lines + "</p>";
}

void Text::labelled(std::string_view label, std::string_view value) {
  break_line();
  plain_.append(label).append(": ").append(value);
  html_ += "<strong>" + escape_html(label) + ":</strong> " + escape_html(value) + "<br>";
}

void Text::mentions(std::vector<std::string> const& users) {
  if (users.empty()) return;
  break_line();
  html_ += "<p>";
  bool first = true;
  for (auto const& user : users) {
    auto const shown = clean_line(user);
    plain_ += (first ? "" : " ") + shown;
    html_ += (first ? "" : " ") + ("<a href=\"https://matrix.to/#/" + net::percent_encode(user) + "\">") +
             escape_html(shown) + "</a>";
    first = false;
  }
  html_ += "</p>";
}

void Text::quote(std::string_view label, std::vector<std::string> const& lines) {
  if (lines.empty()) return;
  line(label, /*bold=*/true);
  std::string quoted;
  for (auto const& item : lines) {
    break_line();
    plain_ += "> " + item;
    quoted += (quoted.empty() ? "" : "<br>") + escape_html(item);
  }
  html_ += "<blockquote>" + quoted + "</blockquote>";
}

void Text::code(std::string_view label, std::vector<std::string> const& lines) {
  if (lines.empty()) return;
  line(label, /*bold=*/true);
  html_ += "<pre><code>";
  for (auto const& item : lines) {
    break_line();
    plain_ += "    " + item;
    html_ += escape_html(item) + '\n';
  }
  html_ += "</code></pre>";
}

}  // namespace matrix
