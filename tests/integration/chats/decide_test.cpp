// Asking and deciding: who counts, who is told, who is mentioned, and what must be said with a vote.
#include <set>

#include "tests/integration/chats/chats.hpp"

using namespace chats;

ON_EACH("click: a pipeline asks for somebody, mentioned once, T2 nobody approves their own, run once, outcome told") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  auto const answer = kit.http("POST", "/v1/requests",
                               Json::object({{"runbook", "witness"},
                                             {"parameters", Json::object({{"word", "one"}})},
                                             {"reason", "release 42"},
                                             {"initiator", "alice"}}),
                               "token-of-ci");
  REQUIRE(answer.status == 202);
  auto const id = answer.body["id"].text();
  CHECK(answer.body["state"].text() == "collecting");
  REQUIRE(kit.wait([&] { return chat.card(id) && chat.card(id)->open; }));
  CHECK(chat.shows(id, "no line is left"));
  CHECK(chat.shows(id, "release 42"));
  // A person without an account that the rules know, and the initiator, are refused in words and on record.
  for (auto const* person : {"mallory", "alice"}) {
    CHECK(chat.press(person, id));
    CHECK(kit.wait([&] { return !chat.told(person).empty(); }));
  }
  CHECK(counts(kit, "vote.refused", id, 2));
  CHECK(kit.state(id) == "pending");
  CHECK(kit.witnessed() == 0);
  CHECK(chat.press("bob", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.witness_text() == "one\n");
  REQUIRE(kit.wait([&] { return chat.replies(id).size() == 1 && chat.shows(id, "bob"); }));
  CHECK(kit.wait([&] { return chat.shows(id, "ucceeded") && !chat.card(id)->open; }));
  // Whom the policy notifies by the card, the initiator by the outcome, each once; others only about what they did.
  std::set<std::string> by_card, by_outcome;
  auto const rings = chat.rings();
  for (auto const& [message, person] : rings) {
    CAPTURE(message, person);
    CHECK(std::ranges::count(rings, std::pair(message, person)) == 1);
    CHECK((person == "bob" || person == "carol" || person == "erin" || person == "alice" || person == "mallory"));
    if (message == chat.card(id)->message) by_card.insert(person);
    if (message == chat.replies(id)[0].message) by_outcome.insert(person);
  }
  std::set<std::string> sre{"bob", "carol"};
  if (chat.platform() == "slack") sre.insert("erin");
  CHECK(by_card == sre);
  CHECK(by_outcome == std::set<std::string>{"alice"});
  auto const intents = kit.entries("request.post_intent", id);
  REQUIRE(intents.size() == 2);
  auto const approved = kit.entries("request.approved", id);
  REQUIRE(approved.size() == 1);
  CHECK(approved[0]["data"]["vote"]["platform"].text() == chat.platform());
  CHECK(approved[0]["data"]["vote"]["rendering"] == intents[0]["data"]["rendering"]);
  CHECK(chat.copies(id).size() == 1);
  CHECK(kit.ledger_problems() == "");
  check_findings(kit);
  CHECK(kit.stop() == 0);
}

ON_EACH("T2 quorum: two persons, each counts once whatever they click, a deny ends it for all") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  auto const id = kit.ask("witness-two");
  auto const before = chat.card(id)->text;
  CHECK(chat.press("bob", id));
  CHECK(kit.wait([&] { return chat.card(id)->text != before; }));
  CHECK(kit.view(id)["needs"].at_index(0)["have"].integer() == 1);
  chat.double_tap("bob", id);
  CHECK_THAT(chat.typed("bob", "approve " + id + " " + code(kit, id)), Catch::Contains("already"));
  CHECK(kit.state(id) == "pending");
  CHECK(voters(kit, id) == Names{"bob"});
  CHECK(count(kit, "vote.approve", id) == 1);
  CHECK(chat.press("carol", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.view(id)["decision"]["by"].if_array()->size() == 2);

  auto const other = kit.ask("witness-two");
  CHECK(chat.press("bob", other));
  CHECK(chat.press("carol", other, "deny"));
  REQUIRE(ends_as(kit, other, "denied"));
  REQUIRE(kit.wait([&] { return chat.replies(other).size() == 1; }));
  CHECK(kit.wait([&] {
    return std::ranges::count(chat.rings(), std::pair(chat.replies(other)[0].message, std::string("alice"))) == 1;
  }));
  CHECK(kit.witnessed() == 1);
  CHECK(kit.ledger_problems() == "");
}

ON_EACH("justify: where a note is needed an empty one is none, and the ledger keeps the given one") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  auto const id = kit.ask("witness-why");
  chat.explain("bob", id, "approve", "   ");
  CHECK(kit.state(id) == "pending");
  CHECK(voters(kit, id).empty());
  chat.explain("bob", id, "approve", "the graph agrees");
  REQUIRE(ends_as(kit, id, "succeeded"));
  auto const tree = support::git(kit.ledger(), "ls-tree -r --name-only main").out;
  auto const at = tree.find("-approve-bob.json");
  REQUIRE(at != std::string::npos);
  auto const from = tree.rfind('\n', at) + 1;
  auto const file = tree.substr(from, tree.find('\n', at) - from);
  CHECK(has(support::git(kit.ledger(), "show main:" + file).out, "the graph agrees"));
  check_findings(kit);
}

ON_EACH("a request that nobody answers expires, the requester is told, and its buttons are gone") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  auto const id = kit.post("witness-short");  // on a slow machine it is over before its buttons are seen
  REQUIRE(ends_as(kit, id, "expired"));
  REQUIRE(kit.wait([&] { return chat.replies(id).size() == 1 && !chat.card(id)->open; }));
  CHECK(kit.wait([&] {
    return std::ranges::count(chat.rings(), std::pair(chat.replies(id)[0].message, std::string("alice"))) == 1;
  }));
  CHECK_THAT(chat.typed("bob", "approve " + id + " " + code(kit, id)), Catch::Contains("expired"));
  CHECK(kit.witnessed() == 0);
}
