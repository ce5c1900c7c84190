// The application service's WebSocket in both dialects.
#include "tests/unit/playground/matrix_fixture.hpp"

using core::Json;
using playground::MatrixOptions;

namespace {

MatrixOptions asmux() {
  MatrixOptions options;
  options.dialect = MatrixOptions::Dialect::asmux;
  options.first_ack = net::Duration{30};
  options.later_acks = net::Duration{30};
  return options;
}

std::string event_of(Json const& frame, std::size_t index = 0) {
  return frame["events"].at_index(index)["event_id"].text();
}

}  // namespace

TEST_CASE("matrix stand-in: wsproxy greets, sends transactions without ids, answers pings") {
  MatrixFixture f;
  auto const socket = f.connect();
  CHECK(socket->frames[0] == Json::object({{"status", "connected"}}));
  auto const said = f.matrix.say(f.saying("bob", "hello"));
  REQUIRE(f.until([&] { return socket->frames.size() == 2; }));
  CHECK(event_of(socket->frames[1]) == *said);
  CHECK(socket->frames[1]["id"].is_null());
  CHECK(socket->frames[1]["command"].is_null());
  socket->ws->send(R"({"id":5,"command":"ping","data":{"timestamp":1}})");
  REQUIRE(f.until([&] { return socket->frames.size() == 3; }));
  CHECK(socket->frames[2]["id"].integer() == 5);
  CHECK(socket->frames[2]["data"]["timestamp"].integer() > 1);
  socket->ws->send(R"({"id":6,"command":"what"})");
  REQUIRE(f.until([&] { return socket->frames.size() == 4; }));
  CHECK(socket->frames[3]["data"]["message"].text() == "unknown command what");
}

TEST_CASE("matrix stand-in: wsproxy loses what it wrote to a dead socket") {
  MatrixFixture f;
  auto const socket = f.connect();
  f.matrix.lose_transactions(1);
  REQUIRE(f.matrix.say(f.saying("bob", "lost")));
  f.settle();
  auto const next = f.matrix.say(f.saying("bob", "next"));
  REQUIRE(f.until([&] { return socket->frames.size() == 2; }));
  CHECK(event_of(socket->frames[1]) == *next);
  CHECK(f.matrix.service_backlog() == 0);
}

TEST_CASE("matrix stand-in: while nobody is connected the homeserver keeps transactions and backs off") {
  MatrixFixture f;
  auto const first = f.matrix.say(f.saying("bob", "first"));
  auto const second = f.matrix.say(f.saying("bob", "second"));
  f.settle();
  auto const socket = f.connect();
  f.settle();
  CHECK(socket->frames.size() == 1);  // its next try is 2 s away
  CHECK(f.matrix.service_backlog() == 2);
  f.matrix.retry_service_now();
  REQUIRE(f.until([&] { return socket->frames.size() == 3; }));
  CHECK(event_of(socket->frames[1]) == *first);
  CHECK(event_of(socket->frames[2]) == *second);
}

TEST_CASE("matrix stand-in: a second connection replaces the first, and says why") {
  MatrixFixture f;
  auto const first = f.connect();
  auto const second = f.connect();
  REQUIRE(f.until([&] { return first->end.has_value(); }));
  CHECK(first->end->close_code == 4001);
  CHECK((*core::parse_json(first->end->close_reason))["status"].text() == "conn_replaced");
  auto const said = f.matrix.say(f.saying("bob", "hello"));
  REQUIRE(f.until([&] { return second->frames.size() == 2; }));
  CHECK(event_of(second->frames[1]) == *said);
}

TEST_CASE("matrix stand-in: asmux sends one transaction again until it is acknowledged") {
  MatrixFixture f(asmux());
  auto const socket = f.connect(3);
  CHECK(socket->frames[0] == Json::object({{"command", "connect"}, {"status", "connected"}}));
  auto const first = f.matrix.say(f.saying("bob", "first"));
  REQUIRE(f.until([&] { return socket->frames.size() >= 3; }));
  CHECK(socket->frames[1]["txn_id"] == socket->frames[2]["txn_id"]);
  CHECK(socket->frames[1]["id"] != socket->frames[2]["id"]);
  auto const second = f.matrix.say(f.saying("bob", "second"));
  f.acknowledge(*socket, socket->frames.back());
  REQUIRE(f.until([&] { return event_of(socket->frames.back()) == *second; }));
  f.acknowledge(*socket, socket->frames.back());
  REQUIRE(f.until([&] { return f.matrix.service_backlog() == 0; }));
}

TEST_CASE("matrix stand-in: asmux closes with 4002 when nothing is acknowledged, and keeps the transaction") {
  MatrixFixture f(asmux());
  auto const socket = f.connect(3);
  auto const said = f.matrix.say(f.saying("bob", "hello"));
  REQUIRE(f.until([&] { return socket->end.has_value(); }));
  CHECK(socket->end->close_code == 4002);
  CHECK(socket->frames.size() == 8);  // the greeting and seven tries
  auto const again = f.connect(3);
  REQUIRE(f.until([&] { return again->frames.size() >= 2; }));
  CHECK(event_of(again->frames[1]) == *said);
}

TEST_CASE("matrix stand-in: asmux has no ids for a client of version 1") {
  MatrixFixture f(asmux());
  auto const socket = f.connect(1);
  REQUIRE(f.matrix.say(f.saying("bob", "hello")));
  REQUIRE(f.until([&] { return socket->frames.size() == 2; }));
  CHECK(socket->frames[1]["id"].is_null());
  CHECK(f.matrix.service_backlog() == 0);
}

TEST_CASE("matrix stand-in: a proxy that shuts down says so, a cut says nothing") {
  MatrixFixture f;
  auto const socket = f.connect();
  f.matrix.close_service(1001, "server_shutting_down");
  REQUIRE(f.until([&] { return socket->end.has_value(); }));
  CHECK(socket->end->close_code == 1001);
  auto const other = f.connect();
  f.matrix.cut_sockets();
  REQUIRE(f.until([&] { return other->end.has_value(); }));
  CHECK(other->end->close_code == 0);
  CHECK(f.connect()->frames.size() == 1);
}
