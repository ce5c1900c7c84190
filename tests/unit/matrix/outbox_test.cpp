#include "adapters/matrix/bucket.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

struct Result {
  std::optional<core::Result<ports::MessageRef>> posted;
  std::optional<core::Result<void>> updated;
};

std::shared_ptr<Result> post(Bench& bench, std::string const& key = "key-1") {
  auto result = std::make_shared<Result>();
  bench.adapter->post(kRoom, std::nullopt, bench.adapter->render(matrix_cards::waiting(), key).body, key,
                      bench.loop.now(), [result](auto const& posted) { result->posted = posted; });
  return result;
}

std::shared_ptr<Result> update(Bench& bench, std::string const& event, std::string const& status,
                               ports::Urgency urgency = ports::Urgency::usual) {
  auto result = std::make_shared<Result>();
  auto card = matrix_cards::waiting();
  card.status = status;
  bench.adapter->update(
      Bench::matrix_ref(event), bench.adapter->render(card, "key-1").body,
      [result](auto const& updated) { result->updated = updated; }, urgency);
  return result;
}

std::optional<core::Result<std::optional<ports::MessageRef>>> find(Bench& bench, std::string const& key,
                                                                   core::Time since) {
  auto found = std::make_shared<std::optional<core::Result<std::optional<ports::MessageRef>>>>();
  bench.adapter->find(kRoom, std::nullopt, key, since, [found](auto const& result) { *found = result; });
  bench.loop.advance(5s);
  return *found;
}

constexpr char const* kSend = "send/m.room.message";

}  // namespace

TEST_CASE("matrix outbox: a post carries its key, its transaction and no secret") {
  Bench bench;
  bench.connected();
  auto const result = post(bench);
  bench.loop.advance(1s);
  REQUIRE(result->posted);
  CHECK((**result->posted)["room_id"].text() == kRoom);
  CHECK((**result->posted)["event_id"].text().front() == '$');
  auto const call = bench.hs.calls(kSend).at(0);
  CHECK(call.method == "PUT");
  CHECK(call.body[matrix::kOurs]["key"].text() == "key-1");
  CHECK_THAT(call.url, Catch::Contains("/rooms/%21inc%3Aexample.org/send/m.room.message/cs-post-"));
  CHECK(call.path.substr(call.path.rfind('/') + 1).size() <= 64);

  bench.adapter->post(kRoom, **result->posted, bench.adapter->render(matrix_cards::note(), "key-2").body, "key-2",
                      bench.loop.now(), [](auto const&) {});
  auto const note = bench.last();
  CHECK(note["m.relates_to"]["rel_type"].text() == "m.thread");
  CHECK(note["m.relates_to"]["event_id"] == (**result->posted)["event_id"]);
  CHECK(note["m.relates_to"]["m.in_reply_to"]["event_id"] == (**result->posted)["event_id"]);
  CHECK_THAT(bench.log_text(), !Catch::Contains("secret-token"));
}

TEST_CASE("matrix outbox: what comes before the adapter knows itself waits") {
  Bench bench;
  bench.adapter = std::make_unique<matrix::Adapter>(
      bench.settings,
      matrix::Parts{bench.loop, bench.hs, bench.proxy, bench.log, bench.notebook, [] { return std::uint64_t{0}; }});
  auto const result = post(bench);
  bench.loop.advance(10s);
  CHECK_FALSE(result->posted);
  bench.adapter->start(bench.engine);
  bench.loop.advance(1s);
  CHECK(result->posted);
}

TEST_CASE("matrix outbox: a post of which nothing is known is looked for, then sent under the same transaction") {
  Bench bench;
  bench.connected();
  bool const taken = GENERATE(true, false);
  bool const found = GENERATE(true, false);
  auto const how = GENERATE(0, 1, 2, 3);
  bench.hs.fault(kSend,
                 how == 0   ? Homeserver::broken(true)
                 : how == 1 ? Homeserver::Answer(net::HttpResponse{502, {}, "<html>"})
                 : how == 2 ? Homeserver::refusal(500, "M_UNKNOWN")
                            : Homeserver::Answer(net::HttpResponse{200, {}, "<html>"}),
                 taken);
  // A server that is slow to show what it took.
  if (!found) bench.hs.fault("/messages", net::HttpResponse{200, {}, R"({"chunk":[],"start":"t1"})"});
  auto const result = post(bench);
  bench.loop.advance(10s);
  REQUIRE((result->posted && result->posted->has_value()));
  CHECK(bench.hs.sent().size() == 1);  // never two cards
  CHECK(bench.hs.sent("m.reaction").size() == 3);
  auto const sends = bench.hs.calls(kSend);
  CHECK(sends.size() == (taken && found ? 1U : 2U));
  CHECK(sends.front().path == sends.back().path);
  CHECK(bench.adapter->counters().posts_found_again == (taken && found ? 1U : 0U));
}

