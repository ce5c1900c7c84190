// The few calls by which the writer touches the disk, replaceable so that tests can make any of them fail.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace ledger {

// Like the system calls of the same name: -1 and errno on failure.
struct FileOps {
  virtual ~FileOps() = default;
  virtual ssize_t write(int fd, void const* bytes, std::size_t count);
  virtual int fsync(int fd);
  virtual int rename(char const* from, char const* to);
  static FileOps& real();
};

}  // namespace ledger
