#include <algorithm>

#include "tests/unit/playground/teams_fixture.hpp"

using core::Json;
using playground::TeamsDelivery;
using State = playground::TeamsDelivery::State;
using Bot = support::TinyTeamsBot;

namespace {

struct People : TeamsFixture {
  explicit People(playground::TeamsOptions options = quick_teams()) : TeamsFixture(std::move(options)) {
    REQUIRE(bot.listen_now());
  }
  Json activity(std::size_t index) const { return *core::parse_json(bot.requests.at(index).body); }
  void answer_with(std::string const& body, unsigned status = 200) {
    bot.on_request = [=](auto const&) { return Bot::Answer{status, "application/json", body}; };
  }
};

constexpr char const* kRecorded =
    R"({"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "Recorded."})";

}  // namespace

TEST_CASE_METHOD(People, "People: a click is an invoke with data and inputs, signed") {
  answer_with(kRecorded);
  auto const id = post();
  auto const delivery = teams.click(press(id));
  REQUIRE(delivery);
  auto const& done = end_of(*delivery);
  CHECK(done.state == State::answered);
  CHECK(done.shown == "Recorded.");
  CHECK(teams.warnings("bob") == std::vector<std::string>{"Recorded."});
  auto const sent = activity(0);
  CHECK(sent["type"].text() == "invoke");
  CHECK(sent["name"].text() == "adaptiveCard/action");
  CHECK(sent["from"]["aadObjectId"].text() == teams.world().person("bob")->aad_object_id);
  CHECK(sent["recipient"]["id"].text() == teams.world().bot());
  CHECK(sent["conversation"]["id"].text() == std::string(kIncidents) + ";messageid=" + id);
  CHECK(sent["conversation"]["tenantId"].text() == teams.world().tenant_id);
  CHECK(sent["replyToId"].text() == id);
  CHECK(sent["value"]["trigger"].text() == "manual");
  auto const& action = sent["value"]["action"];
  CHECK(action["verb"].text() == "vote");
  CHECK(action["data"]["request"].text() == "R1");
  CHECK(action["data"]["why"].text() == "INC-1");
  CHECK(bot.requests[0].head["requestHeaders"]["Authorization"].text().starts_with("Bearer eyJ"));
  CHECK(teams.findings().empty());
}

TEST_CASE_METHOD(People, "People: a client checks inputs itself, a hostile one doesn't") {
  answer_with(kRecorded);
  auto const id = post();
  auto click = press(id);
  click.inputs = Json();
  CHECK_FALSE(teams.click(click));
  click.inputs = Json::object({{"why", std::string(21, 'x')}});
  CHECK_FALSE(teams.click(click));
  click.action = "deny";  // its associatedInputs are none
  auto const denied = teams.click(click);
  REQUIRE(denied);
  end_of(*denied);
  CHECK(activity(0)["value"]["action"]["data"]["why"].is_null());
  click.action = "approve";
  click.force = true;
  click.patch = *core::parse_json(R"({"conversation": {"tenantId": "other"}, "from": {"aadObjectId": null}})");
  auto const forced = teams.click(click);
  REQUIRE(forced);
  end_of(*forced);
  CHECK(activity(1)["value"]["action"]["data"]["why"].text().size() == 21);
  CHECK(activity(1)["conversation"]["tenantId"].text() == "other");
  CHECK(activity(1)["from"]["aadObjectId"].is_null());
}

TEST_CASE_METHOD(People, "People: an old client sends the fallback as a message with a value") {
  auto const id = post();
  auto click = press(id);
  click.old_client = true;
  REQUIRE(teams.click(click));
  REQUIRE(until([&] { return bot.requests.size() == 1; }));
  CHECK(activity(0)["type"].text() == "message");
  CHECK(activity(0)["text"].is_null());
  CHECK(activity(0)["value"]["verb"].text() == "vote");
  CHECK(activity(0)["value"]["why"].text() == "INC-1");
  click.action = "deny";  // has no fallback
  CHECK_FALSE(teams.click(click));
}

