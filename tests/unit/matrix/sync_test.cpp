#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

std::string const kBob = "@bob:example.org", kCarol = "@carol:example.org";

std::string noted_position(Bench const& bench) {
  return core::parse_json(bench.notebook.notes.at("matrix-position")).value()["since"].text();
}

}  // namespace

TEST_CASE("matrix sync: asks for what it needs, with the token in the header alone") {
  Bench bench;
  bench.connected();
  auto const polls = bench.hs.calls("GET /_matrix/client/v3/sync");
  REQUIRE(polls.size() >= 2);
  CHECK_FALSE(polls[0].query.contains("since"));
  CHECK(polls[0].query.at("timeout") == "0");
  CHECK(polls[1].query.at("timeout") == "30000");
  CHECK(polls[1].query.at("since").front() == 's');
  for (auto const& poll : polls) {
    CHECK(poll.query.at("set_presence") == "offline");
    CHECK(poll.authorization == "Bearer secret-token");
    CHECK_FALSE(poll.query.contains("access_token"));
    auto const filter = core::parse_json(poll.query.at("filter")).value();
    CHECK(filter["room"]["timeline"]["limit"] == Json(100));
    CHECK(filter["room"]["rooms"] == Json::array({kRoom}));
  }
  CHECK(bench.engine.connected());
  CHECK_THAT(bench.log_text(), !Catch::Contains("secret-token"));
}

TEST_CASE("matrix sync: an idle homeserver is asked twice a minute, one that answers at once each second") {
  Bench bench;
  bench.connected();
  auto const before = bench.hs.calls("/sync").size();
  bench.loop.advance(5min);
  CHECK(bench.hs.calls("/sync").size() - before <= 11);
  // A server that knows no long polls.
  for (int i = 0; i < 10; ++i) bench.hs.fault("/sync", net::HttpResponse{200, {}, R"({"next_batch":"s12"})"});
  auto const then = bench.hs.calls("/sync").size();
  bench.loop.advance(40s);
  CHECK(bench.hs.calls("/sync").size() - then <= 13);
}

TEST_CASE("matrix sync: the position is noted only when everything up to it was answered") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.engine.at_once.reset();
  auto const before = noted_position(bench);
  bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  bench.hs.react(kCarol, event);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 2);
  CHECK(noted_position(bench) == before);
  bench.engine.answers[1]({ports::Answer::State::recorded, ""});
  bench.loop.advance(1s);
  CHECK(noted_position(bench) == before);
  bench.engine.answers[0]({ports::Answer::State::still_recording, ""});
  bench.loop.advance(1s);
  CHECK(noted_position(bench) == before);
  bench.engine.answers[0]({ports::Answer::State::recorded, ""});
  bench.loop.advance(1s);
  CHECK(noted_position(bench) != before);
}

TEST_CASE("matrix sync: an answer that never comes holds nothing up for ever") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.engine.at_once.reset();
  auto const before = noted_position(bench);
  for (int i = 0; i < 40; ++i) {  // each in an answer of its own: more than may be unanswered
    bench.hs.react(kBob, event, i % 2 ? "\u2705" : "\u274c");
    bench.loop.advance(100ms);
  }
  CHECK(bench.engine.votes.size() < 40);
  bench.loop.advance(3min);
  CHECK(bench.engine.votes.size() == 40);
  CHECK(noted_position(bench) != before);
  CHECK(bench.log.has("matrix event was never answered"));
}

TEST_CASE("matrix sync: what came in while the bot was away is read back, in order and once") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.adapter.reset();
  auto const talk = GENERATE(0, 5, 250, 1200);
  CAPTURE(talk);
  auto const first = bench.hs.react(kBob, event);
  for (int i = 0; i < talk; ++i) bench.hs.text("@eve:example.org", "chatter " + std::to_string(i));
  auto const second = bench.hs.react(kCarol, event, "\u274c");
  bench.connected();
  bench.loop.advance(5s);
  REQUIRE(bench.engine.votes.size() == 2);
  CHECK(bench.engine.votes[0].delivery == first);
  CHECK(bench.engine.votes[1].delivery == second);
  if (talk >= 250) CHECK(bench.adapter->counters().gaps == 1);
}

TEST_CASE("matrix sync: a gap that can't be read at first is read later, and nothing passes it") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.adapter.reset();
  bench.hs.react(kBob, event);
  for (int i = 0; i < 150; ++i) bench.hs.text("@eve:example.org", "chatter");
  for (int i = 0; i < 3; ++i) bench.hs.fault("/messages", net::HttpResponse{502, {}, "<html>"});
  bench.start();
  bench.loop.advance(10s);
  CHECK(bench.engine.votes.size() == 1);
  CHECK(bench.hs.calls("/messages").size() >= 4);
}

