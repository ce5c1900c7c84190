#include "collectors/highlights.hpp"

#include <algorithm>
#include <cctype>
#include <deque>
#include <map>
#include <set>
#include <tuple>

#include "bot/core/text.hpp"
#include "collectors/line_score.hpp"
#include "collectors/line_time.hpp"

namespace collectors {
namespace {

constexpr std::size_t kMaxLine = 4096;  // of a line that is scored
constexpr std::size_t kMaxShape = 200;
// Told apart in one text, of lines of trouble and of all others each: beyond that new ones are dropped. An access log
// with a path a line must not hide the one panic in it.
constexpr std::size_t kMaxShapes = 2000;
constexpr std::size_t kSurgeLeast = 5;  // in the window
constexpr double kSurgeFactor = 4;      // in lines a minute
constexpr int kSurgeScore = 2;          // for a line that is no trouble by its words, and on top for one that is
constexpr int kMissingScore = 2;        // of evidence that could not be had
constexpr auto kRecent = std::chrono::minutes(10);
constexpr auto kAhead = std::chrono::minutes(5);  // clocks differ; what claims to be later than that tells no time
constexpr auto kLead = std::chrono::minutes(2);   // before the first sign: what led to it

std::string shape_of(std::string_view line) {
  std::string shape;
  for (std::size_t at = 0; at < line.size() && shape.size() < kMaxShape;) {
    auto const word_end = [&] {
      auto end = at;
      while (end < line.size() && std::isalnum(static_cast<unsigned char>(line[end])) != 0) ++end;
      return end;
    }();
    if (word_end == at) {
      shape += line[at++];
      continue;
    }
    auto const word = line.substr(at, word_end - at);
    // A number, or a word with a digit in it (an id, a hash, a time stamp) is but an instance.
    if (std::ranges::any_of(word, [](unsigned char c) { return std::isdigit(c) != 0; })) {
      if (!shape.ends_with('#')) shape += '#';
    } else {
      for (char const c : word) shape += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    at = word_end;
  }
  return shape;
}

// Calls line(text, number) for each line.
template <class Line>
void each_line(std::string_view text, Line const& line) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size(); ++number) {
    auto const end = std::min(text.find('\n', at), text.size());
    line(text.substr(at, std::min(end - at, kMaxLine)), number);
    at = end + 1;
  }
}

struct Frequency {
  std::size_t recent = 0, before = 0;
};

std::optional<core::Time> believable(std::optional<core::Time> at, core::Time now) {
  return at && *at <= now + kAhead ? at : std::nullopt;
}

// "12 × as often as before": when it is, by lines a minute.
std::string surge_words(Frequency const& seen, core::Duration recent, core::Duration before) {
  if (seen.recent < kSurgeLeast || recent.count() <= 0) return {};
  // The text must reach back, or everything in it would seem new.
  if (before < recent / 2) return {};
  auto const minutes = [](core::Duration time) { return std::max(0.1, static_cast<double>(time.count()) / 60'000); };
  auto const now_rate = static_cast<double>(seen.recent) / minutes(recent);
  if (seen.before == 0) return "never before";
  auto const factor = now_rate / (static_cast<double>(seen.before) / minutes(before));
  if (factor < kSurgeFactor) return {};
  return std::to_string(static_cast<std::uint64_t>(std::min(factor, 1e9))) + " × as often as before";
}

// A mark as short as it can be for "so long before": 90 s, 17 min, 5 h, 3 d.
std::string ago(core::Duration time) {
  auto const seconds = time.count() / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 2 * 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86'400) + " d";
}

std::string first_words(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (std::size_t word = 0; word < count && at != std::string_view::npos; ++word)
    at = text.find(' ', at == 0 ? 0 : at + 1);
  return std::string(text.substr(0, at));
}

}  // namespace

Window window_of(core::Time since, core::Time now) {
  bool const known = since != core::Time{} && since <= now && now - since <= std::chrono::hours(24);
  return {known ? since - kLead : now - kRecent, now};
}

std::vector<Candidate> candidates_of(std::string_view text, std::optional<Window> const& window) {
  struct Seen {
    Candidate candidate;
    Frequency often;
  };
  std::map<std::string, Seen> by_shape;
  std::size_t calm = 0;  // of these, shapes that came as no trouble
  std::optional<core::Time> first, last;
  each_line(text, [&](std::string_view line, std::size_t number) {
    auto const score = score_of(line);
    auto const at = window ? believable(line_time(line, window->now), window->now) : std::nullopt;
    if (at) {
      if (!first) first = at;
      last = at;
    }
    if (score <= 0 && !at) return;
    auto shape = shape_of(line);
    auto known = by_shape.find(shape);
    if (known == by_shape.end()) {
      if ((score > 0 ? by_shape.size() - calm : calm) >= kMaxShapes) return;
      known = by_shape.emplace(shape, Seen{}).first;
      known->second.candidate.count = 0;
      if (score <= 0) ++calm;
    }
    auto& [candidate, often] = known->second;
    if (at) ++(*at >= window->recent_from ? often.recent : often.before);
    auto const count = candidate.count + 1;
    if (count > 1 && score <= 0 && candidate.score > 0) {  // "0 errors" is no news against the 7 before
      candidate.count = count;
      return;
    }
    candidate = {core::one_line(line, kMaxHighlightBytes), std::move(shape), score, number, count};
  });
  std::vector<Candidate> found;
  for (auto& [shape, seen] : by_shape) {
    auto& [candidate, often] = seen;
    if (first && window) {
      auto const recent = std::max(*last, window->recent_from) - window->recent_from;
      candidate.surge = surge_words(often, recent, window->recent_from - *first);
      if (!candidate.surge.empty()) candidate.score = std::max(candidate.score, 0) + kSurgeScore;
    }
    if (candidate.score > 0) found.push_back(std::move(candidate));
  }
  std::ranges::sort(found, [](Candidate const& a, Candidate const& b) {
    return std::tuple(-a.score, ~a.line) < std::tuple(-b.score, ~b.line);
  });
  if (found.size() > 4 * kMaxHighlights) found.resize(4 * kMaxHighlights);
  return found;
}

std::vector<ChangeLine> changes_of(std::string_view text, core::Time now) {
  std::vector<ChangeLine> changes;
  bool head = true;
  each_line(text, [&](std::string_view line, std::size_t) {
    head = head && !line.empty();
    if (!head || changes.size() >= kMaxTimedLines) return;
    ChangeLine change;
    change.at = line_time(line.substr(0, 24), now);
    auto const blank = line.find(' ');
    if (change.at && blank != std::string_view::npos) line.remove_prefix(blank + 1);
    auto const begins = [&](std::string_view word) { return line.starts_with(word); };
    if (begins("changed: ") || begins("new: ") || begins("gone: ")) {
      change.weight = 3;
    } else if (change.at && (begins("package ") || begins("unit written") || begins("file ") || begins("unit put"))) {
      change.weight = 2;
    } else if (change.at && (begins("unit ") || begins("written again: "))) {
      change.weight = 1;
    }
    if (change.weight == 0) return;
    change.text = core::one_line(line, kMaxHighlightBytes);
    changes.push_back(std::move(change));
  });
  return changes;
}

Digested digest_of(core::Exhibit const& exhibit, Kind kind, Window const& window) {
  Digested digested;
  if (kind == Kind::changes) {
    digested.changes = changes_of(exhibit.bytes, window.now);
    for (auto const& change : digested.changes) {
      if (believable(change.at, window.now)) digested.timed.push_back({*change.at, change.text, 0});
    }
    return digested;
  }
  digested.candidates = candidates_of(exhibit.bytes, window);
  std::deque<TimedLine> timed;
  each_line(exhibit.bytes, [&](std::string_view line, std::size_t) {
    auto const at = believable(line_time(line, window.now), window.now);
    if (!at) return;
    timed.push_back({*at, core::one_line(line, kMaxHighlightBytes), score_of(line)});
    if (timed.size() > kMaxTimedLines) timed.pop_front();
  });
  digested.timed.assign(std::make_move_iterator(timed.begin()), std::make_move_iterator(timed.end()));
  return digested;
}

namespace {

struct Entry {
  std::size_t exhibit;
  Candidate const* candidate;
};

// Trouble, the most telling first: greedily, so that an exhibit that has given a line gives way among equals.
std::vector<Entry> rank(std::vector<core::Exhibit> const& exhibits, std::vector<Entry> all) {
  std::vector<Entry> ranked;
  std::set<std::string> shapes;
  std::vector<int> given(exhibits.size(), 0);
  while (ranked.size() < kMaxHighlights && !all.empty()) {
    auto const order = [&](Entry const& entry) {
      // A line gives way to one of another exhibit that is as telling, never to a lesser one.
      return std::tuple(-entry.candidate->score, is_attached(exhibits[entry.exhibit]), given[entry.exhibit]);
    };
    auto const best =
        std::ranges::min_element(all, [&](Entry const& a, Entry const& b) { return order(a) < order(b); });
    auto const entry = *best;
    all.erase(best);
    if (!shapes.insert(entry.candidate->shape).second) continue;
    ++given[entry.exhibit];
    ranked.push_back(entry);
  }
  return ranked;
}

// The changes that may stand among the five: what differs from the good version, else the latest; many of one kind
// within a minute are one.
std::vector<core::Highlight> pick_changes(std::vector<core::Exhibit> const& exhibits,
                                          std::vector<Digested> const& found, Window const& window) {
  struct Group {
    ChangeLine const* change;
    std::size_t exhibit, more = 0;
  };
  std::vector<Group> groups;
  std::map<std::string, std::size_t> by_kind;
  for (std::size_t i = 0; i < std::min(found.size(), exhibits.size()); ++i) {
    for (auto const& change : found[i].changes) {
      // What happened after we began to look is ours or too late to be a cause.
      if (change.at && *change.at > window.now + std::chrono::minutes(1)) continue;
      auto const minute =
          change.at ? std::to_string(std::chrono::floor<std::chrono::minutes>(*change.at).time_since_epoch().count())
                    : "";
      auto const kind = std::to_string(i) + (change.weight == 3 ? change.text : first_words(change.text, 2)) + minute;
      auto const [place, fresh] = by_kind.emplace(kind, groups.size());
      if (fresh) {
        groups.push_back({&change, i});
      } else {
        ++groups[place->second].more;
      }
    }
  }
  std::ranges::stable_sort(groups, [](Group const& a, Group const& b) {
    auto const time = [](Group const& group) { return group.change->at.value_or(core::Time::max()); };
    return std::tuple(-a.change->weight, time(b)) < std::tuple(-b.change->weight, time(a));
  });
  std::vector<core::Highlight> picked;
  for (auto const& group : groups) {
    auto const& change = *group.change;
    // That something was started is no news for long, and none at all beside a real change.
    bool const stale = !change.at || window.now - *change.at > std::chrono::hours(1);
    if (change.weight == 1 && (stale || !picked.empty())) continue;
    std::string text;
    if (change.at && *change.at <= window.now) {
      text = ago(window.now - *change.at) + " before (" + core::format_clock(*change.at) + "): ";
    }
    text += change.text;
    auto const more = group.more == 0 ? "" : " (and " + std::to_string(group.more) + " more in that minute)";
    picked.push_back({exhibits[group.exhibit].name, core::one_line(text, kMaxHighlightBytes - more.size()) + more});
    if (picked.size() >= kMaxChangeHighlights) break;
  }
  return picked;
}

core::Highlight highlight_of(core::Exhibit const& exhibit, Candidate const& candidate) {
  std::string suffix;
  if (candidate.count > 1) suffix = std::to_string(candidate.count) + " times";
  if (!candidate.surge.empty()) suffix += (suffix.empty() ? "" : ", ") + candidate.surge;
  if (!suffix.empty()) suffix = " (" + suffix + ")";
  return {exhibit.name, core::one_line(candidate.text, kMaxHighlightBytes - suffix.size()) + suffix};
}

}  // namespace

std::vector<core::Highlight> pick_highlights(std::vector<core::Exhibit> const& exhibits,
                                             std::vector<Digested> const& found, Window const& window) {
  std::vector<Candidate> errors(exhibits.size());
  std::vector<Entry> all;
  for (std::size_t i = 0; i < exhibits.size(); ++i) {
    if (!exhibits[i].error.empty()) {
      auto const text = core::one_line(exhibits[i].error, kMaxHighlightBytes);
      errors[i] = {text, exhibits[i].name + ":" + text, kMissingScore, 0, 1};
      all.push_back({i, &errors[i]});
    }
    if (i >= found.size()) continue;
    for (auto const& candidate : found[i].candidates) all.push_back({i, &candidate});
  }
  auto const trouble = rank(exhibits, std::move(all));
  auto changes = pick_changes(exhibits, found, window);
  std::vector<core::Highlight> picked;
  auto const put_change = [&] {
    if (changes.empty()) return;
    picked.push_back(std::move(changes.front()));
    changes.erase(changes.begin());
  };
  // Nothing but warnings: then what changed tells more.
  if (trouble.empty() || trouble.front().candidate->score <= kMissingScore) put_change();
  for (auto const& entry : trouble) {
    if (picked.size() + changes.size() >= kMaxHighlights && !picked.empty()) break;
    picked.push_back(highlight_of(exhibits[entry.exhibit], *entry.candidate));
    if (picked.size() == 1) put_change();
  }
  while (!changes.empty() && picked.size() < kMaxHighlights) put_change();
  return picked;
}

}  // namespace collectors
