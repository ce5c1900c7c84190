#include "tests/support/memory_group.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string>

namespace support {

namespace {

namespace fs = std::filesystem;

bool write(fs::path const& file, std::string const& text) {
  std::ofstream to(file);
  to << text << std::flush;
  return to.good();
}

// What follows "N:CONTROLLER:" in the list of our own groups; empty where there is no such line.
std::string own_group(std::string const& controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    auto const first = line.find(':'), second = line.find(':', first + 1);
    if (second != std::string::npos && line.substr(first + 1, second - first - 1) == controller)
      return line.substr(second + 1);
  }
  return {};
}

}  // namespace

std::unique_ptr<MemoryGroup> MemoryGroup::make(std::uint64_t bytes) {
  auto const name = "countersign-test-" + std::to_string(::getpid());
  auto const try_below = [&](fs::path const& parent, bool second) -> std::unique_ptr<MemoryGroup> {
    std::error_code error;
    if (!fs::is_directory(parent, error) || !fs::create_directory(parent / name, error)) return nullptr;
    std::unique_ptr<MemoryGroup> made(new MemoryGroup(parent / name, second));
    auto const limit = std::to_string(bytes);
    if (!write(made->folder_ / (second ? "memory.max" : "memory.limit_in_bytes"), limit)) return nullptr;
    // Absent where nothing is swapped.
    write(made->folder_ / (second ? "memory.swap.max" : "memory.memsw.limit_in_bytes"), second ? "0" : limit);
    return made;
  };
  struct Interface {
    char const *controller, *root;
    bool second;
  };
  for (auto const& [controller, root, second] :
       {Interface{"memory", "/sys/fs/cgroup/memory", false}, Interface{"", "/sys/fs/cgroup", true}}) {
    auto const own = own_group(controller);
    // In version 2 a group that holds processes hands on no limit.
    for (fs::path at = own; !own.empty(); at = at.parent_path()) {
      if (auto made = try_below(root + at.string(), second)) return made;
      if (at == at.parent_path()) break;
    }
  }
  return nullptr;
}

MemoryGroup::~MemoryGroup() {
  for (int tries = 0; ::rmdir(folder_.c_str()) != 0 && errno == EBUSY && tries < 1000; ++tries) {
    std::ifstream inside(folder_ / "cgroup.procs");
    for (pid_t pid = 0; inside >> pid;) ::kill(pid, SIGKILL);
    ::usleep(1000);  // the kernel has no word for when they are gone
  }
}

void MemoryGroup::take_in(pid_t pid) {
  if (!write(folder_ / "cgroup.procs", std::to_string(pid)))
    throw std::runtime_error("process " + std::to_string(pid) + " can't be put into " + folder_.string());
}

void MemoryGroup::take_in_first_to_go(pid_t pid) {
  take_in(pid);
  if (!write("/proc/" + std::to_string(pid) + "/oom_score_adj", "1000"))
    throw std::runtime_error("process " + std::to_string(pid) + " can't be made the first to be ended");
}

std::uint64_t MemoryGroup::kills() const {
  std::ifstream file(folder_ / (second_ ? "memory.events" : "memory.oom_control"));
  std::string word;
  for (std::uint64_t count = 0; file >> word >> count;) {
    if (word == "oom_kill") return count;
  }
  return 0;
}

}  // namespace support
