#include "config/problems.hpp"

#include <algorithm>
#include <tuple>

namespace config {

namespace {

constexpr std::size_t kMaxProblems = 200;  // nobody reads more at once; a hostile file must not cost more

bool looks_secret(std::string_view text) {
  for (auto const prefix : {"xox", "xapp-", "-----BEGIN", "ghp_", "glpat-", "syt_"}) {
    if (text.starts_with(prefix)) return true;
  }
  if (text.size() < 24 || text.starts_with('/') || text.find("://") != std::string_view::npos) return false;
  bool letter = false, digit = false;
  for (char const c : text) {
    if (c == ' ' || c == '{') return false;
    letter = letter || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    digit = digit || (c >= '0' && c <= '9');
  }
  return letter && digit;
}

// Optimal string alignment: insert, delete, replace, swap neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t const change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

void Problems::add(Problem::Severity severity, Place place, std::string message, std::string hint) {
  if (severity == Problem::Severity::error) ++errors_;
  if (problems_.size() >= kMaxProblems) {
    cut_ = true;
    return;
  }
  problems_.push_back({severity, file_, place.line, place.column, std::move(message), std::move(hint)});
}

void Problems::error(Place place, std::string message, std::string hint) {
  add(Problem::Severity::error, place, std::move(message), std::move(hint));
}

void Problems::warning(Place place, std::string message, std::string hint) {
  add(Problem::Severity::warning, place, std::move(message), std::move(hint));
}

std::vector<Problem> Problems::take_sorted() {
  std::ranges::stable_sort(problems_, [](Problem const& a, Problem const& b) {
    return std::tie(a.line, a.column, a.severity, a.message) < std::tie(b.line, b.column, b.severity, b.message);
  });
  if (cut_) {
    auto const line = problems_.back().line, column = problems_.back().column;
    problems_.push_back({Problem::Severity::error, file_, line, column,
                         "there are more than " + std::to_string(kMaxProblems) + " problems; the rest is left out",
                         "mend these first"});
  }
  return std::move(problems_);
}

std::string shown(std::string_view text) {
  if (looks_secret(text)) return "[hidden]";
  std::string out = "\"";
  std::size_t characters = 0;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80 && ++characters > 40) return out + "…\"";
    out += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  return out + "\"";
}

std::string nearest(std::string_view word, std::vector<std::string> const& candidates) {
  if (word.size() > 64) return {};
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string found;
  for (auto const& candidate : candidates) {
    if (candidate.size() > 64) continue;
    if (auto const d = distance(word, candidate); d < best) {
      best = d;
      found = candidate;
    }
  }
  return found;
}

}  // namespace config
