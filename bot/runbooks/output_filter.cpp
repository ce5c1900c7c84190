#include "bot/runbooks/output_filter.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/text.hpp"

namespace runbooks {
namespace {

constexpr std::string_view kBegin = "-----BEGIN";  // RFC 7468: the one secret of ours that spans lines
constexpr std::string_view kEnd = "-----END";
constexpr std::size_t kMaxDrawn = 8u << 10;  // of a progress bar, held as one line; less than a piece of live output

std::string left_out(std::uint64_t bytes) { return "[" + std::to_string(bytes) + " bytes left out]\n"; }

// The longest beginning and end of whole lines that have at most `max_bytes`.
std::string_view first_lines(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  auto const feed = max_bytes == 0 ? std::string_view::npos : text.rfind('\n', max_bytes - 1);
  return feed == std::string_view::npos ? std::string_view() : text.substr(0, feed + 1);
}
std::string_view last_lines(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  auto const feed = text.find('\n', text.size() - max_bytes - 1);
  return feed == std::string_view::npos ? std::string_view() : text.substr(feed + 1);
}

}  // namespace

void HeadTail::append(std::string_view lines) {
  total_ += lines.size();
  (cut_ ? tail_ : head_) += lines;
  if (!cut_ && head_.size() > max_) {
    cut_ = true;
    auto const kept = first_lines(head_, max_ / 2).size();
    tail_ = head_.substr(kept);
    head_.resize(kept);
  }
  if (tail_.size() > 2 * (max_ - head_.size())) tail_ = std::string(tail());
}

std::string_view HeadTail::tail() const { return last_lines(tail_, max_ - head_.size()); }

std::string HeadTail::text() const {
  if (!cut_) return head_;
  auto const last = tail();
  return head_ + left_out(total_ - head_.size() - last.size()) + std::string(last);
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
    if (part.held.empty() && !part.dropping && !part.skipping) continue;
    pass(part, /*all=*/true);
    part = Part{};
  }
}

void OutputFilter::pass(Part& part, bool all) {
  if (part.skipping) skip(part);
  if (part.skipping) return;  // it has not ended
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
  if (part.held.size() <= kMaxDrawn) return;
  bool const key = part.held.find(kBegin) != std::string::npos;
  if (auto const back = part.held.rfind('\r', part.held.size() - 2); !key && back != std::string::npos)
    draw(part, back);  // not at the very end: a line feed may follow
  if (part.held.size() <= kMaxLineHeld) return;
  if (key) return drop(part);
  // Whatever part of it were shown could end in half a secret of a kind that only the service knows.
  note("[a line of more than " + std::to_string(kMaxLineHeld >> 10) + " KiB left out]");
  part.skipping = left_out_ = true;
  skip(part);
}

// A progress bar: what its last carriage return ended is as whole as a line.
void OutputFilter::draw(Part& part, std::size_t back) {
  auto drawn = part.held.substr(0, back);
  part.held.erase(0, back + 1);
  redactor_.redact(drawn);
  drawn += '\r';
  std::ranges::replace(drawn, '\r', '\n');  // a single line of this size fits into no piece of live output
  show(drawn);
}

// Leaves out the rest of a line, and with it a key block that begins there: its next lines alone look like none.
void OutputFilter::skip(Part& part) {
  auto const end = part.held.find('\n');
  if (auto const begin = part.held.find(kBegin); begin < end) {
    part.held.erase(0, begin);
    part.skipping = false;
    part.dropping = true;
    return note("[redacted: a key block]");
  }
  if (end != std::string::npos) {
    part.held.erase(0, end + 1);
    part.skipping = false;
  } else if (part.held.size() >= kBegin.size()) {
    part.held.erase(0, part.held.size() - kBegin.size() + 1);  // enough to recognise a beginning in two pieces
  }
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
  part.dropping = left_out_ = true;
  note("[redacted: a key block without an end]");
}

void OutputFilter::clean(std::string text) {
  redactor_.redact(text);
  show(text);
}

void OutputFilter::show(std::string_view text) {
  auto const shown = core::visible_text(text);
  kept_.append(shown);
  if (sink_) sink_(shown);
}

}  // namespace runbooks
