#include "collectors/walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

namespace collectors {
namespace {

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    auto const slash = std::min(path.find('/', at), path.size());
    if (slash > at) parts.emplace_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return parts;
}

class Walker {
 public:
  Walker(WalkLimits const& limits, std::function<void(WalkedFile const&)> const& found)
      : limits_(limits), found_(found) {}

  WalkEnd run(std::string const& pattern) {
    std::string base = "/";
    auto const parts = parts_of(pattern);
    std::size_t fixed = 0;
    while (fixed < parts.size() && !is_glob(parts[fixed])) base += (base == "/" ? "" : "/") + parts[fixed++];
    struct stat status {};
    if (::stat(base.c_str(), &status) != 0) {
      end_.error = std::generic_category().message(errno);
      return end_;
    }
    if (!S_ISDIR(status.st_mode)) {
      if (fixed < parts.size()) {
        end_.error = "it is no folder";
      } else {
        ++end_.entries;
        found_({.path = base, .status = status, .folder = AT_FDCWD, .name = base});
      }
      return end_;
    }
    process::Fd folder(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
    if (!folder) {
      end_.error = std::generic_category().message(errno);
      return end_;
    }
    wanted_.assign(parts.begin() + static_cast<std::ptrdiff_t>(fixed), parts.end());
    enter(std::move(folder), base == "/" ? "" : base, 0);
    return end_;
  }

 private:
  // `depth` folders below the first; parts of the glob that lie behind us no longer choose.
  void enter(process::Fd folder, std::string const& path, std::size_t depth) {
    auto const names = names_in(folder.get());
    for (auto const& name : names) {
      if (stopped_) return;
      if (++end_.entries > limits_.max_entries || (limits_.stop && limits_.stop())) {
        end_.complete = false;
        stopped_ = true;
        return;
      }
      if (depth < wanted_.size() && ::fnmatch(wanted_[depth].c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
      bool const last = depth + 1 >= wanted_.size();
      WalkedFile file{.path = path + "/" + name, .status = {}, .folder = folder.get(), .name = name};
      if (::fstatat(folder.get(), name.c_str(), &file.status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
      if (S_ISDIR(file.status.st_mode)) {
        if (depth >= limits_.max_depth) {
          end_.complete = false;
          continue;
        }
        process::Fd below(
            ::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
        if (below) enter(std::move(below), file.path, depth + 1);
      } else if (last) {
        found_(file);
      }
    }
  }

  std::vector<std::string> names_in(int fd) {
    std::vector<std::string> names;
    auto* const dir = ::fdopendir(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (dir == nullptr) return names;
    while (auto const* const entry = ::readdir(dir)) {
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (names.size() > limits_.max_entries) break;  // enter() notices that there are too many
      names.push_back(std::move(name));
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
  }

  WalkLimits const& limits_;
  std::function<void(WalkedFile const&)> const& found_;
  std::vector<std::string> wanted_;
  WalkEnd end_;
  bool stopped_ = false;
};

}  // namespace

bool is_glob(std::string_view pattern) { return pattern.find_first_of("*?[") != std::string_view::npos; }

WalkEnd walk(std::string const& pattern, WalkLimits const& limits,
             std::function<void(WalkedFile const&)> const& found) {
  return Walker(limits, found).run(pattern);
}

}  // namespace collectors
