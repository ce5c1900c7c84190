#include "bot/triggers/line_splitter.hpp"

#include <algorithm>
#include <utility>

namespace triggers {

void LineSplitter::feed(std::string_view bytes, std::function<void(std::string_view)> const& take) {
  if (skipping_) {
    auto const end = bytes.find('\n');
    skipped_bytes_ += std::min(end, bytes.size());
    if (end == std::string_view::npos) return;
    skipping_ = false;
    bytes.remove_prefix(end + 1);
  }
  if (rest_.empty()) bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
  auto const last = bytes.rfind('\n');
  if (last == std::string_view::npos) {
    rest_ += bytes;
  } else {
    std::string_view lines = bytes.substr(0, last + 1);
    if (!rest_.empty()) {
      auto const first = lines.find('\n') + 1;
      rest_ += lines.substr(0, first);
      give(rest_, take);
      lines.remove_prefix(first);
    }
    give(lines, take);
    rest_ = bytes.substr(last + 1);
    rest_.erase(0, std::min(rest_.find_first_not_of('\0'), rest_.size()));
  }
  if (rest_.size() <= max_line_) return;
  skipping_ = true;
  ++skipped_lines_;
  skipped_bytes_ += rest_.size();
  rest_ = {};
}

void LineSplitter::give(std::string_view lines, std::function<void(std::string_view)> const& take) {
  if (lines.find('\0') == std::string_view::npos) return give_plain(lines, take);
  while (!lines.empty()) {
    auto const end = lines.find('\n') + 1;
    auto line = lines.substr(0, end);
    line.remove_prefix(line.find_first_not_of('\0'));
    give_plain(line, take);
    lines.remove_prefix(end);
  }
}

// A line that is too long shows as a stretch of max_line + 1 bytes without a line feed: looked for in steps of that
// size from behind, which touches few of the bytes.
void LineSplitter::give_plain(std::string_view lines, std::function<void(std::string_view)> const& take) {
  while (!lines.empty()) {
    std::size_t good = 0;  // lines[0, good) are whole lines, none too long
    while (good < lines.size()) {
      auto const window = lines.substr(good, max_line_ + 1);
      auto const end = window.rfind('\n');
      if (end == std::string_view::npos) break;
      good += end + 1;
    }
    if (good > 0) take(lines.substr(0, good));
    lines.remove_prefix(good);
    if (lines.empty()) return;
    auto const end = lines.find('\n');  // there is one: these are whole lines
    ++skipped_lines_;
    skipped_bytes_ += end;
    lines.remove_prefix(end + 1);
  }
}

std::string LineSplitter::finish() {
  skipping_ = false;
  return std::exchange(rest_, {});
}

}  // namespace triggers
