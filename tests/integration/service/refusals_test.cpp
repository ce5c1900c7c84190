// Whoever tries over the API what is not theirs is on record, however little they are told.
#include "tests/integration/service/service.hpp"

using namespace service;

TEST_CASE(
    "T71 what the API refuses is on record, folded beyond a few a minute, and who is known reads without an entry") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  auto const refusals = [&](std::string const& account) {
    auto entries = kit.entries("vote.refused");
    std::erase_if(entries, [&](Json const& entry) { return entry["data"]["account"].text() != account; });
    return entries;
  };
  auto const reaches = [&](std::string const& account, std::size_t wanted) {
    return kit.wait([&] { return refusals(account).size() == wanted; });
  };

  CHECK(kit.http("POST", "/v1/requests/" + id + "/cancel", Json(Json::Object{}), "token-of-ci").status == 404);
  REQUIRE(reaches("ci", 1));
  auto const entry = refusals("ci").back();
  CHECK(entry["actor"].text() == "ci");
  CHECK(entry["data"]["platform"].text() == "api");
  CHECK(has(entry["data"]["reason"].text(), id));

  // Tokens can be guessed by reading as well as by asking.
  CHECK(kit.http("POST", "/v1/requests", Json(Json::Object{}), "nobody's").status == 401);
  REQUIRE(reaches("unknown", 1));
  CHECK(kit.http("GET", "/v1/requests/" + id, {}, "token-of-ci").status == 404);
  CHECK(kit.http("GET", "/v1/requests/" + id, {}, "nobody's").status == 401);
  REQUIRE(reaches("unknown", 2));
  CHECK(refusals("unknown").back()["actor"].text() == "unknown");
  CHECK(refusals("unknown").back()["data"]["reason"].text() == "a GET with a token that nobody has");
  CHECK(refusals("ci").size() == 1);  // what it read came before

  for (int i = 0; i < 20; ++i) {
    CHECK(kit.http("POST", "/v1/requests/CS-20200101-000001-R1/cancel", Json(Json::Object{}), "token-of-ci").status ==
          404);
    CHECK(kit.http("GET", "/v1/requests/" + id, {}, "nobody's").status == 401);
  }
  CHECK(kit.http("POST", "/v1/requests/" + id + "/cancel", Json(Json::Object{})).status == 200);  // its requester may
  for (auto const* account : {"ci", "unknown"}) CHECK(refusals(account).size() <= 5);             // within the minute
  CHECK(kit.stop() == 0);
  auto const counted = [&](std::string const& account) {
    std::int64_t sum = 0;
    for (auto const& one : refusals(account)) sum += std::max<std::int64_t>(1, one["data"]["folded"].integer());
    return sum;
  };
  CHECK(counted("ci") == 21);
  CHECK(counted("unknown") == 22);
  CHECK(kit.ledger_problems() == "");
}
