// Groups whose members a platform keeps: who may, as it was at each moment, and what is on record of it.
#include "bot/core/accounts.hpp"
#include "tests/unit/core/deciding.hpp"

using namespace core;
using namespace deciding;
using fixture::Story;
using std::chrono_literals::operator""s;

namespace {

// bob, carol and erin are in no group by the file; who is sre Slack says.
Rules sourced() {
  auto rules = fixture::rules();
  for (auto& [key, person] : rules.people) person.groups.erase("sre");
  rules.people["bob"].groups.insert("dev");
  rules.sources.emplace("sre", GroupSource{"slack", "S0SRE"});
  rules.unread.insert("sre");
  return rules;
}

GroupRead read(Story const& story, std::set<std::string> accounts) {
  return {.group = "sre", .source = {"slack", "S0SRE"}, .asked_at = story.now, .accounts = std::move(accounts)};
}
GroupRead failed(Story const& story) {
  return {.group = "sre",
          .source = {"slack", "S0SRE"},
          .asked_at = story.now,
          .accounts = make_error(Errc::unavailable, "down")};
}

std::set<std::string> const kAll{"U0BOB", "U0CAROL", "U0ERIN", "U0NOBODY"};

bool says(Reply const& reply, std::string const& words) { return reply.text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("groups: an account that no person has is no one, and what was read stands in the ledger") {
  Story story(sourced());
  CHECK(story.state.rules.members("sre").empty());
  story.send(read(story, kAll));
  CHECK(story.kinds() == "groups.read");
  CHECK(story.state.rules.members("sre") == std::set<std::string>{"bob", "carol", "erin"});
  auto const main = parse_json(story.ledger.back().files.front().bytes).value();
  CHECK(main["members"] == Json::array({"bob", "carol", "erin"}));
  CHECK(main["strangers"] == Json(1));
  // The same once more is no news.
  story.now += 30s;
  story.send(read(story, kAll));
  CHECK(story.kinds().empty());
  check_same(story);
}

TEST_CASE("groups: a vote finds a reading of the last 60 s on record before it, and the restart decides the same") {
  Story story(sourced());
  story.send(read(story, kAll));
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "2"}});
  REQUIRE(story.phase(id) == Phase::pending);
  story.now += 59s;
  story.send(read(story, kAll));
  CHECK(story.kinds().empty());
  story.now += 59s;  // the one on record is 118 s old, the one in memory 59 s
  CHECK(story.vote("bob", id).code == Errc{});
  CHECK(story.kinds() == "groups.read vote.approve");
  CHECK(story.vote("carol", id).code == Errc{});
  CHECK(story.kinds() == "request.approved");
  check_same(story);
}

TEST_CASE(
    "T30 T39 groups: what was read more than 60 s ago is not known, and then nobody votes, a denial still counts") {
  Story story(sourced());
  story.send(read(story, kAll));
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "2"}});
  CHECK(story.vote("bob", id).code == Errc{});
  story.now += 61s;
  story.send(failed(story));
  CHECK(story.kinds() == "groups.read");
  CHECK(story.state.rules.unread == std::set<std::string>{"sre"});
  auto const refused = story.vote("carol", id);
  CHECK(refused.code == Errc::forbidden);
  CHECK(says(refused, "try again"));
  CHECK(story.phase(id) == Phase::pending);
  // Known again, both votes count.
  story.send(read(story, kAll));
  CHECK(story.vote("carol", id).code == Errc{});
  CHECK(story.phase(id) == Phase::approved);
  auto const other = story.open();
  story.now += 61s;  // nobody has asked since: old, but not said to be unknown
  CHECK(story.vote("bob", other, Verdict::deny).code == Errc{});
  CHECK(story.phase(other) == Phase::denied);
  check_same(story);
}

