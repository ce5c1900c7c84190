// The people's clients of the Matrix stand-in: what they send, what they see, and whom it notifies.
#include <algorithm>

#include "tests/unit/playground/matrix_fixture.hpp"

using core::Json;

namespace {

std::vector<std::string> pinged(MatrixFixture const& f, std::string const& event, bool loudly) {
  std::vector<std::string> people;
  for (auto const& one : f.matrix.pings()) {
    if (one.event == event && one.highlight == loudly) people.push_back(one.person);
  }
  return people;
}

}  // namespace

TEST_CASE("matrix people: a reaction is made, counted, taken back and made again") {
  MatrixFixture f;
  auto const card = f.post("t1").event();
  auto const click = f.matrix.react("bob", card, "✅");
  REQUIRE(click);
  CHECK(f.matrix.react("bob", card, "✅").error().message == "Can't send same reaction twice (M_DUPLICATE_ANNOTATION)");
  CHECK((*f.matrix.message(card))["reactions"]["✅"] == Json::array({"@bob:example.org"}));
  CHECK_FALSE(f.matrix.unreact("carol", *click));
  REQUIRE(f.matrix.unreact("bob", *click));
  CHECK((*f.matrix.message(card))["reactions"]["✅"].is_null());
  CHECK_FALSE(f.matrix.unreact("bob", *click));
  CHECK(f.matrix.react("bob", card, "✅"));
}

TEST_CASE("matrix people: T8: an edit by somebody else is taken by the server and shown to nobody") {
  MatrixFixture f;
  auto const card = f.post("t1", "restart web?").event();
  REQUIRE(f.matrix.edit("mallory", card, "all is well"));
  CHECK((*f.matrix.message(card))["body"].text() == "restart web?");
  CHECK_FALSE((*f.matrix.message(card))["edited"].boolean());
  REQUIRE(f.matrix.edit("countersign", card, "approved"));
  CHECK((*f.matrix.message(card))["body"].text() == "approved");
  CHECK((*f.matrix.message(card))["edits"].integer() == 1);
}

TEST_CASE("matrix people: threads, replies and messages stand apart") {
  MatrixFixture f;
  auto const card = f.post("t1").event();
  auto first = f.saying("bob", "because");
  first.thread = card;
  auto const said = f.matrix.say(first);
  REQUIRE(said);
  auto second = f.saying("alice", "really?");
  second.thread = card;
  second.reply_to = *said;
  REQUIRE(f.matrix.say(second));
  auto const thread = f.matrix.thread(card);
  REQUIRE(thread.size() == 2);
  CHECK(thread[1]["reply_to"].text() == *said);
  CHECK(f.matrix.messages().size() == 1);
  REQUIRE(f.matrix.redact("alice", *said, "moderated"));
  CHECK(f.matrix.thread(card)[0]["redacted"].boolean());
}

TEST_CASE("matrix people: push rules: who is notified by what") {
  MatrixFixture f;
  auto send = [&](char const* transaction, Json content) { return f.put("countersign", transaction, content).event(); };
  auto const mention = Json::object({{"user_ids", Json::array({"@bob:example.org"})}});
  auto const none = Json(Json::Object{});
  auto text = [&](Json mentions, char const* type = "m.text") {
    return Json::object({{"msgtype", type}, {"body", "hello Carol Diaz"}, {"m.mentions", mentions}});
  };
  auto const card = send("t1", text(mention));
  CHECK(pinged(f, card, true) == std::vector<std::string>{"@bob:example.org"});
  CHECK(pinged(f, card, false).size() == 3);
  auto const notice = send("t2", text(mention, "m.notice"));
  CHECK(pinged(f, notice, true).empty());
  CHECK(pinged(f, notice, false).empty());
  auto edit = text(none);
  edit.set("m.new_content", text(none))
      .set("m.relates_to", Json::object({{"rel_type", "m.replace"}, {"event_id", card}}));
  auto const edited = send("t3", edit);
  CHECK(pinged(f, edited, true).empty());
  CHECK(pinged(f, edited, false).empty());
  auto const legacy = send("t4", Json::object({{"msgtype", "m.text"}, {"body", "hello Carol Diaz"}}));
  CHECK(pinged(f, legacy, true) == std::vector<std::string>{"@carol:example.org"});
  auto const all = send("t5", text(Json::object({{"room", true}})));
  CHECK(pinged(f, all, true).size() == 4);
}

