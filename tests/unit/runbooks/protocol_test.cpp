#include "bot/runbooks/protocol.hpp"

#include "bot/runbooks/result.hpp"
#include "tests/support/catch.hpp"

using namespace runbooks;

namespace {

core::RequestId id() { return core::RequestId::parse("CS-20261121-000042-R1").value(); }

StepRecord step(std::string name, Cause cause = Cause::none) {
  StepRecord record;
  record.name = std::move(name);
  record.cause = cause;
  record.attempts = 1;
  return record;
}

}  // namespace

TEST_CASE("protocol: an order is read back as it was written") {
  for (auto const kind : {Order::Kind::check, Order::Kind::run}) {
    auto const order = parse_order(encode(Order{kind, id()}));
    REQUIRE(order.has_value());
    CHECK(order->kind == kind);
    CHECK(order->request == id());
  }
  CHECK(encode(Order{Order::Kind::run, id()}) == R"({"op":"run","request":"CS-20261121-000042-R1","v":1})");
}

TEST_CASE("T59 T60 protocol: an order that is not exactly one is refused") {
  auto const line = GENERATE(
      as<std::string>{},  //
      "", "run", "[]", "null", R"({"v":1,"op":"run"})", R"({"v":2,"op":"run","request":"CS-20261121-000042-R1"})",
      R"({"op":"run","request":"CS-20261121-000042-R1"})", R"({"v":1,"op":"kill","request":"CS-20261121-000042-R1"})",
      R"({"v":1,"op":"run","request":"../../etc/passwd"})",
      R"({"v":1,"op":"run","request":"CS-20261121-000042-R1","argv":["sh"]})",
      R"({"v":1,"op":"run","op":"check","request":"CS-20261121-000042-R1"})",
      R"({"v":1,"op":["run"],"request":"CS-20261121-000042-R1"})");
  CAPTURE(line);
  CHECK_FALSE(parse_order(line).has_value());
}

TEST_CASE("T60 protocol: a long or deep order is refused") {
  CHECK_FALSE(parse_order(std::string(1 << 20, '[')).has_value());
  auto const padded = R"({"v":1,"op":"run","request":"CS-20261121-000042-R1"})" + std::string(kMaxOrderBytes, ' ');
  CHECK_FALSE(parse_order(padded).has_value());
}

TEST_CASE("protocol: every message is read back as it was written") {
  auto const result = core::Json::object({{"state", "succeeded"}});
  CHECK(std::holds_alternative<Ready>(*parse_message(encode(Message{Ready{}}))));
  CHECK(std::get<Accepted>(*parse_message(encode(Message{Accepted{"a"}}))).request == "a");
  for (auto const kind : {Order::Kind::check, Order::Kind::run}) {
    auto const refused = std::get<Refused>(*parse_message(encode(Message{Refused{kind, "a", "b\n\"c"}})));
    CHECK(refused.why == "b\n\"c");
    CHECK(refused.kind == kind);
  }
  CHECK(std::get<Output>(*parse_message(encode(Message{Output{"a", "s", "t\n"}}))).text == "t\n");
  auto const finished = std::get<Finished>(*parse_message(encode(Message{Finished{"a", result, "o"}})));
  CHECK(finished.result == result);
  CHECK(finished.output == "o");
  CHECK(std::get<Ended>(*parse_message(encode(Message{Ended{"w"}}))).why == "w");
  CHECK_FALSE(parse_message(R"({"v":1,"op":"finished","request":"a","result":[],"output":""})").has_value());
  CHECK_FALSE(parse_message(R"({"v":1,"op":"nonsense"})").has_value());
  CHECK_FALSE(parse_message(R"({"v":1,"op":"refused","request":"a","why":"it answers what?"})").has_value());
}

TEST_CASE("protocol: the longest output fits into a line, whatever it holds") {
  std::string const text(kMaxOutputBytes, '"');
  CHECK(encode(Message{Finished{"CS-20261121-000042-R1", core::Json::object({}), text}}).size() < kMaxMessageBytes);
}

TEST_CASE("result: the cause is the first failure's, and on_failure never hides it") {
  RunRecord run;
  run.steps = {step("one"), step("two", Cause::exit), step("undo", Cause::timeout)};
  run.steps[1].exit_code = 7;
  run.steps[1].explanation = "why";
  run.steps[2].on_failure = true;
  auto const json = result_json(run);
  CHECK(json["state"].text() == "failed");
  CHECK(json["cause"].text() == "exit");
  CHECK(json["step"].text() == "two");
  CHECK(json["exit_code"].integer() == 7);
  CHECK(json["explanation"].text() == "why");
  CHECK(json["steps"].at_index(0)["cause"].is_null());
  CHECK(json["steps"].at_index(2)["cause"].text() == "timeout");
  CHECK(json["steps"].at_index(2)["on_failure"].boolean());
  run.steps = {step("one")};
  auto const good = result_json(run);
  CHECK(good["state"].text() == "succeeded");
  CHECK(good["cause"].is_null());
  CHECK(good["step"].is_null());
  CHECK(good["exit_code"].integer(-1) == 0);
}

TEST_CASE("result: short outputs stay whole beside a long one, and the whole is bounded") {
  RunRecord run;
  run.steps = {step("short"), step("long"), step("last", Cause::exit)};
  run.steps[0].output = "all of it\n";
  for (int i = 0; i < 1 << 14; ++i) run.steps[1].output += std::string(63, 'x') + "\n";
  run.steps[2].output = "the reason\n";
  auto const text = output_text(run);
  CHECK(text.size() <= kMaxOutputBytes);
  CHECK(text.size() > kMaxOutputBytes - 200);
  CHECK(text.find("== short: succeeded") == 0);
  CHECK(text.find("all of it\n") != std::string::npos);
  CHECK(text.find("bytes left out]") != std::string::npos);
  CHECK(text.find("== last: failed, exit") != std::string::npos);
  CHECK(text.ends_with("the reason\n"));
}
