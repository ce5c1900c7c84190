// One queue, ledger first, effects after: what waits, what is dropped, and what a slow writer means for who clicked.
#include "tests/support/result_text.hpp"
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;
using core::Phase;

}  // namespace

TEST_CASE("nobody is told and nothing is started before the entries are durable") {
  Rig rig;
  rig.ledger.held = true;
  auto const replies = rig.ask();
  REQUIRE(rig.ledger.waiting);
  CHECK(replies->empty());
  CHECK(rig.room.orders.empty());
  rig.ledger.finish();
  rig.settle();
  REQUIRE(replies->size() == 1);
  CHECK(replies->front().code == core::Errc{});
  CHECK(rig.room.orders.size() == 1);
}

TEST_CASE("an approval reaches the runner only after its entry is durable, and a step only after run.started is") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  auto const answers = rig.approve("bob", id);
  CHECK(answers->empty());
  CHECK(rig.runner.checks.empty());
  rig.ledger.finish();
  rig.settle();
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::recorded);
  CHECK(rig.runner.checks == std::vector<std::string>{id.str()});
  if (rig.ledger.waiting) rig.ledger.finish();  // what the message's update brought
  rig.settle();
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  REQUIRE(rig.ledger.waiting);
  CHECK(rig.ledger.waiting->first.front().kind == "run.started");
  CHECK(rig.runner.runs.empty());
  rig.ledger.finish();
  rig.settle();
  CHECK(rig.runner.runs == std::vector<std::string>{id.str()});
}

TEST_CASE("after a batch of many the next one gathers for 4 ms, after one of few it begins at once") {
  Rig rig;
  std::vector<core::RequestId> ids;
  for (int i = 0; i < 7; ++i) ids.push_back(rig.open());
  bool const many = GENERATE(true, false);
  std::size_t const voters = many ? 5 : 3;
  rig.ledger.held = true;
  auto const first = rig.approve("bob", ids[0]);  // alone
  for (std::size_t i = 1; i < voters; ++i) rig.approve("bob", ids[i]);
  auto const next = [&] {
    rig.ledger.finish();
    rig.loop.run_posted();
  };
  next();
  REQUIRE(rig.ledger.waiting);
  auto const size = rig.ledger.waiting->first.size();
  REQUIRE((size >= 4) == many);
  next();
  auto const batches = rig.ledger.batches;
  auto const late = rig.deny("bob", ids[5]);
  auto const later = rig.deny("bob", ids[6]);
  CHECK((rig.ledger.batches == batches) == many);
  if (!many) return;
  rig.ledger.held = false;
  SECTION("then both are in one batch") {
    rig.loop.advance(3ms);
    CHECK(rig.ledger.batches == batches);
    rig.loop.advance(1ms);
    CHECK(rig.ledger.count("request.denied") == 2);
    CHECK((late->size() == 1 && later->size() == 1));
  }
  SECTION("a stop meanwhile loses nothing") {
    bool stopped = false;
    rig.engine->stop([&] { stopped = true; });
    rig.loop.advance(4ms);
    CHECK(stopped);
    CHECK((late->size() == 1 && later->size() == 1));
    CHECK(rig.ledger.durable.back().kind == "service.stopped");
  }
}

TEST_CASE("events that come while a batch is written wait and share the next one, in order") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  auto const before = rig.ledger.durable.size();
  rig.ledger.held = true;
  auto const first = rig.approve("bob", id);
  auto const batches = rig.ledger.batches;
  auto const second = rig.approve("carol", id);
  auto const third = rig.approve("erin", id);
  CHECK(rig.ledger.batches == batches);
  rig.ledger.finish();
  rig.settle();
  CHECK(first->size() == 1);
  CHECK(second->empty());
  REQUIRE(rig.ledger.waiting);
  CHECK(rig.ledger.batches == batches + 1);
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.settle();
  REQUIRE(second->size() == 1);
  REQUIRE(third->size() == 1);
  CHECK(second->front().state == State::recorded);
  CHECK(third->front().state == State::refused);
  CHECK(third->front().text.find("already approved by bob, carol") != std::string::npos);
  CHECK(rig.ledger.kinds(before).starts_with("vote.approve request.approved vote.refused"));
  CHECK_FALSE(rig.ledger.overlapped);
}

