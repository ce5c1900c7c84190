// When the ledger can't be written (design, invariant 1): what still acts, what is refused, and what is recorded first.
#include "bot/engine/side.hpp"
#include "tests/support/result_text.hpp"
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;
using core::Phase;

// Two open requests, and a ledger whose disk is full.
struct Full : Rig {
  Full() : one(open()), two(open("restart-service", {{"service", "api"}})) {
    ledger.full = true;
    refused = approve("bob", one);
  }
  void room_again() {
    ledger.full = false;
    loop.advance(5s);
  }
  core::RequestId one, two;
  Answers refused;
};

}  // namespace

TEST_CASE("a full disk: approve is refused, nothing starts, everybody is told") {
  Full rig;
  REQUIRE(rig.refused->size() == 1);
  CHECK(rig.refused->front().state == State::not_recorded);
  CHECK_FALSE(rig.engine->writable());
  CHECK_FALSE(rig.engine->ready());
  auto const again = rig.approve("carol", rig.one);
  CHECK(again->front().state == State::not_recorded);
  CHECK(again->front().text.find("can't be written") != std::string::npos);
  CHECK(rig.ask()->front().code == core::Errc::unavailable);
  CHECK(rig.runner.checks.empty());
  std::size_t told = 0;
  for (auto const& note : rig.chat.notes())
    told += note.body["note"].text().find("can't be written") != std::string::npos;
  CHECK(told == 2);  // once in each open case's thread
  rig.room_again();
  CHECK(rig.engine->writable());
  CHECK(rig.phase(rig.one) == Phase::pending);  // a refused approval never counts later
  CHECK(rig.approve("bob", rig.one)->front().state == State::recorded);
  CHECK(rig.phase(rig.one) == Phase::approved);
}

TEST_CASE("a full disk: deny and cancel act at once, are kept aside and recorded before anything else") {
  Full rig;
  auto const denied = rig.deny("bob", rig.one);
  auto const cancelled = rig.cancel(rig.two, core::Actor::person("alice"));
  REQUIRE(denied->size() == 1);
  CHECK(denied->front().state == State::recorded);
  CHECK(denied->front().text.find("kept aside") != std::string::npos);
  CHECK(cancelled->front().code == core::Errc{});
  CHECK(rig.engine->state().request(rig.one)->phase == Phase::denied);
  CHECK(rig.engine->state().request(rig.two)->phase == Phase::cancelled);
  CHECK(rig.side.lines.size() == 2);
  CHECK(rig.chat.messages.at(0).body["status"].text().find("enied") != std::string::npos);  // the card says so already
  auto const before = rig.ledger.durable.size();
  rig.room_again();
  CHECK(rig.ledger.kinds(before).starts_with("request.denied"));
  CHECK(rig.phase(rig.one) == Phase::denied);
  CHECK(rig.phase(rig.two) == Phase::cancelled);
  CHECK(rig.side.lines.empty());
  CHECK(rig.ledger.broken.empty());
}

TEST_CASE("a full disk: a vote taken back counts no more, not even once there is room again") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  rig.approve("bob", id);
  auto const repeat = rig.click("bob", id);
  rig.cast(repeat);
  rig.ledger.full = true;
  rig.approve("carol", id);  // notices that nothing can be written
  REQUIRE_FALSE(rig.engine->writable());
  auto const back = rig.cast(rig.click("bob", id, core::Verdict::withdraw));
  CHECK(back->front().state == State::recorded);
  CHECK(rig.side.lines.size() == 1);
  auto const before = rig.ledger.durable.size();
  rig.ledger.full = false;
  rig.loop.advance(5s);
  CHECK(rig.ledger.kinds(before).starts_with("vote.withdrawn"));
  CHECK(rig.side.lines.empty());
  rig.cast(repeat);
  rig.approve("carol", id);
  CHECK(rig.phase(id) == Phase::pending);
  CHECK(rig.ledger.broken.empty());
}

TEST_CASE("a full disk: what was kept aside survives retries that fail, every line of it") {
  Full rig;
  rig.deny("bob", rig.one);  // both at the same instant of the clock
  rig.deny("carol", rig.two);
  rig.room_lies = GENERATE(false, true);
  rig.loop.advance(5s);
  rig.loop.advance(5s);
  CHECK_FALSE(rig.engine->writable());
  CHECK(rig.side.lines.size() == 2);
  rig.room_again();
  CHECK(rig.phase(rig.one) == Phase::denied);
  CHECK(rig.phase(rig.two) == Phase::denied);
  CHECK(rig.side.lines.empty());
}