TEST_CASE("T30 groups: the role taken away at each step") {
  Story story(sourced());
  auto const but_bob = std::set<std::string>{"U0CAROL", "U0ERIN"};
  story.send(read(story, kAll));
  SECTION("before the request: a requester of the group may not ask any more") {
    auto rules = sourced();
    rules.policies.at("one-sre").request = {"sre"};
    story.reload(rules);
    story.send(read(story, but_bob));
    story.send(story.asked(Actor::person("bob"), "restart-service", {{"service", "web"}}));
    CHECK(story.reply().code == Errc::forbidden);
    story.send(story.asked(Actor::person("carol"), "restart-service", {{"service", "web"}}));
    CHECK(story.reply().code == Errc{});
    story.now += 61s;
    story.send(story.asked(Actor::person("carol"), "restart-service", {{"service", "web"}}));
    CHECK(says(story.reply(), "try again"));
  }
  SECTION("before the vote") {
    auto const id = story.open();
    story.send(read(story, but_bob));
    CHECK(story.count<Refresh>() == 1);  // the card tells who may now
    CHECK(story.vote("bob", id).code == Errc::forbidden);
    CHECK(story.phase(id) == Phase::pending);
    CHECK(story.vote("carol", id).code == Errc{});
    CHECK(story.phase(id) == Phase::approved);
  }
  SECTION("between vote and quorum: it counts no more") {
    auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "2"}});
    CHECK(story.vote("bob", id).code == Errc{});
    story.send(read(story, but_bob));
    CHECK(story.vote("carol", id).code == Errc{});
    CHECK(story.phase(id) == Phase::pending);
    CHECK(story.vote("erin", id).code == Errc{});
    CHECK(story.phase(id) == Phase::approved);
    CHECK(story.at(id).decision->by == std::vector<std::string>{"carol", "erin"});
  }
  SECTION("between quorum and start: it never starts, and says why") {
    auto const id = story.open();
    CHECK(story.vote("bob", id).code == Errc{});
    story.send(read(story, but_bob));
    story.send(RunnerAccepted{id});
    CHECK(story.phase(id) == Phase::interrupted);
    CHECK(story.at(id).run->cause == "not_started");
    CHECK(story.count<StartRun>() == 0);
  }
  SECTION("at the start nobody can say: it waits, and starts once that is known") {
    auto const id = story.open();
    CHECK(story.vote("bob", id).code == Errc{});
    story.now += 61s;
    story.send(RunnerAccepted{id});
    CHECK(story.phase(id) == Phase::approved);
    CHECK(story.count<StartRun>() == 0);
    story.send(read(story, kAll));
    CHECK(story.count<AskRunner>() == 1);
    story.send(RunnerAccepted{id});
    CHECK(story.phase(id) == Phase::running);
  }
  SECTION("by the file, for a group without a source, between quorum and start") {
    Story plain;
    auto const id = plain.open();
    CHECK(plain.vote("bob", id).code == Errc{});
    auto rules = fixture::rules();
    rules.people["bob"].groups = {"dev"};
    plain.reload(rules);
    plain.send(RunnerAccepted{id});
    CHECK(plain.phase(id) == Phase::interrupted);
    check_same(plain);
  }
  check_same(story);
}

TEST_CASE("groups: approvals that suffice once a group is known again are decided by one more tap of any of them") {
  auto rules = sourced();
  SECTION("two groups, one of them unknown while the other votes") {
    // Bob is on call by what Slack says, Carol is sre by the file.
    rules.people["carol"].groups.insert("ops");
    rules.policies.at("one-sre").approve = {{"sre", 1}, {"ops", 1}};
    Story story(rules);
    story.send(read(story, {"U0BOB"}));
    auto const id = story.open();
    CHECK(story.vote("bob", id).code == Errc{});
    story.now += 61s;
    story.send(failed(story));
    CHECK(story.vote("carol", id).code == Errc{});
    CHECK(story.phase(id) == Phase::pending);
    story.send(read(story, {"U0BOB"}));
    CHECK(story.phase(id) == Phase::pending);
    CHECK(make_card(story.state, story.at(id), story.now).status ==
          "Approved by enough; to decide it, one of them has to press Approve once more");
    auto const who = GENERATE("bob", "carol");
    CHECK(story.vote(who, id).code == Errc{});
    CHECK(story.phase(id) == Phase::approved);
    CHECK(story.at(id).decision->by == std::vector<std::string>{"bob", "carol"});
    check_same(story);
  }
  SECTION("one group, out of which somebody was for a while") {
    Story story(rules);
    story.send(read(story, kAll));
    auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "2"}});
    CHECK(story.vote("bob", id).code == Errc{});
    story.send(read(story, {"U0CAROL"}));
    CHECK(story.vote("carol", id).code == Errc{});
    CHECK(story.vote("carol", id).text == "Your approval is recorded already.");  // one of two: a mere repeat
    CHECK(story.phase(id) == Phase::pending);
    story.send(read(story, kAll));
    CHECK(story.vote("carol", id).code == Errc{});
    CHECK(story.phase(id) == Phase::approved);
    check_same(story);
  }
  SECTION("a repeat brings nothing about that the votes do not") {
    Story story(rules);
    story.send(read(story, kAll));
    auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "2"}});
    CHECK(story.vote("bob", id).code == Errc{});
    for (int n = 0; n < 3; ++n) CHECK(story.vote("bob", id).text == "Your approval is recorded already.");
    CHECK(story.phase(id) == Phase::pending);
    check_same(story);
  }
}

