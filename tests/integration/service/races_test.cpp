// T49: what many people do at once is decided in the ledger's order, once.
#include "tests/integration/service/service.hpp"
#include "tests/support/catch.hpp"

using namespace service;

TEST_CASE("T49 64 votes at once: one vote a person, one decision, one run") {
  ServiceKit kit;
  kit.start();
  auto const two = kit.ask("witness-two");
  std::vector<std::uint64_t> clicks;
  std::array<char const*, 3> const people{"U0BOB", "U0CAROL", "U0ERIN"};
  for (std::size_t i = 0; i < 64; ++i) {
    if (auto const click = kit.click(people[i % people.size()], two)) clicks.push_back(*click);
  }
  REQUIRE(clicks.size() == 64);
  CHECK(kit.wait([&] { return kit.state(two) == "succeeded"; }));
  for (auto const click : clicks) CHECK(acked(kit, click));
  CHECK(count(kit, "request.approved", two) == 1);
  CHECK(count(kit, "vote.approve", two) == 1);  // the second approval is the decision's own
  CHECK(count(kit, "run.started", two) == 1);
  CHECK(kit.witnessed() == 1);
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("T49 32 approve and 32 deny the same request at once: one outcome, and everybody is told it", "[.full]") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  std::vector<std::uint64_t> clicks;
  for (std::size_t i = 0; i < 32; ++i) {
    for (auto const click : {kit.click(i % 2 == 0 ? "U0BOB" : "U0CAROL", id), kit.click("U0ERIN", id, "deny")}) {
      REQUIRE(click);
      clicks.push_back(*click);
    }
  }
  CHECK(kit.wait([&] {
    auto const state = kit.state(id);
    return state == "succeeded" || state == "denied";
  }));
  for (auto const click : clicks) CHECK(acked(kit, click));
  // Whoever came too late hears so privately; whoever decided it sees it in the message, as all do.
  std::string const outcome = kit.state(id) == "denied" ? "denied" : "approved";
  auto const by = core::dump(kit.view(id)["decision"]["by"]);
  std::size_t late = 0;
  for (auto const& [person, account] :
       {std::pair("bob", "U0BOB"), std::pair("carol", "U0CAROL"), std::pair("erin", "U0ERIN")}) {
    if (has(by, person)) continue;
    CAPTURE(person, outcome, by);
    ++late;
    CHECK(kit.wait([&, account = account] { return !kit.whispers(account).empty(); }));
    CHECK_THAT(kit.whispers(account).front(), Catch::Contains("lready"));
  }
  CHECK(late == 2);
  CHECK(kit.wait([&] { return has(core::dump(*kit.card(id)), outcome == "denied" ? "Denied by" : "Approved by"); }));
  CHECK(count(kit, "request.approved", id) + count(kit, "request.denied", id) == 1);
  CHECK(kit.witnessed() == static_cast<int>(count(kit, "request.approved", id)));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("T54 a vote that comes before its request, or after its end, is refused and not kept for later", "[.full]") {
  ServiceKit kit;
  kit.start();
  auto const first = kit.ask("witness");
  CHECK(kit.press("U0BOB", first, "deny"));
  CHECK(kit.wait([&] { return kit.state(first) == "denied"; }));
  // The next request of the day, guessed before it exists.
  CHECK(has(typed(kit, "U0CAROL",
                  "approve " + core::RequestId::parse(first)->case_id().str().substr(0, 12) + "000002-R1 0000"),
            "no request"));
  auto const second = kit.ask("witness");
  CHECK(kit.state(second) == "pending");
  CHECK(typed(kit, "U0CAROL", "approve " + first + " 0000").find("ecorded") == std::string::npos);
  CHECK(kit.state(first) == "denied");
  CHECK(kit.witnessed() == 0);
  CHECK(count(kit, "vote.refused") >= 1);
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}
