#include "adapters/playground/matrix_people.hpp"

#include <algorithm>

namespace playground {

using core::Json;

namespace {

core::Error refused(MatrixError const& error) {
  auto const kind = error.status == 403   ? core::Errc::forbidden
                    : error.status == 404 ? core::Errc::not_found
                    : error.status == 413 ? core::Errc::too_large
                                          : core::Errc::bad_input;
  return core::make_error(kind, error.text + " (" + error.code + ")");
}

// One event is a valid edit of another by the rules of client-server API 1.19, "Validity of replacement events".
bool edits(MatrixEvent const& edit, MatrixEvent const& event) {
  return edit.relation() == "m.replace" && edit.redacted_by.empty() && edit.sender == event.sender &&
         edit.type == event.type && !edit.is_state() && !event.is_state() && event.relation() != "m.replace" &&
         edit.content["m.new_content"].is_object();
}

}  // namespace

MatrixPeople::Done MatrixPeople::guarded(std::function<std::string()> const& act) {
  try {
    return act();
  } catch (MatrixError const& error) {
    return refused(error);
  }
}

std::string MatrixPeople::user_id(std::string_view key_or_id) const {
  auto const* account = context_.world().account(key_or_id);
  return account == nullptr ? std::string(key_or_id) : account->id;
}
std::string MatrixPeople::room_id(std::string_view room) const {
  return room.empty() ? context_.world().room_id : std::string(room);
}

MatrixPeople::Done MatrixPeople::send(MatrixDraft draft) {
  draft.sender = user_id(draft.sender);
  draft.room = room_id(draft.room);
  return guarded([&] { return store_.send(std::move(draft)).id; });
}

MatrixPeople::Done MatrixPeople::react(std::string_view user, std::string_view event, std::string_view key) {
  auto const* target = store_.event(event);
  if (target == nullptr)
    return core::make_error(core::Errc::not_found, "There is no event " + std::string(event) + ".");
  return send(
      {target->room, "m.reaction", std::string(user),
       Json::object(
           {{"m.relates_to",
             Json::object({{"rel_type", "m.annotation"}, {"event_id", target->id}, {"key", std::string(key)}})}})});
}

MatrixPeople::Done MatrixPeople::unreact(std::string_view user, std::string_view reaction) {
  auto const* event = store_.event(reaction);
  if (event == nullptr || event->type != "m.reaction" || event->sender != user_id(user))
    return core::make_error(core::Errc::forbidden, "That is no reaction of theirs.");
  if (!event->redacted_by.empty()) return core::make_error(core::Errc::conflict, "It was taken back before.");
  return redact(user, reaction, {});
}

MatrixPeople::Done MatrixPeople::redact(std::string_view user, std::string_view event, std::string_view reason) {
  auto const* target = store_.event(event);
  auto const room = target == nullptr ? context_.world().room_id : target->room;
  MatrixDraft draft{room, "m.room.redaction", std::string(user), Json(Json::Object{})};
  draft.redacts = std::string(event);
  if (!reason.empty()) draft.content.set("reason", std::string(reason));
  auto const* place = store_.room(room);
  if (place != nullptr && place->redacts_in_content()) draft.content.set("redacts", draft.redacts);
  return send(std::move(draft));
}

MatrixPeople::Done MatrixPeople::say(MatrixSaying const& saying) {
  auto content = Json::object({{"msgtype", saying.msgtype}, {"body", saying.text}});
  if (!saying.html.empty()) content.set("format", "org.matrix.custom.html").set("formatted_body", saying.html);
  auto users = Json::array();
  for (auto const& one : saying.mentions) users.push(user_id(one));
  content.set("m.mentions", users.if_array()->empty() ? Json(Json::Object{}) : Json::object({{"user_ids", users}}));
  if (!saying.thread.empty()) {
    auto const in_thread = thread(saying.thread);
    auto const last = in_thread.empty() ? saying.thread : in_thread.back()["event_id"].text();
    bool const falls_back = saying.reply_to.empty();
    content.set("m.relates_to",
                Json::object({{"rel_type", "m.thread"},
                              {"event_id", saying.thread},
                              {"is_falling_back", falls_back},
                              {"m.in_reply_to", Json::object({{"event_id", falls_back ? last : saying.reply_to}})}}));
  } else if (!saying.reply_to.empty()) {
    content.set("m.relates_to", Json::object({{"m.in_reply_to", Json::object({{"event_id", saying.reply_to}})}}));
  }
  return send({saying.room, "m.room.message", saying.user, std::move(content)});
}

MatrixPeople::Done MatrixPeople::edit(std::string_view user, std::string_view event, std::string_view text) {
  auto const* target = store_.event(event);
  if (target == nullptr)
    return core::make_error(core::Errc::not_found, "There is no event " + std::string(event) + ".");
  auto fresh = Json::object({{"msgtype", target->content["msgtype"].text("m.text")}, {"body", std::string(text)}});
  auto content = Json::object({{"msgtype", fresh["msgtype"]},
                               {"body", "* " + std::string(text)},
                               {"m.new_content", fresh},
                               {"m.mentions", Json(Json::Object{})},
                               {"m.relates_to", Json::object({{"rel_type", "m.replace"}, {"event_id", target->id}})}});
  return send({target->room, "m.room.message", std::string(user), std::move(content)});
}

MatrixPeople::Done MatrixPeople::member(std::string_view by, std::string_view room, std::string_view whom,
                                        char const* membership, std::string_view reason) {
  return guarded([&] {
    return api_.set_membership(user_id(by), room_id(room), user_id(whom), membership, std::string(reason)).id;
  });
}

MatrixPeople::Done MatrixPeople::set_power(std::string_view whom, int level, std::string_view room) {
  auto const* place = store_.room(room_id(room));
  if (place == nullptr) return core::make_error(core::Errc::not_found, "There is no such room.");
  auto levels = place->content_of("m.room.power_levels");
  auto users = levels["users"];
  levels.set("users", users.set(user_id(whom), level));
  MatrixDraft draft{place->id, "m.room.power_levels", place->state_at("m.room.create", "")->sender, levels};
  draft.state_key = "";
  return send(std::move(draft));
}

MatrixPeople::Done MatrixPeople::inject(Json const& event) {
  MatrixDraft draft{room_id(event["room_id"].text()), event["type"].text("m.room.message"),
                    user_id(event["sender"].text()), event["content"]};
  if (store_.room(draft.room) == nullptr) return core::make_error(core::Errc::not_found, "There is no such room.");
  if (!draft.content.is_object()) draft.content = Json(Json::Object{});
  if (auto const* key = event["state_key"].if_string()) draft.state_key = *key;
  draft.redacts = event["redacts"].text(draft.type == "m.room.redaction" ? draft.content["redacts"].text() : "");
  return guarded([&] { return store_.put(std::move(draft), event["origin_server_ts"].integer(0)).id; });
}

std::string MatrixPeople::root_of(MatrixEvent const& event) const {
  auto const& content = event.original.is_null() ? event.content : event.original;
  return content["m.relates_to"]["rel_type"].text() == "m.thread" ? content["m.relates_to"]["event_id"].text() : "";
}

Json MatrixPeople::message(MatrixEvent const& event) const {
  auto content = event.content;
  std::int64_t edit_count = 0;
  Json reactions(Json::Object{}), reaction_events(Json::Object{});
  for (auto const* one : store_.relations_of(event.id)) {
    if (edits(*one, event)) ++edit_count;
    auto const* key = one->content["m.relates_to"]["key"].if_string();
    if (one->type != "m.reaction" || one->relation() != "m.annotation" || key == nullptr) continue;
    auto add = [&](Json& into, std::string const& what) {
      auto list = into[*key].is_array() ? into[*key] : Json::array();
      into.set(*key, list.push(what));
    };
    add(reactions, one->sender);
    add(reaction_events, one->id);
  }
  if (auto const* edit = store_.latest_edit(event)) {
    auto const relates_to = content["m.relates_to"];
    content = edit->content["m.new_content"];
    if (!relates_to.is_null()) content.set("m.relates_to", relates_to);
  }
  auto mentions = content["m.mentions"]["user_ids"];
  return Json::object({{"event_id", event.id},
                       {"sender", event.sender},
                       {"at", event.at_ms},
                       {"msgtype", content["msgtype"]},
                       {"body", content["body"]},
                       {"html", content["formatted_body"]},
                       {"edited", edit_count > 0},
                       {"edits", edit_count},
                       {"redacted", !event.redacted_by.empty()},
                       {"thread", root_of(event).empty() ? Json() : Json(root_of(event))},
                       {"reply_to", content["m.relates_to"]["m.in_reply_to"]["event_id"]},
                       {"mentions", mentions.is_array() ? mentions : Json::array()},
                       {"reactions", reactions},
                       {"reaction_events", reaction_events},
                       {"content", content}});
}

std::vector<Json> MatrixPeople::messages(std::string_view room) const {
  std::vector<Json> out;
  auto const* place = store_.room(room_id(room));
  if (place == nullptr) return out;
  for (auto const& one : place->events) {
    if (one->type == "m.room.message" && one->relation() != "m.replace" && root_of(*one).empty() &&
        one->original["m.relates_to"]["rel_type"].text() != "m.replace") {
      out.push_back(message(*one));
    }
  }
  return out;
}

std::vector<Json> MatrixPeople::thread(std::string_view root) const {
  std::vector<Json> out;
  auto const* start = store_.event(root);
  if (start == nullptr) return out;
  for (auto const& one : store_.room(start->room)->events) {
    if (one->type == "m.room.message" && root_of(*one) == root) out.push_back(message(*one));
  }
  return out;
}

Json MatrixPeople::state(std::string_view user, std::size_t connections) const {
  auto const& world = context_.world();
  auto const me = user_id(user);
  auto const* room = store_.room(world.room_id);
  auto members = Json::array(), events = Json::array();
  for (auto const& one : room->members()) {
    auto const name = room->content_of("m.room.member", one)["displayname"].text(one);
    members.push(Json::object({{"id", one}, {"name", name}}));
  }
  for (auto const& one : room->events) {
    if (store_.may_see(*one, me)) events.push(store_.shown(*one, {me, {}, true, false}));
  }
  return Json::object({{"revision", context_.revision},
                       {"me", me},
                       {"bot", world.bot.id},
                       {"room", Json::object({{"id", room->id},
                                              {"name", room->content_of("m.room.name")["name"].text(room->id)},
                                              {"encrypted", room->state_at("m.room.encryption", "") != nullptr}})},
                       {"connections", std::uint64_t{connections}},
                       {"members", members},
                       {"events", events}});
}

}  // namespace playground
