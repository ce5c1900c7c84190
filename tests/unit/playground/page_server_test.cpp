#include "adapters/playground/matrix_stand_in.hpp"
#include "adapters/playground/playground_server.hpp"
#include "adapters/playground/teams_stand_in.hpp"
#include "tests/unit/playground/stand_in_fixture.hpp"

using core::Json;

namespace {

struct FakeBackend : playground::PlaygroundBackend {
  Json ledger_log(std::size_t) override {
    return Json::array({Json::object({{"seq", 1}, {"subject", "open ledger"}})});
  }
  Json ledger_entry(std::uint64_t seq) override { return Json::object({{"seq", seq}}); }
  Json verify() override { return Json::object({{"ok", true}}); }
  Json demo_service() override { return Json::object({{"up", up}}); }
  void break_service() override { up = false; }
  void mend_service() override { up = true; }
  bool up = true;
};

template <class Stage>
struct PageOf : Stage {
  using Stage::io, Stage::until;
  FakeBackend backend;
  playground::PlaygroundServer server{io, this->faces(), playground::cast(), backend, 0};
  std::unique_ptr<net::HttpClient> http = net::make_http_client(io);

  net::HttpResponse call(std::string method, std::string const& base, std::string const& path, net::Headers headers,
                         std::string body = "") {
    net::HttpRequest request;
    request.method = std::move(method);
    request.url = base + path;
    request.headers = std::move(headers);
    request.body = std::move(body);
    std::optional<net::HttpResponse> got;
    http->request(std::move(request), [&](net::Result<net::HttpResponse> r) {
      got = r ? *r : net::HttpResponse{0, {}, {}};
    });
    until([&] { return got.has_value(); });
    return *got;
  }
  std::string base() { return server.url().substr(0, server.url().size() - 1); }
};

struct SlackAlone : StandInFixture {
  std::unique_ptr<playground::ChatFace> face = playground::make_face(slack);
  std::vector<playground::ChatFace*> faces() { return {face.get()}; }
};
using Page = PageOf<SlackAlone>;

struct AllThree : SlackAlone {
  AllThree() { slack.world() = playground::playground_slack_world(); }
  playground::TeamsStandIn teams{io, {.world = playground::playground_teams_world()}};
  playground::MatrixStandIn matrix{io, {.world = playground::playground_matrix_world()}};
  std::unique_ptr<playground::ChatFace> teams_face = playground::make_face(teams),
                                        matrix_face = playground::make_face(matrix);
  std::vector<playground::ChatFace*> faces() { return {face.get(), teams_face.get(), matrix_face.get()}; }
};
using WholePage = PageOf<AllThree>;

net::Headers const kJson{{"Content-Type", "application/json"}};

}  // namespace

TEST_CASE_METHOD(Page, "page: its files come with a strict policy") {
  for (auto const* path : {"/", "/page.css", "/page.js", "/chats.css", "/slack.js", "/teams.js", "/matrix.js"}) {
    CAPTURE(path);
    auto const got = call("GET", base(), path, {});
    CHECK(got.status == 200);
    CHECK(got.body.size() > 1000);
    CHECK(got.header("Content-Security-Policy").value_or("").find("default-src 'none'") != std::string_view::npos);
    CHECK(got.header("X-Frame-Options") == "DENY");
  }
  CHECK(call("GET", base(), "/ui/entry?seq=7", {}).body == R"({"seq":7})");
  CHECK(call("GET", base(), "/nothing", {}).status == 404);
}

