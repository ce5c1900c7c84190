// A control group of the kernel whose memory is limited, of either version of the interface.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>

namespace support {

class MemoryGroup {
 public:
  // Below the group that we are in ourselves or, where that may have none, below one around it. None where there can't
  // be one (only root may, and not in every container).
  static std::unique_ptr<MemoryGroup> make(std::uint64_t bytes);
  ~MemoryGroup();  // kills what is still in it
  MemoryGroup(MemoryGroup const&) = delete;
  MemoryGroup& operator=(MemoryGroup const&) = delete;

  // The process, and what it forks from now on. Throws std::runtime_error.
  void take_in(pid_t pid);
  // The same, and whoever else is in it: without memory the kernel ends this one first. Throws std::runtime_error.
  void take_in_first_to_go(pid_t pid);
  // How many the kernel has killed for want of memory.
  std::uint64_t kills() const;

 private:
  MemoryGroup(std::filesystem::path folder, bool second) : folder_(std::move(folder)), second_(second) {}

  std::filesystem::path folder_;
  bool second_;  // version 2 of the interface
};

}  // namespace support
