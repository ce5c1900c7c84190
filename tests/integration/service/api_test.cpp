// The HTTP API of the real service: streams of events, who learns what from an answer, the same key twice.
#include "tests/integration/service/api.hpp"

#include <map>
#include <set>

#include "tests/support/big_ledger.hpp"
#include "tests/support/full.hpp"
#include "tests/support/open_files.hpp"

using namespace service;
using namespace service_api;

TEST_CASE("events: a request's entries as they become durable, resumed after a break and after a restart") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  Listener first(kit, id);
  REQUIRE(kit.wait([&] { return first.events().size() >= 3; }));
  CHECK(first.wire.find("Content-Type: text/event-stream\r\n") != std::string::npos);
  auto const middle = first.events()[1].id;
  REQUIRE(kit.press("U0BOB", id));
  REQUIRE(ended(kit, first));
  CHECK(first.wire.ends_with("0\r\n\r\n"));  // in good order, not cut
  // As the ledger has it, up to the end.
  std::vector<std::string> expected_ids, expected_kinds;
  for (auto const& entry : kit.entries({}, id)) {
    expected_ids.push_back(std::to_string(entry["seq"].integer()));
    expected_kinds.push_back(entry["kind"].text());
    if (entry["kind"].text() == "run.finished") break;
  }
  std::vector<std::string> ids;
  for (auto const& event : first.events()) ids.push_back(event.id);
  CHECK(ids == expected_ids);
  CHECK(first.kinds() == expected_kinds);
  auto const last = *core::parse_json(first.events().back().data);
  auto const view = kit.view(id);
  CHECK(last["state"] == view["state"]);
  CHECK(last["run"] == view["run"]);
  CHECK(last["commit"] == view["commit"]);
  for (auto const& event : first.events()) {
    auto const data = *core::parse_json(event.data);
    if (event.event == "request.approved") CHECK(data["decision"] == view["decision"]);
    if (event.event == "request.approved") CHECK(data["vote"] == view["votes"].at_index(0));
    if (event.event == "request.opened") CHECK(data["expires_at"] == view["expires_at"]);
  }
  Listener second(kit, id, "token-of-alice", middle);
  REQUIRE(ended(kit, second));
  CHECK(second.events().size() == ids.size() - 2);
  CHECK(second.events().front().id == ids[2]);
  Listener done(kit, id, "token-of-alice", ids.back());
  REQUIRE(ended(kit, done));
  CHECK(done.status() == 204);
  Listener bad(kit, id, "token-of-alice", "seven");
  REQUIRE(ended(kit, bad));
  CHECK(bad.status() == 400);
  auto const open = kit.ask("witness-two");
  CHECK(kit.stop() == 0);
  kit.start();
  Listener after(kit, id);
  REQUIRE(ended(kit, after));
  CHECK(after.events().size() == ids.size());
  // One that spans the restart.
  Listener across(kit, open);
  REQUIRE(kit.wait([&] { return across.events().size() >= 3; }));
  REQUIRE(kit.press("U0BOB", open));
  REQUIRE(kit.wait([&] { return std::ranges::count(across.kinds(), "vote.approve") == 1; }));
  REQUIRE(kit.press("U0CAROL", open, "deny"));
  REQUIRE(ended(kit, across));
  CHECK(across.kinds().back() == "request.denied");
}

TEST_CASE("events: whoever may not read any more after a reload is sent away") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.post("witness", object(), "token-of-ci");
  Listener robot(kit, id, "token-of-ci");
  REQUIRE(kit.wait([&] { return !robot.events().empty(); }));
  edit(kit, core::sha256_hex("token-of-ci"), core::sha256_hex("another-token"));
  kit.process().send(SIGHUP);  // tokens are no part of the rules: their change leaves no entry to wait for
  REQUIRE(kit.wait([&] { return has(kit.process().log_text(), "\"configuration reloaded\""); }));
  REQUIRE(ended(kit, robot));
  CHECK(has(robot.wire, ": no longer yours to read\n\n"));
  Listener again(kit, id, "token-of-ci");
  REQUIRE(ended(kit, again));
  CHECK(again.status() == 401);
  Listener anew(kit, id, "another-token");
  CHECK(kit.wait([&] { return !anew.events().empty(); }));
}

