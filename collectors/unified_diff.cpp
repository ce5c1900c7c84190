#include "collectors/unified_diff.hpp"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace collectors {
namespace {

using Index = std::int64_t;

// Lines without their line feeds. A last line without one is another line than the same with one.
struct Lines {
  std::vector<std::string_view> text;
  bool open_end = false;  // the last line has no line feed
};

Lines split(std::string_view text) {
  Lines lines;
  for (std::size_t at = 0; at < text.size();) {
    auto const feed = text.find('\n', at);
    if (feed == std::string_view::npos) {
      lines.text.push_back(text.substr(at));
      lines.open_end = true;
      break;
    }
    lines.text.push_back(text.substr(at, feed - at));
    at = feed + 1;
  }
  return lines;
}

class Comparison {
 public:
  Comparison(Lines const& before, Lines const& after, std::size_t max_edits)
      : removed_(before.text.size(), false),
        added_(after.text.size(), false),
        max_edits_(static_cast<Index>(std::max<std::size_t>(max_edits, 1))) {
    std::unordered_map<std::string_view, Index> numbers;
    auto const number = [&](Lines const& lines) {
      std::vector<Index> ids;
      ids.reserve(lines.text.size());
      for (auto const line : lines.text)
        ids.push_back(numbers.emplace(line, static_cast<Index>(numbers.size())).first->second);
      if (lines.open_end) ids.back() = -1 - ids.back();
      return ids;
    };
    a_ = number(before);
    b_ = number(after);
  }

  void run() {
    // An explicit stack: halves of halves, whatever the text holds.
    std::vector<Box> todo{{0, std::ssize(a_), 0, std::ssize(b_)}};
    while (!todo.empty()) {
      auto box = todo.back();
      todo.pop_back();
      while (box.a < box.a_end && box.b < box.b_end && at(a_, box.a) == at(b_, box.b)) ++box.a, ++box.b;
      while (box.a < box.a_end && box.b < box.b_end && at(a_, box.a_end - 1) == at(b_, box.b_end - 1)) {
        --box.a_end, --box.b_end;
      }
      if (box.a == box.a_end || box.b == box.b_end) {
        mark(box);
        continue;
      }
      Index x = 0, y = 0;
      if (!middle(box, x, y)) {
        mark(box);
        continue;
      }
      todo.push_back({x, box.a_end, y, box.b_end});
      todo.push_back({box.a, x, box.b, y});
    }
  }

  bool removed(std::size_t line) const { return removed_[line]; }
  bool added(std::size_t line) const { return added_[line]; }

 private:
  struct Box {
    Index a, a_end, b, b_end;
  };

  static Index at(std::vector<Index> const& ids, Index index) { return ids[static_cast<std::size_t>(index)]; }

  void mark(Box const& box) {
    for (auto i = box.a; i < box.a_end; ++i) removed_[static_cast<std::size_t>(i)] = true;
    for (auto i = box.b; i < box.b_end; ++i) added_[static_cast<std::size_t>(i)] = true;
  }

  // How far one more edit leads on diagonal k: from the neighbours that lie inside of the box; kNowhere if none does.
  static Index step(std::vector<Index> const& reach, Index zero, Index k, Index n, Index m) {
    auto const from = [&](Index diagonal) { return reach[static_cast<std::size_t>(zero + diagonal)]; };
    Index best = kNowhere;
    if (auto const x = from(k - 1); x != kNowhere && x < n) best = x + 1;
    if (auto const x = from(k + 1); x != kNowhere && x - k <= m) best = std::max(best, x);
    return best;
  }

