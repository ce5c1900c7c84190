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
  rig.engine->runner_accepted(rig.engine->state().request(id)->bound->run_as, id.str());
  rig.settle();
  REQUIRE(rig.phase(id) == Phase::running);
}

// Warnings about a runner that spoke of a request that is not its own to run.
std::vector<core::Json> foreign_warnings(Rig const& rig, std::string const& words) {
  std::vector<core::Json> found;
  for (auto const& line : rig.log.lines()) {
    auto fields = core::Json::object({});
    for (auto const& [name, value] : line.fields) fields.set(name, value);
    if (fields["why"].text().find(words) != std::string::npos) found.push_back(std::move(fields));
  }
  return found;
}

void ends(Rig& rig, core::RequestId const& id) {
  rig.engine->runner_finished("", id.str(), Rig::result("succeeded", "", 0), "");
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
  rig.engine->runner_accepted("", second.str());  // asked before it was cancelled
  rig.settle();
  CHECK(rig.phase(second) == Phase::interrupted);
  CHECK(rig.ledger.broken.empty());
}

TEST_CASE("T49 queue: many on one lock, over restarts at every step, run one at a time and in order") {
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
    for (auto const& id : order) rig.engine->runner_accepted("", id.str());  // a runner that says yes to all
    rig.settle();
    CHECK(std::ranges::count_if(order, [&](auto const& id) { return rig.phase(id) == Phase::running; }) == 1);
    ends(rig, *std::ranges::find_if(order, [&](auto const& id) { return rig.phase(id) == Phase::running; }));
  }
  CHECK(ran == order);
}

TEST_CASE("queue: a runner that is not there takes no place of the others") {
  auto rules = fixture::rules();
  rules.runbooks["deploy"].run_as = "deploy";
  Rig rig(rules);
  for (int i = 0; i < 20; ++i) {  // more than run at a time
    auto const theirs = rig.open("deploy", {{"version", std::to_string(i)}, {"replicas", "1"}});
    rig.approve("bob", theirs);
    rig.approve("carol", theirs);
    REQUIRE(rig.phase(theirs) == Phase::approved);
  }
  auto const ours = rig.open();
  rig.approve("bob", ours);
  CHECK(rig.runner.checks == std::vector<std::string>{ours.str()});
  rig.runner.others = {"deploy"};
  rig.engine->runner_ready("deploy");
  rig.settle();
  CHECK(rig.runner.checks.size() == 17);  // sixteen at a time of each
}

TEST_CASE("T13 a late refusal to a check is no end of the run that was ordered meanwhile") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.ledger.held = true;
  rig.engine->runner_accepted("", id.str());
  rig.engine->runner_refused("", id.str(), "busy");  // while run.started is being written
  rig.settle();
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.settle();
  CHECK(rig.runner.runs == std::vector<std::string>{id.str()});
  CHECK(rig.phase(id) == Phase::running);
  CHECK(rig.ledger.count("run.finished") == 0);
  ends(rig, id);
  CHECK(rig.phase(id) == Phase::succeeded);
}

TEST_CASE("run_as: runs of an account's runner that is gone hold their target until its next one is there") {
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
  auto const next = vacuum(rig);  // of the same target
  rig.approve("bob", next);
  rig.runner.checks.clear();
  SECTION("its runner ends") {
    rig.runner.others.clear();
    rig.engine->runner_gone("deploy", "it was killed");
    rig.settle();
    CHECK(rig.phase(ours) == Phase::running);
  }
  SECTION("the service ends, its marker is not ours to read") {
    rig.runner.others.clear();
    rig.start();
    CHECK(rig.ledger.folded.request(ours)->run->cause == "not_started");
  }
  CHECK(rig.phase(theirs) == Phase::running);  // its steps may live
  CHECK(status(rig, next).ends_with("waiting for " + theirs.short_name() + ", 1st in the queue"));
  CHECK(rig.runner.checks.empty());
  rig.runner.others = {"deploy"};
  rig.engine->runner_ready("deploy");
  rig.settle();
  CHECK(rig.ledger.folded.request(theirs)->run->cause == "crash");
  CHECK(rig.runner.checks == std::vector<std::string>{next.str()});
  CHECK(rig.ledger.count("run.finished") >= 1);
}

TEST_CASE("run_as: a start that becomes durable while the next runner comes is ordered there, once") {
  auto rules = fixture::rules();
  rules.runbooks["vacuum"].run_as = "deploy";
  Rig rig(rules);
  auto const id = vacuum(rig);
  rig.runner.others = {"deploy"};
  rig.engine->runner_ready("deploy");
  rig.approve("bob", id);
  rig.ledger.held = true;
  rig.engine->runner_accepted("deploy", id.str());
  rig.settle();
  rig.engine->runner_gone("deploy", "it was killed");
  rig.engine->runner_ready("deploy");
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.settle();
  CHECK(rig.runner.runs == std::vector<std::string>{id.str()});
  CHECK(rig.phase(id) == Phase::running);
}

