#include "bot/core/live_note.hpp"

#include <algorithm>

#include "bot/core/lookalikes.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

std::string name_of(RequestState const& request) {
  return request.id.short_name() + " " + (request.bound ? plain_line(request.bound->summary, 200) : request.runbook);
}

std::string elapsed(Duration duration) {
  auto const seconds = std::chrono::floor<std::chrono::seconds>(std::max(Duration(0), duration));
  return seconds.count() < 1 ? "less than a second" : format_duration(seconds);
}

// "step 2 of 3 (healthy)"; steps of on_failure are not counted among those that were to run.
std::string step_words(Request const& bound, std::string const& step) {
  auto const total = std::to_string(bound.steps.size());
  for (std::size_t i = 0; i < bound.steps.size(); ++i) {
    if (bound.steps[i].name == step) return "step " + std::to_string(i + 1) + " of " + total + " (" + step + ")";
  }
  for (auto const& one : bound.on_failure) {
    if (one.name == step) return "a step failed; now " + step;
  }
  return total + (bound.steps.size() == 1 ? " step" : " steps");
}

std::string last_lines(std::string_view text) {
  auto const shown = visible_text(text);
  std::string_view rest = shown;
  while (rest.ends_with('\n')) rest.remove_suffix(1);
  std::size_t from = rest.size();
  for (std::size_t lines = 0; lines < kMaxLiveLines && from != std::string_view::npos && from > 0; ++lines)
    from = rest.rfind('\n', from - 1);
  auto tail = from == std::string_view::npos || from == 0 ? rest : rest.substr(from + 1);
  auto const cut = utf8_suffix(tail, kMaxLiveBytes);
  return (cut.size() < tail.size() ? "…" : "") + std::string(cut);
}

}  // namespace

Note make_live_note(RequestState const& request, LiveRun const& run, Time now) {
  Note note;
  note.block_label = "The last lines of its output";
  if (is_final(request.phase)) {
    auto const end = request.run && request.run->finished_at ? *request.run->finished_at : now;
    note.text = name_of(request) + ": it ran for " + elapsed(end - run.began) + "; how it ended stands below.";
    return note;
  }
  note.text = name_of(request) + ": running for " + elapsed(now - run.began) +
              (request.bound ? ", " + step_words(*request.bound, run.step) : "") + ".";
  note.block = last_lines(run.tail);
  return note;
}

Note make_abandoned_live_note(RequestState const& request) {
  Note note;
  note.text = name_of(request) + ": nobody follows this run any more, because the service was started again; how it " +
              "ended stands below.";
  return note;
}

}  // namespace core
