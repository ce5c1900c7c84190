// One event, a page of them, and the small answers: no crash, and what is accepted keeps its promises.
#include "tests/fuzz/matrix/checks.hpp"

using checks::require;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  for (std::string_view const room : {"!r:x", ""}) {
    if (auto const event = matrix::parse_single_event(bytes, room); event.has_value()) {
      checks::require_event(*event);
      require(room.empty() || event->room == room);
    }
  }
  if (auto const page = matrix::parse_page(bytes, "!r:x"); page.has_value()) {
    require(page->events.size() <= page->entries);
    for (auto const& event : page->events) {
      checks::require_event(event);
      require(event.room == "!r:x");
    }
  }
  auto const error = matrix::parse_error(bytes.substr(0, 12), bytes);
  require(!error.retry_after_ms || (*error.retry_after_ms >= 0 && *error.retry_after_ms <= 86'400'000));
  for (unsigned const status : {301U, 400U, 401U, 403U, 404U, 429U, 500U}) {
    auto const words = matrix::to_error(bytes.substr(0, 50), status, error).message;
    require(core::is_utf8(words) && !core::has_control(words));
  }
  for (bool const refresh : {false, true}) {
    if (auto const login = matrix::parse_login(bytes, refresh); login.has_value()) {
      require(!login->access_token.empty() && login->access_token.find('\n') == std::string::npos);
      require(login->expires_in_ms >= 0);
    }
  }
  if (auto const id = matrix::parse_event_id(bytes); id.has_value()) checks::require_id(*id, '$');
  if (auto const who = matrix::parse_whoami(bytes); who.has_value()) checks::require_id(who->user, '@');
  if (auto const rooms = matrix::parse_joined_rooms(bytes); rooms.has_value()) {
    for (auto const& room : *rooms) checks::require_id(room, '!');
  }
  if (auto const members = matrix::parse_members(bytes); members.has_value()) {
    for (auto const& [user, name] : *members) {
      checks::require_id(user, '@');
      require(core::is_utf8(name) && !core::has_control(name));
    }
  }
  static_cast<void>(matrix::parse_versions(bytes));
  static_cast<void>(matrix::parse_content(bytes));
  return 0;
}
