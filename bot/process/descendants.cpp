#include "bot/process/descendants.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "bot/process/fd.hpp"
#include "bot/process/run.hpp"

namespace process {
namespace {

pid_t number(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  pid_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{} ? value : 0;
}

// Everything below `root`, by following parents downwards.
std::set<pid_t> below(pid_t root, std::vector<ProcessEntry> const& all) {
  std::multimap<pid_t, pid_t> children;
  for (auto const& entry : all) children.emplace(entry.parent, entry.pid);
  std::set<pid_t> found;
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    auto const [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto it = first; it != last; ++it) {
      if (found.insert(it->second).second) open.push_back(it->second);
    }
  }
  return found;
}

}  // namespace

std::optional<ProcessEntry> read_process(pid_t pid) {
  Fd const file{::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return std::nullopt;
  std::array<char, 1024> buffer{};
  auto const count = ::read(file.get(), buffer.data(), buffer.size());
  if (count <= 0) return std::nullopt;
  std::string_view text{buffer.data(), static_cast<std::size_t>(count)};
  // The name in brackets is the program's to choose and may hold blanks and brackets: the last bracket closes it.
  auto const close = text.rfind(')');
  if (close == std::string_view::npos || close + 3 >= text.size()) return std::nullopt;
  text.remove_prefix(close + 2);
  ProcessEntry entry;
  entry.pid = pid;
  entry.state = text.front();
  text.remove_prefix(1);
  entry.parent = number(text);
  entry.group = number(text);
  entry.session = number(text);
  return entry;
}

std::vector<ProcessEntry> list_processes() {
  std::vector<ProcessEntry> entries;
  struct CloseDir {
    void operator()(DIR* dir) const noexcept { ::closedir(dir); }
  };
  std::unique_ptr<DIR, CloseDir> const dir{::opendir("/proc")};
  if (!dir) return entries;
  while (dirent const* item = ::readdir(dir.get())) {
    std::string_view name{item->d_name};
    if (name.empty() || name.front() < '1' || name.front() > '9') continue;
    if (auto entry = read_process(number(name))) entries.push_back(*entry);
  }
  return entries;
}

bool kill_checked(pid_t pid, std::function<bool(ProcessEntry const&)> const& still) {
  // By number: glibc before 2.36 has no wrapper.
  Fd const handle{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  auto const entry = read_process(pid);
  if (!entry || entry->state == 'Z' || !still(*entry)) return false;
  if (!handle) return ::kill(pid, SIGKILL) == 0;  // a kernel before 5.3
  return ::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0) == 0;
}

bool adopt_orphans() noexcept { return ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0; }

std::size_t kill_descendants(Duration limit) {
  auto const deadline = std::chrono::steady_clock::now() + limit;
  pid_t const self = ::getpid();
  std::set<pid_t> killed;
  for (;;) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    auto const all = list_processes();
    auto const ours = below(self, all);
    if (ours.empty()) return killed.size();
    for (pid_t const pid : ours) {
      // Its parent may have died and passed it on since, but only to somebody below us or to us.
      auto const still = [&](ProcessEntry const& entry) { return entry.parent == self || ours.contains(entry.parent); };
      if (kill_checked(pid, still)) killed.insert(pid);
    }
    if (std::chrono::steady_clock::now() >= deadline) return killed.size();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});  // lets the kernel end them
  }
}

}  // namespace process