TEST_CASE("matrix outbox: T12 the same post after a restart is the same message") {
  Bench bench;
  bench.connected();
  auto const body = bench.adapter->render(matrix_cards::waiting(), "key-1").body;
  auto const since = bench.loop.now();
  auto const again = [&](std::string const& key, core::Time at) {
    std::string event;
    bench.adapter->post(kRoom, std::nullopt, body, key, at,
                        [&](auto const& posted) { event = (*posted)["event_id"].text(); });
    bench.loop.advance(1s);
    return event;
  };
  auto const first = again("key-1", since);
  bench.restart();
  CHECK(again("key-1", since) == first);
  CHECK(bench.hs.sent().size() == 1);
  CHECK(again("key-2", since) != first);
  CHECK(again("key-1", since + 1ms) != first);  // another ledger that counts from one
}

TEST_CASE("matrix outbox: what never left is sent again at once") {
  Bench bench;
  bench.connected();
  for (int i = 0; i < 2; ++i) bench.hs.fault(kSend, Homeserver::broken(false));
  auto const result = post(bench);
  bench.loop.advance(2s);
  CHECK(bench.hs.calls("/messages").empty());
  CHECK(bench.hs.calls(kSend).size() == 3);
  CHECK(result->posted);
}

TEST_CASE("matrix outbox: a message of ours is known by sender and key, over pages") {
  Bench bench;
  bench.connected();
  auto const since = bench.loop.now();
  auto const content = bench.adapter->render(matrix_cards::waiting(), "key-1").body;
  bench.hs.say("@eve:example.org", "m.room.message", content);
  CHECK_FALSE(find(bench, "key-1", since)->value().has_value());
  auto const event = bench.post(matrix_cards::waiting());
  update(bench, event, "edited");
  for (int i = 0; i < 250; ++i) bench.hs.text("@eve:example.org", "chatter");
  // A sender's claim about the time must not end the search.
  bench.hs.say("@eve:example.org", "m.room.message", Json::object({}), kRoom, {},
               Json::object({{"origin_server_ts", 5}}));
  auto const found = find(bench, "key-1", since);
  REQUIRE((found && found->has_value() && (*found)->has_value()));
  CHECK((***found)["event_id"].text() == event);
  CHECK_FALSE(find(bench, "key-9", since)->value().has_value());
  // What is older than it can be is another one's.
  CHECK_FALSE(find(bench, "key-1", since + 10min)->value().has_value());
  bench.hs.fault("/messages", Homeserver::refusal(403, "M_FORBIDDEN"));
  CHECK(find(bench, "key-1", since)->error().code == core::Errc::forbidden);
}

TEST_CASE(
    "matrix outbox: of several updates of one message only the last is sent, each under a transaction of its own") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const one = update(bench, event, "one"), two = update(bench, event, "two"),
             three = update(bench, event, "three");
  bench.loop.advance(1s);
  CHECK((one->updated && two->updated && three->updated));
  CHECK(bench.hs.sent().size() == 2);
  auto const edit = bench.hs.sent().back();
  CHECK(edit["m.relates_to"]["event_id"].text() == event);
  CHECK_THAT(edit["m.new_content"]["body"].text(), Catch::Contains("three"));
  CHECK(bench.adapter->counters().updates_coalesced == 2);
  // Back to what it was: the homeserver must not take it for the earlier one.
  update(bench, event, "two");
  bench.loop.advance(1s);
  update(bench, event, "three");
  bench.loop.advance(1s);
  CHECK(bench.hs.sent().size() == 4);
  // Never two within one millisecond: the homeserver would show the one whose event id is greater.
  for (auto const* word : {"a", "b", "c", "the newest"}) {
    update(bench, event, word);
    bench.loop.run_posted();
  }
  CHECK(bench.hs.sent().size() == 5);
  bench.loop.advance(1ms);
  CHECK(bench.hs.sent().size() == 5);
  bench.loop.advance(1ms);
  CHECK(bench.hs.sent().size() == 6);
  CHECK_THAT(bench.hs.sent().back()["m.new_content"]["body"].text(), Catch::Contains("the newest"));
  bench.loop.advance(2ms);
  CHECK(bench.hs.sent().size() == 6);
  update(bench, event, "b");
  bench.loop.advance(1ms);
  CHECK(bench.hs.sent().size() == 7);
  // The same content again is the same transaction; what changed meanwhile is another.
  bench.hs.fault(kSend, Homeserver::broken(true), true);
  bench.hs.fault(kSend, net::HttpResponse{502, {}, ""}, true);
  auto const four = update(bench, event, "four");
  bench.loop.advance(2s);
  CHECK(four->updated->has_value());
  CHECK(bench.hs.sent().size() == 8);
}

