// The Matrix stand-in's client-server API. What a real Synapse answers is compared in tests/conformance/matrix; here is
// what only a stand-in can do: faults, restarts, clocks.
#include "tests/unit/playground/matrix_fixture.hpp"

using core::Json;
using playground::MatrixFault;
using playground::MatrixOptions;

TEST_CASE("matrix stand-in: a transaction is one event, also after a restart, until a day has passed") {
  auto now = core::Time{core::Duration{1'800'000'000'000}};
  MatrixOptions options;
  options.now = [&] { return now; };
  MatrixFixture f(std::move(options));
  auto const first = f.post("t1").event();
  REQUIRE_FALSE(first.empty());
  CHECK(f.post("t1", "another body").event() == first);
  f.matrix.restart();
  CHECK(f.post("t1").event() == first);
  now += std::chrono::hours(25);
  CHECK(f.post("t1").event() != first);
}

TEST_CASE("matrix stand-in: an application service without a device has its transactions in memory alone") {
  MatrixFixture f;
  auto send = [&] {
    return f.call("PUT", f.room_path("send/m.room.message/as-1"), f.message("x"), f.matrix.world().as_token).event();
  };
  auto const first = send();
  CHECK(send() == first);
  f.matrix.restart();
  CHECK(send() != first);
}

TEST_CASE("matrix stand-in: a lost reply hides an event that is there") {
  MatrixFixture f;
  auto const before = f.matrix.messages().size();
  f.matrix.add_fault({"send", GENERATE(MatrixFault::Kind::cut_after_done, MatrixFault::Kind::status_after_done)});
  auto const lost = f.post("t1");
  CHECK(lost.status != 200);
  CHECK(f.matrix.messages().size() == before + 1);
  auto const again = f.post("t1");
  CHECK(again.status == 200);
  CHECK(f.matrix.messages().size() == before + 1);
  CHECK(f.matrix.messages().back()["event_id"].text() == again.event());
}

TEST_CASE("matrix stand-in: faults that do nothing leave nothing behind") {
  MatrixFixture f;
  auto const kind =
      GENERATE(MatrixFault::Kind::status, MatrixFault::Kind::html, MatrixFault::Kind::limit, MatrixFault::Kind::cut);
  MatrixFault fault;
  fault.call = "send";
  fault.kind = kind;
  fault.status = 502;
  f.matrix.add_fault(fault);
  CHECK(f.post("t1").status != 200);
  CHECK(f.matrix.messages().empty());
  CHECK(f.post("t2").status == 200);
}

TEST_CASE("matrix stand-in: a body that stalls and an answer that never comes end at the client's limit") {
  MatrixFixture f;
  MatrixFault fault;
  fault.call = "send";
  fault.kind = GENERATE(MatrixFault::Kind::stall, MatrixFault::Kind::hang_after_done);
  f.matrix.add_fault(fault);
  auto const reply =
      f.call("PUT", f.room_path("send/m.room.message/t1"), f.message("x"), f.token("countersign"), net::Duration{200});
  CHECK(reply.status == 0);
  CHECK(f.matrix.messages().size() == 1);
}

