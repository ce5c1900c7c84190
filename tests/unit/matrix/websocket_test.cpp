#include <algorithm>

#include "adapters/matrix/websocket_source.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

std::string const kBob = "@bob:example.org", kCarol = "@carol:example.org";
auto const kWebSocket = matrix::Transport::websocket;

net::WebSocketEnd closed(std::uint16_t code, std::string reason = {}) {
  net::WebSocketEnd end;
  end.close_code = code;
  end.close_reason = std::move(reason);
  return end;
}

void end(Bench& bench, net::WebSocketEnd how) {
  bench.wire().handler.on_close(std::move(how));
  bench.loop.run_posted();
}

std::vector<Json> acks(Bench& bench) {
  std::vector<Json> found;
  for (auto const& frame : bench.wire().sent) {
    if (frame["command"].text() == "response") found.push_back(frame);
  }
  return found;
}

// Time passes, and the proxy answers pings.
void stay(Bench& bench, core::Duration time) {
  for (; time > 0s; time -= 5s) {
    bench.loop.advance(std::min<core::Duration>(time, 5s));
    auto const& sent = bench.wire().sent;
    if (std::ranges::any_of(sent, [](Json const& frame) { return frame["command"].text() == "ping"; })) bench.pong();
  }
}

// The newest event of a room as one transaction.
void tell(Bench& bench, std::string const& txn, std::string const& room) {
  auto said = bench.hs.rooms[room].timeline.back();
  bench.receive(core::dump(Json::object({{"status", "ok"},
                                         {"id", 7},
                                         {"command", "transaction"},
                                         {"txn_id", txn},
                                         {"events", Json::array({said.set("room_id", room)})}})));
}

void command(Bench& bench, std::string const& words, std::string const& room) {
  bench.hs.say(kBob, "m.room.message", Json::object({{"msgtype", "m.text"}, {"body", "!countersign run " + words}}),
               room);
}

std::vector<std::string> heard(Bench const& bench) {
  std::vector<std::string> words;
  for (auto const& one : bench.engine.commands) words.push_back(one.words.at(1));
  return words;
}

}  // namespace

TEST_CASE("matrix websocket: dials as fi.mau.as_sync wants it") {
  Bench bench(kWebSocket);
  bench.start();
  CHECK(bench.wire().url == "wss://hs.example.org/proxy/_matrix/client/unstable/fi.mau.as_sync");
  auto const& headers = bench.wire().options.headers;
  CHECK(net::find_header(headers, "authorization") == "Bearer secret-token");
  CHECK(net::find_header(headers, "X-Mautrix-Websocket-Version") == "3");
  CHECK(net::find_header(headers, "X-Mautrix-Process-ID"));
  CHECK_FALSE(net::find_header(headers, "Origin"));
  CHECK(bench.wire().options.max_message_bytes == 50u << 20);
  CHECK_FALSE(bench.engine.connected());  // before the hello nothing can arrive
  auto const hello =
      GENERATE(as<std::string>(), R"({"status":"connected"})", R"({"command":"connect","status":"connected"})");
  bench.open();
  bench.receive(hello);
  CHECK(bench.engine.connected());
  CHECK(matrix::as_sync_url("ws://127.0.0.1:29331") == "ws://127.0.0.1:29331/_matrix/client/unstable/fi.mau.as_sync");
  CHECK(bench.hs.calls("/sync").empty());
}

TEST_CASE("matrix websocket: the same events to the same handler, acknowledged when they are answered") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.engine.at_once.reset();
  auto const reaction = bench.hs.react(kBob, event);
  bench.transact("1", 1, 7);
  REQUIRE(bench.engine.votes.size() == 1);
  CHECK(bench.engine.votes[0].delivery == reaction);
  CHECK(bench.engine.votes[0].foreign.empty());
  CHECK(acks(bench).empty());
  bench.transact("1", 1, 8);  // the proxy grew impatient
  CHECK(bench.engine.votes.size() == 1);
  bench.engine.answers[0]({ports::Answer::State::recorded, ""});
  bench.loop.run_posted();
  REQUIRE(acks(bench).size() == 2);
  CHECK(acks(bench)[0] == core::parse_json(R"({"id":7,"command":"response","data":{"txn_id":"1"}})").value());
  CHECK(acks(bench)[1]["id"] == Json(8));
  bench.transact("1", 1, 9);  // after the answer too
  CHECK(acks(bench).size() == 3);
  bench.hs.react(kCarol, event);
  bench.transact("2", 1);  // wsproxy wants no acknowledgement
  CHECK(bench.engine.votes.size() == 2);
  CHECK(acks(bench).size() == 3);
}

