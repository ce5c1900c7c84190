#include "bot/runbooks/state_files.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "bot/runbooks/state_dir.hpp"
#include "bot/runbooks/tree_removal.hpp"

namespace runbooks {
namespace {

namespace fs = std::filesystem;

constexpr char kLock[] = "runner.lock";
constexpr char kStarted[] = "started";
constexpr char kWork[] = "work";

core::Error failed(std::string what, int number) {
  return core::make_error(number == ENOSPC || number == EDQUOT ? core::Errc::no_space : core::Errc::io,
                          std::move(what) + ": " + std::generic_category().message(number) + ".");
}

core::Result<process::Fd> open_folder(fs::path const& path) {
  process::Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return failed("The folder " + path.string() + " can't be opened", errno);
  return fd;
}

core::Result<void> make_folder(fs::path const& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("The folder " + path.string() + " can't be made", errno);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return failed("The folder " + path.string() + " can't be looked at", errno);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return core::make_error(core::Errc::forbidden, path.string() +
                                                       " must be a folder that only its owner, the account of the "
                                                       "runner, may write: chown it and chmod it to 0700.");
  return {};
}

core::Result<void> sync_folder(fs::path const& path) {
  auto const fd = open_folder(path);
  if (!fd) return fd.error();
  if (::fsync(fd->get()) != 0)
    return core::make_error(core::Errc::fsync_failed, "The folder " + path.string() + " can't be synced: " +
                                                          std::generic_category().message(errno) + ".");
  return {};
}

}  // namespace

core::Result<StateDir> StateDir::open(fs::path const& path) {
  for (auto const& folder : {path, path / kStarted, path / kWork}) {
    if (auto const made = make_folder(folder); !made) return made.error();
  }
  return StateDir{path};
}

core::Result<process::Fd> StateDir::lock() const {
  auto const path = path_ / kLock;
  process::Fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd) return failed("The lock " + path.string() + " can't be opened", errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return failed("The lock " + path.string() + " can't be taken", errno);
  return core::make_error(core::Errc::conflict, "Another runner holds " + path.string() +
                                                    ", or is still ending its steps: wait for it, or give this one "
                                                    "another state directory.");
}

core::Result<void> StateDir::mark_started(core::RequestId const& id, std::string_view content) const {
  auto const path = path_ / kStarted / id.str();
  process::Fd const fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd) {
    if (errno == EEXIST)
      return core::make_error(core::Errc::conflict, id.str() + " was started before; nothing is started twice.");
    return failed("The marker " + path.string() + " can't be made", errno);
  }
  while (!content.empty()) {
    auto const count = ::write(fd.get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("The marker " + path.string() + " can't be written", errno);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(fd.get()) != 0)
    return core::make_error(core::Errc::fsync_failed, "The marker " + path.string() + " can't be synced: " +
                                                          std::generic_category().message(errno) + ".");
  return sync_folder(path_ / kStarted);
}

bool StateDir::is_started(core::RequestId const& id) const {
  struct stat status {};
  // Anything but a clear "no such file" counts as started: unknown is no.
  return ::lstat((path_ / kStarted / id.str()).c_str(), &status) == 0 || errno != ENOENT;
}

fs::path StateDir::work_folder(core::RequestId const& id) const { return path_ / kWork / id.str(); }

core::Result<fs::path> StateDir::make_work_folder(core::RequestId const& id) const {
  if (auto const removed = remove_work_folder(id); !removed) return removed.error();
  auto const path = work_folder(id);
  if (::mkdir(path.c_str(), 0700) != 0) return failed("The work folder " + path.string() + " can't be made", errno);
  // The steps see it as HOME and TMPDIR: it must hold wherever they are.
  std::error_code error;
  auto absolute = fs::absolute(path, error);
  if (error) return failed("The work folder " + path.string() + " has no absolute path", error.value());
  return absolute;
}

core::Result<void> StateDir::remove_work_folder(core::RequestId const& id) const {
  return remove_tree(path_ / kWork, id.str());
}

core::Result<void> StateDir::remove_stale_work() const {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(path_ / kWork, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) return failed("The folder " + (path_ / kWork).string() + " can't be read", error.value());
  core::Result<void> all;
  for (auto const& name : names) {
    if (auto removed = remove_tree(path_ / kWork, name); !removed) all = removed;
  }
  return all;
}

std::vector<std::string> started_markers(fs::path const& state_dir) {
  std::vector<std::string> ids;
  std::error_code error;
  fs::directory_iterator it(state_dir / kStarted, error);
  if (error == std::errc::no_such_file_or_directory) return ids;
  for (fs::directory_iterator const end; !error && it != end; it.increment(error)) {
    if (auto const id = core::RequestId::parse(it->path().filename().string())) ids.push_back(id->str());
  }
  // What can't be read may hold a marker, and a run that is overlooked could be repeated.
  if (error)
    throw core::Failure(failed("The folder " + (state_dir / kStarted).string() + " can't be read", error.value()));
  std::ranges::sort(ids);
  return ids;
}

core::Result<void> forget_started(fs::path const& state_dir, core::RequestId const& id) {
  auto const path = state_dir / kStarted / id.str();
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return failed("The marker " + path.string() + " can't be removed", errno);
  }
  return sync_folder(state_dir / kStarted);
}

bool wait_for_runner_lock(fs::path const& state_dir, std::chrono::milliseconds limit) {
  process::Fd const fd{::open((state_dir / kLock).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd) return errno == ENOENT;
  auto const until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    // Closing the descriptor lets go of it again.
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return true;
    if ((errno != EWOULDBLOCK && errno != EINTR) || std::chrono::steady_clock::now() >= until) return false;
    ::poll(nullptr, 0, 5);
  }
}

}  // namespace runbooks
