// What people do with a card besides voting: ask a question, ask for the same again; each platform in its own way.
#include "tests/integration/chats/chats.hpp"

using namespace chats;

ON_EACH("question: it stands in the thread, rings for who asked, is on record once, and decides nothing") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  auto const id = kit.ask("witness");
  chat.explain("bob", id, "ask", "which line will it leave?");
  REQUIRE(counts(kit, "question.asked", id, 1));
  REQUIRE(kit.wait([&] {
    auto const replies = chat.replies(id);
    return replies.size() == 1 && has(replies[0].text, "bob asks about") &&
           has(replies[0].text, "which line will it leave?");
  }));
  auto const question = chat.replies(id).at(0).message;
  auto const rings = chat.rings();
  CHECK(std::ranges::count(rings, std::pair<std::string, std::string>(question, "alice")) == 1);
  CHECK(std::ranges::count(rings, question, &std::pair<std::string, std::string>::first) == 1);
  auto const entry = kit.entries("question.asked", id).at(0);
  CHECK(entry["actor"].text() == "bob");
  CHECK(entry["data"]["text"].text() == "which line will it leave?");
  CHECK(entry["data"]["platform"].text() == chat.platform());
  CHECK(kit.state(id) == "pending");
  // T39: a stranger's question is refused and on record; typed it comes to the same.
  CHECK_THAT(chat.typed("mallory", "ask " + id + " let me in"), Catch::Contains("not known"));
  CHECK_THAT(chat.typed("carol", "ask " + id + " and when?"), Catch::Contains("goes into its thread"));
  CHECK(counts(kit, "question.asked", id, 2));
  CHECK(count(kit, "vote.refused") == 1);
  // Everything once more, and after a restart: no third one.
  static_cast<void>(chat.replay_all());
  kit.kill();
  kit.start();
  static_cast<void>(chat.replay_all());
  CHECK(chat.press("bob", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(count(kit, "question.asked", id) == 2);
  for (auto const& [key, times] : chat.standing()) {
    CAPTURE(key);
    CHECK((times == 1 || !has(key, "question")));
  }
  CHECK(kit.ledger_problems() == "");
  check_findings(kit);
}

ON_EACH("again: one tap on what ended asks for the same by who taps, once, also after a restart") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  auto const id = kit.ask("witness", Json::object({{"word", "twice"}}));
  CHECK(chat.press("bob", id, "deny"));
  REQUIRE(ends_as(kit, id, "denied"));
  REQUIRE(kit.wait([&] { return !chat.card(id)->open; }));
  std::optional<ChatFloor::Act> tap;
  REQUIRE(kit.wait([&] { return (tap = chat.click("carol", id, "again")).has_value(); }));
  REQUIRE(kit.wait([&] { return count(kit, "request.accepted") == 2; }));
  auto const accepted = kit.entries("request.accepted").back();
  auto const again = accepted["request"].text();
  CHECK(accepted["actor"].text() == "carol");
  CHECK(accepted["data"]["again_of"].text() == id);
  CHECK(accepted["data"]["parameters"]["word"].text() == "twice");
  REQUIRE(kit.wait([&] { return chat.card(again) && chat.card(again)->open; }));
  // The same delivery, everything once more, a restart: one request.
  static_cast<void>(chat.again(*tap));
  kit.kill();
  kit.start();
  static_cast<void>(chat.again(*tap));
  static_cast<void>(chat.replay_all());
  CHECK(chat.press("carol", again));  // who tapped asked: nobody approves their own
  CHECK(kit.wait([&] { return count(kit, "vote.refused", again) >= 1; }));
  CHECK(chat.press("bob", again));
  REQUIRE(kit.wait([&] { return count(kit, "run.finished", again) == 1; }));  // carol's: not alice's to see
  CHECK(kit.witness_text() == "twice\n");
  CHECK(count(kit, "request.accepted") == 2);
  CHECK(kit.ledger_problems() == "");
  check_findings(kit);
}
