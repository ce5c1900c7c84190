// What is not known is a no, what was not shown was not read, and what does not work is said.
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;
using State = ports::Answer::State;

namespace {

constexpr auto kAlice = "a11ce000-0000-4000-8000-000000000001";

using Posted = std::shared_ptr<std::optional<core::Result<ports::MessageRef>>>;
Posted post(Bench& bench, Json body, std::optional<ports::MessageRef> const& thread = {}) {
  auto result = std::make_shared<std::optional<core::Result<ports::MessageRef>>>();
  bench.adapter->post(kChannel, thread, std::move(body), "key", bench.loop.now(),
                      [result](auto const& posted) { *result = posted; });
  return result;
}

std::string list_of(std::vector<Json> members) {
  return core::dump(Json::object({{"members", Json(std::move(members))}}));
}

// Why a click of this person is none; empty when it counts.
std::string foreign(Bench& bench, std::string const& object = kBob) {
  static int number = 0;
  auto const before = bench.sink.votes.size();
  bench.send(execute(data("approve"), "u" + std::to_string(++number), {object, "29:x"}));
  REQUIRE(bench.sink.votes.size() == before + 1);
  return bench.sink.votes.back().foreign;
}

}  // namespace

TEST_CASE("teams views: T4 a page that could not be posted was not read, and its person hears how to go on") {
  Bench bench;
  bench.connected();
  auto const scene = teams_cards::Scene("restart-long");
  auto const body = bench.adapter->render(scene.card(), "key").body;
  post(bench, body);
  bench.loop.advance(1s);
  auto data = teams::origin_of(teams::card_in(body)).value();
  bench.sink.view_answer = scene.view();
  auto const pages = [&](std::string const& id) {
    data.verb = "show";
    data.in_view = false;
    bench.send(submit(teams::to_json(data), id));
    bench.loop.advance(10s);
  };
  auto const approve = [&](std::string const& id) {
    data.verb = "approve";
    data.in_view = true;
    bench.send(submit(teams::to_json(data), id));
    bench.loop.advance(10s);
  };
  auto const words = [&] { return bench.http.last(Door::send).body; };
  SECTION("the first one fails") {
    bench.http.next[Door::send] = {says(502)};
    pages("v1");
    CHECK_THAT(words(), Catch::Contains("could not be posted") && Catch::Contains("Show all"));
    approve("v2");
    CHECK(bench.sink.votes.empty());
    CHECK_THAT(words(), Catch::Contains("Not counted") && Catch::Contains("Show all"));
  }
  SECTION("the last one fails") {
    bench.http.next[Door::send] = {says(200, R"({"id":"1"})"), says(502)};
    pages("v1");
    approve("v2");
    CHECK(bench.sink.votes.empty());
  }
  SECTION("so many words wait that no page is taken") {
    bench.http.hold = {Door::send};
    for (int i = 0; i < 30; ++i) bench.adapter->whisper({"teams", kBob}, kChannel, "psst");
    pages("v1");
    approve("v2");
    CHECK(bench.sink.votes.empty());
    bench.http.hold.clear();
    bench.http.release();
    bench.loop.advance(1min);
  }
  // Pressed again, and all stand there.
  pages("v3");
  approve("v4");
  REQUIRE(bench.sink.votes.size() == 1);
  CHECK(bench.sink.votes[0].via == "view");
}

TEST_CASE("teams outbox: what Teams took stands there once, even if nobody knows under which id") {
  Bench bench;
  bench.connected();
  auto const answer = GENERATE(std::string("{}"), std::string("<html>"), std::string());
  bench.http.next[Door::create] = {says(201, answer)};
  bench.http.next[Door::send] = {says(200, answer)};
  auto const card = post(bench, bench.adapter->render(teams_cards::waiting(), "key").body);
  auto const thread = Json::object({{"channel", kChannel}, {"conversation", kThread}, {"activity", "1764000000123"}});
  auto const note = post(bench, bench.adapter->render(core::Note{"It ended.", {}, {}}, "key").body, thread);
  bench.loop.advance(1h);
  CHECK(bench.http.count(Door::create) == 1);
  CHECK(bench.http.count(Door::send) == 1);
  REQUIRE((*card && *note));
  CHECK((*note)->has_value());
  REQUIRE((*card)->has_error());
  CHECK((*card)->error().code == core::Errc::conflict);  // nothing that is tried again
  CHECK_THAT((*card)->error().message, Catch::Contains("not which one"));
}

