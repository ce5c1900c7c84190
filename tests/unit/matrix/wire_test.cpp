#include "adapters/matrix/wire.hpp"

#include "adapters/matrix/command_text.hpp"
#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/result_text.hpp"

using namespace matrix;
using core::Json;

namespace {

core::Result<Event> event(std::string const& text, std::string_view room = "!r:x") {
  return parse_event(core::parse_json(text, {.allow_nul = true}).value(), room);
}

}  // namespace

TEST_CASE("matrix wire: an event with all that we read") {
  auto const read = event(R"({"event_id":"$e","type":"m.room.message","sender":"@ann:x:8448","origin_server_ts":5,
    "room_id":"!r:x","content":{"body":"hi","m.relates_to":{"rel_type":"m.thread","event_id":"$root",
    "is_falling_back":true,"m.in_reply_to":{"event_id":"$last"}}},"unsigned":{"age":1},"else":[1.5]})");
  REQUIRE(read.has_value());
  CHECK(read->id == "$e");
  CHECK(read->room == "!r:x");
  CHECK(read->sender == "@ann:x:8448");
  CHECK(server_of(read->sender) == "x:8448");
  CHECK(read->sent_ms == 5);
  CHECK(read->relation.type == "m.thread");
  CHECK(read->relation.event == "$root");
  CHECK(read->relation.reply_to == "$last");
  CHECK_FALSE(read->state_key);
  CHECK(core::is_digest(read->digest));
}

TEST_CASE("matrix wire: events that break a rule are refused") {
  auto const text = GENERATE(
      as<std::string>(), "[]", "null", R"({"event_id":"$e","type":"t","sender":"@a:x"})",
      R"({"event_id":"e","type":"t","sender":"@a:x","content":{}})",
      R"({"event_id":"$e","type":"t","sender":"a:x","content":{}})",
      R"({"event_id":"$e","type":"t","sender":"@a","content":{}})",
      R"({"event_id":"$e","type":"t","sender":"@a:","content":{}})",
      R"({"event_id":"$e","type":"t","sender":"@a\u0000:x","content":{}})",
      R"({"event_id":"$e","type":"t","sender":"@a b:x","content":{}})",
      R"({"event_id":"$e\n","type":"t","sender":"@a:x","content":{}})",
      R"({"event_id":"$e","type":"","sender":"@a:x","content":{}})",
      R"({"event_id":"$e","type":"t","sender":"@a:x","content":[]})",
      R"({"event_id":"$e","type":"t","sender":"@a:x","content":{},"state_key":5})",
      R"({"event_id":"$e","type":"t","sender":"@a:x","content":{},"room_id":"!other:x"})",
      R"({"event_id":"$e","type":"t","sender":"@a:x","content":{"m.relates_to":[]}})",
      R"({"event_id":"$e","type":"t","sender":"@a:x","content":{"m.relates_to":{"rel_type":5}}})",
      R"({"event_id":"$e","type":"t","sender":"@a:x","content":{"m.relates_to":{"event_id":"no id"}}})",
      R"({"event_id":"$e","type":"t","sender":"@a:x","content":{"m.relates_to":{"m.in_reply_to":"$x"}}})",
      R"({"event_id":"$e","type":"m.room.redaction","sender":"@a:x","content":{}})",
      R"({"event_id":"$e","type":"m.room.redaction","sender":"@a:x","content":{"redacts":"$1"},"redacts":"$2"})");
  CAPTURE(text);
  CHECK(event(text).has_error());
}

TEST_CASE("matrix wire: ids are opaque") {
  CHECK(is_room_id("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"));  // version 12: no server
  CHECK(is_user_id("@Old/Style=name+x:example.org"));
  CHECK(is_event_id("$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk"));  // version 3: slashes
  CHECK_FALSE(is_user_id("@" + std::string(260, 'a') + ":x"));
  CHECK_FALSE(is_room_id("#alias:example.org"));
  CHECK_FALSE(is_user_id("@ann\xff:x"));
}