TEST_CASE("a full disk: a restart records what stands in the side file before any vote") {
  Full rig;
  rig.deny("bob", rig.one);
  REQUIRE(rig.side.lines.size() == 1);
  rig.ledger.full = false;
  rig.start();
  CHECK(rig.phase(rig.one) == Phase::denied);
  CHECK(rig.side.lines.empty());
  CHECK(rig.approve("carol", rig.one)->front().state == State::refused);
}

TEST_CASE("T7 a side file that can't be read, in whole or in a line, keeps the service from approving anything") {
  Full rig;
  rig.deny("bob", rig.one);
  rig.ledger.full = false;
  SECTION("one line") { rig.side.lines.insert(rig.side.lines.begin(), "{\"schema\":1,\"what\":\"approve\"}"); }
  SECTION("all of it") { rig.side.unreadable = true; }
  auto const lines = rig.side.lines.size();
  CHECK_THROWS_WITH(rig.start(), Catch::Contains("nothing is approved") && Catch::Contains("Mend the side file"));
  rig.engine.reset();
  CHECK(rig.side.lines.size() == lines);
  CHECK(rig.phase(rig.one) == Phase::pending);
}

TEST_CASE("T69 a full disk: a deny that doesn't count takes no room in the side file and is on record afterwards") {
  Full rig;
  for (int i = 0; i < 50; ++i) {
    auto stranger = rig.click("bob", rig.one, core::Verdict::deny);
    stranger.account.id = "U0STRANGER";
    CHECK(rig.cast(stranger)->front().state == State::refused);
  }
  CHECK(rig.side.lines.empty());
  CHECK(rig.deny("mallory", rig.one)->front().state == State::refused);
  CHECK(rig.side.lines.empty());
  CHECK(rig.deny("bob", rig.two)->front().state == State::recorded);
  CHECK(rig.side.lines.size() == 1);
  rig.room_again();
  CHECK(rig.phase(rig.one) == Phase::pending);
  CHECK(rig.phase(rig.two) == Phase::denied);
  CHECK(rig.ledger.count("vote.refused") == 6);  // five of the stranger, the rest folded a minute later; mallory's
}

TEST_CASE("T71 a full disk: who is refused meanwhile is on record afterwards") {
  Full rig;
  CHECK(rig.type("U0STRANGER", "list").state == State::refused);
  auto const before = rig.ledger.durable.size();
  CHECK(rig.ledger.count("vote.refused") == 0);
  rig.room_again();
  CHECK(rig.ledger.kinds(before) == "vote.refused");
}

TEST_CASE("T69 T71 a full disk: strangers by the thousand leave room for what others are refused") {
  Full rig;
  for (int i = 0; i < 1200; ++i) {
    rig.engine->refused({.platform = "teams",
                         .account = "unknown",
                         .channel = {},
                         .reason = "no token",
                         .envelope = {},
                         .delivery = {},
                         .via = "http"});
    rig.settle();
  }
  CHECK(rig.type("U0STRANGER", "list").state == State::refused);
  auto const before = rig.ledger.durable.size();
  rig.room_again();
  std::size_t strangers = 0, others = 0;
  for (auto i = before; i < rig.ledger.durable.size(); ++i) {
    auto const said = core::parse_json(rig.ledger.durable[i].files.front().bytes).value();
    strangers += said["via"].text() == "http" ? 1U : 0U;
    others += said["account"].text() == "U0STRANGER" ? 1U : 0U;
  }
  CHECK(strangers == 5);  // the rest is one entry a minute later
  CHECK(others == 1);
}

TEST_CASE("a full disk: the side file goes only after everything else that the recovery has to do") {
  Full rig;
  rig.deny("bob", rig.one);
  rig.ledger.full = false;
  bool told = false, kept_until_then = false;
  rig.engine.reset();
  rig.start({}, [&] {
    told = true;
    kept_until_then = !rig.side.lines.empty();
  });
  CHECK(told);
  CHECK(kept_until_then);
  CHECK(rig.side.lines.empty());
}

TEST_CASE("F2 a start is on record before anything goes by it: until then the mark of a run that was cut off stays") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  REQUIRE(rig.phase(id) == Phase::running);
  std::optional<std::size_t> forgotten;
  rig.start({id.str()}, [&] { forgotten = rig.forgotten.size(); });
  CHECK(forgotten == 0U);
  CHECK(rig.phase(id) == Phase::interrupted);
  CHECK(rig.forgotten == std::vector<std::string>{id.str()});
}

