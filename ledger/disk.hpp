// Files and folders as the ledger handles them: descriptors that close themselves, whole writes, syncs, and one
// translation of errno into core::Error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "bot/core/error.hpp"
#include "ledger/file_ops.hpp"

namespace ledger::disk {

using core::Result;
using std::filesystem::path;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

// no_space for ENOSPC and EDQUOT, not_found for ENOENT, conflict for EEXIST, forbidden for EACCES, EPERM and EROFS,
// else io. "writing FILE: No space left on device".
core::Error error_of(int errno_value, std::string_view doing, path const& file);

Result<Fd> open_to_read(path const& file);
Result<Fd> create_new(path const& file, unsigned mode);  // O_EXCL, write only
Result<void> write_all(FileOps& ops, int fd, std::string_view bytes, path const& file);
Result<void> sync(FileOps& ops, int fd, path const& file);  // every error but no_space is fsync_failed
void start_writeback(int fd) noexcept;                      // a hint: begins to write, promises nothing
Result<void> sync_folder(FileOps& ops, path const& folder);
Result<std::string> read_all(path const& file, std::uint64_t max_bytes);  // too_large beyond
bool has_room(FileOps& ops, path const& folder);  // a file of 256 KiB, written, synced and removed again
bool unlink_file(path const& file) noexcept;      // true when it is gone afterwards

// A new file with these bytes, synced, and its folder synced. conflict when it exists.
Result<void> write_new_durable(FileOps& ops, path const& file, std::string_view bytes, unsigned mode);

// A whole file, read only, mapped; stays valid after the file is unlinked.
class Map {
 public:
  static Result<Map> open(path const& file);
  Map() = default;
  Map(Map&& other) noexcept;
  Map& operator=(Map&& other) noexcept;
  ~Map();
  std::string_view bytes() const noexcept { return {static_cast<char const*>(address_), size_}; }
  // The pages that were looked at no longer count as this process's memory; they are mapped again when looked at.
  void release_pages() const noexcept;

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ledger::disk
