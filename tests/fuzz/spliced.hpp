// Half of the runs put the fuzzer's bytes over a stretch of a good text: what is nearly right is read the furthest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

inline std::string spliced(std::string good, unsigned char const* data, std::size_t size) {
  std::string text(data, data + size);
  if (size < 3 || data[0] % 2 != 0) return text;
  auto const at = (std::size_t{data[1]} * 256 + data[2]) % good.size();
  return good.replace(at, std::min(size - 3, good.size() - at), text.substr(3));
}