TEST_CASE("a full disk: with no side file either, the person hears that nothing was recorded") {
  Full rig;
  rig.side.broken = true;
  auto const denied = rig.deny("bob", rig.one);
  CHECK(denied->front().state == State::not_recorded);
  CHECK(denied->front().text.find("Act by hand") != std::string::npos);
  CHECK(rig.engine->state().request(rig.one)->phase == Phase::pending);
}

TEST_CASE("where nobody knows whether the side file kept a no, its person hears that, and not that it is lost") {
  SECTION("a full disk") {
    Full rig;
    rig.side.broken = true;
    rig.side.fails_with = Errc::fsync_failed;
    auto const denied = rig.deny("bob", rig.one);
    CHECK(denied->front().state == State::not_recorded);
    CHECK_THAT(denied->front().text, Catch::Contains("Nobody knows whether this is recorded") &&
                                         Catch::Contains("Act by hand") && !Catch::Contains("Not recorded"));
    CHECK(rig.engine->state().request(rig.one)->phase == Phase::pending);
  }
  SECTION("the service ends") {
    Rig rig;
    auto const id = rig.open();
    rig.ledger.held = true;
    rig.approve("bob", id);
    auto const denied = rig.deny("carol", id);
    rig.side.broken = true;
    rig.side.fails_with = Errc::fsync_failed;
    rig.ledger.fail(Errc::fsync_failed);
    rig.settle();
    CHECK_THAT(denied->at(0).text, Catch::Contains("Nobody knows whether this is recorded"));
  }
}

TEST_CASE("a full disk: time that passes doesn't keep the service busy, and expiry holds") {
  Full rig;
  rig.loop.advance(29min);
  auto const batches = rig.ledger.batches;
  std::size_t steps = 0;
  auto const until = rig.loop.now() + 2min;
  while (rig.loop.now() < until && steps < 10'000 && rig.loop.advance_to_next()) ++steps;
  CHECK(steps < 200);
  CHECK(rig.ledger.batches - batches < 60);
  CHECK(rig.approve("bob", rig.one)->front().state == State::not_recorded);
  rig.room_again();
  CHECK(rig.phase(rig.one) == Phase::expired);
}

TEST_CASE("a full disk: what the runner reports meanwhile is recorded afterwards") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  REQUIRE(rig.phase(id) == Phase::running);
  rig.ledger.fail_with = {core::Errc::no_space};
  rig.engine->runner_finished("", id.str(), Rig::result("succeeded", "", 0), "done\n");
  rig.settle();
  CHECK(rig.phase(id) == Phase::running);
  CHECK(rig.forgotten.empty());
  rig.loop.advance(5s);
  CHECK(rig.phase(id) == Phase::succeeded);
  CHECK(rig.forgotten == std::vector<std::string>{id.str()});
  CHECK(rig.ledger.count("run.finished") == 1);
}

