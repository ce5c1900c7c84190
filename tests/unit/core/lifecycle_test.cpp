// A request's way outside of votes: runs, restart, reload, cancelling, the same question twice.
#include "tests/unit/core/deciding.hpp"

using namespace core;
using namespace std::chrono_literals;
using namespace deciding;
using fixture::Story;

TEST_CASE("T13 a run is started once, and one that a crash cut off is never repeated") {
  Story story;
  auto const id = story.open();
  story.vote("bob", id);
  story.send(RunnerAccepted{id});
  CHECK(story.count<StartRun>() == 1);
  story.send(RunnerAccepted{id});
  CHECK(story.count<StartRun>() == 0);
  SECTION("its steps had begun") {
    story.restart({id.str()});
    CHECK(story.at(id).run->cause == "crash");
  }
  SECTION("its steps had not begun") {
    story.restart();
    CHECK(story.at(id).run->cause == "not_started");
  }
  CHECK(story.phase(id) == Phase::interrupted);
  CHECK(story.count<AskRunner>() == 0);
  story.send(RunnerAccepted{id});
  CHECK(story.kinds() == "");
  story.send(RunEnded{id, Json::object({{"state", "succeeded"}, {"cause", Json()}}), ""});
  CHECK(story.kinds() == "");
  check_same(story);
}

TEST_CASE("T46 a runner of another account than the request is bound to has no say in its run") {
  Story story;
  auto const id = story.open();
  story.vote("bob", id);
  auto const ignored = [&](auto event) {
    event.run_as = "deploy";
    story.send(std::move(event));
    CHECK(story.kinds() == "");
    CHECK(story.count<StartRun>() == 0);
    CHECK(story.count<Warn>() == 1);
  };
  ignored(RunnerAccepted{id});
  ignored(RunnerRefused{id, "no"});
  CHECK(story.phase(id) == Phase::approved);
  story.send(RunnerAccepted{id});
  ignored(RunEnded{id, Json::object({{"state", "succeeded"}, {"cause", Json()}}), ""});
  CHECK(story.phase(id) == Phase::running);
  check_same(story);
}

TEST_CASE("restart: collecting collects again, approved starts only before it expires") {
  Story story;
  story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
  auto const collecting = story.reply().request.value();
  auto const opened = story.now;
  auto const approved = story.open("vacuum", {{"database", "main"}});
  story.vote("bob", approved);
  auto const pending = story.open("restart-service", {{"service", "api"}});
  SECTION("in time") {
    story.restart();
    CHECK(story.count<CollectEvidence>() == 1);
    CHECK(story.last<CollectEvidence>()->opened == opened);
    CHECK(story.last<AskRunner>()->request == approved);
    CHECK(story.phase(pending) == Phase::pending);
    story.send(story.collected(collecting));
    CHECK(story.phase(collecting) == Phase::pending);
  }
  SECTION("too late") {
    story.now += 30min;
    story.restart();
    CHECK(story.count<AskRunner>() == 0);
    CHECK(story.at(approved).run->cause == "not_started");
    CHECK(story.phase(pending) == Phase::expired);
  }
  SECTION("after a failed fsync everything open is void") {
    story.restart({}, /*recovered=*/true);
    CHECK(story.phase(collecting) == Phase::voided);
    CHECK(story.phase(pending) == Phase::voided);
    CHECK(story.ledger[story.ledger.size() - 1].kind != "request.approved");
  }
  check_same(story);
}

TEST_CASE("a reload voids what changed and nothing else") {
  Story story;
  auto const restart = story.open();
  auto const deploy = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  auto rules = story.rules;
  SECTION("the runbook's text") { rules.runbooks["deploy"].steps.front().argv.push_back("--force"); }
  SECTION("the policy's text") { rules.policies["two-sre"].approve.front().count = 1; }
  SECTION("another policy") { rules.runbooks["deploy"].policy = "one-sre"; }
  SECTION("runbook gone") { rules.runbooks.erase("deploy"); }
  story.reload(rules);
  CHECK(story.phase(deploy) == Phase::voided);
  CHECK(story.phase(restart) == Phase::pending);
  story.reload(rules);
  CHECK(story.kinds() == "");
  check_same(story);
}

TEST_CASE("a crash between a new configuration and what it voids still voids") {
  Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  auto rules = story.rules;
  rules.runbooks["deploy"].steps.front().argv.push_back("--force");
  story.rules = rules;
  auto const before = story.copy;
  auto const effects =
      step(story.state, {.at = story.now, .what = ConfigReloaded{rules, fixture::config_bytes(rules)}});
  auto const loaded = std::get<Append>(effects.front()).entry;  // only the first entry became durable
  REQUIRE(loaded.kind == "config.loaded");
  story.state = before;
  REQUIRE(story.try_apply(story.state, loaded).has_value());
  auto const early = step(story.state, {.at = story.now, .what = story.cast("bob", id)});
  CHECK(std::get<Reply>(early.back()).code == Errc::forbidden);
  story.state = before;
  REQUIRE(story.try_apply(story.state, loaded).has_value());
  static_cast<void>(step(story.state, {.at = story.now,
                                       .what = ServiceStarted{.version = "1",
                                                              .commit = "c",
                                                              .rules = rules,
                                                              .config_bytes = fixture::config_bytes(rules),
                                                              .dropped = {},
                                                              .started = {}}}));
  CHECK(story.phase(id) == Phase::voided);
}

