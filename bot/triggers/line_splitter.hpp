// Bytes of a text file into whole lines, whatever the bytes are. Pure; memory is bounded by the longest line that is
// taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace triggers {

class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_line) : max_line_(max_line) {}

  // Calls `take` with stretches of whole lines, in order: each ends with a line feed and holds no line of more than
  // max_line bytes (the line feed not counted). A longer line is left out, however long it gets. NUL bytes where a line
  // would begin are left out: a file that was truncated under its writer has a hole there.
  void feed(std::string_view bytes, std::function<void(std::string_view)> const& take);
  // The last line, which has no line feed; empty if there is none. The next feed() begins a line.
  std::string finish();

  // Bytes of the line that has not ended, but for those of a line that is left out: whoever begins anew at this
  // distance before the end of what was fed loses nothing.
  std::size_t pending() const noexcept { return rest_.size(); }
  bool skipping() const noexcept { return skipping_; }  // in the middle of a line that is left out
  void skip_first() noexcept { skipping_ = true; }      // what comes first is the rest of a line: leave it out
  std::uint64_t skipped_lines() const noexcept { return skipped_lines_; }
  std::uint64_t skipped_bytes() const noexcept { return skipped_bytes_; }

 private:
  void give(std::string_view lines, std::function<void(std::string_view)> const& take);
  void give_plain(std::string_view lines, std::function<void(std::string_view)> const& take);

  std::size_t max_line_;
  std::string rest_;
  bool skipping_ = false;
  std::uint64_t skipped_lines_ = 0, skipped_bytes_ = 0;
};

}  // namespace triggers