TEST_CASE("groups: a reload keeps what is known of the same source, and forgets that of another") {
  Story story(sourced());
  story.send(read(story, kAll));
  auto rules = sourced();
  rules.people["carol"].accounts["slack"] = "U0CAROL2";
  rules.people.erase("erin");
  story.reload(rules);
  CHECK(story.state.rules.members("sre") == std::set<std::string>{"bob"});
  rules.sources["sre"].id = "S0OTHER";
  story.reload(rules);
  CHECK(story.state.rules.members("sre").empty());
  story.send(read(story, kAll));  // the answer to an asking about the old one
  CHECK(story.kinds().empty());
  story.restart();
  CHECK(story.state.rules.unread.contains("sre"));
  check_same(story);
}

TEST_CASE("groups: the fold refuses votes, starts and requests on a reading that is too old") {
  Story story(sourced());
  story.send(read(story, kAll));
  auto const id = story.open();
  auto const before = story.copy;
  CHECK(story.vote("bob", id).code == Errc{});
  auto late = story.ledger.back();
  REQUIRE(late.kind == "request.approved");
  auto const shifted = story.now + 61s;
  for (auto& file : late.files) {
    for (auto at = file.bytes.find(format_time(story.now)); at != std::string::npos;
         at = file.bytes.find(format_time(story.now)))
      file.bytes.replace(at, format_time(story.now).size(), format_time(shifted));
  }
  late.time = shifted;
  auto state = before;
  auto const applied = story.try_apply(state, late);
  REQUIRE(applied.has_error());
  CHECK(applied.error().message.find("60 s") != std::string::npos);
}

TEST_CASE(
    "groups: nobody is put into such a group by hand, and a policy is not called hopeless for what is not known") {
  auto rules = sourced();
  CHECK_FALSE(why_never_approvable(rules.policies.at("two-sre"), rules, "alice"));
  rules.people["bob"].groups.insert("sre");
  CHECK(rules_from_bytes(fixture::config_bytes(rules)).has_error());
  CHECK(rules_from_bytes(fixture::config_bytes(sourced())).value().sources == sourced().sources);
}

// --- accounts -------------------------------------------------------------------------------------------------------

namespace {

GroupRead looked(Story const& story, std::string const& account, bool active) {
  return {.group = {},
          .source = {"slack", account},
          .asked_at = story.now,
          .accounts = active ? std::set<std::string>{account} : std::set<std::string>{}};
}
GroupRead unanswered(Story const& story, std::string const& account) {
  auto read = looked(story, account, true);
  read.accounts = make_error(Errc::unavailable, "down");
  return read;
}

// Slack is asked about accounts; those of these persons are active members' now.
void all_active(Story& story) {
  for (auto const* account : {"U0BOB", "U0CAROL", "U0ERIN"}) story.send(looked(story, account, true));
}

struct AccountStory : Story {
  explicit AccountStory(Rules with = fixture::rules()) : Story(std::move(with)) {
    ask_about_accounts(state, "slack");
    all_active(*this);
  }
  RequestId deploy() { return open("deploy", {{"version", "1"}, {"replicas", "2"}}); }
};

}  // namespace

