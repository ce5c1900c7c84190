// What parse_json takes, it gives back: dumped and canonical forms read back as the same value.
#include <cstdlib>

#include "bot/core/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  std::string const text(data, data + size);
  auto const json = core::parse_json(text);
  if (!json) return 0;
  if (text.find('\0') != text.npos) std::abort();  // RFC 8259 has no place for it: something was left unread
  auto const again = core::parse_json(core::dump(*json), {.max_bytes = 64 << 20});
  if (!again || !(*again == *json)) std::abort();
  try {
    auto const canonical = core::canonical(*json);
    auto const read = core::parse_json(canonical, {.max_bytes = 64 << 20});
    if (!read || core::canonical(*read) != canonical) std::abort();
  } catch (core::Failure const&) {  // a fraction: canonical() refuses it by its contract
  }
  return 0;
}