TEST_CASE("matrix people: who was kicked says nothing more and hears nothing") {
  MatrixFixture f;
  REQUIRE(f.matrix.kick("alice", "bob", {}, "no"));
  CHECK_FALSE(f.matrix.say(f.saying("bob", "still here")));
  CHECK_FALSE(f.matrix.react("bob", f.post("t1").event(), "✅"));
  REQUIRE(f.matrix.invite("alice", "bob"));
  REQUIRE(f.matrix.join("bob"));
  CHECK(f.matrix.say(f.saying("bob", "back")));
}

TEST_CASE("matrix people: an event from another server comes without any check") {
  MatrixFixture f;
  auto const card = f.post("t1").event();
  auto const content =
      Json::object({{"m.relates_to", Json::object({{"rel_type", "m.annotation"}, {"event_id", card}, {"key", "✅"}})}});
  auto const event = Json::object(
      {{"type", "m.reaction"}, {"sender", "@bob:elsewhere.org"}, {"origin_server_ts", 5}, {"content", content}});
  auto const since = f.sync().body["next_batch"].text();
  REQUIRE(f.matrix.inject(event));
  auto const answer = f.sync(since);
  auto const& seen = f.timeline(answer)["events"].at_index(0);
  CHECK(seen["sender"].text() == "@bob:elsewhere.org");
  CHECK(seen["origin_server_ts"].integer() == 5);
}

TEST_CASE("matrix people: the page is told the room as one person sees it") {
  MatrixFixture f;
  auto const card = f.post("t1").event();
  int changes = 0;
  auto const observer = f.matrix.on_change([&] { ++changes; });
  REQUIRE(f.matrix.react("bob", card, "✅"));
  REQUIRE(f.until([&] { return changes > 0; }));
  f.matrix.forget(observer);
  auto const state = f.matrix.state("bob");
  CHECK(state["me"].text() == "@bob:example.org");
  CHECK(state["room"]["name"].text() == "incidents");
  CHECK(state["members"].if_array()->size() == 5);
  CHECK(state["events"].if_array()->back()["type"].text() == "m.reaction");
  REQUIRE(f.matrix.encrypt_room());
  CHECK(f.matrix.state("bob")["room"]["encrypted"].boolean());
}

TEST_CASE("matrix people: the control API does what the methods do") {
  MatrixFixture f;
  auto const card = f.post("t1").event();
  auto control = [&](char const* what, Json const& arguments = Json(Json::Object{})) {
    return *core::parse_json(f.matrix.control(what, arguments).body);
  };
  auto const clicked = control("react", Json::object({{"user", "bob"}, {"event", card}, {"key", "✅"}}));
  CHECK(clicked["ok"].boolean());
  CHECK(control("unreact", Json::object({{"user", "bob"}, {"event", clicked["event_id"]}}))["ok"].boolean());
  CHECK(control("say", Json::object({{"user", "bob"}, {"text", "because"}, {"thread", card}}))["ok"].boolean());
  CHECK(control("thread", Json::object({{"root", card}}))["messages"].if_array()->size() == 1);
  CHECK(control("messages")["messages"].if_array()->size() == 1);
  CHECK(control("world")["bot"]["user_id"].text() == "@countersign:example.org");
  CHECK(control("fault", Json::object({{"call", "send"}, {"kind", "no such kind"}}))["ok"].boolean(true) == false);
  CHECK(control("options", Json::object({{"limit_messages", true}}))["ok"].boolean());
  CHECK(f.matrix.options().limit_messages);
  CHECK(control("nothing")["ok"].boolean(true) == false);
  for (auto const* look : {"state", "events", "pings", "calls", "findings", "service"})
    CHECK(playground::MatrixStandIn::only_looks(look));
  CHECK_FALSE(playground::MatrixStandIn::only_looks("react"));
}
