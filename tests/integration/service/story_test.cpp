// What follows an approval, and what is stored of a message. The story itself, with the ways in which people get it
// wrong, is told on every platform in tests/integration/chats.
#include "tests/integration/service/service.hpp"

namespace {

using namespace service;

// The rendering digest by hand, from the stored text alone: its members are sorted, so a button's value stands behind
// its type; sha256sum does the rest.
std::string digest_by_hand(ServiceKit& kit, std::string body) {
  std::string_view const mark = R"("type":"button","value":")";
  for (auto at = body.find(mark); at != std::string::npos; at = body.find(mark, at)) {
    at += mark.size();
    body.erase(at, body.find('"', at) - at);
  }
  support::write_file(kit / "body", body);
  return "sha256:" + support::run("sha256sum '" + (kit / "body").string() + "'").out.substr(0, 64);
}

}  // namespace

TEST_CASE("every message has the rendering digest that ledger/FORMAT.md says") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  CHECK((*kit.card(id))["text"].text().size() <= 200);  // the lock screen
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  REQUIRE(kit.wait([&] { return count(kit, "request.post_intent", id) == 2; }));
  for (auto const& intent : kit.entries("request.post_intent", id)) {
    auto const text = intent["data"]["body"].text();
    CHECK(has(text, R"("type":"button","value":"v1|)") == (intent["data"]["purpose"].text() == "card"));
    CHECK(intent["data"]["rendering"].text() == digest_by_hand(kit, text));
  }
}

TEST_CASE("two approved requests on one lock run one after the other") {
  ServiceKit kit;
  kit.start();
  auto const first = kit.ask("witness-hold"), second = kit.ask("witness-hold");
  CHECK(kit.press("U0BOB", first));
  REQUIRE(ends_as(kit, first, "running"));
  CHECK(kit.press("U0CAROL", second));
  REQUIRE(ends_as(kit, second, "approved"));
  REQUIRE(kit.wait([&] { return kit.witnessed() == 1; }));
  CHECK(kit.state(second) == "approved");
  support::write_file(kit / "release", "go");
  REQUIRE(ends_as(kit, second, "succeeded"));
  CHECK(kit.state(first) == "succeeded");
  std::vector<std::string> order;
  for (auto const& entry : kit.entries()) {
    if (entry["kind"].text() == "run.started" || entry["kind"].text() == "run.finished")
      order.push_back(entry["kind"].text() + " " + entry["request"].text());
  }
  CHECK(order == std::vector<std::string>{"run.started " + first, "run.finished " + first, "run.started " + second,
                                          "run.finished " + second});
  CHECK(kit.ledger_problems().empty());
}
