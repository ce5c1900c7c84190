#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

std::string const kBob = "@bob:example.org", kCarol = "@carol:example.org";

}  // namespace

TEST_CASE("matrix clicks: a reaction on a card is a vote, with all that the card says") {
  Bench bench;
  bench.connected();
  auto const card = matrix_cards::waiting();
  auto const event = bench.post(card);
  auto const reaction = bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 1);
  auto const& vote = bench.engine.votes[0];
  CHECK(vote.account.platform == "matrix");
  CHECK(vote.account.id == kBob);
  CHECK(vote.request == card.request_id);
  CHECK(vote.binding == card.binding);
  CHECK(vote.rendering == bench.adapter->render(card, "key-1").digest);
  CHECK(vote.verdict == core::Verdict::approve);
  CHECK(vote.via == "button");
  CHECK(vote.channel == kRoom);
  CHECK(vote.delivery == reaction);
  CHECK(core::is_digest(vote.envelope));
  CHECK(vote.foreign.empty());
  CHECK(vote.note.empty());
  bench.loop.advance(1s);
  CHECK(bench.hs.sent().size() == 1);  // recorded: the card itself shows it

  bench.hs.react(kCarol, event, "\u274c");
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.at(1).verdict == core::Verdict::deny);
}

TEST_CASE("matrix clicks: the reactions to tap are placed, each once, and taken away at the end") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const seeds = bench.hs.sent("m.reaction");
  REQUIRE(seeds.size() == 3);
  for (auto const& seed : seeds) CHECK(seed["m.relates_to"]["event_id"].text() == event);
  CHECK(seeds[0]["m.relates_to"]["key"].text() == "\u2705");
  CHECK(seeds[1]["m.relates_to"]["key"].text() == "\u274c");
  CHECK(seeds[2]["m.relates_to"]["key"].text() == "\u2753");
  CHECK(bench.engine.votes.empty());  // our own taps are none
  auto waiting = matrix_cards::waiting();
  waiting.status = "Waiting for 1 more";
  bench.update(event, waiting);
  CHECK(bench.hs.sent("m.reaction").size() == 3);
  bench.update(event, matrix_cards::Request().vote("bob").updated());
  CHECK(bench.hs.calls("PUT /_matrix/client/v3/rooms/!inc:example.org/redact/").size() == 3);
}