TEST_CASE_METHOD(People, "People: a card in the answer is the clicker's own, until a PUT") {
  auto mine = card();
  mine.set("body", Json::array({Json::object({{"type", "TextBlock"}, {"text", "for you"}})}));
  answer_with(core::dump(
      Json::object({{"statusCode", 200}, {"type", "application/vnd.microsoft.card.adaptive"}, {"value", mine}})));
  auto const id = post();
  auto const delivery = teams.click(press(id));
  REQUIRE(delivery);
  end_of(*delivery);
  CHECK((*teams.message(kIncidents, id, "bob"))["view"].boolean());
  CHECK((*teams.message(kIncidents, id, "bob"))["card"]["body"].at_index(0)["text"].text() == "for you");
  CHECK_FALSE((*teams.message(kIncidents, id, "carol"))["view"].boolean());
  CHECK_FALSE(teams.click(press(id)));  // the button is gone from bob's view
  CHECK(teams.findings().size() == 1);  // that view mentions nobody in its text
  CHECK(rest("PUT", activities(kIncidents) + "/" + id, with(card())).status == 200);
  CHECK_FALSE((*teams.message(kIncidents, id, "bob"))["view"].boolean());
}

TEST_CASE_METHOD(People, "People: wrong answers to a card's action are found") {
  auto const [what, status, body] = GENERATE(table<char const*, unsigned, char const*>(
      {{"it must be 200", 501, ""},
       {"no body", 200, ""},
       {"unknown type", 200,
        R"({"statusCode": 200, "type": "application/vnd.microsoft.adaptive.card", "value": {"type": "AdaptiveCard"}})"},
       {"wrong status or value", 200,
        R"({"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": {}})"},
       {"wrong status or value", 200,
        R"({"statusCode": 200, "type": "application/vnd.microsoft.error", "value": {"code": "x", "message": "y"}})"},
       {"above 1.5", 200,
        R"({"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive",
            "value": {"type": "AdaptiveCard", "version": "1.6", "body": []}})"}}));
  CAPTURE(what, body);
  answer_with(body, status);
  auto const delivery = teams.click(press(post()));
  REQUIRE(delivery);
  end_of(*delivery);
  REQUIRE(teams.findings().size() == 1);
  CHECK(teams.findings()[0].find(what) != std::string::npos);
}

TEST_CASE_METHOD(People, "People: no answer in time comes again with the same id, then with a new one") {
  teams.options().answer_limit = net::Duration{50};
  bot.on_request = [](auto const&) { return Bot::Answer{0, {}, {}}; };
  auto const said = teams.say("alice", kIncidents, "list");
  REQUIRE(said);
  auto const& first = end_of(said->delivery);
  CHECK(first.state == State::late);
  CHECK(first.tries == 3);
  REQUIRE(until([&] { return teams.delivery(said->delivery)->again != 0; }));
  auto const& second = end_of(teams.delivery(said->delivery)->again);
  CHECK(second.tries == 3);
  CHECK(second.activity_id != first.activity_id);
  CHECK(bot.requests.size() == 6);
  CHECK(activity(2)["id"].text() == activity(0)["id"].text());
  CHECK(activity(3)["id"].text() != activity(0)["id"].text());
  settle(150);
  CHECK(bot.requests.size() == 6);  // and no more
}

TEST_CASE_METHOD(People, "People: a refusal is no reason to come again, a failure is") {
  answer_with({}, 403);
  auto const refused = teams.say("alice", kIncidents, "list");
  CHECK(end_of(refused->delivery).state == State::refused);
  CHECK(end_of(refused->delivery).tries == 1);
  answer_with({}, 503);
  auto const failed = teams.say("alice", kIncidents, "list");
  CHECK(end_of(failed->delivery).statuses == std::vector<unsigned>{503, 503, 503});
}

TEST_CASE_METHOD(People, "People: double taps, duplicates, held and reversed deliveries") {
  answer_with(kRecorded);
  auto const id = post();
  auto click = press(id);
  click.taps = 2;
  REQUIRE(teams.click(click));
  REQUIRE(until([&] { return bot.requests.size() == 2; }));
  CHECK(activity(0)["id"].text() != activity(1)["id"].text());
  teams.duplicate_deliveries(1);
  REQUIRE(teams.click(press(id)));
  REQUIRE(until([&] { return bot.requests.size() == 4; }));
  CHECK(activity(2)["id"].text() == activity(3)["id"].text());
  teams.hold_deliveries();
  auto const one = teams.say("alice", kIncidents, "one"), two = teams.say("alice", kIncidents, "two");
  settle();
  CHECK(bot.requests.size() == 4);
  teams.release_deliveries(/*reverse=*/true);
  REQUIRE(until([&] { return bot.requests.size() == 6; }));
  CHECK(activity(4)["id"].text() == two->activity);
  CHECK(activity(5)["id"].text() == one->activity);
  auto const before = bot.requests.size();
  REQUIRE(teams.redeliver(one->delivery));
  REQUIRE(until([&] { return bot.requests.size() == before + 1; }));
}

TEST_CASE_METHOD(People, "People: what is said is told to the bot when it should be") {
  auto const plain = teams.say("alice", kIncidents, "just talking", /*mention_bot=*/false);
  CHECK(plain->delivery == 0);
  auto const said = teams.say("alice", kIncidents, "approve CS-1 7f3a & <b> @bob");
  REQUIRE(said);
  REQUIRE(until([&] { return bot.requests.size() == 1; }));
  auto const sent = activity(0);
  CHECK(sent["text"].text() == "<at>Countersign</at>&nbsp;approve CS-1 7f3a &amp; &lt;b&gt; <at>Bob Roy</at>\n");
  CHECK(sent["entities"].at_index(0)["mentioned"]["id"].text() == teams.world().bot());
  CHECK(sent["entities"].at_index(1)["mentioned"]["id"].text() == teams.world().person("bob")->id);
  CHECK(sent["attachments"].at_index(0)["contentType"].text() == "text/html");
  auto const reply = teams.say("bob", kIncidents, "yes", true, said->activity);
  REQUIRE(reply);
  REQUIRE(until([&] { return bot.requests.size() == 2; }));
  CHECK(activity(1)["conversation"]["id"].text() == std::string(kIncidents) + ";messageid=" + said->activity);
  CHECK(activity(1)["replyToId"].text() == said->activity);
  auto const chat = teams.say("bob", {}, "help");
  REQUIRE(chat);
  REQUIRE(until([&] { return bot.requests.size() == 3; }));
  CHECK(activity(2)["text"].text() == "help");
  CHECK(activity(2)["conversation"]["conversationType"].text() == "personal");
  CHECK(activity(2)["conversation"]["isGroup"].is_null());
}

TEST_CASE_METHOD(People, "People: who they are is what the platform says of them") {
  auto say = [&](char const* who, char const* where) {
    auto const before = bot.requests.size();
    REQUIRE(teams.say(who, where, "hi"));
    REQUIRE(until([&] { return bot.requests.size() == before + 1; }));
    return activity(before);
  };
  CHECK(say("frank", kIncidents)["from"]["aadObjectId"].is_null());
  auto const erin = say("erin", "19:shared@thread.tacv2");
  CHECK(erin["channelData"]["tenant"]["id"].text() == teams.world().other_tenant_id);
  CHECK(erin["conversation"]["tenantId"].text() == teams.world().tenant_id);
  CHECK(erin["channelData"]["team"].is_null());
  CHECK(say("erin", "")["conversation"]["tenantId"].text() == teams.world().other_tenant_id);
  CHECK(say("dave", kIncidents)["channelData"]["team"]["id"].text() == teams.world().team_id);
}

TEST_CASE_METHOD(People, "People: edits, deletions, reactions and installations are told") {
  auto const said = teams.say("alice", kIncidents, "list");
  REQUIRE(teams.edit("alice", kIncidents, said->activity, "list all"));
  CHECK_FALSE(teams.edit("bob", kIncidents, said->activity, "mine"));
  REQUIRE(teams.remove("alice", kIncidents, said->activity));
  auto const id = post();
  REQUIRE(teams.react("bob", kIncidents, id, "like"));
  REQUIRE(teams.install("mallory", {}, "add"));
  REQUIRE(teams.install("alice", kIncidents, "remove"));
  REQUIRE(until([&] { return bot.requests.size() == 7; }));
  std::vector<std::string> kinds;
  for (std::size_t i = 0; i < 7; ++i) kinds.push_back(activity(i)["type"].text());
  CHECK(kinds == std::vector<std::string>{"message", "messageUpdate", "messageDelete", "messageReaction",
                                          "installationUpdate", "conversationUpdate", "installationUpdate"});
  CHECK(activity(1)["channelData"]["eventType"].text() == "editMessage");
  CHECK(activity(6)["action"].text() == "remove");
  CHECK(rest("POST", activities(kIncidents), with(card())).status == 403);
}

TEST_CASE_METHOD(People, "People: mentions notify those whom they name, once, and an update nobody") {
  post();
  REQUIRE(teams.pings().size() == 1);
  CHECK(teams.pings()[0].people == std::vector<std::string>{"bob"});
  CHECK(teams.pings()[0].where == "/attachments/0/content/msteams/entities/0");
  auto hostile = card();
  hostile.set("body",
              Json::array({Json::object({{"type", "TextBlock"}, {"text", "<at>Carol Diaz</at> <at>Bob Roy</at>"}}),
                           Json::object({{"type", "Input.Text"}, {"id", "why"}})}));
  auto const id = post(hostile);  // <at> without an entity is no mention
  CHECK(teams.pings().size() == 2);
  CHECK(rest("PUT", activities(kIncidents) + "/" + id, with(card())).status == 200);
  REQUIRE(teams.pings().size() == 3);
  CHECK(teams.pings()[2].update);
  CHECK(rest("POST", activities("19:oncall@thread.v2"), Json::object({{"type", "message"}, {"text", "x"}})).status ==
        201);
  CHECK(teams.pings()[3].kind == "chat");
  CHECK(teams.pings()[3].people.size() == 3);
}

TEST_CASE_METHOD(People, "People: clients refresh the views of those whom a card names") {
  auto fresh = card();
  auto const& world = teams.world();
  fresh.set("refresh", Json::object({{"action", Json::object({{"type", "Action.Execute"},
                                                              {"title", "refresh"},
                                                              {"verb", "refresh"},
                                                              {"data", Json::object({{"rev", 1}})}})},
                                     {"userIds", Json::array({world.person("bob")->id, world.person("carol")->id})}}));
  auto view = card();
  bot.on_request = [&](auto const&) {
    return Bot::Answer{
        200, "application/json",
        core::dump(
            Json::object({{"statusCode", 200}, {"type", "application/vnd.microsoft.card.adaptive"}, {"value", view}}))};
  };
  auto const id = post(fresh);
  REQUIRE(until([&] { return bot.requests.size() == 2; }));
  CHECK(activity(0)["value"]["trigger"].text() == "automatic");
  CHECK(activity(0)["value"]["action"]["verb"].text() == "refresh");
  REQUIRE(until([&] { return (*teams.message(kIncidents, id, "carol"))["view"].boolean(); }));
  CHECK_FALSE((*teams.message(kIncidents, id, "alice"))["view"].boolean());
  auto newer = fresh;
  newer.set("fallbackText", "newer");
  auto refresh = newer["refresh"];
  auto action = refresh["action"];
  action.set("data", Json::object({{"rev", 2}}));
  refresh.set("action", action);
  newer.set("refresh", refresh);
  CHECK(rest("PUT", activities(kIncidents) + "/" + id, with(newer)).status == 200);
  REQUIRE(until([&] { return bot.requests.size() == 4; }));
  CHECK(activity(3)["value"]["action"]["data"]["rev"].integer() == 2);
  REQUIRE(teams.refresh("bob", kIncidents, id, /*age=*/1));  // an old client's data (msteams-docs#6441)
  REQUIRE(until([&] { return bot.requests.size() == 5; }));
  CHECK(activity(4)["value"]["action"]["data"]["rev"].integer() == 1);
}

TEST_CASE_METHOD(People, "People: a dialog opens, sends, and closes without a word") {
  auto opening = card();
  opening.set("actions",
              Json::array({Json::object(
                  {{"type", "Action.Submit"},
                   {"title", "Note"},
                   {"data", *core::parse_json(R"({"msteams": {"type": "task/fetch"}, "request": "R1"})")}})}));
  auto const id = post(opening);
  answer_with(R"({"task": {"type": "continue", "value": {"title": "Why", "card": {
      "contentType": "application/vnd.microsoft.card.adaptive", "content": {"type": "AdaptiveCard", "version": "1.5",
      "body": [{"type": "Input.Text", "id": "note"}], "actions": [{"type": "Action.Submit", "title": "Send", "data": {"request": "R1"}}]}}}}})");
  auto const opened = teams.click(press(id, "bob", "Note"));
  REQUIRE(opened);
  end_of(*opened);
  REQUIRE(teams.dialog("bob"));
  answer_with(R"({"task": {"type": "message", "value": "Thanks"}})");
  auto const sent = teams.submit_dialog("bob", Json::object({{"note", "because"}}));
  REQUIRE(sent);
  CHECK(end_of(*sent).shown == "Thanks");
  CHECK(activity(1)["name"].text() == "task/submit");
  CHECK(activity(1)["value"]["data"]["note"].text() == "because");
  CHECK_FALSE(teams.close_dialog("bob"));
}

