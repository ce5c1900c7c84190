// A step's output on its way out: redacted and made visible before anything is cut, kept or shown, so that no cut can
// halve a secret of a built-in kind. The configured kinds the service alone knows: every cut is between two lines, so
// that it still sees them whole. Pure; private to runbooks.
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

inline constexpr std::size_t kMaxLineHeld = 64u << 10;  // of an unfinished line or key block: more is left out

// Keeps the first and the last lines of a text within a number of bytes. Never a part of a line: one that is too long
// is left out.
class HeadTail {
 public:
  explicit HeadTail(std::size_t max_bytes) : max_(max_bytes) {}
  void append(std::string_view lines);  // whole ones; the last of all may lack its line feed
  bool truncated() const noexcept { return cut_; }
  std::string text() const;  // with a line "[N bytes left out]" where it was cut

 private:
  std::string_view tail() const;
  std::size_t max_;
  std::uint64_t total_ = 0;
  std::string head_{}, tail_{};  // before the first cut all of it is in the head
  bool cut_ = false;
};

// Cuts `text` to `max_bytes` of whole lines, the line that says so included.
std::string cut_middle(std::string_view text, std::size_t max_bytes);

class OutputFilter {
 public:
  using Sink = std::function<void(std::string_view text)>;

  // `sink` gets whole lines of clean text as soon as they are known; of one that is too long it is only told.
  OutputFilter(ports::Redactor const& redactor, std::size_t keep_bytes, Sink sink);

  enum class Stream { out = 0, err = 1 };
  void append(Stream stream, std::string_view bytes);
  void note(std::string_view line);  // a line of ours
  void flush();                      // the writer has ended: unfinished lines are lines

  std::string text() const { return kept_.text(); }
  std::uint64_t total() const noexcept { return total_; }                     // bytes given to append()
  bool truncated() const noexcept { return left_out_ || kept_.truncated(); }  // it is not all in text()

 private:
  // One stream's unfinished part.
  struct Part {
    std::string held{};
    bool dropping = false;  // inside a key block that was too long to hold: nothing passes before its last line
    bool skipping = false;  // inside a line that was too long to hold: nothing passes before its end
  };
  void pass(Part& part, bool all);
  void skip(Part& part);
  void draw(Part& part, std::size_t back);
  void clean(std::string text);
  void show(std::string_view text);  // redacted
  static void hold(Part& part, std::string& ready);
  void drop(Part& part);

  ports::Redactor const& redactor_;
  Sink sink_;
  HeadTail kept_;
  std::array<Part, 2> parts_{};
  std::uint64_t total_ = 0;
  bool left_out_ = false;  // a line or a key block was too long to hold
};

}  // namespace runbooks
