// Votes and refusals, who must say why, expiry and denying: one rule a story.
#include "tests/unit/core/deciding.hpp"

using namespace core;
using namespace std::chrono_literals;
using namespace deciding;
using fixture::Story;

TEST_CASE("T2 accounts never decide: a person counts once, whatever they click with") {
  auto rules = fixture::rules();
  rules.people["alice"].groups.insert("sre");
  rules.people["alice"].accounts = {{"slack", "U0ALICE"}, {"teams", "t-alice"}, {"matrix", "@alice:example.org"}};
  rules.people["bob"].accounts = {{"slack", "U0BOB"}, {"teams", "t-bob"}, {"matrix", "@bob:example.org"}};
  Story story(rules);
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  for (auto const& [platform, account] : rules.people["bob"].accounts) {
    auto cast = story.cast("bob", id);
    cast.platform = platform;
    cast.account = account;
    story.send(cast);
    CHECK(story.phase(id) == Phase::pending);
  }
  CHECK(story.at(id).votes.size() == 1);
  for (auto const& [platform, account] : rules.people["alice"].accounts) {
    auto cast = story.cast("alice", id);
    cast.platform = platform;
    cast.account = account;
    story.send(cast);
    CHECK(story.reply().code == Errc::forbidden);
    CHECK(story.kinds() == "vote.refused");
  }
  auto other = story.cast("carol", id);
  other.platform = "teams";  // an account id of another platform is nobody's
  story.send(other);
  CHECK(story.phase(id) == Phase::pending);
  story.vote("carol", id);
  CHECK(story.phase(id) == Phase::approved);
  check_same(story);
}

TEST_CASE("T2 the initiator behind a robot is excluded too, and must be a person") {
  Story story;
  auto ask = story.asked(Actor::robot("ci"), "restart-service", {{"service", "web"}});
  ask.initiator = "bob";
  auto const id = story.open(ask);
  CHECK(story.vote("bob", id).code == Errc::forbidden);
  CHECK(story.phase(id) == Phase::pending);
  CHECK(story.vote("carol", id).code == Errc{});
  CHECK(story.phase(id) == Phase::approved);
  ask.initiator = "ghost";
  story.send(ask);
  CHECK(story.reply().code == Errc::bad_input);
  ask = story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}});
  ask.initiator = "bob";
  story.send(ask);
  CHECK(story.reply().code == Errc::bad_input);
  check_same(story);
}

TEST_CASE("self-approval only where the policy says so in words") {
  Story story;
  auto const own = story.open(story.asked(Actor::person("bob"), "own", {{"service", "web"}}));
  CHECK(story.vote("bob", own).code == Errc{});
  CHECK(story.phase(own) == Phase::approved);
  auto const other = story.open(story.asked(Actor::person("bob"), "restart-service", {{"service", "web"}}));
  CHECK(story.vote("bob", other).code == Errc::forbidden);
  check_same(story);
}

TEST_CASE("T7 whatever fails on the way to a decision is a no") {
  SECTION("a program that can't be identified voids") {
    Story story;
    story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
    auto const id = story.reply().request.value();
    auto event = story.collected(id);
    event.programs.insert_or_assign("systemctl", make_error(Errc::not_found, "systemctl is not there"));
    story.send(event);
    CHECK(story.phase(id) == Phase::voided);
    check_same(story);
  }
  SECTION("a program nobody looked up voids") {
    Story story;
    story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
    auto const id = story.reply().request.value();
    auto event = story.collected(id);
    event.programs.clear();
    story.send(event);
    CHECK(story.phase(id) == Phase::voided);
    CHECK(story.vote("bob", id).code == Errc::forbidden);
  }
  SECTION("runbook or policy gone while collecting voids") {
    for (auto const policy : {false, true}) {
      Story story;
      story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
      auto const id = story.reply().request.value();
      auto rules = story.rules;
      if (policy) {
        rules.policies.erase("one-sre");
      } else {
        rules.runbooks.erase("restart-service");
      }
      story.reload(rules);
      CHECK(story.phase(id) == Phase::voided);
      story.send(story.collected(id));
      CHECK(story.kinds() == "");
      check_same(story);
    }
  }
  SECTION("unknown people, platforms, requests and foreign facts") {
    Story story;
    auto const id = story.open();
    auto cast = story.cast("bob", id);
    SECTION("account") { cast.account = "U0STRANGER"; }
    SECTION("no account") { cast.account = ""; }
    SECTION("platform") { cast.platform = "teams"; }
    SECTION("foreign") { cast.foreign = "This came from another workspace."; }
    SECTION("request") { cast.request = "CS-20261121-000077-R1"; }
    SECTION("no binding") { cast.binding = ""; }
    SECTION("code instead of binding") { cast.binding = code_of(story.at(id).binding); }
    SECTION("rendering") { cast.rendering = "forged\n"; }
    SECTION("no rendering") { cast.rendering = ""; }
    SECTION("no way of acting that is known") {
      cast.via = "";
      cast.rendering = "";
    }
    story.send(cast);
    CHECK(story.reply().code == Errc::forbidden);
    CHECK(story.kinds() == "vote.refused");
    CHECK(story.phase(id) == Phase::pending);
    check_same(story);
  }
}

