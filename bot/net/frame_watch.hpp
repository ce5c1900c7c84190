// Counts the frames of a WebSocket's bytes as they come (RFC 6455, section 5.2): Beast tells nobody of fragments, least
// of all of empty ones. Judges nothing; that is Beast's work. Pure; private to net.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace net::detail {

class FrameWatch {
 public:
  // `after_head`: the answer to the upgrade comes first, up to its empty line.
  explicit FrameWatch(bool after_head) : in_head_(after_head) {}

  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        auto const count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        left_ -= count;
        bytes.remove_prefix(count);
        if (left_ == 0) frame_ended();
        continue;
      }
      seen_ += bytes.front();
      bytes.remove_prefix(1);
      in_head_ ? look_for_end_of_head() : look_at_frame();
    }
  }

  // The most data frames that a message had so far, the one under way too.
  std::size_t most_fragments() const { return most_fragments_; }
  // A message or a frame has begun and not ended; `ended()` says which it is: it is another number for the next one.
  bool under_way() const { return !in_head_ && (open_ || left_ > 0 || !seen_.empty()); }
  std::uint64_t ended() const { return ended_; }

 private:
  void look_for_end_of_head() {
    if (seen_.size() > 4) seen_.erase(0, 1);
    if (seen_ != "\r\n\r\n") return;
    in_head_ = false;
    seen_.clear();
  }

  void look_at_frame() {
    auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(seen_[at]); };
    if (seen_.size() < 2) return;
    std::size_t const length = byte(1) & 127u, more = length == 127 ? 8 : length == 126 ? 2 : 0;
    if (seen_.size() < 2 + more + ((byte(1) & 128u) != 0 ? 4 : 0)) return;
    left_ = more == 0 ? length : 0;
    for (std::size_t at = 2; at < 2 + more; ++at) left_ = left_ << 8 | byte(at);
    data_ = (byte(0) & 8u) == 0;
    last_ = (byte(0) & 128u) != 0;
    seen_.clear();
    if (data_) {
      open_ = true;
      most_fragments_ = std::max(most_fragments_, ++fragments_);
    }
    if (left_ == 0) frame_ended();
  }

  void frame_ended() {
    if (data_ && last_) {
      open_ = false;
      fragments_ = 0;
    }
    if (!open_) ++ended_;
  }

  std::string seen_{};  // of a frame's header, or the last bytes of the upgrade's
  std::uint64_t left_ = 0, ended_ = 0;
  std::size_t fragments_ = 0, most_fragments_ = 0;
  bool in_head_, open_ = false, data_ = false, last_ = false;
};

}  // namespace net::detail
