// Rooms and who is in them.
#include <algorithm>

#include "adapters/playground/matrix_api.hpp"
#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

net::HttpResponse fine(Json body = Json(Json::Object{})) { return json_response(body); }

// An optional body: /join and /leave are often called with none.
std::string reason_of(net::HttpRequestIn const& http) {
  auto const body = core::parse_json(http.body);
  return body ? (*body)["reason"].text() : std::string();
}

Json levels_of(std::string const& version, std::string const& creator, Json const& spec, bool open) {
  auto const tombstone = version == "12" ? 150 : 100;
  auto levels = Json::object({{"users", Json(Json::Object{})},
                              {"users_default", 0},
                              {"events", Json::object({{"m.room.name", 50},
                                                       {"m.room.power_levels", 100},
                                                       {"m.room.history_visibility", 100},
                                                       {"m.room.canonical_alias", 50},
                                                       {"m.room.avatar", 50},
                                                       {"m.room.tombstone", tombstone},
                                                       {"m.room.server_acl", 100},
                                                       {"m.room.encryption", 100}})},
                              {"events_default", 0},
                              {"state_default", 50},
                              {"ban", 50},
                              {"kick", 50},
                              {"redact", 50},
                              {"invite", open ? 50 : 0},
                              {"historical", 100}});
  if (open) {
    auto events = levels["events"];
    levels.set("events", events.set("m.call.invite", 50));
  }
  if (version != "12") levels.set("users", Json::object({{creator, 100}}));
  // Members of the override replace those of the default whole.
  if (auto const* members = spec["power_level_content_override"].if_object()) {
    for (auto const& [name, value] : *members) levels.set(name, value);
  }
  return levels;
}

}  // namespace

MatrixEvent const& MatrixApi::set_membership(std::string const& by, std::string const& room, std::string const& whom,
                                             char const* membership, std::string const& reason) {
  auto const* place = store_.room(room);
  if (place == nullptr) {
    throw MatrixError{404, "M_UNKNOWN",
                      "Can't join remote room because no servers that are in the room have been provided."};
  }
  // Asking again for what is so already is no event.
  auto const* now = place->state_at("m.room.member", whom);
  if (now != nullptr && now->content["membership"].text() == membership &&
      (by == whom || std::string_view(membership) == "invite") && std::string_view(membership) != "leave") {
    if (std::string_view(membership) == "join" || place->power(by) >= place->level("invite", 0)) return *now;
  }
  if (by == whom && std::string_view(membership) == "leave" && (now == nullptr || place->membership(whom) == "leave")) {
    if (now == nullptr) throw MatrixError{403, "M_FORBIDDEN", "User " + by + " not in room " + room};
    return *now;
  }
  MatrixDraft draft{room, "m.room.member", by, Json::object({{"membership", membership}})};
  draft.state_key = whom;
  auto const name = accounts_.name(whom);
  bool const present = std::string_view(membership) == "join" || std::string_view(membership) == "invite";
  if (present && !name.empty()) draft.content.set("displayname", name);
  if (!reason.empty()) draft.content.set("reason", reason);
  return store_.send(std::move(draft));
}

MatrixRoom& MatrixApi::create_room(std::string id, std::string const& creator, Json const& spec) {
  auto const version = spec["room_version"].text("12");
  if (version.empty() || version.size() > 2 || version.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(version) < 1 || std::stoi(version) > 12) {
    throw MatrixError{400, "M_UNSUPPORTED_ROOM_VERSION", "Your homeserver does not support this room version"};
  }
  auto const preset = spec["preset"].text("private_chat");
  bool const open = preset == "public_chat";
  auto const levels = levels_of(version, creator, spec, open);
  if (version == "12" && !levels["users"][creator].is_null())
    throw MatrixError{400, "M_UNKNOWN", "Creator user " + creator + " must not appear in content.users"};
  // Version 12 has no server's name in it: it is the hash of the first event.
  if (id.empty())
    id = version == "12" ? "!" + context_.random_text(43)
                         : "!" + context_.random_text(18) + ":" + context_.world().server_name;
  auto& room = store_.add_room(id, version);
  auto put = [&](char const* type, std::string key, Json content) {
    MatrixDraft draft{id, type, creator, std::move(content)};
    draft.state_key = std::move(key);
    store_.put(std::move(draft));
  };
  auto create = spec["creation_content"].is_object() ? spec["creation_content"] : Json(Json::Object{});
  put("m.room.create", "", create.set("room_version", version));
  auto self = Json::object({{"membership", "join"}});
  if (auto const name = accounts_.name(creator); !name.empty()) self.set("displayname", name);
  put("m.room.member", creator, self);
  put("m.room.power_levels", "", levels);
  std::vector<std::string> given;
  auto const* initial = spec["initial_state"].if_array();
  auto has = [&](char const* type) {
    return initial != nullptr &&
           std::any_of(initial->begin(), initial->end(), [&](Json const& one) { return one["type"].text() == type; });
  };
  if (!has("m.room.join_rules"))
    put("m.room.join_rules", "", Json::object({{"join_rule", open ? "public" : "invite"}}));
  if (!has("m.room.history_visibility"))
    put("m.room.history_visibility", "", Json::object({{"history_visibility", "shared"}}));
  if (!open && !has("m.room.guest_access"))
    put("m.room.guest_access", "", Json::object({{"guest_access", "can_join"}}));
  if (initial != nullptr) {
    for (auto const& one : *initial) put(one["type"].text().c_str(), one["state_key"].text(), one["content"]);
  }
  if (auto const* name = spec["name"].if_string()) put("m.room.name", "", Json::object({{"name", *name}}));
  if (auto const* topic = spec["topic"].if_string()) {
    auto const text = Json::object({{"m.text", Json::array({Json::object({{"body", *topic}})})}});
    put("m.room.topic", "", Json::object({{"topic", *topic}, {"m.topic", text}}));
  }
  if (auto const* invited = spec["invite"].if_array()) {
    for (auto const& one : *invited) set_membership(creator, id, one.text(), "invite");
  }
  return room;
}