TEST_CASE("a configuration that the ledger could not give back is not used") {
  Story story;
  auto const digest = story.state.config_digest;
  story.send(ConfigReloaded{story.rules, "{\"schema\":2}"});
  CHECK(story.count<Warn>() == 1);
  CHECK(story.state.config_digest == digest);
  CHECK_THROWS_AS(
      step(story.state,
           {.at = story.now,
            .what =
                ServiceStarted{
                    .version = "1", .commit = "c", .rules = {}, .config_bytes = "{}", .dropped = {}, .started = {}}}),
      Failure);
}

TEST_CASE("one run at a time a target") {
  Story story;
  auto const migrate = story.open("migrate", {{"database", "main"}});
  auto const vacuum = story.open("vacuum", {{"database", "main"}});
  auto const other = story.open("vacuum", {{"database", "audit"}});
  story.vote("erin", migrate);
  CHECK(story.phase(migrate) == Phase::pending);  // erin is sre and dba, but one person
  story.vote("bob", migrate);
  CHECK(story.phase(migrate) == Phase::approved);
  story.send(RunnerAccepted{migrate});
  story.vote("bob", vacuum);
  CHECK(story.count<AskRunner>() == 0);
  story.send(RunnerAccepted{vacuum});
  CHECK(story.phase(vacuum) == Phase::approved);
  story.vote("bob", other);
  CHECK(story.last<AskRunner>()->request == other);
  story.send(RunEnded{migrate, Json::object({{"state", "failed"}, {"cause", "exit"}}), ""});
  bool asked = false;
  for (auto const& effect : story.effects) {
    auto const* ask = std::get_if<AskRunner>(&effect);
    asked = asked || (ask && ask->request == vacuum);
  }
  CHECK(asked);
  story.send(RunnerAccepted{vacuum});
  CHECK(story.phase(vacuum) == Phase::running);
  check_same(story);
}

TEST_CASE("idempotency: the same key is the same request, another body a conflict") {
  Story story;
  auto ask = story.asked(Actor::robot("ci"), "restart-service", {{"service", "web"}});
  ask.idempotency_key = "build-7";
  ask.body_digest = digest_of("body");
  auto const id = story.open(ask);
  story.restart();
  story.send(ask);
  CHECK(story.reply().replay);
  CHECK(story.reply().request == id);
  CHECK(story.kinds() == "");
  ask.body_digest = digest_of("other");
  story.send(ask);
  CHECK(story.reply().code == Errc::conflict);
  ask.requester = Actor::person("alice");  // the key's scope is the caller
  story.send(ask);
  CHECK(story.reply().request != id);
  ask.idempotency_key = "k";
  ask.body_digest = "no digest";
  story.send(ask);
  CHECK(story.reply().code == Errc::bad_input);
  check_same(story);
}

TEST_CASE("cancelling: requester, initiator, or a member of an approving group") {
  Story story;
  auto ask = story.asked(Actor::robot("ci"), "restart-service", {{"service", "web"}});
  ask.initiator = "alice";
  auto const id = story.open(ask);
  for (auto const& by : {Actor::person("mallory"), Actor::person("dave"), Actor::unknown("slack.U1"),
                         Actor::robot("alice"), Actor::service()}) {
    story.send(cancel(by, id));
    CHECK(story.reply().code == Errc::forbidden);
    CHECK(story.kinds() == "vote.refused");
  }
  auto const who = GENERATE(Actor::robot("ci"), Actor::person("alice"), Actor::person("bob"));
  story.send(cancel(who, id));
  CHECK(story.phase(id) == Phase::cancelled);
  story.send(cancel(who, id));
  CHECK(story.kinds() == "");
  CHECK(story.vote("bob", id).code == Errc::forbidden);
  // Too late, and not theirs either: who has a part in it is told, who has none is on record as well.
  story.pass(61s);  // the account's quota of entries is free again
  story.send(cancel(Actor::person("mallory"), id));
  CHECK(story.reply().code == Errc::conflict);
  CHECK(story.kinds() == "vote.refused");
  check_same(story);
}

TEST_CASE("a trigger's case: its own requester, no approver excluded") {
  Story story;
  story.send(SignalFired{"web-down", "web is down", "GET /healthz: 503", "web"});
  auto const id = story.state.requests.begin()->first;
  CHECK(story.at(id).requester == Actor::trigger("web-down"));
  story.send(story.collected(id));
  story.vote("bob", id);
  CHECK(story.phase(id) == Phase::approved);
  story.send(SignalRecovered{"web-down", "web is back"});
  CHECK(story.count<NoteRecovery>() == 1);
  story.send(SignalRecovered{"web-down", "web is back"});
  CHECK(story.count<NoteRecovery>() == 0);
  story.send(SignalFired{"no-such-trigger", "x", "x", "x"});
  CHECK(story.kinds() == "");
  check_same(story);
}
