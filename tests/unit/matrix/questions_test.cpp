// What a reaction can't say: why, and that everything was read.
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

std::string const kBob = "@bob:example.org", kCarol = "@carol:example.org";

}  // namespace

TEST_CASE("matrix clicks: a required note is asked for in the thread, and the reply is the note") {
  Bench bench;
  bench.connected();
  matrix_cards::Request const request("restart-why");
  bench.engine.view_answer = request.view();
  auto const event = bench.post(request.card());
  auto const reaction = bench.hs.react(kBob, event);
  auto const question = bench.last();
  CHECK(bench.engine.votes.empty());
  CHECK(question["msgtype"].text() == "m.text");
  CHECK(question["m.mentions"]["user_ids"] == Json::array({kBob}));
  CHECK(question["m.relates_to"]["event_id"].text() == event);
  CHECK_THAT(question["body"].text(), Catch::Contains("Approve CS-1: say why"));
  auto const asked = bench.hs.rooms[kRoom].timeline.back()["event_id"].text();

  SECTION("in the thread, after a restart too") {
    bool const restarted = GENERATE(false, true);
    if (restarted) bench.restart();
    bench.hs.text(kCarol, "not me", event);
    auto const reply = bench.hs.text(kBob, "it is down \u202enow", event);
    bench.loop.advance(1s);
    REQUIRE(bench.engine.votes.size() == 1);
    auto const& vote = bench.engine.votes[0];
    CHECK(vote.note == "it is down \\u{202E}now");
    CHECK(vote.delivery == reply);
    CHECK(vote.via == "button");
    CHECK(vote.account.id == kBob);
    CHECK(vote.binding == request.card().binding);
    bench.hs.text(kBob, "and more words", event);
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.size() == 1);
    bench.hs.redact(kBob, reaction);
    bench.loop.advance(1s);
    REQUIRE(bench.engine.votes.size() == 2);
    CHECK(bench.engine.votes[1].verdict == core::Verdict::withdraw);
  }
  SECTION("as a plain reply of a client that knows no threads") {
    bench.hs.say(
        kBob, "m.room.message",
        Json::object({{"msgtype", "m.text"},
                      {"body", "> <@countersign:example.org> say why\n\nit is down"},
                      {"m.relates_to", Json::object({{"m.in_reply_to", Json::object({{"event_id", asked}})}})}}));
    bench.loop.advance(1s);
    REQUIRE(bench.engine.votes.size() == 1);
    CHECK(bench.engine.votes[0].note == "it is down");
  }
  SECTION("words elsewhere, edits and notices are none") {
    bench.hs.text(kBob, "in the room");
    bench.hs.text(kBob, "in another thread", "$other");
    bench.hs.say(kBob, "m.room.message",
                 Json::object({{"msgtype", "m.notice"},
                               {"body", "bot words"},
                               {"m.relates_to", Json::object({{"rel_type", "m.thread"}, {"event_id", event}})}}));
    bench.hs.say(kBob, "m.room.message",
                 Json::object({{"msgtype", "m.text"},
                               {"body", "* edited"},
                               {"m.relates_to", Json::object({{"rel_type", "m.replace"}, {"event_id", event}})}}));
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.empty());
  }
  SECTION("too late") {
    bench.loop.advance(10min);
    bench.hs.text(kBob, "late", event);
    CHECK_THAT(bench.last()["body"].text(), Catch::Contains("later than 10 minutes"));
    CHECK(bench.engine.votes.empty());
  }
  SECTION("too long is said and may be said shorter") {
    bench.hs.text(kBob, std::string(2001, 'x'), event);
    CHECK_THAT(bench.last()["body"].text(), Catch::Contains("2001 characters"));
    bench.hs.text(kBob, "short", event);
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.size() == 1);
  }
  SECTION("the reaction was taken away before") {
    bench.hs.redact(kBob, reaction);
    bench.hs.text(kBob, "never mind", event);
    bench.loop.advance(1s);
    CHECK(bench.engine.votes.empty());
  }
  SECTION("another choice replaces the first") {
    bench.hs.react(kBob, event, "\u274c");
    bench.loop.advance(1s);
    bench.hs.text(kBob, "not tonight", event);
    bench.loop.advance(1s);
    REQUIRE(bench.engine.votes.size() == 1);
    CHECK(bench.engine.votes[0].verdict == core::Verdict::deny);
  }
}

TEST_CASE("matrix clicks: who may not decide is refused before being asked") {
  Bench bench;
  bench.connected();
  bench.engine.view_answer = core::make_error(core::Errc::forbidden, "You asked for this yourself.");
  auto const which = GENERATE(as<std::string>(), "restart-why", "restart-long");
  bench.hs.react(kBob, bench.post(matrix_cards::Request(which).card()));
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 1);
  CHECK(bench.engine.votes[0].foreign == "You asked for this yourself.");
  CHECK(bench.hs.sent().size() == 1);
}

