// The story over real sockets: ask, look, decide, run, tell, with the ways in which people get it wrong.
#include <set>

#include "tests/integration/service/service.hpp"

namespace {

using namespace service;

KitOptions with_long_action() {
  KitOptions options;
  options.extra_runbooks =
      "  long:\n    summary: \"A long one\"\n    risk: low\n    if_unanswered: \"nothing\"\n"
      "    parameters: {text: {type: string, pattern: \"[a-z ]+\", max: 4096}}\n"
      "    steps: [{name: say, run: [/bin/echo, \"{{text}}\"], timeout: 10s}]\n    policy: one-sre\n";
  return options;
}

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

// Submits bob's top modal with this note (or without one) and waits for the acknowledgement.
Json submit(ServiceKit& kit, std::string const& user, Json const& values, bool force = false) {
  auto const made = kit.slack().submit(user, values, force);
  REQUIRE(made);
  CHECK(acked(kit, *made));
  return kit.slack().interaction(*made)->answer;
}

}  // namespace

TEST_CASE("a pipeline asks for somebody: mentioned once, approved, run once, outcome in the thread") {
  ServiceKit kit;
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
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  auto const card = *kit.card(id);
  CHECK(card["text"].text().size() <= 200);  // the lock screen
  CHECK(has(core::dump(card), "no line is left"));
  // A person without an account that the rules know, and the initiator, are refused in words and on record.
  CHECK(kit.press("U0MALLORY", id));
  CHECK(kit.wait([&] { return !kit.whispers("U0MALLORY").empty(); }));
  CHECK(kit.press("U0ALICE", id));
  CHECK(kit.wait([&] { return !kit.whispers("U0ALICE").empty(); }));
  CHECK(count(kit, "vote.refused", id) == 2);
  CHECK(kit.witnessed() == 0);
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.witness_text() == "one\n");
  REQUIRE(kit.wait([&] { return !kit.replies(id).empty(); }));
  auto const outcome = kit.replies(id);
  REQUIRE(outcome.size() == 1);
  CHECK(has(core::dump(outcome[0]), "<@U0ALICE>"));
  CHECK(kit.wait([&] { return has(core::dump(*kit.card(id)), "bob"); }));
  // Who was mentioned: whom the policy notifies by the card, the initiator by the outcome; each once, by new messages.
  std::set<std::pair<std::string, std::string>> mentioned;  // message and person: a message notifies a person once
  for (auto const& ping : kit.slack().pings()) {
    if (!ping.update && !ping.ephemeral) mentioned.emplace(ping.ts, ping.target);
  }
  auto const ts = card["ts"].text(), end = outcome[0]["ts"].text();
  CHECK(mentioned == std::set<std::pair<std::string, std::string>>{
                         {ts, "U0BOB"}, {ts, "U0CAROL"}, {ts, "U0ERIN"}, {end, "U0ALICE"}});
  for (auto const& ping : kit.slack().pings()) CHECK((ping.kind == "user" || ping.kind == "subteam"));
  // Every message has the rendering digest that ledger/FORMAT.md says; the vote names the card's.
  auto const intents = kit.entries("request.post_intent", id);
  REQUIRE(intents.size() == 2);
  for (auto const& intent : intents) {
    auto const text = intent["data"]["body"].text();
    CHECK(has(text, R"("type":"button","value":"v1|)") == (intent["data"]["purpose"].text() == "card"));
    CHECK(intent["data"]["rendering"].text() == digest_by_hand(kit, text));
  }
  CHECK(kit.entries("request.approved", id).at(0)["data"]["vote"]["rendering"] == intents[0]["data"]["rendering"]);
  CHECK(kit.witnessed() == 1);
  CHECK(kit.ledger_problems().empty());
  CHECK(kit.slack().findings().empty());
  CHECK(kit.stop() == 0);
}

