#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

struct WithPassword : Bench {
  WithPassword() {
    settings.access_token.clear();
    settings.password = "correct horse";
  }
};

Homeserver::Answer unknown_token(bool soft = false) {
  return Homeserver::refusal(401, "M_UNKNOWN_TOKEN", Json::object({{"soft_logout", soft}}));
}

}  // namespace

TEST_CASE("matrix session: logs in once, as one device, and never again while the token is good") {
  WithPassword bench;
  bench.connected();
  auto const logins = bench.hs.calls("POST /_matrix/client/v3/login");
  REQUIRE(logins.size() == 1);
  CHECK(logins[0].body["type"].text() == "m.login.password");
  CHECK(logins[0].body["device_id"].text() == "COUNTERSIGN");
  CHECK(logins[0].body["identifier"]["user"].text() == kBot);
  CHECK(logins[0].body["refresh_token"].is_null());
  CHECK(logins[0].authorization.empty());
  CHECK(bench.engine.connected());
  for (int i = 0; i < 3; ++i) bench.restart();
  CHECK(bench.hs.logins == 1);
  CHECK(bench.engine.connected());
  CHECK_THAT(bench.log_text(), !Catch::Contains("correct horse") && !Catch::Contains("made-1"));
}

TEST_CASE("matrix session: a token that is refused is made anew, with the same device, and nothing is lost") {
  WithPassword bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  bench.loop.advance(2min);
  bench.hs.token = "revoked on the server";
  bool const soft = GENERATE(true, false);
  bench.hs.fault("/sync", unknown_token(soft));
  bench.hs.react("@bob:example.org", event);
  bench.loop.advance(2min);
  CHECK(bench.hs.logins == 2);
  CHECK(bench.hs.calls("/login").back().body["device_id"].text() == "COUNTERSIGN");
  CHECK(bench.engine.votes.size() == 1);
  CHECK(bench.engine.connected());
}

TEST_CASE("matrix session: many refused calls make one login, and a server that refuses its own tokens no loop") {
  WithPassword bench;
  bench.connected();
  bench.loop.advance(2min);
  bench.hs.token = "revoked";
  for (int i = 0; i < 5; ++i) bench.adapter->whisper({"matrix", "@bob:example.org"}, kRoom, "words");
  bench.loop.advance(5s);
  CHECK(bench.hs.logins == 2);
  CHECK(bench.hs.sent().size() == 5);
  for (int i = 0; i < 1000; ++i) bench.hs.fault("/v3/sync", unknown_token(true));
  bench.loop.advance(5min);
  CHECK(bench.hs.logins <= 8);
}

TEST_CASE("matrix session: a refusal of a token that was replaced meanwhile makes no login") {
  WithPassword bench;
  bench.make_room("!two:example.org");
  bench.hs.join(kBot, "!two:example.org");
  bench.settings.channels.push_back("!two:example.org");
  bench.connected();
  bench.loop.advance(2min);
  bench.hs.fault("!two:example.org/send", unknown_token(), false, 90s);  // long on its way
  bench.adapter->whisper({"matrix", "@bob:example.org"}, "!two:example.org", "words");
  bench.loop.run_posted();
  bench.hs.token = "revoked";
  bench.adapter->whisper({"matrix", "@bob:example.org"}, kRoom, "words");
  bench.loop.advance(3min);
  CHECK(bench.hs.logins == 2);
  CHECK(bench.hs.sent().size() == 2);
}

