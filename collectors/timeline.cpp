// The merged timeline of highlights.hpp.
#include <algorithm>
#include <tuple>

#include "collectors/highlights.hpp"
#include "collectors/line_score.hpp"

namespace collectors {
namespace {

constexpr std::size_t kWorst = 10;  // repeated on top

struct Line {
  core::Time at;
  std::size_t exhibit, place;  // which, and where in it
  TimedLine const* line;
  bool change, attached;
};

std::string text_of(Line const& line, std::vector<core::Exhibit> const& exhibits) {
  char const* const mark = line.change                    ? "~  "
                           : line.line->score >= kSevere  ? "!! "
                           : line.line->score >= kTrouble ? "!  "
                                                          : "   ";
  return core::format_time(line.at) + " " + mark + exhibits[line.exhibit].name + ": " + line.line->text + "\n";
}

}  // namespace

std::string timeline_of(std::vector<core::Exhibit> const& exhibits, std::vector<Digested> const& found) {
  std::vector<Line> lines;
  std::size_t sources = 0;
  for (std::size_t i = 0; i < std::min(found.size(), exhibits.size()); ++i) {
    bool const change = !found[i].changes.empty();
    for (std::size_t place = 0; place < found[i].timed.size(); ++place) {
      auto const& line = found[i].timed[place];
      lines.push_back({line.at, i, place, &line, change, is_attached(exhibits[i])});
    }
    if (!found[i].timed.empty()) ++sources;
  }
  if (sources < 2) return {};
  std::ranges::sort(lines, [](Line const& a, Line const& b) {
    return std::tuple(a.at, a.exhibit, a.place) < std::tuple(b.at, b.exhibit, b.place);
  });
  std::vector<Line const*> worst;
  for (auto const& line : lines) {
    if (line.line->score >= kTrouble) worst.push_back(&line);
  }
  // The worst, and among equals the first: it is nearer to the cause. What a caller attached, with the times and words
  // that it likes, comes behind all that was collected.
  std::ranges::stable_sort(worst, [](Line const* a, Line const* b) {
    return std::tuple(a->attached, -a->line->score) < std::tuple(b->attached, -b->line->score);
  });
  if (worst.size() > kWorst) worst.resize(kWorst);
  std::string top = "Lines of " + std::to_string(sources) +
                    " exhibits in the order of their times (!! severe, ! trouble, ~ a change).\n";
  if (!worst.empty()) top += "\nThe worst first:\n";
  for (auto const* line : worst) top += text_of(*line, exhibits);
  top += "\nAll:\n";
  // The newest that there is room for, and of what was attached what then still fits.
  auto room = kMaxTimelineBytes - std::min(kMaxTimelineBytes, top.size() + 200);
  std::vector<std::string> texts(lines.size());
  std::size_t earlier = 0, attached = 0;
  for (bool const of_caller : {false, true}) {
    bool full = false;
    for (auto at = lines.size(); at-- > 0;) {
      if (lines[at].attached != of_caller) continue;
      auto text = text_of(lines[at], exhibits);
      full = full || text.size() > room;
      if (full) {
        ++(of_caller ? attached : earlier);
        continue;
      }
      room -= text.size();
      texts[at] = std::move(text);
    }
  }
  if (earlier > 0) top += "(" + std::to_string(earlier) + " earlier lines are left out)\n";
  if (attached > 0) top += "(" + std::to_string(attached) + " lines of what was attached are left out)\n";
  for (auto const& text : texts) top += text;
  return top;
}

}  // namespace collectors
