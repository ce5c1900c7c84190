#include "bot/runbooks/output_filter.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/text.hpp"

namespace runbooks {
namespace {

constexpr std::string_view kBegin = "-----BEGIN";  // RFC 7468: the one secret of ours that spans lines
constexpr std::string_view kEnd = "-----END";

std::string left_out(std::uint64_t bytes) { return "[" + std::to_string(bytes) + " bytes left out]\n"; }

}  // namespace

void HeadTail::append(std::string_view text) {
  total_ += text.size();
  if (!head_full_) {
    auto const part = core::utf8_prefix(text, head_max_ - head_.size());
    head_ += part;
    text.remove_prefix(part.size());
    head_full_ = !text.empty();
  }
  if (text.empty()) return;
  if (text.size() > tail_max_) {
    tail_.clear();
    text = core::utf8_suffix(text, tail_max_);
  }
  tail_ += text;
  if (tail_.size() > 2 * tail_max_) tail_ = std::string(core::utf8_suffix(tail_, tail_max_));
}

std::string HeadTail::text() const {
  auto const tail = core::utf8_suffix(tail_, tail_max_);
  auto const missing = total_ - head_.size() - tail.size();
  std::string text = head_;
  if (missing > 0) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += left_out(missing);
  }
  text += tail;
  return text;
}

std::string cut_middle(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  auto const note = left_out(text.size()).size() + 1;
  HeadTail kept(max_bytes > note ? max_bytes - note : 0);
  kept.append(text);
  return kept.text();
}

OutputFilter::OutputFilter(ports::Redactor const& redactor, std::size_t keep_bytes, Sink sink)
    : redactor_(redactor), sink_(std::move(sink)), kept_(keep_bytes) {}

void OutputFilter::append(Stream stream, std::string_view bytes) {
  total_ += bytes.size();
  auto& part = parts_[static_cast<std::size_t>(stream)];
  part.held += bytes;
  pass(part, /*all=*/false);
}

void OutputFilter::note(std::string_view line) { clean(std::string(line) + "\n"); }

void OutputFilter::flush() {
  for (auto& part : parts_) {
    if (part.held.empty() && !part.dropping) continue;
    pass(part, /*all=*/true);
    part = Part{};
  }
}

void OutputFilter::pass(Part& part, bool all) {
  if (part.dropping) {
    auto const end = part.held.find(kEnd);
    if (end == std::string::npos) {
      // Enough stays to recognise an end that arrives in two pieces.
      if (part.held.size() > kEnd.size()) part.held.erase(0, part.held.size() - kEnd.size());
      return;
    }
    auto const line = part.held.find('\n', end);
    if (line == std::string::npos) {
      part.held.resize(end + kEnd.size());
      part.held.erase(0, end);
      return;
    }
    part.held.erase(0, line + 1);
    part.dropping = false;
  }
  if (all) {
    if (part.held.empty()) return;
    if (part.held.back() != '\n') part.held += '\n';
    clean(std::exchange(part.held, {}));
    return;
  }
  auto const last = part.held.rfind('\n');
  if (last != std::string::npos) {
    std::string ready = part.held.substr(0, last + 1);
    part.held.erase(0, last + 1);
    hold(part, ready);
    if (!ready.empty()) clean(std::move(ready));
  }
  if (part.held.size() <= kMaxLineHeld) return;
  if (part.held.find(kBegin) != std::string::npos) return drop(part);
  // A line without an end. What the redactor could not yet recognise as a whole lies in the overlap.
  redactor_.redact(part.held);
  if (part.held.size() <= kLineOverlap) return;
  auto const piece = core::utf8_prefix(part.held, part.held.size() - kLineOverlap);
  std::string ready{piece};
  part.held.erase(0, ready.size());
  clean(ready + "\n");
}

// Keeps an unfinished key block behind.
void OutputFilter::hold(Part& part, std::string& ready) {
  auto const begin = ready.rfind(kBegin);
  if (begin == std::string::npos || ready.find(kEnd, begin) != std::string::npos) return;
  auto const line = ready.rfind('\n', begin);
  auto const from = line == std::string::npos ? 0 : line + 1;
  part.held.insert(0, ready, from);
  ready.erase(from);
}

// Too long for a key block: nothing of it passes.
void OutputFilter::drop(Part& part) {
  part.held.clear();
  part.dropping = true;
  note("[redacted: a key block without an end]");
}

void OutputFilter::clean(std::string text) {
  redactor_.redact(text);
  auto const shown = core::visible_text(text);
  kept_.append(shown);
  if (sink_) sink_(shown);
}

}  // namespace runbooks