TEST_CASE("matrix websocket: T12 replayed frames, in any order, are one click each") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.react(kBob, event);
  for (int i = 0; i < 1000; ++i) bench.transact(std::to_string(i % 7), 1 + static_cast<std::size_t>(i % 3));
  CHECK(bench.engine.votes.size() == 1);
  bench.restart();
  bench.transact("1", 1);
  CHECK(bench.engine.votes.size() == 1);
}

TEST_CASE("matrix websocket: what was lost in a broken link is read back after the next hello") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const talk = GENERATE(0, 350);
  for (int i = 0; i < talk; ++i) bench.hs.text("@eve:example.org", "chatter");
  auto const lost = bench.hs.react(kBob, event);  // the proxy said that all is well, and nobody was there
  end(bench, {net::make_error(net::Errc::closed, "The connection broke.")});
  CHECK_FALSE(bench.engine.connected());
  bench.loop.advance(5s);
  REQUIRE(bench.proxy.wires.size() == 2);
  // What comes while it reads back waits its turn.
  bench.open();
  bench.wire().handler.on_message(R"({"status":"connected"})", false);
  auto const later = bench.hs.react(kCarol, event);
  bench.transact("5", 1);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.votes.size() == 2);
  CHECK(bench.engine.votes[0].delivery == lost);
  CHECK(bench.engine.votes[1].delivery == later);
  CHECK(bench.engine.connected());
}

TEST_CASE("matrix websocket: a room that can't be read back holds no other up, and loses nothing") {
  Bench bench(kWebSocket);
  std::string const broken = "!aaa:example.org";
  bench.settings.channels = {broken, kRoom};
  bench.make_room(broken);
  for (auto const* user : {kBot, kBob.c_str()}) bench.hs.join(user, broken);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.adapter.reset();
  bool const slow = GENERATE(false, true);
  auto const fails = [&] {
    for (int i = 0; i < 30; ++i)
      bench.hs.fault(broken + "/messages", net::HttpResponse{502, {}, ""}, false, slow ? core::Duration(30s) : 0s);
  };
  fails();
  bench.connected();
  auto const dials = bench.proxy.wires.size();
  stay(bench, 90s);  // it was tried and given up
  bench.hs.react(kBob, event);
  tell(bench, "1", kRoom);
  stay(bench, 5s);
  CHECK(bench.engine.votes.size() == 1);
  bench.hs.say(kBob, "m.room.message", Json::object({{"msgtype", "m.text"}, {"body", "!countersign list"}}), broken);
  tell(bench, "2", broken);
  stay(bench, 5s);
  CHECK(bench.engine.commands.empty());
  bench.hs.faults.clear();
  stay(bench, 1min);
  CHECK(bench.proxy.wires.size() == dials);
  REQUIRE(bench.engine.commands.size() == 1);
  CHECK(bench.engine.votes.size() == 1);
}

