// Looks for files by path, folder or glob: bounded, and never through a link that it finds on its way.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"
#include "bot/process/fd.hpp"

namespace collectors {

struct WalkLimits {
  std::size_t max_entries = 20'000;  // looked at, over the whole walk
  std::size_t max_depth = 12;        // folders below the first
  std::function<bool()> stop{};      // asked at each entry: out of time?
};

struct WalkEnd {
  bool complete = true;  // false: a limit ended it
  std::size_t entries = 0;
  std::string error;  // the place itself can't be looked at; empty otherwise
};

struct WalkedFile {
  std::string path;
  struct stat status;  // of the entry itself: a link is a link
  int folder = -1;     // descriptor of its folder, valid during the call
  std::string name;    // in that folder
};

// Calls `found` for each file and link (no folders) that `pattern` names: an absolute path of a file, of a folder (all
// below it), or a glob with '*', '?' and '[…]' in any part ("**" is no more than "*"); a folder that a glob names is
// walked too. Links in the part before the first wildcard are the operator's own words and are followed, and so is a
// single file's; those that turn up below are reported and not followed. Order is that of the names.
WalkEnd walk(std::string const& pattern, WalkLimits const& limits, std::function<void(WalkedFile const&)> const& found);

bool is_glob(std::string_view pattern);

}  // namespace collectors
