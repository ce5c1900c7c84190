// Noise control: which signal of a trigger opens a case, and which only adds to one or is let go. Pure: time comes in.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "bot/core/rules.hpp"
#include "bot/core/time.hpp"

namespace core {

struct NoiseAnswer {
  enum class Kind {
    open,               // open a case, then say so by note_opened
    duplicate,          // of `case_id`, which is still open: add to it
    cooldown,           // the last case of this key was opened or recovered less than `cooldown` ago
    over_hourly_limit,  // the trigger opened max_per_hour cases within the last hour
  };
  Kind kind = Kind::open;
  std::string case_id;           // duplicate and cooldown: the last case of this key
  Time until{};                  // cooldown and over_hourly_limit: the first moment at which a signal may open again
  std::uint32_t suppressed = 0;  // signals of this key since its case was opened, this one included
};

// State for all triggers; a copy is a snapshot. A restart builds it again from the ledger's case.opened and case.closed
// entries in order (note_opened, note_recovered); `suppressed` starts at 0 then.
class Noise {
 public:
  // Keys kept over all triggers; beyond that the one not heard of for longest is forgotten, open ones last.
  explicit Noise(std::size_t max_keys = 10'000) : max_keys_(max_keys) {}

  // What makes two signals of a trigger the same occurrence: the values of the labels named in `dedupe`, each with its
  // name and length, so that no value can pose as another; a missing label differs from an empty one. Empty `dedupe`:
  // all signals of the trigger are one.
  static std::string key_of(TriggerRule const& rule, std::map<std::string, std::string> const& labels);

  NoiseAnswer signal(TriggerRule const& rule, std::map<std::string, std::string> const& labels, Time at);

  void note_opened(std::string const& trigger, std::string const& key, std::string const& case_id, Time at);
  // The trouble is over: the next signal is a new occurrence, after the cooldown from now. Unknown keys are ignored.
  void note_recovered(std::string const& trigger, std::string const& key, Time at);
  // The case ended otherwise (closed by age, by hand). Unknown cases are ignored.
  void note_closed(std::string const& case_id, Time at);
  // The open case of this key, or "".
  std::string open_case(std::string const& trigger, std::string const& key) const;
  std::size_t keys() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::string case_id;
    Time last{};  // of opening or recovery
    bool open = false;
    std::uint32_t suppressed = 0;
    std::uint64_t heard = 0;  // place in order_
  };
  using Id = std::pair<std::string, std::string>;  // trigger, key

  void touch(Id const& id, Entry& entry);
  void forget_oldest();

  std::size_t max_keys_;
  std::uint64_t clock_ = 0;
  std::map<Id, Entry> entries_;
  std::map<std::pair<bool, std::uint64_t>, Id> order_;  // (open, heard) → key: closed ones first, oldest first
  std::map<std::string, std::deque<Time>, std::less<>> opened_;  // trigger → openings within the last hour
};

}  // namespace core
