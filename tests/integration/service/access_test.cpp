// The HTTP API's words, statuses and promises. Who may do what by every way in is matrix_test.cpp.
#include "tests/integration/service/service.hpp"

namespace {

using namespace service;

Json object() { return Json(Json::Object{}); }

Json asking(std::string const& runbook = "witness") {
  return Json::object({{"runbook", runbook}, {"parameters", object()}, {"reason", "the line is missing"}});
}

}  // namespace

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
  std::string metrics;
  // Ready is the first of two connections; the figure of both follows.
  CHECK(kit.wait([&] {
    metrics = kit.http("GET", "/metrics", {}, "").text;
    return has(metrics, "countersign_slack_connections 2");
  }));
  for (auto const* name :
       {"countersign_ready 1", "countersign_ledger_up 1", "countersign_platform_up{platform=\"slack\"} 1",
        "countersign_requests_open 0", "countersign_entries_total{kind=\"request.cancelled\"} 1",
        "countersign_runner_up 1", "# HELP countersign_slack_rate_limited_total Calls",
        "# TYPE countersign_ledger_write_seconds histogram"})
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
  // Not because 10 s have passed: because the platform is there.
  CHECK(kit.wait([&] { return kit.http("GET", "/readyz").body["platforms"]["slack"].text() == "connected"; }, 20s));
  CHECK(kit.wait([&] { return kit.ready(); }, 5s));  // the runner may still be on its way
}
