#include "bot/runbooks/tree_removal.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "bot/runbooks/state_dir.hpp"

namespace runbooks {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};
using DirPtr = std::unique_ptr<DIR, CloseDir>;

core::Error failed(std::string what, int number) {
  return core::make_error(core::Errc::io, std::move(what) + ": " + std::generic_category().message(number) + ".");
}

// Depth is the attacker's to choose: below the root of the tree each folder's own folders are first moved up beside
// it, so that never more than two levels are open.
class Removal {
 public:
  Removal(int root, dev_t device, RemovalLimits const& limits)
      : root_(root), device_(device), limits_(limits), until_(std::chrono::steady_clock::now() + limits.time) {}

  core::Result<void> run() {
    // Folders that are moved up while the root is read may or may not be seen in that pass: passes go on until one
    // finds nothing.
    for (bool found = true; found;) {
      auto const dir = read(root_);
      if (!dir) return failed("The work folder can't be read", errno);
      found = false;
      while (auto const name = next(dir.get())) {
        found = true;
        if (auto const done = remove(root_, *name); !done) return done;
      }
    }
    return {};
  }

 private:
  static DirPtr read(int folder) {
    process::Fd copy{::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!copy) return nullptr;
    DirPtr dir{::fdopendir(copy.get())};
    if (dir) copy.release();
    return dir;
  }
  static std::optional<std::string> next(DIR* dir) {
    while (dirent const* entry = ::readdir(dir)) {
      std::string name{entry->d_name};
      if (name != "." && name != "..") return name;
    }
    return std::nullopt;
  }

  core::Result<void> count() {
    if (++entries_ > limits_.max_entries)
      return core::make_error(core::Errc::too_large, "The work folder holds more entries than are removed at once.");
    if (std::chrono::steady_clock::now() > until_)
      return core::make_error(core::Errc::timed_out, "Removing the work folder took too long.");
    return {};
  }

  // Opens a folder without following a link, and gives us permission to work in it.
  core::Result<process::Fd> enter(int parent, std::string const& name) const {
    process::Fd const handle{::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)};
    if (!handle) return failed("A folder can't be opened", errno);
    struct stat status {};
    if (::fstat(handle.get(), &status) != 0) return failed("A folder can't be looked at", errno);
    if (status.st_dev != device_)
      return core::make_error(core::Errc::io, "Another file system is mounted in the work folder.");
    // fchmod(2) refuses an O_PATH descriptor; its entry in /proc names the same inode, whatever the path became.
    if ((status.st_mode & 0700) != 0700 &&
        ::chmod(("/proc/self/fd/" + std::to_string(handle.get())).c_str(), 0700) != 0)
      return failed("A folder's permissions can't be set", errno);
    process::Fd folder{::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)};
    if (!folder) return failed("A folder can't be opened", errno);
    return folder;
  }

  core::Result<void> remove(int parent, std::string const& name) {
    if (auto const counted = count(); !counted) return counted;
    if (::unlinkat(parent, name.c_str(), 0) == 0) return {};
    if (errno != EISDIR && errno != EPERM && errno != EACCES) return failed("A file can't be removed", errno);
    auto const folder = enter(parent, name);
    if (!folder) return folder.error();
    for (bool found = true; found;) {
      auto const dir = read(folder->get());
      if (!dir) return failed("A folder can't be read", errno);
      found = false;
      while (auto const inner = next(dir.get())) {
        found = true;
        if (auto const counted = count(); !counted) return counted;
        if (::unlinkat(folder->get(), inner->c_str(), 0) == 0) continue;
        if (auto const entered = enter(folder->get(), *inner); !entered) return entered.error();
        if (auto const moved = move_up(folder->get(), *inner); !moved) return moved;
      }
    }
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0) return failed("A folder can't be removed", errno);
    return {};
  }

  core::Result<void> move_up(int folder, std::string const& name) {
    for (;;) {
      auto const fresh = ".removing-" + std::to_string(++moved_);
      struct stat status {};
      if (::fstatat(root_, fresh.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) continue;  // a step's own file
      if (::renameat(folder, name.c_str(), root_, fresh.c_str()) != 0) return failed("A folder can't be moved", errno);
      return {};
    }
  }

  int root_;
  dev_t device_;
  RemovalLimits limits_;
  std::chrono::steady_clock::time_point until_;
  std::uint64_t entries_ = 0, moved_ = 0;
};

}  // namespace

core::Result<void> remove_tree(std::filesystem::path const& parent, std::string const& name,
                               RemovalLimits const& limits) {
  process::Fd const above{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!above) return failed("The folder " + parent.string() + " can't be opened", errno);
  struct stat status {};
  if (::fstatat(above.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return failed("The entry " + name + " can't be looked at", errno);
  }
  if (!S_ISDIR(status.st_mode)) {
    if (::unlinkat(above.get(), name.c_str(), 0) != 0) return failed("The entry " + name + " can't be removed", errno);
    return {};
  }
  if ((status.st_mode & 0700) != 0700 && ::fchmodat(above.get(), name.c_str(), 0700, 0) != 0)
    return failed("The folder " + name + " can't be opened up", errno);
  process::Fd const root{::openat(above.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)};
  if (!root) return failed("The folder " + name + " can't be opened", errno);
  if (auto const done = Removal{root.get(), status.st_dev, limits}.run(); !done) return done;
  if (::unlinkat(above.get(), name.c_str(), AT_REMOVEDIR) != 0)
    return failed("The folder " + name + " can't be removed", errno);
  return {};
}

}  // namespace runbooks
