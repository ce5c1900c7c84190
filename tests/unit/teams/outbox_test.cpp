// What goes out: posts, updates, answers; the Connector's refusals and the login's.
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;

namespace {

struct Result {
  std::optional<core::Result<ports::MessageRef>> posted;
  std::optional<core::Result<void>> updated;
  core::Time at{};
};
using Ref = std::shared_ptr<Result>;

Ref post(Bench& bench, std::string const& channel = kChannel, std::optional<ports::MessageRef> thread = {}) {
  auto result = std::make_shared<Result>();
  bench.adapter->post(channel, std::move(thread), bench.adapter->render(teams_cards::waiting(), "key").body, "key",
                      bench.loop.now(), [result, &bench](auto const& posted) {
                        result->posted = posted;
                        result->at = bench.loop.now();
                      });
  return result;
}

Json message_ref(std::string const& activity = "1764000000123") {
  return Json::object({{"channel", kChannel}, {"conversation", kThread}, {"activity", activity}});
}

Ref update(Bench& bench, std::string const& status, std::string const& activity = "1764000000123",
           ports::Urgency urgency = ports::Urgency::usual) {
  auto result = std::make_shared<Result>();
  auto card = teams_cards::waiting();
  card.status = status;
  bench.adapter->update(
      message_ref(activity), bench.adapter->render(card, "key").body,
      [result](auto const& updated) { result->updated = updated; }, urgency);
  return result;
}

}  // namespace

TEST_CASE("teams outbox: a card is a new thread of its channel, a note a reply in it") {
  Bench bench;
  bench.connected();
  auto const card = post(bench);
  bench.loop.run_posted();
  REQUIRE((card->posted && card->posted->has_value()));
  auto const created = bench.http.last(Door::create);
  CHECK(created.url == "https://smba.trafficmanager.net/teams/v3/conversations");
  CHECK(created.authorization == "Bearer token-1");
  auto const body = created.json();
  CHECK(body.if_object()->size() == 3);  // anything more is answered 502
  CHECK(body["isGroup"] == Json(true));
  CHECK(body["channelData"] ==
        Json::object({{"channel", Json::object({{"id", kChannel}})}, {"tenant", Json::object({{"id", kTenant}})}}));
  CHECK(body["activity"]["summary"].text() == teams_cards::waiting().notification);
  auto const ref = **card->posted;
  CHECK(ref["conversation"].text() == std::string(kChannel) + ";messageid=" + ref["activity"].text());

  auto const reply = post(bench, kChannel, ref);
  bench.loop.run_posted();
  REQUIRE((reply->posted && reply->posted->has_value()));
  CHECK(bench.http.last(Door::send).url ==
        "https://smba.trafficmanager.net/teams/v3/conversations/19%3Achan%40thread.tacv2%3Bmessageid%3D" +
            ref["activity"].text() + "/activities");
  // A chat has no threads.
  auto const chat = post(bench, "19:abc@thread.v2");
  auto const below = post(bench, "19:abc@thread.v2", **reply->posted);
  bench.loop.run_posted();
  CHECK((**chat->posted)["conversation"].text() == "19:abc@thread.v2");
  CHECK(below->posted->has_value());
  CHECK(bench.http.count(Door::create) == 1);
}

TEST_CASE("teams outbox: the root's id is found in either form of the answer") {
  Bench bench;
  bench.connected();
  bench.http.next[Door::create] = {says(201, R"({"id":"19:chan@thread.tacv2;messageid=77"})"),
                                   says(202, R"({"id":"19:chan@thread.tacv2","activityId":"78"})")};
  auto const one = post(bench), two = post(bench);
  bench.loop.advance(1s);
  CHECK((**one->posted)["activity"].text() == "77");
  CHECK((**two->posted)["conversation"].text() == "19:chan@thread.tacv2;messageid=78");
}

TEST_CASE("teams outbox: where activities came from is where messages go, if it is a host of Microsoft's") {
  Bench bench;
  bench.connected();
  bench.ask(installed());
  post(bench);
  bench.loop.advance(1s);
  CHECK_THAT(bench.http.last(Door::create).url, Catch::StartsWith("https://smba.trafficmanager.net/emea/v3/"));
  // A restart remembers it.
  bench.loop.advance(10s);
  bench.adapter.reset();
  bench.dialer.wires.clear();
  bench.connected();
  post(bench);
  bench.loop.advance(1s);
  CHECK_THAT(bench.http.last(Door::create).url, Catch::StartsWith("https://smba.trafficmanager.net/emea/v3/"));
  // A note that somebody changed leads our token nowhere else.
  bench.loop.advance(10s);
  bench.adapter.reset();
  auto& note = bench.notebook.notes.at("teams-directory");
  note.replace(note.find("smba.trafficmanager.net"), 23, "evil.trafficmanager.net");
  bench.dialer.wires.clear();
  bench.connected();
  post(bench);
  bench.loop.advance(1s);
  CHECK_THAT(bench.http.last(Door::create).url, Catch::StartsWith("https://smba.trafficmanager.net/teams/v3/"));
  for (auto const& call : bench.http.seen) CHECK_THAT(call.url, !Catch::Contains("evil"));
}

