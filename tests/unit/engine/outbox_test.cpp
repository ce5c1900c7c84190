// What stands on a platform: intent before post, one message a request, news only, and the outcome told once.
#include "tests/support/result_text.hpp"
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;
using core::Phase;

}  // namespace

TEST_CASE("the intent is durable before the message is posted, and the reference afterwards") {
  Rig rig;
  rig.ledger.held = true;
  rig.ask();
  for (int i = 0; i < 20 && rig.ledger.waiting; ++i) {
    if (rig.ledger.waiting->first.front().kind == "request.post_intent") break;
    rig.ledger.finish();
    rig.settle();
  }
  REQUIRE(rig.ledger.waiting);
  REQUIRE(rig.ledger.waiting->first.front().kind == "request.post_intent");
  CHECK(rig.chat.posts == 0);
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.settle();
  CHECK(rig.chat.posts == 1);
  CHECK(rig.ledger.count("request.posted") == 1);
}

TEST_CASE("the people of notify are mentioned once, in the first rendering alone") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  REQUIRE(rig.chat.messages.size() == 1);
  CHECK(core::dump(rig.chat.messages[0].body["mention"]) == R"(["bob","carol","erin"])");
  rig.approve("bob", id);
  CHECK(rig.chat.messages[0].updates == 1);
  CHECK(core::dump(rig.chat.messages[0].body["mention"]) == "[]");
  rig.start();
  CHECK(rig.chat.cards() == 1);
  CHECK(core::dump(rig.chat.messages[0].body["mention"]) == "[]");
}

TEST_CASE("a message is not updated when there is nothing new to see") {
  Rig rig;
  auto const id = rig.open();
  CHECK(rig.chat.updates == 0);
  rig.engine->runner_ready();
  rig.settle();
  rig.approve("mallory", id);  // refused: changes nothing
  CHECK(rig.chat.updates == 0);
}

TEST_CASE("updates of one message are coalesced to the last state") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  rig.chat.hold_updates = true;
  rig.approve("bob", id);
  CHECK(rig.chat.updates == 1);
  rig.approve("carol", id);
  rig.run_through(id);
  CHECK(rig.chat.updates == 1);
  rig.chat.release();
  rig.settle();
  CHECK(rig.chat.updates == 2);
  rig.chat.release();
  rig.settle();
  CHECK(rig.chat.updates == 2);
  CHECK(rig.chat.messages[0].body["status"].text().find("ucceeded") != std::string::npos);
}

TEST_CASE("the outcome is told once in the thread, mentioning who asked") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.run_through(id);
  REQUIRE(rig.phase(id) == Phase::succeeded);
  auto const told = rig.chat.notes();
  REQUIRE(told.size() == 1);
  CHECK(told[0].thread == "1");
  CHECK(core::dump(told[0].body["mention"]) == R"(["alice"])");
  rig.start();
  rig.start();
  CHECK(rig.chat.notes().size() == 1);
  CHECK(rig.chat.cards() == 1);
}

TEST_CASE("after a restart a post in doubt is looked for before it is repeated") {
  Rig rig;
  rig.chat.hold_posts = true;
  auto const id = rig.open();
  REQUIRE(rig.chat.posts == 1);
  REQUIRE_FALSE(rig.ledger.folded.request(id)->posts.at(0).ref);
  rig.chat.held.clear();  // the process ends with the call under way
  rig.chat.hold_posts = false;
  bool const stood = GENERATE(true, false);
  CAPTURE(stood);
  if (stood)
    rig.chat.messages.push_back(
        {"C0INC", "", rig.ledger.folded.request(id)->posts[0].key, Json::object({{"status", "Waiting"}}), 0});
  rig.start();
  CHECK(rig.chat.finds == 1);
  CHECK(rig.chat.cards() == 1);
  CHECK(rig.chat.posts == (stood ? 1U : 2U));
  CHECK(rig.ledger.folded.request(id)->posts.at(0).ref);
  CHECK(rig.ledger.count("request.post_intent") == 1);
}

TEST_CASE("a click on a message whose post is in doubt waits for its look-up") {
  Rig rig;
  rig.chat.hold_posts = true;
  auto const id = rig.open();
  rig.chat.held.clear();
  rig.chat.hold_posts = false;
  rig.chat.hold_finds = true;
  rig.start();
  CHECK_FALSE(rig.engine->platforms().at("slack"));  // not reconciled yet
  auto const answers = rig.approve("bob", id);
  CHECK(answers->empty());
  rig.chat.release();
  rig.settle();
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::recorded);
  CHECK(rig.engine->platforms().at("slack"));
  CHECK(rig.chat.cards() == 1);
}

TEST_CASE("a platform that refuses the message holds nobody up: the request expires and says why") {
  Rig rig;
  rig.chat.refuse_posts = true;
  auto const id = rig.open();
  CHECK(rig.log.has("a message could not be posted"));
  rig.loop.advance(31min);
  CHECK(rig.phase(id) == Phase::expired);
  CHECK(rig.ledger.folded.request(id)->decision->reason.find("could not be delivered") != std::string::npos);
}
