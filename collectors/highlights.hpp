// Which lines to read first, so that ten seconds suffice. Pure.
//
// What an approver asks, in this order: what is wrong; what changed shortly before; what else is wrong. So the most
// telling line of trouble stands first, then the most telling change, then the rest by how much it tells.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/evidence.hpp"
#include "bot/core/time.hpp"
#include "collectors/collector.hpp"

namespace collectors {

inline constexpr std::size_t kMaxHighlights = 5;
inline constexpr std::size_t kMaxHighlightBytes = 300;
inline constexpr std::size_t kMaxChangeHighlights = 2;  // of the five
inline constexpr std::size_t kMaxTimedLines = 2000;     // kept of one exhibit for the timeline, the last ones
inline constexpr std::size_t kMaxTimelineBytes = 256u << 10;

// The time in which trouble would show: from shortly before the first sign of it until now.
struct Window {
  core::Time recent_from, now;
};
// `since`: start of the time that matters, the epoch when unknown; then the last ten minutes are recent.
Window window_of(core::Time since, core::Time now);

// A line that looks like trouble, or that comes far more often than before.
struct Candidate {
  std::string text;   // one line, at most kMaxHighlightBytes
  std::string shape;  // the line with its numbers taken out: equal shapes say the same thing
  int score = 0;
  std::size_t line = 0;   // from 0
  std::size_t count = 1;  // lines of this shape
  std::string surge{};    // "12 × as often as before", "never before"; empty: no more than usual
};

// The best lines of one redacted text, one a shape (its last occurrence), the highest score first, later ones first
// among equals; at most 4 * kMaxHighlights. Scores: words that name a cause (killed for want of memory, no space left,
// expired certificate, panic …), words of severity (fatal, segfault …; error, refused, denied, timeout …; warning), a
// full disk; denials ("0 errors") don't count. With a window, shapes that surge: at least five in it, and four times as
// often as before, where the text reaches back far enough to tell.
std::vector<Candidate> candidates_of(std::string_view text, std::optional<Window> const& window = std::nullopt);

// Something that changed, from a line of an exhibit of Kind::changes.
struct ChangeLine {
  std::optional<core::Time> at;
  std::string text;  // without its time
  int weight = 0;    // a configuration that differs 3; packages, unit files, files 2; what was merely started 1
};
// The lines of the head (up to the first empty line) that tell of a change.
std::vector<ChangeLine> changes_of(std::string_view text, core::Time now);

struct TimedLine {
  core::Time at;
  std::string text;  // one line, at most kMaxHighlightBytes
  int score = 0;
};

// What one exhibit has to say.
struct Digested {
  std::vector<Candidate> candidates;
  std::vector<ChangeLine> changes;
  std::vector<TimedLine> timed;  // by their place in the text
};
Digested digest_of(core::Exhibit const& exhibit, Kind kind, Window const& window);

// Whether a caller gave it, and not a collector or trigger of the configuration.
inline bool is_attached(core::Exhibit const& exhibit) { return exhibit.collector == "attachment"; }

// The best over all exhibits: `found[i]` belongs to exhibits[i]. Among equals what a caller attached comes last, and an
// exhibit that has given a line already gives way. Missing evidence (an exhibit's error) is named behind real trouble.
std::vector<core::Highlight> pick_highlights(std::vector<core::Exhibit> const& exhibits,
                                             std::vector<Digested> const& found, Window const& window);

// All timed lines of all exhibits in one order, each with its exhibit's name and a mark ("!!" severe, "!" trouble, "~"
// a change); the worst once more on top. Empty when fewer than two exhibits tell times: then there is nothing to merge.
// At most kMaxTimelineBytes; the oldest are left out, and their number is said. What a caller attached has the room
// that the others leave, and comes last among the worst.
std::string timeline_of(std::vector<core::Exhibit> const& exhibits, std::vector<Digested> const& found);

}  // namespace collectors