TEST_CASE("teams guests: T39 whose role nobody has told is not heard yet, and asked for by themselves") {
  Bench bench;
  bench.http.next[Door::members] = {
      says(200, list_of({Bench::member("29:1-bob", kBob, ""), Bench::member("29:1-alice", kAlice)}))};
  SECTION("told when asked singly") {
    bench.http.next[Door::member] = {says(200, core::dump(Bench::member("29:1-bob", kBob)))};
    bench.connected();
    CHECK(foreign(bench).empty());
    CHECK(foreign(bench, kAlice).empty());
  }
  SECTION("a guest when asked singly, and after a restart too") {
    bench.http.next[Door::member] = {says(200, core::dump(Bench::member("29:1-bob", kBob, "guest")))};
    bench.connected();
    CHECK_THAT(foreign(bench), Catch::Contains("guest"));
    bench.loop.advance(10s);
    bench.adapter.reset();
    bench.dialer.wires.clear();
    bench.http.hold = {Door::members, Door::member};
    bench.connected();
    CHECK_THAT(foreign(bench), Catch::Contains("You are a guest"));
    CHECK(foreign(bench, kAlice).empty());  // what is known is known without a list
  }
  SECTION("not told, then told") {
    bench.http.next[Door::member] = {says(502), says(502), says(502), says(502)};
    bench.connected();
    CHECK_THAT(foreign(bench), Catch::Contains("not known yet") && Catch::Contains("Nothing was counted"));
    bench.http.next[Door::member] = {says(200, core::dump(Bench::member("29:1-bob", kBob)))};
    bench.http.next[Door::members].clear();
    bench.loop.advance(5min);
    CHECK(foreign(bench).empty());
  }
  SECTION("a list without object ids") {
    bench.http.next[Door::members] = {says(200, list_of({Bench::member("29:1-bob", "", "guest")}))};
    bench.connected();
    CHECK_THAT(foreign(bench), Catch::Contains("not known yet"));
  }
}

TEST_CASE("teams guests: T39 a list that failed is asked for again soon, a new person at once") {
  Bench bench;
  bench.http.next[Door::members] = {says(502), says(502)};
  bench.connected();
  CHECK_THAT(foreign(bench), Catch::Contains("not known yet"));
  bench.loop.advance(10min);
  CHECK(foreign(bench).empty());
  CHECK(bench.http.count(Door::members) <= 4);
  auto const zed = "99990000-0000-4000-8000-000000000009";
  auto people = teams_cards::people();
  people["zed"] = zed;
  bench.http.next[Door::member] = {says(200, core::dump(Bench::member("29:1-zed", zed)))};
  bench.adapter->set_people_and_channels(people, {kChannel});
  bench.loop.advance(1s);
  CHECK(foreign(bench, zed).empty());
}

TEST_CASE("teams guests: T39 a list without roles says nothing against what another channel said") {
  Bench bench;
  bench.settings.channels = {kChannel, "19:second@thread.tacv2"};
  bench.http.next[Door::members] = {says(200, list_of({Bench::member("29:1-bob", kBob, "guest")})),
                                    says(200, list_of({Bench::member("29:1-bob", kBob, "")}))};
  bench.connected();
  CHECK_THAT(foreign(bench), Catch::Contains("You are a guest"));
}

