#include "bot/core/rendering.hpp"

#include <algorithm>
#include <initializer_list>

#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

// Calls `change` with each object of `value`, at any depth, outermost first.
template <class Change>
void each_object(Json& value, Change const& change) {
  if (auto* members = value.if_object()) {
    change(*members);
    for (auto& [name, member] : *members) each_object(member, change);
  } else if (auto* items = value.if_array()) {
    for (auto& item : *items) each_object(item, change);
  }
}

bool has_type(Json::Object const& members, std::initializer_list<std::string_view> types) {
  auto const type = members.find("type");
  return type != members.end() && std::ranges::find(types, type->second.text()) != types.end();
}

void blank(Json::Object& members, std::string const& name) {
  if (auto const found = members.find(name); found != members.end()) found->second = "";
}

// Slack's buttons: the member `value` of every object whose member `type` is "button".
void blank_slack(Json& body) {
  each_object(body, [](Json::Object& members) {
    if (has_type(members, {"button"})) blank(members, "value");
  });
}

// What an Adaptive Card sends back: the member `rendering` of an action's `data`.
void blank_teams(Json& body) {
  each_object(body, [](Json::Object& members) {
    if (!has_type(members, {"Action.Execute", "Action.Submit"})) return;
    auto const data = members.find("data");
    if (data == members.end()) return;
    if (auto* sent = data->second.if_object()) blank(*sent, "rendering");
  });
}

// A reaction names only the message, so the message itself says what it stands for.
void blank_matrix(Json& body) {
  auto* members = body.if_object();
  if (!members) return;
  auto const ours = members->find("org.countersign.message");
  if (ours == members->end()) return;
  if (auto* said = ours->second.if_object()) blank(*said, "rendering");
}

}  // namespace

Result<std::string> rendering_digest(std::string_view platform, Json body) {
  if (platform == "slack") {
    blank_slack(body);
  } else if (platform == "teams") {
    blank_teams(body);
  } else if (platform == "matrix") {
    blank_matrix(body);
  } else {
    return make_error(Errc::unsupported, "This release does not know how messages of the platform " +
                                             printable_ascii(platform, 40) + " are digested.");
  }
  try {
    return digest_of(canonical(body));
  } catch (Failure const& failure) {
    return failure.error();
  }
}

}  // namespace core
