// Our own token for the Connector.
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;

namespace {

// Whatever makes the adapter call the Connector.
std::shared_ptr<std::optional<core::Result<ports::MessageRef>>> post(Bench& bench,
                                                                     std::string const& channel = kChannel) {
  auto result = std::make_shared<std::optional<core::Result<ports::MessageRef>>>();
  bench.adapter->post(channel, std::nullopt, bench.adapter->render(teams_cards::waiting(), "key").body, "key",
                      bench.loop.now(), [result](auto const& posted) { *result = posted; });
  return result;
}

}  // namespace

TEST_CASE("teams login: one fetch for many, renewed five minutes before it ends") {
  Bench bench;
  bench.connected();
  CHECK(bench.http.count(Door::login) == 1);
  auto const login = bench.http.last(Door::login);
  CHECK(login.url == std::string("https://login.microsoftonline.com/") + kTenant + "/oauth2/v2.0/token");
  CHECK(login.body == std::string("grant_type=client_credentials&client_id=") + kApp +
                          "&client_secret=s3cr~t%26more&scope=https%3A%2F%2Fapi.botframework.com%2F.default");
  bench.loop.advance(54min);
  post(bench);
  bench.loop.advance(1s);
  CHECK(bench.http.last(Door::create).authorization == "Bearer token-1");
  bench.loop.advance(2min);
  bench.http.hold = {Door::login};
  for (int i = 0; i < 4; ++i) post(bench, "19:c" + std::to_string(i) + "@thread.tacv2");
  bench.loop.advance(1s);
  CHECK(bench.http.count(Door::login) == 2);
  bench.http.hold.clear();
  bench.http.release();
  bench.loop.advance(1s);
  CHECK(bench.http.last(Door::create).authorization == "Bearer token-2");
  CHECK(bench.http.count(Door::create) == 5);
}

TEST_CASE("teams login: a token that the Connector no longer takes is replaced once") {
  Bench bench;
  bench.connected();
  bench.http.next[Door::create] = {refuses(401, "Unauthorized")};
  auto const result = post(bench);
  bench.loop.advance(1s);
  CHECK((*result)->has_value());
  CHECK(bench.http.last(Door::create).authorization == "Bearer token-2");
}

TEST_CASE("F22 teams: one call that is refused twice locks nobody out: it is asked once more, and what waited goes") {
  Bench bench;
  bench.connected();
  bench.http.next[Door::create] = {refuses(401, "Unauthorized"), refuses(401, "Unauthorized")};
  auto const first = post(bench);
  bench.loop.advance(1s);
  CHECK_FALSE(*first);
  auto const second = post(bench);
  bench.loop.advance(1s);
  CHECK_FALSE(*second);  // in its order
  bench.loop.advance(20s);
  CHECK((*first && (*first)->has_value()));
  CHECK((*second && (*second)->has_value()));
  CHECK(bench.sink.lockouts.empty());
  CHECK(bench.sink.states.back().first);
}

TEST_CASE("F22 teams: a Connector that takes no token of ours, asked once more, is asked once a minute from then on") {
  Bench bench;
  bench.connected();
  bench.loop.advance(1s);
  auto const refuse = [&](Seen const&) {
    return net::HttpResponse{401, {}, R"({"error":{"code":"BotNotRegistered"}})"};
  };
  for (auto const door : {Door::create, Door::members}) bench.http.next[door].assign(20, refuse);
  auto const first = post(bench);
  bench.loop.advance(4s);
  CHECK_FALSE(*first);
  CHECK(bench.sink.lockouts.empty());
  bench.loop.advance(15s);
  REQUIRE(*first);
  CHECK((*first)->error().code == core::Errc::forbidden);
  CHECK_FALSE(bench.sink.states.back().first);
  REQUIRE(bench.sink.lockouts.size() == 1);
  auto const logins = bench.http.count(Door::login), calls = bench.http.count(Door::create);
  CHECK(logins >= 3);  // what was asked last was asked with a fresh one
  for (int i = 0; i < 4; ++i) {
    auto const later = post(bench);
    bench.loop.advance(10s);
    CHECK((*later)->error().code == core::Errc::forbidden);
  }
  CHECK(bench.http.count(Door::create) == calls);
  CHECK(bench.sink.lockouts.size() == 1);
  for (auto const door : {Door::create, Door::members}) bench.http.next[door].clear();
  bench.loop.advance(40s);  // it does
  CHECK(bench.sink.states.back().first);
  auto const last = post(bench);
  bench.loop.advance(1s);
  CHECK((*last)->has_value());
}

