// Locks: whose turn it is, what the others are told, and how one leaves the queue.
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;
using core::Phase;

core::RequestId vacuum(Rig& rig, std::string const& database = "main") {
  return rig.open("vacuum", {{"database", database}});
}

std::string status(Rig& rig, core::RequestId const& id) {
  auto const& state = rig.engine->state();
  return core::make_card(state, *state.request(id), rig.loop.now()).status;
}

void starts(Rig& rig, core::RequestId const& id) {
  rig.engine->runner_accepted(id.str());
  rig.settle();
  REQUIRE(rig.phase(id) == Phase::running);
}

void ends(Rig& rig, core::RequestId const& id) {
  rig.engine->runner_finished(id.str(), Rig::result("succeeded", "", 0), "");
  rig.settle();
}

}  // namespace

TEST_CASE("queue: the order of approval counts, not that of asking, and each card shows its place") {
  Rig rig;
  auto const one = vacuum(rig), two = vacuum(rig), three = vacuum(rig), other = vacuum(rig, "audit");
  rig.approve("bob", three);
  starts(rig, three);
  CHECK(rig.approve("bob", two)->front().text.find("waiting for " + three.short_name() + ", 1st in the queue") !=
        std::string::npos);
  rig.approve("carol", one);
  rig.approve("carol", other);
  CHECK(status(rig, two).ends_with("waiting for " + three.short_name() + ", 1st in the queue"));
  CHECK(status(rig, one).ends_with("waiting for " + three.short_name() + ", 2nd in the queue"));
  CHECK(status(rig, other).ends_with("about to start"));
  CHECK(rig.type("U0ALICE", "show " + one.str()).text.find("2nd in the queue") != std::string::npos);
  CHECK(core::dump(rig.chat.shown_for(one)).find("2nd in the queue") != std::string::npos);
  // A restart keeps the order: what is in the ledger decides.
  auto const before = rig.runner.checks;
  ends(rig, three);
  CHECK(rig.runner.checks.back() == two.str());
  CHECK(core::dump(rig.chat.shown_for(one)).find("1st in the queue") != std::string::npos);
  rig.start();
  CHECK(rig.runner.checks == std::vector<std::string>{two.str(), other.str()});
  CHECK(status(rig, one).ends_with("waiting for " + two.short_name() + ", 1st in the queue"));
  starts(rig, two);
  ends(rig, two);
  starts(rig, one);
  ends(rig, one);
  CHECK(rig.phase(one) == Phase::succeeded);
}

TEST_CASE("queue: who waits past its expiry never starts, and the next one moves up") {
  Rig rig;
  auto const first = vacuum(rig);
  rig.loop.advance(1s);
  auto const second = vacuum(rig);
  rig.loop.advance(20min);
  auto const third = vacuum(rig);
  for (auto const& id : {first, second, third}) rig.approve("bob", id);
  starts(rig, first);
  rig.loop.advance(11min);
  rig.settle();
  CHECK(rig.phase(second) == Phase::interrupted);
  CHECK(rig.ledger.folded.request(second)->run->cause == "not_started");
  CHECK(status(rig, third).ends_with("waiting for " + first.short_name() + ", 1st in the queue"));
  ends(rig, first);
  CHECK(rig.runner.checks.back() == third.str());
}

