// A step's output on its way out: redacted and made visible before anything is cut, kept or shown, so that no cut can
// halve a secret. Pure; private to runbooks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/ports.hpp"

namespace runbooks {

inline constexpr std::size_t kMaxLineHeld = 64u << 10;  // of an unfinished line or key block: more passes in pieces
inline constexpr std::size_t kLineOverlap = 4u << 10;   // of such a piece stays behind: longer than any secret we know

// Keeps the beginning and the end of a text within a number of bytes. Cuts are said, and never inside a code point.
class HeadTail {
 public:
  explicit HeadTail(std::size_t max_bytes) : head_max_(max_bytes / 2), tail_max_(max_bytes - max_bytes / 2) {}
  void append(std::string_view text);
  bool truncated() const noexcept { return total_ > head_.size() + tail_.size() || tail_.size() > tail_max_; }
  std::string text() const;  // with a line "[N bytes left out]" where it was cut

 private:
  std::size_t head_max_, tail_max_;
  std::uint64_t total_ = 0;
  std::string head_{}, tail_{};
  bool head_full_ = false;
};

// Cuts `text` to `max_bytes`, the line that says so included.
std::string cut_middle(std::string_view text, std::size_t max_bytes);

class OutputFilter {
 public:
  using Sink = std::function<void(std::string_view text)>;

  // `sink` gets whole lines of clean text as soon as they are known.
  OutputFilter(ports::Redactor const& redactor, std::size_t keep_bytes, Sink sink);

  enum class Stream { out = 0, err = 1 };
  void append(Stream stream, std::string_view bytes);
  void note(std::string_view line);  // a line of ours
  void flush();                      // the writer has ended: unfinished lines are lines

  std::string text() const { return kept_.text(); }
  std::uint64_t total() const noexcept { return total_; }  // bytes given to append()
  bool truncated() const noexcept { return kept_.truncated(); }

 private:
  // One stream's unfinished part.
  struct Part {
    std::string held{};
    bool dropping = false;  // inside a key block that was too long to hold: nothing passes before its last line
  };
  void pass(Part& part, bool all);
  void clean(std::string text);
  static void hold(Part& part, std::string& ready);
  void drop(Part& part);

  ports::Redactor const& redactor_;
  Sink sink_;
  HeadTail kept_;
  std::array<Part, 2> parts_{};
  std::uint64_t total_ = 0;
};

}  // namespace runbooks
