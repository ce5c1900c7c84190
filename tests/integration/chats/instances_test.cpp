// Two installations that know nothing of each other: what was said to one decides nothing in the other (T40), and two
// processes on one app token notice it (design, section 7).
#include <cstdio>

#include "tests/integration/chats/chats.hpp"
#include "tests/support/full.hpp"

using namespace chats;

ON_EACH("T40 staging and production: every message of one crossed to the other decides, asks and repeats nothing") {
  ServiceKit staging(on<TestType>()), production(on<TestType>());
  auto &chat = staging.chat(), &other = production.chat();
  staging.start();
  production.start();
  REQUIRE(chat.wait_connected());
  REQUIRE(other.wait_connected());
  // The same people, channels, runbooks, even the same request id: nothing but the instance differs.
  auto const there = staging.ask("witness"), here = production.ask("witness");
  REQUIRE(there == here);
  CHECK(code(staging, there) != code(production, here));
  chat.explain("bob", there, "ask", "is this staging?");
  REQUIRE(counts(staging, "question.asked", there, 1));
  CHECK(chat.press("carol", there, "deny"));
  REQUIRE(ends_as(staging, there, "denied"));
  REQUIRE(staging.wait([&] { return chat.click("carol", there, "again").has_value(); }));
  REQUIRE(staging.wait([&] { return count(staging, "request.accepted") == 2; }));
  auto const more = staging.ask("witness", Json::object({{"word", "more"}}));
  CHECK(chat.press("bob", more));
  CHECK_THAT(chat.typed("bob", "approve " + more + " " + code(staging, more)), Catch::Contains("already"));
  REQUIRE(ends_as(staging, more, "succeeded"));
  CHECK(chat.cross_to(other) >= 5);
  CHECK(production.state(here) == "pending");
  CHECK(production.witnessed() == 0);
  CHECK(count(production, "request.accepted") == 1);
  CHECK(count(production, "question.asked") == 0);
  for (auto const* kind : {"vote.approve", "vote.deny", "request.approved", "request.denied"})
    CHECK(count(production, kind) == 0);
  // A reaction on what is no message of the bot's is nothing at all.
  bool const matrix = chat.platform() == "matrix";
  CHECK(count(production, "vote.refused") >= (matrix ? 1U : 4U));
  // The honest case works.
  CHECK(other.press("bob", here));
  REQUIRE(ends_as(production, here, "succeeded"));
  CHECK(production.ledger_problems() == "");
  CHECK(staging.ledger_problems() == "");
}

TEST_CASE("a second process on the same app token is noticed by both, approving stops, and goes on when it has left") {
  if (!support::full()) {
    std::puts("SKIPPED: a second process on one app token: it takes four minutes (deploy/test --full)");
    return;
  }
  ServiceKit first, second;
  auto const ours = first.slack().api_url(), theirs = second.slack().api_url();
  edit(second, theirs, ours);  // the same stand-in, the same tokens
  first.start();
  auto const id = first.ask("witness-two");
  CHECK(first.press("U0BOB", id));
  REQUIRE(first.wait([&] { return first.state(id) == "pending" && voters(first, id).size() == 1; }));
  second.start({.wait_ready = false});
  // The first learns of it from the next hello that it hears: one of its connections is refreshed.
  REQUIRE(first.wait([&] { return first.slack().sockets().size() == 4; }));
  first.slack().disconnect(first.slack().sockets().front().id, "refresh_requested");
  // The second sees at its own hellos that it is not alone.
  auto const alarmed = [](ServiceKit& kit) {
    return has(kit.process().log_text(), "slack app token is in use elsewhere");
  };
  REQUIRE(first.wait([&] { return alarmed(first) && alarmed(second); }, 80s));
  // A click may reach either; the first one refuses to approve, in words, and still takes a denial.
  for (auto const& socket : first.slack().sockets()) {
    first.slack().choose_socket(socket.id);
    CHECK(first.press("U0CAROL", id));
  }
  CHECK(first.state(id) == "pending");
  REQUIRE(second.stop() == 0);
  first.slack().choose(playground::SlackStandIn::Choice::at_random);
  REQUIRE(first.wait([&] { return has(first.process().log_text(), "ours alone again"); }, 150s));
  CHECK(first.press("U0CAROL", id));
  REQUIRE(ends_as(first, id, "succeeded"));
  CHECK(first.ledger_problems() == "");
}
