#include "bot/process/sandbox.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "bot/process/sandbox_child.hpp"

namespace process {
namespace {

constexpr std::size_t kMostPlaces = 64;
constexpr std::uint64_t kMostTmp = 256u << 20;

// By number: glibc has wrappers only since 2.36 (open_tree(2), move_mount(2): Linux 5.2; mount_setattr(2): 5.12).
constexpr long kOpenTree = 428, kMoveMount = 429, kMountSetattr = 442;
constexpr unsigned kTreeClone = 1, kTreeCloexec = O_CLOEXEC, kRecursive = 0x8000, kFromEmptyPath = 0x4;
struct MountAttributes {  // struct mount_attr of linux/mount.h
  std::uint64_t set = 0, clear = 0, propagation = 0, userns_fd = 0;
};
constexpr std::uint64_t kReadOnly = 1, kNoDevices = 4;  // MOUNT_ATTR_RDONLY, MOUNT_ATTR_NODEV

// A read-only mount does not keep root from a disk's device node; these are all that stay.
constexpr std::array kDevices{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

enum Stage {
  kNamespace,
  kMap,
  kPrivate,
  kPlace,
  kAll,
  kTmp,
  kFolder,
  kBack,
  kDevice,
  kWorkdir,
  kCapability,
  kCheck,
  kProcess
};

bool write_file(char const* path, char const* text) noexcept {
  int const fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  auto const size = std::strlen(text);
  bool const good = ::write(fd, text, size) == static_cast<ssize_t>(size);
  int const number = errno;
  ::close(fd);
  errno = number;
  return good;
}

// What root could use to get out of the namespace again, or past it: capabilities(7).
constexpr std::array kDropped{2 /* DAC_READ_SEARCH: opens by handle */,
                              16 /* SYS_MODULE */,
                              17 /* SYS_RAWIO */,
                              18 /* SYS_CHROOT */,
                              19 /* SYS_PTRACE: other processes have other roots */,
                              21 /* SYS_ADMIN: mounts */,
                              27 /* MKNOD: the disk itself */,
                              39 /* BPF */,
                              40 /* CHECKPOINT_RESTORE */};

}  // namespace

char const* describe_sandbox(int stage) noexcept {
  switch (stage) {
    case kNamespace: return "making a mount namespace failed";
    case kMap: return "keeping its account in a user namespace failed";
    case kPrivate: return "separating its mounts failed";
    case kPlace: return "finding a folder that is to be writable failed";
    case kAll:
      return "making the file system read-only failed (Linux 5.12 or newer and a root that is a mount are needed)";
    case kTmp: return "mounting a /tmp of its own failed";
    case kFolder: return "making a folder in its /tmp failed";
    case kBack: return "mounting a writable folder failed";
    case kDevice: return "keeping /dev/null and its like failed";
    case kWorkdir: return "entering its working directory failed";
    case kCapability: return "giving up capabilities failed";
    case kCheck: return "a try showed that it does not hold";
    case kProcess: return "a process for a try could not be made";
    default: return "the sandbox could not be made";
  }
}

SandboxPlan::SandboxPlan(Sandbox const& sandbox, std::string const& directory)
    : directory_(directory),
      uid_map_(std::to_string(::geteuid()) + " " + std::to_string(::geteuid()) + " 1"),
      gid_map_(std::to_string(::getegid()) + " " + std::to_string(::getegid()) + " 1"),
      tmp_options_("mode=1777,nr_inodes=16384,size=" +
                   std::to_string(std::clamp<std::uint64_t>(sandbox.tmp_bytes, 1u << 20, kMostTmp))),
      hidden_(sandbox.hidden),
      as_root_(::geteuid() == 0) {
  for (auto const& path : sandbox.writable) {
    Place place{path, {}};
    if (path.starts_with("/tmp/")) {
      for (auto at = path.find('/', 5); at != std::string::npos; at = path.find('/', at + 1))
        place.below_tmp.push_back(path.substr(0, at));
      place.below_tmp.push_back(path);
    }
    places_.push_back(std::move(place));
  }
}

int SandboxPlan::enter(int& stage) const noexcept {
  auto const fail = [&](Stage at) {
    stage = at;
    return errno != 0 ? errno : EINVAL;
  };
  // Not dumpable, our own /proc files belong to root, and the maps could not be written.
  if (!as_root_) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (::unshare(as_root_ ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) return fail(kNamespace);
  // Ourselves and nobody else: what it runs keeps its account and, as exec of no root, loses every capability.
  if (!as_root_ && !(write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", uid_map_.c_str()) &&
                     write_file("/proc/self/gid_map", gid_map_.c_str())))
    return fail(kMap);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return fail(kPrivate);
  std::array<int, kMostPlaces> trees{};
  if (places_.size() > trees.size()) {
    errno = E2BIG;
    return fail(kPlace);
  }
  // Copies that stand nowhere yet, so that neither the read-only root nor the new /tmp reaches them.
  for (std::size_t i = 0; i < places_.size(); ++i) {
    trees[i] = static_cast<int>(
        ::syscall(kOpenTree, AT_FDCWD, places_[i].path.c_str(), kTreeClone | kTreeCloexec | kRecursive));
    if (trees[i] < 0) return fail(kPlace);
  }
  std::array<int, kDevices.size()> devices{};
  for (std::size_t i = 0; as_root_ && i < kDevices.size(); ++i) {
    devices[i] = static_cast<int>(::syscall(kOpenTree, AT_FDCWD, kDevices[i], kTreeClone | kTreeCloexec));
    if (devices[i] < 0 && errno != ENOENT) return fail(kDevice);
  }
  MountAttributes const read_only{.set = kReadOnly | (as_root_ ? kNoDevices : 0)};
  if (::syscall(kMountSetattr, AT_FDCWD, "/", kRecursive, &read_only, sizeof read_only) != 0) return fail(kAll);
  if (::mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, tmp_options_.c_str()) != 0) return fail(kTmp);
  for (auto const& path : hidden_) {
    constexpr unsigned long kClosed = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (::mount("tmpfs", path.c_str(), "tmpfs", kClosed, "mode=0,size=4096") != 0 && errno != ENOENT) return fail(kTmp);
  }
  for (std::size_t i = 0; i < places_.size(); ++i) {
    for (auto const& folder : places_[i].below_tmp) {
      if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return fail(kFolder);
    }
    if (::syscall(kMoveMount, trees[i], "", AT_FDCWD, places_[i].path.c_str(), kFromEmptyPath) != 0) return fail(kBack);
    ::close(trees[i]);
  }
  for (std::size_t i = 0; as_root_ && i < kDevices.size(); ++i) {
    if (devices[i] < 0) continue;
    if (::syscall(kMoveMount, devices[i], "", AT_FDCWD, kDevices[i], kFromEmptyPath) != 0) return fail(kDevice);
    ::close(devices[i]);
  }
  if (::chdir(directory_.c_str()) != 0) return fail(kWorkdir);
  if (as_root_) {
    for (int const capability : kDropped) {
      if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL) return fail(kCapability);
    }
  }
  return 0;
}

std::string why_no_strict(std::string const& folder, std::vector<std::string> const& writable) {
  for (auto const& path : writable) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) return "sandbox.writable names " + path + ", where no folder is";
  }
  SandboxPlan const plan{Sandbox{.writable = {folder}}, folder};
  // Two names: `folder` may be /tmp itself. Of this try alone: others may try at the same moment. Empty files, which a
  // full disk still takes.
  static std::atomic<unsigned> tries{0};
  auto const name = "/.sandbox-try-" + std::to_string(::getpid()) + "-" + std::to_string(++tries);
  auto const probe = folder + name, beside_it = "/tmp" + name + "-beside";
  int ends[2]{-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return describe_sandbox(kProcess);
  pid_t const pid = ::fork();
  if (pid == 0) {
    // System calls only: others of our threads may hold any lock.
    int told[2]{0, 0};
    told[0] = plan.enter(told[1]);
    if (told[0] == 0) {
      struct statvfs root {};
      // Not O_EXCL: one that was killed here left its own behind.
      int const inside = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
      int const beside = ::open(beside_it.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
      bool const closed = ::statvfs("/", &root) == 0 && (root.f_flag & ST_RDONLY) != 0;
      ::unlink(probe.c_str());
      ::unlink(beside_it.c_str());
      if (inside < 0 || beside < 0 || !closed) told[0] = EPERM, told[1] = kCheck;
    }
    [[maybe_unused]] auto const written = ::write(ends[1], told, sizeof told);
    ::_exit(0);
  }
  ::close(ends[1]);
  int told[2]{EIO, kProcess};
  if (pid > 0) {
    ssize_t count = 0;
    do count = ::read(ends[0], told, sizeof told);
    while (count < 0 && errno == EINTR);
    if (count != static_cast<ssize_t>(sizeof told)) told[0] = EIO, told[1] = kProcess;
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(ends[0]);
  if (told[0] == 0) return {};
  return std::string(describe_sandbox(told[1])) + ": " + std::generic_category().message(told[0]);
}

}  // namespace process
