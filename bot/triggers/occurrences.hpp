// The occurrences that one source can tell apart (by its trigger's `dedupe` labels), each with its watch. Bounded:
// whoever writes the log or sends the webhook chooses the labels' values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "bot/triggers/watch.hpp"

namespace triggers {

// Values that came with a signal, made fit to be labels: redacted, one line of at most 200 bytes, names of the grammar.
// A value that could be taken for an option (a leading '-') is left out, and so is an empty one (T55).
std::map<std::string, std::string> clean_labels(std::map<std::string, std::string> const& raw,
                                                ports::Redactor const& redactor);

// What became of a signal.
struct Became {
  enum class What {
    opened,     // a case
    added,      // to the case of this occurrence that is open
    held_back,  // by noise control
    recovered,  // an open or held occurrence is over
    nothing,    // a recovery of what nobody knows, or a status that means neither
  };
  What what = What::nothing;
  std::string why{};      // held_back: "cooldown", "max_per_hour", "too many occurrences"
  std::string case_id{};  // of the case, where it is known
};
char const* to_string(Became::What what) noexcept;
// Why a signal is held back by nobody: no watch asks for it again, so it has to be taken anew when it comes again.
inline constexpr char const* kTooMany = "too many occurrences";

// Loop thread only.
class Occurrences {
 public:
  static constexpr std::size_t kMost = 1000;           // occurrences of one trigger
  static constexpr std::size_t kMostInstances = 1000;  // of one occurrence

  // Knows the occurrences whose cases are open, from the ledger's state.
  Occurrences(WatchParts parts, core::TriggerRule rule);

  core::TriggerRule const& rule() const noexcept { return rule_; }
  // The occurrence of a signal with these labels of its own (and the configuration's).
  std::string key_of(std::map<std::string, std::string> const& labels) const;

  // `count` signals at once. `key_labels` tell the occurrence; signal.labels are shown. `instance`: what of the
  // occurrence it is about (an alert's fingerprint), or empty: it is over once all of its instances are.
  // `recorded`: once a case that it opened is on record; only if the answer is `opened`.
  Became raised(std::map<std::string, std::string> const& key_labels, Signal signal, std::uint32_t count,
                std::string const& instance, std::function<void(core::Reply const&)> recorded);
  // `all`: whatever instances it has.
  Became over(std::string const& key, std::string const& instance, Signal const& signal, bool all = false);
  bool known(std::string const& key) const { return all_.contains(key); }
  // It was said once more what is known already: it is not quiet, and this is what it looks like now.
  void heard_of(std::string const& key, std::optional<Signal> signal = std::nullopt);
  // What an earlier process knew to stand of an occurrence whose case is open.
  void standing(std::string const& key, std::set<std::string> const& instances);
  // What it knew to be over since `at`, which the ledger does not say while its case is open: a case of before is.
  void was_over(std::string const& key, core::Time at, Signal const& signal);

  // Ends every occurrence that was not heard of for `quiet`, and says which; the next moment at which one may be.
  std::optional<core::Time> end_quiet(core::Duration quiet, std::function<Signal(core::Duration)> const& signal,
                                      std::set<std::string>* ended = nullptr);

 private:
  struct Occurrence {
    std::unique_ptr<Watch> watch;
    std::set<std::string> instances;
    core::Time last;
  };
  Occurrence* find_or_make(std::string const& key, std::map<std::string, std::string> const& labels);
  std::map<std::string, std::string> with_rule(std::map<std::string, std::string> const& labels) const;

  WatchParts parts_;
  core::TriggerRule rule_;
  std::map<std::string, Occurrence> all_;
};

}  // namespace triggers
