#include "bot/core/noise.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace core {
namespace {

constexpr Duration kWindow = std::chrono::hours(1);
constexpr std::size_t kMaxOpenings = 10'000;  // kept a trigger; no sensible max_per_hour is larger
constexpr std::size_t kMaxKeyBytes = 500;     // of case.json's dedupe_key

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
    key += ';';  // a digest never ends like that
  }
  return one_line(key, kMaxKeyBytes) == key ? key : digest_of(key);
}

NoiseAnswer Noise::look(TriggerRule const& rule, std::string const& key, Time at) const {
  NoiseAnswer answer;
  if (auto const found = entries_.find({rule.name, key}); found != entries_.end()) {
    auto const& entry = found->second;
    answer.suppressed = entry.suppressed;
    answer.since = entry.since;
    if (entry.stage == Stage::open) {
      answer.kind = NoiseAnswer::Kind::duplicate;
      return answer;
    }
    if (entry.stage == Stage::ended && at < entry.last + rule.cooldown) {
      answer.kind = NoiseAnswer::Kind::cooldown;
      answer.until = entry.last + rule.cooldown;
      return answer;
    }
  }
  auto const found = opened_.find(rule.name);
  if (rule.max_per_hour == 0)
    return {NoiseAnswer::Kind::over_hourly_limit, Time::max(), answer.suppressed, answer.since};
  if (found == opened_.end()) return answer;
  auto const& openings = found->second;
  auto const recent = std::ranges::find_if(openings, [&](Time opened) { return at < opened + kWindow; });
  if (static_cast<std::size_t>(openings.end() - recent) < rule.max_per_hour) return answer;
  answer.kind = NoiseAnswer::Kind::over_hourly_limit;
  // The opening that has to leave the window first.
  answer.until = openings[openings.size() - rule.max_per_hour] + kWindow;
  return answer;
}

NoiseAnswer Noise::signal(TriggerRule const& rule, std::string const& key, Time at, std::uint32_t count) {
  auto answer = look(rule, key, at);
  if (answer.kind == NoiseAnswer::Kind::open) return answer;
  Id const id{rule.name, key};
  auto const found = entries_.find(id);
  auto entry = found == entries_.end() ? Entry{} : found->second;
  if (entry.suppressed == 0) entry.since = at;
  entry.suppressed += std::min(count, UINT32_MAX - entry.suppressed);
  answer.suppressed = entry.suppressed;
  answer.since = entry.since;
  put(id, entry);
  return answer;
}

void Noise::note_opened(std::string const& trigger, std::string const& key, Time at) {
  auto& openings = opened_[trigger];
  openings.push_back(at);
  while (openings.size() > kMaxOpenings || openings.front() + kWindow <= at) openings.pop_front();
  put({trigger, key}, {.stage = Stage::open, .last = at});
}

void Noise::note_not_opened(std::string const& trigger, std::string const& key, Time at) {
  Id const id{trigger, key};
  auto const found = entries_.find(id);
  if (found == entries_.end() || found->second.stage != Stage::open || found->second.last != at) return;
  put(id, {.stage = Stage::no_case, .last = at});
  auto& openings = opened_[trigger];
  if (auto const one = std::ranges::find(openings, at); one != openings.end()) openings.erase(one);
}

void Noise::note_ended(std::string const& trigger, std::string const& key, Time at) {
  Id const id{trigger, key};
  auto const found = entries_.find(id);
  if (found == entries_.end() || found->second.stage != Stage::open) return;
  put(id, {.stage = Stage::ended, .last = std::max(found->second.last, at)});
}

std::optional<Time> Noise::open_since(std::string const& trigger, std::string const& key) const {
  auto const found = entries_.find({trigger, key});
  if (found == entries_.end() || found->second.stage != Stage::open) return std::nullopt;
  return found->second.last;
}

void Noise::put(Id const& id, Entry entry) {
  entry.heard = ++clock_;
  if (auto const found = entries_.find(id); found != entries_.end()) {
    order_.erase({found->second.stage, found->second.heard});
    found->second = entry;
  } else {
    entries_.emplace(id, entry);
  }
  order_.emplace(std::pair{entry.stage, entry.heard}, id);
  if (entries_.size() <= max_keys_) return;
  auto const oldest = order_.begin();
  entries_.erase(oldest->second);
  order_.erase(oldest);
}

Noise noise_of(State const& state) {
  Noise noise;
  std::vector<std::pair<Time, std::pair<std::string, std::string> const*>> past;  // openings are told in their order
  past.reserve(state.past_cases.size());
  for (auto const& [id, of] : state.past_cases) past.emplace_back(of.opened_at, &id);
  std::ranges::sort(past);
  for (auto const& [opened_at, id] : past) {
    noise.note_opened(id->first, id->second, opened_at);
    noise.note_ended(id->first, id->second, state.past_cases.at(*id).closed_at);
  }
  for (auto const& [id, of] : state.cases) {  // in the order in which they were opened
    if (of.trigger.empty()) continue;
    noise.note_opened(of.trigger, of.dedupe_key, of.opened_at);
    if (of.closed) noise.note_ended(of.trigger, of.dedupe_key, of.closed_at);
  }
  return noise;
}

}  // namespace core
