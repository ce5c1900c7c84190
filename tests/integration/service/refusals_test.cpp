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
