// Collector `config`: what a configuration says now, and how it differs from the last good version.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/good_versions.hpp"

namespace collectors {

struct ConfigSettings {
  std::string key;   // of the collector: its good version is kept under it
  std::string path;  // absolute: a file, a folder or a glob (walk.hpp); no {{label}}: it is looked at all the time
  std::vector<std::string> run;  // instead of `path`: a command whose output is the configuration
  core::Duration timeout{10'000};
  std::size_t max_bytes = 64u << 10;   // of the exhibit: changes first, then contents
  std::shared_ptr<GoodVersions> good;  // required
};

inline constexpr std::size_t kMaxConfigFiles = 50;
inline constexpr std::size_t kMaxConfigFileBytes = 256u << 10;  // of one file
inline constexpr std::size_t kMaxConfigBytes = 768u << 10;      // of all of them

// How the configuration is now. Links below a folder or glob are shown as links ("-> target"), binary files by their
// size. Errors: nothing there, more than the limits above, a command that failed; then nothing may be called good.
core::Result<ConfigVersion> read_config(ConfigSettings const& settings, Context const& context);
// What the settings read, in words: a good version of another source is none.
std::string config_source(ConfigSettings const& settings);

// What stands in the exhibit: a line with a time for each file that changed, a unified diff, the contents. Pure.
// `changes` hears how many files differ.
std::string config_report(ConfigVersion const& now, std::optional<GoodVersion> const& good, std::size_t* changes);

std::unique_ptr<Collector> make_config_collector(ConfigSettings settings);

}  // namespace collectors
