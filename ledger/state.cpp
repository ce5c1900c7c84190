#include "ledger/state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ledger/disk.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxMarker = 1 << 20;
constexpr std::uint64_t kMaxSide = 64UL << 20;  // some 100,000 votes; beyond, something is badly wrong

Result<int> lock_file(fs::path const& file, std::string_view what) {
  int const fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return disk::error_of(errno, "opening the lock", file);
  int code = 0;
  do {
    code = ::flock(fd, LOCK_EX | LOCK_NB);
  } while (code != 0 && errno == EINTR);
  if (code == 0) return fd;
  int const reason = errno;
  ::close(fd);
  if (reason == EWOULDBLOCK)
    return make_error(Errc::conflict, "Another process is " + std::string(what) + " (it holds " + file.string() +
                                          "): stop that one first, there can be only one.");
  return disk::error_of(reason, "locking", file);
}

}  // namespace

Result<FileLock> FileLock::take(fs::path const& file, std::string_view what) {
  auto fd = lock_file(file, what);
  if (!fd) return fd.error();
  return FileLock(*fd);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<StateDir> StateDir::open(fs::path state, fs::path side, FileOps& files) {
  for (auto const& folder : {state, side}) {
    std::error_code error;
    if (fs::is_directory(folder, error)) continue;
    auto const parent = folder.parent_path();
    if (!parent.empty()) fs::create_directories(parent, error);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return disk::error_of(errno, "creating", folder);
    if (!parent.empty()) {
      if (auto const synced = disk::sync_folder(files, parent); !synced) return synced.error();
    }
  }
  return StateDir(std::move(state), std::move(side), files);
}

Result<FileLock> StateDir::lock_serve() const {
  return FileLock::take(state_ / "serve.lock", "the service of this state");
}

Result<void> StateDir::mark_fsync_failed(FsyncMarker const& marker) const {
  auto suspects = core::Json::array();
  for (auto const& name : marker.suspects) suspects.push(name);
  auto const value = core::Json::object({{"schema", 1},
                                         {"seq", marker.acknowledged.seq},
                                         {"commit", marker.acknowledged.commit},
                                         {"suspects", suspects},
                                         {"message", marker.message},
                                         {"time", core::format_time(marker.time)}});
  auto const file = state_ / "fsync-failed";
  auto const temporary = state_ / "fsync-failed.tmp";
  disk::unlink_file(temporary);
  auto fd = disk::create_new(temporary, 0600);
  if (!fd) return fd.error();
  auto done = disk::write_all(*files_, fd->get(), core::dump_pretty(value), temporary);
  // The disk may be the one that fails to sync. The marker is then still there for a start before the next power
  // loss, which is better than none: so the rename comes first and the first error is told.
  auto const synced = disk::sync(*files_, fd->get(), temporary);
  if (done && files_->rename(temporary.c_str(), file.c_str()) != 0) done = disk::error_of(errno, "renaming", temporary);
  if (done) done = synced;
  if (auto const folder = disk::sync_folder(*files_, state_); done) done = folder;
  return done;
}

Result<std::optional<FsyncMarker>> StateDir::fsync_failed() const {
  auto const file = state_ / "fsync-failed";
  auto const text = disk::read_all(file, kMaxMarker);
  if (!text) {
    if (text.error().code == Errc::not_found) return std::optional<FsyncMarker>{};
    return text.error();
  }
  auto const value = core::parse_json(*text);
  auto const broken = make_error(Errc::corrupt, file.string() +
                                                    " can't be read: compare the ledger with a replica, then "
                                                    "remove the file by hand.");
  if (!value || (*value)["schema"].integer() != 1 || (*value)["commit"].text().size() != 40) return broken;
  auto const time = core::parse_time((*value)["time"].text());
  FsyncMarker out;
  out.acknowledged = {static_cast<std::uint64_t>((*value)["seq"].integer()), (*value)["commit"].text()};
  out.message = (*value)["message"].text();
  if (time) out.time = *time;
  if (auto const* const names = (*value)["suspects"].if_array(); names != nullptr) {
    for (auto const& name : *names) out.suspects.push_back(name.text());
  }
  return std::optional<FsyncMarker>(std::move(out));
}

Result<void> StateDir::clear_fsync_failed() const {
  auto const file = state_ / "fsync-failed";
  if (!disk::unlink_file(file)) return disk::error_of(errno, "removing", file);
  return disk::sync_folder(*files_, state_);
}

Result<void> StateDir::side_append(core::Json const& value) const {
  auto const file = side_ / "side.jsonl";
  disk::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return disk::error_of(errno, "opening", file);
  // A kill may have torn the last line: end it, so that the new one stands alone.
  auto const size = ::lseek(fd.get(), 0, SEEK_END);
  char last = '\n';
  if (size > 0 && ::pread(fd.get(), &last, 1, size - 1) != 1) return disk::error_of(errno, "reading", file);
  auto const line = (last == '\n' ? "" : "\n") + core::dump(value) + "\n";
  auto done = disk::write_all(*files_, fd.get(), line, file);
  if (done) done = disk::sync(*files_, fd.get(), file);
  if (done && size == 0) done = disk::sync_folder(*files_, side_);
  if (done) return done;
  // Whoever is told that it is not kept must not find it acted on by the next start.
  auto error = done.error();
  bool const gone = ::ftruncate(fd.get(), size) == 0 && disk::sync(*files_, fd.get(), file);
  if (!gone) {
    error.code = Errc::fsync_failed;
    error.message += " (and the line could not be taken back: nobody knows whether it is kept)";
  } else if (error.code == Errc::fsync_failed) {
    error.code = Errc::io;
  }
  return error;
}

Result<std::vector<core::Json>> StateDir::side_read() const {
  auto const file = side_ / "side.jsonl";
  auto const text = disk::read_all(file, kMaxSide);
  std::vector<core::Json> out;
  if (!text) {
    if (text.error().code == Errc::not_found) return out;
    return text.error();
  }
  std::string_view rest = *text;
  while (!rest.empty()) {
    auto const end = rest.find('\n');
    if (end == std::string_view::npos) break;  // torn by a kill: it was never acknowledged
    // A torn line in the middle was ended by the next append; it was never acknowledged either.
    if (auto value = core::parse_json(rest.substr(0, end)); value) out.push_back(std::move(*value));
    rest.remove_prefix(end + 1);
  }
  return out;
}

Result<void> StateDir::side_clear() const {
  auto const file = side_ / "side.jsonl";
  auto const text = disk::read_all(file, kMaxSide);
  auto const read = side_read();
  bool const all_read = text && read && read->size() == static_cast<std::size_t>(std::ranges::count(*text, '\n')) &&
                        text->ends_with('\n');
  if (!all_read && std::filesystem::exists(file)) {
    // A torn line was never acknowledged, but it is the only trace of what somebody tried.
    auto const kept = side_ / "side-torn.jsonl";
    if (::rename(file.c_str(), kept.c_str()) != 0) return disk::error_of(errno, "renaming", file);
  } else if (!disk::unlink_file(file)) {
    return disk::error_of(errno, "removing", file);
  }
  return disk::sync_folder(*files_, side_);
}

}  // namespace ledger
