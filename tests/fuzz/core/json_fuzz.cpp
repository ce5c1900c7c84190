// What parse_json takes, it gives back: dumped and canonical forms read back as the same value; a fraction, which we
// only pass on, to twelve digits.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "bot/core/json.hpp"
#include "bot/core/text.hpp"

namespace {

bool alike(core::Json const& a, core::Json const& b) {
  if (a.is_number() && !a.is_int()) {
    auto const one = std::strtod(core::dump(a).c_str(), nullptr), other = std::strtod(core::dump(b).c_str(), nullptr);
    return b.is_number() && std::fabs(one - other) <= 1e-12 * std::fabs(one);
  }
  if (auto const* items = a.if_array())
    return b.is_array() && std::equal(items->begin(), items->end(), b.if_array()->begin(), b.if_array()->end(), alike);
  if (auto const* members = a.if_object()) {
    return b.is_object() && std::equal(members->begin(), members->end(), b.if_object()->begin(), b.if_object()->end(),
                                       [](auto const& one, auto const& other) {
                                         return one.first == other.first && alike(one.second, other.second);
                                       });
  }
  return a == b;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  std::string const text(data, data + size);
  auto const json = core::parse_json(text);
  if (!json) return 0;
  // RFC 8259 has no place for either: something was left unread, or the vector loop saw it first.
  auto const control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  };
  if (std::any_of(text.begin(), text.end(), control) || !core::is_utf8(text)) std::abort();
  auto const again = core::parse_json(core::dump(*json), {.max_bytes = 64 << 20});
  if (!again || !alike(*again, *json)) std::abort();
  try {
    auto const canonical = core::canonical(*json);
    auto const read = core::parse_json(canonical, {.max_bytes = 64 << 20});
    if (!read || core::canonical(*read) != canonical) std::abort();
  } catch (core::Failure const&) {  // a fraction: canonical() refuses it by its contract
  }
  return 0;
}
