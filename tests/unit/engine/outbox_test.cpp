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

TEST_CASE("F20 an update says how urgent it is, and a denial waits for no update of its own message") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  rig.chat.hold_updates = true;
  rig.approve("bob", id);
  REQUIRE(rig.chat.updates == 1);
  CHECK(rig.chat.last_urgency == ports::Urgency::usual);
  rig.deny("carol", id);
  REQUIRE(rig.chat.updates == 2);  // the first is still on its way
  CHECK(rig.chat.last_urgency == ports::Urgency::refusal);
  rig.chat.hold_updates = false;
  rig.chat.release();
  rig.settle();
  CHECK(rig.chat.updates == 2);
  CHECK(core::dump(rig.chat.messages[0].body).find("enied") != std::string::npos);
  auto const other = rig.open();
  rig.approve("bob", other);
  CHECK(rig.chat.last_urgency == ports::Urgency::decision);
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
  CHECK(rig.chat.updates == 2);  // more urgent
  rig.run_through(id);
  CHECK(rig.chat.updates == 2);
  rig.chat.release();
  rig.settle();
  CHECK(rig.chat.updates == 3);
  rig.chat.release();
  rig.settle();
  CHECK(rig.chat.updates == 3);
  CHECK(rig.chat.messages[0].body["status"].text().find("ucceeded") != std::string::npos);
}

