// One request, three platforms, one decision: the wiring of the real binary. What each platform does by itself is
// proved in its own tests.
#include "tests/integration/service/three.hpp"

#include <algorithm>

namespace {

using namespace service;

constexpr char const* kTick = "\xE2\x9C\x85";

// The oldest with its id: the outcome below it is a later message.
std::optional<Json> teams_card(Three& kit, std::string const& id) {
  for (auto const& message : kit.teams.messages(Three::kTeamsChannel)) {
    if (!message["card"].is_null() && has(core::dump(message["card"]), core::RequestId::parse(id)->short_name()))
      return message;
  }
  return std::nullopt;
}

std::optional<Json> matrix_card(Three& kit, std::string const& id) {
  for (auto const& message : kit.matrix.messages()) {
    if (message["sender"].text() == kit.matrix.world().bot.id &&
        message["content"]["org.countersign.message"]["request"].text() == id)
      return message;
  }
  return std::nullopt;
}

bool on_all(Three& kit, std::string const& id) {
  return kit.wait([&] {
    auto const matrix = matrix_card(kit, id);
    return kit.card(id) && teams_card(kit, id) && matrix && !(*matrix)["reactions"][kTick].is_null();
  });
}

// Who has a vote, as the API tells it.
std::vector<std::string> voters(Three& kit, std::string const& id) {
  std::vector<std::string> names;
  auto const view = kit.view(id);
  if (auto const* votes = view["votes"].if_array()) {
    for (auto const& vote : *votes) names.push_back(vote["person"].text());
  }
  return names;
}

void click_teams(Three& kit, std::string const& user, std::string const& id, std::string const& action,
                 bool force = false) {
  auto const made = kit.teams.click({.user = user,
                                     .conversation = Three::kTeamsChannel,
                                     .activity = (*teams_card(kit, id))["id"].text(),
                                     .action = action,
                                     .force = force});
  INFO((made ? "" : made.error().message));
  REQUIRE(made);
}

// Every copy says so.
bool told_everywhere(Three& kit, std::string const& id, std::string_view word) {
  return kit.wait([&] {
    auto const slack = kit.card(id), teams = teams_card(kit, id), matrix = matrix_card(kit, id);
    return slack && teams && matrix && has(core::dump(*slack), word) && has(core::dump((*teams)["card"]), word) &&
           has((*matrix)["body"].text(), word);
  });
}

}  // namespace

TEST_CASE(
    "T2 T12 one request on Slack, Teams and Matrix: persons count, whatever they click with, and every copy says so") {
  Three kit;
  kit.start();
  auto const id = kit.ask("witness-two");
  REQUIRE(on_all(kit, id));

  // A tap on Matrix, the same again on Slack: one vote. Taking the reaction away takes it back, and with it the click.
  auto const card = (*matrix_card(kit, id))["event_id"].text();
  auto const tap = kit.matrix.react("bob", card, kTick);
  REQUIRE(tap);
  REQUIRE(kit.wait([&] { return voters(kit, id) == std::vector<std::string>{"bob"}; }));
  CHECK(kit.press("U0BOB", id));
  CHECK(voters(kit, id).size() == 1);
  REQUIRE(told_everywhere(kit, id, "bob approved"));
  REQUIRE(kit.matrix.unreact("bob", *tap));
  REQUIRE(kit.wait([&] { return voters(kit, id).empty(); }));
  auto const withdrawn = kit.entries("vote.withdrawn", id);
  REQUIRE(withdrawn.size() == 1);
  CHECK(withdrawn[0]["data"]["platform"].text() == "matrix");
  CHECK(withdrawn[0]["data"]["repeats"].if_array()->size() == 1);
  REQUIRE(told_everywhere(kit, id, "bob withdrew"));

  // Now on Teams, and the second person on Slack.
  click_teams(kit, "bob", id, "approve");
  REQUIRE(kit.wait([&] { return voters(kit, id) == std::vector<std::string>{"bob"}; }));
  click_teams(kit, "alice", id, "approve", /*force=*/true);  // who asked: her own view has no button
  REQUIRE(kit.wait([&] { return count(kit, "vote.refused", id) == 1; }));
  CHECK(kit.press("U0CAROL", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.witnessed() == 1);
  CHECK(told_everywhere(kit, id, "succeeded"));
  CHECK(kit.ledger_problems() == "");
  CHECK(kit.stop() == 0);
}

TEST_CASE("a platform that takes nothing holds nobody up, and catches up") {
  Three kit;
  kit.teams.add_fault(
      {.call = "*", .kind = playground::TeamsFault::Kind::status, .times = -1, .status = 429, .retry_after = 1});
  kit.start();
  auto const id = kit.ask("witness");
  REQUIRE(kit.wait([&] { return matrix_card(kit, id).has_value(); }));
  auto const card = (*matrix_card(kit, id))["event_id"].text();
  REQUIRE(kit.matrix.react("carol", card, kTick));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK_FALSE(teams_card(kit, id));
  kit.teams.clear_faults();
  CHECK(told_everywhere(kit, id, "succeeded"));
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("a reload reaches every platform: whose account it is now decides") {
  Three kit;
  kit.start();
  edit(kit, "matrix: \"@bob:example.org\", ", "");
  edit(kit, "  erin: {", "  erin: {matrix: \"@bob:example.org\", ");
  REQUIRE(reload(kit));
  auto const id = kit.ask("witness-two");
  REQUIRE(on_all(kit, id));
  REQUIRE(kit.matrix.react("bob", (*matrix_card(kit, id))["event_id"].text(), kTick));
  CHECK(kit.wait([&] { return voters(kit, id) == std::vector<std::string>{"erin"}; }));
  CHECK(kit.stop() == 0);
}
