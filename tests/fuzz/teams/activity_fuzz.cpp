// Whatever bytes the messaging endpoint or an HTTP answer holds: no crash, and what is accepted keeps its promises.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "adapters/teams/command_text.hpp"
#include "adapters/teams/wire.hpp"
#include "bot/core/text.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void require_token(std::string_view text) {
  require(text.size() <= 2048 && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; }));
}

void require_shown(std::string_view text) { require(core::visible_text(text) == text); }

void check_action(core::Result<teams::CardAction> const& action) {
  if (action.has_error()) return require_shown(action.error().message);
  auto const& data = action->data;
  for (auto const* name : {&data.request, &data.binding, &data.rendering, &data.verb}) {
    require(!name->empty());
    require_token(*name);
  }
  require_shown(data.note);
  auto const again = teams::parse_submit(teams::to_json(data));
  require(again.has_value() && again->data.request == data.request && again->data.page == data.page);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  if (auto const activity = teams::parse_activity(bytes); activity.has_value()) {
    for (auto const* text :
         {&activity->type, &activity->id, &activity->name, &activity->channel_id, &activity->service_url,
          &activity->conversation, &activity->tenant, &activity->channel_data_tenant, &activity->from.id,
          &activity->from.object, &activity->recipient.id, &activity->reply_to})
      require_token(*text);
    require(teams::to_lower(activity->from.object) == activity->from.object);
    if (activity->type == "invoke" || activity->type == "message") {
      require(!activity->id.empty() && !activity->conversation.empty() && !activity->from.id.empty());
      check_action(teams::parse_execute(activity->value));
      check_action(teams::parse_submit(activity->value));
    }
    if (auto const said = teams::said_to_us(*activity)) {
      require_shown(*said);
      for (auto const& word : teams::command_words(*said)) require(word.size() <= said->size());
    }
  } else {
    require_shown(activity.error().message);
  }
  static_cast<void>(teams::command_words(bytes));
  for (unsigned const status : {200U, 400U, 401U, 403U, 404U, 429U, 503U}) {
    auto const error = teams::to_error("post a message", teams::read_connector_error(status, bytes));
    require(core::is_utf8(error.message) && !core::has_control(error.message));
    if (auto const token = teams::parse_access_token(status, bytes); token.has_value()) {
      require(status == 200 && token->lifetime_seconds > 0);
      require(!token->token.empty() && std::ranges::all_of(token->token, [](char c) { return c > 0x20 && c < 0x7f; }));
    }
  }
  if (auto const resource = teams::parse_resource(bytes); resource.has_value()) require_token(resource->activity);
  if (auto const page = teams::parse_members(bytes); page.has_value()) {
    for (auto const& member : page->members) require_token(member.id);
  }
  static_cast<void>(teams::parse_member(bytes));
  static_cast<void>(teams::retry_after_seconds(bytes));
  return 0;
}
