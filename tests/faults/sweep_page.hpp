// The test's end of sweep_shim.c.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/faults/preloaded.hpp"
#include "tests/faults/sweep_shim.h"

namespace faults {

struct Fault {
  int error;
  char const* name;
};

// The ways in which a call of this kind can fail.
inline std::vector<Fault> faults_of(int kind) {
  switch (kind) {
    case SWEEP_OPEN:
      return {{EIO, "EIO"}, {ENOSPC, "ENOSPC"}, {EMFILE, "EMFILE"}, {EROFS, "EROFS"}, {EACCES, "EACCES"}};
    case SWEEP_LOOK: return {{EIO, "EIO"}, {EMFILE, "EMFILE"}};
    case SWEEP_WRITE: return {{EIO, "EIO"}, {ENOSPC, "ENOSPC"}, {EDQUOT, "EDQUOT"}, {SWEEP_SHORT, "short"}};
    case SWEEP_SYNC: return {{EIO, "EIO"}, {ENOSPC, "ENOSPC"}};
    case SWEEP_READ: return {{EIO, "EIO"}};
    case SWEEP_RENAME: return {{EIO, "EIO"}, {ENOSPC, "ENOSPC"}, {EACCES, "EACCES"}};
    default: return {{EIO, "EIO"}, {EACCES, "EACCES"}};
  }
}

// In memory where that is possible: what a sync costs is not the question.
inline void prefer_memory() {
  struct statvfs memory {};  // a container's may run no program, and hold little
  if (::access("/dev/shm", W_OK) == 0 && ::statvfs("/dev/shm", &memory) == 0 && (memory.f_flag & ST_NOEXEC) == 0 &&
      memory.f_bavail * memory.f_frsize >= (256u << 20))
    ::setenv("TMPDIR", "/dev/shm", 1);
}

class SweepPage {
 public:
  explicit SweepPage(std::filesystem::path const& file) {
    int const fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(sweep_page)) != 0) throw std::runtime_error("no page for the shim");
    auto* const address = ::mmap(nullptr, sizeof(sweep_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (address == MAP_FAILED) throw std::runtime_error("no page for the shim");
    page_ = static_cast<sweep_page*>(address);
    page_->index = -1;
  }
  SweepPage(SweepPage const&) = delete;
  SweepPage& operator=(SweepPage const&) = delete;
  ~SweepPage() { ::munmap(page_, sizeof(sweep_page)); }

  // Counts from here on; the index-th call (-1: none) fails.
  void arm(std::filesystem::path const& folder, long index, int error, bool for_ever) {
    page_->watching = 0;
    std::strncpy(page_->folder, folder.c_str(), sizeof page_->folder - 1);
    page_->index = index;
    page_->error = error;
    page_->for_ever = for_ever ? 1 : 0;
    page_->seen = page_->failed = 0;
    page_->watching = 1;
  }
  void count_reads() { page_->reads = 1; }
  // Memory runs out at the nth allocation from here on.
  void starve(long nth, bool for_ever) {
    page_->watching = 0;
    page_->for_ever = for_ever ? 1 : 0;
    page_->failed = page_->allocations = 0;
    page_->starve_at = nth;
  }
  long allocations() const { return page_->allocations; }
  void disarm() {
    page_->watching = 0;
    page_->starve_at = 0;
  }
  long seen() const { return page_->seen; }
  long failed() const { return page_->failed; }
  int kind(long index) const { return index < SWEEP_CALLS ? page_->kinds[index] : 0; }
  void step_clock(long seconds) { page_->clock_step = seconds; }

 private:
  sweep_page* page_ = nullptr;
};

}  // namespace faults
