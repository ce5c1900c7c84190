// Bytes and values: what is read, what is refused.
#include "adapters/teams/wire.hpp"

#include "adapters/teams/command_text.hpp"
#include "adapters/teams/encoding.hpp"
#include "adapters/teams/hosts.hpp"
#include "adapters/teams/jwt.hpp"
#include "adapters/teams/wire_relay.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/teams/activities.hpp"

using namespace teams;
using core::Json;

TEST_CASE("teams wire: an activity is read as it is meant") {
  auto const parsed = parse_activity(core::dump(activities::message("status CS-1"))).value();
  CHECK(parsed.type == "message");
  CHECK(parsed.id == "1764000001456");
  CHECK(parsed.channel_id == "msteams");
  CHECK(parsed.service_url == activities::kService);
  CHECK(parsed.conversation == activities::kThread);
  CHECK(parsed.conversation_type == "channel");
  CHECK(parsed.tenant == activities::kTenant);
  CHECK(parsed.channel_data_tenant == activities::kTenant);
  CHECK(parsed.team == "19:team@thread.tacv2");
  CHECK(parsed.from.object == activities::kBob);
  CHECK(parsed.recipient.id == std::string("28:") + activities::kApp);
  REQUIRE(parsed.mentions.size() == 1);
  CHECK(said_to_us(parsed) == "status CS-1");
  CHECK(bare_conversation(parsed.conversation) == activities::kChannel);
  CHECK(is_team_channel(parsed.conversation));
  CHECK_FALSE(is_team_channel("19:abc@thread.v2"));
  CHECK_FALSE(is_team_channel("a:1abc"));
}

TEST_CASE("teams wire: T60 an act that is not right in every field that counts is refused") {
  auto const good = activities::execute(activities::data("approve"));
  auto const refused = [&](std::initializer_list<std::string> path, Json value) {
    auto changed = good;
    auto* at = &changed;
    auto const* last = path.end() - 1;
    for (auto const* name = path.begin(); name != last; ++name) at = &at->if_object()->at(*name);
    at->set(*last, std::move(value));
    return parse_activity(core::dump(changed)).has_error();
  };
  CHECK_FALSE(refused({"locale"}, 7));  // nobody reads it
  for (auto const* name : {"type", "id", "name"}) {
    CHECK(refused({name}, 7));
    CHECK(refused({name}, ""));
    CHECK(refused({name}, "two words"));
    CHECK(refused({name}, std::string(3000, 'x')));
  }
  CHECK(refused({"from"}, "bob"));
  CHECK(refused({"from", "aadObjectId"}, 7));
  CHECK(refused({"from", "aadObjectId"}, "b\u00f6b"));
  CHECK(refused({"conversation", "id"}, Json()));
  CHECK(refused({"conversation", "tenantId"}, Json::array()));
  CHECK(refused({"channelData", "tenant", "id"}, std::string(1, '\0')));
  CHECK(refused({"recipient", "id"}, Json::object({})));
  CHECK(parse_activity("{}").has_error());
  CHECK(parse_activity(R"({"type":"message","type":"invoke"})").has_error());
  CHECK(parse_activity(std::string(100, '[')).has_error());
  CHECK(parse_activity(core::dump(good) + " {}").has_error());
  auto big = good;
  big.set("padding", std::string(kMaxActivityBytes, 'x'));
  CHECK(parse_activity(core::dump(big)).has_error());
  auto many = activities::message("x");
  Json entities = Json::array();
  for (int i = 0; i < 600; ++i) entities.push(activities::mention());
  many.set("entities", entities);
  CHECK(parse_activity(core::dump(many)).has_error());
}

