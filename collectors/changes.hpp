// Collector `changes`: what changed on this host in the time before the case.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "collectors/collector.hpp"

namespace collectors {

struct ChangesSettings {
  core::Duration since = std::chrono::hours(24);  // before the time that matters
  bool packages = true;                           // what dpkg logged
  bool units = true;                              // systemd's unit files, and starts of services
  std::vector<std::string> files;                 // absolute paths, folders or globs (walk.hpp); no {{label}}
  core::Duration timeout{10'000};
  std::size_t max_bytes = 64u << 10;
  // Where this is read from.
  std::string dpkg_log = "/var/log/dpkg.log";  // and its rotated neighbours .1, .2.gz …
  std::vector<std::string> unit_folders{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system",
                                        "/usr/local/lib/systemd/system"};
  std::string started_folder = "/run/systemd/units";  // "invocation:web.service", a link made anew at each start
};

// A line each, newest first: time, what kind (package, unit, file), what. Nothing is asked of systemd itself: its files
// tell. A file is "written" when its content changed, "changed (owner, mode or name)" when only its status did.
std::unique_ptr<Collector> make_changes_collector(ChangesSettings settings);

}  // namespace collectors
