#include "ledger/file_ops.hpp"

#include <unistd.h>

#include <cstdio>

namespace ledger {

ssize_t FileOps::write(int fd, void const* bytes, std::size_t count) { return ::write(fd, bytes, count); }
int FileOps::fsync(int fd) { return ::fsync(fd); }
int FileOps::rename(char const* from, char const* to) { return ::rename(from, to); }

FileOps& FileOps::real() {
  static FileOps ops;
  return ops;
}

}  // namespace ledger