TEST_CASE("T46 run_as: what a runner says of a request that is another one's to run changes nothing, and is logged") {
  auto rules = fixture::rules();
  rules.runbooks["vacuum"].run_as = "deploy";
  Rig rig(rules);
  rig.runner.others = {"deploy"};
  rig.engine->runner_ready("deploy");
  auto const stranger = GENERATE(as<std::string>{}, "", "deploy", "web");
  std::string const owner = stranger == "deploy" ? "" : "deploy";
  CAPTURE(owner, stranger);
  auto const id = owner.empty() ? rig.open() : vacuum(rig);
  auto const warnings = [&] { return foreign_warnings(rig, "spoke of " + id.str()).size(); };
  rig.approve("bob", id);
  auto const asked = std::ranges::count(rig.runner.checks, id.str());
  REQUIRE(asked == 1);
  rig.engine->runner_accepted(stranger, id.str());
  rig.engine->runner_refused(stranger, id.str(), "no");
  rig.settle();
  CHECK(rig.phase(id) == Phase::approved);
  CHECK(rig.ledger.count("run.started") == 0);
  CHECK(rig.ledger.count("run.finished") == 0);
  CHECK(std::ranges::count(rig.runner.checks, id.str()) == asked);  // its own one has still to answer
  CHECK(warnings() == 1);

  rig.engine->runner_accepted(owner, id.str());
  rig.settle();
  REQUIRE(rig.phase(id) == Phase::running);
  rig.loop.advance(1min);
  rig.engine->runner_output(stranger, id.str(), "act", "planted\n");
  rig.engine->runner_finished(stranger, id.str(), Rig::result("succeeded", "", 0), "planted\n");
  rig.loop.advance(1min);
  CHECK(rig.phase(id) == Phase::running);
  CHECK(warnings() == 2);
  REQUIRE(rig.chat.live(id).size() == 1);
  CHECK(rig.chat.live(id)[0].find("planted") == std::string::npos);

  rig.engine->runner_finished(owner, id.str(), Rig::result("failed", "exit", 1), "true words\n");
  rig.settle();
  CHECK(rig.phase(id) == Phase::failed);
  CHECK(rig.ledger.files.at(id.folder() + "/output.txt") == "true words\n");
}

TEST_CASE("T46 run_as: a runner that speaks of others' requests again and again fills neither the queue nor the log") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  starts(rig, id);
  auto const speak = [&](std::string const& stranger) {
    for (int i = 0; i < 500; ++i) {
      rig.engine->runner_accepted(stranger, id.str());
      rig.engine->runner_refused(stranger, id.str(), "no");
      rig.engine->runner_output(stranger, id.str(), "act", "planted\n");
      rig.engine->runner_finished(stranger, id.str(), Rig::result("succeeded", "", 0), "planted\n");
    }
    CHECK(rig.loop.posted() == 0);  // nothing waits to be stepped
    rig.settle();
    return foreign_warnings(rig, "the runner of " + stranger + " spoke of " + id.str());
  };
  CHECK(speak("deploy").size() == 1);
  CHECK(speak("web").size() == 1);  // each account has its own
  CHECK(speak("deploy").size() == 1);
  rig.loop.advance(1min);
  auto const warnings = speak("deploy");
  REQUIRE(warnings.size() == 2);
  CHECK(warnings.back()["more_like_it"].integer() == 3'999);
  CHECK(rig.phase(id) == Phase::running);
}

TEST_CASE("sandbox: what the runner would do must be what was approved, and started.json says what is done") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.engine->runner_accepted("", id.str(), {.sandbox = "strict", .cgroup = "kill"});
  rig.settle();
  CHECK(rig.phase(id) == Phase::failed);
  CHECK(rig.ledger.folded.request(id)->run->cause == "refused_by_runner");
  CHECK_FALSE(rig.ledger.files.contains(id.folder() + "/started.json"));
  auto const fine = rig.open();
  rig.approve("bob", fine);
  rig.engine->runner_accepted("", fine.str(), {.sandbox = "basic", .cgroup = "limits"});
  rig.settle();
  CHECK(rig.phase(fine) == Phase::running);
  auto const started = core::parse_json(rig.ledger.files.at(fine.folder() + "/started.json")).value();
  CHECK(started["confinement"]["sandbox"].text() == "basic");
  CHECK(started["confinement"]["cgroup"].text() == "limits");
}
