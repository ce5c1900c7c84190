// Whoever tries over the API what is not theirs is on record, however little they are told.
#include "tests/integration/service/service.hpp"

using namespace service;

TEST_CASE("T71 what the API refuses is on record, folded beyond a few a minute, and reading leaves no entry") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  auto const refused = [&] { return count(kit, "vote.refused"); };
  auto const reaches = [&](std::size_t wanted) { return kit.wait([&] { return refused() >= wanted; }); };

  CHECK(kit.http("POST", "/v1/requests/" + id + "/cancel", Json(Json::Object{}), "token-of-ci").status == 404);
  REQUIRE(reaches(1));
  auto const entry = kit.entries("vote.refused").back();
  CHECK(entry["actor"].text() == "ci");
  CHECK(entry["data"]["platform"].text() == "api");
  CHECK(has(entry["data"]["reason"].text(), id));

  CHECK(kit.http("POST", "/v1/requests", Json(Json::Object{}), "nobody's").status == 401);
  REQUIRE(reaches(2));
  CHECK(kit.entries("vote.refused").back()["actor"].text() == "unknown");

  CHECK(kit.http("GET", "/v1/requests/" + id, {}, "token-of-ci").status == 404);
  CHECK(kit.http("GET", "/v1/requests/" + id, {}, "nobody's").status == 401);
  for (int i = 0; i < 20; ++i)
    CHECK(kit.http("POST", "/v1/requests/CS-20200101-000001-R1/cancel", Json(Json::Object{}), "token-of-ci").status ==
          404);
  CHECK(kit.http("POST", "/v1/requests/" + id + "/cancel", Json(Json::Object{})).status == 200);  // its requester may
  CHECK(refused() <= 6);  // five of ci within the minute, one of nobody; the reads are none
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("T12 a thousand captured messages again: at once, over new sockets, after a restart, no vote, no run") {
  ServiceKit kit;
  kit.start();
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(kit.ask(i == 0 ? "witness-two" : "witness"));
  CHECK(kit.press("U0BOB", ids[0]));
  CHECK(kit.press("U0CAROL", ids[0]));
  CHECK(kit.press("U0BOB", ids[1]));
  CHECK(has(typed(kit, "U0CAROL", "deny " + ids[2] + " " + code(kit, ids[2])), "enied"));
  REQUIRE(ends_as(kit, ids[0], "succeeded"));
  REQUIRE(ends_as(kit, ids[1], "succeeded"));
  REQUIRE(ends_as(kit, ids[2], "denied"));
  auto const open = kit.ask("witness-two");  // nothing of the above may count for this one
  auto const runs = kit.witnessed();

  std::vector<std::pair<std::string, Json>> captured;
  for (auto const& one : kit.slack().interactions())
    captured.emplace_back(one.kind == "slash_commands" ? "slash_commands" : "interactive", one.payload);
  REQUIRE(captured.size() >= 4);
  auto const before = kit.entries().size();
  auto const replay = [&] {
    std::vector<std::uint64_t> sent;
    while (sent.size() < 340) {
      for (auto const& [type, payload] : captured) sent.push_back(kit.slack().deliver(type, payload));
    }
    for (auto const one : sent) CHECK(acked(kit, one));
  };
  replay();
  kit.slack().kill_tcp(0);
  REQUIRE(kit.wait([&, dials = kit.slack().hellos()] { return kit.slack().hellos() >= dials + 2; }, 20s));
  replay();
  CHECK(kit.stop() == 0);
  kit.start();
  REQUIRE(kit.wait([&] { return !kit.slack().sockets().empty(); }));
  replay();

  auto const after = kit.entries();
  for (auto i = before; i < after.size(); ++i) {
    auto const kind = after[i]["kind"].text();
    CAPTURE(core::dump(after[i]));
    CHECK((kind == "vote.refused" || kind == "request.post_intent" || kind == "request.posted" ||
           kind == "service.stopped" || kind == "service.started"));
  }
  CHECK(kit.witnessed() == runs);
  CHECK(kit.state(open) == "pending");
  CHECK(kit.view(open)["votes"].if_array()->empty());
  CHECK(kit.press("U0BOB", open));  // an honest click still counts
  CHECK(kit.press("U0CAROL", open));
  CHECK(ends_as(kit, open, "succeeded"));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}
