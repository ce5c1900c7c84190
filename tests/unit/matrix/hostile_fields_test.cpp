// F35 over a reaction and a command of Matrix: whatever stands in any of their fields.
#include "tests/support/catch.hpp"
#include "tests/support/hostile_bytes.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

TEST_CASE("F35 matrix: no text, NUL or half a surrogate in any field: refused, or nothing of it reaches the engine") {
  bool const reaction = GENERATE(true, false);
  auto const frame_of = [&](std::string const& card) {
    auto const content =
        reaction ? Json::object({{"m.relates_to",
                                  Json::object({{"rel_type", "m.annotation"}, {"event_id", card}, {"key", "\u2705"}})}})
                 : Json::object({{"msgtype", "m.text"},
                                 {"body", "!countersign list"},
                                 {"m.mentions", Json::object({{"user_ids", Json::array({kBot})}})},
                                 {"m.relates_to", Json::object({{"rel_type", "m.thread"}, {"event_id", card}})}});
    auto const event = Json::object({{"event_id", "$hostile"},
                                     {"type", reaction ? "m.reaction" : "m.room.message"},
                                     {"sender", "@bob:example.org"},
                                     {"origin_server_ts", 1764000000000},
                                     {"room_id", kRoom},
                                     {"content", content}});
    return core::dump(Json::object({{"status", "ok"},
                                    {"id", 7},
                                    {"command", "transaction"},
                                    {"txn_id", "t-hostile"},
                                    {"events", Json::array({event})}}));
  };
  std::size_t refused = 0, tried = 0, strings = 1;
  for (std::size_t nth = 0; nth < strings; ++nth) {
    for (auto const* bad : support::kNoText) {
      Bench bench(matrix::Transport::websocket);
      bench.connected();
      auto const card = bench.post(matrix_cards::waiting());
      auto frame = frame_of(card);
      auto const places = support::string_values(frame);
      strings = places.size();
      CAPTURE(reaction, frame.substr(places[nth], 24), bad);
      auto const links = bench.proxy.wires.size();
      frame.insert(places[nth], bad);
      bench.receive(frame);
      bench.loop.advance(15s);
      bench.pong();
      bench.loop.advance(15s);
      ++tried;
      refused += bench.engine.votes.empty() && bench.engine.commands.empty() ? 1U : 0U;
      for (auto const& vote : bench.engine.votes) CHECK(support::is_clean(vote));
      for (auto const& command : bench.engine.commands) CHECK(support::is_clean(command));
      for (auto const& [connected, detail] : bench.engine.states) CHECK(support::is_clean(detail));
      for (auto const& said : bench.hs.sent()) CHECK(support::is_clean(said["body"].text()));
      // The next, honest one counts: nothing was spoilt.
      if (bench.proxy.wires.size() > links) bench.greet();
      auto const before = bench.engine.votes.size();
      bench.hs.react("@carol:example.org", card, "\u274c");
      bench.transact("t-honest", 1, 8);
      bench.loop.advance(2s);
      REQUIRE(bench.engine.votes.size() == before + 1);
      CHECK(bench.engine.votes.back().account.id == "@carol:example.org");
    }
  }
  REQUIRE(strings > 8);
  CHECK(tried == strings * std::size(support::kNoText));
  CHECK(refused >= strings * 5);  // what is no text at all goes with its whole frame
}
