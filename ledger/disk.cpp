#include "ledger/disk.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace ledger::disk {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Fd::~Fd() { reset(); }

void Fd::reset() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

core::Error error_of(int errno_value, std::string_view doing, path const& file) {
  auto code = core::Errc::io;
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT: code = core::Errc::no_space; break;
    case ENOENT: code = core::Errc::not_found; break;
    case EEXIST: code = core::Errc::conflict; break;
    case EACCES:
    case EPERM:
    case EROFS: code = core::Errc::forbidden; break;
    default: break;
  }
  return core::make_error(
      code, std::string(doing) + " " + file.string() + ": " + std::generic_category().message(errno_value) + ".");
}

Result<Fd> open_to_read(path const& file) {
  Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return error_of(errno, "opening", file);
  return fd;
}

Result<Fd> create_new(path const& file, unsigned mode) {
  Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return error_of(errno, "creating", file);
  return fd;
}

Result<void> write_all(FileOps& ops, int fd, std::string_view bytes, path const& file) {
  while (!bytes.empty()) {
    auto const written = ops.write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return error_of(errno, "writing", file);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> sync(FileOps& ops, int fd, path const& file) {
  if (ops.fsync(fd) == 0) return {};
  auto error = error_of(errno, "syncing", file);
  // Delayed allocation may report a full disk only here; the pages are lost either way, but nothing was promised and
  // the file is thrown away, so this is the one failure of fsync that leaves the rest of the disk believable.
  if (error.code != core::Errc::no_space) error.code = core::Errc::fsync_failed;
  return error;
}

// A failure shows in the sync that follows.
void start_writeback(int fd) noexcept { static_cast<void>(::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE)); }

Result<void> sync_folder(FileOps& ops, path const& folder) {
  Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return error_of(errno, "opening", folder);
  return sync(ops, fd.get(), folder);
}

Result<std::string> read_all(path const& file, std::uint64_t max_bytes) {
  auto const fd = open_to_read(file);
  if (!fd) return fd.error();
  std::string bytes;
  for (;;) {
    char buffer[64 * 1024];
    auto const got = ::read(fd->get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_of(errno, "reading", file);
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(got));
    if (bytes.size() > max_bytes)
      return core::make_error(core::Errc::too_large,
                              file.string() + " is larger than " + std::to_string(max_bytes) + " bytes.");
  }
}

bool has_room(FileOps& ops, path const& folder) {
  auto const file = folder / "tmp_room";
  unlink_file(file);
  auto fd = create_new(file, 0600);
  bool const written =
      fd && write_all(ops, fd->get(), std::string(256 * 1024, '\0'), file) && sync(ops, fd->get(), file);
  return unlink_file(file) && written;
}

bool unlink_file(path const& file) noexcept { return ::unlink(file.c_str()) == 0 || errno == ENOENT; }

Result<void> write_new_durable(FileOps& ops, path const& file, std::string_view bytes, unsigned mode) {
  auto fd = create_new(file, mode);
  if (!fd) return fd.error();
  auto done = write_all(ops, fd->get(), bytes, file);
  if (done) done = sync(ops, fd->get(), file);
  if (done) done = sync_folder(ops, file.parent_path().empty() ? path(".") : file.parent_path());
  if (!done) unlink_file(file);
  return done;
}

Result<Map> Map::open(path const& file) {
  auto const fd = open_to_read(file);
  if (!fd) return fd.error();
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return error_of(errno, "reading", file);
  Map map;
  map.size_ = static_cast<std::size_t>(status.st_size);
  if (map.size_ == 0) return map;
  void* const address = ::mmap(nullptr, map.size_, PROT_READ, MAP_PRIVATE, fd->get(), 0);
  if (address == MAP_FAILED) return error_of(errno, "mapping", file);
  map.address_ = address;
  return map;
}

void Map::release_pages() const noexcept {
  if (address_ != nullptr) static_cast<void>(::madvise(address_, size_, MADV_DONTNEED));  // nothing depends on it
}

Map::Map(Map&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Map& Map::operator=(Map&& other) noexcept {
  if (this != &other) {
    if (address_ != nullptr) ::munmap(address_, size_);
    address_ = std::exchange(other.address_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Map::~Map() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

}  // namespace ledger::disk
