// The service's part of the state directory: what must survive a restart but is no entry.
//
//   STATE/serve.lock      held by flock while the service lives
//   STATE/fsync-failed    JSON: the last acknowledged entry; see recovery.hpp
//   SIDE/side.jsonl       what had to act at once while the ledger could not be written
//
// The runner's part of the same directory: bot/runbooks/state_files.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "ledger/file_ops.hpp"

namespace ledger {

using core::Result;

// A file lock (flock) that lasts as long as the object or the process.
class FileLock {
 public:
  // conflict when another process (or another FileLock of ours) holds it; `what` names the role in that message.
  static Result<FileLock> take(std::filesystem::path const& file, std::string_view what);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();
  int descriptor() const noexcept { return fd_; }

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// STATE/fsync-failed.
struct FsyncMarker {
  core::Receipt acknowledged;
  std::vector<std::string> suspects;  // pack names without ending
  std::string message;                // what failed, for people
  core::Time time{};
};

// All functions may be called from any thread; each call is one or a few system calls.
class StateDir {
 public:
  // Makes the directories (0700) where they are missing.
  static Result<StateDir> open(std::filesystem::path state, std::filesystem::path side,
                               FileOps& files = FileOps::real());

  std::filesystem::path const& path() const noexcept { return state_; }
  std::filesystem::path const& side_path() const noexcept { return side_; }

  Result<FileLock> lock_serve() const;

  Result<void> mark_fsync_failed(FsyncMarker const& marker) const;
  Result<std::optional<FsyncMarker>> fsync_failed() const;  // corrupt when it is there and can't be read
  Result<void> clear_fsync_failed() const;

  // The side file: one JSON value a line. A torn last line (a kill during append) is left out by side_read.
  // Durable on success. fsync_failed: nobody knows whether side_read will find it; any other error: it will not.
  Result<void> side_append(core::Json const& value) const;
  Result<std::vector<core::Json>> side_read() const;
  Result<void> side_clear() const;

 private:
  StateDir(std::filesystem::path state, std::filesystem::path side, FileOps& files)
      : state_(std::move(state)), side_(std::move(side)), files_(&files) {}
  std::filesystem::path state_, side_;
  FileOps* files_;
};

}  // namespace ledger
