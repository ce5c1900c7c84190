#include "tests/support/catch.hpp"
#include "tests/unit/slack/cards.hpp"
#include "tests/unit/slack/fakes.hpp"

using namespace slack_fakes;

namespace {

struct Result {
  std::optional<core::Result<ports::MessageRef>> posted;
  std::optional<core::Result<void>> updated;
};

std::shared_ptr<Result> post(Bench& bench, std::string const& key = "key-1") {
  auto result = std::make_shared<Result>();
  bench.adapter->post("C0INC", std::nullopt, bench.adapter->render(slack_cards::waiting(), key).body, key,
                      bench.loop.now(), [result](auto const& posted) { result->posted = posted; });
  return result;
}

std::shared_ptr<Result> update(Bench& bench, std::string const& status, std::string const& ts = "1.2",
                               ports::Urgency urgency = ports::Urgency::usual) {
  auto result = std::make_shared<Result>();
  auto card = slack_cards::waiting();
  card.status = status;
  bench.adapter->update(
      Json::object({{"channel", "C0INC"}, {"ts", ts}}), bench.adapter->render(card, "key-1").body,
      [result](auto const& updated) { result->updated = updated; }, urgency);
  return result;
}

std::string history(std::string const& key, std::string const& bot = "B0BOT", std::string const& cursor = "") {
  return core::dump(Json::object(
      {{"ok", true},
       {"messages",
        Json::array({Json::object({{"ts", "1764000000.000900"},
                                   {"bot_id", bot},
                                   {"metadata", Json::object({{"event_type", "countersign"},
                                                              {"event_payload", Json::object({{"key", key}})}})}})})},
       {"response_metadata", Json::object({{"next_cursor", cursor}})}}));
}

}  // namespace

TEST_CASE("slack outbox: a post carries its channel, key and no secret") {
  Bench bench;
  bench.connected();
  auto const result = post(bench);
  bench.loop.run_posted();
  REQUIRE(result->posted);
  CHECK((**result->posted)["channel"].text() == "C0INC");
  auto const body = bench.http.last_body("chat.postMessage");
  CHECK(body["channel"].text() == "C0INC");
  CHECK(body["metadata"]["event_payload"]["key"].text() == "key-1");

  bool threaded = false;
  bench.adapter->post("C0INC", Json::object({{"channel", "C0INC"}, {"ts", "7.8"}}),
                      bench.adapter->render(slack_cards::note(), "key-2").body, "key-2", bench.loop.now(),
                      [&](auto const& posted) { threaded = posted.has_value(); });
  bench.loop.run_posted();
  CHECK(threaded);
  CHECK(bench.http.last_body("chat.postMessage")["thread_ts"].text() == "7.8");
}

TEST_CASE("slack outbox: what comes before the adapter knows itself waits") {
  Bench bench;
  bench.adapter = std::make_unique<slack::Adapter>(
      bench.settings, slack::Parts{bench.loop, bench.http, bench.dialer, bench.log, [] { return std::uint64_t{0}; }});
  auto const result = post(bench);
  bench.loop.advance(10s);
  CHECK_FALSE(result->posted);
  bench.adapter->start(bench.sink);
  bench.loop.advance(1s);
  CHECK(result->posted);
}

TEST_CASE("slack outbox: a post that timed out but was taken is found, not repeated") {
  Bench bench;
  bench.connected();
  auto const ambiguous = GENERATE(0, 1, 2);
  bench.http.next["chat.postMessage"].push_back(ambiguous == 0   ? failing(true)
                                                : ambiguous == 1 ? json("", 500)
                                                                 : json(R"({"ok":false,"error":"fatal_error"})"));
  bench.http.next["conversations.history"] = {json(history("other")), json(history("key-1"))};
  auto const result = post(bench);
  bench.loop.advance(10s);
  REQUIRE(result->posted);
  CHECK((**result->posted)["ts"].text() == "1764000000.000900");
  CHECK(bench.http.count("chat.postMessage") == 1);
  CHECK(bench.adapter->counters().posts_found_again == 1);
}

