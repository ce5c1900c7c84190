// WebSocket frames as bytes on the wire (RFC 6455 section 5.2). Internal to this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace playground {

inline constexpr unsigned kPingFrame = 0x9, kPongFrame = 0xA;  // opcodes

// Follows a stream of WebSocket frames (RFC 6455 section 5.2), so that a PING can be put between two of them.
class WireFrames {
 public:
  // Feeds bytes; answers how many frames with this opcode began in them.
  std::uint64_t feed(std::string_view bytes, unsigned opcode) {
    std::uint64_t found = 0;
    while (!bytes.empty()) {
      if (payload_ > 0) {
        auto const part = std::min<std::uint64_t>(payload_, bytes.size());
        payload_ -= part;
        bytes.remove_prefix(static_cast<std::size_t>(part));
        continue;
      }
      head_ += bytes.front();
      bytes.remove_prefix(1);
      if (head_.size() < 2) continue;
      auto const second = static_cast<unsigned char>(head_[1]);
      auto const length = second & 0x7Fu;
      auto const extended = length == 126 ? 2u : length == 127 ? 8u : 0u;
      if (head_.size() < 2 + extended + ((second & 0x80u) != 0 ? 4u : 0u)) continue;
      payload_ = extended == 0 ? length : 0;
      for (std::size_t i = 0; i < extended; ++i) payload_ = payload_ << 8 | static_cast<unsigned char>(head_[2 + i]);
      if ((static_cast<unsigned char>(head_[0]) & 0x0Fu) == opcode) ++found;
      head_.clear();
    }
    return found;
  }
  bool between() const { return payload_ == 0 && head_.empty(); }

 private:
  std::string head_;
  std::uint64_t payload_ = 0;
};

}  // namespace playground
