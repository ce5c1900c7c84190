#include "adapters/playground/matrix_store.hpp"

#include <algorithm>

namespace playground {

using core::Json;

MatrixRoom* MatrixStore::room(std::string_view id) {
  auto const found = rooms_.find(id);
  return found == rooms_.end() ? nullptr : &found->second;
}
MatrixRoom const* MatrixStore::room(std::string_view id) const {
  auto const found = rooms_.find(id);
  return found == rooms_.end() ? nullptr : &found->second;
}
MatrixRoom& MatrixStore::add_room(std::string id, std::string version) {
  auto& room = rooms_[id];
  room.id = std::move(id);
  room.version = std::move(version);
  return room;
}

MatrixEvent const* MatrixStore::event(std::string_view id) const {
  auto const found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

// Room versions 4 and later: "$" and 43 characters of URL-safe base64.
std::string MatrixStore::event_id() { return "$" + context_.random_text(43); }

MatrixEvent const& MatrixStore::put(MatrixDraft draft, std::int64_t at_ms) {
  if (by_id_.size() >= kMaxMatrixEvents) throw MatrixError{500, "M_UNKNOWN", "The stand-in holds no more events."};
  auto& room = *this->room(draft.room);
  auto event = std::make_shared<MatrixEvent>();
  event->position = ++position_;
  event->id = event_id();
  event->room = std::move(draft.room);
  event->type = std::move(draft.type);
  event->sender = std::move(draft.sender);
  event->state_key = std::move(draft.state_key);
  event->content = std::move(draft.content);
  event->at_ms = at_ms != 0 ? at_ms : context_.now().time_since_epoch().count();
  event->redacts = std::move(draft.redacts);
  event->device = std::move(draft.device);
  event->transaction = std::move(draft.transaction);
  by_id_.emplace(event->id, event);
  room.events.push_back(event);
  if (event->state_key) {
    auto& history = room.state[{event->type, *event->state_key}];
    if (!history.empty()) {
      event->replaces = history.back()->id;
      event->previous_content = history.back()->content;
      event->previous_sender = history.back()->sender;
    }
    history.push_back(event);
  } else if (!event->target().empty() && !event->relation().empty()) {
    relations_[event->target()].push_back(event);
  }
  if (event->type == "m.room.redaction") redact(room, *event);
  context_.changed();
  if (on_event) on_event(*event);
  return *event;
}

void MatrixStore::redact(MatrixRoom& room, MatrixEvent const& redaction) {
  auto const found = by_id_.find(redaction.redacts);
  if (found == by_id_.end() || found->second->room != room.id) return;
  auto& event = *found->second;
  if (!event.redacted_by.empty() || event.type == "m.room.create") return;
  // What a redaction leaves (room version 11, "Redactions"); of message-like events nothing.
  Json left(Json::Object{});
  static std::map<std::string, std::vector<char const*>, std::less<>> const kKept{
      {"m.room.member", {"membership"}},
      {"m.room.join_rules", {"join_rule"}},
      {"m.room.history_visibility", {"history_visibility"}},
      {"m.room.power_levels",
       {"ban", "events", "events_default", "invite", "kick", "redact", "state_default", "users", "users_default"}},
      {"m.room.redaction", {"redacts"}}};
  if (auto const kept = kKept.find(event.type); kept != kKept.end()) {
    for (auto const* name : kept->second) {
      if (!event.content[name].is_null()) left.set(name, event.content[name]);
    }
  }
  event.original = std::move(event.content);
  event.content = std::move(left);
  event.redacted_by = redaction.id;
}

std::vector<MatrixEvent const*> MatrixStore::relations_of(std::string_view id) const {
  std::vector<MatrixEvent const*> all;
  auto const found = relations_.find(id);
  if (found == relations_.end()) return all;
  for (auto const& one : found->second) {
    if (one->redacted_by.empty()) all.push_back(one.get());
  }
  return all;
}

MatrixEvent const* MatrixStore::latest_edit(MatrixEvent const& event) const {
  if (event.is_state() || !event.redacted_by.empty() || event.relation() == "m.replace") return nullptr;
  MatrixEvent const* newest = nullptr;
  for (auto const* one : relations_of(event.id)) {
    if (one->relation() != "m.replace" || one->sender != event.sender || one->type != event.type ||
        one->room != event.room || !one->content["m.new_content"].is_object()) {
      continue;
    }
    if (newest == nullptr || std::pair(one->at_ms, one->id) > std::pair(newest->at_ms, newest->id)) newest = one;
  }
  return newest;
}

bool MatrixStore::may_see(MatrixEvent const& event, std::string_view user) const {
  // A redaction of what nobody knows is kept back (Synapse).
  if (event.type == "m.room.redaction" && this->event(event.redacts) == nullptr) return false;
  auto const* place = room(event.room);
  auto const* member = place->state_at("m.room.member", user);
  if (member == nullptr) return false;
  if (place->joined(user)) return true;
  // Who was in the room sees it as it was when they left, and the event by which they left.
  return event.position <= member->position && !member->previous_content.is_null() &&
         (place->joined(user, event.position) || place->joined(user, event.position - 1) ||
          (member->previous_content["membership"].text() == "join" && event.position <= member->position));
}

Json MatrixStore::shown(MatrixEvent const& event, MatrixReader const& reader) const {
  auto const age = std::max<std::int64_t>(context_.now().time_since_epoch().count() - event.at_ms, 0);
  auto info = Json::object({{"age", age}});
  Json out = Json::object({{"event_id", event.id},
                           {"type", event.type},
                           {"sender", event.sender},
                           {"origin_server_ts", event.at_ms},
                           {"content", event.content}});
  if (event.state_key) out.set("state_key", *event.state_key);
  if (!event.redacts.empty() && event.redacted_by.empty()) out.set("redacts", event.redacts);
  if (!event.replaces.empty()) {
    info.set("replaces_state", event.replaces)
        .set("prev_content", event.previous_content)
        .set("prev_sender", event.previous_sender);
  }
  if (!event.transaction.empty() && event.sender == reader.user && event.device == reader.device &&
      !event.device.empty())
    info.set("transaction_id", event.transaction);
  if (!event.redacted_by.empty()) {
    info.set("redacted_by", event.redacted_by);
    if (auto const* why = this->event(event.redacted_by)) {
      auto as = reader;
      as.bundle = as.membership = false;
      info.set("redacted_because", shown(*why, as));
    }
  }
  if (reader.membership) info.set("membership", room(event.room)->membership(reader.user, event.position));
  if (reader.bundle) {
    if (auto relations = bundle(event, reader); !relations.if_object()->empty())
      info.set("m.relations", std::move(relations));
  }
  if (!reader.sync) {
    out.set("room_id", event.room).set("user_id", event.sender);
    for (auto const* name : {"age", "redacted_because", "replaces_state", "prev_content"}) {
      if (!info[name].is_null()) out.set(name, info[name]);
    }
  }
  // In version 12 that event's id is the room's: Synapse names the room there all the same.
  if (reader.sync && event.type == "m.room.create" && room(event.room)->version == "12") out.set("room_id", event.room);
  return out.set("unsigned", std::move(info));
}

Json MatrixStore::bundle(MatrixEvent const& event, MatrixReader const& reader) const {
  Json out(Json::Object{});
  auto const kind = event.relation();
  if (event.is_state() || !event.redacted_by.empty() || kind == "m.annotation" || kind == "m.replace") return out;
  auto inner = reader;
  inner.bundle = inner.membership = false;
  auto references = Json::array();
  MatrixEvent const* last = nullptr;
  std::int64_t count = 0;
  bool took_part = event.sender == reader.user;
  for (auto const* one : relations_of(event.id)) {
    if (one->relation() == "m.reference") references.push(Json::object({{"event_id", one->id}}));
    if (one->relation() != "m.thread") continue;
    ++count;
    last = one;
    took_part = took_part || one->sender == reader.user;
  }
  if (!references.if_array()->empty()) out.set("m.reference", Json::object({{"chunk", references}}));
  if (auto const* edit = latest_edit(event)) out.set("m.replace", shown(*edit, inner));
  if (last != nullptr) {
    auto latest = shown(*last, inner);
    if (auto const* edit = latest_edit(*last)) {
      auto info = latest["unsigned"];
      latest.set("unsigned", info.set("m.relations", Json::object({{"m.replace", shown(*edit, inner)}})));
    }
    out.set("m.thread",
            Json::object({{"count", count}, {"latest_event", latest}, {"current_user_participated", took_part}}));
  }
  return out;
}

Json MatrixStore::stripped(MatrixEvent const& event) {
  return Json::object({{"type", event.type},
                       {"state_key", event.state_key.value_or("")},
                       {"sender", event.sender},
                       {"content", event.content}});
}

}  // namespace playground
