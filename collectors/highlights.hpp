// Which lines to read first. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/evidence.hpp"

namespace collectors {

inline constexpr std::size_t kMaxHighlights = 5;
inline constexpr std::size_t kMaxHighlightBytes = 300;

// A line that looks like trouble.
struct Candidate {
  std::string text;   // one line, at most kMaxHighlightBytes
  std::string shape;  // the line with its numbers taken out: equal shapes say the same thing
  int score = 0;
  std::size_t line = 0;   // from 0
  std::size_t count = 1;  // lines of this shape
};

// The best lines of one redacted text, one a shape (its last occurrence), the highest score first, later ones first
// among equals; at most 4 * kMaxHighlights. Scores: words of severity (panic, fatal, segfault, out of memory …; error,
// exception, refused, denied, timeout …; warning), the first line of a stack trace; denials ("0 errors") don't count.
std::vector<Candidate> candidates_of(std::string_view text);

// Whether a caller gave it, and not a collector or trigger of the configuration.
inline bool is_attached(core::Exhibit const& exhibit) { return exhibit.collector == "attachment"; }

// The best over all exhibits: `found[i]` belongs to exhibits[i]. An exhibit's error counts as its most telling line;
// among equals what a caller attached comes last.
std::vector<core::Highlight> pick_highlights(std::vector<core::Exhibit> const& exhibits,
                                             std::vector<std::vector<Candidate>> const& found);

}  // namespace collectors