TEST_CASE("of the messages that a batch changes one is drawn in a turn of the loop, after the answers") {
  Rig rig;
  std::vector<core::RequestId> ids;
  for (auto const* version : {"1", "2", "3", "4", "5", "6"})
    ids.push_back(rig.open("deploy", {{"version", version}, {"replicas", "2"}}));
  rig.ledger.held = true;
  std::vector<Answers> answers;
  for (auto const& id : ids) answers.push_back(rig.approve("bob", id));
  rig.ledger.finish();
  rig.settle();  // the first alone; the others are in the batch that waits now
  REQUIRE(rig.ledger.waiting);
  auto const before = rig.chat.updates;
  std::size_t drawn = before, most = 0, answered_first = 0;
  std::function<void()> const turn = [&] {
    most = std::max(most, rig.chat.updates - drawn);
    drawn = rig.chat.updates;
    if (drawn == before)
      answered_first = static_cast<std::size_t>(std::ranges::count_if(answers, [](auto& one) { return one->size(); }));
    if (drawn < before + ids.size() - 1) rig.loop.post(turn);
  };
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.loop.post(turn);
  rig.settle();
  CHECK(drawn == before + ids.size() - 1);
  CHECK(most == 1);
  CHECK(answered_first == ids.size());
}

TEST_CASE("while a batch is on its way a card waits 25 ms for the writer, and no longer, even if that hangs") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  rig.ledger.held = true;
  rig.approve("bob", id);
  rig.ask();  // the next batch
  auto const before = rig.chat.updates;
  SECTION("a writer that hangs") {
    rig.ledger.finish();
    rig.settle();
    REQUIRE(rig.ledger.waiting);
    rig.loop.advance(24ms);
    CHECK(rig.chat.updates == before);
    rig.loop.advance(1ms);
    CHECK(rig.chat.updates == before + 1);
    rig.ledger.held = false;
    rig.ledger.finish();
  }
  SECTION("a writer that is done sooner") {
    rig.ledger.finish();
    rig.settle();
    rig.ledger.held = false;
    rig.ledger.finish();
    rig.settle();
    CHECK(rig.chat.updates > before);
  }
  SECTION("the service ends") {
    rig.ledger.finish();
    rig.settle();
    rig.engine.reset();
    rig.loop.advance(1s);
    CHECK(rig.chat.updates == before);
  }
}

TEST_CASE("a vote that still waits after 2.0 s is not recorded and never counts later") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  rig.ask("restart-service", {{"service", "api"}});  // a batch that hangs
  REQUIRE(rig.ledger.waiting);
  auto const answers = rig.approve("bob", id);
  rig.loop.advance(1999ms);
  CHECK(answers->empty());
  rig.loop.advance(1ms);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::not_recorded);
  CHECK(answers->front().text.find("try again") != std::string::npos);
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.loop.advance(10s);
  CHECK(answers->size() == 1);
  CHECK(rig.phase(id) == Phase::pending);
  CHECK(rig.ledger.count("vote.approve") + rig.ledger.count("request.approved") == 0);
  // The same person's next try counts.
  CHECK(rig.approve("bob", id)->front().state == State::recorded);
  CHECK(rig.phase(id) == Phase::approved);
}

TEST_CASE("a vote that the writer has for 2.0 s is answered twice: still being recorded, then the result") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  auto const answers = rig.approve("bob", id);
  REQUIRE(rig.ledger.waiting);
  rig.loop.advance(2s);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::still_recording);
  rig.loop.advance(5s);
  CHECK(answers->size() == 1);
  SECTION("it becomes durable") {
    rig.ledger.held = false;
    rig.ledger.finish();
    rig.settle();
    REQUIRE(answers->size() == 2);
    CHECK(answers->back().state == State::recorded);
    CHECK(rig.phase(id) == Phase::approved);
  }
  SECTION("it fails") {
    rig.ledger.fail(core::Errc::no_space);
    rig.settle();
    REQUIRE(answers->size() == 2);
    CHECK(answers->back().state == State::not_recorded);
    CHECK(rig.phase(id) == Phase::pending);
  }
}