  // A point on a shortest path through the box, found from both ends at once; false beyond the limit. The box differs
  // at both ends, so the point is none of its corners.
  bool middle(Box const& box, Index& x_out, Index& y_out) {
    auto const n = box.a_end - box.a, m = box.b_end - box.b;
    auto const delta = n - m;
    bool const odd = (delta & 1) != 0;
    auto const limit = std::min((n + m + 1) / 2, max_edits_);
    auto const zero = limit + 1;
    auto const place = [&](Index k) { return static_cast<std::size_t>(zero + k); };
    forward_.assign(static_cast<std::size_t>(2 * limit + 3), kNowhere);
    backward_.assign(static_cast<std::size_t>(2 * limit + 3), kNowhere);
    forward_[place(0)] = backward_[place(0)] = 0;
    // Within d edits on a side; a diagonal's reach is overwritten two edits later, as in the paper.
    for (Index d = 1; d <= limit; ++d) {
      for (Index k = -d; k <= d; k += 2) {
        auto x = step(forward_, zero, k, n, m);
        if (x != kNowhere) {
          while (x < n && x - k < m && at(a_, box.a + x) == at(b_, box.b + x - k)) ++x;
        }
        forward_[place(k)] = x;
        auto const opposite = delta - k;
        if (x == kNowhere || !odd || opposite < 1 - d || opposite > d - 1) continue;
        if (auto const other = backward_[place(opposite)]; other != kNowhere && x + other >= n) {
          x_out = box.a + x;
          y_out = box.b + x - k;
          return true;
        }
      }
      for (Index k = -d; k <= d; k += 2) {
        auto x = step(backward_, zero, k, n, m);
        if (x != kNowhere) {
          while (x < n && x - k < m && at(a_, box.a_end - 1 - x) == at(b_, box.b_end - 1 - (x - k))) ++x;
        }
        backward_[place(k)] = x;
        auto const opposite = delta - k;
        if (x == kNowhere || odd || opposite < -d || opposite > d) continue;
        if (auto const other = forward_[place(opposite)]; other != kNowhere && x + other >= n) {
          x_out = box.a_end - x;
          y_out = box.b_end - (x - k);
          return true;
        }
      }
    }
    return false;
  }

  static constexpr Index kNowhere = -1;
  std::vector<Index> a_, b_, forward_, backward_;
  std::vector<bool> removed_, added_;
  Index max_edits_;
};

std::string range_text(std::size_t begin, std::size_t count) {
  // An empty range names the line before it (POSIX, diff -u).
  auto const first = count == 0 ? begin : begin + 1;
  return std::to_string(first) + (count == 1 ? "" : "," + std::to_string(count));
}

}  // namespace

Diff unified_diff(std::string_view old_text, std::string_view new_text, std::string_view old_name,
                  std::string_view new_name, DiffLimits const& limits) {
  Diff diff;
  if (old_text == new_text) return diff;
  auto const before = split(old_text), after = split(new_text);
  Comparison comparison(before, after, limits.max_edits);
  comparison.run();

  auto const n = before.text.size(), m = after.text.size();
  diff.text = "--- " + std::string(old_name) + "\n+++ " + std::string(new_name) + "\n";
  auto const put = [](std::string& to, char sign, Lines const& lines, std::size_t line) {
    to += sign;
    to += lines.text[line];
    to += '\n';
    if (lines.open_end && line + 1 == lines.text.size()) to += "\\ No newline at end of file\n";
  };
  std::size_t i = 0, j = 0;
  while (i < n || j < m) {
    while (i < n && j < m && !comparison.removed(i) && !comparison.added(j)) ++i, ++j;
    if (i == n && j == m) break;
    auto const lead = std::min({limits.context, i, j});
    auto const a_begin = i - lead, b_begin = j - lead;
    std::string body;
    for (auto line = a_begin; line < i; ++line) put(body, ' ', before, line);
    while (true) {
      for (; i < n && comparison.removed(i); ++i, ++diff.removed) put(body, '-', before, i);
      for (; j < m && comparison.added(j); ++j, ++diff.added) put(body, '+', after, j);
      std::size_t same = 0;
      while (i + same < n && j + same < m && !comparison.removed(i + same) && !comparison.added(j + same)) ++same;
      bool const last = i + same == n && j + same == m;
      auto const keep = last || same > 2 * limits.context ? std::min(same, limits.context) : same;
      for (std::size_t k = 0; k < keep; ++k) put(body, ' ', before, i + k);
      i += keep;
      j += keep;
      if (last || keep < same) break;
    }
    diff.text += "@@ -" + range_text(a_begin, i - a_begin) + " +" + range_text(b_begin, j - b_begin) + " @@\n" + body;
  }
  return diff;
}

}  // namespace collectors