TEST_CASE("matrix clicks: a reaction to tap that comes late, after the decision, is taken away at once") {
  Bench bench;
  bench.connected();
  bench.hs.fault("PUT /_matrix/client/v3/rooms/!inc:example.org/send/m.reaction",
                 Homeserver::refusal(429, "M_LIMIT_EXCEEDED", Json::object({{"retry_after_ms", 20'000}})));
  auto const event = bench.post(matrix_cards::waiting());
  CHECK(bench.hs.sent("m.reaction").empty());
  bench.update(event, matrix_cards::Request().vote("bob").updated());
  bench.loop.advance(5min);
  auto const placed = bench.hs.calls("/send/m.reaction/"), taken = bench.hs.calls("/redact/");
  REQUIRE(placed.size() == 4);  // one was refused
  CHECK(taken.size() == 3);
}

TEST_CASE("matrix clicks: after a restart an update sees to it that there is something to tap") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.restart();
  bench.hs.fault("send/m.reaction", Homeserver::refusal(400, "M_DUPLICATE_ANNOTATION"));
  bench.hs.fault("send/m.reaction",
                 net::HttpResponse{400, {}, R"({"errcode":"M_UNKNOWN","error":"Can't send same reaction twice"})"});
  bench.update(event, matrix_cards::waiting());
  CHECK(bench.hs.calls("send/m.reaction").size() == 3);
  CHECK_FALSE(bench.log.has("matrix took no reaction of ours: people must place their own"));
}

TEST_CASE("matrix clicks: what an earlier process gave to tap is taken away at the end too, and nothing else") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.restart();
  SECTION("decided at once") {}
  SECTION("placed again as another device: the homeserver knows better") {
    for (int i = 0; i < 3; ++i) bench.hs.fault("send/m.reaction", Homeserver::refusal(400, "M_DUPLICATE_ANNOTATION"));
    bench.update(event, matrix_cards::waiting());
  }
  auto const reaction = [&](std::string const& id, std::string const& sender) {
    return Json::object(
        {{"event_id", id},
         {"type", "m.reaction"},
         {"sender", sender},
         {"origin_server_ts", 1},
         {"content",
          Json::object({{"m.relates_to",
                         Json::object({{"rel_type", "m.annotation"}, {"event_id", event}, {"key", "\u2705"}})}})}});
  };
  auto gone = reaction("$gone", kBot);
  gone.set("content", Json::object({}));
  bench.hs.fault(
      "/relations/",
      net::HttpResponse{
          200,
          {},
          core::dump(Json::object({{"chunk", Json::array({reaction("$ours-1", kBot), reaction("$ours-2", kBot),
                                                          reaction("$theirs", kBob), gone})}}))});
  bench.update(event, matrix_cards::Request().vote("bob").updated());
  bench.loop.advance(1s);
  CHECK(bench.hs.calls("GET /_matrix/client/v1/rooms/!inc:example.org/relations/" + event + "/m.annotation/m.reaction")
            .size() == 1);
  auto const taken = bench.hs.calls("/redact/");
  REQUIRE(taken.size() == 2);
  CHECK_THAT(taken[0].path, Catch::Contains("/redact/$ours-1/"));
  CHECK_THAT(taken[1].path, Catch::Contains("/redact/$ours-2/"));
  bench.update(event, matrix_cards::Request().vote("bob").updated());  // asked for once
  CHECK(bench.hs.calls("/relations/").size() == 1);
}

TEST_CASE("matrix clicks: emoji are compared without what clients add to them") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const [key, votes] = GENERATE(table<std::string, std::size_t>({{"\u2705", 1},
                                                                      {"\u2705\ufe0f", 1},
                                                                      {"\u274c\ufe0e", 1},
                                                                      {"\u2705\U0001f3fd", 1},
                                                                      {"\U0001f44d", 0},
                                                                      {"\u2714", 0},
                                                                      {"\u2705\u2705", 0},
                                                                      {"approve", 0},
                                                                      {std::string(60'000, 'x'), 0}}));
  bench.hs.react(kBob, event, key);
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.size() == votes);
}

TEST_CASE("matrix clicks: T12 the same events any number of times are one click") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 1);
  // The server gives an old answer once more: the position is thrown back by hand.
  auto const since = core::parse_json(bench.notebook.notes.at("matrix-position")).value();
  SECTION("after a restart with the position of before") {
    auto old = since;
    bench.notebook.notes["matrix-position"] = core::dump(old.set("since", "s3"));
    bench.restart();
    CHECK(bench.engine.votes.size() == 1);
    CHECK(bench.adapter->counters().duplicates > 0);
  }
  SECTION("after a restart with nothing noted at all") {
    bench.notebook.notes.clear();
    bench.restart();
    CHECK(bench.engine.votes.size() == 1);  // what is there at the first start is history
    bench.hs.react(kCarol, event);
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.size() == 2);
  }
}

TEST_CASE("matrix clicks: T12 a crash before the answer repeats the click under the same delivery") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.engine.at_once.reset();
  auto const reaction = bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 1);
  bench.engine.answers.at(0)({ports::Answer::State::still_recording, "wait"});
  bench.hs.react(kCarol, event);
  bench.loop.advance(1s);
  bench.engine.answers.at(1)({ports::Answer::State::recorded, ""});  // the later one is done, the earlier is not
  bench.loop.advance(1s);
  bench.restart();
  REQUIRE(bench.engine.votes.size() >= 3);
  CHECK(bench.engine.votes[2].delivery == reaction);
}

TEST_CASE("matrix clicks: taking the reaction away takes the vote back, once, and only by oneself") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const reaction = bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  SECTION("by oneself") {
    bool const restarted = GENERATE(false, true);
    if (restarted) bench.restart();
    auto const redaction = bench.hs.redact(kBob, reaction);
    bench.loop.advance(1s);
    REQUIRE(bench.engine.votes.size() == 2);
    auto const& vote = bench.engine.votes[1];
    CHECK(vote.verdict == core::Verdict::withdraw);
    CHECK(vote.delivery == redaction);
    CHECK(vote.account.id == kBob);
    CHECK(vote.request == matrix_cards::waiting().request_id);
    CHECK(vote.binding == matrix_cards::waiting().binding);
    CHECK(vote.rendering == bench.engine.votes[0].rendering);
    bench.hs.redact(kBob, reaction);
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.size() == 2);
  }
  SECTION("by a moderator: the vote stands") {
    bench.hs.redact("@alice:example.org", reaction);
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.size() == 1);
  }
  SECTION("named inside the content, as from room version 11 on") {
    bench.hs.say(kBob, "m.room.redaction", Json::object({{"redacts", reaction}}));
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.size() == 2);
  }
  SECTION("named twice, differently: nothing is guessed") {
    bench.hs.say(kBob, "m.room.redaction", Json::object({{"redacts", reaction}}), kRoom, {},
                 Json::object({{"redacts", event}}));
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.size() == 1);
  }
  SECTION("another spelling of the same click still stands") {
    bench.hs.react(kBob, event, "\u2705\ufe0f");
    bench.loop.advance(1s);
    bench.hs.redact(kBob, reaction);
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.size() == 2);
    CHECK(bench.engine.votes[1].verdict == core::Verdict::approve);
  }
}