TEST_CASE_METHOD(Page, "T41 page and controls: calls of other origins, forms and GETs change nothing") {
  for (auto const& where : {base() + "/ui/demo/break", base() + "/ui/slack/say", base() + "/control/slack/say",
                            slack.origin() + "/control/say"}) {
    CAPTURE(where);
    auto const body = R"({"as":"alice","user":"U0ALICE","text":"x"})";
    auto with = [&](net::Headers extra) {
      auto headers = kJson;
      headers.insert(headers.end(), extra.begin(), extra.end());
      return call("POST", where, "", headers, body).status;
    };
    CHECK(with({{"Origin", "https://evil.example"}}) == 403);
    CHECK(with({{"Origin", "null"}}) == 403);
    CHECK(with({{"Origin", "http://127.0.0.1:1"}}) == 403);
    CHECK(with({{"Sec-Fetch-Site", "cross-site"}}) == 403);
    CHECK(with({{"Sec-Fetch-Site", "same-site"}}) == 403);
    CHECK(call("POST", where, "", {{"Content-Type", "text/plain"}}, body).status == 403);
    CHECK(call("POST", where, "", {{"Content-Type", "application/x-www-form-urlencoded"}}, "user=U0ALICE").status ==
          403);
    auto const by_get = call("GET", where, "?user=U0ALICE&text=x", {}).status;
    CHECK((by_get == 404 || by_get == 405));
  }
  CHECK(backend.up);
  CHECK(slack.messages("C0INC").empty());
  CHECK(call("POST", base(), "/ui/slack/say", {{"Content-Type", "application/json"}, {"Origin", base()}},
             R"({"as":"alice","text":"x"})")
            .status == 200);
  CHECK(slack.messages("C0INC").size() == 1);
  CHECK(call("POST", base(), "/ui/demo/break", kJson, "{}").status == 200);
  CHECK_FALSE(backend.up);
}

TEST_CASE_METHOD(Page, "page: one state for all platforms, an absent one is null") {
  auto const seen = *core::parse_json(call("GET", base(), "/ui/state?as=bob", {}).body);
  CHECK(seen["me"].text() == "bob");
  CHECK(seen["people"].if_array()->size() == playground::cast().size());
  CHECK(seen["slack"]["me"].text() == "U0BOB");
  CHECK(seen["teams"].is_null());
  CHECK(seen["matrix"].is_null());
  CHECK((*core::parse_json(call("GET", base(), "/ui/state?as=nobody", {}).body))["me"].text() == "alice");
}

TEST_CASE_METHOD(Page, "page: people act through their own account, by the acts that people have") {
  auto const answer = [&](std::string const& path, std::string const& body) {
    auto const got = call("POST", base(), path, kJson, body);
    return std::pair{got.status, (*core::parse_json(got.body))["ok"].boolean()};
  };
  // A forged user in the body counts for nothing: the account is the one of `as`.
  CHECK(answer("/ui/slack/say", R"({"as":"bob","user":"U0ALICE","text":"mine"})") == std::pair{200U, true});
  CHECK(slack.messages("C0INC").back()["user"].text() == "U0BOB");
  CHECK(answer("/ui/slack/say", R"({"as":"nobody","text":"x"})").second == false);
  CHECK(answer("/ui/slack/say", R"({"text":"x"})").second == false);
  CHECK(answer("/ui/slack/kill", R"({"as":"bob"})").first == 404);
  CHECK(answer("/ui/teams/say", R"({"as":"bob","text":"x"})").first == 404);
  CHECK(answer("/ui/slack", R"({"as":"bob"})").first == 404);
  CHECK(answer("/ui/", R"({"as":"bob"})").first == 404);
  CHECK(answer("/control/slack/findings", "{}") == std::pair{200U, true});
  CHECK(answer("/control/findings", "{}") == std::pair{200U, true});
  CHECK(answer("/control/irc/findings", "{}").first == 404);
  CHECK(call("GET", base(), "/control/slack/findings", {}).status == 200);
  CHECK(call("GET", base(), "/control/slack/kill", {}).status == 404);
  CHECK(slack.messages("C0INC").size() == 1);
}

