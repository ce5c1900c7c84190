#include "collectors/highlights.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <tuple>

#include "bot/core/text.hpp"

namespace collectors {
namespace {

constexpr std::size_t kMaxLine = 4096;  // of a line that is scored
constexpr std::size_t kMaxShape = 200;
constexpr std::size_t kMaxShapes = 2000;  // told apart in one text; beyond that only new severe ones … are dropped

struct Words {
  RE2 severe{
      R"((?i)\b(?:panic|fatal|emerg(?:ency)?|segfault|segmentation fault|core dumped|oom|oom-killer|out of memory|killed process|deadlock|corrupt(?:ed|ion)?|no space left|data loss|critical|crit|Traceback \(most recent|Exception in thread|Caused by:|assertion failed|double free|stack trace)\b?)"};
  RE2 bad{
      R"((?i)(?:\b|_)(?:err|error|errors|exception|refused|denied|timeout|time-out|timed out|deadline exceeded|failed|failure|fail|unreachable|unavailable|reset by peer|broken pipe|aborted|not found|cannot|can't|unable|rejected|invalid|abort|crash(?:ed)?|exit code [1-9]\d*|status[ =:"]+5\d\d|HTTP/[\d.]+" 5\d\d)\b|[a-z](?:Error|Exception)\b)"};
  RE2 warning{R"((?i)\bwarn(?:ing)?\b)"};
  RE2 denied{
      R"((?i)(?:^|[\s(\[,=])(?:0|no|zero|without) (?:errors?|failures?|failed|warnings?|exceptions?|timeouts?)\b|\berrors?[=: ]+(?:0|null|nil|none|""|false)(?:\W|$)|\bfailed[=: ]+0\b)"};
  RE2 calm{R"((?i)\blevel[=:"]+(?:info|debug|trace)\b|\[(?:info|debug|trace)\]|\b(?:INFO|DEBUG|TRACE)\b[ :])"};
  RE2 frame{R"(^\s+(?:at |File "|\.\.\. \d+ more|#\d+ )|^\s*goroutine \d+)"};
};

Words const& words() {
  static Words const made;
  return made;
}

bool has(RE2 const& expression, std::string_view line) {
  return RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), expression);
}

int score_of(std::string_view line) {
  if (has(words().frame, line)) return 0;
  int score = 0;
  if (has(words().severe, line)) score += 5;
  if (has(words().bad, line)) score += 3;
  if (score == 0 && has(words().warning, line)) score += 1;
  if (score > 0 && has(words().denied, line)) score -= 3;
  if (score > 0 && has(words().calm, line)) score -= 2;
  return score;
}

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

}  // namespace

std::vector<Candidate> candidates_of(std::string_view text) {
  std::map<std::string, Candidate> by_shape;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size(); ++number) {
    auto const end = std::min(text.find('\n', at), text.size());
    auto const line = text.substr(at, std::min(end - at, kMaxLine));
    at = end + 1;
    auto const score = score_of(line);
    if (score <= 0) continue;
    auto shape = shape_of(line);
    auto const known = by_shape.find(shape);
    if (known == by_shape.end() && by_shape.size() >= kMaxShapes) continue;
    auto& candidate = known == by_shape.end() ? by_shape[shape] : known->second;
    auto const count = known == by_shape.end() ? 1 : candidate.count + 1;
    candidate = {core::one_line(line, kMaxHighlightBytes), std::move(shape), score, number, count};
  }
  std::vector<Candidate> found;
  for (auto& [shape, candidate] : by_shape) found.push_back(std::move(candidate));
  std::ranges::sort(found, [](Candidate const& a, Candidate const& b) {
    return std::tuple(-a.score, ~a.line) < std::tuple(-b.score, ~b.line);
  });
  if (found.size() > 4 * kMaxHighlights) found.resize(4 * kMaxHighlights);
  return found;
}

std::vector<core::Highlight> pick_highlights(std::vector<core::Exhibit> const& exhibits,
                                             std::vector<std::vector<Candidate>> const& found) {
  struct Entry {
    std::size_t exhibit;
    Candidate const* candidate;
  };
  std::vector<Candidate> errors(exhibits.size());
  std::vector<Entry> all;
  for (std::size_t i = 0; i < exhibits.size(); ++i) {
    if (!exhibits[i].error.empty()) {
      auto const text = core::one_line(exhibits[i].error, kMaxHighlightBytes);
      errors[i] = {text, exhibits[i].name + ":" + text, 4, 0, 1};
      all.push_back({i, &errors[i]});
    }
    if (i >= found.size()) continue;
    for (auto const& candidate : found[i]) all.push_back({i, &candidate});
  }
  std::ranges::stable_sort(all, [&](Entry const& a, Entry const& b) {
    if (a.candidate->score != b.candidate->score) return a.candidate->score > b.candidate->score;
    return !is_attached(exhibits[a.exhibit]) && is_attached(exhibits[b.exhibit]);
  });
  std::vector<core::Highlight> picked;
  std::set<std::string> shapes;
  for (auto const& entry : all) {
    if (picked.size() >= kMaxHighlights) break;
    if (!shapes.insert(entry.candidate->shape).second) continue;
    auto const& candidate = *entry.candidate;
    auto const times = candidate.count > 1 ? " (" + std::to_string(candidate.count) + " times)" : std::string();
    picked.push_back(
        {exhibits[entry.exhibit].name, core::one_line(candidate.text, kMaxHighlightBytes - times.size()) + times});
  }
  return picked;
}

}  // namespace collectors