TEST_CASE("matrix clicks: what was refused is not taken back") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.refuse("CS-1: You asked for this yourself.");
  auto const reaction = bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  bench.hs.redact(kBob, reaction);
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.size() == 1);
}

TEST_CASE("matrix clicks: changing one's mind before the engine answered is heard in order") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.engine.at_once.reset();
  auto const reaction = bench.hs.react(kBob, event);
  SECTION("after it arrived") {
    bench.loop.run_posted();
    bench.hs.redact(kBob, reaction);
    bench.loop.advance(1s);
    REQUIRE(bench.engine.votes.size() == 2);
    CHECK(bench.engine.votes[1].verdict == core::Verdict::withdraw);
  }
  SECTION("before it arrived: the homeserver has emptied it") {
    bench.hs.redact(kBob, reaction);
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.empty());
  }
}

TEST_CASE("matrix clicks: a refusal is said in the thread, to whom, and not again and again") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.refuse("CS-1: You asked for this <yourself>.");
  bench.hs.react(kBob, event);
  auto const words = bench.last();
  CHECK(words["msgtype"].text() == "m.notice");
  CHECK(words["m.mentions"] == Json::object({}));
  CHECK_THAT(words["body"].text(), Catch::StartsWith(kBob) && Catch::Contains("You asked for this <yourself>."));
  CHECK_THAT(words["formatted_body"].text(), Catch::Contains("&lt;yourself&gt;"));
  CHECK(words["m.relates_to"]["rel_type"].text() == "m.thread");
  CHECK(words["m.relates_to"]["event_id"].text() == event);
  auto const said = bench.hs.sent().size();
  bench.hs.react(kBob, event, "\u2705\ufe0f");
  bench.loop.advance(4min);
  CHECK(bench.hs.sent().size() == said);
  CHECK(bench.adapter->counters().answers_kept_back == 1);
  bench.hs.react(kCarol, event);
  bench.loop.advance(1s);
  CHECK(bench.hs.sent().size() == said + 1);
  bench.loop.advance(2min);
  bench.hs.react(kBob, event, "\u2705\ufe0e");
  bench.loop.advance(1s);
  CHECK(bench.hs.sent().size() == said + 2);
}

TEST_CASE("matrix clicks: still recording is told, then the result, and what was not recorded may be tried again") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.engine.at_once.reset();
  bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  bench.engine.answers.at(0)({ports::Answer::State::still_recording, "still being recorded"});
  CHECK_THAT(bench.last()["body"].text(), Catch::Contains("still being recorded"));
  bench.engine.answers.at(0)({ports::Answer::State::recorded, "recorded now"});
  CHECK_THAT(bench.last()["body"].text(), Catch::Contains("recorded now"));
  bench.hs.react(kCarol, event);
  bench.loop.advance(1s);
  bench.engine.answers.at(1)({ports::Answer::State::not_recorded, "Not recorded, try again."});
  CHECK_THAT(bench.last()["body"].text(), Catch::Contains("Take your reaction away and place it again"));
}