TEST_CASE("events: a thousand listeners, and a click is acknowledged as ever") {
  auto const listeners = support::full() ? 1'500U : 1'000U;
  support::open_files();
  KitOptions options;  // one caller may have half of these
  options.api = ", requests_per_second: 100000, max_connections: 4096, max_connections_per_address: 4096";
  ServiceKit kit(std::move(options));
  kit.start();
  auto const id = kit.ask("witness");
  std::vector<std::unique_ptr<Listener>> all;
  for (unsigned i = 0; i < listeners; ++i) {
    all.push_back(std::make_unique<Listener>(kit, id));
    if (i % 50 == 0) kit.wait([] { return true; });
  }
  REQUIRE(kit.wait([&] { return std::ranges::all_of(all, [](auto const& one) { return !one->events().empty(); }); }));
  CHECK(has(kit.http("GET", "/metrics").text, "countersign_api_listeners " + std::to_string(listeners)));
  auto const began = std::chrono::steady_clock::now();
  REQUIRE(kit.press("U0BOB", id));
  CHECK(std::chrono::steady_clock::now() - began < 3s);  // Slack's own limit; it takes milliseconds
  REQUIRE(kit.wait([&] { return std::ranges::none_of(all, [](auto const& one) { return one->look(); }); }, 30s));
  for (auto const& one : all) {
    if (one->kinds().back() != "run.finished") FAIL("one heard only up to " + one->kinds().back());
  }
  CHECK(kit.wait([&] { return has(kit.http("GET", "/metrics").text, "countersign_api_listeners 0"); }));
}

TEST_CASE("T44 two teams: what is absent and what is forbidden answer byte for byte alike, in like time") {
  ServiceKit kit;
  auto const token = [](std::string const& name) { return "token_sha256: " + core::sha256_hex("token-of-" + name); };
  // Team A asks for `witness`, which sre approves; dave (lead) and another robot are team B.
  for (auto const* name : {"bob", "dave"})
    edit(kit, "  " + std::string(name) + ": {", "  " + std::string(name) + ": {" + token(name) + ", ");
  edit(kit, "robots:\n",
       "robots:\n  other: {groups: [pipelines], " + token("other") +
           "}\n  blind: {groups: [pipelines], scopes: [request], " + token("blind") +
           "}\n  audit: {groups: [pipelines], scopes: [read_all], " + token("audit") + "}\n");
  kit.start();
  std::map<std::string, std::string> by_state;
  by_state["pending"] = kit.ask("witness");
  by_state["denied"] = kit.ask("witness");
  REQUIRE(kit.press("U0BOB", by_state["denied"], "deny"));
  by_state["cancelled"] = kit.ask("witness");
  REQUIRE(kit.http("POST", "/v1/requests/" + by_state["cancelled"] + "/cancel").status == 200);
  by_state["succeeded"] = kit.ask("witness");
  REQUIRE(kit.press("U0BOB", by_state["succeeded"]));
  by_state["failed"] = kit.ask("witness-fail");
  REQUIRE(kit.press("U0BOB", by_state["failed"]));
  for (auto const& [state, id] : by_state) REQUIRE(ends_as(kit, id, state));
  struct Way {
    std::string method, tail;
  };
  std::vector<Way> const ways{{"GET", ""}, {"HEAD", ""}, {"GET", "/events"}, {"HEAD", "/events"}, {"POST", "/cancel"}};
  std::vector<std::string> const absent{"CS-20200101-000001-R1", "CS-29991231-999999-R9999", "nonsense", "%20"};
  int cells = 0;
  for (std::string const role : {"dave", "other", "blind", "nobody", ""}) {
    for (auto const& way : ways) {
      auto const ask = [&](std::string const& id) {
        return without_date(raw(
            kit, request_text(way.method, "/v1/requests/" + id + way.tail, role.empty() ? "" : "token-of-" + role)));
      };
      auto const nothing = ask(absent.front());
      CAPTURE(role, way.method, way.tail, nothing);
      CHECK(nothing.starts_with(role == "nobody" || role.empty() ? "HTTP/1.1 401 " : "HTTP/1.1 404 "));
      for (auto const& id : absent) CHECK(ask(id) == nothing);
      for (auto const& [state, id] : by_state) {
        CAPTURE(state);
        CHECK(ask(id) == nothing);
        ++cells;
      }
    }
  }
  CHECK(cells == 5 * 5 * 5);
  // Those who may read, do; who may only read, is told so when cancelling.
  for (std::string const role : {"alice", "bob", "audit"}) {
    for (auto const& [state, id] : by_state)
      CHECK(kit.http("GET", "/v1/requests/" + id, {}, "token-of-" + role).status == 200);
  }
  CHECK(kit.http("POST", "/v1/requests/" + by_state["pending"] + "/cancel", {}, "token-of-audit").status == 403);
  CHECK(kit.state(by_state["pending"]) == "pending");
  // Time: medians of calls in turns. Reading a request costs some microseconds; a look-up on disk would cost
  // milliseconds.
  std::vector<double> of_absent, of_forbidden;
  for (int i = 0; i < 60; ++i) {
    for (bool const there : {false, true}) {
      auto const began = std::chrono::steady_clock::now();
      CHECK(kit.http("GET", "/v1/requests/" + (there ? by_state["pending"] : absent.front()), {}, "token-of-dave")
                .status == 404);
      (there ? of_forbidden : of_absent)
          .push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
    }
  }
  std::ranges::sort(of_absent);
  std::ranges::sort(of_forbidden);
  CAPTURE(of_absent[30], of_forbidden[30]);
  CHECK(std::abs(of_absent[30] - of_forbidden[30]) < 1 + (of_absent[30] + of_forbidden[30]) / 2);
}

