// From signals to cases: what a source raises goes through noise control to the engine. A signal that is held back is
// asked about again for as long as its cause stands, so that trouble which begins within a cooldown or over the hourly
// limit is reported late, not never.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "bot/core/noise.hpp"
#include "bot/core/rules.hpp"
#include "bot/ports.hpp"
#include "bot/triggers/held_desk.hpp"
#include "bot/triggers/signal.hpp"
#include "bot/triggers/signal_counts.hpp"

namespace triggers {

struct WatchParts {
  ports::Loop& loop;
  ports::RequestDesk& desk;
  ports::Log& log;
  core::Noise& noise;        // of all triggers; it outlives the watches and a reload
  HeldDesk* held = nullptr;  // hears what is held back
  SignalCounts* counts = nullptr;
  char const* source = "";  // its kind: "probe", "log" or "webhook"

  void count(char const* outcome, std::uint64_t signals = 1) const {
    if (counts) counts->add(source, outcome, signals);
  }
};

// "service=web, pid=7": the labels that tell an occurrence from others, for people.
std::string occurrence_words(core::TriggerRule const& rule, std::map<std::string, std::string> const& labels);

// One cause of trouble: a trigger and the labels of its occurrence. A source holds one for each occurrence that it can
// tell apart (a probe has one). Loop thread only.
class Watch {
 public:
  // `sole`: the trigger has this occurrence alone, so that its end is the end of every case of the trigger, also of
  // those that an earlier configuration named otherwise.
  enum class Scope { sole, one_of_several };

  Watch(WatchParts parts, core::TriggerRule rule, std::map<std::string, std::string> const& labels,
        Scope scope = Scope::sole);
  // An occurrence that is known by its key alone: its case was opened before a restart.
  Watch(WatchParts parts, core::TriggerRule rule, std::string key, std::string words, Scope scope);
  ~Watch();  // nothing is reported any more: what a reload removes pages nobody
  Watch(Watch const&) = delete;
  Watch& operator=(Watch const&) = delete;

  // A case of it is open, also one that an earlier process or configuration opened: the source is to begin as failed,
  // so that it tells the recovery.
  bool reported() const { return parts_.noise.open_since(rule_.name, key_).has_value(); }

  // It began, or came `count` times more: opens a case, or is held back until noise control lets it. `recorded`: once
  // the case is on record; not called unless the answer is `open`.
  core::NoiseAnswer raised(Signal signal, std::uint32_t count = 1,
                           std::function<void(core::Reply const&)> recorded = {});
  // It still stands; `signal` is what it looks like now and what a late case will show.
  void still(Signal signal);
  // It is over: what was held back is let go, an open case hears of it.
  void over(Signal const& signal);
  std::string const& key() const noexcept { return key_; }
  bool standing() const noexcept { return standing_; }

 private:
  using Recorded = std::function<void(core::Reply const&)>;
  void act(core::NoiseAnswer const& answer, Recorded recorded = {});
  void open_case(core::NoiseAnswer const& answer, Recorded recorded);
  void look_again();
  void note_closing();
  void arm(core::Duration delay);

  WatchParts parts_;
  core::TriggerRule rule_;
  std::string key_, words_;
  Scope scope_;
  std::optional<core::NoiseAnswer::Kind> logged_{};  // how it was held back, as the log has it
  bool standing_ = false;                            // as far as the source has told
  bool held_ = false;                                // its signal was held back and has not been reported since
  std::optional<Signal> latest_;
  ports::Loop::TimerId timer_ = 0;
};

}  // namespace triggers