MatrixApi::Answer MatrixApi::create(std::shared_ptr<Request> const& request) {
  return fine(Json::object({{"room_id", create_room({}, request->who.user, request->body).id}}));
}

MatrixApi::Answer MatrixApi::joined_rooms(std::shared_ptr<Request> const& request) {
  auto list = Json::array();
  for (auto const& [id, room] : store_.rooms()) {
    if (room.joined(request->who.user)) list.push(id);
  }
  return fine(Json::object({{"joined_rooms", list}}));
}

MatrixApi::Answer MatrixApi::joined_members(std::shared_ptr<Request> const& request) {
  auto const* room = store_.room(request->parts[0]);
  if (room == nullptr || !room->joined(request->who.user)) {
    throw MatrixError{403, "M_FORBIDDEN",
                      "Getting joined members while not being a current member of the room is forbidden."};
  }
  Json joined(Json::Object{});
  for (auto const& one : room->members()) {
    auto const& content = room->content_of("m.room.member", one);
    joined.set(one, Json::object({{"display_name", content["displayname"]}, {"avatar_url", content["avatar_url"]}}));
  }
  return fine(Json::object({{"joined", joined}}));
}

MatrixApi::Answer MatrixApi::members(std::shared_ptr<Request> const& request) {
  auto const& room = readable(*request);
  auto const wanted = request->query("membership"), unwanted = request->query("not_membership");
  auto chunk = Json::array();
  for (auto const* one : room.state_events(horizon(room, request->who.user))) {
    if (one->type != "m.room.member") continue;
    auto const membership = one->content["membership"].text();
    if ((!wanted.empty() && membership != wanted) || (!unwanted.empty() && membership == unwanted)) continue;
    chunk.push(store_.shown(*one, {request->who.user, request->who.device, false, false}));
  }
  return fine(Json::object({{"chunk", chunk}}));
}

MatrixApi::Answer MatrixApi::invite(std::shared_ptr<Request> const& request) {
  set_membership(request->who.user, request->parts[0], request->body["user_id"].text(), "invite",
                 request->body["reason"].text());
  return fine();
}
MatrixApi::Answer MatrixApi::join(std::shared_ptr<Request> const& request) {
  set_membership(request->who.user, request->parts[0], request->who.user, "join", reason_of(request->http));
  return fine(Json::object({{"room_id", request->parts[0]}}));
}
MatrixApi::Answer MatrixApi::join_any(std::shared_ptr<Request> const& request) {
  auto const& name = request->parts[0];
  if (name.starts_with('#')) throw MatrixError{404, "M_NOT_FOUND", "Room alias " + name + " not found"};
  if (!name.starts_with('!')) throw MatrixError{400, "M_UNKNOWN", name + " was not legal room ID or room alias"};
  return join(request);
}
MatrixApi::Answer MatrixApi::leave(std::shared_ptr<Request> const& request) {
  set_membership(request->who.user, request->parts[0], request->who.user, "leave", reason_of(request->http));
  return fine();
}
MatrixApi::Answer MatrixApi::kick(std::shared_ptr<Request> const& request) {
  set_membership(request->who.user, request->parts[0], request->body["user_id"].text(), "leave",
                 request->body["reason"].text());
  return fine();
}
MatrixApi::Answer MatrixApi::ban(std::shared_ptr<Request> const& request) {
  set_membership(request->who.user, request->parts[0], request->body["user_id"].text(), "ban",
                 request->body["reason"].text());
  return fine();
}
MatrixApi::Answer MatrixApi::unban(std::shared_ptr<Request> const& request) { return kick(request); }
MatrixApi::Answer MatrixApi::alias(std::shared_ptr<Request> const& request) {
  throw MatrixError{404, "M_NOT_FOUND", "Room alias " + request->parts[0] + " not found"};
}

}  // namespace playground
