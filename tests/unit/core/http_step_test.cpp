// An http step from the runbook to the binding and the card: nothing is sent that nobody saw, and no value leads
// elsewhere.
#include "bot/core/card.hpp"
#include "bot/core/http_call.hpp"
#include "bot/core/json_reader.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;

namespace {

HttpCall drain() {
  HttpCall call;
  call.url = "https://lb.example.org/api/{{version}}?why={{version}}";
  call.headers = {{"Content-Type", "application/json"}, {"X-Team", "sre, web"}};
  call.body = canonical(Json::object({{"pool", "{{version}}"}, {"drain", true}}));
  call.json = true;
  call.bearer = "/etc/countersign/lb_token";
  call.expect_status = {200, 202};
  call.expect_body = "drain(ed|ing)";
  return call;
}

Rules rules_with(HttpCall const& call) {
  auto rules = fixture::rules();
  Step step{.name = "drain", .kind = Step::Kind::http, .argv = {}, .probe = {}, .http = call};
  step.retry = Retry{30s, 2s};
  rules.runbooks.at("deploy").steps.push_back(step);
  return rules;
}

Request bound_with(HttpCall const& call, std::string const& version) {
  auto const rules = rules_with(call);
  Draft draft{.instance = "i", .id = RequestId::parse("CS-20261121-000001-R1").value()};
  draft.programs.emplace("deploy", fixture::program("deploy"));
  draft.parameters = {{"version", version}, {"replicas", "1"}};
  return make_request(draft, rules.runbooks.at("deploy"), rules.policies.at("two-sre")).value();
}

}  // namespace

TEST_CASE("T4 T5 http: values are encoded where they stand, and all that is sent is in the binding and on the card") {
  auto const bound = bound_with(drain(), "a/../b?c=d&e#f \"{{x}}\" ü");
  auto const& call = *bound.steps.at(1).http;
  CHECK(call.url ==
        "https://lb.example.org/api/a%2F..%2Fb%3Fc%3Dd%26e%23f%20%22%7B%7Bx%7D%7D%22%20%C3%BC?why="
        "a%2F..%2Fb%3Fc%3Dd%26e%23f%20%22%7B%7Bx%7D%7D%22%20%C3%BC");
  auto const body = parse_json(call.body).value();
  CHECK(body["pool"].text() == "a/../b?c=d&e#f \"{{x}}\" ü");
  CHECK(*body["drain"].if_bool());
  auto const lines = action_lines(bound);
  auto const& line = lines.at(1);
  CAPTURE(line);
  for (auto const* part :
       {"2. drain: send POST ", "https://lb.example.org/api/a%2F..%2Fb", "header Content-Type: application/json",
        "header X-Team: \"sre, web\"", "the secret token of /etc/countersign/lb_token",
        "body the JSON {\"drain\":true,\"pool\":", "expect 200 or 202", "drain(ed|ing)", "for up to 30s every 2s"})
    CHECK(line.find(part) != std::string::npos);
  // Whatever changes of it, the binding is another one.
  auto const binding = binding_of(bound);
  auto const other = [&](auto change) {
    auto changed = bound;
    change(*changed.steps.at(1).http);
    return binding_of(changed);
  };
  CHECK(other([](HttpCall& one) { one.method = "DELETE"; }) != binding);
  CHECK(other([](HttpCall& one) { one.url += "x"; }) != binding);
  CHECK(other([](HttpCall& one) { one.headers["X-Team"] = "sre"; }) != binding);
  CHECK(other([](HttpCall& one) { one.body += " "; }) != binding);
  CHECK(other([](HttpCall& one) { one.bearer.clear(); }) != binding);
  CHECK(other([](HttpCall& one) { one.expect_status.clear(); }) != binding);
  CHECK(other([](HttpCall& one) { one.max_bytes = 1; }) != binding);
}

TEST_CASE("T4 T35 http: a letter that passes for another does so in no body either") {
  auto const line_of = [](HttpCall const& call) { return action_lines(bound_with(call, "1")).at(1); };
  auto call = drain();
  call.body = "{\"user\":\"\u0430dmin\"}";  // Cyrillic
  CHECK(line_of(call).find("body the JSON \"{\\\"user\\\":\\\"\\u{0430}dmin\\\"}\"") != std::string::npos);
  call.json = false;
  call.body = "user=\u0430dmin";
  CHECK(line_of(call).find("body the text \"user=\\u{0430}dmin\"") != std::string::npos);
}

TEST_CASE("T5 http: a value makes no dot segment, a host takes none, a text body takes none") {
  auto call = drain();
  for (auto const* value : {".", ".."}) CHECK_THROWS(bound_with(call, value));
  call.url = "https://{{version}}.example.org/";
  CHECK_FALSE(why_not_http_call(call).empty());
  CHECK_THROWS(bound_with(call, "lb"));
  call.url = "https://lb.example.org{{version}}/";
  CHECK_FALSE(why_not_http_call(call).empty());
  call = drain();
  call.json = false;
  CHECK_FALSE(why_not_http_call(call).empty());
}

TEST_CASE("http: request.json and the configuration of schema 2 read back, and only where they need it") {
  auto bound = bound_with(drain(), "7");
  bound.evidence = "sha256:" + std::string(64, '0');
  auto const json = to_json(bound);
  CHECK(json["schema"].integer() == 2);
  auto const again = request_from_json(json).value();
  CHECK(canonical(to_json(again)) == canonical(json));
  auto forged = json;
  forged.set("schema", 1);
  CHECK(request_from_json(forged).has_error());

  auto const rules = rules_with(drain());
  auto const text = fixture::config_bytes(rules);
  auto const read = rules_from_bytes(text).value();
  CHECK(fixture::config_bytes(read) == text);
  CHECK(parse_json(text).value()["schema"].integer() == 2);
  CHECK(parse_json(fixture::config_bytes(fixture::rules())).value()["schema"].integer() == 1);
  auto lie = parse_json(fixture::config_bytes(fixture::rules())).value();
  lie.set("schema", 2);
  CHECK(rules_from_bytes(canonical(lie)).has_error());

  auto strict = request_from_json(json).value();
  strict.steps.pop_back();
  CHECK(to_json(strict)["schema"].integer() == 1);
  strict.sandbox = "strict";
  strict.writable = {"/srv/app"};
  CHECK(to_json(strict)["schema"].integer() == 2);
  CHECK(request_from_json(to_json(strict)).value().writable == strict.writable);
  CHECK(action_lines(strict).back() == "In the strict sandbox: may write its private folder, /srv/app");
}

TEST_CASE("T4 http: a program named send can't pass for an http step, nor hide what its body holds") {
  Request request{.id = RequestId::parse("CS-20261121-000001-R1").value()};
  BoundStep step{.name = "act", .argv = {"send", "POST", "https://x/"}};
  request.steps = {step};
  CHECK(action_lines(request).front().find("\"send\" POST") != std::string::npos);
  BoundStep http{.name = "act", .kind = Step::Kind::http};
  http.http = drain();
  http.http->body =
      "{\"a\":\"\xe2\x80\xae"
      "evil\"}";  // right-to-left override
  request.steps = {http};
  auto const line = action_lines(request).front();
  CHECK(line.find("\xe2\x80\xae") == std::string::npos);
  CHECK(line.find("u{202E}") != std::string::npos);
}
