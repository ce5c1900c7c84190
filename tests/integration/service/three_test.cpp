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
  CHECK(kit.told_everywhere(id, "succeeded", 60s));  // who was told to wait so often waits up to 20 s
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

TEST_CASE(
    "several channels on three platforms: every copy is true, each platform mentions once, one not joined waits "
    "alone") {
  playground::StandInOptions slack;
  playground::SlackChannel ops;
  ops.id = "C0OPS";
  ops.name = "ops";
  ops.members = {"U0BOB", "U0CAROL"};
  slack.world.channels.push_back(ops);
  Three kit(slack);
  auto const& matrix = kit.matrix;
  // The bot is in a second channel of each, and in no third one.
  Json made;
  auto const call = [&](std::string const& path, Json const& body, std::string const& token) {
    auto const http = net::make_http_client(kit.io());
    bool done = false;
    net::HttpRequest request{.method = "POST", .url = matrix.origin() + path, .timeout = 5s};
    request.headers = {{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}};
    request.body = core::dump(body);
    http->request(std::move(request), [&](net::Result<net::HttpResponse> response) {
      done = true;
      if (response) made = core::parse_json(response->body).value();
    });
    REQUIRE(kit.wait([&] { return done; }));
  };
  auto const& world = matrix.world();
  call("/_matrix/client/v3/createRoom",
       Json::object({{"preset", "private_chat"}, {"invite", Json::array({world.bot.id})}}),
       world.account("bob")->access_token);
  auto const room = made["room_id"].text();
  REQUIRE(!room.empty());
  REQUIRE(kit.matrix.join("countersign", room));
  std::string const shared = "19:shared@thread.tacv2";
  edit(kit, "channels:\n",
       "channels:\n  ops: {slack: C0OPS, teams: \"" + shared + "\", matrix: \"" + room +
           "\"}\n  quiet: {slack: C0QUIET, teams: \"19:quiet@thread.tacv2\", matrix: \"!nowhere:example.org\"}\n");
  kit.start();
  auto const asked = kit.http("POST", "/v1/requests",
                              Json::object({{"runbook", "witness"},
                                            {"reason", "everywhere"},
                                            {"channels", Json::array({"quiet", "incidents", "ops"})}}));
  REQUIRE(asked.status == 202);
  auto const id = asked.body["id"].text();
  // Six copies; those in the channels not joined hold none of them up.
  std::string const slack_channels[] = {"C0INC", "C0OPS"}, teams_channels[] = {"19:incidents@thread.tacv2", shared},
                    matrix_rooms[] = {world.room_id, room};
  auto const is_root = [](core::Json const& message) {  // Slack's root names itself once it has replies
    return message["thread_ts"].is_null() || message["thread_ts"] == message["ts"];
  };
  auto const text_of_all = [&](std::string const& words) {
    std::map<std::string, std::size_t> found;
    for (auto const& channel : slack_channels) {
      for (auto const& message : kit.slack().messages(channel))
        found[channel] += is_root(message) && has(core::dump(message), words) ? 1u : 0u;
    }
    for (auto const& channel : teams_channels) {
      for (auto const& message : kit.teams.messages(channel))
        found[channel] += message["thread"] == message["id"] && has(core::dump(message), words) ? 1u : 0u;
    }
    for (auto const& where : matrix_rooms) {
      for (auto const& message : matrix.messages(where)) found[where] += has(message["html"].text(), words) ? 1u : 0u;
    }
    return found;
  };
  auto const once_each = [&](std::string const& words) {
    auto const all = [](auto const& found) {
      return found.size() == 6 && std::ranges::all_of(found, [](auto const& one) { return one.second == 1; });
    };
    bool const reached = kit.wait([&] { return all(text_of_all(words)); });
    std::string shown;
    for (auto const& [place, count] : text_of_all(words)) shown += place + ": " + std::to_string(count) + "\n";
    CAPTURE(words, shown);
    CHECK(reached);
  };
  once_each("Waiting for 1 from sre");
  REQUIRE(kit.wait([&] { return count(kit, "request.posted", id) == 6; }));  // on record a moment later
  CHECK(kit.chat("matrix").click("carol", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  once_each("Approved by carol; succeeded");
  // Whom the policy notifies rings once a platform, in the first channel that takes the card.
  for (auto const& chat : kit.chats()) {
    CAPTURE(chat->platform());
    auto const rings = chat->rings();
    CHECK(std::ranges::count(rings, "bob", &std::pair<std::string, std::string>::second) == 1);
    CHECK(std::ranges::count(rings, "carol", &std::pair<std::string, std::string>::second) == 1);
  }
  CHECK(kit.witnessed() == 1);
  CHECK(kit.ledger_problems() == "");
  CHECK(kit.stop() == 0);
}

TEST_CASE("T30 T39 a Slack usergroup decides who may, on every platform, and what can't be read is no") {
  Three kit;
  edit(kit, "chat:\n", "groups:\n  sre: {slack_usergroup: S0SRE}\nchat:\n");
  for (auto const* person : {"bob", "carol", "erin"})
    edit(kit,
         std::string("  ") + person + ": {name: " +
             (person[0] == 'b'   ? "Bob Roy"
              : person[0] == 'c' ? "Carol Diaz"
                                 : "Erin Sato") +
             ", groups: [sre]",
         std::string("  ") + person + ": {name: " +
             (person[0] == 'b'   ? "Bob Roy"
              : person[0] == 'c' ? "Carol Diaz"
                                 : "Erin Sato") +
             ", groups: []");
  kit.start();
  auto& members = kit.slack().world().usergroups.at(0).users;  // bob and carol
  auto const id = kit.ask("witness-two");
  CHECK(has(core::dump(*kit.card(id)), "<@U0BOB>"));  // the card rings for whom the usergroup has
  CHECK(kit.press("U0ERIN", id));                     // not in it
  REQUIRE(kit.wait([&] { return count(kit, "vote.refused", id) == 1; }));
  CHECK(kit.chat("matrix").click("bob", id));  // by Slack's word, on Matrix
  REQUIRE(kit.wait([&] { return voters(kit, id) == std::vector<std::string>{"bob"}; }));
  members = {"U0CAROL", "U0ERIN", "U0STRANGER"};
  kit.slack().add_fault(
      {.method = "usergroups.users.list", .kind = playground::Fault::Kind::rate_limit, .times = 1, .retry_after = 1});
  // A reload asks at once for a group that is new to it; else 30 s may pass.
  edit(kit, "S0SRE", "S0SRE2");
  auto second = kit.slack().world().usergroups.at(0);
  second.id = "S0SRE2";
  kit.slack().world().usergroups.push_back(second);
  REQUIRE(reload(kit));
  REQUIRE(kit.wait([&] {
    return kit.entries("groups.read").back()["data"]["members"] == Json::array({"carol", "erin"});
  }));
  CHECK(kit.entries("groups.read").back()["data"]["strangers"] == Json(1));
  CHECK(kit.chat("teams").press("carol", id));
  REQUIRE(kit.wait([&] { return voters(kit, id).size() == 2; }));
  CHECK(kit.state(id) == "pending");  // bob's counts no more
  CHECK(kit.press("U0ERIN", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  auto const decided = kit.entries("request.approved", id).at(0);
  CHECK(decided["data"]["by"] == Json::array({"carol", "erin"}));
  CHECK(kit.ledger_problems() == "");
  CHECK(kit.stop() == 0);
}