TEST_CASE("F23 a no that the writer has for 2.0 s is kept aside: it outlives a kill, and is never recorded twice") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  auto const answers = rig.deny("bob", id);
  REQUIRE(rig.ledger.waiting);
  rig.loop.advance(1499ms);
  CHECK(rig.side.lines.empty());
  rig.loop.advance(501ms);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::still_recording);
  CHECK_THAT(answers->front().text, Catch::Contains("it holds"));
  REQUIRE(rig.side.lines.size() == 1);
  rig.ledger.held = false;
  SECTION("killed before it is durable") {
    rig.ledger.waiting.reset();
    rig.start();
    CHECK(rig.phase(id) == Phase::denied);
    REQUIRE(rig.chat.whispers.size() == 1);
    CHECK(rig.chat.whispers[0].first == "U0BOB");
    CHECK_THAT(rig.chat.whispers[0].second,
               Catch::Contains("before the service was restarted: ") && Catch::Contains("is denied, by you"));
  }
  SECTION("killed after it is durable") {
    auto const kept = rig.side.lines;
    rig.ledger.finish();
    rig.settle();
    rig.side.lines = kept;  // killed just before it was cleared
    rig.start();
    CHECK(rig.phase(id) == Phase::denied);
  }
  SECTION("it becomes durable") {
    rig.ledger.finish();
    rig.settle();
    REQUIRE(answers->size() == 2);
    CHECK(answers->back().state == State::recorded);
  }
  SECTION("it fails") {
    rig.ledger.fail(core::Errc::no_space);
    rig.settle();
    REQUIRE(answers->size() == 2);
    CHECK(answers->back().state == State::recorded);
    CHECK(rig.side.lines.size() == 1);
    rig.loop.advance(10s);
  }
  CHECK(rig.ledger.count("request.denied") == 1);
  CHECK(rig.ledger.count("vote.refused") == 0);
  CHECK(rig.side.lines.empty());
  CHECK(rig.approve("carol", id)->front().state == State::refused);
}

TEST_CASE("F23 a disk that hangs: the answer does not wait for what is kept aside, and says no more than is true") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  rig.side.hang = true;
  auto const answers = rig.deny("bob", id);
  REQUIRE(rig.ledger.waiting);
  rig.loop.advance(2s);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::still_recording);
  CHECK_THAT(answers->front().text, Catch::Contains("Until then it does not count"));
  REQUIRE(rig.side.held.size() == 1);
  rig.ledger.held = false;
  SECTION("the side file's line comes first") {
    rig.side.held.front()();
    rig.settle();
    CHECK(rig.side.lines.size() == 1);
    REQUIRE(answers->size() == 2);
    CHECK_THAT(answers->back().text, Catch::Contains("it holds"));
    rig.ledger.finish();
    rig.settle();
    CHECK(answers->size() == 3);
  }
  SECTION("the ledger's entry comes first: the line is superfluous, and gone when it is written") {
    rig.ledger.finish();
    rig.settle();
    CHECK(rig.side.cleared == 0);
    rig.side.held.front()();
    rig.settle();
  }
  CHECK(answers->back().state == State::recorded);
  CHECK(rig.side.lines.empty());
  CHECK(rig.ledger.count("request.denied") == 1);
}

TEST_CASE("F23 a no that comes to the writer late is kept aside too") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  rig.ask();
  auto const answers = rig.deny("bob", id);  // waits behind that write
  rig.loop.advance(1700ms);
  rig.ledger.finish();  // and the next one is as slow
  rig.settle();
  REQUIRE(rig.ledger.waiting);
  rig.loop.advance(300ms);
  CHECK(answers->front().state == State::still_recording);
  CHECK(rig.side.lines.size() == 1);
  rig.ledger.held = false;
  rig.ledger.waiting.reset();
  rig.start();
  CHECK(rig.phase(id) == Phase::denied);
}

TEST_CASE("F23 a write that hangs for 2.0 s is told: not ready, not writable, until it ends") {
  Rig rig;
  rig.ledger.held = true;
  rig.ask();
  REQUIRE(rig.ledger.waiting);
  rig.loop.advance(1999ms);
  CHECK(rig.engine->ready());
  CHECK(rig.engine->writable());
  rig.loop.advance(1ms);
  CHECK_FALSE(rig.engine->ready());
  CHECK_FALSE(rig.engine->writable());
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.settle();
  CHECK(rig.engine->ready());
  CHECK(rig.engine->writable());
}