TEST_CASE("matrix outbox: a rate limit is learnt, and decisions go before what can wait") {
  Bench bench;
  bench.connected();
  auto const event = bench.post(matrix_cards::waiting());
  auto const limit = [&] {
    bench.hs.fault(kSend, Homeserver::refusal(429, "M_LIMIT_EXCEEDED", Json::object({{"retry_after_ms", 4500}})));
  };
  limit();
  auto const since = bench.loop.now();
  bench.adapter->post(kRoom, Bench::matrix_ref(event), bench.adapter->render(matrix_cards::note(), "note").body, "note",
                      since, [](auto const&) {});
  bench.loop.run_posted();
  bench.adapter->whisper({"matrix", "@bob:example.org"}, kRoom, "words");
  auto const decided = update(bench, event, "decided", ports::Urgency::decision);
  bench.loop.advance(4s);
  CHECK(bench.hs.sent().size() == 1);
  CHECK_FALSE(decided->updated);
  bench.loop.advance(1s);
  CHECK(decided->updated);
  CHECK(bench.hs.sent().size() == 2);
  bench.loop.advance(5s);
  CHECK_THAT(bench.hs.sent().at(2)["body"].text(), Catch::Contains("words"));
  bench.loop.advance(5s);
  CHECK_THAT(bench.hs.sent().at(3)["body"].text(), Catch::Contains("succeeded"));
  CHECK(bench.adapter->counters().rate_limited == 1);
}

