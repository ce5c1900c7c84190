// A control group of the kernel whose memory is limited, of either version of the interface.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace support {

class MemoryGroup {
 public:
  // Below the group that we are in ourselves. None where there can't be one: `why` says it.
  static std::unique_ptr<MemoryGroup> make(std::uint64_t bytes, std::string& why);
  ~MemoryGroup();  // all in it must have ended
  MemoryGroup(MemoryGroup const&) = delete;
  MemoryGroup& operator=(MemoryGroup const&) = delete;

  // `oom_score_adj`: 1000 is killed first, -1000 never. Throws std::runtime_error.
  void take_in(pid_t pid, int oom_score_adj);
  // How many the kernel has killed for want of memory.
  std::uint64_t kills() const;

 private:
  MemoryGroup(std::filesystem::path folder, bool second) : folder_(std::move(folder)), second_(second) {}

  std::filesystem::path folder_;
  bool second_;  // version 2 of the interface
};

}  // namespace support