TEST_CASE("teams directory: five thousand strangers take no configured person's place") {
  Bench bench;
  bench.http.hold = {Door::members};
  bench.connected();
  for (int i = 0; i < 5'100; ++i) {
    auto const name = std::to_string(1'000'000 + i);
    bench.send(base("typing", "t" + name, {"99990000-0000-4000-8000-00000" + name, "29:" + name}, {}));
  }
  bench.http.hold.clear();
  bench.http.release();
  bench.loop.advance(10s);
  auto const body = bench.adapter->render(teams_cards::waiting(), "k").body;
  CHECK(teams::card_in(body)["refresh"]["userIds"].if_array()->size() == teams_cards::people().size());
  CHECK(bench.notebook.notes.at("teams-directory").size() < 4'000);
}

TEST_CASE("teams outbox: nothing is tried where the app was removed, until it is back") {
  Bench bench;
  bench.connected();
  bench.ask(installed("remove", {.conversation = kChannel}));
  auto const body = bench.adapter->render(teams_cards::waiting(), "key").body;
  auto const lost = post(bench, body);
  std::optional<core::Result<void>> updated;
  bench.adapter->update(Json::object({{"channel", kChannel}, {"conversation", kThread}, {"activity", "1"}}), body,
                        [&](auto const& result) { updated = result; });
  bench.loop.advance(1s);
  CHECK(bench.http.count(Door::create) + bench.http.count(Door::update) == 0);
  for (auto const& error : {(*lost)->error(), updated->error()}) {
    CHECK(error.code == core::Errc::forbidden);
    CHECK_THAT(error.message, Catch::Contains("add it there again"));
  }
  SECTION("an event says so") { bench.ask(installed("add", {.conversation = kChannel})); }
  SECTION("a list says so") { bench.loop.advance(2min); }
  auto const again = post(bench, body);
  bench.loop.advance(1s);
  CHECK((*again)->has_value());
}

TEST_CASE("teams outbox: an update is sent as plain text only for its own refusal") {
  Bench bench;
  bench.connected();
  auto const update = [&](char const* status) {
    auto card = teams_cards::waiting();
    card.status = status;
    bench.adapter->update(Json::object({{"channel", kChannel}, {"conversation", kThread}, {"activity", "1"}}),
                          bench.adapter->render(card, "key").body, [](auto const&) {});
    bench.loop.run_posted();
  };
  bench.http.next[Door::update] = {refuses(400, "BadSyntax")};
  bench.http.hold = {Door::update};
  update("old");
  update("new");
  bench.http.hold.clear();
  bench.http.release();
  bench.loop.advance(10s);
  auto const last = bench.http.last(Door::update);
  CHECK_FALSE(last.json()["attachments"].is_null());
  CHECK_THAT(last.body, Catch::Contains("new"));
  CHECK(bench.adapter->counters().fallbacks == 0);
}

TEST_CASE("teams outbox: a pause holds also what had its turn already") {
  Bench bench;
  bench.connected();
  for (int i = 0; i < 6; ++i) {
    bench.adapter->update(
        Json::object({{"channel", kChannel}, {"conversation", kThread}, {"activity", std::to_string(i)}}),
        bench.adapter->render(teams_cards::waiting(), "key").body, [](auto const&) {});
  }
  for (int i = 0; i < 5; ++i)
    bench.http.next[Door::update].push_back(refuses(429, "Throttled", {{"Retry-After", "20"}}));
  bench.loop.advance(19s);  // the sixth had its turn after a second
  CHECK(bench.http.count(Door::update) == 5);
  bench.loop.advance(1min);
  CHECK(bench.http.count(Door::update) == 11);
}

TEST_CASE("teams connection: a login that answers nobody for a minute is said, and so is its end") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.http.next[Door::login].push_back(i % 2 ? says(503) : fails(true));
  bench.connected();
  CHECK(bench.sink.states.back().first);
  bench.loop.advance(4min);
  bench.http.next[Door::login].clear();
  auto const trouble = std::ranges::find_if(bench.sink.states, [](auto const& state) { return !state.second.empty(); });
  REQUIRE(trouble != bench.sink.states.end());
  CHECK_FALSE(trouble->first);
  CHECK_THAT(trouble->second, Catch::Contains("nothing can go out"));
  bench.loop.advance(1min);
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
}

TEST_CASE("teams connection: a Connector that takes nothing for a minute is said, and so is its end") {
  Bench bench;
  bench.connected();
  for (int i = 0; i < 12; ++i) bench.http.next[Door::update].push_back(says(503));
  for (int i = 0; i < 3; ++i) bench.http.next[Door::members].push_back(says(503));
  bench.adapter->update(Json::object({{"channel", kChannel}, {"conversation", kThread}, {"activity", "1"}}),
                        bench.adapter->render(teams_cards::waiting(), "key").body, [](auto const&) {});
  bench.loop.advance(2min);
  CHECK_FALSE(bench.sink.states.back().first);
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains("nothing can go out"));
  bench.loop.advance(10min);
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
}

