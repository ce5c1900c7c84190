// Taking back reaches the engine whatever is in the way, and a click that can't be placed is not forgotten.
#include "adapters/matrix/clicks.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

std::string const kBob = "@bob:example.org", kCarol = "@carol:example.org";

}  // namespace

TEST_CASE("matrix clicks: taking back is repeated until it is recorded, and the person is told that the vote counts") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const reaction = bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  bench.engine.at_once = ports::Answer{ports::Answer::State::not_recorded, "Not recorded, try again."};
  auto const redaction = bench.hs.redact(kBob, reaction);
  CHECK_THAT(bench.last()["body"].text(), Catch::Contains("your vote STILL counts"));
  auto const said = bench.hs.sent().size();
  bench.loop.advance(5s);
  CHECK(bench.engine.votes.size() > 3);
  CHECK(bench.hs.sent().size() == said);
  for (std::size_t i = 1; i < bench.engine.votes.size(); ++i) {
    CHECK(bench.engine.votes[i].verdict == core::Verdict::withdraw);
    CHECK(bench.engine.votes[i].delivery == redaction);
  }
  SECTION("placed again meanwhile: not counted, and said") {
    auto const before = bench.engine.votes.size();
    bench.hs.react(kBob, event);
    CHECK_THAT(bench.last()["body"].text(), Catch::Contains("still being taken back"));
    for (std::size_t i = before; i < bench.engine.votes.size(); ++i)
      CHECK(bench.engine.votes[i].verdict == core::Verdict::withdraw);
  }
  SECTION("at last") {
    if (GENERATE(false, true)) bench.restart();
    bench.engine.at_once = ports::Answer{ports::Answer::State::recorded, "Your vote on CS-1 is withdrawn."};
    bench.loop.advance(5s);
    CHECK(bench.engine.votes.back().delivery == redaction);
    auto const count = bench.engine.votes.size();
    bench.loop.advance(1min);
    CHECK(bench.engine.votes.size() == count);
    bench.restart();
    CHECK(bench.engine.votes.size() == count);
  }
}

TEST_CASE("matrix clicks: taking back asks neither for the room's state nor for a membership") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const reaction = bench.hs.react(kBob, event);
  bench.loop.advance(1s);
  SECTION("a room that was encrypted since") {
    bench.hs.say("@alice:example.org", "m.room.encryption", Json::object({{"algorithm", "m.megolm.v1"}}), kRoom, "");
  }
  SECTION("a room that was replaced since") {
    bench.hs.say("@alice:example.org", "m.room.tombstone", Json::object({{"replacement_room", "!new:example.org"}}),
                 kRoom, "");
  }
  SECTION("a person who is no member any more") {
    bench.hs.say("@alice:example.org", "m.room.member", Json::object({{"membership", "leave"}}), kRoom, kBob);
  }
  bench.hs.redact(kBob, reaction);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 2);
  CHECK(bench.engine.votes[1].verdict == core::Verdict::withdraw);
  CHECK(bench.engine.votes[1].foreign.empty());
}

TEST_CASE("matrix clicks: a click may be taken back after thirty days, and other people's floods don't change that") {
  support::VirtualLoop loop;
  support::MemoryLog log;
  support::MemoryNotebook notebook;
  Homeserver hs(loop);
  Proxy proxy(loop);
  matrix::Clicks clicks({loop, hs, proxy, log, notebook});
  auto const act = [](std::string const& reaction, std::string const& user, std::string const& card) {
    matrix::Act made;
    made.reaction = reaction;
    made.user = user;
    made.card = card;
    return made;
  };
  clicks.add(act("$bobs", kBob, "$card"));
  clicks.counted("$bobs");
  SECTION("time") { loop.advance(30 * 24h); }
  SECTION("another person's reactions") {
    for (int i = 0; i < 4000; ++i) clicks.add(act("$eve" + std::to_string(i), "@eve:example.org", std::to_string(i)));
  }
  SECTION("one's own") {
    for (int i = 0; i < 20; ++i) clicks.add(act("$more" + std::to_string(i), kBob, "$card"));
    CHECK_FALSE(clicks.find("$more0"));
  }
  clicks.add(act("$another", kCarol, "$card"));
  CHECK(clicks.find("$bobs"));
}

TEST_CASE("matrix clicks: a look-up that fails silences no card") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.restart();
  SECTION("a proxy's word, or the homeserver's: it is asked again") {
    bench.hs.fault("/event/", GENERATE(Homeserver::Answer(net::HttpResponse{404, {}, "<html>"}),
                                       Homeserver::Answer(net::HttpResponse{403, {}, ""}),
                                       Homeserver::Answer(net::HttpResponse{200, {}, "<html>"}),
                                       Homeserver::Answer(Homeserver::refusal(404, "M_NOT_FOUND"))));
    bench.hs.react(kBob, event);
    bench.loop.advance(5s);
    CHECK(bench.engine.votes.size() == 1);
  }
  SECTION("for long: others need not wait, the person is told, and taking away ends it") {
    for (int i = 0; i < 150; ++i) bench.hs.fault("/event/$event", Homeserver::refusal(404, "M_NOT_FOUND"));
    auto const reaction = bench.hs.react(kBob, event);
    bench.loop.advance(5s);
    bench.hs.text(kCarol, "!countersign list");
    bench.loop.advance(1s);
    CHECK(bench.engine.commands.size() == 1);
    bench.loop.advance(61s);
    CHECK_THAT(bench.hs.sent().back()["body"].text(), Catch::Contains("not counted yet"));
    bench.hs.redact(kBob, reaction);
    bench.loop.advance(2min);
    CHECK(bench.engine.votes.empty());
  }
  SECTION("the same id named from another room") {
    bench.hs.join(kBot, "!other:example.org");
    bench.adapter->set_people_and_channels(bench.settings.people, {kRoom, "!other:example.org"});
    bench.loop.advance(1s);
    bench.hs.react(kBob, event, "\u2705", "!other:example.org");
    bench.loop.advance(1s);
    bench.hs.react(kBob, event);
    bench.loop.advance(5s);
    CHECK(bench.engine.votes.size() == 1);
  }
}

TEST_CASE("matrix: a room that can't be read back after a gap loses nothing, and the others go on") {
  auto const transport = GENERATE(matrix::Transport::sync, matrix::Transport::websocket);
  Bench bench(transport);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.text(kCarol, "handled");
  if (transport == matrix::Transport::websocket) bench.transact("before", 1);
  bench.loop.advance(1s);
  bench.adapter.reset();
  auto const reaction = bench.hs.react(kBob, event);
  for (int i = 0; i < 150; ++i) bench.hs.text("@eve:example.org", "chatter");
  bench.hs.fault("/messages", Homeserver::refusal(404, "M_NOT_FOUND"));
  bench.connected();
  if (transport == matrix::Transport::websocket) {
    bench.hs.text("@eve:example.org", "newer than what was not read");
    bench.transact("later", 1);
  }
  bench.loop.advance(2min);
  REQUIRE(bench.engine.votes.size() == 1);
  CHECK(bench.engine.votes[0].delivery == reaction);
}