TEST_CASE("matrix clicks: T40 only what stands on a message that we sent counts") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const content = bench.hs.sent().at(0);
  SECTION("a copy of a card that somebody else posted") {
    bench.hs.react(kBob, bench.hs.say("@eve:example.org", "m.room.message", content));
  }
  SECTION("an edit of our card by somebody else") {
    auto edit = matrix::render_edit(content, event);
    bench.hs.react(kBob, bench.hs.say("@eve:example.org", "m.room.message", edit));
  }
  SECTION("an edit of our own") {
    auto waiting = matrix_cards::waiting();
    waiting.status = "another";
    bench.update(event, waiting);
    bench.hs.react(kBob, bench.hs.rooms[kRoom].timeline.back()["event_id"].text());
  }
  SECTION("a note of ours") {
    std::string note;
    bench.adapter->post(kRoom, Bench::matrix_ref(event), bench.adapter->render(matrix_cards::note(), "note").body,
                        "note", bench.loop.now(), [&](auto const& posted) { note = (*posted)["event_id"].text(); });
    bench.loop.advance(1s);
    bench.hs.react(kBob, note);
  }
  SECTION("an event that isn't there") { bench.hs.react(kBob, "$nowhere"); }
  SECTION("no relation at all") { bench.hs.say(kBob, "m.reaction", Json::object({})); }
  SECTION("a relation of another kind") {
    bench.hs.say(kBob, "m.reaction",
                 Json::object({{"m.relates_to",
                                Json::object({{"rel_type", "m.reference"}, {"event_id", event}, {"key", "\u2705"}})}}));
  }
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.empty());
}

TEST_CASE("matrix clicks: a card of an earlier process is asked of the homeserver") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.restart();
  bench.hs.fault("/event/", Homeserver::broken(false));
  bench.hs.fault("/event/", net::HttpResponse{502, {}, "<html>Bad gateway</html>"});
  bench.hs.react(kBob, event);
  bench.loop.advance(5s);
  REQUIRE(bench.engine.votes.size() == 1);
  CHECK(bench.engine.votes[0].binding == matrix_cards::waiting().binding);
}

TEST_CASE("matrix clicks: T39 T40 strangers are handed over as such") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const foreign = [&](std::string const& user) {
    bench.hs.react(user, event);
    bench.loop.advance(1s);
    REQUIRE(bench.engine.votes.size() == 1);
    CHECK(bench.engine.votes[0].account.id == user);
    return bench.engine.votes[0].foreign;
  };
  SECTION("of another homeserver, unmapped") {
    bench.hs.join("@bob:evil.example");
    CHECK_THAT(foreign("@bob:evil.example"), Catch::Contains("another homeserver"));
  }
  SECTION("of another homeserver, mapped") {
    bench.settings.people["dora"] = "@dora:partner.example";
    bench.adapter->set_people_and_channels(bench.settings.people, {kRoom});
    bench.hs.join("@dora:partner.example");
    CHECK(foreign("@dora:partner.example").empty());
  }
  SECTION("no member of the room") { CHECK_THAT(foreign("@mallory:example.org"), Catch::Contains("no member")); }
  SECTION("removed from the room meanwhile") {
    bench.hs.say("@alice:example.org", "m.room.member", Json::object({{"membership", "leave"}}), kRoom, kBob);
    CHECK_THAT(foreign(kBob), Catch::Contains("no member"));
  }
  SECTION("a member whom nobody can vouch for") {
    for (int i = 0; i < 4; ++i) bench.hs.fault("m.room.member", net::HttpResponse{503, {}, "busy"});
    CHECK_THAT(foreign("@mallory:example.org"), Catch::Contains("try again"));
  }
  SECTION("a member of ours whom the configuration doesn't know: the engine says no") {
    CHECK(foreign("@eve:example.org").empty());
  }
}

TEST_CASE("matrix clicks: T2 another account of one person is handed over as it is") {
  Bench bench;
  bench.connected();
  bench.hs.join("@Bob.Two=x/y:example.org");
  bench.hs.react("@Bob.Two=x/y:example.org", bench.post(matrix_cards::waiting()));
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.at(0).account.id == "@Bob.Two=x/y:example.org");
}

TEST_CASE("matrix clicks: a card that a moderator took away takes no click any more, also after a restart") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.redact("@alice:example.org", event);
  bench.loop.advance(1s);
  CHECK_THAT(bench.log_text(), Catch::Contains("no click on it counts"));
  bench.hs.react("@bob:example.org", event);
  bench.loop.advance(5s);
  CHECK(bench.engine.votes.empty());
  bench.restart();
  bench.hs.react("@bob:example.org", event);
  bench.loop.advance(5s);
  CHECK(bench.engine.votes.empty());
}