TEST_CASE("matrix sync: a room that can't be read back holds no other up, and is told of") {
  Bench bench;
  std::string const broken = "!aaa:example.org";
  bench.settings.channels = {broken, kRoom};
  bench.make_room(broken);
  for (auto const& user : {std::string(kBot), kBob}) bench.hs.join(user, broken);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.adapter.reset();
  for (int i = 0; i < 150; ++i) bench.hs.say("@eve:example.org", "m.room.message", Json::object({}), broken);
  bench.hs.react(kBob, event);
  for (int i = 0; i < 5000; ++i) bench.hs.fault(broken + "/messages", net::HttpResponse{502, {}, "<html>"});
  bench.start();
  bench.loop.advance(1min);
  CHECK(bench.engine.votes.size() == 1);
  CHECK_FALSE(bench.engine.connected());
  CHECK_THAT(bench.engine.states.back().second, Catch::Contains("can't be read back"));
  bench.hs.react(kCarol, event);
  bench.loop.advance(2min);
  CHECK(bench.engine.votes.size() == 2);
  bench.hs.faults.clear();
  bench.loop.advance(2min);
  CHECK(bench.engine.connected());
}

TEST_CASE("matrix sync: F25 a position that the homeserver forgot: each room goes on where it stood") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  bench.adapter.reset();
  bench.hs.forget_positions = true;
  auto const talk = GENERATE(0, 250);
  for (int i = 0; i < talk; ++i) bench.hs.text("@eve:example.org", "chatter");
  auto const missed = bench.hs.react(kCarol, event);
  auto const before = bench.hs.calls("/sync").size();
  bench.start();
  auto const asked = bench.hs.calls("/sync").size();
  CHECK(asked - before <= 5);
  bench.loop.advance(50s);  // it waits a minute
  CHECK(bench.hs.calls("/sync").size() == asked);
  bench.hs.forget_positions = false;
  bench.loop.advance(15s);
  REQUIRE(bench.engine.votes.size() == 2);
  CHECK(bench.engine.votes[1].delivery == missed);
  CHECK(bench.adapter->counters().cold_starts == 2);
  CHECK(bench.engine.connected());
}

TEST_CASE("matrix sync: F25 T12 what can't be told from what was handled does not count") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const reaction = bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  bench.adapter.reset();
  // The note names an event that the room no longer has, and the position is lost.
  bench.notebook.notes["matrix-position"] =
      R"({"v":1,"user":"@countersign:example.org","since":"","rooms":{"!inc:example.org":["$purged"]}})";
  bench.hs.text(kBob, "!countersign run something");
  bool const taken_back = GENERATE(false, true);
  if (taken_back) bench.hs.redact(kBob, reaction);
  bench.connected();
  bench.loop.advance(5s);
  CHECK(bench.engine.votes.size() == (taken_back ? 2U : 1U));
  // Only what takes away is heard all the same.
  if (taken_back) CHECK(bench.engine.votes.back().verdict == core::Verdict::withdraw);
  CHECK(bench.engine.commands.empty());
  CHECK_THAT(bench.log_text(), Catch::Contains("only what takes back counts"));
  bench.hs.text(kBob, "!countersign list");
  bench.loop.advance(1s);
  CHECK(bench.engine.commands.size() == 1);
}

TEST_CASE("matrix sync: T12 history from before we came into a room does not act") {
  Bench bench;
  bench.make_room("!new:example.org");
  bench.settings.channels.push_back("!new:example.org");
  bench.connected();
  bench.hs.join(kBob, "!new:example.org");
  bench.hs.say(kBob, "m.room.message", Json::object({{"msgtype", "m.text"}, {"body", "!countersign run old"}}),
               "!new:example.org");
  bench.hs.rooms["!new:example.org"].invited = true;
  bench.loop.advance(2min);
  CHECK(bench.hs.rooms["!new:example.org"].members.contains(kBot));
  CHECK(bench.engine.commands.empty());
  bench.hs.say(kBob, "m.room.message", Json::object({{"msgtype", "m.text"}, {"body", "!countersign list"}}),
               "!new:example.org");
  bench.loop.advance(1s);
  REQUIRE(bench.engine.commands.size() == 1);
  CHECK(bench.engine.commands[0].channel == "!new:example.org");
}

