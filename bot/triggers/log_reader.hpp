// Follows one log file: what was appended, also across rotation by renaming, truncation in place (copytruncate),
// deletion and a later appearance, and over a restart. Blocks on the file system: for a thread of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/process/fd.hpp"
#include "bot/triggers/line_splitter.hpp"

namespace triggers {

// How far a file was read. `tail`: the bytes before `offset` (at most 64): who finds others there looks at another
// content, whatever name and inode say.
struct LogPosition {
  std::uint64_t device = 0, inode = 0, offset = 0;
  std::string tail;
  bool in_long_line = false;  // the offset is inside of a line that is left out

  core::Json to_json() const;
  static std::optional<LogPosition> from_json(core::Json const& json);  // nothing: not what to_json() wrote
};

struct LogReaderSettings {
  std::string path;
  std::size_t max_line = 8u << 10;
  std::uint64_t max_catch_up = 64u << 20;  // what was written while nobody looked: more than its last part is left out
  std::size_t max_read = 4u << 20;         // of one read()
  // How often in a row a file that no longer stands at its path must show nothing new before it is let go: while its
  // successor is there, and while there is none. (A writer goes on into the old file until it is told.)
  unsigned polls_after_rotation = 8, polls_after_deletion = 240;
};

class LogReader {
 public:
  // `from`: where an earlier process stopped. Without it the file is read from its present end: what stands there is no
  // news. A file that appears later is read from its beginning.
  LogReader(LogReaderSettings settings, std::optional<LogPosition> from);

  struct Look {
    std::uint64_t bytes = 0;          // read
    bool more = false;                // ask again at once
    std::string problem{};            // why there is nothing to follow at the moment
    std::vector<std::string> said{};  // what the operator should know: sentences, each once
  };
  // Reads what is new, at most max_read bytes, and calls `lines` with stretches of whole lines. What it answers is how
  // many of those bytes it took: if not all, the rest comes again with the next read().
  Look read(std::function<std::size_t(std::string_view)> const& lines);

  // After read(): everything before it was taken. Nothing before the path was looked at for the first time, and while
  // the file can't be read.
  std::optional<LogPosition> position() const;

 private:
  bool open_path(Look& look);
  bool open_any(Look& look);
  bool open_left_behind(Look& look);  // the file of `from_`, renamed since
  bool open_next_between();           // of those that were begun and renamed after it
  void begin_at(std::uint64_t offset, bool in_long_line);
  bool content_changed(std::uint64_t size);
  std::string tail_before(std::uint64_t offset, int& error) const;  // of the open file
  void lose(Look& look, std::string problem);
  void tell(Look& look);  // its problem, once
  void take(std::function<std::size_t(std::string_view)> const& lines);
  void let_go(std::function<std::size_t(std::string_view)> const& lines);
  void look_for_rotation(Look& look, std::function<std::size_t(std::string_view)> const& lines);

  LogReaderSettings settings_;
  std::optional<LogPosition> from_;
  std::vector<process::Fd> between_;  // the oldest last
  bool first_ = true;                 // no file was seen yet
  process::Fd file_;
  std::uint64_t device_ = 0, inode_ = 0, offset_ = 0;  // offset_: read so far
  std::string tail_;                                   // the last bytes before offset_, at most 64
  LineSplitter splitter_;
  std::string waiting_;  // whole lines that were not taken yet
  std::uint64_t told_skipped_ = 0;
  unsigned still_polls_ = 0;
  int error_ = 0;  // of a read that failed
  std::string last_problem_;
};

}  // namespace triggers
