// Collector `host`: how this machine is, on one page.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "collectors/collector.hpp"

namespace collectors {

struct HostSettings {
  std::vector<std::string> disks{"/"};  // mount points
  std::size_t top = 5;                  // processes listed by CPU and by memory
  core::Duration sample{200};           // CPU shares are measured over this
  std::string proc = "/proc";           // where the kernel tells
};

// Kernel, uptime, load, memory, swap, disks, pressure stall information, top processes. Processes are shown by pid,
// state and name only: command lines may hold secrets. What can't be read is left out and said.
std::unique_ptr<Collector> make_host_collector(HostSettings settings = {});

}  // namespace collectors
