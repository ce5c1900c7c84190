// As many sockets as a test may have.
#pragma once

#include <sys/resource.h>

#include <cstddef>

namespace support {

// Raises the limit of open files of this process as far as it may go, and returns it.
inline std::size_t open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace support
