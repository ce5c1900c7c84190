// What a configuration looked like when all was well: kept for the collector `config`.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/time.hpp"

namespace collectors {

// One file of a configuration (or a command's output) as it may be kept and shown.
struct ConfigFile {
  std::string path;
  std::string text;         // redacted, visible
  std::uint64_t bytes = 0;  // as it was on disk
  core::Time changed;       // modification time; the epoch where there is none
  friend bool operator==(ConfigFile const& a, ConfigFile const& b) { return a.path == b.path && a.text == b.text; }
};

struct ConfigVersion {
  std::vector<ConfigFile> files;  // by path
  friend bool operator==(ConfigVersion const&, ConfigVersion const&) = default;
};

struct GoodVersion {
  ConfigVersion version;
  core::Time at;    // when it was found good
  std::string how;  // "when the service first saw it", "after a run that succeeded": ends a sentence
};

inline constexpr auto kSettled = std::chrono::minutes(10);  // to stand so long while all is well makes a version good
inline constexpr std::size_t kMaxGoodBytes = 2u << 20;      // of one file of ours

// A file for each collector in one folder, replaced as a whole; readable for the service alone. Nothing unredacted ever
// gets here. Called on worker threads.
class GoodVersions {
 public:
  // The folder is made when first written to.
  explicit GoodVersions(std::string folder) : folder_(std::move(folder)) {}

  // The last good version of a collector; nothing when there is none, or when it was kept for another `source` (what
  // the collector reads: after a change of that, all begins anew), or can't be read.
  std::optional<GoodVersion> find(std::string const& key, std::string const& source);

  // A look while the service works: the first one ever is good; later ones become good once they stood for kSettled
  // while `well` held at each look.
  core::Result<void> look(std::string const& key, std::string const& source, ConfigVersion const& version, bool well,
                          core::Time now);
  // Good at once, whatever was before.
  core::Result<void> keep(std::string const& key, std::string const& source, ConfigVersion const& version,
                          core::Time now, std::string const& how);

 private:
  struct Candidate {
    ConfigVersion version;
    core::Time since;
  };
  std::optional<GoodVersion> read(std::string const& key, std::string const& source) const;
  core::Result<void> write(std::string const& key, std::string const& source, GoodVersion const& good);

  std::mutex mutex_;
  std::string folder_;
  std::map<std::string, Candidate> candidates_;
};

}  // namespace collectors
