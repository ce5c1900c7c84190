// What the controls of all stand-ins are made of: answers, and arguments that may come from a query. Internal to this
// folder.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "adapters/playground/same_origin.hpp"

namespace playground::control {

inline net::HttpResponse fine(core::Json members = core::Json(core::Json::Object{})) {
  members.set("ok", true);
  return json_response(members);
}
inline net::HttpResponse refused(std::string const& why, unsigned status = 200) {
  return json_response(core::Json::object({{"ok", false}, {"error", why}}), status);
}
// The new thing's id under this name, or why there is none.
template <class Result>
net::HttpResponse made(char const* name, Result const& result) {
  return result ? fine(core::Json::object({{name, *result}})) : refused(result.error().message);
}

// Numbers come as strings from a query.
inline std::uint64_t number(core::Json const& value, std::uint64_t otherwise = 0) {
  if (auto const* n = value.if_int()) return *n < 0 ? 0 : static_cast<std::uint64_t>(*n);
  auto const text = value.text();
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos) return otherwise;
  return std::stoull(text);
}
inline int count(core::Json const& value, int otherwise) { return static_cast<int>(value.integer(otherwise)); }

template <class List>
core::Json texts(List const& list) {
  auto out = core::Json::array();
  for (auto const& one : list) out.push(core::Json(one));
  return out;
}
template <class List, class Convert>
core::Json objects(List const& list, Convert convert) {
  auto out = core::Json::array();
  for (auto const& one : list) out.push(convert(one));
  return out;
}

// Controls by name.
template <class StandIn>
using Acts = std::map<std::string, std::function<net::HttpResponse(StandIn&, core::Json const&)>, std::less<>>;

// One that answers nothing but that it is done.
template <class Do>
auto plain(Do act) {
  return [act](auto& stand_in, core::Json const& arguments) {
    act(stand_in, arguments);
    return fine();
  };
}
// One that shows a value under its name.
template <class Look>
auto shown(char const* name, Look look) {
  return [name, look](auto& stand_in, core::Json const& arguments) {
    return fine(core::Json::object({{name, look(stand_in, arguments)}}));
  };
}

template <class StandIn>
net::HttpResponse run(std::initializer_list<Acts<StandIn> const*> lists, std::string_view what, StandIn& stand_in,
                      core::Json const& arguments) {
  for (auto const* list : lists) {
    if (auto const found = list->find(what); found != list->end()) return found->second(stand_in, arguments);
  }
  return refused("There is no such control.", 404);
}

}  // namespace playground::control
