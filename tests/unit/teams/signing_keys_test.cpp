// The keys that may sign activities: where they come from, how long they last, who may ask for them.
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;

TEST_CASE("teams keys: without any the answer is later, so that Teams sends it again") {
  Bench bench;
  for (int i = 0; i < 50; ++i) bench.http.next[Door::metadata].push_back(fails(false));
  bench.connected();
  CHECK_FALSE(bench.sink.states.back().first);
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains("can't be fetched"));
  CHECK(bench.ask(activities::message("list")).status == 503);
  CHECK(bench.http.count(Door::metadata) <= 2);
  for (int i = 0; i < 200; ++i) bench.ask(activities::message("list"));
  CHECK(bench.http.count(Door::metadata) <= 2);  // a flood asks for no more
  bench.loop.advance(10min);
  CHECK(bench.http.count(Door::metadata) <= 10);
  bench.http.next[Door::metadata].clear();
  bench.loop.advance(5min);
  CHECK(bench.adapter->counters().keys == 2);
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
  CHECK(bench.sink.commands.empty());
  bench.send(activities::message("list", "late"));
  CHECK(bench.sink.commands.size() == 1);
}

TEST_CASE("teams keys: an unknown one is asked for once in five minutes, together") {
  Bench bench;
  bench.connected();
  CHECK(bench.http.count(Door::keys) == 1);
  static keys::Rsa const fresh;
  auto const token = [&](std::string const& kid) {
    return net::Headers{{"Content-Type", "application/json"},
                        {"Authorization", "Bearer " + keys::signed_by(fresh, R"({"alg":"RS256","kid":")" + kid + "\"}",
                                                                      core::dump(bench.claims()))}};
  };
  auto const body = [](std::string const& id) { return core::dump(activities::message("list", id)); };
  // The key was rolled over.
  bench.http.key_set.push(keys::jwk(fresh, "fresh-key", {"msteams"}));
  bench.http.hold = {Door::keys};
  auto const one = bench.send(body("1"), token("fresh-key")), two = bench.send(body("2"), token("fresh-key"));
  CHECK(bench.http.count(Door::keys) == 2);
  CHECK_FALSE(bench.answer(one));
  bench.http.hold.clear();
  bench.http.release();
  bench.loop.run_posted();
  CHECK(bench.sink.commands.size() == 2);
  // Whoever sends bad tokens does not make us ask again and again.
  for (int i = 0; i < 20; ++i)
    CHECK(bench.answer(bench.send(body("x"), token("bad" + std::to_string(i))))->status == 503);
  CHECK(bench.http.count(Door::keys) == 2);
  bench.loop.advance(5min);
  bench.send(body("y"), token("bad"));
  CHECK(bench.http.count(Door::keys) == 3);
  CHECK(two != one);
}

TEST_CASE("teams keys: a day fresh, five days usable, and only from the pinned place") {
  Bench bench;
  bench.connected();
  bench.loop.advance(23h);
  CHECK(bench.http.count(Door::keys) == 1);
  bench.loop.advance(2h);
  CHECK(bench.http.count(Door::keys) == 2);
  SECTION("an outage of days") {
    for (int i = 0; i < 5000; ++i) bench.http.next[Door::metadata].push_back(says(500));
    bench.loop.advance(4 * 24h);
    bench.send(activities::message("list", "1"));
    CHECK(bench.sink.commands.size() == 1);
    bench.loop.advance(2 * 24h);
    CHECK(bench.ask(activities::message("list", "2")).status == 503);
  }
  SECTION("keys on another host") {
    bench.http.next[Door::metadata].push_back(
        says(200, R"({"issuer":"https://api.botframework.com","jwks_uri":"https://evil.example/.well-known/keys"})"));
    bench.loop.advance(24h);
    CHECK_THAT(bench.log_text(), Catch::Contains("on another host"));
    for (auto const& call : bench.http.seen) CHECK_THAT(call.url, !Catch::Contains("evil.example"));
  }
  SECTION("another issuer") {
    bench.http.next[Door::metadata].push_back(says(
        200, R"({"issuer":"https://evil.example","jwks_uri":"https://login.botframework.com/v1/.well-known/keys"})"));
    bench.loop.advance(24h);
    CHECK_THAT(bench.log_text(), Catch::Contains("another issuer"));
  }
  SECTION("an empty set does not replace a good one") {
    bench.http.next[Door::keys].push_back(says(200, R"({"keys":[]})"));
    bench.loop.advance(24h);
    CHECK(bench.adapter->counters().keys == 2);
  }
}