TEST_CASE("T30 T39 accounts: a vote counts from an account that was vouched for in the last 60 s, a no longer") {
  AccountStory story;
  auto const id = story.open();
  SECTION("nothing was ever said of it") {
    Story other;
    ask_about_accounts(other.state, "slack");
    auto const asked = other.open();
    auto const refused = other.vote("bob", asked);
    CHECK(refused.code == Errc::forbidden);
    CHECK(says(refused, "unknown is no"));
    CHECK(other.phase(asked) == Phase::pending);
  }
  SECTION("59 s ago") {
    story.now += 59s;
    CHECK(story.vote("bob", id).code == Errc{});
    CHECK(story.phase(id) == Phase::approved);
  }
  SECTION("61 s ago, and it was asked in vain since") {
    story.now += 61s;
    story.send(unanswered(story, "U0BOB"));
    CHECK(says(story.vote("bob", id), "try again"));
    CHECK(story.phase(id) == Phase::pending);
    CHECK(story.vote("bob", id, Verdict::deny).code == Errc{});
    CHECK(story.phase(id) == Phase::denied);
  }
  SECTION("a guest's, or deactivated: not even a no counts, however long ago that was said") {
    story.send(looked(story, "U0BOB", false));
    story.now += 300s;
    auto const verdict = GENERATE(Verdict::approve, Verdict::deny);
    CHECK(says(story.vote("bob", id, verdict), "no active member's"));
    CHECK(story.phase(id) == Phase::pending);
    story.send(looked(story, "U0BOB", true));
    CHECK(story.vote("bob", id).code == Errc{});
  }
  SECTION("an answer to an earlier asking that comes late takes nothing back") {
    auto late = looked(story, "U0BOB", true);
    story.now += 5s;
    story.send(looked(story, "U0BOB", false));
    story.send(late);
    CHECK(story.vote("bob", id).code == Errc::forbidden);
  }
  SECTION("an account of a platform that nobody asks counts") {
    auto cast = story.cast("bob", id);
    cast.platform = "matrix";
    cast.account = "@bob:example.org";
    story.now += 300s;
    story.send(cast);
    CHECK(story.phase(id) == Phase::approved);
  }
  check_same(story);
}

TEST_CASE("T30 accounts: deactivated between vote and quorum: the vote is taken back, on record") {
  AccountStory story;
  auto const id = story.deploy();
  CHECK(story.vote("bob", id).code == Errc{});
  story.send(looked(story, "U0BOB", false));
  CHECK(story.kinds() == "vote.withdrawn");
  CHECK(story.count<Refresh>() == 1);
  CHECK(story.ledger.back().actor == Actor::service());
  auto const main = parse_json(story.ledger.back().files.front().bytes).value();
  CHECK(main["schema"] == Json(3));
  CHECK(main["person"] == Json("bob"));
  CHECK(main["actor"] == Json("countersign"));
  CHECK(story.vote("carol", id).code == Errc{});
  CHECK(story.phase(id) == Phase::pending);
  SECTION("another one decides") {
    CHECK(story.vote("erin", id).code == Errc{});
    CHECK(story.at(id).decision->by == std::vector<std::string>{"carol", "erin"});
  }
  SECTION("active again, it is no vote until its person votes anew") {
    story.send(looked(story, "U0BOB", true));
    CHECK(story.vote("carol", id).text == "Your approval is recorded already.");
    CHECK(story.vote("bob", id).code == Errc{});
    CHECK(story.phase(id) == Phase::approved);
  }
  check_same(story);
}

TEST_CASE("T30 accounts: not known at the quorum, a vote does not complete it, others may, and then it is taken back") {
  AccountStory story;
  auto const id = story.deploy();
  CHECK(story.vote("bob", id).code == Errc{});
  story.now += 61s;
  story.send(looked(story, "U0CAROL", true));
  story.send(looked(story, "U0ERIN", true));
  auto const waits = story.vote("carol", id);
  CHECK(waits.code == Errc{});
  CHECK(says(waits, "the account that bob approved from"));
  CHECK(story.kinds() == "vote.approve");
  CHECK(story.phase(id) == Phase::pending);
  SECTION("known again: one more tap decides") {
    story.send(looked(story, "U0BOB", true));
    CHECK(story.phase(id) == Phase::pending);
    CHECK(story.vote("carol", id).code == Errc{});
    CHECK(story.at(id).decision->by == std::vector<std::string>{"bob", "carol"});
  }
  SECTION("still not known: one more tap decides nothing") {
    CHECK(says(story.vote("carol", id), "recorded already"));
    CHECK(story.phase(id) == Phase::pending);
  }
  SECTION("another one decides without it") {
    CHECK(story.vote("erin", id).code == Errc{});
    CHECK(story.kinds() == "vote.withdrawn request.approved");
    CHECK(story.at(id).decision->by == std::vector<std::string>{"carol", "erin"});
  }
  SECTION("its person decides from an account that is known") {
    auto cast = story.cast("bob", id);
    cast.platform = "matrix";
    cast.account = "@bob:example.org";
    story.send(cast);
    CHECK(story.at(id).decision->by == std::vector<std::string>{"bob", "carol"});
  }
  check_same(story);
}

