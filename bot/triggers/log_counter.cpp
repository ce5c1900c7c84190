#include "bot/triggers/log_counter.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/text.hpp"

namespace triggers {
namespace {

constexpr std::size_t kMostTallies = 1000, kMostPending = 10'000;

void trim(std::deque<std::string>& lines) {
  std::size_t bytes = 0;
  for (auto const& line : lines) bytes += line.size();
  while (lines.size() > LogGroups::kMostLines || (lines.size() > 1 && bytes > LogGroups::kMostBytes)) {
    bytes -= lines.front().size();
    lines.pop_front();
  }
}

}  // namespace

bool LogGroups::add(std::string_view line, LineMatcher::Groups const& groups) {
  auto labels = clean_labels(groups, redactor_);
  auto const key = key_of_(labels);
  auto found = all_.find(key);
  if (found == all_.end()) {
    if (full()) return false;
    found = all_.emplace(key, Group{}).first;
  }
  auto& group = found->second;
  group.labels = std::move(labels);
  if (group.count != UINT32_MAX) ++group.count;
  group.lines.emplace_back(line);
  group.bytes += line.size();
  while (group.lines.size() > kMostLines || (group.lines.size() > 1 && group.bytes > kMostBytes)) {
    group.bytes -= group.lines.front().size();
    group.lines.pop_front();
  }
  return true;
}

// A line is redacted as a whole: what a title or a window cuts off may be what shows a secret to be one (T32).
std::map<std::string, LogGroups::Group> LogGroups::all() const {
  auto all = all_;
  for (auto& [key, group] : all) {
    for (auto& line : group.lines) redactor_.redact(line);
  }
  return all;
}

std::size_t LogCounter::take(std::map<std::string, LogGroups::Group> const& groups,
                             std::function<void(core::Reply const&)> const& recorded) {
  std::size_t opened = 0;
  auto const now = loop_.now();
  for (auto const& [key, group] : groups) {
    auto found = tallies_.find(key);
    if (found == tallies_.end()) {
      if (tallies_.size() >= kMostTallies) forget_old();
      if (tallies_.size() >= kMostTallies) tallies_.erase(tallies_.begin());
      found = tallies_.emplace(key, Tally{}).first;
    }
    auto& tally = found->second;
    while (!tally.times.empty() && tally.times.front() + rule_.window <= now) tally.times.pop_front();
    if (tally.times.empty()) tally.lines.clear();
    auto const before = tally.times.size();
    auto const all = before + group.count;
    tally.lines.insert(tally.lines.end(), group.lines.begin(), group.lines.end());
    trim(tally.lines);
    tally.labels = group.labels;
    auto const signals = static_cast<std::uint32_t>(all / rule_.count);
    if (signals == 0) {
      tally.times.insert(tally.times.end(), group.count, now);
      occurrences_.heard_of(key);
      continue;
    }
    auto const many = all == 1 ? "a line" : std::to_string(all) + " lines";
    auto const where = " of " + core::one_line(rule_.path, 200);
    std::string text =
        many + where + (all == 1 ? " matches" : " match (within " + core::format_duration(rule_.window) + ")");
    text += tally.lines.size() < all ? ", the last of them:\n\n" : ":\n\n";
    for (auto const& line : tally.lines) text += core::visible_text(line) + "\n";
    if (!tally.labels.empty()) {
      text += "\nWhat these lines say of themselves, which is not verified:\n";
      for (auto const& [name, value] : tally.labels) text += "  " + name + " = " + value + "\n";
    }
    Signal signal{
        .trigger = occurrences_.rule().name,
        .title = occurrences_.rule().name + ": " + many + where + ": " + core::one_line(tally.lines.back(), 120),
        .text = std::move(text),
        .at = now,
        .labels = tally.labels};
    // The window begins anew; what is over a whole number of signals waits in it.
    tally.times.assign(all % rule_.count, now);
    auto const labels = tally.labels;
    if (tally.times.empty()) tallies_.erase(found);
    auto const became = occurrences_.raised(labels, std::move(signal), signals, "", recorded);
    if (became.what == Became::What::opened) ++opened;
  }
  if (!groups.empty()) arm();
  return opened;
}

core::Json LogCounter::pending() const {
  core::Json::Array all;
  std::size_t left = kMostPending;
  for (auto const& [key, tally] : tallies_) {
    core::Json::Object labels;
    for (auto const& [name, value] : tally.labels) labels.emplace(name, value);
    core::Json::Array times;
    for (auto const& time : tally.times) {
      if (left == 0) break;
      --left;
      times.emplace_back(core::format_time(time));
    }
    if (!times.empty())
      all.push_back(core::Json::object({{"key", key}, {"labels", std::move(labels)}, {"times", std::move(times)}}));
  }
  return all;
}

void LogCounter::restore(core::Json const& pending) {
  tallies_.clear();
  auto const* all = pending.if_array();
  if (!all) return;
  for (auto const& one : *all) {
    Tally tally;
    if (auto const* labels = one["labels"].if_object()) {
      for (auto const& [name, value] : *labels) tally.labels.emplace(name, value.text());
    }
    if (auto const* times = one["times"].if_array()) {
      for (auto const& text : *times) {
        if (auto const time = core::parse_time(text.text())) tally.times.push_back(*time);
      }
    }
    if (!tally.times.empty() && tallies_.size() < kMostTallies) {
      tally.lines.push_back("(lines of before a restart)");
      tallies_.emplace(one["key"].text(), std::move(tally));
    }
  }
}

void LogCounter::forget_old() {
  auto const now = loop_.now();
  std::erase_if(tallies_, [&](auto const& one) { return one.second.times.back() + rule_.window <= now; });
}

void LogCounter::begin() { arm(); }

void LogCounter::arm() {
  if (timer_ != 0) return;
  auto const next = occurrences_.end_quiet(rule_.quiet, [this](core::Duration since) {
    return Signal{.trigger = occurrences_.rule().name,
                  .title = occurrences_.rule().name + ": no matching line of " + core::one_line(rule_.path, 200) +
                           " for " + core::duration_words(since),
                  .text = {},
                  .at = loop_.now()};
  });
  if (!next) return;
  timer_ = loop_.call_after(std::max(core::Duration{1}, *next - loop_.now()), [this] {
    timer_ = 0;
    arm();
  });
}

}  // namespace triggers
