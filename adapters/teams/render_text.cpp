#include "adapters/teams/render_text.hpp"

#include <algorithm>

#include "adapters/teams/wire.hpp"
#include "bot/core/text.hpp"

namespace teams {

namespace {

constexpr std::string_view kEllipsis = "…";
// {"type":"TextRun","weight":"Bolder","fontType":"Monospace","text":""} and the comma, rounded up.
constexpr std::size_t kRunBytes = 80;
constexpr std::string_view kMacros[] = {"{{date", "{{time"};

std::size_t width_of(std::string_view text, std::size_t at) {
  auto const lead = static_cast<unsigned char>(text[at]);
  std::size_t const width = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return std::min(width, text.size() - at);
}

bool begins_macro(std::string_view text, std::size_t at) {
  if (text[at] != '{') return false;
  auto const head = to_lower(text.substr(at, kMacros[0].size()));
  return std::ranges::find(kMacros, head) != std::end(kMacros);
}

// Of the code point at `at`.
std::size_t cost_at(std::string_view text, std::size_t at) {
  char const c = text[at];
  if (begins_macro(text, at)) return 1 + kRunBytes;
  if (c == '"' || c == '\\' || c == '\n' || c == '\t') return 2;
  return static_cast<unsigned char>(c) < 0x20 ? 6 : width_of(text, at);
}

std::string more_lines(std::size_t count, std::string_view where) {
  return "… (" + std::to_string(count) + (count == 1 ? " more line, " : " more lines, ") + std::string(where) + ')';
}

}  // namespace

std::string clean(std::string_view text) { return core::visible_text(text); }

std::string clean_line(std::string_view text) {
  std::string out;
  for (char const c : core::visible_text(text)) {
    if (c == '\n' || c == '\t') {
      out += c == '\n' ? "\\n" : "\\t";
    } else {
      out += c;
    }
  }
  return out;
}

std::string keep_blanks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  char before = '\n';
  for (char const c : text) {
    if (c == ' ' && (before == ' ' || before == '\n')) {
      out += "\u00a0";
    } else {
      out += c;
    }
    before = c;
  }
  return out;
}

std::vector<std::string_view> inert_runs(std::string_view text) {
  std::vector<std::string_view> runs;
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!begins_macro(text, at)) continue;
    runs.push_back(text.substr(from, at + 1 - from));
    from = at + 1;
  }
  if (from < text.size()) runs.push_back(text.substr(from));
  return runs;
}

std::size_t cost_of(std::string_view text) {
  std::size_t cost = 0;
  for (std::size_t at = 0; at < text.size(); at += width_of(text, at)) cost += cost_at(text, at);
  return cost;
}

std::string_view prefix_within(std::string_view text, std::size_t room) {
  std::size_t at = 0, cost = 0;
  while (at < text.size()) {
    cost += cost_at(text, at);
    if (cost > room) break;
    at += width_of(text, at);
  }
  return text.substr(0, at);
}

std::string cut(std::string_view text, std::size_t room) {
  auto const all = prefix_within(text, room);
  if (all.size() == text.size() || room < kEllipsis.size()) return std::string(all);
  return std::string(prefix_within(text, room - kEllipsis.size())) + std::string(kEllipsis);
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    auto const end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

Fitted fit(std::vector<std::string> const& lines, std::size_t room, std::string_view where) {
  std::size_t total = 0;
  for (auto const& line : lines) total += cost_of(line) + 2;
  bool const whole = total <= room + 2;  // the last one has no line feed
  Fitted fitted{{}, whole};
  std::size_t left = room;
  if (!whole) {
    auto const tail = cost_of(more_lines(lines.size(), where)) + 2;
    if (room <= tail) return fitted;
    left = room - tail;
  }
  std::size_t shown = 0;
  auto const add = [&](std::string_view line) {
    if (shown > 0) fitted.text += '\n';
    fitted.text += line;
    ++shown;
  };
  for (auto const& line : lines) {
    auto const cost = cost_of(line) + 2;
    if (!whole && cost > left) break;
    left -= std::min(left, cost);
    add(line);
  }
  if (whole) return fitted;
  auto rest = lines.size() - shown;
  if (shown == 0) add(cut(lines.front(), left));  // it counts among those that are to be read elsewhere
  add(more_lines(rest, where));
  return fitted;
}

std::vector<std::string> pages_of(std::string_view text, std::size_t room) {
  std::vector<std::string> pages;
  while (!text.empty()) {
    auto page = prefix_within(text, room);
    if (auto const line = page.rfind('\n'); page.size() < text.size() && line != std::string_view::npos)
      page = page.substr(0, line + 1);
    if (page.empty()) page = text.substr(0, width_of(text, 0));  // no room is that small
    pages.emplace_back(page);
    text.remove_prefix(page.size());
  }
  return pages;
}

}  // namespace teams
