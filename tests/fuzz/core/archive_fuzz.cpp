// decode_state: whatever the bytes of a snapshot, it never crashes, and what it takes is what encode_state writes.
#include <cstdlib>

#include "bot/core/archive.hpp"
#include "tests/fuzz/spliced.hpp"
#include "tests/support/story.hpp"

namespace {

fixture::Story const& story() {
  static fixture::Story const told = [] {
    fixture::Story made;
    auto const id = made.open();
    made.vote("bob", id);
    made.send(core::RunnerAccepted{id});
    made.open();
    return made;
  }();
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  static auto const good = core::encode_state(story().state);
  auto const decode = [](std::string const& bytes) {
    return core::decode_state(bytes, [](std::string_view path) { return story().file(path); });
  };
  static bool const comes_back = decode(good).has_value();
  if (!comes_back) std::abort();
  auto const bytes = spliced(good, data, size);
  auto const state = decode(bytes);
  if (state && core::encode_state(*state) != bytes) std::abort();
  return 0;
}
