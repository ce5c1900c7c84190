#include "tests/unit/playground/stand_in_fixture.hpp"

using core::Json;
using playground::Fault;

TEST_CASE_METHOD(StandInFixture, "Web API: a message is stored as Slack stores it") {
  auto const answer = app.call_now("chat.postMessage",
                                   Json::object({{"channel", "C0INC"}, {"text", "a & <@U0BOB>"}, {"blocks", card()}}));
  REQUIRE(answer.status == 200);
  REQUIRE(answer.body["ok"].boolean());
  auto const ts = answer.body["ts"].text();
  auto const stored = slack.message("C0INC", ts);
  REQUIRE(stored);
  CHECK((*stored)["text"].text() == "a &amp; <@U0BOB>");
  CHECK((*stored)["blocks"].at_index(0)["block_id"].text().size() == 5);
  CHECK((*stored)["blocks"].at_index(2)["block_id"].text() == "decide-1");
  CHECK((*stored)["blocks"].at_index(1)["text"]["text"].text() == "asked by <@U0ALICE> &amp; co");
  REQUIRE(slack.pings().size() == 2);
  CHECK(slack.pings()[0].people == std::vector<std::string>{"U0BOB"});
  CHECK(slack.pings()[1].where == "/blocks/1/text/text");
}

TEST_CASE_METHOD(StandInFixture, "Web API: errors have Slack's words and pointers") {
  auto error = [&](char const* method, Json const& arguments, bool as_json = false) {
    return app.call_now(method, arguments, as_json).body["error"].text();
  };
  CHECK(error("chat.postMessage", Json::object({{"channel", "C0NONE"}, {"text", "x"}})) == "channel_not_found");
  CHECK(error("chat.postMessage", Json::object({{"channel", "C0QUIET"}, {"text", "x"}})) == "not_in_channel");
  CHECK(error("chat.postMessage", Json::object({{"channel", "C0INC"}})) == "no_text");
  CHECK(error("chat.postMessage", Json::object({{"channel", "C0INC"}, {"text", "x"}, {"blocks", "nonsense"}})) ==
        "invalid_blocks_format");
  CHECK(error("chat.unheardOf", Json(Json::Object{})) == "unknown_method");
  CHECK(error("users.info", Json::object({{"user", "U0BOB"}}), /*as_json=*/true) == "user_not_found");
  CHECK(error("users.info", Json::object({{"user", "U0BOB"}})).empty());
  auto const bad = app.call_now(
      "chat.postMessage", *core::parse_json(R"({"channel":"C0INC","text":"x","blocks":[{"type":"poster"}]})"), true);
  CHECK(bad.body["error"].text() == "invalid_blocks");
  CHECK(bad.body["response_metadata"]["messages"].at_index(0).text() ==
        "[ERROR] unsupported type: poster [json-pointer:/blocks/0/type]");
  Json many = Json::array();
  for (int i = 0; i < 5; ++i) {
    many.push(Json::object(
        {{"type", "section"}, {"text", Json::object({{"type", "mrkdwn"}, {"text", std::string(2900, 'x')}})}}));
  }
  CHECK(error("chat.postMessage", Json::object({{"channel", "C0INC"}, {"text", "x"}, {"blocks", many}})) ==
        "msg_blocks_too_long");
}

TEST_CASE_METHOD(StandInFixture, "Web API: tokens") {
  support::TinySlackApp nobody(io, slack.api_url(), "", "");
  CHECK(nobody.call_now("auth.test", Json(Json::Object{})).body["error"].text() == "not_authed");
  support::TinySlackApp wrong(io, slack.api_url(), slack.world().bot_token, "xoxb-other");
  CHECK(wrong.call_now("auth.test", Json(Json::Object{})).body["error"].text() == "invalid_auth");
  CHECK(wrong.call_now("apps.connections.open", Json(Json::Object{})).body["error"].text() == "not_allowed_token_type");
  CHECK(app.call_now("auth.test", Json(Json::Object{})).body["team_id"].text() == slack.world().team_id);
}

TEST_CASE_METHOD(StandInFixture, "Web API: update, ownership, length, and that editing notifies nobody") {
  auto const ts = post();
  auto const before = slack.pings().size();
  auto const fine = app.call_now(
      "chat.update", Json::object({{"channel", "C0INC"}, {"ts", ts}, {"text", "<@U0CAROL> done"}, {"blocks", card()}}));
  CHECK(fine.body["ok"].boolean());
  CHECK((*slack.message("C0INC", ts))["edited"].is_object());
  REQUIRE(slack.pings().size() > before);
  CHECK(slack.pings().back().update);
  CHECK(slack.state("U0CAROL")["toasts"].if_array()->empty());
  auto error = [&](Json const& arguments) { return app.call_now("chat.update", arguments).body["error"].text(); };
  CHECK(error(Json::object({{"channel", "C0INC"}, {"ts", "1.2"}, {"text", "x"}})) == "message_not_found");
  CHECK(error(Json::object({{"channel", "C0INC"}, {"ts", ts}, {"text", std::string(4001, 'x')}})) == "msg_too_long");
  auto const said = slack.say("U0ALICE", "C0INC", "mine");
  REQUIRE(said.has_value());
  CHECK(error(Json::object({{"channel", "C0INC"}, {"ts", *said}, {"text", "x"}})) == "cant_update_message");
}