TEST_CASE("slack outbox: what was perhaps taken is posted again only after a minute of looking") {
  Bench bench;
  bench.connected();
  bench.http.next["chat.postMessage"].push_back(failing(true));
  auto const result = post(bench);
  bench.loop.run_posted();
  SECTION("it never shows up") {
    bench.loop.advance(59'999ms);
    CHECK(bench.http.count("chat.postMessage") == 1);
    CHECK(bench.http.count("conversations.history") >= 5);
    bench.loop.advance(1ms);
    CHECK(bench.http.count("conversations.history") <= 9);
    CHECK(bench.http.count("chat.postMessage") == 2);
    CHECK(result->posted->has_value());
  }
  SECTION("a slow slack shows it after half a minute") {
    bench.loop.advance(30s);
    bench.http.next["conversations.history"].push_back(json(history("key-1")));
    bench.loop.advance(5min);
    CHECK(bench.http.count("chat.postMessage") == 1);
    CHECK((**result->posted)["ts"].text() == "1764000000.000900");
  }
  SECTION("a second attempt of which nothing is known has a minute of its own") {
    bench.http.next["chat.postMessage"].push_back(failing(true));
    bench.loop.advance(119s);
    CHECK(bench.http.count("chat.postMessage") == 2);
    bench.loop.advance(1s);
    CHECK(bench.http.count("chat.postMessage") == 3);
  }
  SECTION("other messages of the channel do not wait for it") {
    auto const other = post(bench, "key-2");
    bench.loop.advance(3s);
    REQUIRE(other->posted);
    CHECK(other->posted->has_value());
    CHECK_FALSE(result->posted);
    CHECK(bench.http.count("chat.postMessage") == 2);
  }
  SECTION("it can't be looked for: it is not posted again") {
    bench.http.next["conversations.history"].push_back(
        json(R"({"ok":false,"error":"missing_scope","needed":"channels:history"})"));
    bench.loop.advance(5min);
    CHECK(result->posted->error().code == core::Errc::forbidden);
    CHECK(bench.http.count("chat.postMessage") == 1);
  }
  SECTION("a token that dies meanwhile ends it") {
    bench.http.next["conversations.history"].push_back(json(R"({"ok":false,"error":"token_revoked"})"));
    bench.loop.advance(5min);
    CHECK(result->posted->error().code == core::Errc::forbidden);
    CHECK(bench.http.count("chat.postMessage") == 1);
  }
}

TEST_CASE("slack outbox: what never left is posted again at once") {
  Bench bench;
  bench.connected();
  bench.http.next["chat.postMessage"] = {failing(false), failing(false)};
  auto const result = post(bench);
  bench.loop.advance(1s);
  CHECK(bench.http.count("conversations.history") == 0);
  CHECK(bench.http.count("chat.postMessage") == 3);
  CHECK(result->posted);
}

TEST_CASE("slack outbox: a message of ours is known by bot and key, over pages and in threads") {
  Bench bench;
  bench.connected();
  std::optional<core::Result<std::optional<ports::MessageRef>>> found;
  auto const find = [&](std::optional<ports::MessageRef> const& thread) {
    found.reset();
    bench.adapter->find("C0INC", thread, "key-1", bench.loop.now(), [&](auto const& result) { found = result; });
    bench.loop.advance(1s);
  };
  bench.http.next["conversations.history"] = {json(history("key-1", "B0STRANGER", "page2")), json(history("key-1"))};
  find(std::nullopt);
  REQUIRE((found && found->has_value() && (*found)->has_value()));
  CHECK_THAT(bench.http.seen.back().body, Catch::Contains("cursor=page2") &&
                                              Catch::Contains("include_all_metadata=true") &&
                                              Catch::Contains("oldest=1795255"));
  // The host's clock was set back by two hours: Slack's is of the same time again, and ours goes on.
  bench.loop.lead = 2h;
  bench.http.next["conversations.history"] = {json(history("key-1"))};
  find(std::nullopt);
  CHECK((*found)->has_value());
  auto const an_hour_before = std::chrono::floor<std::chrono::seconds>(bench.loop.wall() - 1h - 1s).time_since_epoch();
  CHECK_THAT(bench.http.seen.back().body, Catch::Contains("oldest=" + std::to_string(an_hour_before.count())));
  bench.loop.lead = {};
  bench.http.next["conversations.replies"] = {json("", 502), json(history("key-1"))};
  find(Json::object({{"ts", "7.8"}}));
  CHECK((*found)->has_value());
  CHECK_THAT(bench.http.seen.back().body, Catch::Contains("ts=7.8"));
  find(std::nullopt);
  CHECK_FALSE((*found)->has_value());
  bench.http.next["conversations.history"].push_back(
      json(R"({"ok":false,"error":"missing_scope","needed":"channels:history"})"));
  find(std::nullopt);
  CHECK(found->error().code == core::Errc::forbidden);
  CHECK_THAT(found->error().message, Catch::Contains("channels:history"));
}

TEST_CASE("slack outbox: held up for an hour while the clock leads, it still looks where the message stands") {
  Bench bench;
  bench.connected();
  bench.loop.lead = 2h;
  auto const from = std::chrono::floor<std::chrono::seconds>(bench.loop.wall() - 1h).time_since_epoch();
  bench.http.next["conversations.history"] = {json("", 429, {{"Retry-After", "3600"}}),
                                              json(history("other", "B0BOT", "page2")), json(history("key-1"))};
  std::optional<core::Result<std::optional<ports::MessageRef>>> found;
  bench.adapter->find("C0INC", std::nullopt, "key-1", bench.loop.now(), [&](auto const& result) { found = result; });
  bench.loop.advance(2h);
  REQUIRE((found && found->has_value()));
  CHECK((*found)->has_value());
  REQUIRE(bench.http.count("conversations.history") == 3);
  for (auto const& call : bench.http.seen) {
    if (call.method == "conversations.history")
      CHECK_THAT(call.body, Catch::Contains("oldest=" + std::to_string(from.count())));
  }
}

TEST_CASE("slack outbox: 429 holds the method's line for as long as told") {
  Bench bench;
  bench.connected();
  bench.http.next["chat.update"].push_back(json("", 429, {{"Retry-After", "20"}}));
  auto const first = update(bench, "one");
  bench.loop.advance(5s);
  auto const second = update(bench, "two");
  auto const other = update(bench, "other", "3.4");
  bench.loop.advance(14s);
  CHECK(bench.http.count("chat.update") == 1);
  bench.loop.advance(2s);
  // The waiting call took the newest state with it; the other message has its own.
  CHECK(bench.http.count("chat.update") == 3);
  CHECK((first->updated && second->updated && other->updated));
  CHECK_THAT(bench.http.seen.at(bench.http.seen.size() - 2).body, Catch::Contains("two"));
  CHECK(bench.adapter->counters().rate_limited == 1);
}

TEST_CASE("F20 slack outbox: after a 429 a denial goes first, then an approval, and nothing before its time") {
  Bench bench;
  bench.connected();
  bench.http.next["chat.update"] = {json("", 429, {{"Retry-After", "20"}}), json("", 500)};
  update(bench, "first", "0.1");
  update(bench, "fails", "0.2");  // on its way too: it is tried again, but not inside the 20 s
  bench.loop.advance(1s);
  auto const waiting_from = bench.http.seen.size();
  for (int i = 0; i < 5; ++i) update(bench, "usual", "1." + std::to_string(i));
  update(bench, "approved", "2.1", ports::Urgency::decision);
  update(bench, "still pending", "3.1");
  bench.loop.advance(1s);
  update(bench, "denied", "3.1", ports::Urgency::refusal);  // what waits of it already is overtaken, too
  bench.loop.advance(17s);
  CHECK(bench.http.count("chat.update") == 2);
  auto const went = [&] {
    std::vector<std::string> all;
    for (auto i = waiting_from; i < bench.http.seen.size(); ++i) {
      if (bench.http.seen[i].method == "chat.update")
        all.push_back(core::parse_json(bench.http.seen[i].body).value()["ts"].text());
    }
    return all;
  };
  bench.http.hold = "chat.update";
  bench.loop.advance(2s);
  // Until Slack has taken it nothing else goes.
  REQUIRE(went() == std::vector<std::string>{"3.1"});
  CHECK_THAT(bench.http.seen[waiting_from].body, Catch::Contains("denied"));
  bench.http.release();
  bench.loop.advance(1s);
  REQUIRE(went().size() > 1);
  CHECK(went()[1] == "2.1");
  CHECK(went()[2] == "0.1");  // then in the order in which they came
  CHECK(went()[3] == "0.2");
  bench.http.hold.clear();
  while (!bench.http.held.empty()) bench.http.release();
  bench.loop.advance(1s);
  CHECK(went().size() == 9);
  CHECK(std::ranges::count(went(), "3.1") == 1);
}

TEST_CASE("F20 slack outbox: what was sent before a 429 ends no caution, only a call that was taken after it does") {
  Bench bench;
  bench.connected();
  bench.http.hold = "chat.update";
  bench.http.next["chat.update"] = {json("", 429, {{"Retry-After", "20"}})};
  for (int i = 0; i < 3; ++i) update(bench, "early", "0." + std::to_string(i));
  bench.loop.advance(1s);
  REQUIRE(bench.http.held.size() == 3);
  bench.http.release();  // the 429
  bench.loop.advance(1s);
  bench.http.release();  // taken, but before it
  bench.http.release();
  for (int i = 0; i < 5; ++i) update(bench, "late", "1." + std::to_string(i));
  bench.loop.advance(20s);
  CHECK(bench.http.count("chat.update") == 4);
  bench.http.release();
  bench.loop.advance(1ms);
  CHECK(bench.http.count("chat.update") == 8);
}

TEST_CASE("F20 slack outbox: few calls of a method are under way at once, so that what is urgent soon has its turn") {
  Bench bench;
  bench.connected();
  bench.http.hold = "chat.update";
  for (int i = 0; i < 50; ++i) update(bench, "usual", "1." + std::to_string(i));
  bench.loop.advance(1s);
  CHECK(bench.http.count("chat.update") == 4);
  update(bench, "denied", "2.1", ports::Urgency::refusal);
  bench.loop.advance(1s);
  CHECK(bench.http.count("chat.update") == 4);
  bench.http.release();
  bench.loop.advance(1ms);
  CHECK(bench.http.count("chat.update") == 5);
  CHECK_THAT(bench.http.seen.back().body, Catch::Contains("denied"));
  while (!bench.http.held.empty()) {
    bench.http.release();
    bench.loop.advance(1ms);
  }
  CHECK(bench.http.count("chat.update") == 51);
}

TEST_CASE("slack outbox: of several updates of one message only the last is sent, one at a time") {
  Bench bench;
  bench.connected();
  auto const one = update(bench, "one"), two = update(bench, "two"), three = update(bench, "three");
  bench.loop.run_posted();
  CHECK((one->updated && two->updated && three->updated));
  CHECK(bench.http.count("chat.update") == 1);
  CHECK_THAT(bench.http.seen.back().body, Catch::Contains("three"));
  bench.http.next["chat.update"] = {json("", 500), failing(true)};
  auto const again = update(bench, "four");
  bench.loop.advance(1s);
  CHECK(bench.http.count("chat.update") == 4);
  CHECK(again->updated->has_value());
}

TEST_CASE("slack outbox: one message a second a channel, three at once") {
  Bench bench;
  bench.connected();
  std::vector<std::shared_ptr<Result>> results;
  for (int i = 0; i < 6; ++i) results.push_back(post(bench, "key-" + std::to_string(i)));
  bench.loop.advance(10ms);
  CHECK(bench.http.count("chat.postMessage") == 3);
  bench.loop.advance(1s);
  CHECK(bench.http.count("chat.postMessage") == 4);
  bench.loop.advance(2s);
  CHECK(bench.http.count("chat.postMessage") == 6);
  for (auto const& result : results) CHECK(result->posted);
}

TEST_CASE("slack outbox: permanent errors say what to do") {
  Bench bench;
  bench.connected();
  auto [word, code, hint] = GENERATE(table<char const*, core::Errc, char const*>({
      {"not_in_channel", core::Errc::forbidden, "/invite"},
      {"channel_not_found", core::Errc::forbidden, "/invite"},
      {"is_archived", core::Errc::forbidden, "restore"},
      {"thread_not_found", core::Errc::not_found, "thread_not_found"},
  }));
  bench.http.next["chat.postMessage"].push_back(json(std::string(R"({"ok":false,"error":")") + word + "\"}"));
  auto const result = post(bench);
  bench.loop.advance(1s);
  REQUIRE((result->posted && result->posted->has_error()));
  CHECK(result->posted->error().code == code);
  CHECK_THAT(result->posted->error().message, Catch::Contains(hint));
  auto const next = post(bench, "next");  // the line goes on
  bench.loop.advance(5s);
  CHECK(next->posted->has_value());
}

TEST_CASE("slack outbox: refused blocks fall back to text that still shows the action") {
  Bench bench;
  bench.connected();
  bench.http.next["chat.postMessage"].push_back(json(
      R"({"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"]}})"));
  auto const result = post(bench);
  bench.loop.advance(1s);
  CHECK(result->posted->has_value());
  auto const body = bench.http.last_body("chat.postMessage");
  CHECK(body["blocks"] == Json::array());
  CHECK_THAT(body["text"].text(),
             Catch::Contains("systemctl restart web.service") && Catch::Contains("/countersign approve"));
  CHECK_THAT(bench.log_text(), Catch::Contains("json-pointer:/blocks/1/text/text"));

  bench.http.next["chat.update"] = {json(R"({"ok":false,"error":"msg_blocks_too_long"})"),
                                    json(R"({"ok":false,"error":"msg_too_long"})")};
  auto const updated = update(bench, "x");
  bench.loop.advance(1s);
  CHECK(updated->updated->error().code == core::Errc::bad_input);
}

TEST_CASE("slack outbox: a state that Slack refuses takes nothing from the newer one that waits behind it") {
  Bench bench;
  bench.connected();
  bench.http.hold = "chat.update";
  bench.http.next["chat.update"] = {json(R"({"ok":false,"error":"invalid_blocks"})")};
  auto const old = update(bench, "old");
  bench.loop.run_posted();
  auto const fresh = update(bench, "new");
  bench.loop.run_posted();
  bench.http.release();
  bench.loop.run_posted();
  REQUIRE(bench.http.count("chat.update") == 2);
  auto const body = bench.http.last_body("chat.update");
  CHECK(body["blocks"] != Json::array());
  CHECK(bench.adapter->counters().fallbacks == 0);
  bench.http.release();
  bench.loop.run_posted();
  CHECK((old->updated && old->updated->has_value() && fresh->updated && fresh->updated->has_value()));
}

TEST_CASE("slack outbox: a dead token ends everything with the way out") {
  Bench bench;
  bench.connected();
  bench.http.next["chat.postMessage"].push_back(json(R"({"ok":false,"error":"token_revoked"})"));
  auto const first = post(bench), second = post(bench, "key-2");
  bench.loop.advance(5s);
  CHECK(first->posted->error().code == core::Errc::forbidden);
  CHECK(second->posted->error().code == core::Errc::forbidden);
  CHECK_FALSE(bench.sink.states.back().first);
  auto const late = update(bench, "late");
  bench.loop.advance(1s);
  CHECK(late->updated->error().code == core::Errc::forbidden);
  CHECK_THAT(bench.log_text(), !Catch::Contains("xoxb-") && !Catch::Contains("xapp-"));
}

TEST_CASE("slack settings that can't be right are refused at once") {
  Bench bench;
  auto const make = [&](auto change) {
    auto settings = bench.settings;
    change(settings);
    return std::make_unique<slack::Adapter>(settings, slack::Parts{bench.loop, bench.http, bench.dialer, bench.log});
  };
  CHECK_NOTHROW(make([](auto&) {}));
  CHECK_NOTHROW(make([](auto& s) { s.api_url = "http://127.0.0.1:8080/api/"; }));
  CHECK_THROWS_AS(make([](auto& s) { s.api_url = "http://slack.example/api/"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.api_url = "https://slack.com/api"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.app_token.clear(); }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.bot_token = "xoxb-\r\nX: y"; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.connections = 11; }), core::Failure);
  CHECK_THROWS_AS(make([](auto& s) { s.workspace.clear(); }), core::Failure);
}
