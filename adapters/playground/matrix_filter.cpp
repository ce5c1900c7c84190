#include <algorithm>

#include "adapters/playground/matrix_sync.hpp"

namespace playground {

using core::Json;

namespace {

bool glob(std::string_view pattern, std::string_view text) {
  auto const star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  auto const rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= text.size(); ++at) {
    if (glob(rest, text.substr(at))) return true;
  }
  return false;
}

bool any_of(Json const& list, std::string_view text, bool globs) {
  auto const* items = list.if_array();
  return items != nullptr && std::any_of(items->begin(), items->end(), [&](Json const& one) {
           return globs ? glob(one.text(), text) : one.text() == text;
         });
}

std::optional<std::int64_t> number(std::string_view text) {
  text = text.substr(0, text.find_first_not_of("0123456789"));
  if (text.empty() || text.size() > 15) return std::nullopt;
  return std::stoll(std::string(text));
}

}  // namespace

bool MatrixFilter::passes(MatrixEvent const& event) const {
  auto wanted = [&](char const* name, std::string_view text, bool globs) {
    if (json[name].is_array() && !any_of(json[name], text, globs)) return false;
    return !any_of(json["not_" + std::string(name)], text, globs);
  };
  if (json["contains_url"].is_bool() && json["contains_url"].boolean() != event.content["url"].is_string())
    return false;
  return wanted("types", event.type, true) && wanted("senders", event.sender, false) &&
         wanted("rooms", event.room, false);
}

std::int64_t MatrixFilter::limit(std::int64_t otherwise, std::int64_t most) const {
  return std::clamp<std::int64_t>(json["limit"].integer(otherwise), 1, most);
}

std::optional<std::int64_t> parse_matrix_token(std::string_view text) {
  if (text.starts_with('s')) return number(text.substr(1));
  if (!text.starts_with('t')) return std::nullopt;
  auto const dash = text.find('-');
  return dash == std::string_view::npos ? std::nullopt : number(text.substr(dash + 1));
}
std::string matrix_sync_token(std::int64_t position) { return "s" + std::to_string(position) + "_1_0_1_1"; }
std::string matrix_page_token(std::int64_t position) {
  return "t" + std::to_string(position) + "-" + std::to_string(position) + "_0_0_0_0";
}

}  // namespace playground
