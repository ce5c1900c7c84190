// Typed words, words that are too long for a message, and words that mean harm.
#include "tests/integration/chats/chats.hpp"

using namespace chats;

namespace {

// An action near the most that may be asked for: it takes two messages of Matrix, two pages of Teams.
constexpr char const* kParts[] = {"text", "more", "last"};

KitOptions with_long_action() {
  std::string parameters, words;
  for (std::string const name : kParts) {
    parameters += (parameters.empty() ? "" : ", ") + name + ": {type: string, pattern: \"[a-z ]+\", max: 4096}";
    words += ", \"{{" + name + "}}\"";
  }
  KitOptions options;
  options.extra_runbooks =
      "  long:\n    summary: \"A long one\"\n    risk: low\n    if_unanswered: \"nothing\"\n    parameters: {" +
      parameters + "}\n    steps: [{name: say, run: [/bin/echo" + words + "], timeout: 10s}]\n    policy: one-sre\n";
  return options;
}

std::string long_text(std::string const& word, std::string const& end) {
  std::string text;
  while (text.size() + word.size() + end.size() < 4096) text += word + " ";
  return text + end;
}

KitOptions with_evidence(support::TempDir const& dir) {
  KitOptions options;
  options.extra_collectors =
      "  log: {file: {path: \"" + (dir / "app.log").string() + "\", since: 1h, max_bytes: 256KiB}}\n";
  options.extra_runbooks =
      "  look:\n    summary: \"Look\"\n    risk: low\n    if_unanswered: \"nothing\"\n"
      "    parameters: {note: {type: string, pattern: \"(?s).*\", max: 400, default: plain}}\n"
      "    collect: [log]\n    steps: [{name: say, run: [/bin/cat, \"" +
      (dir / "app.log").string() + "\"], timeout: 10s}]\n    policy: one-sre\n";
  return options;
}

}  // namespace

ON_EACH("everything by text: help, run, list, show, approve, deny, cancel") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  REQUIRE(chat.wait_connected());
  CHECK_THAT(chat.typed("alice", "help"), Catch::Contains("approve ID CODE"));
  CHECK_THAT(chat.typed("mallory", "list"), Catch::Contains("not known here"));
  CHECK_THAT(chat.typed("alice", "run witness word=typed"), Catch::Contains("requires a reason"));
  CHECK_THAT(chat.typed("alice", "run witness word=typed -- it is *needed* <!channel> @room"),
             Catch::Contains("1 of sre"));
  REQUIRE(counts(kit, "request.posted", {}, 1));
  auto const id = kit.entries("request.opened").at(0)["request"].text();
  auto const number = std::to_string(std::stoi(id.substr(12, 6)));
  auto const given = code(kit, id);
  CHECK_THAT(chat.typed("bob", "list"), Catch::Contains("CS-" + number + " " + given));
  CHECK_THAT(chat.typed("bob", "show CS-" + number), Catch::Contains("You may decide it"));
  CHECK_THAT(chat.typed("bob", "approve CS-" + number + " zzzz"), Catch::Contains("look at the message"));
  CHECK(kit.state(id) == "pending");
  CHECK_THAT(chat.typed("bob", "approve CS-" + number + " " + given + " -- seen"), Catch::Contains("approved"));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.witness_text() == "typed\n");

  auto const second = kit.ask("witness");
  CHECK_THAT(chat.typed("carol", "deny " + second + " " + code(kit, second) + " -- not today"),
             Catch::Contains("denied"));
  CHECK(kit.state(second) == "denied");
  auto const third = kit.ask("witness");
  CHECK_THAT(chat.typed("alice", "cancel " + third), Catch::Contains("cancelled"));
  CHECK(kit.state(third) == "cancelled");
  CHECK_THAT(chat.typed("bob", "approve " + third + " " + code(kit, third)), Catch::Contains("cancelled"));
  CHECK(kit.witnessed() == 1);
  CHECK(kit.ledger_problems() == "");
  check_findings(kit);
}

