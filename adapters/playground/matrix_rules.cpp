// By which rules the Matrix stand-in takes an event: Synapse's order and Synapse's words (1.163).
#include <algorithm>

#include "adapters/playground/matrix_store.hpp"

namespace playground {

using core::Json;

namespace {

[[noreturn]] void refuse(unsigned status, char const* code, std::string text) {
  throw MatrixError{status, code, std::move(text)};
}
[[noreturn]] void forbid(std::string text) { refuse(403, "M_FORBIDDEN", std::move(text)); }

// Canonical JSON holds integers within ±(2^53 - 1) and nothing else that is a number (appendices, "Canonical JSON").
void check_numbers(Json const& value) {
  constexpr std::int64_t kLargest = (std::int64_t{1} << 53) - 1;
  if (auto const* number = value.if_int(); number != nullptr && (*number > kLargest || *number < -kLargest))
    refuse(400, "M_BAD_JSON", "JSON integer out of range");
  if (value.is_number() && !value.is_int()) refuse(400, "M_BAD_JSON", "Bad JSON value: float");
  if (auto const* items = value.if_array()) std::for_each(items->begin(), items->end(), check_numbers);
  if (auto const* members = value.if_object()) {
    for (auto const& [name, member] : *members) check_numbers(member);
  }
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void need_strings(Json const& content, std::initializer_list<char const*> names) {
  for (auto const* name : names) {
    if (content[name].is_null()) refuse(400, "M_UNKNOWN", "'" + std::string(name) + "' not in content");
    if (!content[name].is_string()) refuse(400, "M_UNKNOWN", "'" + std::string(name) + "' not a string type");
  }
}

}  // namespace

MatrixEvent const& MatrixStore::send(MatrixDraft draft) {
  auto const* place = room(draft.room);
  if (place == nullptr || (draft.type != "m.room.member" && !place->joined(draft.sender)))
    forbid("User " + draft.sender + " not in room " + draft.room);
  check_numbers(draft.content);
  check_content(draft);
  check_relation(draft);
  if (draft.type == "m.room.member") {
    check_member(*place, draft);
  } else {
    auto const has = place->power(draft.sender), needs = place->needed(draft.type, draft.state_key.has_value());
    if (has < needs) {
      forbid("You don't have permission to post that to the room. user_level (" + std::to_string(has) +
             ") < send_level (" + std::to_string(needs) + ")");
    }
  }
  if (draft.type == "m.room.redaction") check_redaction(*place, draft);
  if (draft.type == "m.room.power_levels") check_levels(*place, draft);
  check_size(*place, draft);
  return put(std::move(draft));
}

void MatrixStore::check_content(MatrixDraft const& draft) const {
  if (draft.type == "m.room.message") need_strings(draft.content, {"body", "msgtype"});
  if (draft.type == "m.room.topic") need_strings(draft.content, {"topic"});
  if (draft.type == "m.room.name") need_strings(draft.content, {"name"});
}

void MatrixStore::check_relation(MatrixDraft const& draft) const {
  auto const& relation = draft.content["m.relates_to"];
  auto const kind = relation["rel_type"].text(), target = relation["event_id"].text();
  if (kind.empty() || !relation["event_id"].is_string()) return;
  auto const* parent = event(target);
  if (parent == nullptr) {
    if (relations_of(target).empty()) refuse(400, "M_UNKNOWN", "Can't send relation to unknown event");
  } else if (parent->room != draft.room) {
    refuse(400, "M_UNKNOWN", "Relations must be in the same room");
  }
  if (kind == "m.annotation") {
    auto const* key = relation["key"].if_string();
    if (key == nullptr) refuse(400, "M_UNKNOWN", "Missing aggregation key");
    if (characters(*key) > kMaxAnnotationKey) refuse(400, "M_UNKNOWN", "Aggregation key is too long");
    for (auto const* one : relations_of(target)) {
      if (one->relation() == "m.annotation" && one->type == draft.type && one->sender == draft.sender &&
          one->content["m.relates_to"]["key"].text() == *key) {
        refuse(400, "M_DUPLICATE_ANNOTATION", "Can't send same reaction twice");
      }
    }
  } else if (kind == "m.thread" && parent != nullptr && !parent->relation().empty()) {
    refuse(400, "M_UNKNOWN", "Cannot start threads from an event with a relation");
  }
}

void MatrixStore::check_redaction(MatrixRoom const& room, MatrixDraft const& draft) const {
  auto const* target = event(draft.redacts);
  auto const moderator = room.power(draft.sender) >= room.level("redact", 50);
  if (target == nullptr && !moderator) refuse(404, "M_NOT_FOUND", "Could not find event " + draft.redacts);
  if (target != nullptr && target->room != room.id)
    refuse(400, "M_UNKNOWN", "Cannot redact event from a different room");
  if (target != nullptr && target->type == "m.room.create") forbid("Redacting create events is not permitted");
  if (target != nullptr && target->sender != draft.sender && !moderator)
    forbid("You don't have permission to redact events");
}

// Nobody raises anybody above themselves, nor touches a level above their own (room version 11, "Authorization rules").
void MatrixStore::check_levels(MatrixRoom const& room, MatrixDraft const& draft) const {
  auto const own = room.power(draft.sender);
  auto const& before = room.content_of("m.room.power_levels");
  for (auto const* group : {"users", "events", ""}) {
    auto const& old_levels = *group == '\0' ? before : before[group];
    auto const& new_levels = *group == '\0' ? draft.content : draft.content[group];
    auto check = [&](std::string const& name) {
      auto const& old_level = old_levels[name];
      auto const& new_level = new_levels[name];
      if (old_level == new_level || old_level.is_object() || new_level.is_object()) return;
      if (std::string_view(group) == "users" && name != draft.sender && old_level.integer(0) == own &&
          !old_level.is_null())
        forbid("You don't have permission to remove ops level equal to your own");
      if (old_level.integer(0) > own || new_level.integer(0) > own)
        forbid("You don't have permission to add ops level greater than your own");
    };
    if (auto const* members = old_levels.if_object()) {
      for (auto const& [name, value] : *members) check(name);
    }
    if (auto const* members = new_levels.if_object()) {
      for (auto const& [name, value] : *members) check(name);
    }
  }
  if (room.version == "12") {
    if (auto const* users = draft.content["users"].if_object()) {
      for (auto const& [user, level] : *users) {
        if (room.creator(user)) refuse(400, "M_UNKNOWN", "Creator user " + user + " must not appear in content.users");
      }
    }
  }
}

void MatrixStore::check_member(MatrixRoom const& room, MatrixDraft const& draft) const {
  auto const target = draft.state_key.value_or("");
  auto const now = room.membership(target), next = draft.content["membership"].text();
  bool const self = target == draft.sender;
  auto const own = room.power(draft.sender), theirs = room.power(target);
  if (next == "join") {
    if (now == "ban") refuse(403, "M_BAD_STATE", "Cannot join user who was banned");
    if (!self) forbid("Cannot force another user to join.");
    if (now == "join" || now == "invite" || room.content_of("m.room.join_rules")["join_rule"].text() == "public")
      return;
    forbid("You are not invited to this room.");
  }
  if (!self && !room.joined(draft.sender)) forbid(draft.sender + " not in room " + room.id + ".");
  if (next == "invite") {
    if (now == "ban") refuse(403, "M_BAD_STATE", "Cannot invite user who was banned");
    if (now == "join") forbid(target + " is already in the room.");
    if (own < room.level("invite", 0)) forbid("You don't have permission to invite users");
    auto const federated = room.content_of("m.room.create")["m.federate"].boolean(true);
    auto const home = draft.sender.substr(draft.sender.find(':'));
    if (!federated && !target.ends_with(home)) forbid("This room has been marked as unfederatable.");
  } else if (next == "ban") {
    if (own < room.level("ban", 50) || own <= theirs) forbid("You don't have permission to ban");
  } else if (!self) {
    if (now == "ban" && own < room.level("ban", 50)) forbid("You cannot unban user " + target + ".");
    if (own < room.level("kick", 50) || own <= theirs) forbid("You cannot kick user " + target + ".");
  }
}

// The size counts as servers pass the event on: canonical JSON with ids of parents and auth events, hash, signature.
void MatrixStore::check_size(MatrixRoom const& room, MatrixDraft const& draft) const {
  auto const id = "$" + std::string(43, 'x');
  auto auth = Json::array({id, id});
  if (room.version != "12") auth.push(id);
  auto server = draft.sender.substr(draft.sender.find(':') + 1);
  auto event =
      Json::object({{"auth_events", auth},
                    {"content", draft.content},
                    {"depth", std::int64_t(room.events.size())},
                    {"hashes", Json::object({{"sha256", std::string(43, 'x')}})},
                    {"origin_server_ts", context_.now().time_since_epoch().count()},
                    {"prev_events", Json::array({id})},
                    {"room_id", room.id},
                    {"sender", draft.sender},
                    {"signatures", Json::object({{server, Json::object({{"ed25519:a_aaaa", std::string(86, 'x')}})}})},
                    {"type", draft.type},
                    {"unsigned", Json(Json::Object{})}});
  if (draft.state_key) event.set("state_key", *draft.state_key);
  if (core::canonical(event).size() > kMaxEventBytes) refuse(413, "M_TOO_LARGE", "event too large");
}

}  // namespace playground
