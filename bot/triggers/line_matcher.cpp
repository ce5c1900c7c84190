#include "bot/triggers/line_matcher.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "bot/core/text.hpp"

namespace triggers {
namespace {

constexpr std::int64_t kMemory = 4 << 20;  // of an expression's automaton: beyond it RE2 starts it anew

RE2::Options options(bool over_lines) {
  RE2::Options made;
  made.set_log_errors(false);
  made.set_max_mem(kMemory);
  made.set_never_nl(over_lines);
  return made;
}

// Whether the expression finds the same in a stretch of lines as in each line alone, once it is made to take each line
// feed for an end: not if it names the ends of the text, or sets flags that we would have to follow.
bool fits_many_lines(std::string const& expression) {
  for (std::size_t i = 0; i + 1 < expression.size(); ++i) {
    if (expression[i] == '\\') {
      auto const next = expression[++i];
      if (next == 'A' || next == 'z' || next == 'Z' || next == 'C' || next == 'n' || next == 'x' || next == 'Q')
        return false;
    } else if (expression[i] == '(' && expression[i + 1] == '?') {
      auto const rest = std::string_view(expression).substr(i + 2);
      if (!rest.starts_with("P<") && !rest.starts_with(":") && !rest.starts_with("i)") && !rest.starts_with("i:"))
        return false;
    } else if (expression[i] == '\n') {
      return false;
    }
  }
  return true;
}

// Fast for what logs are made of; only what holds other bytes is decoded.
bool is_plain(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    if ((word & 0x8080808080808080u) != 0) return core::is_utf8(text);
  }
  for (; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0x80u) != 0) return core::is_utf8(text);
  }
  return true;
}

std::string decoded(std::string_view line) {
  if (core::is_utf8(line)) return std::string(line);
  std::string text;
  while (!line.empty()) {
    std::size_t length = 1;
    while (length < 4 && length < line.size() && (static_cast<unsigned char>(line[length]) & 0xC0u) == 0x80) ++length;
    // The longest good character here, if any.
    while (length > 1 && !core::is_utf8(line.substr(0, length))) --length;
    if (core::is_utf8(line.substr(0, length))) {
      text += line.substr(0, length);
    } else {
      text += "\xEF\xBF\xBD";
    }
    line.remove_prefix(length);
  }
  return text;
}

}  // namespace

struct LineMatcher::Impl {
  std::unique_ptr<RE2> line, many, except;
  std::vector<std::pair<int, std::string>> groups;  // number and name
  int highest = 0;

  bool matches(std::string_view text, Groups& found) const {
    std::vector<re2::StringPiece> parts(static_cast<std::size_t>(highest) + 1);
    re2::StringPiece const piece(text.data(), text.size());
    if (!line->Match(piece, 0, text.size(), RE2::UNANCHORED, parts.data(), static_cast<int>(parts.size())))
      return false;
    if (except && RE2::PartialMatch(piece, *except)) return false;
    for (auto const& [number, name] : groups) {
      auto const& part = parts[static_cast<std::size_t>(number)];
      if (part.data() != nullptr) found.emplace(name, std::string(part.data(), part.size()));
    }
    return true;
  }

  // One line without its line feed. False: enough.
  bool look(std::string_view text, Found const& tell) const {
    if (text.ends_with('\r')) text.remove_suffix(1);
    Groups found;
    if (is_plain(text)) return !matches(text, found) || tell(text, std::move(found));
    auto const clean = decoded(text);
    return !matches(clean, found) || tell(clean, std::move(found));
  }
};

LineMatcher::LineMatcher() : impl_(std::make_unique<Impl>()) {}
LineMatcher::~LineMatcher() = default;

core::Result<std::unique_ptr<LineMatcher>> LineMatcher::make(std::string const& match, std::string const& except) {
  std::unique_ptr<LineMatcher> made(new LineMatcher);
  auto& impl = *made->impl_;
  auto const compile = [](std::string const& expression, bool over_lines) {
    return std::make_unique<RE2>(expression, options(over_lines));
  };
  impl.line = compile(match, false);
  if (!impl.line->ok())
    return core::make_error(core::Errc::bad_input, "match is no RE2 expression: " + impl.line->error());
  if (!except.empty()) {
    impl.except = compile(except, false);
    if (!impl.except->ok())
      return core::make_error(core::Errc::bad_input, "except is no RE2 expression: " + impl.except->error());
  }
  for (auto const& [name, number] : impl.line->NamedCapturingGroups()) {
    impl.groups.emplace_back(number, name);
    impl.highest = std::max(impl.highest, number);
  }
  if (fits_many_lines(match)) {
    impl.many = compile("(?m:" + match + ")", true);
    if (!impl.many->ok()) impl.many.reset();
  }
  return made;
}

std::size_t LineMatcher::scan(std::string_view lines, Found const& found) const {
  // A search over all lines at once leaves out quickly what does not match; a line that does is looked at alone.
  bool const at_once = impl_->many && lines.find('\r') == std::string_view::npos && is_plain(lines);
  re2::StringPiece const text(lines.data(), lines.size());
  std::size_t at = 0;
  while (at < lines.size()) {
    if (at_once) {
      re2::StringPiece hit;
      if (!impl_->many->Match(text, at, lines.size(), RE2::UNANCHORED, &hit, 1)) break;
      auto const where = static_cast<std::size_t>(hit.data() - lines.data());
      // An empty match may stand behind the last line feed: there is no line.
      if (where >= lines.size()) break;
      auto const before = where == at ? std::string_view::npos : lines.rfind('\n', where - 1);
      if (before != std::string_view::npos) at = std::max(at, before + 1);
    }
    auto const end = std::min(lines.find('\n', at), lines.size());
    bool const go_on = impl_->look(lines.substr(at, end - at), found);
    at = std::min(end + 1, lines.size());
    if (!go_on) return at;
  }
  return lines.size();
}

}  // namespace triggers
