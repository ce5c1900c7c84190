#include "bot/core/noise.hpp"

#include <algorithm>

namespace core {
namespace {

constexpr Duration kWindow = std::chrono::hours(1);
constexpr std::size_t kMaxOpenings = 10'000;  // kept a trigger; no sensible max_per_hour is larger

}  // namespace

std::string Noise::key_of(TriggerRule const& rule, std::map<std::string, std::string> const& labels) {
  std::string key;
  for (auto const& name : rule.dedupe) {
    auto const label = labels.find(name);
    key += name;
    if (label == labels.end()) {
      key += '!';
    } else {
      key += '=' + std::to_string(label->second.size()) + ':' + label->second;
    }
    key += ';';
  }
  return key;
}

NoiseAnswer Noise::signal(TriggerRule const& rule, std::map<std::string, std::string> const& labels, Time at) {
  Id const id{rule.name, key_of(rule, labels)};
  NoiseAnswer answer;
  if (auto const found = entries_.find(id); found != entries_.end()) {
    auto& entry = found->second;
    touch(id, entry);
    answer.case_id = entry.case_id;
    answer.until = entry.last + rule.cooldown;
    if (entry.open || at < answer.until) {
      answer.kind = entry.open ? NoiseAnswer::Kind::duplicate : NoiseAnswer::Kind::cooldown;
      if (entry.open) answer.until = {};
      if (entry.suppressed != UINT32_MAX) ++entry.suppressed;
      answer.suppressed = entry.suppressed;
      return answer;
    }
    answer.case_id.clear();
    answer.until = {};
  }
  auto& openings = opened_[rule.name];
  while (!openings.empty() && openings.front() + kWindow <= at) openings.pop_front();
  if (openings.size() >= rule.max_per_hour) {
    answer.kind = NoiseAnswer::Kind::over_hourly_limit;
    // The opening that has to leave the window first; with a limit of 0 nothing ever opens.
    answer.until = rule.max_per_hour == 0 ? Time::max() : openings[openings.size() - rule.max_per_hour] + kWindow;
  }
  return answer;
}

void Noise::note_opened(std::string const& trigger, std::string const& key, std::string const& case_id, Time at) {
  Id const id{trigger, key};
  auto& entry = entries_[id];
  order_.erase({entry.open, entry.heard});
  entry = {case_id, at, true, 0, ++clock_};
  order_[{true, entry.heard}] = id;
  auto& openings = opened_[trigger];
  openings.push_back(at);
  while (openings.size() > kMaxOpenings || openings.front() + kWindow <= at) openings.pop_front();
  if (entries_.size() > max_keys_) forget_oldest();
}

void Noise::note_recovered(std::string const& trigger, std::string const& key, Time at) {
  Id const id{trigger, key};
  auto const found = entries_.find(id);
  if (found == entries_.end()) return;
  auto& entry = found->second;
  order_.erase({entry.open, entry.heard});
  entry.open = false;
  entry.last = std::max(entry.last, at);
  entry.heard = ++clock_;
  order_[{false, entry.heard}] = id;
}

void Noise::note_closed(std::string const& case_id, Time at) {
  for (auto const& [id, entry] : entries_) {
    if (!entry.open || entry.case_id != case_id) continue;
    note_recovered(id.first, id.second, at);
    return;
  }
}

std::string Noise::open_case(std::string const& trigger, std::string const& key) const {
  auto const found = entries_.find({trigger, key});
  return found != entries_.end() && found->second.open ? found->second.case_id : std::string();
}

void Noise::touch(Id const& id, Entry& entry) {
  order_.erase({entry.open, entry.heard});
  entry.heard = ++clock_;
  order_[{entry.open, entry.heard}] = id;
}

void Noise::forget_oldest() {
  if (order_.empty()) return;
  auto const oldest = order_.begin();
  entries_.erase(oldest->second);
  order_.erase(oldest);
}

}  // namespace core