TEST_CASE("updates of two copies that come in while both are under way end: neither sets off the other") {
  auto rules = fixture::rules();
  rules.channels.at("incidents").emplace("matrix", "!inc");
  Rig rig(rules, /*start_now=*/false);
  rig.adapters = {&rig.chat, &rig.other};
  rig.start();
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  for (auto* chat : {&rig.chat, &rig.other}) chat->hold_updates = true;
  rig.approve("bob", id);
  rig.approve("carol", id);
  for (int i = 0; i < 10; ++i) {
    for (auto* chat : {&rig.chat, &rig.other}) {
      chat->release();
      rig.settle();
    }
  }
  for (auto const* chat : {&rig.chat, &rig.other}) {
    CHECK(chat->updates == 2);
    CHECK(chat->held.empty());
  }
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

namespace {

// A request whose card was intended, and perhaps posted, when the process ended.
core::RequestId crash_while_posting(Rig& rig) {
  rig.chat.hold_posts = true;
  auto const id = rig.open();
  REQUIRE(rig.chat.posts == 1);
  REQUIRE_FALSE(rig.ledger.folded.request(id)->posts.at(0).ref);
  rig.chat.held.clear();
  rig.chat.hold_posts = false;
  return id;
}

void show_card(Rig& rig, core::RequestId const& id) {
  rig.chat.messages.push_back(
      {"C0INC", "", rig.ledger.folded.request(id)->posts[0].key, Json::object({{"status", "Waiting"}}), 0});
}

}  // namespace

TEST_CASE("after a restart a post in doubt that stands is found, not repeated") {
  Rig rig;
  auto const id = crash_while_posting(rig);
  show_card(rig, id);
  rig.start();
  CHECK(rig.chat.finds == 1);
  CHECK(rig.chat.cards() == 1);
  CHECK(rig.chat.posts == 1);
  CHECK(rig.ledger.folded.request(id)->posts.at(0).ref);
  CHECK(rig.ledger.count("request.post_intent") == 1);
}

TEST_CASE("a post in doubt is repeated only 60 s after a restart, after looking again and again") {
  Rig rig;
  auto const id = crash_while_posting(rig);
  // The process before us may have sent it as late as in its last moment, whatever the age of the intent.
  rig.loop.advance(GENERATE(3s, 600s));
  auto const started = rig.loop.now();
  rig.start();
  CHECK(rig.chat.finds == 1);
  SECTION("it never shows up") {
    rig.loop.advance(started + 60s - rig.loop.now() - 1ms);
    CHECK(rig.chat.posts == 1);
    CHECK(rig.chat.finds >= 5);
    CHECK(rig.chat.finds <= 8);
    rig.loop.advance(2ms);
    CHECK(rig.chat.posts == 2);
    CHECK(rig.chat.cards() == 1);
    CHECK(rig.ledger.folded.request(id)->posts.at(0).ref);
    CHECK(rig.ledger.count("request.post_intent") == 1);
    rig.loop.advance(5min);
    CHECK(rig.chat.posts == 2);
  }
  SECTION("a slow platform shows it after half a minute") {
    rig.loop.advance(30s);
    show_card(rig, id);
    rig.loop.advance(5min);
    CHECK(rig.chat.posts == 1);
    CHECK(rig.chat.cards() == 1);
    CHECK(rig.ledger.folded.request(id)->posts.at(0).ref);
  }
  SECTION("an answer that was asked for too early decides nothing, however late it comes") {
    rig.chat.hold_finds = true;
    rig.loop.advance(2s);
    rig.loop.advance(2min);
    rig.chat.hold_finds = false;
    auto const before = rig.chat.finds;
    rig.chat.release();
    rig.settle();
    CHECK(rig.chat.posts == 1);
    rig.loop.advance(1s);
    CHECK(rig.chat.finds == before + 1);
    CHECK(rig.chat.posts == 2);
  }
  SECTION("it can't be looked for") {
    rig.chat.refuse_finds = true;
    rig.loop.advance(5min);
    CHECK(rig.chat.posts == 1);
    CHECK(rig.log.has("an earlier message can't be looked for, so it is not posted again before it can"));
    CHECK(rig.approve("bob", id)->front().state == State::recorded);
  }
}

TEST_CASE("a post that was refused comes once the platform takes it, and tells whom to notify") {
  Rig rig;
  rig.chat.refuse_posts = true;
  auto const id = rig.open();
  CHECK(rig.chat.posts == 1);
  rig.loop.advance(59s);
  CHECK(rig.chat.posts == 1);
  rig.loop.advance(1s);
  CHECK(rig.chat.finds == 1);  // nobody knows what a call did that failed in the end
  CHECK(rig.chat.posts == 2);
  rig.loop.advance(119s);
  CHECK(rig.chat.posts == 2);
  rig.chat.refuse_posts = false;
  rig.loop.advance(1s);
  REQUIRE(rig.chat.cards() == 1);
  REQUIRE(rig.chat.notes().size() == 1);
  CHECK(rig.chat.notes()[0].body["mention"].if_array()->size() > 0);
  CHECK(rig.ledger.count("request.post_intent") == 1);
  CHECK(rig.approve("bob", id)->front().state == State::recorded);
  rig.loop.advance(30min);
  CHECK(rig.chat.cards() == 1);
}

TEST_CASE("an update that failed is made once the platform takes it, and a newer one makes it needless") {
  Rig rig;
  auto const id = rig.open();
  rig.chat.refuse_updates = true;
  rig.approve("bob", id);
  auto const tries = rig.chat.updates;
  CHECK(rig.chat.messages[0].body["buttons"] != Json(0));
  SECTION("later") {
    rig.loop.advance(59s);
    CHECK(rig.chat.updates == tries);
    rig.chat.refuse_updates = false;
    rig.loop.advance(1s);
    CHECK(rig.chat.updates == tries + 1);
    CHECK(rig.chat.messages[0].body["buttons"] == Json(0));
  }
  SECTION("sooner, with news") {
    rig.chat.refuse_updates = false;
    rig.engine->runner_refused("", id.str(), "no");
    rig.settle();
    CHECK(rig.chat.messages[0].body["buttons"] == Json(0));
    auto const then = rig.chat.updates;
    rig.loop.advance(30min);
    CHECK(rig.chat.updates == then);
  }
}

TEST_CASE("a click on a message whose post is in doubt waits for its look-up") {
  Rig rig;
  auto const id = crash_while_posting(rig);
  show_card(rig, id);
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
  rig.loop.advance(5s);  // the 2.0 s were stopped by the answer
  CHECK(answers->size() == 1);
}

TEST_CASE("a click waits for no other platform than its own: one that is down holds nobody up") {
  auto rules = fixture::rules();
  rules.channels["incidents"]["matrix"] = "!room:example.org";
  Rig rig(rules, /*start_now=*/false);
  rig.adapters = {&rig.chat, &rig.other};
  rig.start();
  rig.chat.hold_posts = true;
  auto const id = rig.open();
  rig.chat.held.clear();  // nobody knows whether it stands
  rig.chat.hold_posts = false;
  rig.chat.hold_finds = true;  // and Slack answers nothing
  rig.start();
  auto const& posts = rig.ledger.folded.request(id)->posts;
  auto const there = std::ranges::find(posts, "matrix", &core::PostState::platform);
  REQUIRE(there != posts.end());
  auto vote = rig.click("bob", id);
  vote.account = {"matrix", rules.people.at("bob").accounts.at("matrix")};
  vote.channel = "!room:example.org";
  vote.rendering = there->rendering;
  auto const answers = rig.cast(vote);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::recorded);
  CHECK(rig.approve("carol", id)->empty());  // Slack's own waits
}

