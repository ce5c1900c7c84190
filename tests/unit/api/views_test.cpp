// The JSON of requests in both directions.
#include "bot/api/views.hpp"

#include "tests/support/result_text.hpp"
#include "tests/support/story.hpp"

namespace {

core::Result<core::Asked> parse(std::string const& body) {
  return api::parse_ask(body, core::Actor::robot("ci"), core::Time{});
}

// The body with one member replaced or added, as text, so that wrong JSON can be written too.
std::string with(std::string const& member) { return R"({"runbook":"restart-service",)" + member + "}"; }

}  // namespace

TEST_CASE("a whole body comes through") {
  auto const ask = parse(
      R"({"runbook":"restart-service","parameters":{"service":"web","count":3},"reason":"why","initiator":"alice",)"
      R"("idempotency_key":"k","channels":["incidents","incidents"],"labels":{"a":"b"},)"
      R"("attachments":[{"name":"plan.diff","media_type":"text/x-diff","data":"LSBvbGQK"}]})");
  REQUIRE(ask);
  CHECK(ask->requester == core::Actor::robot("ci"));
  CHECK(ask->parameters == std::map<std::string, std::string>{{"count", "3"}, {"service", "web"}});
  CHECK(ask->channels == std::vector<std::string>{"incidents"});
  CHECK(ask->initiator == "alice");
  REQUIRE(ask->attachments.size() == 1);
  CHECK(ask->attachments[0].bytes == "- old\n");
  CHECK(ask->origin.platform == "api");
}

TEST_CASE("the digest of a body is the same in another order of members, and only then") {
  auto const one = parse(R"({"runbook":"a","reason":"b"})"), two = parse(R"({ "reason":"b", "runbook":"a"})"),
             three = parse(R"({"runbook":"a","reason":"c"})");
  REQUIRE((one && two && three));
  CHECK(one->body_digest == two->body_digest);
  CHECK(one->body_digest != three->body_digest);
}

