#include <algorithm>

#include "tests/unit/playground/stand_in_fixture.hpp"

using core::Json;
using playground::Interaction;
using playground::SlackStandIn;

namespace {

playground::StandInOptions fast() {
  playground::StandInOptions options;
  options.ack_limit = net::Duration{500};  // also on a busy machine
  options.event_retries = {net::Duration{0}, net::Duration{30}, net::Duration{60}};
  options.ping_every = net::Duration{40};
  options.pong_limit = net::Duration{2'000};
  return options;
}

struct Fast : StandInFixture {
  Fast() : StandInFixture(fast()) {}

  std::uint64_t press(std::string const& ts, char const* user = "U0BOB") {
    playground::Click click;
    click.user = user;
    click.channel = "C0INC";
    click.ts = ts;
    click.action_id = "approve";
    auto const id = slack.click(click);
    REQUIRE(id.has_value());
    return *id;
  }
  Interaction::State end_of(std::uint64_t id) {
    until([&] { return slack.interaction(id)->state != Interaction::State::sent; });
    return slack.interaction(id)->state;
  }
};

}  // namespace

TEST_CASE_METHOD(Fast, "Socket Mode: hello counts the connections, tickets work once") {
  REQUIRE(app.connect_now(2));
  CHECK(app.sockets.front().frames.front()["num_connections"].integer() == 1);
  CHECK(app.sockets.back().frames.front()["num_connections"].integer() == 2);
  CHECK(app.sockets.back().frames.front()["connection_info"]["app_id"].text() == slack.world().app_id);
  auto const url = app.call_now("apps.connections.open", Json(Json::Object{})).body["url"].text();
  auto& first = app.sockets.emplace_back();
  app.dial(first, url);
  REQUIRE(until([&] { return first.ready; }));
  auto& second = app.sockets.emplace_back();
  app.dial(second, url);
  REQUIRE(until([&] { return second.closed; }));
  CHECK(second.end.http_status == 403);
}

TEST_CASE_METHOD(Fast, "Socket Mode: a click goes to one socket and is acknowledged there") {
  REQUIRE(app.connect_now(2));
  auto const ts = post();
  auto const id = press(ts);
  CHECK(end_of(id) == Interaction::State::acked);
  REQUIRE(app.envelopes.size() == 1);
  auto const& payload = app.envelopes[0]["payload"];
  CHECK(app.envelopes[0]["type"].text() == "interactive");
  CHECK(payload["actions"].at_index(0)["value"].text() == "v1.R1");
  CHECK(payload["actions"].at_index(0)["block_id"].text() == "decide-1");
  CHECK(payload["container"]["message_ts"].text() == ts);
  CHECK(payload["user"]["id"].text() == "U0BOB");
  CHECK(slack.findings().empty());
}

TEST_CASE_METHOD(Fast, "Socket Mode: with a seed the choice of sockets is random, yet both get some") {
  REQUIRE(app.connect_now(2));
  auto const ts = post();
  for (int i = 0; i < 20; ++i) press(ts);
  REQUIRE(until([&] { return app.envelopes.size() == 20; }));
  for (auto const& socket : slack.sockets()) CHECK(socket.delivered > 2);
}

TEST_CASE_METHOD(Fast, "Socket Mode: a click that nobody acknowledges is never sent again, the user is warned") {
  app.silent = true;
  REQUIRE(app.connect_now());
  auto const id = press(post());
  CHECK(end_of(id) == Interaction::State::not_acked);
  settle(200);
  CHECK(app.envelopes.size() == 1);
  CHECK(slack.warnings("U0BOB").size() == 1);
}

TEST_CASE_METHOD(Fast, "Socket Mode: without a socket a click is lost and the user is warned") {
  auto const id = press(post());
  CHECK(end_of(id) == Interaction::State::undelivered);
  CHECK(until([&] { return slack.warnings("U0BOB").size() == 1; }));
}

TEST_CASE_METHOD(Fast, "Socket Mode: an event is tried again three times with the same event_id") {
  app.silent = true;
  REQUIRE(app.connect_now());
  REQUIRE(slack.say("U0ALICE", "C0INC", "@countersign status").has_value());
  REQUIRE(until([&] { return app.envelopes.size() == 4; }));
  settle(700);
  REQUIRE(app.envelopes.size() == 4);
  for (int i = 0; i < 4; ++i) {
    auto const& envelope = app.envelopes[static_cast<std::size_t>(i)];
    CHECK(envelope["retry_attempt"].integer() == i);
    CHECK(envelope["retry_reason"].text() == (i == 0 ? "" : "timeout"));
    CHECK(envelope["payload"]["event_id"] == app.envelopes[0]["payload"]["event_id"]);
  }
  CHECK(app.envelopes[0]["payload"]["event"]["text"].text() == "<@U0BOTUSER> status");
}

TEST_CASE_METHOD(Fast, "Socket Mode: duplicates carry the same envelope_id, redelivery a fresh one") {
  REQUIRE(app.connect_now());
  slack.duplicate_envelopes(1);
  auto const id = press(post());
  REQUIRE(until([&] { return app.envelopes.size() == 2; }));
  CHECK(app.envelopes[0]["envelope_id"] == app.envelopes[1]["envelope_id"]);
  REQUIRE(slack.redeliver(id).has_value());
  REQUIRE(until([&] { return app.envelopes.size() == 3; }));
  CHECK(app.envelopes[2]["envelope_id"] != app.envelopes[0]["envelope_id"]);
  CHECK(app.envelopes[2]["payload"] == app.envelopes[0]["payload"]);
  CHECK(until([&] { return slack.interaction(id)->acks == 2; }));
}

TEST_CASE_METHOD(Fast, "Socket Mode: envelopes that are held leave in the order asked for") {
  REQUIRE(app.connect_now());
  auto const ts = post();
  slack.hold_envelopes();
  press(ts, "U0BOB");
  press(ts, "U0CAROL");
  settle();
  CHECK(app.envelopes.empty());
  slack.release_envelopes(/*reverse=*/true);
  REQUIRE(until([&] { return app.envelopes.size() == 2; }));
  CHECK(app.envelopes[0]["payload"]["user"]["id"].text() == "U0CAROL");
}

TEST_CASE_METHOD(Fast, "Socket Mode: the eleventh connection is told that there are too many") {
  REQUIRE(app.connect_now(10));
  auto& extra = app.connect();
  REQUIRE(until([&] { return extra.closed; }));
  REQUIRE(extra.frames.size() == 1);
  CHECK(extra.frames[0]["reason"].text() == "too_many_websockets");
  CHECK(until([&] { return slack.sockets().size() == 10; }));
}

TEST_CASE_METHOD(Fast, "Socket Mode: a refresh leaves time, then closes") {
  REQUIRE(app.connect_now(2));
  auto const old = slack.sockets().front().id;
  slack.mark_sockets();
  slack.disconnect(old, "warning");
  slack.disconnect(old, "refresh_requested", net::Duration{1'500});
  REQUIRE(until([&] { return app.sockets.front().frames.size() == 3; }));
  slack.choose_socket(old);
  CHECK(end_of(press(post())) == Interaction::State::acked);
  REQUIRE(until([&] { return app.sockets.front().closed; }));
  CHECK(app.sockets.front().end.close_code == 1000);
  CHECK(until([&] { return slack.least_sockets() == 1; }));
}

TEST_CASE_METHOD(Fast, "Socket Mode: a killed connection ends at once, a half-open one swallows clicks") {
  REQUIRE(app.connect_now(2));
  auto const ids = slack.sockets();
  slack.kill_tcp(ids[0].id);
  REQUIRE(until([&] { return app.sockets.front().closed && slack.sockets().size() == 1; }));
  CHECK(app.sockets.front().end.close_code == 0);
  slack.half_open(ids[1].id);
  auto const id = press(post());
  CHECK(end_of(id) == Interaction::State::not_acked);
  CHECK(slack.interaction(id)->socket == ids[1].id);
  CHECK_FALSE(app.sockets.back().closed);
  CHECK(app.envelopes.empty());
}

TEST_CASE_METHOD(Fast, "Socket Mode: PINGs go out and are answered") {
  REQUIRE(app.connect_now());
  CHECK(until([&] {
    auto const list = slack.sockets();
    return !list.empty() && list[0].pongs >= 3;
  }));
}

TEST_CASE_METHOD(Fast, "Socket Mode: upgrades can be refused") {
  slack.refuse_upgrades(1, 409);
  auto& socket = app.connect();
  REQUIRE(until([&] { return socket.closed; }));
  CHECK(socket.end.http_status == 409);
  CHECK(app.connect_now());
}

TEST_CASE_METHOD(Fast, "clicks can be forged: old value, other workspace, no message") {
  REQUIRE(app.connect_now());
  playground::Click click;
  click.user = "U0BOB";
  click.channel = "C0INC";
  click.ts = post();
  click.action_id = "approve";
  click.value = "v1.OLD";
  click.patch = *core::parse_json(R"({"user":{"team_id":"T0OTHER"},"message":null,"team":{"$null":true}})");
  REQUIRE(slack.click(click).has_value());
  REQUIRE(until([&] { return app.envelopes.size() == 1; }));
  auto const& payload = app.envelopes[0]["payload"];
  CHECK(payload["actions"].at_index(0)["value"].text() == "v1.OLD");
  CHECK(payload["user"]["team_id"].text() == "T0OTHER");
  CHECK(payload.if_object()->count("message") == 0);
  CHECK(payload.if_object()->count("team") == 1);
  CHECK(payload["team"].is_null());
}

TEST_CASE_METHOD(Fast,
                 "slash commands: escaped text, a string where others have a boolean, and the answer in the ack") {
  app.on_envelope = [](Json const&) { return Json::object({{"text", "on it"}}); };
  REQUIRE(app.connect_now());
  REQUIRE(slack.slash("U0ALICE", "C0INC", "/countersign", "ask @bob a<b").has_value());
  REQUIRE(until([&] { return slack.messages("C0INC").size() == 1; }));
  auto const& payload = app.envelopes[0]["payload"];
  CHECK(payload["text"].text() == "ask <@U0BOB|bob> a&lt;b");
  CHECK(payload["is_enterprise_install"].text() == "false");
  CHECK(slack.messages("C0INC")[0]["ephemeral_user"].text() == "U0ALICE");
}
