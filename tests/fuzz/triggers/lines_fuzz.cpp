// Bytes in any pieces are the same lines, none too long; and a search over many lines finds what each line alone shows.
// The first byte chooses the pieces and the expression.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "bot/core/text.hpp"
#include "bot/triggers/line_matcher.hpp"
#include "bot/triggers/line_splitter.hpp"

namespace {

constexpr std::size_t kMaxLine = 32;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string lines_of(std::string_view bytes, std::size_t piece) {
  triggers::LineSplitter splitter(kMaxLine);
  std::string all;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    splitter.feed(bytes.substr(at, piece), [&](std::string_view lines) {
      require(lines.ends_with('\n'));
      all += lines;
    });
    require(splitter.pending() <= kMaxLine);
  }
  return all;
}

std::vector<std::string> found(triggers::LineMatcher const& matcher, std::string_view lines) {
  std::vector<std::string> all;
  require(matcher.scan(lines, [&](std::string_view line, auto const&) {
    require(core::is_utf8(line));
    all.emplace_back(line);
    return true;
  }) == lines.size());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static std::vector<std::unique_ptr<triggers::LineMatcher>> const matchers = [] {
    std::vector<std::unique_ptr<triggers::LineMatcher>> made;
    for (auto const* expression : {"a+b", "^a|b$", "\\bab\\b", "(?P<x>[^a]*)c", "^$", "a\\sb", "\\xff"})
      made.push_back(triggers::LineMatcher::make(expression, made.size() == 2 ? "c" : "").value());
    return made;
  }();
  if (size == 0) return 0;
  std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
  auto const lines = lines_of(bytes, bytes.size() + 1);
  require(lines == lines_of(bytes, data[0] % 7 + 1));
  auto const& matcher = *matchers[data[0] % matchers.size()];
  std::vector<std::string> alone;
  std::size_t start = 0;
  while (start < lines.size()) {
    auto const end = lines.find('\n', start) + 1;
    require(end - start <= kMaxLine + 1);
    for (auto& one : found(matcher, std::string_view(lines).substr(start, end - start)))
      alone.push_back(std::move(one));
    start = end;
  }
  require(found(matcher, lines) == alone);
  return 0;
}
