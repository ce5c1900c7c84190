// Who is where, and settings.
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;

TEST_CASE("teams directory: members over pages become watchers, those without object ids are asked for one by one") {
  Bench bench;
  bench.http.people = Json::array();
  auto const member = [](std::string const& id, std::string const& object) { return Bench::member(id, object); };
  bench.http.next[Door::members] = {
      says(200, core::dump(Json::object({{"members", Json::array({member("29:1-bob", kBob), member("29:1-zed", "z")})},
                                         {"continuationToken", "abc+/="}}))),
      says(200, core::dump(Json::object({{"members", Json::array({member("29:1-carol", "")})}})))};
  auto const carol = teams_cards::people().at("carol");
  bench.http.next[Door::member] = {refuses(404, "MemberNotFoundInConversation"),
                                   says(200, core::dump(member("29:1-carol", carol)))};
  bench.connected();
  bench.loop.advance(1s);
  CHECK(bench.http.count(Door::members) == 2);
  CHECK_THAT(bench.http.last(Door::members).url, Catch::Contains("pageSize=200&continuationToken=abc%2B%2F%3D"));
  CHECK(bench.http.count(Door::member) == 3);
  auto const watchers = [&] {
    return teams::card_in(bench.adapter->render(teams_cards::waiting(), "k").body)["refresh"]["userIds"];
  };
  CHECK(watchers() == Json::array({"29:1-bob", "29:1-carol"}));
  // Somebody who was no member acts: it is asked again who they are.
  bench.http.next[Door::member] = {says(200, core::dump(member("29:1-alice", teams_cards::people().at("alice"))))};
  bench.send(message("list", "1", {"a11ce000-0000-4000-8000-000000000001", "29:1-alice"}));
  CHECK(watchers() == Json::array({"29:1-bob", "29:1-carol", "29:1-alice"}));  // who may vote, then who asked
  // Kept over a restart; asked again when the app comes to the team, but not with each event.
  bench.loop.advance(10s);
  bench.adapter.reset();
  bench.dialer.wires.clear();
  bench.connected();
  CHECK(watchers().if_array()->size() == 3);
  auto const asked = bench.http.count(Door::members);
  for (int i = 0; i < 5; ++i) bench.ask(installed());
  CHECK(bench.http.count(Door::members) == asked);
  bench.loop.advance(11min);
  bench.ask(installed("add", {.conversation = kChannel}));
  CHECK(bench.http.count(Door::members) == asked + 1);
}

namespace {

// What is said of whether Bob is active.
std::optional<core::Result<bool>> bob_is_active(Bench& bench) {
  std::optional<core::Result<bool>> said;
  bench.adapter->is_active(kBob, [&](auto const& active) { said = active; });
  bench.loop.advance(1s);
  return said;
}

}  // namespace

TEST_CASE("T39 teams: an active member is who a channel has as a member and none as a guest, asked for now") {
  Bench bench;
  std::string const other = "19:second@thread.tacv2";
  bench.settings.channels.push_back(other);
  bench.connected();
  bench.loop.advance(1s);
  auto const as = [&](std::string const& role) { return says(200, core::dump(Bench::member("29:1-bob", kBob, role))); };
  SECTION("a member") {
    bench.http.next[Door::member] = {as("user")};
    auto const said = bob_is_active(bench);
    REQUIRE((said && said->has_value()));
    CHECK(**said);
  }
  SECTION("a guest now") {
    bench.http.next[Door::member] = {as("guest")};
    auto const said = bob_is_active(bench);
    REQUIRE((said && said->has_value()));
    CHECK_FALSE(**said);
  }
  SECTION("a member here, whom another channel named as a guest") {
    bench.http.next[Door::member] = {refuses(404, "MemberNotFoundInConversation"),
                                     refuses(404, "MemberNotFoundInConversation"), as("guest")};
    REQUIRE(bob_is_active(bench));
    bench.http.next[Door::member] = {as("user")};
    auto const said = bob_is_active(bench);
    REQUIRE((said && said->has_value()));
    CHECK_FALSE(**said);
  }
  SECTION("of no channel any more, in each way that Teams says it") {
    auto const status = GENERATE(404U, 400U);
    for (int calls = 0; calls < 4; ++calls)
      bench.http.next[Door::member].push_back(refuses(status, "MemberNotFoundInConversation"));
    auto const said = bob_is_active(bench);
    REQUIRE((said && said->has_value()));
    CHECK_FALSE(**said);
  }
}