TEST_CASE("queue: cancelling what waits is recorded with its actor, starts nothing, and is nobody else's to do") {
  Rig rig;
  auto const first = vacuum(rig), second = vacuum(rig), third = vacuum(rig);
  for (auto const& id : {first, second, third}) rig.approve("bob", id);
  starts(rig, first);
  CHECK(rig.cancel(second, core::Actor::person("mallory"))->front().code != Errc{});
  CHECK(rig.phase(second) == Phase::approved);
  auto const replies = rig.cancel(second, core::Actor::person("alice"));
  CHECK(replies->front().code == Errc{});
  CHECK(rig.phase(second) == Phase::interrupted);
  auto const& run = *rig.ledger.folded.request(second)->run;
  CHECK(run.cause == "not_started");
  CHECK(run.explanation.find("cancelled by alice") != std::string::npos);
  CHECK(status(rig, third).ends_with("1st in the queue"));
  CHECK(rig.cancel(first, core::Actor::person("alice"))->front().code == Errc::conflict);  // it runs
  ends(rig, first);
  CHECK(rig.runner.checks.back() == third.str());
  rig.engine->runner_accepted(second.str());  // asked before it was cancelled
  rig.settle();
  CHECK(rig.phase(second) == Phase::interrupted);
  CHECK(rig.ledger.broken.empty());
}

TEST_CASE("queue: many on one lock, over restarts at every step, run one at a time and in order") {
  Rig rig;
  std::vector<core::RequestId> ids, ran;
  for (int i = 0; i < 8; ++i) ids.push_back(vacuum(rig));
  std::vector<core::RequestId> const order{ids[5], ids[0], ids[7], ids[2], ids[1], ids[6], ids[3], ids[4]};
  for (auto const& id : order) rig.approve("bob", id);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i % 2 == 1) rig.start();
    auto const turn = core::startable(rig.engine->state());
    REQUIRE(turn.size() == 1);
    ran.push_back(turn.front());
    for (auto const& id : order) rig.engine->runner_accepted(id.str());  // a runner that says yes to all
    rig.settle();
    CHECK(std::ranges::count_if(order, [&](auto const& id) { return rig.phase(id) == Phase::running; }) == 1);
    ends(rig, *std::ranges::find_if(order, [&](auto const& id) { return rig.phase(id) == Phase::running; }));
  }
  CHECK(ran == order);
}

TEST_CASE("run_as: the end of one account's runner ends its runs alone, and what only it could know is unknown") {
  auto rules = fixture::rules();
  rules.runbooks["vacuum"].run_as = "deploy";
  Rig rig(rules);
  auto const theirs = vacuum(rig), ours = rig.open();
  for (auto const& id : {theirs, ours}) rig.approve("bob", id);
  CHECK(rig.runner.checks == std::vector<std::string>{ours.str()});  // deploy's runner is not there
  rig.runner.others = {"deploy"};
  rig.engine->runner_ready("deploy");
  rig.settle();
  CHECK(std::ranges::count(rig.runner.checks, theirs.str()) == 1);
  CHECK(std::ranges::count(rig.runner.checks, ours.str()) == 1);  // of another runner: not asked once more
  starts(rig, theirs);
  starts(rig, ours);
  CHECK(core::make_card(rig.engine->state(), *rig.engine->state().request(theirs), rig.loop.now()).action.back() ==
        "As user deploy");
  SECTION("its runner ends") {
    rig.engine->runner_gone("deploy", "it was killed");
    rig.settle();
    CHECK(rig.phase(theirs) == Phase::interrupted);
    CHECK(rig.phase(ours) == Phase::running);
  }
  SECTION("the service ends: its marker is not ours to read") {
    rig.start();
    CHECK(rig.ledger.folded.request(theirs)->run->cause == "crash");
    CHECK(rig.ledger.folded.request(ours)->run->cause == "not_started");
  }
}

TEST_CASE("sandbox: what the runner would do must be what was approved, and started.json says what is done") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.engine->runner_accepted(id.str(), {.sandbox = "strict", .cgroup = "kill"});
  rig.settle();
  CHECK(rig.phase(id) == Phase::failed);
  CHECK(rig.ledger.folded.request(id)->run->cause == "refused_by_runner");
  auto const fine = rig.open();
  rig.approve("bob", fine);
  rig.engine->runner_accepted(fine.str(), {.sandbox = "basic", .cgroup = "limits"});
  rig.settle();
  CHECK(rig.phase(fine) == Phase::running);
}
