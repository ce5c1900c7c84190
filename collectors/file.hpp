// Collector `file`: the end of a file, usually a log.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "collectors/collector.hpp"

namespace collectors {

struct FileSettings {
  std::string path;  // absolute; {{label}} may stand for a part of a name: a value with '/' or ".." in it is refused
  std::optional<core::Duration> since;  // only lines from so long before the time that matters, as far as lines tell
  std::size_t max_bytes = 64u << 10;    // of the end
};

// Regular files only, also through symbolic links: a FIFO, a device or a folder is an error at once and is never opened
// for reading, so nothing can hang on it (a dead network file system can; then this worker waits for the kernel).
// Files of /proc, which have no size, are read from their beginning.
std::unique_ptr<Collector> make_file_collector(FileSettings settings);

}  // namespace collectors