TEST_CASE("T41 T70 the API has no cookies and no CORS, and its errors name neither program nor place") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.post("witness");
  std::string const browser =
      "Origin: https://evil.example\r\nCookie: session=token-of-alice\r\nSec-Fetch-Site: cross-site\r\n";
  for (auto const& [method, path] :
       std::vector<std::pair<std::string, std::string>>{{"GET", "/healthz"},
                                                        {"GET", "/v1/openapi.json"},
                                                        {"GET", "/v1/requests/" + id},
                                                        {"POST", "/v1/requests"},
                                                        {"OPTIONS", "/v1/requests"},
                                                        {"GET", "/v1/requests/" + id + "/events"},
                                                        {"POST", "/v1/requests/" + id + "/cancel"},
                                                        {"GET", "/../../etc/passwd"},
                                                        {"TRACE", "/healthz"},
                                                        {"GET", "/v9"}}) {
    CAPTURE(method, path);
    auto const answer = raw(kit, request_text(method, path, "", browser + "Access-Control-Request-Method: POST\r\n"));
    CHECK_FALSE(has(answer, "Access-Control"));
    CHECK_FALSE(has(answer, "Set-Cookie"));
    CHECK_FALSE(has(answer, "Server:"));
    CHECK_FALSE(has(answer, "evil.example"));
    CHECK_FALSE(has(answer, kit.dir().string()));
    CHECK_FALSE(has(answer, "bot/"));
    if (path.starts_with("/v1/requests"))
      CHECK(has(answer, method == "OPTIONS" ? " 405 " : " 401 "));  // a cookie is nobody
    if (answer.starts_with("HTTP/1.1 4")) CHECK(has(answer, "Content-Type: application/problem+json"));
  }
  CHECK(kit.state(id) != "cancelled");
}