TEST_CASE("matrix sync: failures are said, waited out, and lose nothing") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const answer = GENERATE(0, 1, 2, 3);
  auto const fault = [&] {
    switch (answer) {
      case 0: return Homeserver::broken(true);
      case 1: return Homeserver::Answer(net::HttpResponse{502, {}, "<html>Bad gateway</html>"});
      case 2: return Homeserver::Answer(net::HttpResponse{200, {}, "<html>A captive portal</html>"});
      default: return Homeserver::refusal(500, "M_UNKNOWN");
    }
  };
  for (int i = 0; i < 3; ++i) bench.hs.fault("/sync", fault());
  bench.hs.react(kBob, event);  // ends the poll that is on its way
  bench.hs.react(kCarol, event);
  bench.loop.advance(100ms);
  CHECK_FALSE(bench.engine.connected());
  CHECK_FALSE(bench.engine.states.back().second.empty());
  bench.loop.advance(10s);
  CHECK(bench.engine.connected());
  CHECK(bench.engine.votes.size() == 2);
}

TEST_CASE("matrix sync: an application service's own user is told what else there is") {
  Bench bench;
  bool const service = GENERATE(true, false);
  if (service) {
    bench.settings.as_token = bench.hs.token;
    bench.settings.access_token.clear();
  }
  bench.start();
  REQUIRE(bench.engine.connected());
  bench.hs.fault("/sync", Homeserver::refusal(500, "M_UNKNOWN"));
  bench.hs.text(kBob, "ends the poll that is on its way");
  bench.loop.advance(100ms);
  CHECK_FALSE(bench.engine.connected());
  auto const& why = bench.engine.states.back().second;
  CHECK((why.find("sender_localpart") != why.npos) == service);
  CHECK((why.find("transport: websocket") != why.npos) == service);
}

TEST_CASE("matrix sync: a rate limit is waited out without a word") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.fault("/sync", Homeserver::refusal(429, "M_LIMIT_EXCEEDED", Json::object({{"retry_after_ms", 4487}})));
  bench.hs.react(kBob, event);
  bench.hs.react(kCarol, event);
  bench.loop.advance(4s);
  CHECK(bench.engine.connected());
  bench.loop.advance(2s);
  CHECK(bench.engine.votes.size() == 2);
}

TEST_CASE("matrix sync: F20 a rate limit that lasts is not shown as being connected") {
  Bench bench;
  bench.connected();
  bench.hs.fault("/sync", Homeserver::refusal(429, "M_LIMIT_EXCEEDED", Json::object({{"retry_after_ms", 600'000}})));
  bench.loop.advance(50s);
  CHECK(bench.engine.connected());
  bench.loop.advance(50s);
  CHECK_FALSE(bench.engine.connected());
  CHECK_THAT(bench.engine.states.back().second, Catch::Contains("429"));
  bench.loop.advance(10min);
  CHECK(bench.engine.connected());
}

TEST_CASE("matrix sync: T63 an answer that is too large is asked for in smaller pieces") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  std::string huge = R"({"next_batch":"s9","rooms":{"join":{"!inc:example.org":{"timeline":{"events":[)";
  for (int i = 0; i < 600'000; ++i) huge += "0,";
  huge += "0]}}}}}";
  bench.hs.fault("/sync", GENERATE(true, false)
                              ? Homeserver::Answer(net::make_error(net::Errc::too_large, "More than 64 MiB came."))
                              : Homeserver::Answer(net::HttpResponse{200, {}, huge}));
  bench.hs.react(kBob, event);
  bench.hs.react(kCarol, event);
  bench.loop.advance(5s);
  CHECK(bench.engine.votes.size() == 2);
  auto const polls = bench.hs.calls("/sync");
  CHECK(std::ranges::any_of(polls, [](auto const& poll) {
    return core::parse_json(poll.query.at("filter")).value()["room"]["timeline"]["limit"] == Json(25);
  }));
}

TEST_CASE("matrix sync: one hostile event costs the others nothing") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  std::string deep = R"({"msgtype":"m.text","body":"x","deep":)";
  for (int i = 0; i < 900; ++i) deep += '[';
  for (int i = 0; i < 900; ++i) deep += ']';
  bench.hs.say("@eve:example.org", "m.room.message", core::parse_json(deep + '}', {.max_depth = 1000}).value());
  bench.hs.say("@eve:example.org", "m.room.message", Json("no object"));
  bench.hs.say("@eve:example.org", "m.reaction", Json::object({{"m.relates_to", "no object"}}));
  bench.hs.say("@eve:example.org", "m.reaction",
               Json::object({{"m.relates_to", Json::object({{"rel_type", 5}, {"event_id", event}, {"key", Json()}})}}));
  bench.hs.say("nobody", "m.room.message", Json::object({{"body", "x"}}));
  bench.hs.say("@eve:example.org", "m.room.message", Json::object({{std::string(5000, 'k'), Json(0.5)}}));
  bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.size() == 1);
  CHECK(bench.adapter->counters().refused_events == 4);
}
