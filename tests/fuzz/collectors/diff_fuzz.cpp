// Whatever two texts are: the diff, applied by the few lines below, makes the new one of the old one.
#include <charconv>
#include <vector>

#include "collectors/unified_diff.hpp"
#include "tests/fuzz/collectors/checks.hpp"

namespace {

// Lines with their line feeds.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

std::string apply(std::string const& old_text, std::string const& diff) {
  auto const before = lines_of(old_text), patch = lines_of(diff);
  std::string out;
  std::size_t next = 0, at = 2;  // behind --- and +++
  while (at < patch.size()) {
    fuzz::require(patch[at].starts_with("@@ -"), "a hunk has a head");
    std::size_t begin = 0, count = 1;
    auto const* const end = patch[at].data() + patch[at].size();
    auto result = std::from_chars(patch[at].data() + 4, end, begin);
    if (*result.ptr == ',') result = std::from_chars(result.ptr + 1, end, count);
    auto const start = count == 0 ? begin : begin - 1;
    fuzz::require(start >= next && start <= before.size(), "hunks are in order");
    while (next < start) out += before[next++];
    for (++at; at < patch.size() && !patch[at].starts_with("@@"); ++at) {
      auto body = patch[at].substr(1);
      bool const open_end = at + 1 < patch.size() && patch[at + 1].starts_with("\\ No newline");
      if (open_end) body.pop_back();
      if (patch[at][0] == '+') {
        out += body;
      } else {
        fuzz::require(next < before.size() && before[next] == body, "what is kept or removed is there");
        if (patch[at][0] == ' ') out += body;
        ++next;
      }
      if (open_end) ++at;
    }
  }
  while (next < before.size()) out += before[next++];
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  auto const bytes = fuzz::text_of(data, size);
  if (bytes.empty()) return 0;
  auto const middle = static_cast<unsigned char>(bytes[0]) * (bytes.size() - 1) / 255;
  auto const before = bytes.substr(1, middle), after = bytes.substr(1 + middle);
  for (std::size_t const most : {std::size_t{2000}, std::size_t{3}}) {
    auto const diff = collectors::unified_diff(before, after, "a", "b", {.context = 3, .max_edits = most});
    fuzz::require(diff.text.empty() == (before == after), "no diff means the same text");
    if (!diff.text.empty()) fuzz::require(apply(before, diff.text) == after, "applied, it makes the new text");
  }
  return 0;
}
