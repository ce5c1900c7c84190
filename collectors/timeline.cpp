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
  bool change;
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
      lines.push_back({line.at, i, place, &line, change});
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
  // The worst, and among equals the first: it is nearer to the cause.
  std::ranges::stable_sort(worst, [](Line const* a, Line const* b) { return a->line->score > b->line->score; });
  if (worst.size() > kWorst) worst.resize(kWorst);
  std::string top = "Lines of " + std::to_string(sources) +
                    " exhibits in the order of their times (!! severe, ! trouble, ~ a change).\n";
  if (!worst.empty()) top += "\nThe worst first:\n";
  for (auto const* line : worst) top += text_of(*line, exhibits);
  top += "\nAll:\n";
  std::vector<std::string> texts;
  auto room = kMaxTimelineBytes - std::min(kMaxTimelineBytes, top.size() + 100);
  std::size_t left_out = lines.size();
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    auto text = text_of(*line, exhibits);
    if (text.size() > room) break;
    room -= text.size();
    texts.push_back(std::move(text));
    --left_out;
  }
  if (left_out > 0) top += "(" + std::to_string(left_out) + " earlier lines are left out)\n";
  for (auto text = texts.rbegin(); text != texts.rend(); ++text) top += *text;
  return top;
}

}  // namespace collectors
