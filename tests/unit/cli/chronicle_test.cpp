// What `ledger why` notes of a request while its entries go by.
#include "bot/cli/chronicle.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using core::Verdict;

namespace {

cli::Noted tell(fixture::Story const& story, core::RequestId const& id) {
  cli::Chronicle chronicle(id);
  std::uint64_t seq = 0;
  for (auto const& entry : story.ledger) {
    core::StoredEntry stored{.entry = entry, .seq = seq++, .commit = std::string(40, 'a'), .digest = {}};
    stored.entry.time = std::chrono::floor<std::chrono::seconds>(entry.time);
    auto const main = core::parse_json(entry.files.front().bytes).value();
    chronicle.see({stored, main, {}});
  }
  chronicle.finish();
  CHECK(chronicle.noted().unfolded.empty());
  return chronicle.noted();
}

bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

cli::NotedMember member(cli::Noted const& noted, std::string const& person) {
  auto const found = std::ranges::find(noted.members, person, &cli::NotedMember::person);
  REQUIRE(found != noted.members.end());
  return *found;
}

}  // namespace

TEST_CASE("ledger why: each vote says what it counted for, and the decision what was pinned") {
  fixture::Story story;
  auto const id = story.open("migrate", {{"database", "main"}});
  story.vote("erin", id);
  story.vote("dave", id);
  auto const noted = tell(story, id);
  REQUIRE(noted.found);
  CHECK(noted.request.phase == core::Phase::approved);
  REQUIRE(noted.votes.size() == 2);
  CHECK(noted.votes[0].counted_for == "sre");  // erin is sre and dba, and counts once
  CHECK(has(noted.votes[0].words, "1 of 1 from sre; still missing: 1 from dba"));
  CHECK(noted.votes[1].counted_for == "dba");
  CHECK(has(noted.votes[1].words, "still missing: nothing"));
  CHECK(noted.policy_in_force == noted.request.bound->policy_digest);
  CHECK(noted.config_at_opening == noted.config_at_end);
  CHECK(noted.decided_seq > noted.opened_seq);
  CHECK(member(noted, "erin").at_end == std::set<std::string>{"dba", "sre"});
  CHECK(std::ranges::find(noted.members, "alice", &cli::NotedMember::person) == noted.members.end());
}

TEST_CASE("ledger why: an open request says what is missing, a vote taken back and a vote again") {
  fixture::Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "2"}});
  story.vote("bob", id);
  story.vote("bob", id, Verdict::withdraw);
  auto noted = tell(story, id);
  REQUIRE(noted.votes.size() == 2);
  CHECK_FALSE(noted.votes[0].stands);
  CHECK(has(noted.votes[1].words, "took the earlier vote back"));
  CHECK(core::what_is_missing(noted.at_end.value()) == "2 from sre");
  story.vote("bob", id);
  noted = tell(story, id);
  REQUIRE(noted.votes.size() == 3);
  CHECK(noted.votes[2].stands);
  CHECK(core::what_is_missing(noted.at_end.value()) == "1 more from sre");
}

TEST_CASE("ledger why: requester and initiator are excluded in words, refused attempts are told") {
  auto rules = fixture::rules();
  rules.people["alice"].groups.insert("sre");
  fixture::Story story(rules);
  auto asked = story.asked(core::Actor::robot("ci"), "restart-service", {{"service", "web"}});
  asked.initiator = "carol";
  auto const by_robot = story.open(asked);
  story.vote("carol", by_robot);
  story.vote("mallory", by_robot);
  story.vote("zed", by_robot);
  auto const noted = tell(story, by_robot);
  CHECK(has(member(noted, "carol").excluded, "is who it was asked for"));
  CHECK(member(noted, "bob").excluded.empty());
  REQUIRE(noted.refusals.size() == 3);
  CHECK(noted.refusals[0].actor == "carol");
  CHECK(has(noted.refusals[0].reason, "on your behalf"));
  CHECK(has(noted.refusals[1].reason, "not in a group that approves"));
  CHECK(noted.refusals[2].actor == "unknown");
  auto const own = story.open();
  CHECK(has(member(tell(story, own), "alice").excluded, "asked for it"));
}

TEST_CASE("ledger why: membership at the vote and at the decision are told apart") {
  fixture::Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "2"}});
  story.vote("bob", id);
  auto without = fixture::rules();
  without.people["bob"].groups = {"dev"};
  without.people["mallory"].groups = {"sre"};
  story.reload(without);
  auto const noted = tell(story, id);
  CHECK(member(noted, "bob").then == std::set<std::string>{"sre"});
  CHECK(member(noted, "bob").at_end.empty());
  CHECK(has(member(noted, "bob").excluded, "is in no group that approves (sre)"));
  CHECK(member(noted, "mallory").then.empty());
  CHECK(member(noted, "mallory").at_end == std::set<std::string>{"sre"});
  CHECK(noted.config_at_opening != noted.config_at_end);
  CHECK(core::what_is_missing(noted.at_end.value()) == "2 from sre");
}

TEST_CASE("ledger why: a request that the ledger does not have is not found") {
  fixture::Story story;
  auto const id = story.open();
  CHECK_FALSE(tell(story, core::RequestId::make(id.case_id(), 7)).found);
}
