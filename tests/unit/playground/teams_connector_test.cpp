#include "tests/unit/playground/teams_fixture.hpp"

using core::Json;
using playground::TeamsFault;
using Bot = support::TinyTeamsBot;

namespace {
std::string code(Bot::Reply const& reply) { return reply.body["error"]["code"].text(); }
}  // namespace

TEST_CASE_METHOD(TeamsFixture, "Connector: tokens are given to the right app alone") {
  auto const& world = teams.world();
  auto const good = ask_token(form(world.app_secret), world.tenant_id);
  CHECK(good.status == 200);
  CHECK(good.body["token_type"].text() == "Bearer");
  CHECK(good.body["expires_in"].integer() == 3'599);
  auto const refused = [&](std::string const& body, std::string const& tenant, unsigned status, char const* word,
                           int number) {
    auto const reply = ask_token(body, tenant);
    CHECK(reply.status == status);
    CHECK(reply.body["error"].text() == word);
    CHECK(reply.body["error_codes"].at_index(0).integer() == number);
  };
  refused(form("wrong"), world.tenant_id, 401, "invalid_client", 7000215);
  refused(form(world.app_secret), "botframework.com", 400, "unauthorized_client", 700016);
  refused(form(world.app_secret), world.other_tenant_id, 400, "unauthorized_client", 700016);
  refused(form(world.app_secret), "nowhere", 400, "invalid_request", 90002);
  refused(form(world.app_secret, "https%3A%2F%2Fgraph.microsoft.com%2F.default"), world.tenant_id, 400, "invalid_scope",
          70011);
  refused("grant_type=password", world.tenant_id, 400, "unsupported_grant_type", 70003);
}

TEST_CASE_METHOD(TeamsFixture, "Connector: stale tokens are 401") {
  CHECK(rest("POST", activities(kIncidents), with(card())).status == 201);
  teams.expire_access_tokens();
  CHECK(rest("POST", activities(kIncidents), with(card())).status == 401);
  CHECK(bot.call_now("GET", teams.service_url() + "v3/conversations/x/members").status == 401);
  CHECK(teams.messages(kIncidents).size() == 1);
}

TEST_CASE_METHOD(TeamsFixture, "Connector: a thread is made, answered, updated and deleted") {
  auto const made = rest("POST", "v3/conversations",
                         Json::object({{"isGroup", true},
                                       {"channelData", Json::object({{"channel", Json::object({{"id", kIncidents}})},
                                                                     {"tenant", Json::object({{"id", "t"}})}})},
                                       {"activity", with(card())}}));
  REQUIRE(made.status == 201);
  auto const root = made.body["activityId"].text();
  auto const thread = std::string(kIncidents) + ";messageid=" + root;
  CHECK(made.body["id"].text() == thread);
  auto const text = Json::object({{"type", "message"}, {"text", "done"}});
  auto const reply = rest("POST", activities(thread), text);
  REQUIRE(reply.status == 201);
  // Ids in the path may be raw, too.
  CHECK(bot.call_now("POST", teams.service_url() + "v3/conversations/" + thread + "/activities",
                     {{"Authorization", "Bearer " + access()}, {"Content-Type", "application/json"}}, core::dump(text))
            .status == 201);
  CHECK(code(rest("POST", activities(std::string(kIncidents) + ";messageid=1"), text)) == "ConversationNotFound");
  auto messages = teams.messages(kIncidents);
  REQUIRE(messages.size() == 3);
  CHECK(messages[0]["thread"].text() == root);
  CHECK(messages[1]["thread"].text() == root);
  CHECK(messages[1]["text"].text() == "done");

  auto const reply_id = reply.body["id"].text();
  auto const change = Json::object({{"type", "message"}, {"text", "done twice"}});
  CHECK(rest("PUT", activities(kIncidents) + "/" + reply_id, change).status == 404);  // a reply wants its thread
  CHECK(rest("PUT", activities(thread) + "/" + reply_id, change).status == 200);
  CHECK(teams.message(kIncidents, reply_id)->at_index(0).is_null());
  CHECK((*teams.message(kIncidents, reply_id))["text"].text() == "done twice");
  CHECK(rest("PUT", activities(kIncidents) + "/" + root, text).status == 200);  // what is left out is gone
  CHECK((*teams.message(kIncidents, root))["card"].is_null());
  CHECK(rest("DELETE", activities(thread) + "/" + reply_id).status == 200);
  CHECK(code(rest("PUT", activities(thread) + "/" + reply_id, change)) == "ActivityNotFoundInConversation");
  CHECK(teams.findings().empty());
}

TEST_CASE_METHOD(TeamsFixture, "Connector: only its own messages, only where it is a member") {
  auto const said = teams.say("alice", kIncidents, "hello", /*mention_bot=*/false);
  REQUIRE(said);
  auto const text = Json::object({{"type", "message"}, {"text", "x"}});
  CHECK(code(rest("PUT", activities(kIncidents) + "/" + said->activity, text)) == "NotEnoughPermissions");
  CHECK(code(rest("DELETE", activities(kIncidents) + "/" + said->activity)) == "NotEnoughPermissions");
  auto const quiet = rest("POST", activities("19:quiet@thread.tacv2"), text);
  CHECK(quiet.status == 403);
  CHECK(code(quiet) == "BotNotInConversationRoster");
  CHECK(code(rest("POST", activities("19:nowhere@thread.tacv2"), text)) == "ConversationNotFound");
  CHECK(code(rest("POST", activities(kIncidents), Json::object({{"type", "message"}}))) == "BadSyntax");
  CHECK(code(rest("POST", activities(kIncidents), Json::object({{"type", "trace"}}))) == "BadArgument");
  auto const large =
      rest("POST", activities(kIncidents), Json::object({{"type", "message"}, {"text", std::string(60'000, 'x')}}));
  CHECK(large.status == 413);
  CHECK(code(large) == "MessageSizeTooBig");
}

TEST_CASE_METHOD(TeamsFixture, "Connector: a 1:1 chat needs the app, the tenant, and nothing else") {
  auto const& world = teams.world();
  auto create = [&](char const* who, char const* extra = nullptr) {
    auto body = Json::object({{"isGroup", false},
                              {"bot", Json::object({{"id", world.bot()}})},
                              {"members", Json::array({Json::object({{"id", world.person(who)->id}})})},
                              {"tenantId", world.tenant_id}});
    if (extra != nullptr) body.set(extra, "x");
    return rest("POST", "v3/conversations", body);
  };
  auto const made = create("bob");
  CHECK(made.body["id"].text().starts_with("a:1"));
  CHECK(create("bob").body["id"].text() == made.body["id"].text());
  CHECK(create("mallory").status == 403);
  CHECK(create("bob", "text").status == 502);
  REQUIRE(teams.install("mallory", {}, "add"));
  CHECK(create("mallory").status == 201);
}

TEST_CASE_METHOD(TeamsFixture, "Connector: members by pages and one by one") {
  auto const base = "v3/conversations/" + net::percent_encode(kIncidents);
  for (int i = 0; i < 60; ++i) {
    auto& world = teams.world();
    auto extra = *world.person("alice");
    extra.key = "extra" + std::to_string(i);
    extra.id = "29:1extra" + std::to_string(i);
    extra.aad_object_id = extra.key;
    extra.email.clear();
    world.people.push_back(extra);
    world.conversation(kIncidents)->members.push_back(extra.key);
  }
  auto const first = rest("GET", base + "/pagedmembers?pageSize=50");
  CHECK(first.body["members"].if_array()->size() == 50);
  auto const token = first.body["continuationToken"].text();
  REQUIRE_FALSE(token.empty());
  auto const rest_of = rest("GET", base + "/pagedmembers?pageSize=50&continuationToken=" + token);
  CHECK(rest_of.body["members"].if_array()->size() == 17);
  CHECK(rest_of.body["continuationToken"].is_null());
  CHECK(rest("GET", base + "/pagedmembers?pageSize=10").status == 400);
  auto const& bob = *teams.world().person("bob");
  for (auto const& id : {bob.id, bob.aad_object_id, bob.email}) {
    auto const member = rest("GET", base + "/members/" + net::percent_encode(id));
    CHECK(member.body["id"].text() == bob.id);
    CHECK(member.body["aadObjectId"].text() == bob.aad_object_id);
  }
  CHECK(rest("GET", base + "/members/bob").status == 404);
  CHECK(
      rest("GET", base + "/members/" + net::percent_encode(teams.world().person("dave")->id)).body["userRole"].text() ==
      "guest");
  auto const team = net::percent_encode(teams.world().team_id);
  CHECK(rest("GET", "v3/teams/" + team).body["name"].text() == "Operations");
  CHECK(rest("GET", "v3/teams/" + team + "/conversations").body["conversations"].at_index(0)["name"].is_null());
}

TEST_CASE_METHOD(TeamsFixture, "Connector: rates are limited a thread and a tenant") {
  teams.options().limit_rates = true;
  auto const text = Json::object({{"type", "message"}, {"text", "x"}});
  int good = 0, throttled = 0, told = 0, done = 0;
  auto const token = access();
  for (int i = 0; i < 20; ++i) {
    bot.call("POST", teams.service_url() + activities(kIncidents),
             {{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}}, core::dump(text),
             [&](Bot::Reply reply) {
               ++done;
               if (reply.status == 201) ++good;
               if (reply.status == 429) ++throttled;
               for (auto const& [name, value] : reply.headers) told += name == "Retry-After" ? 1 : 0;
             });
  }
  REQUIRE(until([&] { return done == 20; }));
  CHECK(good >= 7);
  CHECK(good <= 8);  // 8 in two seconds
  CHECK(good + throttled == 20);
  CHECK(told > 0);
  CHECK(told < throttled);  // there sometimes
}

TEST_CASE_METHOD(TeamsFixture, "Connector: what goes wrong goes wrong as asked") {
  auto const text = Json::object({{"type", "message"}, {"text", "x"}});
  auto const fail = [&](TeamsFault::Kind kind, unsigned status = 504) {
    TeamsFault fault;
    fault.call = "send";
    fault.kind = kind;
    fault.status = status;
    fault.delay = net::Duration{1};
    teams.add_fault(fault);
    return rest("POST", activities(kIncidents), text);
  };
  auto const count = [&] { return teams.messages(kIncidents).size(); };
  CHECK(fail(TeamsFault::Kind::status).status == 504);
  CHECK(count() == 0);
  CHECK(fail(TeamsFault::Kind::status_after_done).status == 504);
  CHECK(count() == 1);  // posted, though it says it isn't
  auto const cut = fail(TeamsFault::Kind::cut_after_done);
  CHECK(cut.status == 0);
  CHECK(cut.sent_maybe);
  CHECK(count() == 2);
  CHECK(fail(TeamsFault::Kind::cut).status == 0);
  CHECK(count() == 2);
  CHECK(code(fail(TeamsFault::Kind::status, 412)) == "PreconditionFailed");
  CHECK(fail(TeamsFault::Kind::slow).status == 201);
  CHECK(fail(TeamsFault::Kind::slow_answer).status == 201);
  bot.timeout = net::Duration{100};
  CHECK(fail(TeamsFault::Kind::hang_after_done).status == 0);
  CHECK(count() == 5);
  bot.timeout = net::Duration{10'000};
  CHECK(rest("POST", activities(kIncidents), text).status == 201);  // each fault once
  auto const& last = teams.calls().back();
  CHECK(last.call == "send");
  CHECK(last.status == 201);
  CHECK(last.body["text"].text() == "x");
}

TEST_CASE_METHOD(TeamsFixture, "Connector: keys are published with endorsements, and roll") {
  bot.timeout = net::Duration{60'000};  // making keys takes a while, under a checker above all
  auto const keys = [&] {
    auto const metadata = bot.call_now("GET", teams.metadata_url()).body;
    CHECK(metadata["issuer"].text() == "https://api.botframework.com");
    auto const list = bot.call_now("GET", metadata["jwks_uri"].text()).body["keys"];
    REQUIRE(list.is_array());
    return list;
  };
  auto const kid = [](Json const& list, std::size_t index) { return list.at_index(index)["kid"].text(); };
  auto const before = keys();
  REQUIRE(before.if_array()->size() == 2);  // one of them not for Teams
  CHECK(core::dump(before.at_index(0)["endorsements"]).find("msteams") == std::string::npos);
  CHECK(core::dump(before.at_index(1)["endorsements"]).find("msteams") != std::string::npos);
  CHECK(before.at_index(1)["n"].text().size() == 342);  // 2048 bits
  CHECK(before.at_index(1)["e"].text() == "AQAB");
  teams.roll_keys();
  CHECK(keys().if_array()->size() == 3);
  CHECK(kid(keys(), 0) == kid(before, 1));
  teams.roll_keys(/*keep_old=*/false);
  CHECK(keys().if_array()->size() == 2);
}

TEST_CASE_METHOD(TeamsFixture, "Connector: cards and mentions that Teams would spoil are found") {
  auto const [what, change] = GENERATE(table<char const*, void (*)(Json&)>(
      {{"version", [](Json& card) { card.set("version", "1.6"); }},
       {"Teams has no element",
        [](Json& card) {
          card.set("body", Json::array({Json::object({{"type", "Carousel"}})}));
        }},
       {"More than 6",
        [](Json& card) {
          auto actions = Json::array();
          for (int i = 0; i < 7; ++i)
            actions.push(Json::object({{"type", "Action.Submit"}, {"title", std::to_string(i)}}));
          card.set("actions", actions);
        }},
       {"holds the mention",
        [](Json& card) {
          card.set(
              "msteams",
              Json::object({{"entities", Json::array({Json::object(
                                             {{"type", "mention"},
                                              {"text", "<at>Bob</at>"},
                                              {"mentioned", Json::object({{"id", "29:1"}, {"name", "Bob"}})}})})}}));
        }},
       {"there twice",
        [](Json& card) {
          card.set("actions", Json::array({Json::object({{"type", "Action.Submit"}, {"id", "why"}, {"title", "x"}})}));
        }},
       {"overwrites data",
        [](Json& card) {
          card.set("actions",
                   Json::array({Json::object(
                       {{"type", "Action.Submit"}, {"title", "x"}, {"data", Json::object({{"why", "x"}})}})}));
        }},
       {"29:", [](Json& card) {
          card.set("refresh", Json::object({{"action", Json::object({{"type", "Action.Execute"}, {"title", "r"}})},
                                            {"userIds", Json::array({"bob"})}}));
        }}}));
  CAPTURE(what);
  auto broken = card();
  change(broken);
  post(broken);
  auto const text = core::dump([&] {
    auto list = Json::array();
    for (auto const& one : teams.findings()) list.push(one);
    return list;
  }());
  CHECK(text.find(what) != std::string::npos);
}

TEST_CASE_METHOD(TeamsFixture, "Connector: a text and a card in one activity become two messages") {
  auto both = with(card());
  both.set("text", "look at this");
  CHECK(rest("POST", activities(kIncidents), both).status == 201);
  CHECK(teams.messages(kIncidents).size() == 2);
  CHECK(teams.findings().size() == 1);
}
