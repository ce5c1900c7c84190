// What platforms are asked: groups that they keep, ahead of every vote and never during one, and accounts behind votes.
#include "tests/support/result_text.hpp"
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;

// Slack's usergroups: answers at once, or as the test says.
struct FakeGroups : ports::Groups {
  explicit FakeGroups(ports::Loop& on) : loop(on) {}
  std::string platform() const override { return "slack"; }
  void members(std::string group, std::function<void(core::Result<std::set<std::string>>)> done) override {
    asked.push_back(std::move(group));
    if (hang) return held.push_back(std::move(done));
    loop.post([this, done = std::move(done)] {
      if (fails) return done(core::make_error(Errc::unavailable, "Slack answers 500"));
      done(accounts);
    });
  }
  ports::Loop& loop;
  std::set<std::string> accounts{"U0BOB", "U0CAROL", "U0ERIN"};
  std::vector<std::string> asked;
  std::vector<std::function<void(core::Result<std::set<std::string>>)>> held;
  bool fails = false, hang = false;
};

core::Rules sourced() {
  auto rules = fixture::rules();
  for (auto& [key, person] : rules.people) person.groups.erase("sre");
  rules.sources.emplace("sre", core::GroupSource{"slack", "S0SRE"});
  rules.unread.insert("sre");
  return rules;
}

struct GroupRig : Rig {
  explicit GroupRig(bool start_now = true) : Rig(sourced(), /*start_now=*/false), slack(loop) {
    groups = {&slack};
    if (start_now) start();
  }
  FakeGroups slack;
};

core::RequestId open_deploy(Rig& rig) { return rig.open("deploy", {{"version", "7"}, {"replicas", "2"}}); }

}  // namespace

TEST_CASE("groups: known before a card is posted, which mentions who is in them") {
  GroupRig rig(/*start_now=*/false);
  rig.slack.hang = true;
  rig.start();
  auto const asked = rig.ask();
  REQUIRE(asked->at(0).code == Errc{});
  auto const id = asked->at(0).request.value();
  CHECK(rig.phase(id) == core::Phase::collecting);  // its evidence is there, who may vote is not known
  CHECK(rig.chat.cards() == 0);
  rig.slack.held.at(0)(rig.slack.accounts);
  rig.settle();
  CHECK(rig.phase(id) == core::Phase::pending);
  REQUIRE(rig.chat.cards() == 1);
  CHECK(rig.chat.messages[0].body["mention"] == Json::array({"bob", "carol", "erin"}));
}

TEST_CASE("groups: a platform that says nothing holds no request up for more than 10 s") {
  GroupRig rig(/*start_now=*/false);
  rig.slack.hang = true;
  rig.start();
  auto const id = rig.ask()->at(0).request.value();
  rig.loop.advance(10s);
  CHECK(rig.phase(id) == core::Phase::pending);
  CHECK(rig.chat.cards() == 1);
  auto const refused = rig.approve("bob", id);
  CHECK(refused->at(0).state == State::refused);
  CHECK_THAT(refused->at(0).text, Catch::Contains("try again"));
  // Its late answer counts from when it was asked, and 15 s after that it is not waited for.
  rig.loop.advance(6s);
  rig.slack.held.at(0)(rig.slack.accounts);
  rig.settle();
  CHECK(rig.approve("bob", id)->at(0).state == State::refused);
}

