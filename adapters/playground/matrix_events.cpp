#include "adapters/playground/matrix_events.hpp"

#include <algorithm>

namespace playground {

using core::Json;

namespace {

Json const kNothing{};

// Before room version 10 a level may be a string.
std::int64_t as_level(Json const& value, std::int64_t otherwise) {
  if (auto const* number = value.if_int()) return *number;
  auto const text = value.text();
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) return otherwise;
  return std::stoll(text);
}

}  // namespace

MatrixEvent const* MatrixRoom::state_at(std::string_view type, std::string_view key, std::int64_t position) const {
  auto const found = state.find({std::string(type), std::string(key)});
  if (found == state.end()) return nullptr;
  auto const& history = found->second;
  auto const last =
      std::find_if(history.rbegin(), history.rend(), [&](auto const& one) { return one->position <= position; });
  return last == history.rend() ? nullptr : last->get();
}

Json const& MatrixRoom::content_of(std::string_view type, std::string_view key, std::int64_t position) const {
  auto const* event = state_at(type, key, position);
  return event == nullptr ? kNothing : event->content;
}

std::string MatrixRoom::membership(std::string_view user, std::int64_t position) const {
  return content_of("m.room.member", user, position)["membership"].text("leave");
}

std::vector<std::string> MatrixRoom::members(std::string_view wanted) const {
  std::vector<std::string> users;
  for (auto const& [key, history] : state) {
    if (key.first == "m.room.member" && history.back()->content["membership"].text() == wanted)
      users.push_back(key.second);
  }
  return users;
}

std::vector<MatrixEvent const*> MatrixRoom::state_events(std::int64_t position) const {
  std::vector<MatrixEvent const*> all;
  for (auto const& [key, history] : state) {
    if (auto const* event = state_at(key.first, key.second, position)) all.push_back(event);
  }
  return all;
}

bool MatrixRoom::creator(std::string_view user) const {
  auto const* create = state_at("m.room.create", "");
  if (create == nullptr) return false;
  if (create->sender == user) return true;
  if (auto const* more = create->content["additional_creators"].if_array()) {
    return std::any_of(more->begin(), more->end(), [&](Json const& one) { return one.text() == user; });
  }
  return false;
}

std::int64_t MatrixRoom::power(std::string_view user) const {
  if (version == "12" && creator(user)) return kNow;
  auto const* levels = state_at("m.room.power_levels", "");
  if (levels == nullptr) return creator(user) ? 100 : 0;
  return as_level(levels->content["users"][user], as_level(levels->content["users_default"], 0));
}

std::int64_t MatrixRoom::needed(std::string_view type, bool is_state) const {
  auto const* levels = state_at("m.room.power_levels", "");
  if (levels == nullptr) return is_state ? 50 : 0;
  auto const otherwise = is_state ? level("state_default", 50) : level("events_default", 0);
  return as_level(levels->content["events"][type], otherwise);
}

std::int64_t MatrixRoom::level(std::string_view what, std::int64_t otherwise) const {
  return as_level(content_of("m.room.power_levels")[what], otherwise);
}

}  // namespace playground
