#include "adapters/playground/teams_sas.hpp"
#include "tests/unit/playground/teams_fixture.hpp"

using core::Json;
using Bot = support::TinyTeamsBot;

namespace {

struct Relay : TeamsFixture {
  using TeamsFixture::TeamsFixture;

  net::Headers json{{"Content-Type", "application/json"}};
  Bot::Reply knock(std::string const& body = "{}", std::string const& path = "api/messages") {
    return bot.call_now("POST", teams.public_url() + path, json, body);
  }
};

playground::TeamsOptions with(std::function<void(playground::TeamsOptions&)> const& change) {
  auto options = quick_teams();
  change(options);
  return options;
}

}  // namespace

TEST_CASE("Relay: signatures are checked as Azure makes them") {
  playground::TeamsWorld world;
  world.listen_key = "c2FtcGxlLWtleS1mb3ItdGVzdHM=";
  core::Time const then{std::chrono::seconds(1'763'990'000)};
  auto const sr = std::string("http%3A%2F%2Fcontoso.servicebus.windows.net%2Fapprovals");
  auto const token = [&](std::string const& resource, std::string const& signature) {
    return "SharedAccessSignature sr=" + resource + "&sig=" + net::percent_encode(signature) +
           "&se=1764000000&skn=listen";
  };
  auto const check = [&](std::string const& text, char const* host = "contoso.servicebus.windows.net") {
    return playground::check_sas(text, host, world, playground::SasRight::listen, then).status;
  };
  // Computed with another program; with and without the last slash.
  CHECK(check(token(sr, "StRoWLWLURy5RMXNJzKATwppsC4fkGGtvAIEp9HKk84=")) == 0);
  CHECK(check(token(sr + "%2F", "30mAAuBmXHf8y2TTBHXhhPNB8I7OanzAg9mFpJFm3oc=")) == 0);
  CHECK(check(token(sr, "30mAAuBmXHf8y2TTBHXhhPNB8I7OanzAg9mFpJFm3oc=")) == 401);
  CHECK(check(token(sr, "StRoWLWLURy5RMXNJzKATwppsC4fkGGtvAIEp9HKk84="), "other.example") == 401);
  CHECK(check(Bot::sas("http://contoso.servicebus.windows.net/", "listen", world.listen_key, 1'764'000'000)) == 0);
  CHECK(check(Bot::sas("http://contoso.servicebus.windows.net/appr", "listen", world.listen_key, 1'764'000'000)) ==
        401);
  CHECK(check(Bot::sas("https://contoso.servicebus.windows.net/approvals", "listen", world.listen_key,
                       1'764'000'000)) == 401);
  CHECK(check(Bot::sas("http://contoso.servicebus.windows.net/approvals", "listen", world.listen_key, 1'763'980'000)) ==
        401);
  CHECK(check(Bot::sas("http://contoso.servicebus.windows.net/approvals", "send", world.send_key, 1'764'000'000)) ==
        403);
  CHECK(check("") == 401);
  CHECK(check("Bearer eyJ") == 401);
}

TEST_CASE_METHOD(Relay, "Relay: a bad listener is refused with a tracking id") {
  auto& stale = bot.listen(bot.token(-10));
  auto& none = bot.listen(std::string());
  auto& sender = bot.listen(Bot::sas("http://127.0.0.1/approvals", teams.world().send_key_name, teams.world().send_key,
                                     Bot::seconds_from_now(60)));
  auto& elsewhere = bot.listen(bot.token(), "nowhere");
  REQUIRE(until([&] { return stale.closed && none.closed && sender.closed && elsewhere.closed; }));
  CHECK(stale.end.http_status == 401);
  CHECK(none.end.http_status == 401);
  CHECK(sender.end.http_status == 403);
  CHECK(elsewhere.end.http_status == 404);
  CHECK(knock().status == 502);
}

TEST_CASE_METHOD(Relay, "Relay: a small request goes over the control channel and comes back") {
  REQUIRE(bot.listen_now());
  bot.on_request = [](Bot::Request const& request) { return Bot::Answer{201, "text/plain", "got " + request.body}; };
  json.emplace_back("Authorization", "Bearer a");
  json.emplace_back("X-Said-Twice", "a");
  json.emplace_back("x-said-twice", "b");
  json.emplace_back("ServiceBusAuthorization", "SharedAccessSignature sr=x");
  json.emplace_back("TE", "trailers");
  auto const reply = knock("{\"a\":1}", "api/messages?x=1&sb-hc-token=secret&y=%2B");
  CHECK(reply.status == 201);
  CHECK(reply.body.text() == "got {\"a\":1}");
  REQUIRE(bot.requests.size() == 1);
  auto const& head = bot.requests[0].head;
  CHECK(head["requestTarget"].text() == "/approvals/api/messages?x=1&y=%2B");
  CHECK(head["method"].text() == "POST");
  CHECK(head["body"].boolean());
  auto const& headers = head["requestHeaders"];
  CHECK(headers["Authorization"].text() == "Bearer a");
  CHECK(headers["X-Said-Twice"].text() == "a, b");  // whatever the case of its name
  CHECK(headers["Host"].text() == "127.0.0.1:" + std::to_string(teams.port()));
  CHECK(headers["Content-Length"].is_null());
  CHECK(headers["ServiceBusAuthorization"].is_null());
  CHECK(headers["TE"].is_null());
  CHECK(teams.findings().empty());
}

TEST_CASE_METHOD(Relay, "Relay: bodies survive every way of cutting them into frames") {
  REQUIRE(bot.listen_now());
  bot.on_request = [](Bot::Request const& request) { return Bot::Answer{200, "text/plain", request.body}; };
  for (int i = 0; i < 20; ++i) {
    std::string body(static_cast<std::size_t>(i) * 997 + 1, static_cast<char>('a' + i));
    CHECK(knock(body).body.text() == body);
  }
}

TEST_CASE_METHOD(Relay, "Relay: a large request takes a rendezvous, and so does its answer") {
  REQUIRE(bot.listen_now());
  std::string const large(200'000, 'x');
  bot.on_request = [](Bot::Request const& request) {
    return Bot::Answer{200, "text/plain", std::to_string(request.body.size())};
  };
  CHECK(knock(large).body.integer() == 200'000);
  REQUIRE(bot.rendezvous.size() == 1);
  CHECK(teams.findings().empty());
  // Answered over the control channel it breaks the protocol.
  bot.on_request = [&](Bot::Request const& request) {
    bot.send_response(*bot.listeners.front().ws, request.head, {200, "text/plain", "x"});
    return Bot::Answer{0, {}, {}};
  };
  CHECK(knock(large).status == 502);
  REQUIRE(until([&] { return bot.listeners.front().closed; }));
  CHECK(bot.listeners.front().end.close_code == 1011);
  CHECK(teams.findings().size() == 1);
}

TEST_CASE_METHOD(Relay, "Relay: a small request may be answered on its rendezvous, with a large body too") {
  REQUIRE(bot.listen_now());
  bot.body_on_rendezvous = true;
  std::string const large(150'000, 'y');
  bot.on_request = [&](Bot::Request const&) { return Bot::Answer{200, "text/plain", large}; };
  CHECK(knock().body.text() == large);
  auto const address = bot.requests[0].head["address"].text();
  bot.body_on_rendezvous = false;
  auto& again = bot.rendezvous.emplace_back();
  net::WebSocketHandler handler;
  handler.on_close = [&](net::WebSocketEnd end) {
    again.closed = true;
    again.end = std::move(end);
  };
  auto dialer = net::make_websocket_dialer(io);
  again.ws = dialer->dial(address, {}, std::move(handler));
  REQUIRE(until([&] { return again.closed; }));
  CHECK(again.end.http_status == 400);  // single use
}

TEST_CASE("Relay: a kept rendezvous gets the next request") {
  Relay f(with([](auto& o) { o.reuse_rendezvous = true; }));
  REQUIRE(f.bot.listen_now());
  f.bot.on_request = [](Bot::Request const& request) { return Bot::Answer{200, "text/plain", request.body}; };
  std::string const large(100'000, 'z');
  CHECK(f.knock(large).body.text() == large);
  CHECK(f.knock("next").body.text() == "next");
  CHECK(f.bot.rendezvous.size() == 1);
  CHECK(f.bot.requests[1].head["address"].is_null());
  CHECK(f.teams.findings().empty());
}

TEST_CASE_METHOD(Relay, "Relay: a message between a response and its body ends the channel with a finding") {
  REQUIRE(bot.listen_now());
  bot.on_request = [&](Bot::Request const& request) {
    auto& ws = *bot.listeners.front().ws;
    ws.send(core::dump(Json::object({{"response", Json::object({{"requestId", request.head["id"]},
                                                                {"statusCode", 200},
                                                                {"responseHeaders", Json(Json::Object{})},
                                                                {"body", true}})}})));
    ws.send(core::dump(Json::object({{"renewToken", Json::object({{"token", bot.token()}})}})));
    ws.send_binary("late");
    return Bot::Answer{0, {}, {}};
  };
  CHECK(knock().status == 502);
  REQUIRE(until([&] { return bot.listeners.front().closed; }));
  CHECK(bot.listeners.front().end.close_code == 1011);
  REQUIRE(teams.findings().size() == 1);
  CHECK(teams.findings()[0].find("between a response and its body") != std::string::npos);
}

TEST_CASE_METHOD(Relay, "Relay: what a response may not say is found") {
  auto const head =
      GENERATE(as<std::string>{}, R"("statusCode": 502)", R"("statusCode": 504)", R"("statusCode": "abc")",
               R"("statusCode": 200, "responseHeaders": {"Content-Length": "3"})",
               R"("statusCode": 200, "responseHeaders": {"X": 1})");
  CAPTURE(head);
  REQUIRE(bot.listen_now());
  bot.on_request = [&](Bot::Request const& request) {
    bot.listeners.front().ws->send(R"({"response": {"requestId": ")" + request.head["id"].text() +
                                   R"(", "body": false, )" + head + "}}");
    return Bot::Answer{0, {}, {}};
  };
  auto const status = knock().status;
  CHECK(status == (head.find("responseHeaders") == std::string::npos ? 502u : 200u));
  CHECK(teams.findings().size() == 1);
  CHECK(bot.listeners.front().open);
}

TEST_CASE_METHOD(Relay, "Relay: a status as text is taken, and answers come in any order") {
  REQUIRE(bot.listen_now());
  std::vector<Json> waiting;
  bot.on_request = [&](Bot::Request const& request) {
    waiting.push_back(request.head);
    return Bot::Answer{0, {}, {}};
  };
  std::vector<std::string> got(3);
  int done = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    bot.call("POST", teams.public_url() + std::to_string(i), json, "{}", [&, i](Bot::Reply reply) {
      got[i] = reply.body.text();
      ++done;
    });
  }
  REQUIRE(until([&] { return waiting.size() == 3; }));
  for (std::size_t i = 3; i-- > 0;) {
    auto& ws = *bot.listeners.front().ws;
    ws.send(R"({"response": {"requestId": ")" + waiting[i]["id"].text() + R"(", "statusCode": "200", "body": true}})");
    ws.send_binary("for " + waiting[i]["requestTarget"].text());
  }
  REQUIRE(until([&] { return done == 3; }));
  for (std::size_t i = 0; i < 3; ++i) CHECK(got[i] == "for /approvals/" + std::to_string(i));
  CHECK(teams.findings().empty());
}

TEST_CASE("Relay: no answer in time is 504, and the late one is nobody's") {
  Relay f(with([](auto& o) { o.relay_answer_limit = net::Duration{50}; }));
  REQUIRE(f.bot.listen_now());
  f.bot.on_request = [](auto const&) { return Bot::Answer{0, {}, {}}; };
  CHECK(f.knock().status == 504);
  f.bot.send_response(*f.bot.listeners.front().ws, f.bot.requests[0].head, {200, "text/plain", "late"});
  f.bot.on_request = {};
  CHECK(f.knock().status == 200);  // the late body was read and dropped
  CHECK(f.teams.findings().empty());
}

TEST_CASE("Relay: at most so many listeners, and each gets some") {
  Relay f(with([](auto& o) { o.max_listeners = 3; }));
  REQUIRE(f.bot.listen_now(3));
  auto& fourth = f.bot.listen();
  REQUIRE(f.until([&] { return fourth.closed; }));
  CHECK(fourth.end.http_status == 403);
  for (int i = 0; i < 30; ++i) CHECK(f.knock().status == 200);
  for (auto const& one : f.teams.listeners()) CHECK(one.requests > 2);
  f.teams.choose_listener(f.teams.listeners()[1].id);
  auto const before = f.teams.listeners()[1].requests;
  for (int i = 0; i < 5; ++i) CHECK(f.knock().status == 200);
  CHECK(f.teams.listeners()[1].requests == before + 5);
}

TEST_CASE_METHOD(Relay, "Relay: a token ends, and a renewed one doesn't, and a bad renewal closes") {
  auto& one = bot.listen(bot.token(2));
  auto& other = bot.listen(bot.token(2));
  REQUIRE(until([&] { return one.open && other.open; }));
  one.ws->send(core::dump(Json::object({{"renewToken", Json::object({{"token", bot.token()}})}})));
  REQUIRE(until([&] { return other.closed; }));
  CHECK(other.end.close_code == 1008);
  CHECK(one.open);
  one.ws->send(core::dump(Json::object({{"renewToken", Json::object({{"token", bot.token(-5)}})}})));
  REQUIRE(until([&] { return one.closed; }));
  CHECK(one.end.close_code == 1008);
  CHECK(teams.findings().size() == 1);
}

TEST_CASE_METHOD(Relay, "Relay: a PING ends the control channel, a PONG doesn't") {
  bot.options.keep_alive = net::KeepAlive::pong;
  bot.options.idle_limit = net::Duration{60};
  auto& calm = bot.listen();
  bot.options.keep_alive = net::KeepAlive::ping;
  auto& eager = bot.listen();
  REQUIRE(until([&] { return eager.closed; }));
  CHECK(eager.end.close_code == 0);  // dropped, without a word
  CHECK(calm.open);
  REQUIRE(until([&] { return !teams.findings().empty(); }));
  CHECK(teams.findings()[0].find("PING") != std::string::npos);
}

TEST_CASE("Relay: a silent control channel dies, one with pongs lives") {
  Relay f(with([](auto& o) { o.relay_idle_limit = net::Duration{300}; }));
  f.bot.options.keep_alive = net::KeepAlive::pong;
  f.bot.options.idle_limit = net::Duration{150};
  auto& calm = f.bot.listen();
  f.bot.options.keep_alive = net::KeepAlive::none;
  auto& mute = f.bot.listen();
  REQUIRE(f.until([&] { return mute.closed; }));
  CHECK(calm.open);
}

TEST_CASE_METHOD(Relay, "Relay: closes, resets and silence, as networks and operators do them") {
  REQUIRE(bot.listen_now(3));
  auto one = bot.listeners.begin();
  teams.close_listener(teams.listeners()[0].id, 1001, "The hybrid connection was deleted.");
  REQUIRE(until([&] { return one->closed; }));
  CHECK(one->end.close_code == 1001);
  REQUIRE(until([&] { return teams.listeners().size() == 2; }));
  ++one;
  teams.kill_listener(teams.listeners()[0].id);
  REQUIRE(until([&] { return one->closed; }));
  CHECK(one->end.close_code == 0);
  REQUIRE(until([&] { return teams.listeners().size() == 1; }));
  teams.options().relay_answer_limit = net::Duration{100};
  teams.silence_listener(0);
  CHECK(knock().status == 504);  // the relay doesn't know
  CHECK(bot.requests.empty());
  teams.refuse_listeners(1, 503);
  auto& refused = bot.listen();
  REQUIRE(until([&] { return refused.closed; }));
  CHECK(refused.end.http_status == 503);
}

TEST_CASE_METHOD(Relay, "Relay: a listener that goes takes its requests with it") {
  REQUIRE(bot.listen_now());
  bot.on_request = [&](auto const&) {
    teams.kill_listener(0);
    return Bot::Answer{0, {}, {}};
  };
  CHECK(knock().status == 502);
}

TEST_CASE_METHOD(Relay, "Relay: WebSocket senders can be refused") {
  REQUIRE(bot.listen_now());
  teams.send_accept();
  REQUIRE(until([&] { return teams.refused_accepts() == 1; }));
  REQUIRE(until([&] { return bot.rendezvous.front().closed; }));
  CHECK(bot.rendezvous.front().end.http_status == 410);  // by design
}

TEST_CASE("Relay: with client authorization on, Teams' own traffic can't pass") {
  Relay f(with([](auto& o) { o.relay_requires_authorization = true; }));
  REQUIRE(f.bot.listen_now());
  f.json.emplace_back("Authorization", "Bearer eyJ");
  CHECK(f.knock().status == 401);
  f.json.pop_back();
  f.json.emplace_back("Authorization", Bot::sas("http://127.0.0.1/approvals", f.teams.world().send_key_name,
                                                f.teams.world().send_key, Bot::seconds_from_now(60)));
  CHECK(f.knock().status == 200);
  CHECK(f.bot.requests[0].head["requestHeaders"]["Authorization"].is_null());
}

TEST_CASE_METHOD(Relay, "Relay: the control API takes no call from another site") {
  auto const url = teams.origin() + "/control/hold";
  CHECK(bot.call_now("POST", url, {{"Content-Type", "application/json"}}, "{}").status == 200);
  CHECK(bot.call_now("POST", url, {{"Content-Type", "application/json"}, {"Origin", "http://evil.example"}}, "{}")
            .status == 403);
  CHECK(bot.call_now("POST", url, {{"Content-Type", "text/plain"}}, "{}").status == 403);
  CHECK(bot.call_now("GET", url).status == 405);
  CHECK(bot.call_now("GET", teams.origin() + "/control/world").body["app_id"].text() == teams.world().app_id);
}
