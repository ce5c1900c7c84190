// Unified diff, as `diff -u` writes it and `patch` reads it. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace collectors {

struct DiffLimits {
  std::size_t context = 3;  // lines around each change
  std::size_t max_edits =
      2000;  // beyond so many changed lines in one place, that place is shown as replaced as a whole
};

struct Diff {
  std::string text;                    // empty when both are the same
  std::size_t added = 0, removed = 0;  // lines
};

// Myers' O(ND) comparison in linear space (E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986): the
// fewest changed lines, as long as they are no more than max_edits. Memory: one index a line. `old_name` and `new_name`
// are the labels behind --- and +++; they must hold no line feed.
Diff unified_diff(std::string_view old_text, std::string_view new_text, std::string_view old_name,
                  std::string_view new_name, DiffLimits const& limits = {});

}  // namespace collectors
