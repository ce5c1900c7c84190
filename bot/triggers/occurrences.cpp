#include "bot/triggers/occurrences.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/ids.hpp"
#include "bot/core/request.hpp"
#include "bot/core/text.hpp"

namespace triggers {
namespace {

constexpr std::size_t kMaxLabelBytes = 200;

}  // namespace

std::map<std::string, std::string> clean_labels(std::map<std::string, std::string> const& raw,
                                                ports::Redactor const& redactor) {
  std::map<std::string, std::string> labels;
  for (auto const& [name, value] : raw) {
    auto text = std::string(std::string_view(value).substr(0, 16 * kMaxLabelBytes));
    redactor.redact(text);
    text = core::one_line(text, kMaxLabelBytes);
    if (!text.empty() && core::is_name(name) && !core::why_not_value(text)) labels.emplace(name, std::move(text));
  }
  return labels;
}

char const* to_string(Became::What what) noexcept {
  switch (what) {
    case Became::What::opened: return "opened";
    case Became::What::added: return "added";
    case Became::What::held_back: return "held_back";
    case Became::What::recovered: return "recovered";
    case Became::What::nothing: return "nothing";
  }
  return "nothing";
}

Occurrences::Occurrences(WatchParts parts, core::TriggerRule rule) : parts_(parts), rule_(std::move(rule)) {
  auto const& state = parts_.desk.state();
  for (auto const& id : state.open_cases) {
    auto const& of = state.cases.at(id);
    if (of.trigger != rule_.name || of.recovered || all_.size() >= kMost) continue;
    auto& made = all_[of.dedupe_key];
    made.last = parts_.loop.now();
    made.watch = std::make_unique<Watch>(parts_, rule_, of.dedupe_key, occurrence_words(rule_, of.labels),
                                         Watch::Scope::one_of_several);
  }
}

std::map<std::string, std::string> Occurrences::with_rule(std::map<std::string, std::string> const& labels) const {
  auto all = rule_.labels;  // the configuration's win
  all.insert(labels.begin(), labels.end());
  return all;
}

std::string Occurrences::key_of(std::map<std::string, std::string> const& labels) const {
  return core::Noise::key_of(rule_, with_rule(labels));
}

Occurrences::Occurrence* Occurrences::find_or_make(std::string const& key,
                                                   std::map<std::string, std::string> const& labels) {
  if (auto const found = all_.find(key); found != all_.end()) return &found->second;
  if (all_.size() >= kMost) return nullptr;  // those that are over leave, and make room
  auto& made = all_[key];
  made.watch = std::make_unique<Watch>(parts_, rule_, key, occurrence_words(rule_, with_rule(labels)),
                                       Watch::Scope::one_of_several);
  return &made;
}

Became Occurrences::raised(std::map<std::string, std::string> const& key_labels, Signal signal, std::uint32_t count,
                           std::string const& instance, std::function<void(core::Reply const&)> recorded) {
  auto* const of = find_or_make(key_of(key_labels), key_labels);
  if (!of) {
    parts_.count("held_back", count);
    if (parts_.held) parts_.held->note(rule_, kTooMany, "", count);
    return {Became::What::held_back, kTooMany};
  }
  of->last = parts_.loop.now();
  if (!instance.empty() && of->instances.size() < kMostInstances) of->instances.insert(instance);
  auto const answer = of->watch->raised(std::move(signal), count, std::move(recorded));
  using Kind = core::NoiseAnswer::Kind;
  switch (answer.kind) {
    case Kind::open: return {Became::What::opened};
    case Kind::duplicate: return {Became::What::added};
    case Kind::cooldown: return {Became::What::held_back, "cooldown"};
    case Kind::over_hourly_limit: break;
  }
  return {Became::What::held_back, "max_per_hour"};
}

Became Occurrences::over(std::string const& key, std::string const& instance, Signal const& signal, bool all) {
  auto const found = all_.find(key);
  if (found == all_.end()) return {Became::What::nothing};
  auto& of = found->second;
  if (!all) {
    of.instances.erase(instance);
    if (!of.instances.empty()) return {Became::What::nothing, "others of it stand"};
  }
  bool const stood = of.watch->standing();
  of.watch->over(signal);
  all_.erase(found);
  return {stood ? Became::What::recovered : Became::What::nothing};
}

void Occurrences::heard_of(std::string const& key, std::optional<Signal> signal) {
  auto const found = all_.find(key);
  if (found == all_.end()) return;
  found->second.last = parts_.loop.now();
  if (signal) found->second.watch->still(std::move(*signal));
}

void Occurrences::standing(std::string const& key, std::set<std::string> const& instances) {
  auto const found = all_.find(key);
  if (found == all_.end()) return;
  for (auto const& instance : instances) {
    if (found->second.instances.size() < kMostInstances) found->second.instances.insert(instance);
  }
}

void Occurrences::was_over(std::string const& key, core::Time at, Signal const& signal) {
  auto const opened = parts_.noise.open_since(rule_.name, key);
  if (!opened || *opened > at) return;
  parts_.noise.note_ended(rule_.name, key, at);  // the cooldown is from then
  over(key, "", signal, /*all=*/true);
}

std::optional<core::Time> Occurrences::end_quiet(core::Duration quiet,
                                                 std::function<Signal(core::Duration)> const& signal,
                                                 std::set<std::string>* ended) {
  std::optional<core::Time> next;
  auto const now = parts_.loop.now();
  for (auto it = all_.begin(); it != all_.end();) {
    auto const due = it->second.last + quiet;
    if (now >= due) {
      it->second.watch->over(signal(now - it->second.last));
      if (ended) ended->insert(it->first);
      it = all_.erase(it);
    } else {
      if (!next || due < *next) next = due;
      ++it;
    }
  }
  return next;
}

}  // namespace triggers