TEST_CASE("T59 what is wrong in a body is refused by name, duplicates among it") {
  auto const [body, words] = GENERATE(table<std::string, std::string>({
      {"", "can't be read"},
      {"[]", "JSON object"},
      {"null", "JSON object"},
      {"{}", "\"runbook\" is missing"},
      {R"({"runbook":5})", "\"runbook\" must be a string"},
      {R"({"runbook":"a","runbook":"b"})", "can't be read"},
      {R"({"runbook":"a","parameters":{"x":"1","x":"2"}})", "can't be read"},
      {with(R"("state":"approved")"), "\"state\" is unknown"},
      {with(R"("requester":"bob")"), "\"requester\" is unknown"},
      {with(R"("reason":[])"), "\"reason\" must be a string"},
      {with(R"("initiator":{})"), "\"initiator\" must be a string"},
      {with(R"("parameters":[])"), "\"parameters\" must be an object"},
      {with(R"("parameters":{"service":true})"), "parameters.service"},
      {with(R"("parameters":{"service":1.5})"), "parameters.service"},
      {with(R"("parameters":{"service":null})"), "parameters.service"},
      {with(R"("parameters":{"../x":"1"})"), "none of ours"},
      {with(R"("labels":{"a":"\u0007"})"), "The label a"},
      {with(R"("channels":[])"), "channels"},
      {with(R"("channels":"incidents")"), "channels"},
      {with(R"("channels":[1])"), "channels"},
      {with(R"("idempotency_key":")" + std::string(201, 'k') + '"'), "idempotency_key"},
      {with(R"("reason":")" + std::string(2001, 'r') + '"'), "reason"},
      {with(R"("initiator":")" + std::string(65, 'i') + '"'), "initiator"},
      {with(R"("attachments":{})"), "attachments"},
      {with(R"("attachments":[{}])"), "name"},
      {with(R"("attachments":[{"name":"../x","data":""}])"), "name"},
      {with(R"("attachments":[{"name":"a","data":""},{"name":"a","data":""}])"), "name"},
      {with(R"("attachments":[{"name":"a"}])"), "no \"data\""},
      {with(R"("attachments":[{"name":"a","data":"abc"}])"), "multiple of four"},
      {with(R"("attachments":[{"name":"a","data":"ab!="}])"), "other characters"},
      {with(R"("attachments":[{"name":"a","media_type":"x\u0000","data":""}])"), ""},
      {with(R"("attachments":[{"name":"a","media_type":{},"data":""}])"), "media_type"},
      {with("\"reason\":\"\xff\""), "can't be read"},
  }));
  CAPTURE(body);
  auto const ask = parse(body);
  REQUIRE_FALSE(ask);
  CHECK(ask.error().code == core::Errc::bad_input);
  CHECK(ask.error().message.find(words) != std::string::npos);
}

TEST_CASE("attachments together are at most 1 MiB") {
  auto const of = [](std::size_t bytes) { return R"({"name":"a","data":")" + std::string(bytes / 3 * 4, 'A') + "\"}"; };
  CHECK(parse(with("\"attachments\":[" + of(1'048'575) + "]")));
  auto const large = parse(with("\"attachments\":[" + of(1'048'578) + "]"));
  REQUIRE_FALSE(large);
  CHECK(large.error().code == core::Errc::too_large);
}

TEST_CASE("base64 decodes what RFC 4648 says and nothing else") {
  auto const [text, bytes] = GENERATE(table<std::string, std::string>(
      {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9vYmFy", "foobar"}}));
  CHECK(api::decode_base64(text).value() == bytes);
  for (auto const* bad : {"Z", "Zg", "Zg=", "=Zg=", "Zg==Zg==", "Zm9v\n", "Z===", "====", "Zm 9", "Zm-_"}) {
    CAPTURE(bad);
    CHECK_FALSE(api::decode_base64(bad));
  }
}

TEST_CASE("T44 who may read a request: requester, initiator, approving groups, nobody else") {
  fixture::Story story;
  story.rules.robots["cd"].groups = {"pipelines"};
  story.reload(story.rules);
  auto ask = story.asked(core::Actor::robot("ci"), "migrate", {{"database", "main"}});
  ask.initiator = "alice";
  auto const id = story.open(ask);
  auto const& request = story.at(id);
  auto const person = [&](char const* key) { return api::may_read(story.state, request, core::Actor::person(key)); };
  CHECK(api::may_read(story.state, request, core::Actor::robot("ci")));
  CHECK(person("alice"));
  CHECK(person("bob"));   // sre approves
  CHECK(person("dave"));  // dba approves
  CHECK_FALSE(person("mallory"));
  CHECK_FALSE(person("nobody"));
  CHECK_FALSE(person("ci"));  // a person who is called as the robot is not the robot
  CHECK_FALSE(api::may_read(story.state, request, core::Actor::robot("cd")));
  CHECK_FALSE(api::may_read(story.state, request, core::Actor::robot("alice")));
  CHECK_FALSE(api::may_read(story.state, request, core::Actor::trigger("web-down")));
}

TEST_CASE("the view of a request says who is needed, who voted, and how it ended") {
  fixture::Story story;
  auto const id = story.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  story.vote("bob", id);
  auto view = api::request_view(story.state, story.at(id));
  CHECK(view["state"].text() == "pending");
  CHECK(core::dump(view["needs"]) == R"([{"count":2,"group":"sre","have":1}])");
  CHECK(view["votes"].at_index(0)["person"].text() == "bob");
  CHECK(view["decision"].is_null());
  CHECK(view["run"].is_null());
  story.vote("carol", id, core::Verdict::deny);
  view = api::request_view(story.state, story.at(id));
  CHECK(view["state"].text() == "denied");
  CHECK(view["decision"]["verdict"].text() == "denied");
  CHECK(view["decision"]["by"].at_index(0).text() == "carol");
}
