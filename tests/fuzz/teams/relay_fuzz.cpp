// Whatever text a relay, or a stranger through it, sends.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "adapters/teams/wire_relay.hpp"
#include "bot/core/text.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_token(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  auto const command = teams::parse_relay_command(bytes);
  if (command.has_error()) {
    require(core::visible_text(command.error().message) == command.error().message);
    return 0;
  }
  if (auto const* request = std::get_if<teams::RelayRequest>(&*command)) {
    for (auto const* text : {&request->id, &request->address, &request->method, &request->target})
      require(is_token(*text));
    require(request->headers.size() <= teams::kMaxRelayHeaders);
    require(!request->stub || !request->address.empty());
    // A name of a header may be longer than any of ours.
    auto const response = core::parse_json(teams::relay_response(request->id, 200, request->headers, request->body),
                                           {.max_bytes = 8u << 20, .max_key = 1u << 20});
    require(response.has_value() && (*response)["response"]["requestId"].text() == request->id);
  } else if (auto const* accept = std::get_if<teams::RelayAccept>(&*command)) {
    require(is_token(teams::relay_refusal(accept->address)) && !accept->address.empty());
  }
  return 0;
}
