#include "ledger/branch.hpp"

#include <cerrno>
#include <chrono>
#include <thread>

#include "ledger/disk.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;
namespace fs = std::filesystem;

constexpr int kLockTries = 200;  // 10 ms apart: git programs hold a ref's lock for milliseconds

fs::path heads(fs::path const& git_folder) { return git_folder / "refs" / "heads"; }

}  // namespace

Result<void> replace_branch(fs::path const& git_folder, std::optional<Oid> const& expected, Oid const& next,
                            FileOps& files) {
  auto const file = heads(git_folder) / "main";
  auto const lock = heads(git_folder) / "main.lock";
  auto fd = disk::create_new(lock, 0644);
  for (int tried = 1; !fd && fd.error().code == Errc::conflict && tried < kLockTries; ++tried) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    fd = disk::create_new(lock, 0644);
  }
  if (!fd) {
    if (fd.error().code == Errc::no_space) return fd.error();
    return make_error(Errc::io, "The ledger's branch can't be locked: " + fd.error().message);
  }
  auto done = disk::write_all(files, fd->get(), next.hex() + "\n", lock);
  if (done) done = disk::sync(files, fd->get(), lock);
  if (done) {
    auto const now = read_branch(git_folder);
    if (!now) {
      done = now.error();
    } else if (*now != expected) {
      done =
          make_error(Errc::io, "The branch main of " + git_folder.string() + " was moved by somebody else, to " +
                                   (*now ? (*now)->hex() : "nothing") + ": only Countersign may write to its ledger.");
    }
  }
  if (done && files.rename(lock.c_str(), file.c_str()) != 0) done = disk::error_of(errno, "renaming", lock);
  if (!done) disk::unlink_file(lock);
  return done;
}

Result<void> sync_branch(fs::path const& git_folder, FileOps& files) {
  return disk::sync_folder(files, heads(git_folder));
}

Result<void> remove_stale_locks(fs::path const& git_folder) {
  std::error_code error;
  std::vector<fs::path> stale;
  for (auto const& item : fs::directory_iterator(heads(git_folder), error)) {
    if (item.path().extension() == ".lock") stale.push_back(item.path());
  }
  for (auto const& file : stale) {
    if (disk::unlink_file(file)) continue;
    auto const why = errno;
    if (file.filename() != "main.lock") continue;
    return make_error(Errc::io, disk::error_of(why, "removing", file).message +
                                    " Nothing can be recorded while it is there: remove it by hand.");
  }
  return {};
}

}  // namespace ledger
