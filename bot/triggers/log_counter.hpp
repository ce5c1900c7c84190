// From matching lines to signals: so many of one occurrence within a window are one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/triggers/line_matcher.hpp"
#include "bot/triggers/occurrences.hpp"

namespace triggers {

struct LogRule {
  std::string path;         // for people
  std::uint32_t count = 1;  // matching lines within `window` raise a signal
  core::Duration window{60'000};
  core::Duration quiet{600'000};  // without a matching line: it is over
};

// Matching lines of one look, gathered by occurrence, so that a flood of them costs what its occurrences cost.
class LogGroups {
 public:
  static constexpr std::size_t kMostGroups = 1000, kMostLines = 20, kMostBytes = 8u << 10;

  struct Group {
    std::map<std::string, std::string> labels;  // clean
    std::uint32_t count = 0;
    std::deque<std::string> lines;  // the last ones, kMostLines and kMostBytes of them at most
    std::size_t bytes = 0;
  };

  // `key_of`: Occurrences::key_of, or what gives the same.
  LogGroups(std::function<std::string(std::map<std::string, std::string> const&)> key_of,
            ports::Redactor const& redactor)
      : key_of_(std::move(key_of)), redactor_(redactor) {}
  // False: no room for another occurrence than those of this look.
  bool add(std::string_view line, LineMatcher::Groups const& groups);
  std::map<std::string, Group> all() const;  // the lines redacted
  bool full() const noexcept { return all_.size() >= kMostGroups; }

 private:
  std::function<std::string(std::map<std::string, std::string> const&)> key_of_;
  ports::Redactor const& redactor_;
  std::map<std::string, Group> all_;
};

// Loop thread only.
class LogCounter {
 public:
  LogCounter(ports::Loop& loop, Occurrences& occurrences, LogRule rule)
      : loop_(loop), occurrences_(occurrences), rule_(std::move(rule)) {}
  ~LogCounter() { loop_.cancel(timer_); }
  LogCounter(LogCounter const&) = delete;
  LogCounter& operator=(LogCounter const&) = delete;

  // `recorded` is called once for each case that this opens, with what became of it; how many those are.
  std::size_t take(std::map<std::string, LogGroups::Group> const& groups,
                   std::function<void(core::Reply const&)> const& recorded);
  // Lines that wait for others within their window: an earlier process's.
  core::Json pending() const;
  void restore(core::Json const& pending);  // instead of those that wait now
  void begin();                             // looks for what has gone quiet, from now on

 private:
  struct Tally {
    std::map<std::string, std::string> labels;
    std::deque<core::Time> times;
    std::deque<std::string> lines;
  };
  void forget_old();
  void arm();

  ports::Loop& loop_;
  Occurrences& occurrences_;
  LogRule rule_;
  std::map<std::string, Tally> tallies_;  // of occurrences that have fewer than `count` lines in their window
  ports::Loop::TimerId timer_ = 0;
};

}  // namespace triggers