TEST_CASE("idempotency: many posts of one key at once are one request and one answer, also after a restart") {
  ServiceKit kit;
  kit.start();
  auto body = asking("once").set("idempotency_key", "deploy-7");
  auto const text = core::dump(body);
  auto const post = request_text("POST", "/v1/requests", "token-of-alice",
                                 "Content-Length: " + std::to_string(text.size()) + "\r\n") +
                    text;
  std::vector<Socket> sockets;
  for (int i = 0; i < 40; ++i) sockets.push_back(connect_raw(kit.port()));
  for (auto const& one : sockets) one.write(post);
  std::set<std::string> bodies;
  std::size_t answered = 0, replayed = 0;
  for (auto const& one : sockets) {
    std::string answer;
    REQUIRE(kit.wait([&] {
      auto const bytes = one.read_now();
      if (bytes) answer += *bytes;
      return !bytes;
    }));
    answered += answer.starts_with("HTTP/1.1 202 ") ? 1u : 0u;
    replayed += has(answer, "Idempotency-Replayed: true") ? 1u : 0u;
    bodies.insert(answer.substr(answer.find("\r\n\r\n")));
  }
  CHECK(answered == 40);
  CHECK(replayed == 39);
  CHECK(bodies.size() == 1);
  CHECK(count(kit, "request.accepted") == 1);
  auto const first = kit.http("POST", "/v1/requests", body);
  CHECK(kit.stop() == 0);
  kit.start();
  auto const id = first.body["id"].text();
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  REQUIRE(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  auto const again = kit.http("POST", "/v1/requests", body);
  CHECK(again.status == 202);
  CHECK(again.text == first.text);
  CHECK(kit.http("POST", "/v1/requests", body.set("reason", "another")).status == 409);
  CHECK(count(kit, "request.accepted") == 1);
  CHECK(kit.witnessed() == 1);
}

TEST_CASE(
    "T44 T67 a request that thousands of later ones made the service forget is told as before, and keeps its key") {
  ServiceKit kit;
  kit.start();
  auto const asked = asking("once").set("idempotency_key", "release-1");
  auto const first = kit.http("POST", "/v1/requests", asked);
  auto const id = first.body["id"].text(), path = "/v1/requests/" + id;
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  REQUIRE(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  REQUIRE(kit.wait([&] { return count(kit, "request.posted", id) == 2; }));  // the card and the outcome
  auto const before = kit.http("GET", path).text;
  auto const other = kit.ask("witness");
  auto const cancelling = kit.http("POST", "/v1/requests/" + other + "/cancel");
  REQUIRE(cancelling.status == 200);
  REQUIRE(kit.wait([&] { return count(kit, "request.posted", other) == 2; }));
  CHECK(kit.stop() == 0);
  {
    support::BigLedger big(kit.ledger(), kit / "ledger_ed25519",
                           std::chrono::floor<core::Duration>(std::chrono::system_clock::now()));
    big.withdraw(core::Keep{}.cases + 2);
    REQUIRE(big.state().request(core::RequestId::parse(id).value()) == nullptr);
    big.stop();
    REQUIRE(big.broken() == "");
  }
  kit.start({.limit = 120s});
  CHECK(kit.http("GET", path).text == before);
  CHECK(kit.http("GET", path, {}, "token-of-ci").status == 404);
  CHECK(kit.http("GET", "/v1/requests/" + id + "0", {}, "token-of-alice").status == 404);
  Listener listener(kit, id), stranger(kit, id, "token-of-ci");
  REQUIRE(ended(kit, listener));
  CHECK(listener.kinds().back() == "run.finished");
  REQUIRE(ended(kit, stranger));
  CHECK(stranger.status() == 404);
  auto const cancelled = kit.http("POST", path + "/cancel");
  CHECK(cancelled.status == 409);
  CHECK(has(cancelled.body["detail"].text(), "already approved by bob"));
  CHECK(kit.http("POST", path + "/cancel", {}, "token-of-ci").status == 404);
  CHECK(kit.http("POST", "/v1/requests/" + other + "/cancel").text == cancelling.text);
  auto const again = kit.http("POST", "/v1/requests", asked);
  CHECK(again.status == 202);
  CHECK(again.text == first.text);
  CHECK(kit.http("POST", "/v1/requests", asking("twice").set("idempotency_key", "release-1")).status == 409);
  CHECK(kit.witnessed() == 1);
  CHECK(kit.stop() == 0);
}
