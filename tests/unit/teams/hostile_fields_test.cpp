// F35 over a click, a submitted card and a command of Teams: whatever stands in any of their fields.
#include "tests/support/catch.hpp"
#include "tests/support/hostile_bytes.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;

TEST_CASE("F35 teams: no text, NUL or half a surrogate in any field: refused, or nothing of it reaches the engine") {
  auto noted = data("approve");
  noted.set("note", "looks right");
  auto const [kind, activity] = GENERATE_COPY(table<char const*, Json>(
      {{"execute", execute(noted)}, {"submit", submit(noted)}, {"command", message("status CS-1")}}));
  auto const good = core::dump(activity);
  auto const strings = support::string_values(good);
  REQUIRE(strings.size() > 15);
  std::size_t refused = 0;
  int honest = 0;
  for (auto const at : strings) {
    Bench bench;
    bench.sink.at_once = ports::Answer{ports::Answer::State::recorded, ""};
    bench.connected();
    auto const headers = bench.headers();
    for (auto const* bad : support::kNoText) {
      CAPTURE(kind, good.substr(at, 24), bad);
      auto body = good;
      body.insert(at, bad);
      auto const votes = bench.sink.votes.size(), commands = bench.sink.commands.size();
      bench.send(body, headers);
      bench.loop.advance(1s);
      refused += bench.sink.votes.size() == votes && bench.sink.commands.size() == commands ? 1U : 0U;
      for (auto const& vote : bench.sink.votes) CHECK(support::is_clean(vote));
      for (auto const& command : bench.sink.commands) CHECK(support::is_clean(command));
      for (auto const& [connected, detail] : bench.sink.states) CHECK(support::is_clean(detail));
      // The next, honest one counts: nothing was spoilt.
      auto const before = bench.sink.votes.size();
      bench.send(core::dump(execute(data("approve"), "f:honest-" + std::to_string(++honest))), headers);
      bench.loop.advance(1s);
      CHECK(bench.sink.votes.size() == before + 1);
    }
  }
  CHECK(refused >= strings.size() * 5);  // what is no text at all goes with its whole activity
}
