// Who may do what, by every way in: the HTTP API in full, and T1's matrix of way × person × state.
#include "tests/integration/service/service.hpp"

namespace {

using namespace service;

Json object() { return Json(Json::Object{}); }

// bob and mallory get tokens of their own, carol one that may read everything.
void give_tokens(ServiceKit const& kit) {
  auto const token = [](std::string const& name) { return ", token_sha256: " + core::sha256_hex("token-of-" + name); };
  edit(kit, "groups: [sre], slack: U0BOB", "groups: [sre], slack: U0BOB" + token("bob"));
  edit(kit, "groups: [lead], slack: U0DAVE", "groups: [lead], slack: U0DAVE" + token("dave"));
  edit(kit, "groups: [sre], slack: U0CAROL", "groups: [sre], slack: U0CAROL, scopes: [read_all]" + token("carol"));
  edit(kit, "robots:\n", "robots:\n  cd: {groups: [pipelines]" + token("cd") + "}\n");
}

Json asking(std::string const& runbook = "witness") {
  return Json::object({{"runbook", runbook}, {"parameters", object()}, {"reason", "the line is missing"}});
}

}  // namespace

TEST_CASE("T1 T44 way × person × state: nothing but an eligible vote approves, and nobody reads what is not theirs") {
  ServiceKit kit;
  give_tokens(kit);
  kit.start();
  struct Row {
    char const* token;
    unsigned get, cancel;  // of ci's request while it is pending
    unsigned post;
  };
  // The same answer for absent and forbidden: 404.
  auto const rows = std::vector<Row>{{"token-of-ci", 200, 0, 202},      {"token-of-cd", 404, 404, 202},
                                     {"token-of-alice", 404, 404, 202}, {"token-of-dave", 404, 404, 403},
                                     {"token-of-carol", 200, 0, 403},   {"token-of-bob", 200, 0, 202},
                                     {"wrong", 401, 401, 401},          {"", 401, 401, 401}};
  auto const id = kit.post("witness", object(), "token-of-ci");
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  std::string const absent = "/v1/requests/CS-20200101-000001-R1";
  for (auto const& row : rows) {
    CAPTURE(row.token);
    auto const got = kit.http("GET", "/v1/requests/" + id, {}, row.token);
    CHECK(got.status == row.get);
    if (row.get == 404) CHECK(got.text == kit.http("GET", absent, {}, row.token).text);
    if (row.cancel != 0) {
      auto const cancelled = kit.http("POST", "/v1/requests/" + id + "/cancel", object(), row.token);
      CHECK(cancelled.status == row.cancel);
      if (row.cancel == 404) CHECK(cancelled.text == kit.http("POST", absent + "/cancel", object(), row.token).text);
    }
    CHECK(kit.http("POST", "/v1/requests", asking(), row.token).status == row.post);
    // No such way, for nobody, in no spelling.
    for (auto const* path : {"/approve", "/run", "/vote", "/start", "/execute", "/deny", "/votes", "/decision"}) {
      CAPTURE(path);
      auto const status = kit.http("POST", "/v1/requests/" + id + path, object(), row.token).status;
      CHECK((status == 404 || status == 405 || status == 401));
    }
    for (auto const* method : {"PUT", "PATCH", "DELETE", "POST"}) {
      CAPTURE(method);
      auto const status =
          kit.http(method, "/v1/requests/" + id, Json::object({{"state", "approved"}}), row.token).status;
      CHECK((status == 404 || status == 405 || status == 401));
    }
  }
  CHECK(kit.view(id)["state"].text().empty());  // alice may not even see it
  auto const state = [&] { return kit.http("GET", "/v1/requests/" + id, {}, "token-of-ci").body["state"].text(); };
  CHECK(state() == "pending");
  // Chat: who may not, by button and by text, in every state.
  auto const given = core::code_of(kit.http("GET", "/v1/requests/" + id, {}, "token-of-ci").body["binding"].text());
  for (auto const* outsider : {"U0MALLORY", "U0DAVE", "U0ALICE"}) {
    CAPTURE(outsider);
    CHECK(kit.press(outsider, id));
    typed(kit, outsider, "approve " + id + " " + given);
    typed(kit, outsider, "deny " + id + " " + given);
    typed(kit, outsider, "cancel " + id);
    CHECK(state() == "pending");
  }
  CHECK(kit.witnessed() == 0);
  CHECK(count(kit, "request.approved") == 0);
  CHECK(kit.press("U0BOB", id));
  REQUIRE(kit.wait([&] { return state() == "succeeded"; }));
  // Ends are final, by every way.
  for (auto const* token : {"token-of-ci", "token-of-bob"})
    CHECK(kit.http("POST", "/v1/requests/" + id + "/cancel", object(), token).status == 409);
  for (auto const* person : {"U0BOB", "U0CAROL", "U0ERIN"}) {
    for (auto const* verb : {"approve ", "deny ", "cancel "}) typed(kit, person, verb + id + " " + given);
  }
  CHECK(state() == "succeeded");
  CHECK(kit.witnessed() == 1);
  CHECK(count(kit, "run.started") == 1);
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("the API says in words what is wrong, and with which status") {
  ServiceKit kit;
  kit.start();
  struct Row {
    char const* what;
    Json body;
    unsigned status;
    char const* words;
  };
  auto const with = [](std::string const& key, Json value) { return asking().set(key, std::move(value)); };
  std::vector<Row> const rows{
      {"runbook", with("runbook", "nothing"), 422, "There is no runbook nothing"},
      {"unknown", with("colour", "red"), 422, "\\\"colour\\\" is unknown"},
      {"no reason", with("reason", ""), 422, "requires a reason"},
      {"control", with("reason", "a\u0007b"), 422, "control characters"},
      {"long", with("reason", std::string(2001, 'x')), 422, "2,000"},
      {"parameter", with("parameters", Json::object({{"word", "UPPER"}})), 422, "word"},
      {"extra", with("parameters", Json::object({{"other", "x"}})), 422, "other"},
      {"channel", with("channels", Json::array({"nowhere"})), 422, "no channel nowhere"},
      {"initiator", with("initiator", "alice"), 422, "Only a robot"},
      {"array", Json::array(), 422, "JSON object"},
      {"type", with("reason", 5), 422, "must be a string"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.what);
    auto const answer = kit.http("POST", "/v1/requests", row.body);
    CHECK(answer.status == row.status);
    CHECK(has(answer.text, row.words));
    CHECK(answer.body["status"].integer() == row.status);
    CHECK_FALSE(answer.body["title"].text().empty());
  }
  auto const nobody = kit.http("POST", "/v1/requests", with("initiator", "nobody"), "token-of-ci");
  CHECK(nobody.status == 422);
  CHECK(kit.http("GET", "/v1/requests").status == 405);
  CHECK(kit.http("POST", "/healthz").status == 405);
  CHECK(kit.http("GET", "/v2").status == 404);
  CHECK(kit.http("GET", "/v1/requests/../../etc").status == 400);
  CHECK(count(kit, "request.accepted") == 0);
}

TEST_CASE("idempotency: the same key and body is the same request, another body is a conflict, scope is the caller") {
  ServiceKit kit;
  kit.start();
  auto const body = asking().set("idempotency_key", "release-42");
  auto const first = kit.http("POST", "/v1/requests", body);
  REQUIRE(first.status == 202);
  auto const again = kit.http("POST", "/v1/requests", body);
  CHECK(again.status == 202);
  CHECK(again.body["id"] == first.body["id"]);
  CHECK(kit.http("POST", "/v1/requests", asking("witness-two").set("idempotency_key", "release-42")).status == 409);
  auto const other = kit.http("POST", "/v1/requests", body, "token-of-ci");
  CHECK(other.status == 202);
  CHECK(other.body["id"] != first.body["id"]);
  CHECK(kit.stop() == 0);
  kit.start();
  CHECK(kit.http("POST", "/v1/requests", body).body["id"] == first.body["id"]);
  CHECK(count(kit, "request.accepted") == 2);
}

TEST_CASE("cancel by API, health, readiness, metrics") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  auto const cancelled = kit.http("POST", "/v1/requests/" + id + "/cancel", Json::object({{"reason", "not needed"}}));
  CHECK(cancelled.status == 200);
  CHECK(cancelled.body["state"].text() == "cancelled");
  CHECK(cancelled.body["decision"]["by"].at_index(0).text() == "alice");
  CHECK(kit.http("GET", "/healthz", {}, "").status == 200);
  auto const ready = kit.http("GET", "/readyz", {}, "");
  CHECK(ready.status == 200);
  CHECK(ready.body["platforms"]["slack"].text() == "connected");
  auto const metrics = kit.http("GET", "/metrics", {}, "").text;
  for (auto const* name : {"countersign_ready 1", "countersign_ledger_up 1",
                           "countersign_platform_up{platform=\"slack\"} 1", "countersign_requests_open 0"})
    CHECK(has(metrics, name));
  CHECK_FALSE(has(metrics, id));
}

TEST_CASE("readyz is 503 until the platform is connected") {
  KitOptions options;
  ServiceKit kit(std::move(options));
  kit.slack().refuse_upgrades(1000);
  kit.start({.binary = {}, .environment = {}, .wait_ready = false});
  REQUIRE(kit.wait([&] { return kit.process().line("ready").has_value(); }));
  CHECK(kit.http("GET", "/healthz").status == 200);
  CHECK(kit.http("GET", "/readyz").status == 503);
  kit.slack().refuse_upgrades(0);
  CHECK(kit.wait([&] { return kit.ready(); }, 20s));
}