TEST_CASE("F23 a no that comes while a write hangs is kept aside, and counts once whatever becomes of that write") {
  Rig rig;
  auto const id = rig.open(), other = rig.open("restart-service", {{"service", "api"}});
  rig.ledger.held = true;
  rig.ask();
  REQUIRE(rig.ledger.waiting);
  rig.loop.advance(10s);
  auto const answers = rig.deny("bob", id);
  auto const cancelled = rig.cancel(other, core::Actor::person("alice"));
  auto const strange = rig.deny("mallory", id);
  rig.loop.advance(2s);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::still_recording);
  CHECK_THAT(answers->front().text, Catch::Contains("Kept aside") && Catch::Contains("before any later vote"));
  CHECK(strange->front().state == State::not_recorded);
  CHECK(rig.side.lines.size() == 2);
  auto const again = rig.deny("bob", id);  // says the same: no line of its own
  rig.loop.advance(2s);
  CHECK(again->front().state == State::not_recorded);
  CHECK(rig.side.lines.size() == 2);
  auto const late = rig.approve("carol", id);
  rig.ledger.held = false;
  SECTION("killed while it hangs") {
    rig.ledger.waiting.reset();
    rig.start();
    REQUIRE(rig.chat.whispers.size() == 1);
    CHECK(rig.chat.whispers[0].first == "U0BOB");
  }
  SECTION("it ends well after all") {
    rig.ledger.finish();
    rig.settle();
    CHECK(answers->back().state == State::recorded);
    CHECK(cancelled->front().code == core::Errc{});
    CHECK(late->front().state == State::refused);  // it came behind the no
  }
  SECTION("it fails") {
    rig.ledger.fail(core::Errc::no_space);
    rig.settle();
    CHECK(answers->back().state == State::recorded);
    CHECK(cancelled->front().code == core::Errc{});
    CHECK(rig.side.lines.size() == 2);
    rig.loop.advance(10s);
  }
  CHECK(rig.phase(id) == Phase::denied);
  CHECK(rig.phase(other) == Phase::cancelled);
  CHECK(rig.ledger.count("request.denied") == 1);
  CHECK(rig.ledger.count("request.cancelled") == 1);
  CHECK(rig.side.lines.empty());
}

TEST_CASE("F23 a no that no disk takes while a write hangs is not recorded, its person hears it, and it never counts") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  rig.ask();
  rig.side.broken = true;
  auto const first = GENERATE(Errc::no_space, Errc::fsync_failed);
  auto const second = GENERATE(Errc::no_space, Errc::fsync_failed);
  bool const doubtful = first == Errc::fsync_failed || second == Errc::fsync_failed;  // a doubt stays one
  rig.side.fails_with = first;
  auto const answers = rig.deny("bob", id);
  rig.loop.advance(1500ms);  // it was tried once
  rig.side.fails_with = second;
  rig.loop.advance(500ms);
  REQUIRE_FALSE(answers->empty());
  CHECK(answers->back().state == State::not_recorded);
  CHECK_THAT(answers->back().text, Catch::Contains(doubtful ? "Nobody knows whether" : "Not recorded, try again"));
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.loop.advance(10s);
  CHECK(answers->back().state == State::not_recorded);
  CHECK(rig.phase(id) == Phase::pending);
}

TEST_CASE("F23 an approval, and a no that doesn't count, are never kept aside") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  bool const approves = GENERATE(true, false);
  auto const answers = approves ? rig.approve("bob", id) : rig.deny("mallory", id);
  REQUIRE(rig.ledger.waiting);
  rig.loop.advance(2s);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::still_recording);
  CHECK_THAT(answers->front().text, Catch::Contains("Until then it does not count"));
  CHECK(rig.side.lines.empty());
  rig.ledger.held = false;
  rig.ledger.waiting.reset();
  rig.start();
  CHECK(rig.phase(id) == Phase::pending);
  CHECK(rig.ledger.folded.request(id)->votes.empty());
}

TEST_CASE("a queue that is full turns a click away at once") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  rig.ask("restart-service", {{"service", "api"}});
  for (int i = 0; i < 20'000; ++i) rig.engine->recovered({.trigger = "none", .text = {}});
  auto const answers = rig.approve("bob", id);
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::not_recorded);
  auto const asked = rig.ask();
  REQUIRE(asked->size() == 1);
  CHECK(asked->front().code == core::Errc::unavailable);
}