TEST_CASE("matrix websocket: what comes while a slow room is read counts once, whatever another room does") {
  Bench bench(kWebSocket);
  std::string const broken = "!aaa:example.org";
  bench.settings.channels = {broken, kRoom};
  bench.make_room(broken);
  bench.hs.join(kBot, broken);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  end(bench, closed(1001));
  for (int i = 0; i < 100; ++i) bench.hs.fault(broken + "/messages", net::HttpResponse{502, {}, ""});
  for (int i = 0; i < 2; ++i) bench.hs.fault(std::string(kRoom) + "/messages", net::HttpResponse{502, {}, ""});
  for (int i = 0; i < 3; ++i) bench.hs.slow(std::string(kRoom) + "/messages", 20s);
  bench.loop.advance(2s);
  auto const reads = bench.hs.calls(std::string(kRoom) + "/messages").size();
  bench.greet();
  bench.transact("0", 0);  // the homeserver has noticed us
  stay(bench, 20s);        // both failed at once, and are read again since 5 s ago
  REQUIRE(bench.hs.calls(std::string(kRoom) + "/messages").size() == reads + 3);
  bench.hs.react(kBob, event);  // is in no answer that is on its way
  tell(bench, "1", kRoom);
  stay(bench, 10s);  // and another read of both would be due
  CHECK(bench.engine.votes.empty());
  stay(bench, 1min);
  CHECK(bench.engine.votes.size() == 1);
  tell(bench, "1", kRoom);
  stay(bench, 1min);
  CHECK(bench.engine.votes.size() == 1);
}

TEST_CASE("matrix websocket: what comes while a room has to be read a second time waits for that, as it was said") {
  Bench bench(kWebSocket);
  bench.connected();
  end(bench, closed(1001));
  for (int i = 0; i < 2; ++i) bench.hs.slow("/messages", 20s);
  bench.loop.advance(2s);
  bench.greet();
  REQUIRE(bench.hs.faults.size() == 1);  // what is said from here on is in no answer to the first reading
  command(bench, "first", kRoom);
  bench.receive("no json");  // which would have told it: hence the second one
  command(bench, "second", kRoom);
  tell(bench, "1", kRoom);
  stay(bench, 21s);
  REQUIRE(bench.hs.faults.empty());  // the second one is under way
  command(bench, "third", kRoom);
  tell(bench, "2", kRoom);
  CHECK(heard(bench).empty());
  stay(bench, 21s);
  CHECK(heard(bench) == std::vector<std::string>{"first", "second", "third"});
}

TEST_CASE("matrix websocket: in a new room that can't be read at first what is said since the connection acts") {
  Bench bench(kWebSocket);
  command(bench, "old", kRoom);
  // Before the dial, after the hello, and once more.
  for (int i = 0; i < 6; ++i) bench.hs.fault("/messages", net::HttpResponse{502, {}, ""});
  bench.start();
  bench.greet();
  command(bench, "first", kRoom);
  tell(bench, "1", kRoom);  // while it is read
  stay(bench, 10s);
  command(bench, "second", kRoom);
  tell(bench, "2", kRoom);  // between two reads
  stay(bench, 10s);
  CHECK(bench.hs.faults.empty());
  stay(bench, 1min);
  CHECK(heard(bench) == std::vector<std::string>{"first", "second"});
  tell(bench, "2", kRoom);
  stay(bench, 5s);
  CHECK(bench.engine.commands.size() == 2);
}

TEST_CASE("matrix websocket: a room that we are not in keeps nothing else up, and is heard as soon as we are") {
  Bench bench(kWebSocket);
  std::string const other = "!aaa:example.org";
  bench.settings.channels = {other, kRoom};
  bench.make_room(other);
  bench.hs.join(kBob, other);
  bench.start();
  bench.loop.advance(500ms);  // so that it is read half a second after the bot has come in
  bench.greet();
  CHECK(bench.engine.connected());
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.react(kBob, event);
  stay(bench, 20s);  // nobody has noticed us: it is read
  CHECK(bench.engine.votes.size() == 1);
  bench.hs.react(kCarol, event);
  tell(bench, "1", kRoom);
  CHECK(bench.engine.votes.size() == 2);
  command(bench, "old", other);
  bench.hs.rooms[other].invited = true;
  auto const in = [&] { return bench.hs.rooms[other].members.contains(kBot); };
  for (int i = 0; i < 1000 && !in(); ++i) stay(bench, 100ms);
  REQUIRE(in());
  command(bench, "new", other);
  tell(bench, "2", other);
  stay(bench, 1min);
  CHECK(heard(bench) == std::vector<std::string>{"new"});
}

