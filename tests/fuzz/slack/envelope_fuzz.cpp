// Whatever bytes a socket or an HTTP answer holds: no crash, and what is accepted keeps its promises.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "adapters/slack/wire.hpp"
#include "bot/core/text.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void require_token(std::string_view text) {
  require(text.size() <= 3000 && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; }));
}

void require_origin(slack::Origin const& origin) {
  for (auto const* text : {&origin.app, &origin.team, &origin.user.id, &origin.user.team}) require_token(*text);
  require(!origin.user.id.empty() && !origin.app.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  if (auto const frame = slack::parse_frame(bytes); frame.has_value()) {
    if (auto const* envelope = std::get_if<slack::Envelope>(&*frame)) {
      require_token(envelope->id);
      require(core::parse_json(slack::ack_frame(envelope->id)).has_value());
      if (auto const* click = std::get_if<slack::BlockActions>(&envelope->payload)) {
        require_origin(click->origin);
        require(!click->actions.empty());
      } else if (auto const* view = std::get_if<slack::ViewSubmission>(&envelope->payload)) {
        require_origin(view->origin);
        static_cast<void>(slack::parse_view_origin(view->private_metadata));
      } else if (auto const* command = std::get_if<slack::SlashCommand>(&envelope->payload)) {
        require_origin(command->origin);
      }
    }
  }
  for (unsigned const status : {200U, 429U, 500U}) {
    if (auto const answer = slack::parse_answer(status, bytes.substr(0, 10), bytes);
        answer.has_value() && !answer->ok) {
      auto const error = slack::to_error("chat.update", *answer);
      require(core::is_utf8(error.message) && !core::has_control(error.message));
    }
  }
  auto const text = slack::normalise_command(bytes);
  require(core::is_utf8(text) && core::visible_text(text) == text);
  static_cast<void>(slack::split_command(text));
  if (auto const value = slack::parse_button_value(bytes); value.has_value()) require(slack::to_text(*value) == bytes);
  return 0;
}
