// One request, three platforms, one decision: the wiring of the real binary. What each platform does by itself is
// proved in its own tests.
#include "tests/integration/service/three.hpp"

#include <algorithm>

namespace {

using namespace service;

// Who has a vote, as the API tells it.
std::vector<std::string> voters(Three& kit, std::string const& id) {
  std::vector<std::string> names;
  auto const view = kit.view(id);
  if (auto const* votes = view["votes"].if_array()) {
    for (auto const& vote : *votes) names.push_back(vote["person"].text());
  }
  return names;
}

}  // namespace

TEST_CASE(
    "T2 T12 one request on Slack, Teams and Matrix: persons count, whatever they click with, and every copy says so") {
  Three kit;
  kit.start();
  auto const id = kit.ask("witness-two");

  // A tap on Matrix, the same again on Slack: one vote. Taking the reaction away takes it back, and with it the click.
  auto const tap = kit.chat("matrix").click("bob", id);
  REQUIRE(tap);
  REQUIRE(kit.wait([&] { return voters(kit, id) == std::vector<std::string>{"bob"}; }));
  CHECK(kit.press("U0BOB", id));
  CHECK(voters(kit, id).size() == 1);
  REQUIRE(kit.told_everywhere(id, "bob approved"));
  REQUIRE(kit.matrix.unreact("bob", *tap));
  REQUIRE(kit.wait([&] { return voters(kit, id).empty(); }));
  auto const withdrawn = kit.entries("vote.withdrawn", id);
  REQUIRE(withdrawn.size() == 1);
  CHECK(withdrawn[0]["data"]["platform"].text() == "matrix");
  CHECK(withdrawn[0]["data"]["repeats"].if_array()->size() == 1);
  REQUIRE(kit.told_everywhere(id, "bob withdrew"));

  // Now on Teams, and the second person on Slack.
  CHECK(kit.chat("teams").press("bob", id));
  REQUIRE(kit.wait([&] { return voters(kit, id) == std::vector<std::string>{"bob"}; }));
  CHECK(kit.chat("teams").press("alice", id));  // who asked: her own view has no button, she forces it
  REQUIRE(kit.wait([&] { return count(kit, "vote.refused", id) == 1; }));
  CHECK(kit.press("U0CAROL", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.witnessed() == 1);
  CHECK(kit.told_everywhere(id, "succeeded"));
  CHECK(kit.ledger_problems() == "");
  CHECK(kit.stop() == 0);
}

TEST_CASE("a platform that takes nothing holds nobody up, and catches up") {
  Three kit;
  kit.teams.add_fault(
      {.call = "*", .kind = playground::TeamsFault::Kind::status, .times = -1, .status = 429, .retry_after = 1});
  kit.start();
  auto const id = kit.post("witness");
  REQUIRE(kit.wait([&] { return kit.chat("matrix").card(id).has_value(); }));
  REQUIRE(kit.chat("matrix").click("carol", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK_FALSE(kit.chat("teams").card(id));
  kit.teams.clear_faults();
  CHECK(kit.told_everywhere(id, "succeeded"));
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("a reload reaches every platform: whose account it is now decides") {
  Three kit;
  kit.start();
  edit(kit, ", matrix: \"@bob:example.org\"", "");
  edit(kit, "  erin: {", "  erin: {matrix: \"@bob:example.org\", ");
  REQUIRE(reload(kit));
  auto const id = kit.ask("witness-two");
  REQUIRE(kit.chat("matrix").click("bob", id));
  CHECK(kit.wait([&] { return voters(kit, id) == std::vector<std::string>{"erin"}; }));
  CHECK(kit.stop() == 0);
}