TEST_CASE("teams outbox: a post that may have been taken is repeated after a minute, and not for ever") {
  Bench bench;
  bench.connected();
  auto const unknown = GENERATE(0, 1, 2);
  auto const script = unknown == 0 ? fails(true) : unknown == 1 ? says(502) : refuses(500, "ServiceError");
  bench.http.next[Door::create] = {script};
  auto const result = post(bench), other = post(bench);
  bench.loop.advance(3s);
  CHECK(other->posted->has_value());  // the others need not wait
  CHECK_FALSE(result->posted);
  CHECK(bench.http.count(Door::create) == 2);
  CHECK_THAT(bench.log_text(), Catch::Contains("may have taken a message or not"));
  SECTION("the second one is taken") {
    bench.loop.advance(60s);
    REQUIRE(result->posted);
    CHECK(result->posted->has_value());
    CHECK(bench.adapter->counters().posts_repeated == 1);
  }
  SECTION("an outage") {
    for (int i = 0; i < 10; ++i) bench.http.next[Door::create].push_back(script);
    bench.loop.advance(60min);
    REQUIRE(result->posted);
    CHECK(result->posted->error().code == core::Errc::unavailable);
    CHECK_THAT(result->posted->error().message, Catch::Contains("may or may not stand in Teams"));
    CHECK(bench.http.count(Door::create) == 6);
    auto const next = post(bench);
    bench.http.next.clear();
    bench.loop.advance(3s);
    CHECK(next->posted->has_value());
  }
}

TEST_CASE("teams outbox: what never left, or was put off, is sent again and only once taken") {
  Bench bench;
  bench.connected();
  bench.http.next[Door::create] = {fails(false), refuses(429, "Throttled", {{"Retry-After", "20"}}),
                                   refuses(412, "PreconditionFailed")};
  auto const began = bench.loop.now();
  auto const result = post(bench), second = post(bench);
  bench.loop.advance(19s);
  CHECK(bench.http.count(Door::create) == 2);  // all of the conversation waits as long as told
  bench.loop.advance(30s);
  CHECK((result->posted->has_value() && second->posted->has_value()));
  CHECK(result->at <= second->at);  // and in order
  CHECK(bench.http.count(Door::create) == 5);
  CHECK(bench.adapter->counters().posts_in_doubt == 0);
  CHECK(bench.adapter->counters().rate_limited == 1);
  CHECK(result->at - began >= 20s);
}

TEST_CASE("F20 teams outbox: after a 429 a denial goes first, then an approval, and nothing before its time") {
  Bench bench;
  bench.connected();
  bench.http.next[Door::update] = {refuses(429, "Throttled", {{"Retry-After", "20"}})};
  update(bench, "first", "1");
  bench.loop.advance(1s);
  for (int i = 0; i < 5; ++i) update(bench, "usual", "2" + std::to_string(i));
  update(bench, "approved", "31", ports::Urgency::decision);
  update(bench, "still pending", "41");
  bench.loop.advance(1s);
  update(bench, "denied", "41", ports::Urgency::refusal);  // what waits of it already is overtaken, too
  bench.loop.advance(17s);
  CHECK(bench.http.count(Door::update) == 1);
  bench.loop.advance(20s);
  std::vector<std::string> went;
  for (auto const& call : bench.http.seen) {
    if (call.door == Door::update) went.push_back(call.json()["id"].text());
  }
  REQUIRE(went.size() == 9);
  CHECK(went[1] == "41");
  CHECK(went[2] == "31");
  CHECK(std::ranges::count(went, "41") == 1);
}

TEST_CASE("teams outbox: one message a second a conversation, five at once") {
  Bench bench;
  bench.connected();
  std::vector<Ref> results;
  for (int i = 0; i < 8; ++i) results.push_back(post(bench));
  auto const elsewhere = post(bench, "19:other@thread.tacv2");
  bench.loop.advance(10ms);
  CHECK(bench.http.count(Door::create) == 6);
  CHECK(elsewhere->posted);
  bench.loop.advance(1s);
  CHECK(bench.http.count(Door::create) == 7);
  bench.loop.advance(2s);
  CHECK(bench.http.count(Door::create) == 9);
  for (auto const& result : results) CHECK(result->posted);
}

TEST_CASE("teams outbox: one conversation never passes the documented rates, updates counted") {
  Bench bench;
  bench.connected();
  for (int i = 0; i < 60; ++i) {
    post(bench);
    update(bench, std::to_string(i), std::to_string(i));
  }
  bench.loop.advance(3min);
  std::vector<core::Time> times;
  for (auto const& call : bench.http.seen) {
    if (call.door == Door::create || call.door == Door::update) times.push_back(call.at);
  }
  CHECK(times.size() == 120);
  auto const most_within = [&](core::Duration window) {
    std::size_t most = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      auto const end = std::ranges::upper_bound(times, times[i] + window - 1ms);
      most = std::max(most, static_cast<std::size_t>(end - times.begin()) - i);
    }
    return most;
  };
  CHECK(most_within(1s) <= 7);
  CHECK(most_within(2s) <= 8);
  CHECK(most_within(30s) <= 60);
}

