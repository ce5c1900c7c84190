#include "collectors/private_keys.hpp"

#include <algorithm>
#include <cctype>

namespace collectors {
namespace {

constexpr std::string_view kWords = "PRIVATE KEY";
constexpr std::size_t kMaxLabel = 48;    // "-----BEGIN ENCRYPTED " and its like in front of kWords
constexpr std::size_t kLookAhead = 400;  // behind a BEGIN: headers, then the first line of base64

struct Marker {
  Extent where;  // with its dashes
  bool begin = false;
};

bool is_base64(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/' || c == '='; }

// The next marker at or behind `from`.
bool next_marker(std::string_view text, std::size_t from, Marker& marker) {
  for (auto at = text.find(kWords, from); at != std::string_view::npos; at = text.find(kWords, at + kWords.size())) {
    auto const low = at - std::min(at, kMaxLabel);
    auto const label = text.substr(low, at - low);
    auto const begin = label.rfind("BEGIN ");
    auto const end = label.rfind("END ");
    bool const begins = begin != std::string_view::npos && (end == std::string_view::npos || begin > end);
    auto start = begins ? begin : end;
    if (start == std::string_view::npos || label.find('\n', start) != std::string_view::npos) continue;
    auto const is_rule = [](char c) { return c == '-' || c == ' '; };
    if (start == 0 || !is_rule(label[start - 1])) continue;
    while (start > 0 && is_rule(label[start - 1])) --start;
    auto stop = at + kWords.size();
    if (text.substr(stop).starts_with(" BLOCK")) stop += 6;
    while (stop < text.size() && is_rule(text[stop])) ++stop;
    marker = {{std::max(low + start, from), stop}, begins};
    return true;
  }
  return false;
}

// Whether key material follows a BEGIN whose END is missing: a long run of base64, or the text ends right there.
bool is_cut_off(std::string_view rest, bool more) {
  if (!more && rest.size() < kLookAhead / 2) return true;
  std::size_t run = 0;
  for (char const c : rest.substr(0, kLookAhead)) {
    run = is_base64(c) ? run + 1 : 0;
    if (run >= 40) return true;
  }
  return false;
}

}  // namespace

std::vector<Extent> find_private_keys(std::string_view text) {
  std::vector<Extent> found;
  std::size_t at = 0;
  Marker marker;
  while (next_marker(text, at, marker)) {
    auto block = marker.where;
    if (!marker.begin) {
      while (block.begin > at && (is_base64(text[block.begin - 1]) || text[block.begin - 1] == '\\' ||
                                  text[block.begin - 1] == '\n' || text[block.begin - 1] == '\r')) {
        --block.begin;
      }
      // What stands alone on the line before the block stays on its own line.
      if (block.begin < marker.where.begin && text[block.begin] == '\n') ++block.begin;
    } else {
      Marker next;
      bool const more = next_marker(text, block.end, next);
      auto const limit = more ? next.where.begin : text.size();
      if (more && !next.begin) {
        block.end = next.where.end;
      } else if (is_cut_off(text.substr(block.end, limit - block.end), more)) {
        block.end = limit;
      }
    }
    while (block.end > block.begin && text[block.end - 1] == ' ') --block.end;
    found.push_back(block);
    at = std::max(block.end, at + 1);
  }
  return found;
}

}  // namespace collectors
