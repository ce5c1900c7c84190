// Events, and the answers that hold many of them.
#include "adapters/matrix/wire.hpp"

#include <algorithm>

#include "adapters/matrix/wire_reader.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace matrix {

namespace {

using core::Errc;
using core::Json;
using core::make_error;
using Need = Reader::Need;

constexpr std::size_t kMaxType = 255;
constexpr std::size_t kMaxRooms = 1000;  // in one answer: only configured ones are asked for

bool is_id(std::string_view text, char sigil) {
  return text.size() >= 2 && text.size() <= kMaxId && text.front() == sigil && !core::has_control(text) &&
         text.find(' ') == std::string_view::npos;
}

Relation read_relation(Reader& read, Json const& content) {
  Relation relation;
  auto const& object = read.object(content, "m.relates_to", Need::optional);
  if (object.is_null()) return relation;
  relation.type = read.token(object, "rel_type", Need::optional, kMaxType);
  relation.event = read.id(object, "event_id", Need::optional, is_event_id);
  relation.key = read.text(object, "key", Need::optional, 65'536);
  auto const& reply = read.object(object, "m.in_reply_to", Need::optional);
  relation.reply_to = read.id(reply, "event_id", Need::optional, is_event_id);
  relation.falling_back = object["is_falling_back"].boolean();
  return relation;
}

// Room versions from 11 on name the target inside `content`, older ones beside it, where the content is the sender's
// own; servers add the other for old clients. Two names that differ name nothing.
std::string read_redacts(Reader& read, Json const& json, Json const& content) {
  auto const inside = read.id(content, "redacts", Need::optional, is_event_id);
  auto const beside = read.id(json, "redacts", Need::optional, is_event_id);
  if (inside.empty() && beside.empty()) read.fail("redacts", "is missing");
  if (!inside.empty() && !beside.empty() && inside != beside) read.fail("redacts", "names two events");
  return inside.empty() ? beside : inside;
}

// Events that keep the rules; the others are counted. False: there is no list at all.
bool read_events(Json const& list, std::string_view room, std::vector<Event>& out, std::size_t& refused) {
  if (list.is_null()) return true;
  auto const* items = list.if_array();
  if (!items) return false;
  for (auto const& item : *items) {
    if (auto event = parse_event(item, room); event.has_value()) {
      out.push_back(*std::move(event));
    } else {
      ++refused;
    }
  }
  return true;
}

core::Error broken(std::string_view what, std::string_view why) {
  return make_error(Errc::bad_input, "Matrix's " + std::string(what) + " is refused: " + std::string(why) + '.');
}

core::Result<std::vector<std::string>> room_names(Json const& rooms, std::string_view name) {
  std::vector<std::string> names;
  auto const& list = rooms[name];
  if (list.is_null()) return names;
  auto const* members = list.if_object();
  if (!members) return broken("sync answer", "rooms." + std::string(name) + " is no object");
  for (auto const& [room, value] : *members) {
    if (is_room_id(room) && names.size() < kMaxRooms) names.push_back(room);
  }
  return names;
}

}  // namespace

core::JsonLimits json_limits(std::size_t max_bytes) {
  return {.max_bytes = max_bytes,
          .max_depth = 2000,  // Synapse takes no more than some 1,000 levels, and whoever is in a room may send them
          .max_values = 500'000,
          .max_string = max_bytes,
          .max_key = 65'536,
          .allow_nul = true};
}

bool is_user_id(std::string_view text) {
  auto const colon = text.find(':');
  return is_id(text, '@') && colon != std::string_view::npos && colon + 1 < text.size();
}
bool is_room_id(std::string_view text) { return is_id(text, '!'); }  // without a server from room version 12 on
bool is_event_id(std::string_view text) { return is_id(text, '$'); }

std::string_view server_of(std::string_view user) {
  auto const colon = user.find(':');
  return colon == std::string_view::npos ? std::string_view{} : user.substr(colon + 1);
}

core::Result<Event> parse_event(Json const& json, std::string_view room) {
  if (!json.is_object()) return broken("event", "it is no object");
  Reader read("event");
  Event event;
  event.id = read.id(json, "event_id", Need::required, is_event_id);
  event.type = read.token(json, "type", Need::required, kMaxType);
  event.sender = read.id(json, "sender", Need::required, is_user_id);
  event.room = read.id(json, "room_id", room.empty() ? Need::required : Need::optional, is_room_id);
  if (!room.empty() && !event.room.empty() && event.room != room) read.fail("room_id", "names another room");
  if (event.room.empty()) event.room = room;
  if (auto const& key = json["state_key"]; !key.is_null()) {
    auto const* text = key.if_string();
    if (!text || text->size() > kMaxId) {
      read.fail("state_key", "is no short string");
    } else {
      event.state_key = *text;
    }
  }
  event.sent_ms = json["origin_server_ts"].integer();
  event.content = read.object(json, "content", Need::required);
  event.relation = read_relation(read, event.content);
  bool const redacted = json["unsigned"]["redacted_because"].is_object();
  if (event.type == "m.room.redaction" && !redacted) event.redacts = read_redacts(read, json, event.content);
  if (read.failed()) return read.error();
  event.digest = core::digest_of(core::dump(json));
  return event;
}

core::Result<SyncAnswer> parse_sync(std::string_view bytes) {
  auto const json = core::parse_json(bytes, json_limits(kMaxSyncBytes));
  if (json.has_error())
    return make_error(json.error().code, "Matrix's sync answer is refused: " + json.error().message);
  if (!json->is_object()) return broken("sync answer", "it is no object");
  Reader read("sync answer");
  SyncAnswer answer;
  answer.next_batch = read.text(*json, "next_batch", Need::required, kMaxToken);
  auto const& rooms = read.object(*json, "rooms", Need::optional);
  auto const& joined = read.object(rooms, "join", Need::optional);
  if (read.failed()) return read.error();
  if (auto const* members = joined.if_object()) {
    if (members->size() > kMaxRooms) return broken("sync answer", "it has more than 1,000 rooms");
    for (auto const& [name, value] : *members) {
      if (!is_room_id(name) || !value.is_object()) return broken("sync answer", "a room is none");
      SyncRoom room;
      room.room = name;
      auto const& timeline = read.object(value, "timeline", Need::optional);
      room.limited = timeline["limited"].boolean();
      room.prev_batch = read.text(timeline, "prev_batch", Need::optional, kMaxToken);
      if (!read_events(value["state"]["events"], name, room.state, answer.refused) ||
          !read_events(timeline["events"], name, room.timeline, answer.refused))
        read.fail("events", "is no list");
      if (read.failed()) return read.error();
      answer.joined.push_back(std::move(room));
    }
  }
  auto invited = room_names(rooms, "invite"), left = room_names(rooms, "leave");
  if (invited.has_error()) return invited.error();
  if (left.has_error()) return left.error();
  answer.invited = *std::move(invited);
  answer.left = *std::move(left);
  return answer;
}

core::Result<Page> parse_page(std::string_view bytes, std::string_view room) {
  auto const json = core::parse_json(bytes, json_limits(kMaxPageBytes));
  if (json.has_error())
    return make_error(json.error().code, "Matrix's page of messages is refused: " + json.error().message);
  Reader read("page of messages");
  Page page;
  auto const* chunk = (*json)["chunk"].if_array();
  if (!chunk) return broken("page of messages", "it has no chunk");
  page.end = read.text(*json, "end", Need::optional, kMaxToken);
  if (read.failed()) return read.error();
  page.entries = chunk->size();
  std::size_t refused = 0;
  read_events((*json)["chunk"], room, page.events, refused);
  return page;
}

core::Result<Event> parse_single_event(std::string_view bytes, std::string_view room) {
  auto const json = core::parse_json(bytes, json_limits(kMaxAnswerBytes));
  if (json.has_error()) return make_error(json.error().code, "Matrix's event is refused: " + json.error().message);
  return parse_event(*json, room);
}

// --- fi.mau.as_sync
// ---------------------------------------------------------------------------------------------------

core::Result<Frame> parse_frame(std::string_view bytes) {
  auto const json = core::parse_json(bytes, json_limits(kMaxFrameBytes));
  if (json.has_error())
    return make_error(json.error().code, "A frame of the Matrix proxy is refused: " + json.error().message);
  if (!json->is_object()) return broken("frame", "it is no object");
  Reader read("frame");
  Frame frame;
  auto const command = read.token(*json, "command", Need::optional, kMaxType);
  auto const status = read.text(*json, "status", Need::optional, kMaxType);
  frame.txn_id = read.token(*json, "txn_id", Need::optional, kMaxId);
  auto const& id = (*json)["id"];
  if (!id.is_null()) {
    auto const* number = id.if_int();
    if (!number || *number < 0) read.fail("id", "is no natural number");
    frame.id = number ? *number : 0;
  }
  if (read.failed()) return read.error();
  if (status == "connected" && (command.empty() || command == "connect") && frame.txn_id.empty()) {
    frame.kind = Frame::Kind::hello;  // of wsproxy without a command, of asmux with one
  } else if (command.empty() || command == "transaction") {
    frame.kind = Frame::Kind::transaction;
    if (frame.txn_id.empty()) return broken("frame", "a transaction has no txn_id");
    if (!read_events((*json)["events"], {}, frame.events, frame.refused))
      return broken("frame", "its events are no list");
  } else if (command == "response") {
    frame.kind = Frame::Kind::response;
  } else if (command == "error") {
    frame.kind = Frame::Kind::error;
  } else {
    frame.command = command;
  }
  return frame;
}

std::string transaction_ack(std::int64_t id, std::string const& txn_id) {
  return core::dump(Json::object({{"id", id}, {"command", "response"}, {"data", Json::object({{"txn_id", txn_id}})}}));
}

std::string unknown_command(std::int64_t id) {
  return core::dump(
      Json::object({{"id", id},
                    {"command", "error"},
                    {"data", Json::object({{"code", "M_UNRECOGNIZED"}, {"message", "unknown request type"}})}}));
}

std::string ping_frame(std::int64_t id, std::int64_t now_ms) {
  return core::dump(Json::object({{"id", id}, {"command", "ping"}, {"data", Json::object({{"timestamp", now_ms}})}}));
}

}  // namespace matrix