TEST_CASE("teams outbox: of several updates of one message only the last is sent, one at a time") {
  Bench bench;
  bench.connected();
  auto const one = update(bench, "one"), two = update(bench, "two"), three = update(bench, "three");
  bench.loop.run_posted();
  CHECK((one->updated && two->updated && three->updated));
  REQUIRE(bench.http.count(Door::update) == 1);
  auto const sent = bench.http.last(Door::update);
  CHECK(sent.method == "PUT");
  CHECK(sent.url ==
        "https://smba.trafficmanager.net/teams/v3/conversations/"
        "19%3Achan%40thread.tacv2%3Bmessageid%3D1764000000123/activities/1764000000123");
  CHECK(sent.json()["id"].text() == "1764000000123");
  CHECK(sent.json()["type"].text() == "message");
  CHECK_THAT(sent.body, Catch::Contains("three"));
  CHECK(bench.adapter->counters().updates_coalesced == 2);
  bench.http.next[Door::update] = {says(502), fails(true), refuses(429, "Throttled")};
  auto const again = update(bench, "four");
  bench.loop.advance(1500ms);
  auto const newer = update(bench, "five");
  bench.loop.advance(30s);
  CHECK((again->updated && newer->updated && newer->updated->has_value()));
  CHECK_THAT(bench.http.last(Door::update).body, Catch::Contains("five"));
  CHECK(bench.http.count(Door::update) == 5);
}

TEST_CASE("teams outbox: permanent refusals say what to do, and the line goes on") {
  Bench bench;
  bench.connected();
  auto [status, word, code, hint] = GENERATE(table<unsigned, char const*, core::Errc, char const*>({
      {403, "BotNotInConversationRoster", core::Errc::forbidden, "not installed in that team"},
      {403, "BotDisabledByAdmin", core::Errc::forbidden, "admin centre"},
      {403, "InvalidBotApiHost", core::Errc::forbidden, "smba.infra.gcc"},
      {404, "ConversationNotFound", core::Errc::not_found, "no more"},
      {405, "MethodNotAllowed", core::Errc::bad_input, "report"},
  }));
  bench.http.next[Door::create] = {refuses(status, word)};
  auto const result = post(bench), next = post(bench);
  bench.loop.advance(2s);
  REQUIRE((result->posted && result->posted->has_error()));
  CHECK(result->posted->error().code == code);
  CHECK_THAT(result->posted->error().message, Catch::Contains(word) && Catch::Contains(hint));
  CHECK(next->posted->has_value());
  bench.http.next[Door::update] = {refuses(404, "ActivityNotFoundInConversation")};
  auto const gone = update(bench, "x");
  bench.loop.advance(1s);
  CHECK(gone->updated->error().code == core::Errc::not_found);
}

TEST_CASE("teams outbox: a card that is refused is sent as text that still shows the action") {
  Bench bench;
  bench.connected();
  bench.http.next[Door::create] = {refuses(400, "BadSyntax")};
  auto const result = post(bench);
  bench.loop.advance(1s);
  CHECK(result->posted->has_value());
  auto const plain = bench.http.last(Door::create).json()["activity"];
  CHECK(plain["attachments"].is_null());
  CHECK_THAT(plain["text"].text(), Catch::Contains("systemctl restart web.service"));
  bench.http.next[Door::update] = {refuses(413, "MessageSizeTooBig"), refuses(413, "MessageSizeTooBig")};
  auto const updated = update(bench, "x");
  bench.loop.advance(1s);
  CHECK(updated->updated->error().code == core::Errc::bad_input);
  CHECK(bench.adapter->counters().fallbacks == 2);
}

TEST_CASE("teams outbox: nothing is ever found, and nothing is called after stop") {
  Bench bench;
  bench.connected();
  std::optional<core::Result<std::optional<ports::MessageRef>>> found;
  bench.adapter->find(kChannel, {}, "key", bench.loop.now(), [&](auto const& result) { found = result; });
  bench.loop.run_posted();
  REQUIRE((found && found->has_value()));
  CHECK_FALSE((*found)->has_value());
  auto const result = post(bench);
  auto const updated = update(bench, "x");
  bench.adapter->stop();
  bench.loop.advance(5min);
  CHECK_FALSE(result->posted);
  CHECK_FALSE(updated->updated);
  Bench broken;
  broken.connected();
  std::optional<core::Result<void>> nameless;
  broken.adapter->update(Json::object({{"ts", "1.2"}}), Json::object({}), [&](auto const& r) { nameless = r; });
  broken.loop.run_posted();
  CHECK(nameless->error().code == core::Errc::bad_input);
}