TEST_CASE("F20 matrix outbox: after a 429 a denial goes first, then an approval, and nothing before its time") {
  Bench bench;
  bench.connected();
  std::vector<std::string> events;
  for (int i = 0; i < 8; ++i) events.push_back(bench.post(matrix_cards::waiting()));
  bench.loop.advance(30s);
  auto const before = bench.hs.sent().size();
  bench.hs.fault(kSend, Homeserver::refusal(429, "M_LIMIT_EXCEEDED", Json::object({{"retry_after_ms", 20'000}})));
  update(bench, events[0], "usual 0");
  bench.loop.advance(1s);
  for (std::size_t i = 1; i < 6; ++i) update(bench, events[i], "usual " + std::to_string(i));
  update(bench, events[6], "approved", ports::Urgency::decision);
  update(bench, events[7], "still pending");
  bench.loop.advance(1s);
  update(bench, events[7], "denied", ports::Urgency::refusal);  // what waits of it already is overtaken, too
  bench.loop.advance(17s);
  CHECK(bench.hs.sent().size() == before);
  bench.loop.advance(10min);
  auto const sent = bench.hs.sent();
  REQUIRE(sent.size() == before + 8);
  CHECK_THAT(core::dump(sent.at(before)), Catch::Contains("denied") && Catch::Contains(events[7]));
  CHECK_THAT(core::dump(sent.at(before + 1)), Catch::Contains("approved"));
}

TEST_CASE("matrix bucket: nothing is held back before the first refusal, and not for ever after it") {
  core::Time const start{1'000'000ms};
  matrix::Bucket bucket;
  for (int i = 0; i < 100; ++i) {
    CHECK(bucket.free_at(start) == start);
    bucket.take(start);
  }
  bucket.refused(start, 5s);
  CHECK(bucket.free_at(start) == start + 5s);
  bucket.take(start + 5s);
  CHECK(bucket.free_at(start + 5s) == start + 10s);
  // Idle for a while: a burst, but a smaller one than the server's.
  auto now = start + 10min;
  int burst = 0;
  for (; bucket.free_at(now) == now; ++burst) bucket.take(now);
  CHECK(burst == 8);
  CHECK(bucket.free_at(now) == now + 5s);
  for (int i = 0; i < 50; ++i) bucket.accepted();
  CHECK(bucket.interval() == 2500ms);
  for (int i = 0; i < 500; ++i) bucket.accepted();
  CHECK(bucket.interval() == 0ms);
  bucket.refused(now, 1h);
  CHECK(bucket.interval() == 10s);
  CHECK(bucket.free_at(now) == now + 1h);
}

TEST_CASE("matrix outbox: rooms don't wait for each other") {
  Bench bench;
  bench.make_room("!two:example.org");
  bench.hs.join(kBot, "!two:example.org");
  bench.settings.channels.push_back("!two:example.org");
  bench.connected();
  bench.hs.fault("!inc:example.org/send", Homeserver::broken(false));
  bench.random = 400;
  auto const first = post(bench);
  std::optional<core::Result<ports::MessageRef>> second;
  bench.adapter->post("!two:example.org", std::nullopt, bench.adapter->render(matrix_cards::waiting(), "key-2").body,
                      "key-2", bench.loop.now(), [&](auto const& posted) { second = posted; });
  bench.loop.advance(100ms);
  CHECK(second);
  CHECK_FALSE(first->posted);
}

TEST_CASE("matrix outbox: permanent errors say what to do") {
  Bench bench;
  bench.connected();
  auto [status, word, code, hint] = GENERATE(table<unsigned, char const*, core::Errc, char const*>({
      {403, "M_FORBIDDEN", core::Errc::forbidden, "Invite the bot"},
      {404, "M_NOT_FOUND", core::Errc::not_found, "does not exist"},
      {403, "M_USER_SUSPENDED", core::Errc::forbidden, "M_USER_SUSPENDED"},
  }));
  bench.hs.fault(kSend, Homeserver::refusal(status, word));
  auto const result = post(bench);
  bench.loop.advance(1s);
  REQUIRE((result->posted && result->posted->has_error()));
  CHECK(result->posted->error().code == code);
  CHECK_THAT(result->posted->error().message, Catch::Contains(hint));
  auto const next = post(bench, "next");  // the line goes on
  bench.loop.advance(5s);
  CHECK(next->posted->has_value());
}

TEST_CASE("matrix outbox: a message that is refused is sent without markup, and then said to be impossible") {
  Bench bench;
  bench.connected();
  auto const word = GENERATE(as<std::string>(), "M_TOO_LARGE", "M_BAD_JSON");
  bench.hs.fault(kSend, Homeserver::refusal(word == "M_TOO_LARGE" ? 413 : 400, word));
  auto const result = post(bench);
  bench.loop.advance(1s);
  CHECK(result->posted->has_value());
  CHECK(bench.hs.sent().back()["formatted_body"].is_null());
  CHECK_THAT(bench.hs.sent().back()["body"].text(), Catch::Contains("systemctl restart web.service"));
  auto const calls = bench.hs.calls(kSend);
  CHECK(calls[0].path != calls[1].path);  // other content, other transaction
  for (int i = 0; i < 2; ++i) bench.hs.fault(kSend, Homeserver::refusal(400, word));
  auto const updated = update(bench, (**result->posted)["event_id"].text(), "x");
  bench.loop.advance(1s);
  CHECK(updated->updated->error().code == core::Errc::bad_input);
}

TEST_CASE("matrix outbox: references that are none") {
  Bench bench;
  bench.connected();
  std::optional<core::Result<void>> updated;
  bench.adapter->update(Json::object({{"ts", "1.2"}}), Json::object({}), [&](auto const& result) { updated = result; });
  std::optional<core::Result<ports::MessageRef>> posted;
  bench.adapter->post(kRoom, Json::object({{"ts", "1.2"}}), bench.adapter->render(matrix_cards::note(), "k").body, "k",
                      bench.loop.now(), [&](auto const& result) { posted = result; });
  bench.loop.advance(1s);
  CHECK(updated->error().code == core::Errc::bad_input);
  CHECK(posted->error().code == core::Errc::bad_input);
}