TEST_CASE("teams wire: what a button sent is read strictly, the note made visible") {
  auto data = activities::data("approve");
  data.set("note", "fine\u200b").set("msteams", Json::object({})).set("view", true).set("page", 3);
  auto const action = parse_submit(data).value();
  CHECK(action.data.verb == "approve");
  CHECK(action.data.note == "fine\\u{200B}");
  CHECK(action.data.in_view);
  CHECK(action.data.page == 3);
  CHECK_FALSE(action.automatic);
  auto again = action.data;
  again.note.clear();
  CHECK(parse_submit(to_json(again)).value().data.binding == "sha256:b");
  for (auto const& [name, value] : std::vector<std::pair<std::string, Json>>{{"v", "1"},
                                                                             {"v", 2},
                                                                             {"request", Json()},
                                                                             {"binding", 7},
                                                                             {"rendering", "a b"},
                                                                             {"verb", Json::array()},
                                                                             {"view", "true"},
                                                                             {"page", -1},
                                                                             {"page", 5000},
                                                                             {"page", "1"},
                                                                             {"note", 7},
                                                                             {"note", std::string(20'000, 'x')}}) {
    CAPTURE(name);
    auto changed = data;
    changed.set(name, value);
    CHECK(parse_submit(changed).has_error());
  }
  CHECK(parse_submit(Json()).has_error());
  CHECK(parse_submit("approve").has_error());
  auto const value = activities::execute(activities::data("deny"), "i", {}, {}, "automatic")["value"];
  CHECK(parse_execute(value).value().automatic);
  auto submitted = value;
  submitted.if_object()->at("action").set("type", "Action.Submit");
  CHECK(parse_execute(submitted).has_error());
  auto odd = value;
  odd.set("trigger", "someday");
  CHECK(parse_execute(odd).has_error());
}

TEST_CASE("teams wire: commands are what was typed") {
  using Words = std::vector<std::string>;
  CHECK(command_words("approve  CS-42\t7f3a") == Words{"approve", "CS-42", "7f3a"});
  CHECK(command_words("run x a=\"two words\" 'b c' d'e'") == Words{"run", "x", "a=two words", "b c", "d'e'"});
  CHECK(command_words("deny CS-1 7f3a -- it is  late") == Words{"deny", "CS-1", "7f3a", "--", "it is  late"});
  CHECK(command_words("x -- \"all of it\"") == Words{"x", "--", "all of it"});
  CHECK(command_words("x -- \"a\" or \"b\"") == Words{"x", "--", "\"a\" or \"b\""});
  CHECK(command_words("x --") == Words{"x", "--"});
  CHECK(command_words("a=\"open") == Words{"a=\"open"});
  CHECK(command_words(" \n").empty());
  Activity message;
  message.conversation_type = "personal";
  message.text = "\u201crun\u201d&nbsp;x\u00a0y \u2014 it&#39;s&quot; &lt;b&gt; &amp;lt; <at>Bob</at>\u202e\n";
  CHECK(said_to_us(message) == "\"run\" x y -- it's\" <b> &lt; <at>Bob</at>\\u{202E}");
}

TEST_CASE("teams wire: what the Connector answers") {
  auto const error =
      read_connector_error(403, R"({"error":{"code":"BotNotInConversationRoster","message":"no\nway"}})");
  CHECK(error.kind == Refusal::installation);
  CHECK_THAT(to_error("post a message", error).message,
             Catch::Contains("BotNotInConversationRoster") && !Catch::Contains("\n"));
  CHECK(read_connector_error(502, "<html>").kind == Refusal::retry);
  CHECK(read_connector_error(500, "").kind == Refusal::retry);
  CHECK(read_connector_error(429, "{}").kind == Refusal::wait);
  CHECK(read_connector_error(412, "{}").kind == Refusal::wait);
  CHECK(read_connector_error(401, "{}").kind == Refusal::token);
  CHECK(read_connector_error(301, "{}").kind == Refusal::ours);
  CHECK(parse_resource(R"({"id":"1","activityId":"2"})").value().activity == "2");
  CHECK(parse_resource("{}").value().id.empty());
  CHECK(parse_resource(R"({"id":7})").has_error());
  CHECK(parse_resource("[]").has_error());
  auto const page = parse_members(
      R"({"members":[{"id":"29:1","objectId":"ABC","userRole":"Guest"},{"id":"29:2"}],"continuationToken":"x"})");
  CHECK(page.value().members[0].object == "abc");
  CHECK(page->members[0].outsider);
  CHECK_FALSE(page->members[1].outsider);
  CHECK(parse_members(R"({"members":[{"name":"no id"}]})").has_error());
  CHECK(retry_after_seconds("20") == 20);
  CHECK(retry_after_seconds("99999") == 3600);
  CHECK_FALSE(retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT"));
  CHECK_FALSE(retry_after_seconds("-1"));
  CHECK(parse_access_token(200, R"({"token_type":"Bearer","expires_in":86399,"access_token":"x"})").value().token ==
        "x");
  for (auto const* body : {"{}", R"({"token_type":"Bearer","expires_in":0,"access_token":"x"})",
                           R"({"token_type":"mac","expires_in":60,"access_token":"x"})",
                           R"({"token_type":"Bearer","expires_in":60,"access_token":"x\r\nX-Evil: y"})"})
    CHECK(parse_access_token(200, body).error().code == core::Errc::unavailable);
}

TEST_CASE("teams wire: relay commands, stubs by either absence") {
  auto const request = [](std::string const& text) {
    return std::get<RelayRequest>(parse_relay_command(text).value());
  };
  CHECK(request(R"({"request":{"address":"wss://x/"}})").stub);
  CHECK(request(R"({"request":{"address":"wss://x/","id":"1","method":"POST"}})").stub);
  CHECK(request(R"({"request":{"address":"wss://x/","id":"1","body":true}})").stub);
  auto const whole = request(
      R"({"request":{"id":"1","method":"POST","requestTarget":"/a","requestHeaders":{"A":"b"},"body":false,"new":[1]}})");
  CHECK_FALSE(whole.stub);
  CHECK(whole.headers == std::vector<std::pair<std::string, std::string>>{{"A", "b"}});
  for (auto const* header : {R"("A":"b\r\nC: d")", R"("A\nB":"c")", R"("A":"\u007f")"}) {
    CHECK(request(R"({"request":{"id":"1","method":"POST","requestTarget":"/a","requestHeaders":{)" +
                  std::string(header) + R"(},"body":false}})")
              .headers.empty());
  }
  CHECK(std::holds_alternative<RelayUnknown>(parse_relay_command(R"({"renewed":{}})").value()));
  auto const response = core::parse_json(relay_response("r", 200, {{"Content-Type", "x"}}, true)).value()["response"];
  CHECK(response == Json::object({{"requestId", "r"},
                                  {"statusCode", 200},
                                  {"statusDescription", "OK"},
                                  {"responseHeaders", Json::object({{"Content-Type", "x"}})},
                                  {"body", true}}));
}

TEST_CASE("teams wire: encodings are strict") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64url("\xfb\xff") == "-_8");
  for (auto const* text : {"", "f", "fo", "foo", "foob"}) CHECK(decode_base64url(base64url(text)) == text);
  for (auto const* bad : {"A", "AAAAA", "Zg==", "Zh", "Zm9", "+_8", "A A", "Zg\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_base64url(bad));
  }
  // RFC 4231, test case 2.
  CHECK(base64url(hmac_sha256("Jefe", "what do ya want for nothing?")).starts_with("W9zBRr9gdU5qBCQmCJV1x1oA"));
}

TEST_CASE("teams wire: which hosts get our token, and which the relay may send us to") {
  Settings settings;
  for (auto const* good : {"https://smba.trafficmanager.net/emea/", "https://SMBA.trafficmanager.net/teams/",
                           "https://smba.infra.gcc.teams.microsoft.com/x", "https://europe.botframework.com/"})
    CHECK(is_trusted_service(good, settings));
  for (auto const* bad :
       {"", "http://smba.trafficmanager.net/", "https://smba.trafficmanager.net:444/", "https://evil.example/",
        "https://smba.trafficmanager.net.evil.example/", "https://evilbotframework.com/",
        "https://botframework.com.evil/", "https://smba.trafficmanager.net@evil.example/",
        "https://smba.trafficmanager.net/x?y=https://", "urn:x", "http://127.0.0.1:3978/",
        "wss://smba.trafficmanager.net/"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_trusted_service(bad, settings));
  }
  settings.service_url = "http://127.0.0.1:3978/_connector";
  CHECK(is_trusted_service("http://127.0.0.1:3978/other", settings));
  CHECK_FALSE(is_trusted_service("http://127.0.0.1:3979/other", settings));
  settings.test_hosts = {"localhost"};
  CHECK(is_trusted_service("http://localhost:1/", settings));
  CHECK_FALSE(is_relay_address("wss://g1.servicebus.windows.net/", settings));  // no relay
  settings.relay = RelaySettings{.url = "wss://ns.servicebus.windows.net"};
  CHECK(is_relay_address("wss://g1.servicebus.windows.net/$hc/x?y", settings));
  CHECK(is_relay_address("wss://ns.servicebus.windows.net/", settings));
  CHECK_FALSE(is_relay_address("wss://windows.net/", settings));
  settings.relay->url = "wss://relay.example";  // no domain but the top one is left
  CHECK(is_relay_address("wss://relay.example/x", settings));
  CHECK_FALSE(is_relay_address("wss://other.example/x", settings));
  settings.relay->url = "ws://127.0.0.1:9000";
  CHECK(is_relay_address("ws://127.0.0.1:9001/x", settings));
  CHECK_FALSE(is_relay_address("wss://g1.servicebus.windows.net/", settings));
  CHECK(join_url("https://a/b//", "c") == "https://a/b/c");
}

TEST_CASE("teams wire: service URLs are compared as people mean them, and never when one is empty") {
  CHECK(same_service_url("https://A/b/", "https://a/B"));
  CHECK_FALSE(same_service_url("", ""));
  CHECK_FALSE(same_service_url("", "https://a"));
  CHECK_FALSE(same_service_url("https://a/b", "https://a/bc"));
  CHECK_FALSE(same_service_url("https://a//", "https://a"));
}
