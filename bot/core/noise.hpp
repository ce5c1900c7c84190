// Noise control: which signal of a trigger opens a case, and which only adds to one or is held back. Pure: time comes
// in. A signal that is held back is not lost: whoever raised it asks again at `until` while its cause still stands
// (bot/triggers/watch.hpp).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bot/core/rules.hpp"
#include "bot/core/state.hpp"
#include "bot/core/time.hpp"

namespace core {

struct NoiseAnswer {
  enum class Kind {
    open,               // open a case, then say so by note_opened
    duplicate,          // the case of this key is still open: add to it
    cooldown,           // the last case of this key ended less than `cooldown` ago
    over_hourly_limit,  // the trigger opened max_per_hour cases within the last hour
  };
  Kind kind = Kind::open;
  Time until{};  // cooldown and over_hourly_limit: the first moment at which a signal may open, as far as known now
  // Signals of this key that opened nothing: duplicates since its case was opened, else those since that case ended.
  std::uint32_t suppressed = 0;
  Time since{};  // of the first of them
};

// State for all triggers; a copy is a snapshot. A restart builds it again from the cases of the ledger (noise_of);
// `suppressed` starts at 0 then.
class Noise {
 public:
  // Keys kept over all triggers; beyond that the one not heard of for longest is forgotten: those that never had a case
  // first, open ones last.
  explicit Noise(std::size_t max_keys = 10'000) : max_keys_(max_keys) {}

  // What makes two signals of a trigger the same occurrence: the values of the labels named in `dedupe`, each with its
  // name and length, so that no value can pose as another; a missing label differs from an empty one. Empty `dedupe`:
  // all signals of the trigger are one. A key that a case could not carry as it is (one line of at most 500 bytes) is
  // given as its digest, so that the ledger gives back what it was given.
  static std::string key_of(TriggerRule const& rule, std::map<std::string, std::string> const& labels);

  // A signal came, or `count` of them at once: the answer, and they count as suppressed if they may not open (if they
  // may, all but the first are told with it).
  NoiseAnswer signal(TriggerRule const& rule, std::string const& key, Time at, std::uint32_t count = 1);
  // What a signal would be told now. Counts nothing.
  NoiseAnswer look(TriggerRule const& rule, std::string const& key, Time at) const;

  void note_opened(std::string const& trigger, std::string const& key, Time at);
  // The case that note_opened(…, at) spoke of can't be recorded: none was opened.
  void note_not_opened(std::string const& trigger, std::string const& key, Time at);
  // The trouble is over, or its case was closed without that: the next signal is a new occurrence, after the cooldown
  // from now. Without an open case it changes nothing: a service that flaps while it is held back must not push its
  // cooldown ahead of itself.
  void note_ended(std::string const& trigger, std::string const& key, Time at);
  // When the open case of this key was opened; nothing without one.
  std::optional<Time> open_since(std::string const& trigger, std::string const& key) const;
  std::size_t keys() const noexcept { return entries_.size(); }

 private:
  enum class Stage { no_case, ended, open };  // in the order in which they are forgotten
  struct Entry {
    Stage stage = Stage::no_case;
    Time last{};  // of the opening or the end of its last case
    std::uint32_t suppressed = 0;
    Time since{};
    std::uint64_t heard = 0;  // place in order_
  };
  using Id = std::pair<std::string, std::string>;  // trigger, key

  // Every change goes through here: it keeps order_ in step and the number of keys bounded.
  void put(Id const& id, Entry entry);

  std::size_t max_keys_;
  std::uint64_t clock_ = 0;
  std::map<Id, Entry> entries_;
  std::map<std::pair<Stage, std::uint64_t>, Id> order_;
  std::map<std::string, std::deque<Time>, std::less<>> opened_;  // trigger → openings within the last hour
};

// The cases that triggers opened, as a restart finds them: open ones are open, closed ones ended when they were closed.
// (That a trigger recovered while its request was still undecided is not in the ledger: such a case is open until the
// trigger says so again.)
Noise noise_of(State const& state);

}  // namespace core
