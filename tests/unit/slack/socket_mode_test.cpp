#include "tests/support/catch.hpp"
#include "tests/unit/slack/fakes.hpp"

using namespace slack_fakes;

TEST_CASE("slack sockets: two standing connections, each with its own ticket") {
  Bench bench;
  bench.connected();
  REQUIRE(bench.dialer.wires.size() == 2);
  CHECK(bench.dialer.wires[0]->url == "wss://wss.example.org/link/?ticket=1");
  CHECK(bench.dialer.wires[1]->url == "wss://wss.example.org/link/?ticket=2");
  CHECK(bench.adapter->counters().connected == 2);
  CHECK(bench.sink.states == std::vector<std::pair<bool, std::string>>{{true, ""}});
  for (auto const& call : bench.http.seen) {
    if (call.method == "apps.connections.open") CHECK(call.authorization == "Bearer xapp-1-secret");
    if (call.method == "auth.test") CHECK(call.authorization == "Bearer xoxb-secret");
  }
}

TEST_CASE("slack sockets: a refresh has no gap") {
  Bench bench(1);
  bench.connected();
  auto const reason = GENERATE("warning", "refresh_requested", "brand_new_reason");
  bench.receive(0, frames::disconnect(reason));
  REQUIRE(bench.dialer.wires.size() == 2);
  CHECK_FALSE(bench.dialer.wires[0]->closing);
  bench.receive(0, frames::click({}));  // meanwhile, on the old one
  bench.answer(0, ports::Answer::State::recorded);
  CHECK(bench.sent(0).size() == 1);

  bench.greet(1, 2);
  CHECK(bench.adapter->counters().connected == 2);
  bench.receive(0, frames::click({.envelope = "env-2", .action_ts = "2.2"}));
  bench.answer(1, ports::Answer::State::recorded);
  CHECK(bench.sent(0).size() == 2);  // still acknowledged where it came from
  CHECK(bench.sent(1).empty());
  // Closed by us it would lose what Slack sends in that moment. One that Slack forgets has its limit.
  bench.loop.advance(29'900ms);
  CHECK_FALSE(bench.dialer.wires[0]->closing);
  bool const forgotten = GENERATE(false, true);
  if (forgotten) {
    bench.loop.advance(200ms);
    CHECK(bench.dialer.wires[0]->closing);
    CHECK(bench.dialer.wires[0]->close_code == 1000);
  }
  bench.end(0);
  CHECK(bench.dialer.wires[0]->destroyed);
  bench.loop.advance(60s);
  CHECK(bench.dialer.wires.size() == 2);
  CHECK(bench.sink.states.size() == 1);  // nobody noticed
}

TEST_CASE("slack sockets: renewed at nine tenths of the life that hello hints at") {
  Bench bench(1);
  bench.start();
  bench.greet(0, 1, 1000);
  bench.loop.advance(899s);
  CHECK(bench.dialer.wires.size() == 1);
  bench.loop.advance(2s);
  CHECK(bench.dialer.wires.size() == 2);
  // It serves until Slack ends it, or until the next one is replaced as well: life is a hint only.
  bench.greet(1, 2, 1000);
  bench.loop.advance(899s);
  CHECK_FALSE(bench.dialer.wires[0]->closing);
  bench.loop.advance(2s);
  REQUIRE(bench.dialer.wires.size() == 3);
  bench.greet(2, 3, 1000);
  CHECK(bench.dialer.wires[0]->closing);
  CHECK_FALSE(bench.dialer.wires[1]->closing);
  bench.receive(1, frames::disconnect("refresh_requested"));
  CHECK(bench.dialer.wires.size() == 3);  // its successor stands
  bench.loop.advance(31s);
  CHECK(bench.dialer.wires[1]->closing);
}

TEST_CASE("slack sockets: F18 a half-open link is replaced, and told when none is left") {
  Bench bench;
  bench.connected();
  bench.broken(0);
  CHECK(bench.sink.states.size() == 1);  // the other still stands
  bench.loop.advance(1ms);
  CHECK(bench.dialer.wires.size() == 3);
  bench.broken(1);
  CHECK_FALSE(bench.sink.states.back().first);
  bench.loop.advance(1ms);
  bench.greet(3, 1);
  CHECK(bench.sink.states.back().first);
  CHECK(bench.adapter->counters().lost == 2);
}

TEST_CASE("slack sockets: back-off doubles with full jitter and is reset only after hello and 30 s") {
  Bench bench(1);
  bench.random = 500;  // drawn modulo the longest wait
  bench.start();
  auto const waits = [&](std::size_t next) {
    core::Duration waited{0};
    while (bench.dialer.wires.size() <= next && waited < 70s) {
      bench.loop.advance(1ms);
      waited += 1ms;
    }
    return waited;
  };
  bench.broken(0);
  CHECK(waits(1) == 500ms);
  bench.random = 1000;
  bench.greet(1);
  bench.broken(1);  // greeted, but not proven
  CHECK(waits(2) == 1000ms);
  bench.random = 2000;
  bench.broken(2);
  CHECK(waits(3) == 2000ms);
  bench.greet(3);
  bench.loop.advance(31s);
  bench.random = 500;
  bench.broken(3);
  CHECK(waits(4) == 500ms);
}

TEST_CASE("slack sockets: no hello within 10 s, a refused upgrade and a bad address each cost a new ticket") {
  Bench bench(1);
  bench.start();
  bench.open(0);
  bench.loop.advance(9s);
  CHECK_FALSE(bench.dialer.wires[0]->destroyed);
  bench.loop.advance(2s);
  CHECK(bench.dialer.wires[0]->destroyed);
  REQUIRE(bench.dialer.wires.size() == 2);
  bench.end(1, {.error = net::make_error(net::Errc::refused, "The upgrade was refused."),
                .http_status = 409,
                .http_headers = {{"Retry-After", "7"}}});
  bench.loop.advance(6900ms);
  CHECK(bench.dialer.wires.size() == 2);
  bench.http.next["apps.connections.open"].push_back(json(R"({"ok":true,"url":"ws://wss.example.org/x"})"));
  bench.loop.advance(200ms);
  CHECK(bench.http.count("apps.connections.open") == 4);
  REQUIRE(bench.dialer.wires.size() == 3);  // plain text to a stranger was not dialled
  CHECK(bench.dialer.wires[2]->url == "wss://wss.example.org/link/?ticket=3");
}

TEST_CASE("slack sockets: Socket Mode switched off is asked about once a minute") {
  Bench bench(1);
  bench.connected();
  bench.receive(0, frames::disconnect("link_disabled"));
  CHECK_FALSE(bench.sink.states.back().first);
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains("switch it on"));
  bench.http.next["apps.connections.open"].push_back(json(R"({"ok":false,"error":"link_disabled"})"));
  bench.loop.advance(59s);
  CHECK(bench.http.count("apps.connections.open") == 1);
  bench.loop.advance(61s);
  CHECK(bench.http.count("apps.connections.open") == 3);
}

TEST_CASE("slack sockets: too many connections backs off and says so") {
  Bench bench(1);
  bench.start();
  bench.open(0);
  bench.receive(0, frames::disconnect("too_many_websockets"));
  CHECK(bench.dialer.wires[0]->destroyed);
  CHECK(bench.log.has("slack counts too many connections of this app"));
  bench.loop.advance(9s);
  CHECK(bench.dialer.wires.size() == 1);
  bench.loop.advance(2s);
  CHECK(bench.dialer.wires.size() == 2);
}

TEST_CASE("slack sockets: ten connections are renewed without an eleventh") {
  Bench bench(10);
  bench.connected();
  REQUIRE(bench.dialer.wires.size() == 10);
  bench.receive(0, frames::disconnect("refresh_requested"));
  CHECK_FALSE(bench.dialer.wires[0]->closing);  // nine others bridge the moment, once Slack has closed it
  bench.loop.advance(9s);
  CHECK(bench.dialer.wires.size() == 10);
  bool const broken = GENERATE(false, true);
  broken ? bench.broken(0) : bench.end(0);
  bench.loop.advance(1s);
  CHECK(bench.dialer.wires.size() == 11);
}

TEST_CASE("slack sockets: links that were replaced make room for those that have to be") {
  Bench bench(6);
  bench.connected();
  REQUIRE(bench.dialer.wires.size() == 6);
  for (std::size_t i = 0; i < 4; ++i) {
    bench.receive(i, frames::disconnect("warning"));
    bench.greet(6 + i, 10);
  }
  REQUIRE(bench.dialer.wires.size() == 10);
  bench.receive(4, frames::disconnect("warning"));
  CHECK(bench.dialer.wires.size() == 10);
  CHECK(bench.dialer.wires[0]->closing);
  CHECK_FALSE(bench.dialer.wires[4]->closing);
  bench.end(0);
  bench.loop.advance(2s);
  CHECK(bench.dialer.wires.size() == 11);
}

TEST_CASE(
    "slack sockets: all told to refresh at once are renewed without an eleventh, and Slack closes each that serves") {
  auto const wanted = GENERATE(2U, 6U, 8U, 10U);
  CAPTURE(wanted);
  Bench bench(wanted);
  bench.connected();
  auto& wires = bench.dialer.wires;
  REQUIRE(wires.size() == wanted);
  for (std::size_t i = 0; i < wanted; ++i) bench.receive(i, frames::disconnect("refresh_requested"));
  std::size_t greeted = wanted;
  for (int tenths = 1; tenths <= 400; ++tenths) {
    bench.loop.advance(100ms);
    for (; greeted < wires.size(); ++greeted) bench.greet(greeted, 10);
    auto const open = [&] { return std::ranges::count_if(wires, [](auto const& one) { return !one->destroyed; }); };
    CHECK(open() <= 10);
    CHECK(bench.adapter->counters().connected >= std::min(wanted, 9U) / (tenths < 100 ? 1 : 2));
    for (std::size_t i = 0; i < wires.size(); ++i) {
      if (!wires[i]->destroyed && (wires[i]->closing || (i < wanted && tenths == 100 + static_cast<int>(i)))) {
        bench.end(i);
      }
    }
  }
  CHECK(wires.size() == 2 * wanted);
  CHECK(bench.adapter->counters().connected == wanted);
  CHECK(bench.adapter->counters().lost == 0);
}

TEST_CASE("slack sockets: the announced end of a link is no stranger's place, however it comes") {
  Bench bench(1);
  bench.connected();
  bench.receive(0, frames::disconnect("refresh_requested"));
  bench.greet(1, 2);
  bench.broken(0);  // without a word of farewell
  CHECK(bench.adapter->counters().lost == 0);
  bench.broken(1);
  bench.loop.advance(1s);
  bench.greet(2, 2);  // the one that broke unannounced may still be counted
  bench.loop.advance(61s);
  CHECK(bench.dialer.wires.size() == 3);
  bench.broken(2);
  bench.loop.advance(1s);
  bench.greet(3, 4);  // two broke; this one and a stranger
  bench.loop.advance(61s);
  CHECK(bench.dialer.wires.size() == 5);
}

TEST_CASE("slack sockets: errors of opening") {
  Bench bench(1);
  SECTION("a dead token stops for good and says the way out") {
    bench.http.next["apps.connections.open"].push_back(json(R"({"ok":false,"error":"invalid_auth"})"));
    bench.start();
    REQUIRE(bench.sink.states.size() == 1);
    CHECK_FALSE(bench.sink.states[0].first);
    CHECK_THAT(bench.sink.states[0].second, Catch::Contains("install the app again"));
    bench.loop.advance(600s);
    CHECK(bench.http.count("apps.connections.open") == 1);
  }
  SECTION("429 waits as told") {
    bench.http.next["apps.connections.open"].push_back(json("", 429, {{"Retry-After", "30"}}));
    bench.start();
    bench.loop.advance(28s);
    CHECK(bench.http.count("apps.connections.open") == 1);
    bench.loop.advance(2s);
    CHECK(bench.http.count("apps.connections.open") == 2);
  }
  SECTION("5xx and lost calls are tried again") {
    bench.http.next["apps.connections.open"] = {json("", 500), failing(false), failing(true)};
    bench.start();
    CHECK(bench.http.count("apps.connections.open") == 4);
    CHECK(bench.dialer.wires.size() == 1);
  }
  SECTION("another workspace's token is refused before anything is connected") {
    bench.http.next["auth.test"].push_back(json(R"({"ok":true,"team_id":"T0OTHER","bot_id":"B0BOT"})"));
    bench.start();
    CHECK(bench.dialer.wires.empty());
    CHECK_THAT(bench.sink.states.back().second, Catch::Contains("another Slack workspace"));
  }
  CHECK_THAT(bench.log_text(), !Catch::Contains("secret") && !Catch::Contains("ticket"));
}

TEST_CASE("slack sockets: another instance on the token is found after a minute, and its leaving too") {
  Bench bench(1);
  bench.start();
  bench.greet(0, 2);  // one more than ours
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
  bench.loop.advance(59s);
  CHECK(bench.dialer.wires.size() == 1);
  bench.loop.advance(2s);
  REQUIRE(bench.dialer.wires.size() == 2);
  bench.greet(1, 3);
  CHECK(bench.sink.states.back().first);
  CHECK_THAT(bench.sink.states.back().second,
             Catch::Contains("another instance") && Catch::Contains("no approval counts until then"));
  CHECK(bench.adapter->counters().foreign == 1);
  bench.receive(0, frames::click({}));
  CHECK_THAT(bench.sink.votes.at(0).foreign, Catch::Contains("Another instance"));

  bench.loop.advance(6s);
  CHECK(bench.dialer.wires[1]->closing);  // it only looked
  bench.end(1);
  bench.loop.advance(60s);
  REQUIRE(bench.dialer.wires.size() == 3);
  bench.greet(2, 2);  // ours and this one
  CHECK(bench.adapter->counters().foreign == 1);
  bench.loop.advance(6s);
  bench.end(2);
  bench.loop.advance(60s);
  REQUIRE(bench.dialer.wires.size() == 4);
  bench.greet(3, 2);  // and once more
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
  CHECK(bench.adapter->counters().foreign == 0);
  bench.receive(0, frames::click({.envelope = "e2", .action_ts = "9.9"}));
  CHECK(bench.sink.votes.at(1).foreign.empty());
}

TEST_CASE("slack sockets: a stranger is found with any number of connections, and its leaving too") {
  auto const ours = GENERATE(1U, 2U, 9U);
  CAPTURE(ours);
  Bench bench(ours);
  bench.start();
  REQUIRE(bench.dialer.wires.size() == ours);
  for (unsigned i = 0; i < ours; ++i) bench.greet(i, i + 2);
  CHECK(bench.adapter->counters().foreign == 0);
  auto const next_probe = [&] {
    auto const before = bench.dialer.wires.size();
    bench.loop.advance(61s);
    REQUIRE(bench.dialer.wires.size() == before + 1);
    return before;
  };
  auto probe = next_probe();
  if (ours == 9) {  // the eleventh of the app
    bench.open(probe);
    bench.receive(probe, frames::disconnect("too_many_websockets"));
  } else {
    bench.greet(probe, ours + 2);
    bench.loop.advance(6s);
    bench.end(probe);
  }
  CHECK(bench.adapter->counters().foreign == 1);
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains("another instance"));
  for (int times = 0; times < 2; ++times) {
    CHECK(bench.adapter->counters().foreign == 1);
    if (times == 1) {
      bench.loop.advance(6s);
      bench.end(probe);
    }
    probe = next_probe();
    bench.greet(probe, ours + 1);
  }
  CHECK(bench.adapter->counters().foreign == 0);
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
  bench.loop.advance(6s);
  bench.end(probe);
  auto const all = bench.dialer.wires.size();
  bench.loop.advance(300s);
  CHECK(bench.dialer.wires.size() == all);  // nothing more to look for
}

TEST_CASE("slack sockets: with ten of ours a refused one proves a stranger, and a greeted one that it has gone") {
  Bench bench(10);
  bench.start();
  for (std::size_t i = 0; i < 9; ++i) bench.greet(i, static_cast<std::int64_t>(i + 1));
  bench.open(9);
  bench.receive(9, frames::disconnect("too_many_websockets"));
  CHECK(bench.adapter->counters().foreign == 1);
  CHECK_THAT(bench.sink.states.back().second,
             Catch::Contains("another instance") && Catch::Contains("no approval counts until then"));
  for (int i = 0; i < 3; ++i) {
    bench.loop.advance(11s);
    auto const again = bench.dialer.wires.size() - 1;
    CHECK(again == static_cast<std::size_t>(10 + i));
    bench.open(again);
    bench.receive(again, frames::disconnect("too_many_websockets"));
    CHECK(bench.adapter->counters().foreign == 1);
  }
  bench.loop.advance(11s);
  bench.greet(bench.dialer.wires.size() - 1, 10);
  CHECK(bench.adapter->counters().foreign == 1);  // a look will tell
  for (int looks = 0; looks < 2; ++looks) {
    bench.loop.advance(70s);
    for (std::size_t i = 0; i < bench.dialer.wires.size(); ++i) {
      if (bench.dialer.wires[i]->closing && !bench.dialer.wires[i]->destroyed) bench.end(i);
    }
    bench.loop.advance(2s);
    bench.greet(bench.dialer.wires.size() - 1, 10);
    bench.loop.advance(6s);
    bench.end(bench.dialer.wires.size() - 1);
    bench.loop.advance(1ms);
    bench.greet(bench.dialer.wires.size() - 1, 10);
  }
  CHECK(bench.adapter->counters().foreign == 0);
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
}

TEST_CASE("slack sockets: with ten of ours one makes room for the look, and comes back") {
  Bench bench(10);
  bench.start();
  for (std::size_t i = 0; i < 10; ++i) bench.greet(i, static_cast<std::int64_t>(i + 2));
  auto const look = [&](std::size_t gives_way, std::int64_t counted) {
    bench.loop.advance(61s);
    CHECK(bench.dialer.wires[gives_way]->closing);
    CHECK(bench.dialer.wires[gives_way]->close_code == 1000);
    auto const probe = bench.dialer.wires.size();
    bench.end(gives_way);
    bench.loop.advance(2s);
    REQUIRE(bench.dialer.wires.size() == probe + 1);
    bench.greet(probe, counted);
    bench.loop.advance(6s);
    CHECK(bench.dialer.wires.size() == probe + 1);  // no eleventh
    bench.end(probe);
    bench.loop.advance(1ms);
    REQUIRE(bench.dialer.wires.size() == probe + 2);
    bench.greet(probe + 1, counted);
    CHECK(bench.adapter->counters().connected == 10);
    return probe + 1;
  };
  auto const back = look(0, 11);
  CHECK(bench.adapter->counters().foreign == 1);
  auto const next = look(back == 0 ? 1 : back, 10);
  CHECK(bench.adapter->counters().foreign == 1);
  look(next, 10);
  CHECK(bench.adapter->counters().foreign == 0);
}

TEST_CASE("slack sockets: a look that finds no room for the moment comes later") {
  Bench bench(9);
  bench.start();
  for (std::size_t i = 0; i < 9; ++i) bench.greet(i, static_cast<std::int64_t>(i + 2));
  bench.loop.advance(59s);
  bench.receive(0, frames::disconnect("refresh_requested"));
  REQUIRE(bench.dialer.wires.size() == 10);
  bench.open(9);
  bench.loop.advance(2s);
  CHECK(bench.dialer.wires.size() == 10);
  bench.greet(9, 10);
  bench.loop.advance(6s);
  bench.end(0);
  bench.loop.advance(60s);
  CHECK(bench.dialer.wires.size() == 11);
}

TEST_CASE("slack sockets: the alarm ends when two looks in a row count ours alone, and nothing of ours broke") {
  Bench bench(2);
  bench.start();
  bench.greet(0, 2);
  bench.greet(1, 3);
  auto const look = [&](std::int64_t counted) {
    auto const probe = bench.dialer.wires.size();
    bench.loop.advance(61s);
    REQUIRE(bench.dialer.wires.size() == probe + 1);
    bench.greet(probe, counted);
    bench.loop.advance(6s);
    bench.end(probe);
  };
  auto const foreign = [&] { return bench.adapter->counters().foreign == 1; };
  look(4);
  REQUIRE(foreign());
  SECTION("two looks") {
    look(3);
    CHECK(foreign());
    look(3);
    CHECK_FALSE(foreign());
  }
  SECTION("a look that sees it again begins anew") {
    look(3);
    look(4);
    look(3);
    CHECK(foreign());
    look(3);
    CHECK_FALSE(foreign());
  }
  SECTION("another connection's hello ends nothing: one of ours may be half open, and Slack has dropped it already") {
    bench.receive(0, frames::disconnect("refresh_requested"));
    auto const fresh = bench.dialer.wires.size() - 1;
    bench.greet(fresh, 3);  // the stranger, the fresh one and one of the two
    CHECK(foreign());
  }
  SECTION("so may one at the first look: it has broken by the second, and then its end counts") {
    look(3);
    bench.broken(0);
    bench.loop.advance(1ms);
    bench.greet(bench.dialer.wires.size() - 1, 3);
    for (int looks = 0; looks < 8; ++looks) {
      look(3);
      CHECK(foreign());
    }
    for (int looks = 0; looks < 3; ++looks) look(3);  // ten minutes later
    CHECK_FALSE(foreign());
  }
}

TEST_CASE("slack sockets: connections of ours that broke are not taken for a stranger's") {
  Bench bench(1);
  bench.connected();
  bench.broken(0);
  bench.loop.advance(1ms);
  bench.greet(1, 2);  // Slack hasn't noticed the first one's end
  bench.loop.advance(300s);
  CHECK(bench.dialer.wires.size() == 2);
  CHECK(bench.adapter->counters().foreign == 0);
}

TEST_CASE("slack sockets: refused frames are logged and nothing else") {
  Bench bench(1);
  bench.connected();
  bench.receive(0, std::string("{\"type\":"));
  bench.dialer.wires[0]->handler.on_message("{}", true);
  CHECK(bench.adapter->counters().refused_frames == 2);
  CHECK(bench.adapter->counters().connected == 1);
  CHECK(bench.sent(0).empty());
}

TEST_CASE("slack sockets: after stop nothing happens any more") {
  Bench bench(2);
  bench.connected();
  auto const calls = bench.http.seen.size();
  bench.adapter->stop();
  CHECK(bench.dialer.wires[0]->destroyed);
  bench.loop.advance(7200s);
  CHECK(bench.http.seen.size() == calls);
  CHECK(bench.sink.states.size() == 1);
}