TEST_CASE("T12 the same click any number of times counts once") {
  Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  auto const cast = story.cast("bob", id);
  story.send(cast);
  CHECK(story.kinds() == "vote.approve");
  story.send(cast);
  CHECK(story.kinds() == "");
  CHECK(story.reply().code == Errc{});
  auto again = cast;
  again.delivery = "another";
  story.send(again);
  CHECK(story.kinds() == "");
  story.restart();
  story.send(cast);
  CHECK(story.kinds() == "");
  auto const last = story.cast("carol", id);
  story.send(last);
  CHECK(story.kinds() == "request.approved");
  for (auto const& replay : {cast, last, again}) {
    story.send(replay);
    CHECK(story.kinds() == "");
  }
  auto const late = story.cast("erin", id);
  story.send(late);
  CHECK(story.kinds() == "vote.refused");
  story.send(late);
  CHECK(story.kinds() == "");
  auto const deny = story.cast("bob", id, Verdict::deny);
  story.send(deny);
  CHECK(story.kinds() == "vote.refused");
  CHECK(story.phase(id) == Phase::approved);
  check_same(story);
}

TEST_CASE("T71 refusals are on record, and many of one account are folded into one entry") {
  Story story;
  auto const id = story.open();
  for (int i = 0; i < 40; ++i) story.vote("mallory", id);
  auto const refused = [&] {
    return std::ranges::count_if(story.ledger, [](Entry const& entry) { return entry.kind == "vote.refused"; });
  };
  CHECK(refused() == 5);
  story.vote("dave", id);  // another account has its own quota
  CHECK(refused() == 6);
  CHECK(next_due(story.state).value() == story.now + 1min);
  story.pass(61s);
  CHECK(refused() == 7);
  CHECK(parse_json(story.ledger.back().files.front().bytes).value()["folded"].integer() == 35);
  CHECK(story.state.refusals.empty());
  for (int i = 0; i < 7; ++i) story.vote("mallory", id);
  story.send(ServiceStopping{});
  CHECK(story.kinds() == "vote.refused service.stopped");
  check_same(story);
}

TEST_CASE("T44 cancelling from where its message doesn't stand tells an outsider nothing, and is on record") {
  Story story;
  auto const id = story.open();
  auto const cancel = [&](std::string const& request, std::string const& by) {
    story.send(CancelAsked{.ticket = 1,
                           .by = Actor::person(by),
                           .platform = "slack",
                           .account = "U0" + by,
                           .channel = "C0ELSE",
                           .request = request,
                           .reason = {}});
    return story.reply();
  };
  auto const absent = RequestId::make(id.case_id(), 9).str();
  auto const hidden = cancel(id.str(), "mallory");
  CHECK(hidden.code == Errc::not_found);
  CHECK(hidden.text == "There is no request " + id.str() + ".");
  CHECK_FALSE(hidden.request);
  CHECK(story.kinds() == "vote.refused");
  CHECK(cancel(absent, "mallory").text == "There is no request " + absent + ".");
  CHECK(story.state.request(id)->phase == Phase::pending);
  CHECK(cancel(id.str(), "bob").code == Errc{});  // he may decide it, so he may cancel it, wherever he is
  CHECK(cancel(id.str(), "mallory").text == hidden.text);
  check_same(story);
}

