// Reactions that vote for nothing: a question, and the same once more.
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

std::string const kBob = "@bob:example.org", kCarol = "@carol:example.org";
std::string const kAsk = "\u2753", kAgain = "\U0001f501";

}  // namespace

TEST_CASE("matrix acts: a question mark makes the bot ask, and the next words in the thread are the question") {
  Bench bench;
  bench.connected();
  auto const card = matrix_cards::waiting();
  auto const event = bench.post(card);
  auto const reaction = bench.hs.react(kBob, event, kAsk);
  auto const asked = bench.last();
  CHECK(bench.engine.commands.empty());
  CHECK(bench.engine.votes.empty());
  CHECK(asked["m.mentions"]["user_ids"] == Json::array({kBob}));
  CHECK_THAT(asked["body"].text(), Catch::Contains("what do you want to know"));
  SECTION("also after a restart") {
    if (GENERATE(false, true)) bench.restart();
    bench.hs.text(kCarol, "not me", event);
    auto const reply = bench.hs.text(kBob, "which host \u202e?", event);
    bench.loop.advance(1s);
    REQUIRE(bench.engine.commands.size() == 1);
    auto const& command = bench.engine.commands[0];
    CHECK(command.words == std::vector<std::string>{"ask", card.request_id, "which host \\u{202E}?"});
    CHECK(command.via == "view");
    CHECK(command.binding == card.binding);
    CHECK(command.delivery == reply);
    CHECK(command.account.id == kBob);
    CHECK(command.foreign.empty());
    bench.engine.answers.at(0)({ports::Answer::State::recorded, "stands in its thread"});
    bench.hs.text(kBob, "and more words", event);
    bench.loop.advance(1s);
    CHECK(bench.engine.commands.size() == 1);
  }
  SECTION("not once the reaction is taken away") {
    bench.hs.redact(kBob, reaction);
    bench.loop.advance(1s);
    bench.hs.text(kBob, "which host?", event);
    bench.loop.advance(1s);
    CHECK(bench.engine.commands.empty());
  }
  SECTION("not later than ten minutes after") {
    bench.loop.advance(11min);
    bench.hs.text(kBob, "which host?", event);
    bench.loop.advance(1s);
    CHECK(bench.engine.commands.empty());
  }
  CHECK(bench.engine.votes.empty());
}

TEST_CASE("matrix acts: what ended without success has something to tap, which asks for it again") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const keys = [&] {
    std::vector<std::string> found;
    for (auto const& seed : bench.hs.sent("m.reaction")) found.push_back(seed["m.relates_to"]["key"].text());
    return found;
  };
  CHECK(keys() == std::vector<std::string>{"\u2705", "\u274c", kAsk});
  bench.update(event, matrix_cards::Request().vote("carol", core::Verdict::deny, "not now").updated());
  bench.loop.advance(1s);
  CHECK(keys().back() == kAgain);
  CHECK(bench.hs.calls("/redact/").size() == 3);  // the others go, it stays
  auto const reaction = bench.hs.react(kBob, event, kAgain);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.commands.size() == 1);
  auto const& command = bench.engine.commands[0];
  CHECK(command.words == std::vector<std::string>{"again", matrix_cards::waiting().request_id});
  CHECK(command.via == "button");
  CHECK(command.delivery == reaction);
  bench.engine.answers.at(0)({ports::Answer::State::recorded, "CS-2 is accepted"});
  CHECK_THAT(bench.last()["body"].text(), Catch::Contains("CS-2 is accepted"));
}

TEST_CASE("matrix acts: T39 who is nobody in the configuration, or comes to a closed card, is asked nothing") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.join("@local:example.org");
  bench.loop.advance(1s);
  auto const before = bench.hs.sent().size();
  SECTION("a member of the room who is nobody: refused on record each time, told once") {
    for (int n = 0; n < 3; ++n) {
      auto const reaction = bench.hs.react("@local:example.org", event, kAsk);
      bench.loop.advance(1s);
      REQUIRE(bench.engine.commands.size() == static_cast<std::size_t>(n + 1));
      CHECK(bench.engine.commands.back().words ==
            std::vector<std::string>{"ask", matrix_cards::waiting().request_id, "?"});
      bench.engine.answers.back()({ports::Answer::State::refused, "You are not known here."});
      bench.hs.redact("@local:example.org", reaction);
      bench.loop.advance(1s);
    }
    CHECK(bench.hs.sent().size() == before + 1);
    CHECK_FALSE(bench.last()["m.mentions"]["user_ids"] == Json::array({"@local:example.org"}));
  }
  SECTION("who may not decide may ask all the same") {
    bench.engine.view_answer = core::make_error(core::Errc::forbidden, "You are not in a group that approves this.");
    bench.hs.react(kCarol, event, kAsk);
    CHECK(bench.engine.commands.empty());
    CHECK_THAT(bench.last()["body"].text(), Catch::Contains("what do you want to know"));
  }
  SECTION("a card that is closed swallows nobody's next words") {
    bench.update(event, matrix_cards::Request().vote("carol", core::Verdict::deny, "not now").updated());
    bench.loop.advance(1s);
    bench.engine.view_answer = core::make_error(core::Errc::conflict, "CS-1 is no longer open: it is denied.");
    bench.hs.react(kBob, event, kAsk);
    bench.loop.advance(1s);
    REQUIRE(bench.engine.commands.size() == 1);
    CHECK(bench.engine.commands[0].words == std::vector<std::string>{"ask", matrix_cards::waiting().request_id, "?"});
    bench.engine.answers.at(0)({ports::Answer::State::refused, "It was already denied."});
    bench.hs.text(kBob, "I see", event);
    bench.loop.advance(1s);
    CHECK(bench.engine.commands.size() == 1);
  }
}

TEST_CASE("matrix acts: T39 who is not of the room or from elsewhere is handed over as such, and asked nothing") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const before = bench.hs.sent().size();
  for (auto const& [user, key] : {std::pair<std::string, std::string>{"@zoe:far.example", kAsk},
                                  {"@zoe:far.example", kAgain},
                                  {"@nobody:example.org", kAsk}}) {
    bench.hs.react(user, event, key);
    bench.loop.advance(1s);
  }
  REQUIRE(bench.engine.commands.size() == 3);
  for (auto const& command : bench.engine.commands) CHECK_FALSE(command.foreign.empty());
  CHECK(bench.hs.sent().size() == before);
  // On what is no card of ours it is nothing.
  auto const words = bench.hs.text(kBob, "hello");
  bench.hs.react(kBob, words, kAgain);
  bench.loop.advance(1s);
  CHECK(bench.engine.commands.size() == 3);
}
