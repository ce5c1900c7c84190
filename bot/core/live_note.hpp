// The message that follows a run while it is under way: what is known now, and the last lines of its output. Pure.
#pragma once

#include <string>
#include <string_view>

#include "bot/core/card.hpp"
#include "bot/core/state.hpp"

namespace core {

inline constexpr std::size_t kMaxLiveLines = 10;    // shown of its output: the last ones
inline constexpr std::size_t kMaxLiveBytes = 1500;  // of those together

struct LiveRun {
  Time began;
  std::string step;  // name of the step under way; empty: none has said a word
  std::string tail;  // the end of its output, redacted: whole lines, the last of them perhaps unfinished
};

// "CS-42 Restart web: running for 1m5s, step 2 of 3 (healthy)." and the last lines. Once it has ended: for how long it
// ran, and that the outcome stands below; no output.
Note make_live_note(RequestState const& request, LiveRun const& run, Time now);

// What becomes of such a message of an earlier process, which ended with the run.
Note make_abandoned_live_note(RequestState const& request);

}  // namespace core