TEST_CASE_METHOD(People, "People: activities go to a plain endpoint when one is named") {
  std::vector<net::HttpRequestIn> got;
  auto server =
      net::make_http_server(io, {}, [&](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
        got.push_back(std::move(request));
        responder->respond({200, {}, {}});
      });
  REQUIRE(server.has_value());
  teams.options().bot_endpoint = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/api/messages";
  auto const said = teams.say("alice", kIncidents, "list");
  CHECK(end_of(said->delivery).state == State::answered);
  REQUIRE(got.size() == 1);
  CHECK(got[0].header("Authorization")->starts_with("Bearer eyJ"));
  CHECK(bot.requests.empty());
  playground::TeamsToken two;
  two.flaw = "two_headers";
  // Two of these headers could be read differently by two readers: our server takes none of them.
  auto const& turned_away = end_of(teams.deliver(Json::object({{"type", "message"}}), two));
  CHECK(turned_away.state == State::refused);
  CHECK(turned_away.statuses == std::vector<unsigned>{400});
  CHECK(got.size() == 1);
}

TEST_CASE_METHOD(People, "People: every flawed token differs from a good one") {
  auto const message = Json::object({{"serviceUrl", teams.service_url()}});
  CHECK(teams.authorization(message).starts_with("Bearer eyJ"));
  std::vector<std::string> seen;
  for (auto const& name : playground::TeamsStandIn::bad_tokens()) {
    playground::TeamsToken token;
    token.flaw = name;
    seen.push_back(teams.authorization(message, token));
  }
  CHECK(seen.size() > 40);
  auto const id = teams.deliver(Json::object({{"type", "unheardOf"}}));
  CHECK(end_of(id).state == State::answered);
  CHECK(end_of(id).kind == "unheardOf");
}
