#include "collectors/collector.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"
#include "bot/core/plain_text.hpp"
#include "bot/core/text.hpp"

namespace collectors {
namespace {

constexpr std::size_t kLineSearch = 4u << 10;  // a line border this near to a cut is preferred

std::string_view head_of(std::string_view text, std::size_t max_bytes) {
  auto const part = core::utf8_prefix(text, max_bytes);
  auto const feed = part.rfind('\n');
  if (feed == std::string_view::npos || part.size() - feed > kLineSearch) return part;
  return part.substr(0, feed + 1);
}

std::string_view tail_of(std::string_view text, std::size_t max_bytes) {
  auto const part = core::utf8_suffix(text, max_bytes);
  auto const before = text.size() - part.size();
  if (before > 0 && text[before - 1] == '\n') return part;
  auto const feed = part.find('\n');
  if (feed == std::string_view::npos || feed > kLineSearch || feed + 1 == part.size()) return part;
  return part.substr(feed + 1);
}

}  // namespace

bool cut_text(std::string& text, std::size_t max_bytes, Keep keep) {
  if (text.size() <= max_bytes) return false;
  if (keep == Keep::head) {
    text.resize(head_of(text, max_bytes).size());
  } else if (keep == Keep::tail) {
    text.erase(0, text.size() - tail_of(text, max_bytes).size());
  } else {
    auto const head = head_of(text, max_bytes / 2);
    auto const tail = tail_of(text, max_bytes / 2);
    auto note = "… " + std::to_string(text.size() - head.size() - tail.size()) + " bytes left out …\n";
    if (!head.empty() && head.back() != '\n') note.insert(note.begin(), '\n');
    text = std::string(head) + note + std::string(tail);
  }
  return true;
}

void fill_text(core::Exhibit& exhibit, std::string raw, std::uint64_t total, Context const& context,
               std::size_t max_bytes, Keep keep) {
  exhibit.total_bytes = total;
  if (!core::make_text(raw)) {
    exhibit.error = "It holds binary data (" + std::to_string(total) + " bytes" +
                    (raw.size() == total ? ", " + core::digest_of(raw) : "") + "), which is not shown.";
    return;
  }
  exhibit.redactions += context.redactor->redact(raw);
  exhibit.bytes = core::visible_text(raw);
  auto const cut = cut_text(exhibit.bytes, max_bytes, keep);
  exhibit.truncated = exhibit.truncated || cut;
}

core::Result<std::string> expand(std::string_view text, std::map<std::string, std::string> const& labels) {
  std::string out;
  while (true) {
    auto const open = text.find("{{");
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    auto const close = text.find("}}", open);
    if (close == std::string_view::npos) {
      return core::make_error(core::Errc::bad_input, "A '{{' has no '}}'.");
    }
    auto name = text.substr(open + 2, close - open - 2);
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    auto const label = labels.find(std::string(name));
    if (label == labels.end()) {
      return core::make_error(core::Errc::bad_input,
                              "The case has no label or parameter '" + core::printable_ascii(name, 64) + "'.");
    }
    out += label->second;
    text.remove_prefix(close + 2);
  }
}

}  // namespace collectors