TEST_CASE("F22 teams: a doubt that gets no answer is asked again until it gets one") {
  Bench bench;
  bench.connected();
  bench.loop.advance(1s);
  auto const refuse = [&](Seen const&) {
    return net::HttpResponse{401, {}, R"({"error":{"code":"BotNotRegistered"}})"};
  };
  bench.http.next[Door::create].assign(20, refuse);
  bench.http.next[Door::members].assign(20, refuse);
  bench.http.next[Door::members].push_front(says(503));
  auto const result = post(bench);
  bench.loop.advance(9s);
  CHECK(bench.sink.lockouts.empty());
  bench.loop.advance(20s);
  CHECK(bench.sink.lockouts.size() == 1);
  CHECK_FALSE(bench.sink.states.back().first);
}

TEST_CASE("F22 teams: where one call alone is refused again and again it fails, and nothing waits behind it for ever") {
  Bench bench;
  bench.connected();
  bench.loop.advance(1s);
  bench.http.next[Door::create].assign(4, says(401, R"({"error":{"code":"Unauthorized"}})"));
  auto const first = post(bench);
  auto const second = post(bench);
  bench.loop.advance(1min);
  REQUIRE(first->has_value());
  CHECK((*first)->error().code == core::Errc::forbidden);
  REQUIRE(second->has_value());
  CHECK((*second)->has_value());
  CHECK(bench.sink.lockouts.empty());
}

TEST_CASE("teams login: what passes is tried again, what does not is said with the way out") {
  Bench bench;
  SECTION("an outage") {
    bench.http.next[Door::login] = {fails(true), says(503), says(429, "{}", {{"Retry-After", "7"}}),
                                    says(200, "<html>")};
    bench.connected();
    auto const result = post(bench);
    bench.loop.advance(1min);
    CHECK((*result)->has_value());
    CHECK(bench.http.count(Door::login) == 5);
  }
  SECTION("an old token goes on while it lasts") {
    bench.connected();
    bench.loop.advance(56min);
    bench.http.next[Door::login] = {says(503)};
    auto const result = post(bench);
    bench.loop.advance(1s);
    CHECK((*result)->has_value());
    CHECK(bench.http.last(Door::create).authorization == "Bearer token-1");
  }
  SECTION("a wrong secret") {
    auto [code, hint] = GENERATE(table<char const*, char const*>(
        {{"AADSTS7000215: Invalid client secret provided.", "not its id"},
         {"AADSTS7000222: The provided client secret keys are expired.", "has expired"},
         {"AADSTS700016: Application was not found in the directory.", "not registered in the tenant"}}));
    bench.http.next[Door::login] = {
        says(401, R"({"error":"invalid_client","error_description":")" + std::string(code) + "\"}")};
    bench.connected();
    CHECK_FALSE(bench.sink.states.back().first);
    CHECK_THAT(bench.sink.states.back().second, Catch::Contains(hint));
    REQUIRE(bench.sink.lockouts.size() == 1);
    CHECK_THAT(bench.sink.lockouts[0], Catch::Contains(hint));
    auto const result = post(bench);
    bench.loop.advance(1s);
    CHECK((*result)->error().code == core::Errc::forbidden);
    CHECK(bench.http.count(Door::login) == 1);  // no hammering
    // Mended meanwhile.
    bench.loop.advance(1min);
    auto const later = post(bench);
    bench.loop.advance(1s);
    CHECK((*later)->has_value());
    CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
  }
  CHECK_THAT(bench.log_text(), !Catch::Contains("s3cr") && !Catch::Contains("token-"));
}
