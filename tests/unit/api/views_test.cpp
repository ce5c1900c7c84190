// The JSON of requests in both directions.
#include "bot/api/views.hpp"

#include <algorithm>
#include <regex>

#include "bot/api/openapi.hpp"
#include "bot/triggers/webhook_payload.hpp"
#include "tests/support/result_text.hpp"
#include "tests/support/story.hpp"

namespace {

core::Result<core::Asked> parse(std::string const& body) {
  return api::parse_ask(body, core::Actor::robot("ci"), core::Time{});
}

// The body with one member replaced or added, as text, so that wrong JSON can be written too.
std::string with(std::string const& member) { return R"({"runbook":"restart-service",)" + member + "}"; }

// What is wrong with a value, by as much of JSON Schema as the answers of the document use; "" when it fits.
std::string misfit(core::Json const& schemas, core::Json schema, core::Json const& value, std::string const& at = "$") {
  using core::Json;
  if (auto const name = schema["$ref"].text(); !name.empty()) schema = schemas[name.substr(name.rfind('/') + 1)];
  if (auto const* any = schema["anyOf"].if_array()) {
    std::string all;
    for (auto const& one : *any) {
      auto const why = misfit(schemas, one, value, at);
      if (why.empty()) return {};
      all += " / " + why;
    }
    return at + " fits none of" + all;
  }
  auto const is = [&](std::string const& type) {
    return type == "null"      ? value.is_null()
           : type == "string"  ? value.is_string()
           : type == "integer" ? value.is_int()
           : type == "boolean" ? value.is_bool()
           : type == "array"   ? value.is_array()
                               : value.is_object();
  };
  auto const* types = schema["type"].if_array();
  bool const typed = types ? std::ranges::any_of(*types, [&](Json const& one) { return is(one.text()); })
                           : schema["type"].is_null() || is(schema["type"].text());
  if (!typed) return at + " has another type";
  if (!schema["const"].is_null() && value != schema["const"]) return at + " is not " + core::dump(schema["const"]);
  auto const* values = schema["enum"].if_array();
  if (values && std::ranges::find(*values, value) == values->end()) return at + " is none of the values";
  if (auto const pattern = schema["pattern"].text(); !pattern.empty() && value.if_string()) {
    if (!std::regex_search(value.text(), std::regex(pattern))) return at + " has another form";
  }
  if (!schema["minimum"].is_null() && value.integer() < schema["minimum"].integer()) return at + " is too small";
  if (auto const* list = value.if_array()) {
    for (auto const& one : *list) {
      if (auto why = misfit(schemas, schema["items"], one, at + "[]"); !why.empty()) return why;
    }
  }
  auto const* object = value.if_object();
  if (!object) return {};
  auto const* required = schema["required"].if_array();
  for (std::size_t i = 0; required && i < required->size(); ++i) {
    if (!object->contains((*required)[i].text())) return at + " has no " + (*required)[i].text();
  }
  for (auto const& [key, member] : *object) {
    auto const& known = schema["properties"][key];
    if (known.is_null() && schema["additionalProperties"] == Json(false)) return at + " must not have " + key;
    auto const& its = known.is_null() ? schema["additionalProperties"] : known;
    if (auto why = misfit(schemas, its, member, at + "." + key); !why.empty()) return why;
  }
  return {};
}

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
      {with(R"("attachments":[{"name":"a","data":"","size":1}])"), "\"size\" of attachment a is unknown"},
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
  auto const of = [](std::size_t bytes) {
    std::string data;
    for (std::size_t n = 0; n < bytes / 3; ++n) data += "eHh4";  // xxx
    return R"({"name":"a","data":")" + data + "\"}";
  };
  CHECK(parse(with("\"attachments\":[" + of(1'048'575) + "]")));
  auto const large = parse(with("\"attachments\":[" + of(1'048'578) + "]"));
  REQUIRE_FALSE(large);
  CHECK(large.error().code == core::Errc::too_large);
}

TEST_CASE("an attachment that is no text is refused by its name, UTF-16 with a byte order mark is text") {
  auto const of = [](std::string const& data) {
    return parse(with(R"("attachments":[{"name":"why.txt","data":"bm8="},{"name":"core","data":")" + data + R"("}])"));
  };
  auto const binary = of("AQIDBAUGBwgBAgMEBQYHCA==");
  REQUIRE_FALSE(binary);
  CHECK(binary.error().code == core::Errc::bad_input);
  CHECK(binary.error().message.find("Attachment core is no text") == 0);
  auto const wide = of("//5rAG8A");
  REQUIRE(wide);
  CHECK(wide->attachments[1].bytes == "ko");
  CHECK(wide->attachments[1].total_bytes == 2);
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

TEST_CASE("a delivery's body is what the document says") {
  auto const schemas = api::openapi_document("1")["components"]["schemas"];
  for (auto const* body : {"{}", R"({"a":[1]})", "[]", R"([{"a":1},2])", "null", "5", "true", R"("text")"}) {
    CAPTURE(body);
    bool const fits = misfit(schemas, schemas["Delivery"], core::parse_json(body).value()).empty();
    CHECK(fits == triggers::parse_webhook({}, body, "").has_value());
  }
}

TEST_CASE("the view of a request is what the document says, also while its run waits for its turn") {
  auto const schemas = api::openapi_document("1")["components"]["schemas"];
  fixture::Story story;
  auto const fits = [&](core::RequestId const& id) {
    auto const view = api::request_view(story.state, story.at(id));
    CAPTURE(core::dump(view));
    CHECK(misfit(schemas, schemas["Request"], view) == "");
    return view;
  };
  auto const open = [&] { return story.open("vacuum", {{"database", "main"}}); };
  auto const denied = open(), one = open(), two = open();
  fits(one);
  story.vote("bob", denied, core::Verdict::deny);
  story.vote("bob", one);
  story.vote("bob", two);
  fits(denied);
  CHECK(fits(one)["run"].is_null());
  story.send(core::RunnerAccepted{one});
  CHECK(fits(one)["state"].text() == "running");
  CHECK(fits(two)["run"]["state"].text() == "waiting");
  CHECK(fits(two)["run"]["behind"].text() == one.str());
}