TEST_CASE("matrix wire: a redaction names its target inside or beside its content") {
  CHECK(event(R"({"event_id":"$e","type":"m.room.redaction","sender":"@a:x","content":{"redacts":"$1"}})")->redacts ==
        "$1");
  CHECK(event(R"({"event_id":"$e","type":"m.room.redaction","sender":"@a:x","content":{},"redacts":"$1"})")->redacts ==
        "$1");
  CHECK(
      event(R"({"event_id":"$e","type":"m.room.redaction","sender":"@a:x","content":{"redacts":"$1"},"redacts":"$1"})")
          ->redacts == "$1");
}

TEST_CASE("matrix wire: a sync answer, and what may be missing from one") {
  auto const answer = parse_sync(R"({"next_batch":"s2","rooms":{"join":{"!r:x":{
      "state":{"events":[{"event_id":"$s","type":"m.room.create","sender":"@a:x","state_key":"","content":{}}]},
      "timeline":{"limited":true,"prev_batch":"p1","events":[
        {"event_id":"$1","type":"m.reaction","sender":"@a:x","content":{}},{"bad":1},7]}}},
      "invite":{"!i:x":{}},"leave":{"!l:x":{}},"knock":{}},"to_device":{"events":[]}})");
  REQUIRE(answer.has_value());
  CHECK(answer->next_batch == "s2");
  REQUIRE(answer->joined.size() == 1);
  CHECK(answer->joined[0].limited);
  CHECK(answer->joined[0].prev_batch == "p1");
  CHECK(answer->joined[0].timeline.size() == 1);
  CHECK(answer->joined[0].state.size() == 1);
  CHECK(answer->invited == std::vector<std::string>{"!i:x"});
  CHECK(answer->left == std::vector<std::string>{"!l:x"});
  CHECK(answer->refused == 2);
  CHECK(parse_sync(R"({"next_batch":"s"})").has_value());
  CHECK(parse_sync(R"({"next_batch":"s","rooms":{"join":{"!r:x":{}}}})").has_value());
  auto const broken =
      GENERATE(as<std::string>(), "", "{}", "[]", R"({"next_batch":5})", R"({"next_batch":""})",
               R"({"next_batch":"s","rooms":[]})", R"({"next_batch":"s","rooms":{"join":{"no id":{}}}})",
               R"({"next_batch":"s","rooms":{"join":{"!r:x":{"timeline":{"events":{}}}}}})",
               R"({"next_batch":"s","next_batch":"t"})", "<html>");
  CAPTURE(broken);
  CHECK(parse_sync(broken).has_error());
}

TEST_CASE("matrix wire: T63 sizes are bounded, and which limit was passed is told") {
  CHECK(parse_frame(std::string(kMaxFrameBytes + 1, ' ')).error().code == core::Errc::too_large);
  CHECK(parse_page(std::string(kMaxPageBytes + 1, ' '), "!r:x").error().code == core::Errc::too_large);
  CHECK(parse_sync(std::string(kMaxSyncBytes + 1, ' ')).error().code == core::Errc::too_large);
  CHECK(parse_sync(R"({"next_batch":")" + std::string(kMaxToken + 1, 'x') + "\"}").has_error());
  CHECK(parse_sync(std::string(5000, '[')).has_error());
  std::string rooms = R"({"next_batch":"s","rooms":{"join":{)";
  for (int i = 0; i < 1001; ++i) rooms += "\"!" + std::to_string(i) + ":x\":{},";
  rooms.back() = '}';
  CHECK(parse_sync(rooms + "}}").has_error());
}