TEST_CASE("matrix clicks: T4 what the card can't show is shown in the thread, and that decides") {
  Bench bench;
  bench.connected();
  auto const which = GENERATE(as<std::string>(), "restart-long", "restart-long-why");
  bool const why = which == "restart-long-why";
  matrix_cards::Request const request(which);
  bench.engine.view_answer = request.view();
  auto const event = bench.post(request.card());
  bench.hs.react(kBob, event);
  bench.loop.advance(2s);
  CHECK(bench.engine.votes.empty());
  auto const action = bench.hs.sent().back();
  CHECK(action["m.relates_to"]["event_id"].text() == event);
  CHECK(action["m.mentions"]["user_ids"] == Json::array({kBob}));
  CHECK_THAT(action["body"].text(), Catch::Contains(std::string(6000, 'x')));
  auto const shown = [&] {
    for (auto const& item : bench.hs.rooms[kRoom].timeline) {
      if (item["content"][matrix::kOurs]["kind"].text() == "action") return item["event_id"].text();
    }
    return std::string();
  }();
  auto const seeds = bench.hs.sent("m.reaction");
  REQUIRE(seeds.size() == 4);
  CHECK(seeds[3]["m.relates_to"]["event_id"].text() == shown);

  if (GENERATE(false, true)) bench.restart();
  // Anybody's tap there decides, for all of it stands there.
  auto const reaction = bench.hs.react(kCarol, shown);
  bench.loop.advance(2s);
  if (why) {
    CHECK(bench.engine.votes.empty());
    bench.hs.text(kCarol, "seen it all", event);
    bench.loop.advance(1s);
  }
  REQUIRE(bench.engine.votes.size() == 1);
  auto const& vote = bench.engine.votes[0];
  CHECK(vote.via == "view");
  CHECK(vote.account.id == kCarol);
  CHECK(vote.binding == request.card().binding);
  CHECK(vote.rendering == bench.adapter->render(request.card(), "key-1").digest);
  CHECK(vote.note == (why ? "seen it all" : ""));
  if (!why) CHECK(vote.delivery == reaction);
  // Whoever asks once more is led there.
  auto const count = bench.hs.sent().size();
  bench.hs.react("@alice:example.org", event);
  auto const pointer = bench.last();
  CHECK(bench.hs.sent().size() == count + 1);
  CHECK(pointer["m.mentions"]["user_ids"] == Json::array({"@alice:example.org"}));
  CHECK_THAT(pointer["body"].text(), Catch::Contains("all of it stands in this thread already"));
}

TEST_CASE("matrix clicks: a deny needs no reading") {
  Bench bench;
  bench.connected();
  bench.hs.react(kBob, bench.post(matrix_cards::Request("restart-long").card()), "\u274c");
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 1);
  CHECK(bench.engine.votes[0].verdict == core::Verdict::deny);
  CHECK(bench.engine.votes[0].via == "button");
}

TEST_CASE("matrix clicks: a late tap is handed over, so that the engine says what became of it") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.update(event, matrix_cards::Request().vote("bob").updated());
  bench.refuse("CS-1: It was already approved by bob at 10:00:15 UTC.");
  bench.hs.react(kCarol, event);
  CHECK_THAT(bench.last()["body"].text(), Catch::Contains("already approved by bob"));
}

TEST_CASE("matrix clicks: only words for the bot are a note, and what replies to somebody else decides nothing") {
  Bench bench;
  bench.connected();
  matrix_cards::Request const request("restart-why");
  bench.engine.view_answer = request.view();
  auto const event = bench.post(request.card());
  auto const deny = GENERATE(false, true);
  bench.hs.react(kBob, event, deny ? "\u274c" : "\u2705");
  CHECK_THAT(bench.last()["body"].text(),
             Catch::Contains(deny ? "DENIES it with that reason; take the \u274c away to stop"
                                  : "APPROVES it with that reason; take the \u2705 away to stop"));
  auto const asked = bench.hs.rooms[kRoom].timeline.back()["event_id"].text();
  auto const carols = bench.hs.text(kCarol, "is this prod?", event);
  auto const say = [&](std::string const& to, bool falling_back) {
    bench.hs.say(kBob, "m.room.message",
                 Json::object({{"msgtype", "m.text"},
                               {"body", "wait, I look"},
                               {"m.relates_to", Json::object({{"rel_type", "m.thread"},
                                                              {"event_id", event},
                                                              {"is_falling_back", falling_back},
                                                              {"m.in_reply_to", Json::object({{"event_id", to}})}})}}));
    bench.loop.advance(1s);
    return bench.engine.votes.size();
  };
  CHECK(say(carols, false) == 0);
  SECTION("the next words of the thread") { CHECK(say(carols, true) == 1); }
  SECTION("a reply to the question") { CHECK(say(asked, false) == 1); }
  SECTION("a reply to the card") { CHECK(say(event, false) == 1); }
}

TEST_CASE("matrix clicks: a note that was not recorded is asked for until it is") {
  Bench bench;
  bench.connected();
  matrix_cards::Request const request("restart-why");
  bench.engine.view_answer = request.view();
  auto const event = bench.post(request.card());
  bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  bench.engine.at_once.reset();
  bench.hs.text(kBob, "it is down", event);
  bench.loop.advance(1s);
  bench.hs.text(kBob, "hello?", event);  // the first is with the engine
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 1);
  bench.engine.answers.at(0)({ports::Answer::State::not_recorded, "Not recorded, try again."});
  CHECK_THAT(bench.last()["body"].text(), Catch::Contains("Say why once more"));
  bench.loop.advance(9min);
  bench.hs.text(kBob, "it is down, really", event);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 2);
  CHECK(bench.engine.votes[1].note == "it is down, really");
  bench.engine.answers.at(1)({ports::Answer::State::recorded, ""});
  bench.hs.text(kBob, "and more", event);
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.size() == 2);
}