TEST_CASE("T30 accounts: between quorum and start") {
  AccountStory story;
  auto const id = story.open();
  CHECK(story.vote("bob", id).code == Errc{});
  REQUIRE(story.phase(id) == Phase::approved);
  SECTION("deactivated: it never starts, and says why") {
    story.send(looked(story, "U0BOB", false));
    CHECK(story.count<AskRunner>() == 1);
    story.send(RunnerAccepted{id});
    CHECK(story.phase(id) == Phase::interrupted);
    CHECK(story.at(id).run->cause == "not_started");
    CHECK(story.at(id).run->explanation.find("bob") != std::string::npos);
    CHECK(story.count<StartRun>() == 0);
  }
  SECTION("nobody can say: it waits, and starts once that is known") {
    story.now += 61s;
    story.send(unanswered(story, "U0BOB"));
    story.send(RunnerAccepted{id});
    CHECK(story.phase(id) == Phase::approved);
    CHECK(story.count<StartRun>() == 0);
    story.send(looked(story, "U0CAROL", true));
    CHECK(story.count<AskRunner>() == 0);  // that one is not behind it
    story.send(looked(story, "U0BOB", true));
    CHECK(story.count<AskRunner>() == 1);
    story.send(RunnerAccepted{id});
    CHECK(story.phase(id) == Phase::running);
  }
  check_same(story);
}

TEST_CASE("T38 accounts: where the risk is high, only what was asked for this very vote and start counts") {
  auto rules = fixture::rules();
  rules.runbooks.at("restart-service").risk = Risk::high;
  AccountStory story(rules);
  auto const id = story.open();
  story.now += 6s;
  CHECK(says(story.vote("bob", id), "within the last seconds"));
  CHECK(story.phase(id) == Phase::pending);
  story.send(looked(story, "U0BOB", true));
  story.now += 2s;
  CHECK(story.vote("bob", id).code == Errc{});
  REQUIRE(story.phase(id) == Phase::approved);
  story.now += 6s;
  story.send(RunnerAccepted{id});
  CHECK(story.phase(id) == Phase::approved);
  story.send(looked(story, "U0BOB", true));
  story.send(RunnerAccepted{id});
  CHECK(story.phase(id) == Phase::running);
  check_same(story);
}

TEST_CASE("accounts: the fold takes no other vote back in the service's name than an approval from that account") {
  AccountStory story;
  auto const id = story.deploy();
  CHECK(story.vote("bob", id).code == Errc{});
  auto const before = story.copy;
  story.send(looked(story, "U0BOB", false));
  auto const good = story.ledger.back();
  REQUIRE(good.kind == "vote.withdrawn");
  auto const [from, to] =
      GENERATE(table<std::string, std::string>({{"\"account\": \"U0BOB\"", "\"account\": \"U0OTHER\""},
                                                {"\"schema\": 3", "\"schema\": 2"},
                                                {"\"delivery\": \"\"", "\"delivery\": \"d9\""},
                                                {"\"via\": \"\"", "\"via\": \"button\""},
                                                {"\"actor\": \"countersign\"", "\"actor\": \"bob\""}}));
  CAPTURE(to);
  auto bad = good;
  auto& bytes = bad.files.front().bytes;
  REQUIRE(bytes.find(from) != std::string::npos);
  bytes.replace(bytes.find(from), from.size(), to);
  auto state = before;
  CHECK(story.try_apply(state, bad).has_error());
  state = before;
  CHECK(story.try_apply(state, good).has_value());
}