TEST_CASE("T61 whatever text arrives, the entry can be read back") {
  Story story;
  auto const id = story.open();
  std::string const nasty("a\0\xff\n\x1b[31m\xe2\x80\xae", 12);
  auto cast = story.cast("bob", id);
  cast.platform = cast.account = cast.channel = cast.via = cast.envelope = cast.delivery = cast.foreign = nasty;
  cast.request = id.str();
  story.send(cast);
  CHECK(story.kinds() == "vote.refused");
  cast.request = nasty + std::string(100'000, 'x');
  story.send(cast);
  CHECK(story.kinds() == "vote.refused");
  cast = story.cast("bob", id);
  cast.envelope = cast.delivery = nasty + std::string(100'000, 'x');
  story.send(SignalFired{"web-down", nasty, nasty + std::string(3'000'000, '\x01'), nasty});
  CHECK(story.kinds() == "case.opened request.accepted");
  auto const made = story.state.requests.rbegin()->first;
  auto event = story.collected(made);
  event.evidence.exhibits.front().error = nasty;
  event.evidence.exhibits.front().name = nasty;
  event.evidence.highlights.front().text = nasty;
  story.send(event);
  CHECK(story.phase(made) == Phase::pending);
  story.send(PostRendered{made, "card", "slack", "incidents", nasty, nasty, digest_of("r"), Json(nasty)});
  story.send(Posted{made, story.at(made).posts.back().number, Json(nasty)});
  story.send(cast);
  CHECK(story.phase(id) == Phase::approved);
  story.send(RunnerAccepted{id});
  story.send(
      RunEnded{id, Json::object({{"state", "failed"}, {"cause", "exit"}, {"explanation", nasty}, {"step", 7}}), nasty});
  CHECK(story.phase(id) == Phase::interrupted);  // its report can't be read
  story.vote("bob", made);
  story.send(RunnerRefused{made, nasty + std::string(100'000, 'x')});
  CHECK(story.phase(made) == Phase::failed);
  check_same(story);
}

TEST_CASE("late is never: at its expiry a request takes no vote") {
  Story story;
  auto const id = story.open();
  auto const expires = story.at(id).bound->expires_at;
  SECTION("a millisecond before") {
    story.now = expires - 1ms;
    CHECK(story.vote("bob", id).code == Errc{});
    CHECK(story.phase(id) == Phase::approved);
    story.now = expires;
    story.send(RunnerAccepted{id});
    CHECK(story.phase(id) == Phase::interrupted);
  }
  SECTION("at it, and nobody had seen the message") {
    story.now = expires;
    CHECK(story.vote("bob", id).code == Errc::forbidden);
    CHECK(story.phase(id) == Phase::expired);
    CHECK_THAT(story.at(id).decision->reason, Catch::Contains("could not be delivered anywhere"));
  }
  SECTION("a post that was only intended is no delivery") {
    post_card(story, id, /*delivered=*/false);
    story.pass(30min);
    CHECK_THAT(story.at(id).decision->reason, Catch::Contains("could not be delivered anywhere"));
  }
  SECTION("it was delivered") {
    post_card(story, id);
    story.pass(30min);
    CHECK(story.at(id).decision->reason == "nobody decided in time");
  }
  SECTION("a clock set back revives nothing") {
    story.now = expires;
    story.send(Tick{});
    story.now = expires - 10min;
    CHECK(story.vote("bob", id).code == Errc::forbidden);
    CHECK(story.phase(id) == Phase::expired);
  }
  check_same(story);
}

TEST_CASE("justification: who must say why") {
  Story story;
  auto ask = story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}});
  for (auto const& bad :
       {std::string(), std::string(" \n"), std::string("a\x01"), std::string("\xff"), std::string(2001, 'a')}) {
    ask.reason = bad;
    story.send(ask);
    CHECK(story.reply().code == Errc::bad_input);
    CHECK(story.kinds() == "");
  }
  ask = story.asked(Actor::person("alice"), "careful", {{"service", "web"}});
  ask.reason.clear();
  auto const id = story.open(ask);
  for (auto const verdict : {Verdict::approve, Verdict::deny}) {
    auto cast = story.cast("bob", id, verdict);
    cast.note = " \n ";
    story.send(cast);
    CHECK(story.reply().code == Errc::forbidden);
    CHECK_THAT(story.reply().text, Catch::Contains("Say why"));
  }
  auto cast = story.cast("bob", id);
  cast.note = "looks right";
  story.send(cast);
  CHECK(story.phase(id) == Phase::approved);
  check_same(story);
}

TEST_CASE("an action that the message can't show is approved only in the view that shows it") {
  auto rules = fixture::rules();
  rules.runbooks["restart-service"].steps.front().argv.push_back(std::string(3000, 'x'));
  Story story(rules);
  auto const id = story.open();
  CHECK_FALSE(make_card(story.state, story.at(id), story.now).action_fits);
  CHECK(make_card(story.state, story.at(id), story.now).how_by_text.empty());
  CHECK(story.vote("bob", id).code == Errc::forbidden);
  auto cast = story.cast("bob", id);
  cast.via = "text";
  cast.binding = code_of(story.at(id).binding);
  story.send(cast);
  CHECK(story.phase(id) == Phase::pending);
  cast = story.cast("bob", id);
  cast.via = "view";
  story.send(cast);
  CHECK(story.phase(id) == Phase::approved);
  check_same(story);
}

TEST_CASE("a deny ends it, and nothing after it counts") {
  Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  story.vote("bob", id);
  story.vote("carol", id, Verdict::deny);
  CHECK(story.kinds() == "request.denied case.closed");
  CHECK(story.phase(id) == Phase::denied);
  for (auto const* person : {"erin", "bob", "carol"}) {
    story.vote(person, id);
    CHECK(story.phase(id) == Phase::denied);
  }
  story.send(cancel(Actor::person("alice"), id));
  CHECK(story.reply().code == Errc::conflict);
  check_same(story);
}
