#include "bot/process/cgroup.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>
#include <vector>

namespace process {
namespace {

namespace fs = std::filesystem;

constexpr char kService[] = "cs-service";
constexpr char kRunPrefix[] = "cs-run-";

std::string read_file(fs::path const& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool write_file(fs::path const& path, std::string const& text) {
  Fd const fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool has_word(std::string const& text, std::string const& wanted) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

// Where version 2 is mounted, and what of it is seen there (proc(5), mountinfo: fields 4 and 5, file system after " -
// ").
struct Mount {
  std::string root, point;
};
std::optional<Mount> find_mount() {
  std::ifstream in("/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    auto const dash = line.find(" - cgroup2 ");
    if (dash == std::string::npos) continue;
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    if (fields >> id >> parent >> device >> root >> point) return Mount{root, point};
  }
  return std::nullopt;
}

std::string own_group() {  // "0::/path"
  std::istringstream in(read_file("/proc/self/cgroup"));
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return {};
}

// Whether all processes of the group are ourselves or our parent: nobody else is moved.
bool only_ours(fs::path const& group) {
  std::istringstream in(read_file(group / "cgroup.procs"));
  bool any = false;
  for (pid_t pid = 0; in >> pid; any = true) {
    if (pid != ::getpid() && pid != ::getppid()) return false;
  }
  return any;
}

// Those two are limits; the others share out what is there and are missed by nobody.
constexpr std::string_view kLimits = "+memory +pids";
constexpr char const* kShares[] = {"cpu", "io"};
// Of the processor and the disks when they are short, to 100 of the service and everybody else.
constexpr char kWeight[] = "20";

// What was handed on; nothing: not even the limits.
std::string hand_on(fs::path const& group, std::string const& controllers) {
  auto all = std::string(kLimits);
  for (auto const* share : kShares) {
    if (has_word(controllers, share)) all += std::string(" +") + share;
  }
  for (auto const& wanted : {all, std::string(kLimits)}) {
    if (write_file(group / "cgroup.subtree_control", wanted)) return wanted;
  }
  return {};
}

}  // namespace

bool Cgroup::populated() const {
  if (path_.empty()) return false;
  return read_file(path_ / "cgroup.events").find("populated 1") != std::string::npos;
}

bool Cgroup::kill_all(Milliseconds limit) const {
  if (path_.empty()) return true;
  auto const until = std::chrono::steady_clock::now() + limit;
  while (populated()) {
    if (!write_file(path_ / "cgroup.kill", "1")) {
      std::istringstream in(read_file(path_ / "cgroup.procs"));  // Linux before 5.14
      for (pid_t pid = 0; in >> pid;) ::kill(pid, SIGKILL);
    }
    if (std::chrono::steady_clock::now() >= until) return false;
    ::poll(nullptr, 0, 1);  // lets the kernel end them
  }
  return true;
}

void Cgroup::remove() {
  procs_.reset();
  if (!path_.empty()) ::rmdir(path_.c_str());
  path_.clear();
}

Cgroups Cgroups::find(std::string const& owner) {
  Cgroups none;
  auto const mount = find_mount();
  auto own = own_group();
  none.why_ = "no cgroup2 is mounted";
  if (!mount || own.empty()) return none;
  if (mount->root != "/") {  // a container sees a part of it
    none.why_ = "this process is outside of the groups that are mounted";
    if (!own.starts_with(mount->root)) return none;
    own = own.substr(mount->root.size());
  }
  fs::path group = mount->point + (own == "/" ? "" : own);
  if (group.filename() == kService) group = group.parent_path();  // a runner before us made it
  return in(group, owner);
}

Cgroups Cgroups::in(fs::path const& group, std::string const& owner) {
  Cgroups found;
  found.prefix_ = kRunPrefix + owner + "-";
  found.base_ = group;
  auto const trial = group / (found.prefix_ + "probe");
  if (::mkdir(trial.c_str(), 0755) != 0) {
    found.why_ = group.string() + " can't be written: " + std::generic_category().message(errno);
    return found;
  }
  found.power_ = Power::kill;
  ::rmdir(trial.c_str());
  auto const controllers = read_file(group / "cgroup.controllers");
  if (!has_word(controllers, "memory") || !has_word(controllers, "pids")) {
    found.why_ = "the controllers memory and pids are not there";
    return found;
  }
  auto handed_on = hand_on(group, controllers);
  if (handed_on.empty() && only_ours(group)) {
    auto const service = group / kService;
    ::mkdir(service.c_str(), 0755);
    if (write_file(service / "cgroup.procs", std::to_string(::getppid())) &&
        write_file(service / "cgroup.procs", std::to_string(::getpid())))
      handed_on = hand_on(group, controllers);
  }
  for (auto const* share : kShares) {
    if (has_word(handed_on, std::string("+") + share)) found.shares_.emplace_back(share);
  }
  if (!handed_on.empty())
    found.power_ = Power::limits;
  else
    found.why_ = "controllers can't be handed on in " + group.string();
  return found;
}

char const* Cgroups::word() const noexcept {
  switch (power_) {
    case Power::none: return "none";
    case Power::kill: return "kill";
    case Power::limits: return "limits";
  }
  return "none";
}

std::string Cgroups::words() const {
  switch (power_) {
    case Power::none: return "none (" + why_ + ")";
    case Power::kill: return "one a run, without limits (" + why_ + ")";
    case Power::limits: {
      std::string shares;
      for (auto const& share : shares_) shares += (shares.empty() ? " and a low weight for " : " and ") + share;
      return "one a run, with limits" + shares + ", below " + base_.string();
    }
  }
  return {};
}

std::optional<Cgroup> Cgroups::make(std::string const& name, std::uint64_t memory_bytes, std::uint64_t processes,
                                    std::string& why) const {
  Cgroup group;
  if (power_ == Power::none) return group;
  auto const path = base_ / (prefix_ + name);
  auto const failed = [&](fs::path const& at) {
    why = at.string() + ": " + std::generic_category().message(errno);
    ::rmdir(path.c_str());
    return std::nullopt;
  };
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return failed(path);
  if (power_ == Power::limits) {
    auto const swap = path / "memory.swap.max";
    if (!write_file(path / "memory.max", std::to_string(memory_bytes))) return failed(path / "memory.max");
    // Not there without swap accounting.
    if (!write_file(swap, "0") && errno != ENOENT) return failed(swap);
    if (!write_file(path / "pids.max", std::to_string(processes))) return failed(path / "pids.max");
    // A kernel may have the controller and no weights of it; BFQ has one of its own.
    for (auto const& share : shares_) {
      for (auto const* file : {".weight", ".bfq.weight"}) write_file(path / (share + file), kWeight);
    }
  }
  group.procs_ = Fd{::open((path / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC)};
  if (!group.procs_) return failed(path / "cgroup.procs");
  group.path_ = path;
  return group;
}

void Cgroups::remove(std::string const& name) const {
  if (power_ == Power::none) return;
  Cgroup group;
  group.path_ = base_ / (prefix_ + name);
  group.kill_all(Milliseconds{5'000});
  group.remove();
}

void Cgroups::remove_stale() const {
  if (power_ == Power::none) return;
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(base_, error), end; !error && it != end; it.increment(error)) {
    if (auto name = it->path().filename().string(); name.starts_with(prefix_))
      names.push_back(name.substr(prefix_.size()));
  }
  for (auto const& name : names) remove(name);
}

}  // namespace process