TEST_CASE("matrix session: refresh first, one at a time, and what comes of it is kept before it is used") {
  WithPassword bench;
  bench.settings.short_lived_tokens = true;
  bench.hs.fault("/login", net::HttpResponse{
                               200,
                               {},
                               R"({"user_id":"@countersign:example.org","device_id":"COUNTERSIGN","access_token":"a1",
        "refresh_token":"r1","expires_in_ms":300000})"});
  bench.hs.token = "a1";
  bench.connected();
  CHECK(bench.hs.calls("/login").at(0).body["refresh_token"] == Json(true));
  auto const answer = [](std::string const& access, std::string const& refresh) {
    Json body = Json::object({{"access_token", access}, {"expires_in_ms", 300'000}});
    if (!refresh.empty()) body.set("refresh_token", refresh);
    return net::HttpResponse{200, {}, core::dump(body)};
  };
  SECTION("before it expires") {
    bench.hs.fault("/v3/refresh", answer("a2", "r2"));
    bench.loop.advance(3min);
    bench.hs.token = "a2";
    bench.hs.known_tokens = {"a1"};
    bench.loop.advance(90s);
    CHECK(bench.hs.calls("/refresh").size() == 1);
    CHECK(bench.hs.calls("/refresh")[0].body["refresh_token"].text() == "r1");
    CHECK(bench.hs.calls("/refresh")[0].authorization.empty());
    CHECK_THAT(bench.notebook.notes.at("matrix-session"), Catch::Contains("a2") && Catch::Contains("r2"));
    CHECK(bench.engine.connected());
  }
  SECTION("when it is refused, on an old server too, and a lost answer is asked for again") {
    bench.hs.token = "a2";
    bench.hs.fault("/v3/refresh", Homeserver::broken(true));
    bench.hs.fault("/v3/refresh", Homeserver::refusal(404, "M_UNRECOGNIZED"));
    bench.hs.fault("/v1/refresh", answer("a2", ""));
    for (int i = 0; i < 3; ++i) bench.adapter->whisper({"matrix", "@bob:example.org"}, kRoom, "words");
    bench.loop.advance(10s);
    CHECK(bench.hs.calls("/refresh").size() == 3);
    CHECK(bench.hs.sent().size() == 3);
    CHECK_THAT(bench.notebook.notes.at("matrix-session"), Catch::Contains("r1"));  // no new one: the old goes on
  }
  SECTION("when that is refused too: a new login") {
    bench.hs.token = "a2";
    bench.hs.fault("/v3/refresh", unknown_token(true));
    bench.adapter->whisper({"matrix", "@bob:example.org"}, kRoom, "words");
    bench.loop.advance(2min);
    CHECK(bench.hs.logins == 1);
    CHECK(bench.hs.sent().size() == 1);
  }
}

TEST_CASE("matrix session: an access token that is dead ends everything with the way out") {
  Bench bench;
  bench.connected();
  bench.hs.token = "another";
  std::optional<core::Result<ports::MessageRef>> posted;
  bench.adapter->post(kRoom, std::nullopt, bench.adapter->render(matrix_cards::waiting(), "k").body, "k",
                      bench.loop.now(), [&](auto const& result) { posted = result; });
  bench.loop.advance(5s);
  REQUIRE((posted && posted->has_error()));
  CHECK(posted->error().code == core::Errc::forbidden);
  CHECK_FALSE(bench.engine.connected());
  CHECK_THAT(bench.engine.states.back().second, Catch::Contains("make a new one"));
  CHECK(bench.engine.lockouts == std::vector<std::string>{bench.engine.states.back().second});
  auto const calls = bench.hs.seen.size();
  bench.loop.advance(1h);
  CHECK(bench.hs.seen.size() == calls);
  bool late = false;
  bench.adapter->update(Bench::matrix_ref("$x"), Json::object({}), [&](auto const& result) { late = !result; });
  bench.loop.advance(1s);
  CHECK(late);

  // A reload with the new one brings it back.
  auto fresh = bench.settings;
  fresh.access_token = "another";
  auto const take = bench.adapter->fresh_secrets(fresh);
  REQUIRE(take.has_value());
  (*take)();
  bench.loop.advance(5s);
  CHECK(bench.engine.connected());
  bench.post(matrix_cards::waiting(), "k2");
}

TEST_CASE("matrix session: what can't work is said at the start") {
  Bench bench;
  auto const start = [&] {
    bench.start();
    bench.loop.advance(5s);
    CHECK_FALSE(bench.engine.connected());
    REQUIRE_FALSE(bench.engine.states.empty());
    return bench.engine.states.back().second;
  };
  SECTION("the token is another account's") {
    bench.hs.account = "@somebody:example.org";
    CHECK_THAT(start(), Catch::Contains("@somebody:example.org") && Catch::Contains("correct one of the two"));
  }
  SECTION("no homeserver there") {
    bench.hs.fault("/versions", Homeserver::refusal(404, "M_UNRECOGNIZED"));
    CHECK_THAT(start(), Catch::Contains("does not lead to a Matrix homeserver"));
  }
  SECTION("some other page there, which may be one of maintenance: it is tried again") {
    auto const page = GENERATE(net::HttpResponse{200, {}, "<html>Welcome"}, net::HttpResponse{404, {}, "<html>"},
                               net::HttpResponse{401, {}, ""});
    for (int i = 0; i < 7; ++i) bench.hs.fault("/versions", page);
    CHECK_THAT(start(), Catch::Contains("does not lead to a Matrix homeserver") && Catch::Contains("tried again"));
    bench.loop.advance(5s);
    CHECK(bench.engine.connected());
  }
  SECTION("the account is gone") {
    bench.hs.fault("/whoami", Homeserver::refusal(403, "M_USER_DEACTIVATED"));
    CHECK_THAT(start(), Catch::Contains("account is gone"));
  }
  SECTION("a proxy strips the header") {
    bench.hs.fault("/whoami", Homeserver::refusal(401, "M_MISSING_TOKEN"));
    CHECK_THAT(start(), Catch::Contains("strips the Authorization header"));
  }
}

TEST_CASE("matrix session: a login that is refused says which key is wrong") {
  WithPassword bench;
  bench.hs.fault("/login", Homeserver::refusal(403, "M_FORBIDDEN"));
  bench.start();
  bench.loop.advance(1s);
  CHECK_THAT(bench.engine.states.back().second, Catch::Contains("password"));
  CHECK(bench.hs.calls("/login").size() == 1);  // five of them and the account is locked out for minutes
}

TEST_CASE("matrix session: an application service logs in for /sync, and says so when it can't") {
  Bench bench;
  bench.settings.access_token.clear();
  bench.settings.as_token = "as-secret";
  SECTION("well") {
    bench.connected();
    auto const login = bench.hs.calls("/login").at(0);
    CHECK(login.body["type"].text() == "m.login.application_service");
    CHECK(login.authorization == "Bearer as-secret");
    CHECK(bench.engine.connected());
  }
  SECTION("on a server that has given this up") {
    bench.hs.fault("/login", Homeserver::refusal(400, "M_APPSERVICE_LOGIN_UNSUPPORTED"));
    bench.start();
    CHECK_THAT(bench.engine.states.back().second, Catch::Contains("transport: websocket"));
  }
}

TEST_CASE("matrix session: a homeserver that is not there yet is waited for") {
  Bench bench;
  for (int i = 0; i < 4; ++i) bench.hs.fault("/versions", Homeserver::broken(false));
  bench.hs.fault("/whoami", net::HttpResponse{503, {}, "<html>"});
  bench.start();
  bench.loop.advance(30s);
  CHECK(bench.engine.connected());
}

TEST_CASE("matrix session: a locked account is asked for again slowly, without a new login") {
  WithPassword bench;
  bench.connected();
  for (int i = 0; i < 3; ++i)
    bench.hs.fault("/sync", Homeserver::refusal(401, "M_USER_LOCKED", Json::object({{"soft_logout", true}})));
  bench.loop.advance(20min);
  CHECK(bench.hs.logins == 1);
  CHECK(bench.engine.connected());
}

TEST_CASE("matrix settings that can't be right are refused at once") {
  Bench bench;
  auto const make = [&](auto change) {
    auto settings = bench.settings;
    change(settings);
    return std::make_unique<matrix::Adapter>(
        settings, matrix::Parts{bench.loop, bench.hs, bench.proxy, bench.log, bench.notebook});
  };
  auto const websocket = [](auto& s) {
    s.transport = matrix::Transport::websocket;
    s.access_token.clear();
    s.as_token = "x";
    s.proxy = "ws://127.0.0.1:29331";
  };
  CHECK_NOTHROW(make([](auto&) {}));
  CHECK_NOTHROW(make(websocket));
  CHECK_NOTHROW(make([](auto& s) { s.homeserver = "http://127.0.0.1:8008/"; }));
  CHECK_THROWS_AS(make([](auto& s) { s.homeserver = "http://hs.example.org"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.homeserver = "wss://hs.example.org"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.homeserver = "hs.example.org"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.user = "countersign"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.access_token.clear(); }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.password = "x"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.access_token = "a\r\nX: y"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.device_id = "two words"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.channels = {"#alias:example.org"}; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.transport = matrix::Transport::websocket; }), core::Failure);
  CHECK_THROWS_AS(make([&](auto& s) { websocket(s), s.proxy.clear(); }), core::Failure);
  CHECK_THROWS_AS(make([&](auto& s) { websocket(s), s.proxy = "ws://proxy.example.org"; }), core::Failure);
}