TEST_CASE("groups: asked every 30 s, so a vote never waits, and a vote asks for nothing") {
  GroupRig rig;
  CHECK(rig.slack.asked == std::vector<std::string>{"S0SRE"});
  auto const id = open_deploy(rig);
  rig.loop.advance(10min);
  CHECK(rig.slack.asked.size() == 21);
  CHECK(rig.ledger.count("groups.read") == 1);  // no news is no entry
  rig.slack.hang = true;
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  CHECK(rig.slack.asked.size() == 21);
  CHECK(rig.ledger.count("groups.read") == 2);  // the vote finds on record what it was counted on
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("T30 T39 groups: when they can't be read nothing is approved after 60 s, until they can") {
  GroupRig rig;
  auto const id = open_deploy(rig);
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  rig.slack.fails = true;
  rig.loop.advance(59s);
  CHECK(rig.log.has("who is in a group can't be read"));
  rig.loop.advance(3s);
  auto const refused = rig.approve("carol", id);
  CHECK(refused->at(0).state == State::refused);
  CHECK_THAT(refused->at(0).text, Catch::Contains("try again"));
  rig.slack.fails = false;
  rig.loop.advance(30s);
  CHECK(rig.approve("carol", id)->at(0).state == State::recorded);
  CHECK(rig.phase(id) == core::Phase::approved);
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("T30 groups: who is taken out is out within 30 s, and a start waits for nobody else") {
  GroupRig rig;
  auto const id = rig.open();
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  rig.slack.accounts.erase("U0BOB");
  rig.loop.advance(30s);
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  CHECK(rig.runner.runs.empty());
  CHECK(rig.phase(id) == core::Phase::interrupted);
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("groups: after a restart what is on record is not taken for fresh") {
  GroupRig rig;
  auto const id = open_deploy(rig);
  rig.slack.accounts = {"U0CAROL"};
  rig.slack.hang = true;
  rig.loop.advance(2min);
  rig.start();
  CHECK(rig.approve("bob", id)->at(0).state == State::refused);
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("groups: a reload asks about new ones at once and about those gone no more") {
  GroupRig rig;
  auto rules = sourced();
  rules.sources["sre"].id = "S0NEW";
  rig.engine->reload(rules, fixture::config_bytes(rules));
  rig.settle();
  CHECK(rig.slack.asked.back() == "S0NEW");
  auto const asked = rig.slack.asked.size();
  rig.loop.advance(35s);
  CHECK(rig.slack.asked.size() == asked + 1);
  rig.engine->reload(fixture::rules(), fixture::config_bytes(fixture::rules()));
  rig.settle();
  rig.loop.advance(5min);
  CHECK(rig.slack.asked.size() == asked + 1);
}

TEST_CASE("groups: a full disk: who denied is taken at their word, now and after a restart") {
  GroupRig rig;
  auto const id = rig.open();
  rig.loop.advance(3min);
  rig.ledger.full = true;
  CHECK(rig.deny("bob", id)->at(0).state == State::recorded);
  CHECK(rig.side.lines.size() == 1);
  rig.slack.hang = true;
  rig.ledger.full = false;
  rig.start();
  CHECK(rig.phase(id) == core::Phase::denied);
  CHECK(rig.ledger.broken == "");
}

// --- accounts -------------------------------------------------------------------------------------------------------

namespace {

// Slack's users.info: answers at once, or as the test says.
struct FakeAccounts : ports::Accounts {
  explicit FakeAccounts(ports::Loop& on) : loop(on) {}
  std::string platform() const override { return "slack"; }
  void is_active(std::string account, std::function<void(core::Result<bool>)> done) override {
    asked.push_back(account);
    auto answer = [this, account, done = std::move(done)] {
      if (fails) return done(core::make_error(Errc::unavailable, "Slack answers 500"));
      done(!inactive.contains(account));
    };
    hang ? held.push_back(std::move(answer)) : loop.post(std::move(answer));
  }
  std::size_t askings(std::string const& account) const {
    return static_cast<std::size_t>(std::ranges::count(asked, account));
  }
  void release() {
    for (auto const& one : std::exchange(held, {})) one();
  }
  ports::Loop& loop;
  std::set<std::string> inactive;
  std::vector<std::string> asked;
  std::vector<std::function<void()>> held;
  bool fails = false, hang = false;
};

struct AccountRig : Rig {
  explicit AccountRig(core::Rules with = fixture::rules()) : Rig(std::move(with), /*start_now=*/false), slack(loop) {
    accounts = {&slack};
    start();
  }
  FakeAccounts slack;
};

}  // namespace

TEST_CASE("accounts: asked about every 30 s while a request waits for them, so that a vote waits for nothing") {
  AccountRig rig;
  CHECK(rig.slack.asked.empty());
  auto const id = open_deploy(rig);
  rig.loop.advance(1s);
  CHECK(rig.slack.asked == std::vector<std::string>{"U0BOB", "U0CAROL", "U0ERIN"});
  rig.loop.advance(10min);
  CHECK(rig.slack.askings("U0BOB") == 21);
  rig.slack.hang = true;
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  CHECK(rig.approve("carol", id)->at(0).state == State::recorded);
  CHECK(rig.phase(id) == core::Phase::approved);
  rig.slack.hang = false;
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  CHECK(rig.phase(id) == core::Phase::running);
  rig.loop.advance(35s);  // nobody waits for them any more
  auto const before = rig.slack.asked.size();
  rig.loop.advance(10min);
  CHECK(rig.slack.asked.size() == before);
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("accounts: a vote that comes before its account is known waits for the answer, 1.5 s at most") {
  AccountRig rig;
  auto const id = rig.open();
  rig.slack.hang = true;
  auto const answers = rig.approve("bob", id);
  CHECK(answers->empty());
  CHECK(rig.slack.askings("U0BOB") == 1);
  SECTION("it comes in time") {
    rig.slack.release();
    rig.settle();
    CHECK(answers->at(0).state == State::recorded);
    CHECK(rig.phase(id) == core::Phase::approved);
  }
  SECTION("it says no") {
    rig.slack.inactive = {"U0BOB"};
    rig.slack.release();
    rig.settle();
    CHECK(answers->at(0).state == State::refused);
    CHECK_THAT(answers->at(0).text, Catch::Contains("no active member's"));
  }
  SECTION("it comes too late: unknown is no, and the next tap finds it") {
    rig.loop.advance(1500ms);
    REQUIRE(answers->size() == 1);
    CHECK(answers->at(0).state == State::refused);
    CHECK_THAT(answers->at(0).text, Catch::Contains("try again"));
    CHECK(rig.phase(id) == core::Phase::pending);
    rig.slack.release();
    rig.settle();
    CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  }
  SECTION("a failing look-up denies, and a flood of taps makes no flood of askings") {
    rig.slack.fails = true;
    rig.slack.release();
    rig.settle();
    CHECK(answers->at(0).state == State::refused);
    rig.slack.hang = false;
    for (int n = 0; n < 5; ++n) CHECK(rig.approve("bob", id)->at(0).state == State::refused);
    CHECK(rig.slack.askings("U0BOB") == 1);
  }
  SECTION("a deny waits for nothing") {
    CHECK(rig.deny("carol", id)->at(0).state == State::recorded);
    rig.slack.release();
    rig.settle();
    CHECK(answers->at(0).state == State::refused);
    CHECK(rig.phase(id) == core::Phase::denied);
  }
  SECTION("a withdrawal does not overtake what it takes back") {
    auto const withdrawn = rig.cast(rig.click("bob", id, core::Verdict::withdraw));
    CHECK(withdrawn->empty());
    rig.slack.release();
    rig.settle();
    CHECK(answers->at(0).state == State::recorded);
    CHECK(rig.phase(id) == core::Phase::approved);  // one approval was enough
    CHECK(withdrawn->at(0).state == State::refused);
  }
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("T30 accounts: deactivated between vote and quorum counts no more within 30 s") {
  AccountRig rig;
  auto const id = open_deploy(rig);
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  rig.slack.inactive = {"U0BOB"};
  rig.loop.advance(31s);
  CHECK(rig.ledger.count("vote.withdrawn") == 1);
  CHECK(rig.approve("carol", id)->at(0).state == State::recorded);
  CHECK(rig.phase(id) == core::Phase::pending);
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("T30 T39 accounts: when Slack can't be asked, what it said counts for 60 s, and a start waits") {
  AccountRig rig;
  auto const id = open_deploy(rig);
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  rig.slack.fails = true;
  rig.loop.advance(62s);
  CHECK(rig.log.has("whether an account is an active member's can't be read"));
  CHECK(rig.approve("carol", id)->at(0).state == State::refused);
  rig.slack.fails = false;
  rig.loop.advance(30s);
  CHECK(rig.approve("carol", id)->at(0).state == State::recorded);
  REQUIRE(rig.phase(id) == core::Phase::approved);
  rig.slack.fails = true;
  rig.loop.advance(62s);
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  CHECK(rig.runner.runs.empty());
  CHECK(rig.phase(id) == core::Phase::approved);
  rig.runner.checks.clear();
  rig.slack.fails = false;
  rig.loop.advance(30s);
  REQUIRE_FALSE(rig.runner.checks.empty());
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  CHECK(rig.phase(id) == core::Phase::running);
  CHECK(rig.ledger.broken == "");
}

TEST_CASE("T38 accounts: a high risk has them asked for the very vote and start") {
  auto rules = fixture::rules();
  rules.runbooks.at("restart-service").risk = core::Risk::high;
  AccountRig rig(rules);
  auto const id = rig.open();
  rig.loop.advance(10s);
  REQUIRE(rig.slack.askings("U0BOB") == 1);
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  CHECK(rig.slack.askings("U0BOB") == 2);
  REQUIRE(rig.phase(id) == core::Phase::approved);
  rig.loop.advance(10s);
  rig.slack.inactive = {"U0BOB"};
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  CHECK(rig.slack.askings("U0BOB") == 3);
  CHECK(rig.phase(id) == core::Phase::interrupted);
  CHECK(rig.runner.runs.empty());
  CHECK(rig.ledger.broken == "");
}

namespace {

core::Rules risky(core::Rules rules) {
  rules.runbooks.at("restart-service").risk = core::Risk::high;
  return rules;
}

}  // namespace

TEST_CASE("accounts: a start that waits for a group that can't be read goes round in no circle with the runner") {
  AccountRig rig(risky(sourced()));
  FakeGroups groups(rig.loop);
  rig.groups = {&groups};
  rig.start();
  auto const id = rig.open();
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  REQUIRE(rig.phase(id) == core::Phase::approved);
  groups.fails = true;
  rig.loop.advance(61s);
  auto const asked = rig.slack.asked.size();
  // Five minutes in which the runner says yes at once, each time that it is asked.
  std::size_t checks = 0;
  for (int i = 0; i < 3'000; ++i) {
    for (; checks < rig.runner.checks.size() && checks < 1'000; ++checks) {
      rig.engine->runner_accepted("", rig.runner.checks[checks]);
      rig.settle();
    }
    rig.loop.advance(100ms);
  }
  CHECK(rig.phase(id) == core::Phase::approved);
  CHECK(rig.runner.checks.size() < 60);
  CHECK(rig.slack.asked.size() - asked < 120);
  groups.fails = false;
  rig.loop.advance(31s);
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  CHECK(rig.phase(id) == core::Phase::running);
}

TEST_CASE("T69 accounts: whose vote can't count has no platform asked, and who votes again and again not each time") {
  AccountRig rig(risky(fixture::rules()));
  auto const id = rig.open();
  rig.loop.advance(1s);
  auto const before = rig.slack.asked.size();
  for (int i = 0; i < 20; ++i) {
    CHECK(rig.approve("dave", id)->at(0).state == State::refused);  // may not
    auto wrong = rig.click("bob", id);
    wrong.binding = core::digest_of("another");
    CHECK(rig.cast(std::move(wrong))->at(0).state == State::refused);
  }
  CHECK(rig.slack.asked.size() == before);
  rig.slack.inactive = {"U0BOB"};
  for (int i = 0; i < 20; ++i) CHECK(rig.approve("bob", id)->at(0).state == State::refused);
  CHECK(rig.slack.asked.size() == before + 1);
  rig.slack.inactive.clear();
  rig.loop.advance(1s);
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
}

TEST_CASE("accounts: at a high risk a withdrawal doesn't overtake what it takes back either") {
  auto rules = fixture::rules();
  rules.runbooks.at("deploy").risk = core::Risk::high;
  AccountRig rig(rules);
  auto const id = open_deploy(rig);
  rig.loop.advance(1s);
  REQUIRE(rig.slack.askings("U0BOB") == 1);  // a moment ago
  rig.slack.hang = true;
  auto const approved = rig.approve("bob", id);
  auto const withdrawn = rig.cast(rig.click("bob", id, core::Verdict::withdraw));
  CHECK(withdrawn->empty());
  rig.slack.hang = false;
  rig.slack.release();
  rig.settle();
  CHECK(approved->at(0).state == State::recorded);
  CHECK(withdrawn->at(0).state == State::recorded);
  CHECK(rig.approve("carol", id)->at(0).state == State::recorded);
  CHECK(rig.phase(id) == core::Phase::pending);
}

TEST_CASE("accounts: a runner that ends while they are asked about has accepted nothing") {
  AccountRig rig(risky(fixture::rules()));
  auto const id = rig.open();
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  REQUIRE(rig.phase(id) == core::Phase::approved);
  rig.slack.hang = true;
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  rig.runner.up = false;
  rig.engine->runner_gone({}, "killed");
  rig.runner.up = true;
  rig.engine->runner_ready();
  rig.slack.hang = false;
  rig.slack.release();
  rig.settle();
  CHECK(rig.phase(id) == core::Phase::approved);
  CHECK(rig.runner.runs.empty());
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  CHECK(rig.phase(id) == core::Phase::running);
}

TEST_CASE("accounts: a platform that connects is asked at once about what it did not answer") {
  AccountRig rig;
  auto const id = open_deploy(rig);
  rig.engine->connection("slack", false, "down");
  rig.slack.fails = true;
  rig.loop.advance(62s);
  rig.slack.fails = false;
  rig.slack.asked.clear();
  rig.engine->connection("slack", true, "");
  rig.settle();
  CHECK(rig.slack.asked == std::vector<std::string>{"U0BOB", "U0CAROL", "U0ERIN"});
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
}

TEST_CASE("accounts: after a restart, and while the ledger can't be written, nothing is known that was not asked") {
  AccountRig rig;
  auto const id = open_deploy(rig);
  CHECK(rig.approve("bob", id)->at(0).state == State::recorded);
  rig.slack.fails = true;
  SECTION("restart") { rig.start(); }
  SECTION("full disk") {
    rig.ledger.full = true;
    CHECK(rig.approve("erin", id)->at(0).state != State::recorded);
    rig.loop.advance(61s);
    rig.ledger.full = false;
    rig.loop.advance(5s);
    CHECK(rig.engine->writable());
  }
  CHECK(rig.approve("carol", id)->at(0).state == State::refused);
  CHECK(rig.phase(id) == core::Phase::pending);
  CHECK(rig.ledger.broken == "");
}
