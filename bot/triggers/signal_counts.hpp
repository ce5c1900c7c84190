// How many signals of which kind of source came to what, for /metrics. One for all sources; it outlives a reload.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bot/ports.hpp"

namespace triggers {

// Loop thread only.
class SignalCounts {
 public:
  SignalCounts() {  // what has not happened yet is 0 and not missing
    for (auto const* source : {"probe", "log", "webhook"}) {
      for (auto const* outcome : {"fired", "added", "held_back", "not_recorded", "recovered"}) add(source, outcome, 0);
    }
    for (auto const* outcome : {"refused", "turned_away"}) add("webhook", outcome, 0);
  }
  void add(char const* source, char const* outcome, std::uint64_t count) { counts_[{source, outcome}] += count; }
  std::vector<ports::Figure> figures() const {
    std::vector<ports::Figure> all;
    for (auto const& [which, count] : counts_)
      all.push_back(
          {"signals_total",
           "Signals by kind of source and outcome: fired (opened a case, at once or late), added (to one that "
           "is open), held_back (by noise control), not_recorded (then asked again), recovered; deliveries refused "
           "(401, 415, 422) and "
           "turned_away (429, 503: to be sent again)",
           static_cast<double>(count),
           {{"source", which.first}, {"outcome", which.second}}});
    return all;
  }

 private:
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_{};
};

}  // namespace triggers
