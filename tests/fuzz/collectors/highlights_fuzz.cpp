// Whatever exhibits say: at most five short lines without controls, and a bounded timeline in order.
#include "bot/core/text.hpp"
#include "collectors/highlights.hpp"
#include "tests/fuzz/collectors/checks.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  using namespace collectors;
  auto const text = core::visible_text(fuzz::text_of(data, size));
  auto const now = core::parse_time("2026-11-21T10:00:00Z").value();
  auto const window = window_of(core::Time{}, now);
  auto const third = text.size() / 3;
  std::vector<core::Exhibit> exhibits(3);
  std::vector<Digested> digested;
  for (std::size_t i = 0; i < 3; ++i) {
    exhibits[i].name = std::string(1, static_cast<char>('a' + i));
    exhibits[i].bytes = core::visible_text(std::string(core::utf8_prefix(text.substr(i * third), third)));
    digested.push_back(digest_of(exhibits[i], i == 2 ? Kind::changes : Kind::lines, window));
    fuzz::require(digested.back().candidates.size() <= 4 * kMaxHighlights, "candidates are bounded");
    fuzz::require(digested.back().timed.size() <= kMaxTimedLines, "timed lines are bounded");
  }
  exhibits[1].error = text.substr(0, 50);
  auto const picked = pick_highlights(exhibits, digested, window);
  fuzz::require(picked.size() <= kMaxHighlights, "five lines at most");
  for (auto const& highlight : picked) {
    fuzz::require(highlight.text.size() <= kMaxHighlightBytes, "each is short");
    fuzz::require(core::is_utf8(highlight.text) && !core::has_control(highlight.text), "each is one visible line");
  }
  auto const timeline = timeline_of(exhibits, digested);
  fuzz::require(timeline.size() <= kMaxTimelineBytes, "the timeline is bounded");
  fuzz::require(core::is_utf8(timeline) && !core::has_control(timeline, "\n"), "the timeline is text");
  return 0;
}