TEST_CASE("T69 a full disk: of the signals of that time so many are kept, the others are told to come again") {
  Full rig;
  std::size_t taken = 0, turned_away = 0;
  auto const raise = [&](std::string const& text) {
    rig.engine->signal({.trigger = "none", .title = "down", .text = text, .dedupe_key = {}},
                       [&](core::Reply const& reply) {  // not_found: it came as far as the core
                         REQUIRE((reply.code == core::Errc::not_found || reply.code == core::Errc::unavailable));
                         (reply.code == core::Errc::not_found ? taken : turned_away) += 1;
                       });
  };
  auto const [text, most] = GENERATE(table<std::string, std::size_t>({{"503", 1'000}, {std::string(1 << 20, 'x'), 7}}));
  for (std::size_t n = 0; n < most + 5; ++n) raise(text);
  rig.settle();
  CHECK(turned_away == 5);
  CHECK(taken == 0);
  rig.room_again();
  CHECK(taken == most);
  raise("there is room again");
  rig.settle();
  CHECK(taken == most + 1);
}

TEST_CASE("a full disk that nobody needed meanwhile leaves no entry") {
  Full rig;
  auto const before = rig.ledger.durable.size();
  rig.room_again();
  CHECK(rig.engine->writable());
  CHECK(rig.ledger.durable.size() == before);
}

TEST_CASE("a full disk: the service can still be stopped at once") {
  Full rig;
  bool done = false;
  rig.engine->stop([&] { done = true; });
  rig.settle();
  CHECK(done);
}

TEST_CASE("a failed fsync: everybody is answered, the service stops and writes nothing more") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.fail_with = {core::Errc::fsync_failed};
  auto const answers = rig.approve("bob", id);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::not_recorded);
  CHECK(rig.stopped == core::Errc::fsync_failed);
  auto const batches = rig.ledger.batches;
  CHECK(rig.approve("carol", id)->front().state == State::not_recorded);
  rig.engine->runner_ready();
  rig.loop.advance(40min);
  CHECK(rig.ledger.batches == batches);
  CHECK(rig.runner.checks.empty());
}

TEST_CASE("a ledger that can't be read again after a failed write stops the service") {
  Rig rig;
  auto const id = rig.open();
  rig.refold_broken = true;
  rig.ledger.fail_with = {core::Errc::no_space};
  CHECK(rig.approve("bob", id)->front().state == State::not_recorded);
  CHECK(rig.stopped == core::Errc::corrupt);
}

TEST_CASE("side lines hold a whole deny, withdrawal or cancel, and nothing but them is read back") {
  auto const verdict = GENERATE(core::Verdict::deny, core::Verdict::withdraw);
  core::VoteCast vote{.platform = "slack", .account = "U0BOB", .verdict = verdict};
  vote.request = "CS-20261121-000001-R1";
  vote.note = "no\n\"quotes\"";
  core::Event const event{.at = support::VirtualLoop::kStart, .what = vote};
  auto const back = engine::parse_side(engine::write_side(event));
  REQUIRE(back);
  CHECK(back->at == event.at);
  CHECK(std::get<core::VoteCast>(back->what).note == vote.note);
  CHECK(std::get<core::VoteCast>(back->what).verdict == verdict);
  for (auto const* line : {"", "{}", "[]", "{\"schema\":2}", "{\"schema\":1,\"what\":\"approve\"}"})
    CHECK_FALSE(engine::parse_side(line));
}

TEST_CASE("an engine that is gone answers no vote, when the limit of that answer comes") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  auto const answers = rig.approve("bob", id);
  rig.engine.reset();
  rig.loop.advance(10s);
  CHECK(answers->empty());
}

TEST_CASE("what is not on record is shown to nobody while the service ends") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  rig.approve("bob", id);
  bool shown = false;
  rig.engine->when_durable([&] { shown = true; });
  rig.refold_broken = true;
  rig.ledger.fail(GENERATE(core::Errc::fsync_failed, core::Errc::io));
  rig.settle();
  rig.engine->when_durable([&] { shown = true; });
  CHECK_FALSE(shown);
  CHECK(rig.stopped);
  CHECK_FALSE(rig.engine->writable());
  CHECK(rig.approve("carol", id)->front().state == State::not_recorded);
}

TEST_CASE("a no while the service ends is kept for the next start and judged by nothing that is not on record") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  rig.approve("bob", id);  // would be enough
  auto const late = rig.deny("carol", id);
  auto const strange = [&] {
    auto vote = rig.click("carol", id, core::Verdict::deny);
    vote.account.id = "U0STRANGER";
    return rig.cast(std::move(vote));
  }();
  rig.refold_broken = true;
  rig.ledger.fail(GENERATE(core::Errc::fsync_failed, core::Errc::io));
  rig.settle();
  REQUIRE(late->size() == 1);
  CHECK(late->front().state == State::not_recorded);
  CHECK_THAT(late->front().text, Catch::Contains("kept aside for the service's next start"));
  CHECK_THAT(strange->at(0).text, !Catch::Contains("kept aside") && !Catch::Contains("cancelling work"));
  REQUIRE(rig.side.lines.size() == 1);
  auto const after = rig.deny("bob", id);  // while it ends
  CHECK_THAT(after->at(0).text, Catch::Contains("kept aside"));
  rig.ledger.held = false;
  rig.refold_broken = false;
  rig.start();
  CHECK(rig.phase(id) == Phase::denied);
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("no message shows what is not durable: not the update that follows one under way either") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  rig.chat.hold_updates = true;
  rig.approve("bob", id);
  REQUIRE(rig.chat.held.size() == 1);  // on its way, and slow
  rig.cast(rig.click("bob", id, core::Verdict::withdraw));
  REQUIRE(rig.chat.held.size() == 1);  // another is to follow it
  rig.ledger.held = true;
  rig.approve("carol", id);
  REQUIRE(rig.ledger.waiting);
  rig.chat.hold_updates = false;
  for (auto const& act : std::exchange(rig.chat.held, {})) act();
  rig.settle();
  auto const carol = [&] { return core::dump(rig.chat.messages[0].body).find("carol") != std::string::npos; };
  CHECK_FALSE(carol());
  SECTION("the write fails") {
    rig.ledger.fail(core::Errc::io);
    rig.settle();
    CHECK_FALSE(carol());
  }
  SECTION("it is durable: then it shows") {
    rig.ledger.held = false;
    rig.ledger.finish();
    rig.settle();
    CHECK(carol());
  }
}
