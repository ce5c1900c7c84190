#include "tests/unit/playground/stand_in_fixture.hpp"

using core::Json;
using playground::Interaction;

namespace {

struct Modals : StandInFixture {
  Modals() { REQUIRE(app.connect_now()); }

  static Json view(std::string metadata = "m") {
    auto out = *core::parse_json(R"({"type":"modal","callback_id":"justify","notify_on_close":true,
      "title":{"type":"plain_text","text":"Approve"},"submit":{"type":"plain_text","text":"Approve"},"blocks":[
        {"type":"input","block_id":"why","label":{"type":"plain_text","text":"Why?"},
         "element":{"type":"plain_text_input","action_id":"text","multiline":true,"min_length":5}}]})");
    out.set("private_metadata", metadata);
    return out;
  }
  std::string trigger() {
    playground::Click click;
    click.user = "U0BOB";
    click.channel = "C0INC";
    click.ts = post();
    click.action_id = "approve";
    return sent(slack.click(click)).trigger_id;
  }
  Json open(std::string const& trigger_id, Json const& what = view()) {
    return app.call_now("views.open", Json::object({{"trigger_id", trigger_id}, {"view", what}})).body;
  }
  Interaction const& sent(core::Result<std::uint64_t> const& id) {
    REQUIRE(id.has_value());
    until([&] { return slack.interaction(*id)->state != Interaction::State::sent; });
    return *slack.interaction(*id);
  }
};

}  // namespace

TEST_CASE_METHOD(Modals, "modals: a trigger works once, for three seconds, and only if it is one") {
  auto const id = trigger();
  auto const opened = open(id);
  CHECK(opened["ok"].boolean());
  CHECK_FALSE(opened["view"]["hash"].text().empty());
  CHECK(open(id)["error"].text() == "exchanged_trigger_id");
  CHECK(open("12.34.nonsense")["error"].text() == "invalid_trigger_id");
  slack.options().trigger_life = net::Duration{-1};
  CHECK(open(trigger())["error"].text() == "expired_trigger_id");
}

TEST_CASE_METHOD(Modals, "modals: the client checks lengths, the app answers with errors by block, then it closes") {
  std::string const metadata = "{\"q\":\"\\u00e9 <&>\"}";
  REQUIRE(open(trigger(), view(metadata))["ok"].boolean());
  CHECK_FALSE(slack.submit("U0BOB", Json::object({{"why", "abc"}})).has_value());
  CHECK_FALSE(slack.modals("U0BOB").back()["errors"].is_null());
  app.on_envelope = [](Json const&) {
    return Json::object({{"response_action", "errors"}, {"errors", Json::object({{"why", "Say more"}})}});
  };
  auto const& first = sent(slack.submit("U0BOB", Json::object({{"why", "abcdef"}})));
  CHECK(first.payload["view"]["private_metadata"].text() == metadata);
  CHECK(first.payload["view"]["state"]["values"]["why"]["text"]["value"].text() == "abcdef");
  CHECK(slack.modals("U0BOB").back()["errors"]["why"].text() == "Say more");
  app.on_envelope = {};
  sent(slack.submit("U0BOB", Json::object({{"why", "abcdef"}})));
  CHECK(slack.modals("U0BOB").empty());
  CHECK(slack.findings().empty());
}

TEST_CASE_METHOD(Modals, "modals: an error for a block that is none is a finding and a warning") {
  REQUIRE(open(trigger())["ok"].boolean());
  app.on_envelope = [](Json const&) {
    return Json::object({{"response_action", "errors"}, {"errors", Json::object({{"nope", "x"}})}});
  };
  sent(slack.submit("U0BOB", Json::object({{"why", "abcdef"}})));
  CHECK(slack.findings().size() == 1);
  CHECK(slack.warnings("U0BOB").size() == 1);
  CHECK(slack.modals("U0BOB").size() == 1);
}

TEST_CASE_METHOD(Modals, "modals: update with a stale hash is a conflict, push stops at three, clear ends all") {
  auto const opened = open(trigger());
  auto const id = opened["view"]["id"].text();
  auto update = [&](std::string const& hash) {
    return app.call_now("views.update", Json::object({{"view_id", id}, {"hash", hash}, {"view", view()}})).body;
  };
  CHECK(update("1.old")["error"].text() == "hash_conflict");
  CHECK(update(opened["view"]["hash"].text())["ok"].boolean());
  app.on_envelope = [](Json const&) { return Json::object({{"response_action", "push"}, {"view", view()}}); };
  sent(slack.submit("U0BOB", Json::object({{"why", "abcdef"}})));
  sent(slack.submit("U0BOB", Json::object({{"why", "abcdef"}})));
  CHECK(slack.modals("U0BOB").size() == 3);
  sent(slack.submit("U0BOB", Json::object({{"why", "abcdef"}})));
  CHECK(slack.modals("U0BOB").size() == 3);
  CHECK(slack.findings().size() == 1);
  app.on_envelope = [](Json const& envelope) {
    return envelope["payload"]["type"].text() == "view_submission" ? Json::object({{"response_action", "clear"}})
                                                                   : Json();
  };
  sent(slack.submit("U0BOB", Json::object({{"why", "abcdef"}})));
  CHECK(slack.modals("U0BOB").empty());
}

TEST_CASE_METHOD(Modals, "modals: view_closed only if asked for") {
  REQUIRE(open(trigger())["ok"].boolean());
  auto const closed = sent(slack.close_modal("U0BOB"));
  CHECK(closed.kind == "view_closed");
  auto quiet = view();
  quiet.set("notify_on_close", false);
  REQUIRE(open(trigger(), quiet)["ok"].boolean());
  auto const none = slack.close_modal("U0BOB");
  REQUIRE(none.has_value());
  CHECK(*none == 0);
}

TEST_CASE_METHOD(Modals, "response URLs: five uses, replace and delete the original, private by default") {
  auto const ts = post();
  playground::Click click;
  click.user = "U0BOB";
  click.channel = "C0INC";
  click.ts = ts;
  click.action_id = "approve";
  auto const id = slack.click(click);
  REQUIRE(id.has_value());
  auto const url = slack.interaction(*id)->response_url;
  CHECK(url.substr(0, slack.origin().size()) == slack.origin());
  auto const http = net::make_http_client(io);
  auto use = [&](Json const& body) {
    net::HttpRequest request;
    request.method = "POST";
    request.url = url;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = core::dump(body);
    std::optional<net::HttpResponse> got;
    http->request(std::move(request), [&](net::Result<net::HttpResponse> r) {
      got = r ? *r : net::HttpResponse{0, {}, {}};
    });
    until([&] { return got.has_value(); });
    return *got;
  };
  CHECK(use(Json::object({{"text", "for you"}})).body == "ok");
  CHECK(slack.messages("C0INC").back()["ephemeral_user"].text() == "U0BOB");
  CHECK(use(Json::object({{"replace_original", true}, {"text", "changed"}})).status == 200);
  CHECK((*slack.message("C0INC", ts))["text"].text() == "changed");
  for (int i = 0; i < 3; ++i) CHECK(use(Json::object({{"text", "more"}})).status == 200);
  CHECK(use(Json::object({{"delete_original", true}})).body.find("used_url") != std::string::npos);
}