TEST_CASE_METHOD(StandInFixture, "Web API: metadata comes back whole only when asked for") {
  auto const meta = Json::object({{"event_type", "approval"}, {"event_payload", Json::object({{"key", "k1"}})}});
  app.call_now("chat.postMessage", Json::object({{"channel", "C0INC"}, {"text", "x"}, {"metadata", meta}}));
  auto first = [&](Json const& arguments) {
    return app.call_now("conversations.history", arguments).body["messages"].at_index(0)["metadata"];
  };
  CHECK(first(Json::object({{"channel", "C0INC"}})) == Json::object({{"event_type", "approval"}}));
  CHECK(first(Json::object({{"channel", "C0INC"}, {"include_all_metadata", "true"}})) == meta);
  CHECK(app.call_now("chat.postMessage", Json::object({{"channel", "C0INC"}, {"text", "x"}, {"metadata", "[]"}}))
            .body["error"]
            .text() == "invalid_metadata_format");
}

TEST_CASE_METHOD(StandInFixture, "Web API: history pages newest first without replies, replies oldest first") {
  auto const root = post();
  for (int i = 0; i < 3; ++i) {
    app.call_now("chat.postMessage",
                 Json::object({{"channel", "C0INC"}, {"text", "r" + std::to_string(i)}, {"thread_ts", root}}));
  }
  auto const second = post();
  auto const page = app.call_now("conversations.history", Json::object({{"channel", "C0INC"}, {"limit", "1"}})).body;
  CHECK(page["messages"].at_index(0)["ts"].text() == second);
  CHECK(page["has_more"].boolean());
  auto const rest =
      app.call_now("conversations.history",
                   Json::object({{"channel", "C0INC"}, {"cursor", page["response_metadata"]["next_cursor"]}}))
          .body;
  REQUIRE(rest["messages"].if_array()->size() == 1);
  CHECK(rest["messages"].at_index(0)["reply_count"].integer() == 3);
  auto const thread = app.call_now("conversations.replies", Json::object({{"channel", "C0INC"}, {"ts", root}})).body;
  REQUIRE(thread["messages"].if_array()->size() == 4);
  CHECK(thread["messages"].at_index(3)["text"].text() == "r2");
  auto const late = app.call_now("conversations.history", Json::object({{"channel", "C0INC"}, {"oldest", root}})).body;
  CHECK(late["messages"].if_array()->size() == 1);
}

TEST_CASE_METHOD(StandInFixture,
                 "Web API: a message to a person goes to a direct conversation, ephemeral ones stay private") {
  auto const direct = app.call_now("chat.postMessage", Json::object({{"channel", "U0BOB"}, {"text", "psst"}})).body;
  CHECK(direct["channel"].text().substr(0, 1) == "D");
  CHECK(slack.state("U0BOB")["toasts"].at_index(0)["text"].text() == "psst");
  app.call_now("chat.postEphemeral", Json::object({{"channel", "C0INC"}, {"user", "U0BOB"}, {"text", "only you"}}));
  CHECK(slack.state("U0BOB")["messages"]["C0INC"].if_array()->size() == 1);
  CHECK(slack.state("U0ALICE")["messages"]["C0INC"].if_array()->empty());
  CHECK(
      app.call_now("conversations.history", Json::object({{"channel", "C0INC"}})).body["messages"].if_array()->empty());
}

TEST_CASE_METHOD(StandInFixture, "Web API: a text over 40,000 characters is cut, and said so") {
  auto const answer =
      app.call_now("chat.postMessage", Json::object({{"channel", "C0INC"}, {"text", std::string(40'100, 'x')}}));
  CHECK(answer.body["warning"].text() == "message_truncated");
  CHECK(answer.body["message"]["text"].text().size() == 40'000);
}

TEST_CASE("Web API: one post a second a channel, with Retry-After") {
  playground::StandInOptions options;
  options.limit_posts = true;
  auto now = std::make_shared<core::Time>(core::Time{std::chrono::seconds(1'795'255'200)});
  options.now = [now] { return *now; };
  StandInFixture fixture(options);
  auto status = [&] {
    return fixture.app.call_now("chat.postMessage", Json::object({{"channel", "C0INC"}, {"text", "x"}}));
  };
  for (int i = 0; i < 4; ++i) CHECK(status().status == 200);
  auto const refused = status();
  CHECK(refused.status == 429);
  CHECK(net::find_header(refused.headers, "Retry-After") == "1");
  CHECK(refused.body["error"].text() == "ratelimited");
  *now += std::chrono::seconds(1);
  CHECK(status().status == 200);
  CHECK(status().status == 429);
}

TEST_CASE_METHOD(StandInFixture, "faults: done or not done, answered or not") {
  auto const args = Json::object({{"channel", "C0INC"}, {"text", "x"}});
  auto with = [&](Fault::Kind kind) {
    Fault fault;
    fault.method = "chat.postMessage";
    fault.kind = kind;
    slack.add_fault(fault);
    app.timeout = net::Duration{300};
    auto const answer = app.call_now("chat.postMessage", args);
    return std::pair{answer.status, slack.messages("C0INC").size()};
  };
  using Pair = std::pair<unsigned, std::size_t>;
  CHECK(with(Fault::Kind::status) == Pair{500, 0});
  CHECK(with(Fault::Kind::status_after_done) == Pair{500, 1});
  CHECK(with(Fault::Kind::cut) == Pair{0, 1});
  CHECK(with(Fault::Kind::cut_after_done) == Pair{0, 2});
  CHECK(with(Fault::Kind::hang) == Pair{0, 2});
  CHECK(with(Fault::Kind::hang_after_done) == Pair{0, 3});
  CHECK(with(Fault::Kind::rate_limit) == Pair{429, 3});
  CHECK(with(Fault::Kind::error) == Pair{200, 3});
  app.timeout = net::Duration{5'000};
  CHECK(app.call_now("chat.postMessage", args).body["ok"].boolean());
}