TEST_CASE("teams connection: a refused login is asked again by itself, and at once with a new secret") {
  Bench bench;
  auto const refusal = says(401, R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid."})");
  bench.http.next[Door::login] = {refusal, refusal};
  bench.connected();
  CHECK_FALSE(bench.sink.states.back().first);
  bench.loop.advance(61s);
  CHECK(bench.http.count(Door::login) == 2);
  auto fresh = bench.settings;
  fresh.app_secret = "another";
  bench.adapter->fresh_secrets(fresh).value()();
  bench.loop.run_posted();
  CHECK(bench.http.count(Door::login) == 3);
  CHECK_THAT(bench.http.last(Door::login).body, Catch::Contains("client_secret=another"));
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
}

TEST_CASE("teams render: no two actions of a page have one id") {
  auto const scene = teams_cards::Scene("restart-long");
  auto view = scene.view();
  view.action.insert(view.action.end(), 2'000, "3. one more line of some length, so that there are pages between");
  REQUIRE(teams::page_count(view) > 3);
  for (std::size_t page = 1; page <= teams::page_count(view); ++page) {
    std::set<std::string> ids;
    auto const card = teams::render_page(view, {"CS-1-R1", "sha256:b", "sha256:r", "show"}, page);
    auto const& actions = card["body"].if_array()->back()["actions"];
    for (auto const& action : *actions.if_array()) CHECK(ids.insert(action["id"].text()).second);
  }
}

TEST_CASE("teams inbound: one time limit for a request, whatever its first steps took") {
  static keys::Rsa const fresh;
  Bench bench;
  bench.connected();
  bench.http.key_set.push(keys::jwk(fresh, "fresh-key", {"msteams"}));
  bench.http.hold = {Door::keys};
  net::Headers const headers{
      {"Content-Type", "application/json"},
      {"Authorization",
       "Bearer " + keys::signed_by(fresh, R"({"alg":"RS256","kid":"fresh-key"})", core::dump(bench.claims()))}};
  auto const id = bench.send(core::dump(execute(data("approve"))), headers);
  auto const after = GENERATE(1500ms, 2400ms, 2600ms);
  bench.loop.advance(after);
  bench.http.hold.clear();
  bench.http.release();
  bench.loop.run_posted();
  bench.loop.advance(2500ms - std::min(after, 2400ms));
  auto const answer = bench.answer(id);
  REQUIRE(answer);
  if (after > 2500ms) {
    // It was answered with an error, so nothing of it may count.
    CHECK(answer->status == 503);
    CHECK(bench.sink.votes.empty());
  } else {
    CHECK(answer->status == 200);
    CHECK_THAT(answer->body["value"].text(), Catch::StartsWith("Still being recorded"));
    CHECK(bench.sink.votes.size() == 1);
  }
}

TEST_CASE("teams keys: T9 strangers with unknown keys can't make a new one refused for good") {
  static keys::Rsa const fresh;
  Bench bench;
  bench.connected();
  auto const ask = [&](std::string const& kid) {
    static int number = 0;
    net::Headers const headers{
        {"Content-Type", "application/json"},
        {"Authorization",
         "Bearer " + keys::signed_by(fresh, R"({"alg":"RS256","kid":")" + kid + "\"}", core::dump(bench.claims()))}};
    return bench.answer(bench.send(core::dump(execute(data("approve"), "k" + std::to_string(++number))), headers));
  };
  CHECK(ask("stranger")->status == 401);  // a fresh set does not have it
  CHECK(ask("stranger")->status == 401);
  bench.http.key_set.push(keys::jwk(fresh, "fresh-key", {"msteams"}));
  CHECK(ask("fresh-key")->status == 503);  // no set was fetched for this one yet
  CHECK(bench.http.count(Door::keys) == 2);
  bench.loop.advance(5min);
  SECTION("then it is known") { CHECK_FALSE(ask("fresh-key")); }
  SECTION("a refresh that fails tells nothing") {
    bench.http.next[Door::metadata] = {says(500)};
    CHECK(ask("fresh-key")->status == 503);
  }
}