TEST_CASE("T2 two persons: each counts once, whatever they click, a deny ends it for all") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness-two");
  auto const before = core::dump(*kit.card(id));
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return core::dump(*kit.card(id)) != before; }));
  CHECK(kit.view(id)["needs"].at_index(0)["have"].integer() == 1);
  CHECK(kit.press("U0BOB", id));
  CHECK(has(typed(kit, "U0BOB", "approve " + id + " " + code(kit, id)), "already"));
  CHECK(kit.state(id) == "pending");
  CHECK(count(kit, "vote.approve", id) == 1);
  CHECK(kit.press("U0CAROL", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.view(id)["decision"]["by"].if_array()->size() == 2);

  auto const other = kit.ask("witness-two");
  CHECK(kit.press("U0BOB", other));
  CHECK(kit.press("U0CAROL", other, "deny"));
  REQUIRE(ends_as(kit, other, "denied"));
  REQUIRE(kit.wait([&] { return !kit.replies(other).empty(); }));
  CHECK(has(core::dump(kit.replies(other).back()), "<@U0ALICE>"));
  CHECK(kit.witnessed() == 1);
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("T3 T12 stale, repeated, forged and foreign clicks: answered, on record, never counted") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness-two");
  auto const other = kit.ask("witness");
  auto const value_of = [&](std::string const& of) {
    auto const text = core::dump(*kit.card(of));
    auto const at = text.find("\"value\":\"") + 9;
    std::string value;
    for (auto i = at; text[i] != '"'; ++i) value += text[i] == '\\' ? text[++i] : text[i];
    return value;
  };
  auto const real = value_of(id);
  auto changed = real;
  auto const digit = changed.find("sha256:") == std::string::npos ? changed.size() - 1 : changed.find("sha256:") + 9;
  changed[digit] = changed[digit] == '0' ? '1' : '0';
  CHECK(forged(kit, "U0BOB", id, changed));
  CHECK(forged(kit, "U0BOB", id, "nonsense"));
  CHECK(forged(kit, "U0CAROL", id, value_of(other)));  // another message's value
  CHECK(forged(kit, "U0CAROL", id, std::nullopt, Json::object({{"team", Json::object({{"id", "T0OTHER"}})}})));
  CHECK(forged(kit, "U0CAROL", id, std::nullopt, Json::object({{"user", Json::object({{"team_id", "T0OTHER"}})}})));
  CHECK(forged(kit, "U0ERIN", id, std::nullopt,
               Json::object({{"channel", Json::object({{"id", "C0ELSE"}})},
                             {"container", Json::object({{"channel_id", "C0ELSE"}})}})));
  CHECK(kit.state(id) == "pending");
  CHECK(kit.state(other) == "pending");
  CHECK(count(kit, "vote.refused") == 6);
  CHECK(count(kit, "vote.approve") == 0);

  // Two envelopes of one click, and the click again in a fresh envelope: one vote.
  kit.slack().duplicate_envelopes(1);
  auto const click = kit.click("U0BOB", id);
  REQUIRE(click);
  CHECK(acked(kit, *click));
  auto const again = kit.slack().redeliver(*click);
  REQUIRE(again);
  CHECK(acked(kit, *again));
  CHECK(count(kit, "vote.approve", id) == 1);
  CHECK(kit.press("U0CAROL", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  // Stale: the buttons are gone, an old client still shows them.
  REQUIRE(kit.wait([&] { return count(kit, "request.posted", id) == 2; }));
  auto const entries = kit.entries().size();
  auto const stale = kit.slack().redeliver(*click);
  REQUIRE(stale);
  CHECK(acked(kit, *stale));
  CHECK(kit.witnessed() == 1);
  CHECK(kit.entries().size() == entries);

  // Everything that was ever clicked comes again after a restart.
  CHECK(kit.stop() == 0);
  auto const size = kit.slack().interactions().size();
  std::vector<Json> payloads;
  for (auto const& one : kit.slack().interactions()) payloads.push_back(one.payload);
  kit.start();
  REQUIRE(kit.wait([&] { return !kit.slack().sockets().empty(); }));
  auto const start = kit.entries().size();
  std::vector<std::uint64_t> replayed;
  for (int i = 0; i < 10; ++i) {
    for (auto const& payload : payloads) replayed.push_back(kit.slack().deliver("interactive", payload));
  }
  for (auto const one : replayed) CHECK(acked(kit, one));
  CHECK(size == payloads.size());
  auto const after = kit.entries();
  for (std::size_t i = start; i < after.size(); ++i) {
    auto const kind = after[i]["kind"].text();
    CAPTURE(core::dump(after[i]));
    CHECK((kind == "vote.refused" || kind == "request.posted"));
  }
  CHECK(kit.state(other) == "pending");
  CHECK(kit.witnessed() == 1);
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("a required note: the modal refuses an empty one and the ledger keeps the given one") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness-why");
  CHECK(kit.press("U0BOB", id));
  REQUIRE(kit.wait([&] { return !kit.slack().modals("U0BOB").empty(); }));
  CHECK(kit.state(id) == "pending");
  CHECK_FALSE(kit.slack().submit("U0BOB", Json::object({{"note", ""}})));  // the client itself asks for it
  auto const refused = submit(kit, "U0BOB", Json::object({{"note", "   "}}), true);
  CHECK(refused["response_action"].text() == "errors");
  CHECK(kit.state(id) == "pending");
  CHECK(submit(kit, "U0BOB", Json::object({{"note", "the graph agrees"}}))["response_action"].text() != "errors");
  REQUIRE(ends_as(kit, id, "succeeded"));
  auto const tree = support::git(kit.ledger(), "ls-tree -r --name-only main").out;
  auto const at = tree.find("-approve-bob.json");
  REQUIRE(at != std::string::npos);
  auto const from = tree.rfind('\n', at) + 1;
  auto const file = tree.substr(from, tree.find('\n', at) - from);
  CHECK(has(support::git(kit.ledger(), "show main:" + file).out, "the graph agrees"));
}

TEST_CASE("T4 an action that the message can't show is voted on in a view that shows it whole") {
  ServiceKit kit(with_long_action());
  kit.start();
  std::string text;
  while (text.size() < 4000) text += "word ";
  text += "end";
  auto const id = kit.ask("long", Json::object({{"text", text}}));
  CHECK(has(typed(kit, "U0BOB", "approve " + id + " " + code(kit, id)), "view"));
  CHECK(kit.press("U0BOB", id));
  REQUIRE(kit.wait([&] { return !kit.slack().modals("U0BOB").empty(); }));
  auto const view = core::dump(kit.slack().modals("U0BOB").back());
  CHECK(has(view, "word end"));
  CHECK(kit.state(id) == "pending");
  submit(kit, "U0BOB", Json(Json::Object{}));
  REQUIRE(ends_as(kit, id, "succeeded"));
}

TEST_CASE("everything by text: help, run, list, show, approve, deny, cancel") {
  ServiceKit kit;
  kit.start();
  CHECK(has(typed(kit, "U0ALICE", "help"), "approve ID CODE"));
  CHECK(has(typed(kit, "U0MALLORY", "list"), "not known here"));
  CHECK(has(typed(kit, "U0ALICE", "run witness word=typed"), "requires a reason"));
  CHECK(has(typed(kit, "U0ALICE", "run witness word=typed -- it is *needed* <!channel>"), "1 of sre"));
  REQUIRE(kit.wait([&] { return count(kit, "request.posted") == 1; }));
  auto const id = kit.entries("request.opened").at(0)["request"].text();
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  auto const number = std::to_string(std::stoi(id.substr(12, 6)));
  auto const given = code(kit, id);
  CHECK(has(typed(kit, "U0BOB", "list"), "CS-" + number + " " + given));
  CHECK(has(typed(kit, "U0BOB", "show CS-" + number), "You may decide it"));
  CHECK(has(typed(kit, "U0BOB", "approve CS-" + number + " zzzz"), "look at the message"));
  CHECK(kit.state(id) == "pending");
  CHECK(has(typed(kit, "U0BOB", "approve CS-" + number + " " + given + " -- seen"), "approved"));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.witness_text() == "typed\n");

  auto const second = kit.ask("witness");
  CHECK(has(typed(kit, "U0CAROL", "deny " + second + " " + code(kit, second) + " -- not today"), "denied"));
  CHECK(kit.state(second) == "denied");
  auto const third = kit.ask("witness");
  CHECK(has(typed(kit, "U0ALICE", "cancel " + third), "cancelled"));
  CHECK(kit.state(third) == "cancelled");
  CHECK(has(typed(kit, "U0BOB", "approve " + third + " " + code(kit, third)), "cancelled"));
  CHECK(kit.witnessed() == 1);
  // T36: nothing that anybody wrote has notified anybody.
  for (auto const& ping : kit.slack().pings()) CHECK((ping.kind == "user" || ping.kind == "subteam"));
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("a request that nobody answers expires and the requester is told") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.post("witness-short");  // on a slow machine it is over before its buttons are seen
  REQUIRE(ends_as(kit, id, "expired"));
  REQUIRE(kit.wait([&] { return !kit.replies(id).empty(); }));
  CHECK(has(core::dump(kit.replies(id).back()), "<@U0ALICE>"));
  CHECK(has(typed(kit, "U0BOB", "approve " + id + " " + code(kit, id)), "expired"));
  CHECK(kit.witnessed() == 0);
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