TEST_CASE("matrix stand-in: limits say when to come back in the header, in the body, in both or not at all") {
  using Style = MatrixOptions::RetryAfter;
  auto const [style, header, body] = GENERATE(table<Style, bool, bool>({{Style::both, true, true},
                                                                        {Style::header, true, false},
                                                                        {Style::body, false, true},
                                                                        {Style::neither, false, false}}));
  auto now = core::Time{core::Duration{1'800'000'000'000}};
  MatrixOptions options;
  options.now = [&] { return now; };
  options.limit_messages = true;
  options.retry_after = style;
  MatrixFixture f(std::move(options));
  for (int i = 0; i < 10; ++i) REQUIRE(f.post("ok" + std::to_string(i)).status == 200);
  auto const refused = f.post("t1");
  CHECK(refused.status == 429);
  CHECK(refused.code() == "M_LIMIT_EXCEEDED");
  CHECK((refused.body["retry_after_ms"].integer(0) == 5'000) == body);
  CHECK((net::find_header(refused.headers, "Retry-After") == "5") == header);
  CHECK(f.matrix.findings().empty());
  CHECK(f.post("t1").status == 429);  // too early, which is found
  CHECK(f.matrix.findings().size() == 1);
  now += std::chrono::seconds(6);
  CHECK(f.post("t1").status == 200);
}

TEST_CASE("matrix stand-in: tokens that expire ask for a new login on the same device, or for none") {
  MatrixFixture f;
  bool const soft = GENERATE(true, false);
  f.matrix.expire_tokens("countersign", soft);
  auto const reply = f.sync();
  CHECK(reply.status == 401);
  CHECK(reply.code() == "M_UNKNOWN_TOKEN");
  CHECK(reply.body["soft_logout"].boolean() == soft);
}

TEST_CASE("matrix stand-in: a locked account is told so") {
  MatrixFixture f;
  f.matrix.lock("countersign");
  auto const reply = f.sync();
  CHECK(reply.status == 401);
  CHECK(reply.code() == "M_USER_LOCKED");
  CHECK(reply.body["soft_logout"].boolean());
  f.matrix.lock("countersign", false);
  CHECK(f.sync().status == 200);
}

TEST_CASE("matrix stand-in: a long poll wakes for what passes its filter alone") {
  MatrixFixture f;
  auto const since = f.sync().body["next_batch"].text();
  auto const waiting = f.start("GET", f.sync_path(since, 9'000, R"({"room":{"timeline":{"types":["m.reaction"]}}})"),
                               {}, f.token("countersign"));
  f.wait_for_polls(1);
  auto const card = f.matrix.say(f.saying("alice", "not this"));
  REQUIRE(card);
  CHECK(f.sync().status == 200);  // a whole call later it still waits
  CHECK(waiting->status == 0);
  auto const reaction = f.matrix.react("bob", *card, "✅");
  REQUIRE(reaction);
  REQUIRE(f.until([&] { return waiting->status != 0; }));
  CHECK(f.timeline(*waiting)["events"].at_index(0)["event_id"].text() == *reaction);
}

TEST_CASE("matrix stand-in: tokens of a sync outlive a restart, connections don't") {
  MatrixFixture f;
  auto const since = f.sync().body["next_batch"].text();
  auto const waiting = f.start("GET", f.sync_path(since, 9'000), {}, f.token("countersign"));
  f.wait_for_polls(1);
  f.matrix.restart();
  REQUIRE(f.until([&] { return waiting->status != 0; }));
  CHECK(waiting->status == 1);  // no answer
  auto const said = f.matrix.say(f.saying("bob", "while you were away"));
  CHECK(f.timeline(f.sync(since))["events"].at_index(0)["event_id"].text() == *said);
}

TEST_CASE("matrix stand-in: a gap is limited and can be filled without a hole") {
  MatrixFixture f;
  auto const since = f.sync().body["next_batch"].text();
  std::vector<std::string> sent;
  for (int i = 0; i < 25; ++i) sent.push_back(*f.matrix.say(f.saying("alice", std::to_string(i))));
  auto const gap = f.sync(since);
  CHECK(f.timeline(gap)["limited"].boolean());
  auto const before = f.timeline(gap)["prev_batch"].text();
  auto const page = f.call("GET", f.room_path("messages?dir=f&limit=100&from=" + since + "&to=" + before), {},
                           f.token("countersign"));
  std::vector<std::string> seen;
  for (auto const& one : *page.body["chunk"].if_array()) seen.push_back(one["event_id"].text());
  for (auto const& one : *f.timeline(gap)["events"].if_array()) seen.push_back(one["event_id"].text());
  CHECK(seen == sent);
}

TEST_CASE("matrix stand-in: findings name what a real server would suffer from") {
  MatrixFixture f;
  f.call("GET", "/_matrix/client/v3/sync", {}, f.token("countersign"));  // shows the bot as online
  auto const since = f.sync().body["next_batch"].text();
  auto const one = f.start("GET", f.sync_path(since, 9'000), {}, f.token("countersign"));
  f.wait_for_polls(1);
  auto const two = f.start("GET", f.sync_path(since, 9'000), {}, f.token("countersign"));
  f.wait_for_polls(2);
  f.put("countersign", "t1", Json::object({{"msgtype", "m.text"}, {"body", "no m.mentions"}}));
  CHECK(f.matrix.findings().size() == 3);
}

TEST_CASE("matrix stand-in: T41: a page of another site reaches nothing of it") {
  MatrixFixture f;
  auto refused = [&](net::Headers headers, char const* method, std::string const& path) {
    net::HttpRequest request;
    request.method = method;
    request.url = f.matrix.origin() + path;
    request.headers = std::move(headers);
    request.body = std::string_view(method) == "POST" ? "{}" : "";
    unsigned status = 0;
    f.http->request(std::move(request),
                    [&](net::Result<net::HttpResponse> answer) { status = answer ? answer->status : 1; });
    f.until([&] { return status != 0; });
    return status == 403;
  };
  auto const* path = GENERATE("/control/world", "/_matrix/client/versions");
  CHECK(refused({{"Origin", "http://evil.example"}}, "GET", path));
  CHECK(refused({{"Sec-Fetch-Site", "cross-site"}}, "GET", path));
  CHECK_FALSE(refused({}, "GET", path));
  CHECK(refused({{"Content-Type", "text/plain"}}, "POST", "/control/restart"));
}