TEST_CASE("T69 requests are weighed while they wait: 32 MiB are taken, also of those whose evidence is not there yet") {
  Rig rig;
  auto const ask = [&](std::size_t bytes, std::string runbook = "restart-service") {
    core::Exhibit plan{.name = "plan", .collector = "attachment", .bytes = std::string(bytes, 'x')};
    core::Asked asked{.requester = core::Actor::person("alice"),
                      .initiator = {},
                      .runbook = std::move(runbook),
                      .reason = "it is needed",
                      .parameters = {{"service", "web"}},
                      .attachments = {std::move(plan)}};
    asked.origin = {.platform = "api", .account = {}, .channel = {}};
    auto replies = std::make_shared<std::vector<core::Reply>>();
    rig.engine->ask(std::move(asked), [replies](core::Reply const& reply) { replies->push_back(reply); });
    rig.settle();
    return replies;
  };
  constexpr std::size_t kPart = 4u << 20;
  auto const fill = [&] {
    for (int i = 0; i < 7; ++i) CHECK(ask(kPart)->empty());
    auto const last = ask(kPart - (64u << 10));  // the reasons have some weight, too
    CHECK(last->empty());
    auto const refused = ask(kPart);
    REQUIRE(refused->size() == 1);
    CHECK(refused->front().code == core::Errc::unavailable);
    CHECK(ask(100)->empty());  // what is light only counts
    return last;
  };
  rig.ledger.held = true;
  auto const last = fill();
  SECTION("they are accepted, collected and opened") {
    rig.room.held = true;
    rig.ledger.held = false;
    rig.ledger.finish();
    rig.loop.advance(1s);
    REQUIRE(last->size() == 1);
    CHECK(last->front().code == core::Errc{});
    CHECK(ask(kPart)->front().code == core::Errc::unavailable);
    rig.room.release();
    rig.loop.advance(1s);
  }
  SECTION("they can't be recorded") {
    rig.ledger.full = true;
    rig.ledger.fail(core::Errc::no_space);
    rig.settle();
    REQUIRE(last->size() == 1);
    CHECK(last->front().code == core::Errc::unavailable);
    rig.ledger.full = rig.ledger.held = false;
    rig.loop.advance(6s);
  }
  for (int i = 0; i < 20; ++i) CHECK(ask(kPart, "none")->front().code == core::Errc::not_found);
  rig.ledger.held = true;
  fill();
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.loop.advance(1s);
}

TEST_CASE("T69 a flood of signals holds up no deny, and no room is too full for one") {
  Rig rig;
  auto const id = rig.open();
  rig.ledger.held = true;
  rig.ask("restart-service", {{"service", "api"}});
  rig.settle();
  for (int i = 0; i < 20'000; ++i) rig.engine->recovered({.trigger = "web-down", .text = "again"});
  auto click = rig.click("bob", id);
  click.verdict = core::Verdict::deny;
  auto const answers = rig.cast(click);
  rig.ledger.finish();
  rig.settle();
  REQUIRE(rig.ledger.waiting);  // the next write
  CHECK(rig.ledger.waiting->first.front().kind == "request.denied");
  rig.ledger.finish();
  rig.settle();
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().state == State::recorded);
  CHECK(rig.phase(id) == Phase::denied);
}

TEST_CASE("nobody is left without an answer when the service stops") {
  Rig rig;
  auto const id = rig.open();
  bool done = false;
  rig.engine->stop([&] { done = true; });
  auto const cancelled = rig.cancel(id, core::Actor::person("alice"));
  auto const voted = rig.approve("bob", id);
  auto const asked = rig.ask();
  rig.settle();
  CHECK(done);
  CHECK(rig.ledger.durable.back().kind == "service.stopped");
  REQUIRE(cancelled->size() == 1);
  CHECK(cancelled->front().code == core::Errc::unavailable);
  REQUIRE(voted->size() == 1);
  CHECK(voted->front().state == State::not_recorded);
  REQUIRE(asked->size() == 1);
  CHECK(asked->front().code == core::Errc::unavailable);
  CHECK(rig.phase(id) == Phase::pending);
}

TEST_CASE("T12 the same delivery twice is one vote, before and after a restart") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  auto const click = rig.click("bob", id);
  CHECK(rig.cast(click)->front().state == State::recorded);
  auto const entries = rig.ledger.durable.size();
  CHECK(rig.cast(click)->front().text.find("already") != std::string::npos);
  CHECK(rig.ledger.durable.size() == entries);
  rig.start();
  auto const after = rig.ledger.durable.size();
  CHECK(rig.cast(click)->front().text.find("already") != std::string::npos);
  CHECK(rig.ledger.durable.size() == after);
  CHECK(rig.phase(id) == Phase::pending);
}

TEST_CASE("expiry comes by itself, on the engine's clock") {
  Rig rig;
  auto const id = rig.open();
  rig.loop.advance(30min - 2s);
  CHECK(rig.phase(id) == Phase::pending);
  rig.loop.advance(3s);
  CHECK(rig.phase(id) == Phase::expired);
  auto const late = rig.approve("bob", id);
  CHECK(late->front().state == State::refused);
  CHECK(late->front().text.find("expired") != std::string::npos);
  CHECK(rig.runner.checks.empty());
}
