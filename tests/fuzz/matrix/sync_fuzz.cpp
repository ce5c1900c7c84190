// An answer of /sync: no crash, and what is accepted keeps its promises.
#include "tests/fuzz/matrix/checks.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const answer = matrix::parse_sync(std::string_view(reinterpret_cast<char const*>(data), size));
  if (answer.has_error()) {
    checks::require(!answer.error().message.empty());
    return 0;
  }
  checks::require(!answer->next_batch.empty() && answer->next_batch.size() <= matrix::kMaxToken);
  checks::require(answer->joined.size() <= 1000);
  for (auto const& room : answer->joined) {
    checks::require_id(room.room, '!');
    for (auto const* events : {&room.state, &room.timeline}) {
      for (auto const& event : *events) {
        checks::require_event(event);
        checks::require(event.room == room.room);
      }
    }
  }
  for (auto const* names : {&answer->invited, &answer->left}) {
    for (auto const& room : *names) checks::require_id(room, '!');
  }
  return 0;
}