TEST_CASE("matrix websocket: a read that is under way when another process takes our place acts on nothing") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  end(bench, closed(1001));
  bench.hs.react(kBob, event);
  bench.hs.slow("/messages", 20s);
  bench.loop.advance(2s);
  bench.greet();
  bench.hs.react(kCarol, event);
  tell(bench, "1", kRoom);
  bool const replaced = GENERATE(true, false);
  if (replaced) end(bench, closed(4001));
  stay(bench, 1min);
  CHECK(bench.engine.votes.size() == (replaced ? 0u : 2u));
}

TEST_CASE("matrix websocket: also across a restart, from the last handled event") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.react(kBob, event);
  bench.transact("1", 1);
  bench.adapter.reset();
  bench.hs.react(kCarol, event);
  bench.connected();
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.size() == 2);
}

TEST_CASE("matrix websocket: a homeserver that holds back is not waited for") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.react(kBob, event);  // no transaction comes: the homeserver thinks that nobody is there
  bench.loop.advance(20s);
  CHECK(bench.engine.votes.size() == 1);
  auto const reads = bench.hs.calls("/messages").size();
  bench.transact("1", 1);  // it noticed
  bench.loop.advance(5min);
  CHECK(bench.hs.calls("/messages").size() <= reads + 1);
}

TEST_CASE("matrix websocket: at the first start history does not act, and what comes meanwhile does") {
  Bench bench(kWebSocket);
  bench.hs.text(kBob, "!countersign run old");
  bench.start();
  bench.open();
  bench.wire().handler.on_message(R"({"status":"connected"})", false);
  bench.hs.text(kBob, "!countersign run new");
  bench.transact("1", 1);
  bench.loop.advance(1s);
  REQUIRE(bench.engine.commands.size() == 1);
  CHECK(bench.engine.commands[0].words.at(1) == "new");
}

TEST_CASE("matrix websocket: what is said before the hello is read, and told after the room was read back, acts once") {
  Bench bench(kWebSocket);
  bench.hs.text(kBob, "!countersign run old");
  bool const slow = GENERATE(false, true);  // to tell what is in the room
  if (slow) bench.hs.fault("/messages", net::HttpResponse{502, {}, ""}, false, 60s);
  bench.start();
  if (slow) bench.loop.advance(10s);
  bench.open();
  if (!slow) bench.hs.text(kBob, "!countersign run new");
  bench.wire().handler.on_message(R"({"status":"connected"})", false);
  bench.loop.advance(1s);
  if (slow) bench.hs.text(kBob, "!countersign run new");
  bench.transact("1", 1);
  bench.loop.advance(2min);
  REQUIRE(bench.engine.commands.size() == 1);
  CHECK(bench.engine.commands[0].words.at(1) == "new");
}

TEST_CASE("matrix websocket: another process in our place: stop, loudly") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const how = GENERATE(0, 1, 2);
  end(bench, how == 0   ? closed(4001, R"({"command":"disconnect","status":"conn_replaced"})")
             : how == 1 ? closed(4001)
                        : closed(1000, R"({"status":"conn_replaced"})"));
  bench.loop.advance(1h);
  CHECK(bench.proxy.wires.size() == 1);
  CHECK_FALSE(bench.engine.connected());
  CHECK_THAT(bench.engine.states.back().second, Catch::Contains("Another process"));
  CHECK(bench.log.has("matrix proxy connection was replaced"));
}

TEST_CASE("matrix websocket: every other end is followed by a new try, slower and slower") {
  Bench bench(kWebSocket);
  bench.random = ~std::uint64_t{0};
  bench.connected();
  end(bench, closed(GENERATE(as<std::uint16_t>(), 1001, 1012, 4002, 1006, 0), "no json"));
  std::vector<core::Duration> pauses;
  for (int i = 0; i < 10; ++i) {
    auto const from = bench.loop.now();
    auto const before = bench.proxy.wires.size();
    while (bench.proxy.wires.size() == before) REQUIRE(bench.loop.advance_to_next());
    pauses.push_back(bench.loop.now() - from);
    net::WebSocketEnd refused{net::make_error(net::Errc::refused, "The proxy refused.")};
    refused.http_status = 403;
    end(bench, refused);
  }
  CHECK(pauses.front() <= 4s);
  CHECK(pauses.back() <= 120s);
  CHECK(pauses.back() > 10s);
  CHECK_THAT(bench.engine.states.back().second, Catch::Contains("as_token"));
}