TEST_CASE("T39 teams: that a channel is gone, or anything else that names no member, says nothing of who is active") {
  Bench bench;
  bench.connected();
  bench.loop.advance(1s);
  SECTION("another error") {
    auto const [status, code] = GENERATE(table<unsigned, std::string>({{404, "ConversationNotFound"},
                                                                       {404, "ServiceError"},
                                                                       {404, ""},
                                                                       {410, "Gone"},
                                                                       {400, "BadSyntax"},
                                                                       {403, "BotNotInConversationRoster"}}));
    CAPTURE(status, code);
    for (int calls = 0; calls < 2; ++calls) bench.http.next[Door::member].push_back(refuses(status, code));
    auto const said = bob_is_active(bench);
    REQUIRE(said);
    CHECK(said->has_error());
  }
  SECTION("a page of some proxy") {
    bench.http.next[Door::member] = {says(404, "<html>"), says(404, "<html>")};
    auto const said = bob_is_active(bench);
    REQUIRE(said);
    CHECK(said->has_error());
  }
  SECTION("the app was removed there") {
    bench.ask(installed("remove", {.conversation = kChannel}));
    auto const said = bob_is_active(bench);
    REQUIRE(said);
    CHECK(said->has_error());
  }
}

TEST_CASE("T39 teams: whoever asks is answered within 15 s, and one asking is under way for an account") {
  Bench bench;
  bench.connected();
  bench.http.next[Door::login].assign(10'000, says(503));
  bench.loop.advance(2h);  // no token is good any more
  int failed = 0, active = 0;
  auto const ask = [&] {
    bench.adapter->is_active(kBob, [&](core::Result<bool> const& said) {
      if (!said) ++failed;
      if (said && *said) ++active;
    });
  };
  for (int i = 0; i < 50; ++i) {
    ask();
    bench.loop.advance(45s);
  }
  CHECK(failed == 50);
  ask();
  bench.http.next[Door::login].clear();
  auto const calls = bench.http.count(Door::member);
  bench.http.next[Door::member].assign(3, says(200, core::dump(Bench::member("29:1-bob", kBob, "user"))));
  bench.loop.advance(14s);
  ask();
  bench.loop.advance(2min);
  CHECK(active + failed == 52);
  CHECK(active >= 1);
  CHECK(bench.http.count(Door::member) - calls <= 3);
}

TEST_CASE("teams settings that can't be right are refused at once") {
  Bench bench;
  auto const make = [&](auto change) {
    auto settings = bench.settings;
    change(settings);
    return std::make_unique<teams::Adapter>(
        settings, teams::Parts{bench.loop, bench.http, bench.dialer, bench.log, bench.notebook, bench.io});
  };
  CHECK_NOTHROW(make([](auto&) {}));
  CHECK_NOTHROW(make([](auto& s) {
    s.tenant = "AAAAAAAA-0000-4000-8000-00000000000A";
    s.service_url = "http://127.0.0.1:8080/";
    s.relay->url = "ws://127.0.0.1:9000";
  }));
  CHECK_THROWS_AS(make([](auto& s) { s.tenant = "acme"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.app_id.clear(); }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.app_secret.clear(); }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.app_secret = "a\nb"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.service_url = "http://smba.trafficmanager.net/"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.openid_url = "ftp://x"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.issuer.clear(); }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.relay.reset(); }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.relay->url = "wss://ns.servicebus.windows.net/path"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.relay->url = "ws://ns.servicebus.windows.net"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.relay->path = "/approvals"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.relay->key.clear(); }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.relay->listeners = 26; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.endpoint = teams::EndpointSettings{}; }), core::Failure);  // plain, on 0.0.0.0
  CHECK_NOTHROW(make([](auto& s) { s.endpoint = teams::EndpointSettings{.address = "127.0.0.1"}; }));
  CHECK_THROWS_AS(make([](auto& s) { s.endpoint = teams::EndpointSettings{.address = "::1", .key_file = "k"}; }),
                  core::Failure);
}
