#include "adapters/matrix/command_text.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;
using Words = std::vector<std::string>;

TEST_CASE("matrix commands: the word, or a mention that is a mention") {
  Bench bench;
  bench.connected();
  auto const say = [&](std::string const& body, bool mention) {
    Json content = Json::object({{"msgtype", "m.text"}, {"body", body}});
    if (mention) content.set("m.mentions", Json::object({{"user_ids", Json::array({kBot})}}));
    auto const before = bench.engine.commands.size();
    bench.hs.say("@bob:example.org", "m.room.message", content);
    bench.loop.advance(1s);
    return bench.engine.commands.size() > before ? std::optional(bench.engine.commands.back().words) : std::nullopt;
  };
  CHECK(say("!countersign list", false) == Words{"list"});
  CHECK(say("  !Countersign\tlist ", false) == Words{"list"});
  CHECK(say("!countersign", false) == Words{});
  CHECK(say("!countersignlist", false) == std::nullopt);
  CHECK(say("please !countersign list", false) == std::nullopt);
  CHECK(say("@countersign:example.org: list", true) == Words{"list"});
  CHECK(say("countersign, list", true) == Words{"list"});
  CHECK(say("@countersign list", true) == Words{"list"});
  CHECK(say("Bot Of Ours: list", true) == Words{"list"});
  CHECK(say("countersign: list", false) == std::nullopt);  // a name is no address
  CHECK(say("hello countersign", true) == std::nullopt);
  CHECK(say("> <@eve:example.org> !countersign deny CS-1 7f3a\n\n!countersign list", false) == Words{"list"});
  CHECK(say("> !countersign deny CS-1 7f3a", false) == std::nullopt);
  CHECK(say(std::string(20'000, 'x'), true) == std::nullopt);
}

TEST_CASE("matrix commands: everything that the engine must know, and an answer where it was asked") {
  Bench bench;
  bench.connected();
  bench.engine.at_once = ports::Answer{ports::Answer::State::recorded, "Asked <for>\nsecond line"};
  SECTION("in the room") {
    auto const event =
        bench.hs.text("@bob:example.org", "!countersign run restart service=\u201cweb\u201d \u2014 it\u2019s down");
    bench.loop.advance(1s);
    REQUIRE(bench.engine.commands.size() == 1);
    auto const& command = bench.engine.commands[0];
    CHECK(command.words == Words{"run", "restart", "service=web", "--", "it's down"});
    CHECK(command.account.id == "@bob:example.org");
    CHECK(command.channel == kRoom);
    CHECK(command.delivery == event);
    CHECK(command.foreign.empty());
    auto const words = bench.last();
    CHECK(words["msgtype"].text() == "m.notice");
    CHECK(words["m.relates_to"]["m.in_reply_to"]["event_id"].text() == event);
    CHECK(words["m.relates_to"]["rel_type"].is_null());
    CHECK_THAT(words["formatted_body"].text(), Catch::Contains("Asked &lt;for&gt;<br>second line"));
    CHECK_THAT(words["body"].text(), Catch::StartsWith("@bob:example.org:"));
  }
  SECTION("in a thread") {
    bench.hs.text("@bob:example.org", "!countersign show CS-1", "$root");
    CHECK(bench.last()["m.relates_to"]["rel_type"].text() == "m.thread");
    CHECK(bench.last()["m.relates_to"]["event_id"].text() == "$root");
  }
}

TEST_CASE("matrix commands: bots, edits and our own words are no commands") {
  Bench bench;
  bench.connected();
  bench.hs.say("@bob:example.org", "m.room.message",
               Json::object({{"msgtype", "m.notice"}, {"body", "!countersign list"}}));
  bench.hs.say("@bob:example.org", "m.room.message",
               Json::object({{"msgtype", "m.text"},
                             {"body", "!countersign list"},
                             {"m.relates_to", Json::object({{"rel_type", "m.replace"}, {"event_id", "$x"}})}}));
  bench.hs.say(kBot, "m.room.message", Json::object({{"msgtype", "m.text"}, {"body", "!countersign list"}}));
  bench.hs.say("@bob:example.org", "m.room.message",
               Json::object({{"msgtype", "m.text"}, {"body", Json::array({"!countersign list"})}}));
  bench.loop.advance(1s);
  CHECK(bench.engine.commands.empty());
}

TEST_CASE("matrix commands: T44 in rooms that are not configured nothing is heard and nothing said") {
  Bench bench;
  bench.make_room("!other:example.org");
  for (auto const* user : {kBot, "@bob:example.org"}) bench.hs.join(user, "!other:example.org");
  bench.connected();
  bench.hs.say("@bob:example.org", "m.room.message",
               Json::object({{"msgtype", "m.text"}, {"body", "!countersign list"}}), "!other:example.org");
  bench.loop.advance(1s);
  CHECK(bench.engine.commands.empty());
  CHECK(bench.hs.sent().empty());
}

TEST_CASE("matrix commands: strangers' commands are handed over as such") {
  Bench bench;
  bench.connected();
  bench.refuse("no");
  bench.hs.join("@bob:evil.example");
  bench.hs.text("@bob:evil.example", "!countersign approve CS-1 7f3a");
  bench.hs.text("@mallory:example.org", "!countersign approve CS-1 7f3a");
  bench.loop.advance(1s);
  REQUIRE(bench.engine.commands.size() == 2);
  CHECK_THAT(bench.engine.commands[0].foreign, Catch::Contains("another homeserver"));
  CHECK_THAT(bench.engine.commands[1].foreign, Catch::Contains("no member"));
}

TEST_CASE("matrix commands: T12 a command that comes again is the same delivery, and its answer the same message") {
  Bench bench;
  bench.connected();
  bench.engine.at_once = ports::Answer{ports::Answer::State::recorded, "asked"};
  bench.hs.text("@bob:example.org", "!countersign run restart");
  bench.loop.advance(1s);
  auto const said = bench.hs.sent().size();
  bench.notebook.notes["matrix-position"] =
      R"({"v":1,"user":"@countersign:example.org","since":"s3","rooms":{"!inc:example.org":[]}})";
  bench.restart();
  REQUIRE(bench.engine.commands.size() == 2);
  CHECK(bench.engine.commands[0].delivery == bench.engine.commands[1].delivery);
  CHECK(bench.hs.sent().size() == said);
}

TEST_CASE("matrix whispers: words for one person, in the room") {
  Bench bench;
  bench.connected();
  bench.adapter->whisper({"matrix", "@bob:example.org"}, kRoom, "words <for> you");
  bench.adapter->whisper({"matrix", "@bob:example.org"}, kRoom, "words <for> you");
  bench.loop.advance(1s);
  auto const sent = bench.hs.sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0]["msgtype"].text() == "m.notice");
  CHECK_THAT(sent[0]["body"].text(), Catch::Contains("@bob:example.org") && Catch::Contains("words <for> you"));
}

TEST_CASE("matrix command words: quotes, dashes, blanks") {
  auto const words = [](std::string_view text) { return matrix::split_command(matrix::normalise_command(text)); };
  CHECK(words("run r a=\"x y\" 'b c' -- \"why not\"") == Words{"run", "r", "a=x y", "b c", "--", "why not"});
  CHECK(words("a -- b  c \"d\" ") == Words{"a", "--", "b  c \"d\""});
  CHECK(words("a=\"\" b") == Words{"a=", "b"});
  CHECK(words("it's \"open") == Words{"it's", "\"open"});
  CHECK(words("--") == Words{"--"});
  CHECK(words(" \n\t ").empty());
  CHECK(words("x\u202ey") == Words{"x\\u{202E}y"});
  CHECK(words("\u00ab a \u00bb") == Words{" a "});
}
