#include "tests/support/memory_group.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

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

std::unique_ptr<MemoryGroup> MemoryGroup::make(std::uint64_t bytes, std::string& why) {
  why = "no control group that limits memory can be made here";
  auto const name = "countersign-test-" + std::to_string(::getpid());
  auto const try_below = [&](fs::path const& parent, bool second) -> std::unique_ptr<MemoryGroup> {
    std::error_code error;
    if (!fs::is_directory(parent, error) || !fs::create_directory(parent / name, error)) return nullptr;
    std::unique_ptr<MemoryGroup> made(new MemoryGroup(parent / name, second));
    if (!write(made->folder_ / (second ? "memory.max" : "memory.limit_in_bytes"), std::to_string(bytes)))
      return nullptr;
    if (second) write(made->folder_ / "memory.swap.max", "0");  // absent without swap
    return made;
  };
  if (auto const own = own_group("memory"); !own.empty()) {
    if (auto made = try_below("/sys/fs/cgroup/memory" + own, false)) return made;
  }
  if (auto const own = own_group(""); !own.empty()) {
    if (auto made = try_below("/sys/fs/cgroup" + own, true)) return made;
  }
  return nullptr;
}

MemoryGroup::~MemoryGroup() { ::rmdir(folder_.c_str()); }

void MemoryGroup::take_in(pid_t pid, int oom_score_adj) {
  auto const number = std::to_string(pid);
  if (!write(folder_ / "cgroup.procs", number) ||
      !write("/proc/" + number + "/oom_score_adj", std::to_string(oom_score_adj)))
    throw std::runtime_error("process " + number + " can't be put into " + folder_.string());
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