TEST_CASE("a click that waits for a look-up is dropped at 2.0 s, its person is told, and it never counts later") {
  Rig rig;
  auto const id = crash_while_posting(rig);
  rig.chat.hold_finds = true;
  rig.start();
  auto const answers = rig.approve("bob", id);
  rig.loop.advance(1999ms);
  CHECK(answers->empty());
  rig.loop.advance(1ms);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::not_recorded);
  CHECK(answers->front().text.find("try again") != std::string::npos);
  show_card(rig, id);
  rig.chat.hold_finds = false;
  rig.chat.release();
  rig.settle();
  rig.loop.advance(5min);
  CHECK(answers->size() == 1);
  CHECK(rig.phase(id) == Phase::pending);
  CHECK(rig.ledger.count("vote.approve") + rig.ledger.count("request.approved") == 0);
  CHECK(rig.approve("bob", id)->front().state == State::recorded);
}

TEST_CASE("T69 clicks that wait for a look-up are not taken without end") {
  Rig rig;
  auto const id = crash_while_posting(rig);
  rig.chat.hold_finds = true;
  rig.start();
  for (int i = 0; i < 1000; ++i) CHECK(rig.approve("bob", id)->empty());
  auto const answers = rig.approve("bob", id);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::not_recorded);
}

TEST_CASE("of two notes in one thread neither is taken for the other") {
  Rig rig;
  rig.engine->signal({.trigger = "web-down", .title = "web is down", .text = "refused", .dedupe_key = "web"}, {});
  rig.settle();
  rig.ledger.full = true;
  auto const id = rig.ledger.folded.requests.begin()->first;
  rig.approve("bob", id);  // finds the disk full: the thread is told
  rig.ledger.full = false;
  rig.loop.advance(5s);
  rig.engine->recovered({.trigger = "web-down", .text = "web answers again"});
  rig.settle();
  auto const told = rig.chat.notes();
  REQUIRE(told.size() == 2);
  CHECK(told[0].key.find(":unwritable:") != std::string::npos);
  CHECK(told[1].key.find(":recovered:") != std::string::npos);
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

TEST_CASE("when the card that mentions people can't be posted, another one's thread mentions them once") {
  auto rules = fixture::rules();
  rules.channels["alpha"] = {{"slack", "C0ALPHA"}};  // before "incidents": its card is the one with the mention
  Rig rig(rules);
  rig.chat.refuse_channel = "C0ALPHA";
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  CHECK(rig.chat.cards() == 1);
  auto const told = rig.chat.notes();
  REQUIRE(told.size() == 1);
  CHECK(told[0].thread == "1");
  CHECK(core::dump(told[0].body["mention"]) == R"(["bob","carol","erin"])");
  rig.approve("bob", id);
  rig.approve("mallory", id);
  CHECK(rig.chat.notes().size() == 1);
}

TEST_CASE("a note of its own goes to the channels that it names, and one that is on its way keeps the next back") {
  Rig rig;
  auto const note = [](char const* text) {
    return core::Note{.text = text, .mention = {}, .block = "web 7", .block_label = "By trigger"};
  };
  rig.chat.hold_posts = true;
  rig.engine->tell({"incidents", "nowhere"}, "digest", note("the first"));
  rig.engine->tell({"incidents"}, "digest", note("the second"));
  rig.engine->tell({"incidents"}, "other", note("another"));
  rig.settle();
  CHECK(rig.chat.posts == 2);
  rig.chat.hold_posts = false;
  rig.chat.release();
  rig.settle();
  rig.engine->tell({"incidents"}, "digest", note("the third"));
  rig.settle();
  auto const notes = rig.chat.notes();
  REQUIRE(notes.size() == 3);
  CHECK(notes[0].body["note"].text() == "the first");
  CHECK(notes[0].thread.empty());
  CHECK(notes[0].channel == "C0INC");
  CHECK(notes[1].body["note"].text() == "another");
  CHECK(notes[2].body["note"].text() == "the third");
}