ON_EACH("T4 long content: an action that the message can't show is read whole before it is voted on") {
  ServiceKit kit(on<TestType>(with_long_action()));
  auto& chat = kit.chat();
  kit.start();
  auto parameters = Json(Json::Object{});
  for (auto const* name : kParts) parameters.set(name, long_text(name, "end of " + std::string(name)));
  auto const id = kit.ask("long", parameters);
  CHECK_FALSE(chat.shows(id, "end of last"));
  CHECK_THAT(chat.typed("bob", "approve " + id + " " + code(kit, id)), Catch::Contains("view"));
  CHECK(kit.state(id) == "pending");
  auto const shown = chat.read_and_approve("bob", id);
  for (auto const* name : kParts) CHECK(has(shown, "end of " + std::string(name)));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.entries("request.approved", id).at(0)["data"]["vote"]["via"].text() == "view");
  check_findings(kit);
}

ON_EACH(
    "long content: evidence and output of any length stay within the platform's limits, and say that there is more") {
  support::TempDir dir;
  std::string log;
  for (int i = 0; log.size() < 200'000; ++i)
    log += "ERROR number " + std::to_string(i) + ": upstream \"timed out\" & <b>gave up</b>\n";
  support::write_file(dir / "app.log", log);
  ServiceKit kit(on<TestType>(with_evidence(dir)));
  auto& chat = kit.chat();
  kit.start();
  auto const id = kit.ask("look");
  CHECK(chat.shows(id, "timed out"));
  CHECK(chat.press("bob", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  REQUIRE(kit.wait([&] { return !chat.replies(id).empty(); }));
  CHECK(kit.wait([&] { return has(chat.replies(id).back().text, "ledger") || has(chat.card(id)->text, "ledger"); }));
  check_findings(kit);
}

ON_EACH("T35 T36 hostile text: shown as the text it is, nobody is mentioned, nothing is hidden or turned round") {
  support::TempDir dir;
  std::string const mentions =
      "<!channel> <!here> <!everyone> <@U0CAROL> @room @everyone @channel @carol @carol:example.org <at>Carol "
      "Diaz</at> "
      "<a href=\"https://matrix.to/#/@carol:example.org\">Carol</a> {{DATE(2026-01-01)}} ";
  std::string const markup = "*bold* _it_ `code` <b>b</b> [click](https://evil.example) <https://evil.example|click> ";
  support::write_file(dir / "app.log", "ERROR " + mentions + markup + "\x1b[31mred \u202etxt.exe\u202c\n");
  ServiceKit kit(on<TestType>(with_evidence(dir)));
  auto& chat = kit.chat();
  kit.start();
  auto const answer =
      kit.http("POST", "/v1/requests",
               Json::object({{"runbook", "look"},
                             {"parameters", Json::object({{"note", mentions + "in a parameter"}})},
                             {"reason", mentions + markup + "\u202eturned\u202c zero\u200bwidth\nsecond line"}}));
  REQUIRE(answer.status == 202);
  auto const id = answer.body["id"].text();
  REQUIRE(kit.wait([&] { return chat.card(id) && chat.card(id)->open; }));
  auto const shown = chat.card(id)->text;
  CAPTURE(shown);
  for (auto const* words : {"<!channel>", "<@U0CAROL>", "@room", "<at>Carol Diaz</at>", "<b>b</b>",
                            "[click](https://evil.example)", "second line"})
    CHECK(has(shown, words));
  for (auto const* hidden : {"\u202e", "\u202c", "\u200b", "\x1b"}) CHECK_FALSE(has(shown, hidden));
  CHECK_THAT(chat.typed("bob", "deny " + id + " " + code(kit, id) + " -- no <!channel> @room @carol"),
             Catch::Contains("denied"));
  REQUIRE(ends_as(kit, id, "denied"));
  REQUIRE(kit.wait([&] { return chat.replies(id).size() == 1; }));
  // By the card those who may decide, by the outcome who asked, by an answer who was answered.
  auto const card = chat.card(id)->message, outcome = chat.replies(id)[0].message;
  for (auto const& [message, person] : chat.rings()) {
    CAPTURE(message, person);
    if (message == card) {
      CHECK((person == "bob" || person == "carol" || person == "erin"));
    } else {
      CHECK(person == (message == outcome ? "alice" : "bob"));
    }
  }
  CHECK(kit.ledger_problems() == "");
  check_findings(kit);
}
