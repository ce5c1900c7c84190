// From the approval to the end: the runner, locks, restarts, reloads, readiness, and what a button opens.
#include "tests/support/result_text.hpp"
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;
using core::Phase;

}  // namespace

TEST_CASE("T13 an approved request is given to the runner once, and a second report changes nothing") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.engine->runner_ready();  // the runner came back meanwhile: it is asked again, but
  rig.settle();
  rig.engine->runner_accepted("", id.str());
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  CHECK(rig.runner.runs == std::vector<std::string>{id.str()});
  rig.engine->runner_finished("", id.str(), Rig::result("succeeded", "", 0), "");
  rig.engine->runner_finished("", id.str(), Rig::result("failed", "exit", 1), "");
  rig.settle();
  CHECK(rig.phase(id) == Phase::succeeded);
  CHECK(rig.ledger.count("run.started") == 1);
  CHECK(rig.ledger.count("run.finished") == 1);
  CHECK(rig.forgotten.size() == 1);
}

TEST_CASE("T13 a run cut off by a crash is interrupted, one never started not_started, neither is repeated") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  REQUIRE(rig.phase(id) == Phase::running);
  bool const began = GENERATE(true, false);
  rig.start(began ? std::set<std::string>{id.str()} : std::set<std::string>{});
  CHECK(rig.phase(id) == Phase::interrupted);
  CHECK(rig.ledger.folded.request(id)->run->cause == (began ? "crash" : "not_started"));
  CHECK(rig.runner.checks.empty());
  CHECK(rig.runner.runs.empty());
  CHECK(rig.ledger.count("run.finished") == 1);
}

TEST_CASE("after a restart an approved request starts only before its expiry") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  SECTION("in time") {
    rig.loop.advance(29min);
    rig.start();
    CHECK(rig.runner.checks == std::vector<std::string>{id.str()});
    CHECK(rig.phase(id) == Phase::approved);
  }
  SECTION("too late") {
    rig.runner.up = false;
    rig.engine.reset();
    rig.loop.advance(31min);
    rig.start();
    CHECK(rig.runner.checks.empty());
    CHECK(rig.phase(id) == Phase::interrupted);
  }
}

TEST_CASE("a request that was being collected is collected again after a restart") {
  Rig rig;
  rig.room.held = true;
  rig.ask();
  auto const id = rig.ledger.folded.requests.begin()->first;
  CHECK(rig.phase(id) == Phase::collecting);
  rig.room.waiting.clear();
  rig.room.held = false;
  rig.start();
  CHECK(rig.phase(id) == Phase::pending);
  CHECK(rig.chat.cards() == 1);
}

TEST_CASE("the runner's refusal ends the request with its words, a runner that dies interrupts what runs") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  SECTION("refused") {
    rig.engine->runner_refused("", id.str(), "the program changed");
    rig.settle();
    CHECK(rig.phase(id) == Phase::failed);
    CHECK(rig.ledger.folded.request(id)->run->cause == "refused_by_runner");
  }
  SECTION("gone") {
    rig.engine->runner_accepted("", id.str());
    rig.settle();
    rig.engine->runner_gone({}, "it was killed");
    rig.settle();
    CHECK(rig.phase(id) == Phase::interrupted);
  }
  SECTION("a report that nobody can read") {
    rig.engine->runner_accepted("", id.str());
    rig.settle();
    rig.engine->runner_finished("", id.str(), Json::object({{"state", "splendid"}}), "");
    rig.settle();
    CHECK(rig.phase(id) == Phase::interrupted);
  }
  CHECK(rig.ledger.count("run.finished") == 1);
  CHECK(rig.chat.notes().size() == 1);
  CHECK(rig.ledger.broken.empty());
}

TEST_CASE("T13 a start that is on record but never reached the runner is not_started, as after a restart") {
  Rig rig;
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.ledger.held = true;
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  rig.runner.up = false;  // it dies while run.started becomes durable
  rig.ledger.held = false;
  rig.ledger.finish();
  rig.settle();
  CHECK(rig.runner.runs.empty());
  CHECK(rig.phase(id) == Phase::interrupted);
  CHECK(rig.ledger.folded.request(id)->run->cause == "not_started");
  CHECK(rig.ledger.broken.empty());
}

TEST_CASE("a runner that is away is asked when it is back") {
  Rig rig;
  rig.runner.up = false;
  auto const id = rig.open();
  rig.approve("bob", id);
  CHECK(rig.runner.checks.empty());
  rig.runner.up = true;
  rig.engine->runner_ready();
  rig.settle();
  CHECK(rig.runner.checks == std::vector<std::string>{id.str()});
}

TEST_CASE("two requests on one lock run one after the other") {
  Rig rig;
  rig.rules.runbooks["careful"].lock = "database/main";
  rig.rules.policies["noted"].approver_justification = core::Justification::none;
  rig.engine->reload(rig.rules, fixture::config_bytes(rig.rules));
  rig.settle();
  auto const first = rig.open("vacuum", {{"database", "main"}});
  auto const second = rig.open("careful", {{"service", "web"}});
  auto const other = rig.open("vacuum", {{"database", "audit"}});
  for (auto const& id : {first, second, other}) rig.approve("bob", id);
  CHECK(rig.runner.checks == std::vector<std::string>{first.str(), other.str()});
  rig.engine->runner_accepted("", second.str());  // it was not even asked
  rig.engine->runner_accepted("", first.str());
  rig.settle();
  // Whichever the runner took first, the other waits for its end.
  auto const running = rig.phase(first) == Phase::running ? first : second;
  auto const waiting = running == first ? second : first;
  CHECK(rig.phase(running) == Phase::running);
  CHECK(rig.phase(waiting) == Phase::approved);
  rig.engine->runner_finished("", running.str(), Rig::result("failed", "exit", 1), "");
  rig.settle();
  CHECK(std::ranges::find(rig.runner.checks, waiting.str()) != rig.runner.checks.end());
  rig.engine->runner_accepted("", waiting.str());
  rig.settle();
  CHECK(rig.phase(waiting) == Phase::running);
}