TEST_CASE("matrix websocket: F18 silence is noticed by pings of our own, within 30 s") {
  Bench bench(kWebSocket);
  bench.connected();
  bench.loop.advance(15s);
  REQUIRE_FALSE(bench.wire().sent.empty());
  auto const ping = bench.wire().sent.back();
  CHECK(ping["command"].text() == "ping");
  CHECK(ping["data"]["timestamp"].is_int());
  SECTION("answered") {
    auto const how = GENERATE(as<std::string>(), "response", "error");
    for (int i = 0; i < 5; ++i) {
      bench.pong(how);
      bench.loop.advance(15s);
    }
    CHECK(bench.proxy.wires.size() == 1);
    CHECK(bench.engine.connected());
  }
  SECTION("not answered") {
    bench.receive(R"({"id":77,"command":"response"})");
    bench.loop.advance(14s);  // 30 s after the hello, the last that was heard
    CHECK(bench.proxy.wires[0]->destroyed);
    CHECK(bench.proxy.wires.size() == 2);
    bench.loop.advance(25s);  // nor does a hello come: once more
    CHECK(bench.proxy.wires.size() >= 3);
  }
}

TEST_CASE("matrix websocket: commands that it does not know are answered only where an answer is wanted") {
  Bench bench(kWebSocket);
  bench.connected();
  bench.receive(R"({"id":3,"command":"http_proxy","data":{"method":"GET","path":"/"}})");
  bench.receive(R"({"command":"syncproxy_error","data":{}})");
  bench.receive(R"({"id":0,"command":"ping"})");
  REQUIRE(bench.wire().sent.size() == 1);
  CHECK(bench.wire().sent[0]["command"].text() == "error");
  CHECK(bench.wire().sent[0]["id"] == Json(3));
}

TEST_CASE("matrix websocket: a frame that can't be read is not taken, and its room is read back") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.transact("1", 1);
  bench.hs.react(kBob, event);
  auto const frame =
      GENERATE(as<std::string>(), "no json", R"({"events":[]})", R"([1])", R"({"txn_id":"9","events":{}})",
               R"({"id":-1,"txn_id":"9","events":[]})", R"({"txn_id":"9","events":[],"txn_id":"8"})");
  bench.receive(frame);
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.size() == 1);
  CHECK(bench.adapter->counters().refused_events == 1);
  CHECK(bench.proxy.wires.size() == 1);
}

TEST_CASE("matrix websocket: T63 more than is kept of a room that is being read is read back") {
  Bench bench(kWebSocket);
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.transact("0", 1);
  end(bench, closed(1001));
  bench.hs.slow("/messages", 20s);
  bench.loop.advance(2s);
  bench.greet();
  for (int i = 1; i <= 1000; ++i) {
    bench.hs.text("@eve:example.org", "chatter");
    bench.transact(std::to_string(i), 1);
  }
  auto const taken = bench.adapter->counters().events;
  bench.hs.react(kBob, event);
  bench.transact("1001", 1);  // one too many
  CHECK(bench.adapter->counters().events == taken);
  CHECK(bench.engine.votes.empty());
  stay(bench, 1min);
  CHECK(bench.engine.votes.size() == 1);
  CHECK(bench.adapter->counters().events == taken + 1001);
  CHECK(bench.proxy.wires.size() == 2);
}

TEST_CASE("matrix websocket: an application service that speaks for another user says so in every call") {
  Bench bench(kWebSocket);
  bench.hs.fault("account/whoami", net::HttpResponse{200, {}, R"({"user_id":"@service:example.org"})"});
  bench.connected();
  auto const calls = bench.hs.calls("/rooms/");
  REQUIRE_FALSE(calls.empty());
  for (auto const& call : calls) CHECK(call.query.at("user_id") == kBot);
  CHECK(bench.engine.connected());
}