TEST_CASE_METHOD(WholePage, "page: everybody of the cast is on every platform, as themselves") {
  for (auto const& person : playground::cast()) {
    CAPTURE(person.key);
    auto const seen = *core::parse_json(call("GET", base(), "/ui/state?as=" + person.key, {}).body);
    CHECK(seen["slack"]["me"].text() == person.account("slack"));
    CHECK(seen["teams"]["me"].text() == person.key);
    CHECK(seen["matrix"]["me"].text() == person.account("matrix"));
    auto const say = [&](std::string const& platform) {
      // Whatever the body claims, and whatever only a forger could add.
      auto const got = call("POST", base(), "/ui/" + platform + "/say", kJson,
                            R"({"as":")" + person.key +
                                R"(","user":"mallory","text":"mine","html":"<b>x</b>","patch":{"from":{"id":"x"}}})");
      return (*core::parse_json(got.body))["ok"].boolean();
    };
    CHECK(say("slack"));
    CHECK(slack.messages("C0INC").back()["user"].text() == person.account("slack"));
    CHECK(say("teams"));
    CHECK(teams.messages("19:incidents@thread.tacv2").back()["from"].text() == person.key);
    CHECK(say("matrix"));
    CHECK(matrix.messages().back()["sender"].text() == person.account("matrix"));
    CHECK(matrix.messages().back()["content"]["formatted_body"].is_null());
  }
}

TEST_CASE_METHOD(WholePage, "page: a reaction is given and taken back, and nobody takes back another's") {
  auto const event = matrix.say({.user = "alice", .room = {}, .text = "well?"}).value();
  auto const act = [&](std::string const& what, std::string const& as, std::string const& target) {
    auto const body = core::dump(Json::object({{"as", as}, {"event", target}, {"key", "✅"}}));
    auto const got = call("POST", base(), "/ui/matrix/" + what, kJson, body);
    return *core::parse_json(got.body);
  };
  auto const given = act("react", "bob", event);
  REQUIRE(given["ok"].boolean());
  CHECK_FALSE(act("unreact", "mallory", given["event_id"].text())["ok"].boolean());
  CHECK(matrix.message(event)->operator[]("reactions")["✅"].if_array()->size() == 1);
  CHECK(act("unreact", "bob", given["event_id"].text())["ok"].boolean());
  CHECK(matrix.message(event)->operator[]("reactions")["✅"].is_null());
  CHECK(call("POST", base(), "/ui/matrix/inject", kJson, R"({"as":"bob"})").status == 404);
  CHECK(call("POST", base(), "/ui/teams/deliver", kJson, R"({"as":"bob"})").status == 404);
}

TEST_CASE_METHOD(Page, "T41 page: a name that only resolves to us is not us") {
  // The client sets Host from the URL; localhost is ours, so another spelling of the address must be refused.
  auto url = base();
  url.replace(url.find("127.0.0.1"), 9, "127.0.0.2");
  auto const status = call("GET", url, "/ui/state?as=alice", {}).status;
  CHECK((status == 0 || status == 403));  // 0: nothing listens there at all
  CHECK(call("GET", base(), "/ui/state?as=alice", {}).status == 200);
}

TEST_CASE_METHOD(Page, "controls over HTTP: what the README lists") {
  auto control = [&](std::string const& what, std::string const& body) {
    auto const got = call("POST", slack.origin(), "/control/" + what, kJson, body);
    return *core::parse_json(got.body);
  };
  REQUIRE(app.connect_now());
  auto const ts = post();
  auto const clicked =
      control("click", R"({"user":"U0BOB","channel":"C0INC","action_id":"approve","ts":")" + ts + "\"}");
  REQUIRE(clicked["ok"].boolean());
  REQUIRE(until([&] { return app.envelopes.size() == 1; }));
  CHECK(
      control("click", R"({"user":"U0BOB","channel":"C0INC","action_id":"none","ts":")" + ts + "\"}")["ok"].boolean() ==
      false);
  CHECK(control("fault", R"({"method":"auth.test","kind":"error","error":"account_inactive"})")["ok"].boolean());
  CHECK(app.call_now("auth.test", Json(Json::Object{})).body["error"].text() == "account_inactive");
  CHECK(control("sockets", "{}")["sockets"].if_array()->size() == 1);
  CHECK(control("slash", R"({"user":"U0ALICE","text":"help"})")["ok"].boolean());
  CHECK(control("world", "{}")["api_url"].text() == slack.api_url());
  CHECK(control("unheard-of", "{}")["ok"].boolean() == false);
  CHECK(call("POST", slack.origin(), "/control/say", kJson, "nonsense").status == 400);
}