TEST_CASE("T30 a vote of somebody who has left the group no longer counts") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  CHECK(rig.approve("bob", id)->front().state == State::recorded);
  rig.rules.people["bob"].groups = {"dev"};
  rig.engine->reload(rig.rules, fixture::config_bytes(rig.rules));
  rig.settle();
  CHECK(rig.phase(id) == Phase::pending);  // its own policy and runbook are the same
  auto const second = rig.approve("carol", id);
  CHECK(second->front().state == State::recorded);
  CHECK(second->front().text.find("still missing: 1 more from sre") != std::string::npos);
  CHECK(rig.phase(id) == Phase::pending);
  rig.approve("erin", id);
  REQUIRE(rig.phase(id) == Phase::approved);
  auto by = rig.ledger.folded.request(id)->decision->by;
  std::ranges::sort(by);
  CHECK(by == std::vector<std::string>{"carol", "erin"});
}

TEST_CASE("a reload voids what its own runbook or policy governs, and tells, the rest stays") {
  Rig rig;
  auto const touched = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  auto const untouched = rig.open();
  rig.rules.policies["two-sre"].approve[0].count = 3;
  rig.engine->reload(rig.rules, fixture::config_bytes(rig.rules));
  rig.settle();
  CHECK(rig.phase(touched) == Phase::voided);
  CHECK(rig.phase(untouched) == Phase::pending);
  REQUIRE(rig.chat.notes().size() == 1);
  CHECK(core::dump(rig.chat.notes()[0].body["mention"]) == R"(["alice"])");
  // A restart with another file counts as a reload.
  rig.rules.runbooks["restart-service"].summary = "Restart {{service}} at once";
  rig.start();
  CHECK(rig.phase(untouched) == Phase::voided);
}

TEST_CASE("readiness: folded, the runner there, each platform reconciled or 10 s passed") {
  Rig rig;
  CHECK(rig.engine->ready());
  rig.engine->connection("slack", false, "cut");
  CHECK_FALSE(rig.engine->ready());
  rig.loop.advance(11s);
  CHECK(rig.engine->ready());
  rig.runner.up = false;
  CHECK_FALSE(rig.engine->ready());
}

TEST_CASE("a button opens its view only for whom it could help") {
  Rig rig;
  auto const id = rig.open();
  auto const binding = rig.ledger.folded.request(id)->binding;
  auto const view = [&](char const* account, std::string const& request, std::string const& bound) {
    return rig.engine->view({"slack", account}, request, bound, core::Verdict::approve);
  };
  REQUIRE(view("U0BOB", id.str(), binding));
  CHECK(view("U0STRANGER", id.str(), binding).error().code == core::Errc::forbidden);
  CHECK(view("U0ALICE", id.str(), binding).error().code == core::Errc::forbidden);
  CHECK(view("U0DAVE", id.str(), binding).error().code == core::Errc::forbidden);
  CHECK(view("U0BOB", "CS-20260101-000001-R1", binding).error().code == core::Errc::not_found);
  CHECK(view("U0BOB", "../../etc/passwd", binding).error().code == core::Errc::not_found);
  CHECK(view("U0BOB", id.str(), core::digest_of("x")).error().code == core::Errc::conflict);
  rig.deny("bob", id);
  CHECK(view("U0BOB", id.str(), binding).error().code == core::Errc::conflict);
}

TEST_CASE("a trigger's own evidence is delivered before that of its requests") {
  Rig rig;
  rig.room.held = true;
  rig.engine->signal({.trigger = "web-down", .title = "web is down", .text = "refused", .dedupe_key = "web"}, {});
  rig.settle();
  REQUIRE(rig.room.waiting.size() == 2);
  rig.room.release_last_first();
  rig.settle();
  auto const kinds = rig.ledger.kinds();
  auto const own = kinds.find("evidence.collected"), opened = kinds.find("request.opened");
  REQUIRE(opened != std::string::npos);
  CHECK(own < opened);
  CHECK(rig.ledger.folded.cases.begin()->second.exhibits.size() == 1);
  CHECK(rig.ledger.folded.requests.begin()->second.phase == Phase::pending);
  rig.engine->recovered({.trigger = "web-down", .text = "web answers again"});
  rig.settle();
  REQUIRE(rig.chat.notes().size() == 1);
  CHECK(rig.chat.notes()[0].body["note"].text().find("answers again") != std::string::npos);
}

TEST_CASE("a program that is not there voids the request, with its name") {
  Rig rig;
  rig.programs.missing = "systemctl";
  auto const id = rig.open();
  CHECK(rig.phase(id) == Phase::voided);
  CHECK(rig.ledger.folded.request(id)->decision->reason.find("systemctl") != std::string::npos);
}
