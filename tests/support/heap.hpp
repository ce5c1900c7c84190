// How much memory is in use, for tests in which it must not grow.
#pragma once

#include <malloc.h>

#include <cstddef>

namespace support {

// Bytes that this process has allocated and not freed. Of no use under a sanitizer, which has a heap of its own.
inline std::size_t heap_in_use() {
  auto const info = ::mallinfo2();
  return info.uordblks + info.hblkhd;  // the large ones are mapped each by itself
}

}  // namespace support