TEST_CASE("matrix wire: a page") {
  auto const page = parse_page(
      R"({"start":"a","end":"b","chunk":[{"event_id":"$1","type":"t","sender":"@a:x","room_id":"!r:x","content":{}},
        {"event_id":"$2","type":"t","sender":"@a:x","room_id":"!other:x","content":{}}]})",
      "!r:x");
  REQUIRE(page.has_value());
  CHECK(page->events.size() == 1);
  CHECK(page->entries == 2);
  CHECK(page->end == "b");
  CHECK(parse_page("{}", "!r:x").has_error());
}

TEST_CASE("matrix wire: errors and what they ask for") {
  auto [status, body, kind] = GENERATE(table<unsigned, char const*, ErrorClass>({
      {429, R"({"errcode":"M_LIMIT_EXCEEDED"})", ErrorClass::wait},
      {429, "<html>", ErrorClass::wait},
      {401, R"({"errcode":"M_UNKNOWN_TOKEN"})", ErrorClass::token},
      {401, R"({"errcode":"M_MISSING_TOKEN"})", ErrorClass::dead},
      {401, R"({"errcode":"M_USER_LOCKED","soft_logout":true})", ErrorClass::locked},
      {403, R"({"errcode":"M_FORBIDDEN"})", ErrorClass::forbidden},
      {403, R"({"errcode":"M_USER_DEACTIVATED"})", ErrorClass::dead},
      {403, R"({"errcode":"M_UNKNOWN"})", ErrorClass::forbidden},
      {403, R"({"errcode":"M_RESOURCE_LIMIT_EXCEEDED"})", ErrorClass::locked},
      {404, R"({"errcode":"M_NOT_FOUND"})", ErrorClass::gone},
      {404, R"({"errcode":"M_UNRECOGNIZED"})", ErrorClass::unsupported},
      {405, R"({"errcode":"M_UNRECOGNIZED"})", ErrorClass::unsupported},
      {401, "<html>", ErrorClass::retry},
      {403, "", ErrorClass::retry},
      {404, "<html>", ErrorClass::retry},
      {405, "{}", ErrorClass::retry},
      {413, R"({"errcode":"M_TOO_LARGE"})", ErrorClass::too_large},
      {413, "<html>", ErrorClass::too_large},
      {400, R"({"errcode":"M_BAD_JSON"})", ErrorClass::ours},
      {400, R"({"errcode":"M_UNKNOWN"})", ErrorClass::ours},
      {400, R"({"errcode":"M_DUPLICATE_ANNOTATION"})", ErrorClass::already},
      {400, R"({"errcode":"M_UNKNOWN","error":"Can't send same reaction twice"})", ErrorClass::already},
      {400, "<html>", ErrorClass::retry},
      {500, R"({"errcode":"M_UNKNOWN"})", ErrorClass::retry},
      {504, R"({"errcode":"M_NOT_YET_UPLOADED"})", ErrorClass::retry},
      {502, "<html>Bad gateway</html>", ErrorClass::retry},
      {302, "", ErrorClass::retry},
  }));
  CAPTURE(status, body);
  auto const error = parse_error("", body);
  CHECK(classify(status, error) == kind);
  auto const words = to_error("a test", status, error);
  CHECK(words.message.ends_with('.'));
}

TEST_CASE("matrix wire: how long to wait is the longer of header and body") {
  CHECK(parse_error("", R"({"retry_after_ms":4487})").retry_after_ms == 4487);
  CHECK(parse_error("5", R"({"retry_after_ms":4487})").retry_after_ms == 5000);
  CHECK(parse_error("1", R"({"retry_after_ms":4487})").retry_after_ms == 4487);
  CHECK(parse_error("7", "<html>").retry_after_ms == 7000);
  CHECK_FALSE(parse_error("Sat, 21 Nov 2026 10:00:00 GMT", "{}").retry_after_ms);
  CHECK_FALSE(parse_error("-1", R"({"retry_after_ms":-5})").retry_after_ms);
  CHECK(parse_error("999999999999", "{}").retry_after_ms == 24 * 3600 * 1000);
  CHECK(parse_error("", R"({"errcode":"M_X\n","error":"\u202e"})").errcode == "M_X\\n");
}

TEST_CASE("matrix wire: small answers") {
  auto const login = parse_login(
      R"({"user_id":"@b:x","access_token":"t","device_id":"D","refresh_token":"r","expires_in_ms":300000})", false);
  REQUIRE(login.has_value());
  CHECK(login->refresh_token == "r");
  CHECK(login->expires_in_ms == 300'000);
  CHECK(parse_login(R"({"access_token":"t"})", true).has_value());
  for (auto const* bad :
       {R"({"user_id":"@b:x"})", R"({"user_id":"@b:x","access_token":"a b"})", R"({"user_id":"b","access_token":"t"})",
        R"({"user_id":"@b:x","access_token":"t","expires_in_ms":-1})"})
    CHECK(parse_login(bad, false).has_error());
  CHECK(parse_whoami(R"({"user_id":"@b:x"})")->device.empty());
  CHECK(parse_whoami(R"({"user":"@b:x"})").has_error());
  CHECK(parse_versions(R"({"versions":["v1.12"]})").has_value());
  CHECK(parse_versions(R"({"versions":[]})").has_error());
  CHECK(parse_event_id(R"({"event_id":"$x"})").value() == "$x");
  CHECK(parse_event_id(R"({"event_id":""})").has_error());
  CHECK(parse_joined_rooms(R"({"joined_rooms":["!a:x",5,"#b:x"]})")->size() == 1);
  auto const members = parse_members(R"({"joined":{"@a:x":{"display_name":"A\u202e"},"@b:x":{},"nobody":{}}})");
  REQUIRE(members.has_value());
  CHECK(members->size() == 2);
  CHECK(members->at("@a:x") == "A\\u{202E}");
}

TEST_CASE("matrix wire: frames of both proxies") {
  using Kind = Frame::Kind;
  auto const kind = [](char const* text) { return parse_frame(text).value().kind; };
  CHECK(kind(R"({"status":"connected"})") == Kind::hello);
  CHECK(kind(R"({"command":"connect","status":"connected"})") == Kind::hello);
  CHECK(kind(R"({"status":"connected","txn_id":"4","events":[]})") == Kind::transaction);
  CHECK(kind(R"({"status":"ok","txn_id":"4","events":[]})") == Kind::transaction);
  CHECK(kind(R"({"id":2,"command":"transaction","txn_id":"4"})") == Kind::transaction);
  CHECK(kind(R"({"id":2,"command":"response","data":{}})") == Kind::response);
  CHECK(kind(R"({"id":2,"command":"error","data":{}})") == Kind::error);
  CHECK(kind(R"({"id":2,"command":"http_proxy","data":{}})") == Kind::command);
  auto const frame = parse_frame(
      R"({"status":"ok","txn_id":"4","events":[{"event_id":"$1","room_id":"!r:x","type":"t","sender":"@a:x","content":{}},
        {"event_id":"$2","type":"t","sender":"@a:x","content":{}}],"to_device":[{}]})");
  REQUIRE(frame.has_value());
  CHECK(frame->events.size() == 1);
  CHECK(frame->refused == 1);  // an event without a room is nowhere
  CHECK(frame->id == 0);
  for (auto const* bad : {"", "[]", "{}", R"({"command":"transaction"})", R"({"id":"7","txn_id":"1"})"})
    CHECK(parse_frame(bad).has_error());
}

TEST_CASE("matrix wire: reply quotations are left out") {
  CHECK(without_quotation("> <@a:x> hello\n> more\n\nanswer") == "answer");
  CHECK(without_quotation("answer\n> quoted") == "answer\n> quoted");
  CHECK(without_quotation("> only").empty());
  CHECK(without_quotation(">no blank") == ">no blank");
  CHECK(without_quotation("plain") == "plain");
}
