// Who may ask and vote, and when votes suffice: against an oracle that tries every assignment.
#include "bot/core/policy.hpp"

#include <array>

#include "tests/support/catch.hpp"
#include "tests/support/rules_fixture.hpp"

using namespace core;

namespace {

constexpr std::array<char const*, 5> kPeople{"p0", "p1", "p2", "p3", "p4"};
constexpr std::array<char const*, 3> kGroups{"g0", "g1", "g2"};

// Whether every seat can be given to another one of `voters` (bits of people), tried one by one.
bool seats_can_be_filled(std::vector<Need> const& needs, std::array<unsigned, 5> const& groups_of, unsigned voters) {
  std::vector<unsigned> seats;
  for (auto const& need : needs) {
    for (std::uint32_t k = 0; k < need.count; ++k) seats.push_back(static_cast<unsigned>(need.group.back() - '0'));
  }
  auto const fill = [&](auto const& self, std::size_t seat, unsigned left) -> bool {
    if (seat == seats.size()) return true;
    for (unsigned person = 0; person < 5; ++person) {
      if ((left >> person & 1U) != 0 && (groups_of[person] >> seats[seat] & 1U) != 0 &&
          self(self, seat + 1, left & ~(1U << person)))
        return true;
    }
    return false;
  };
  return !needs.empty() && fill(fill, 0, voters);
}

Vote vote_of(Rules const& rules, std::string const& person, Verdict verdict = Verdict::approve) {
  Vote vote{.person = person, .verdict = verdict};
  vote.platform = "slack";
  vote.groups = rules.people.at(person).groups;
  return vote;
}

}  // namespace

// 3 rules over 3 groups, counts 1-3, 5 people with every combination that differs by more than the order of people,
// each set of voters, with nobody, a requester or an initiator excluded.
TEST_CASE("T6 quorum: the exhaustive small model agrees with an oracle") {
  std::vector<std::vector<Need>> policies{{}};
  for (std::uint32_t a = 1; a <= 3; ++a) {
    policies.push_back({{"g0", a}});
    for (std::uint32_t b = 1; b <= 3; ++b) {
      policies.push_back({{"g0", a}, {"g1", b}});
      policies.push_back({{"g0", a}, {"g0", b}});
      for (std::uint32_t c = 1; c <= 3; ++c) {
        if (a + b + c <= 6) policies.push_back({{"g0", a}, {"g1", b}, {"g2", c}});
      }
    }
  }
  std::size_t compared = 0, wrong = 0, not_monotone = 0, vacuous = 0, counted_wrong = 0, yes = 0;
  // Groups of people as non-decreasing masks: people are interchangeable but for the first, who may be excluded.
  std::array<unsigned, 5> masks{};
  auto const try_all = [&] {
    Rules rules;
    for (std::size_t p = 0; p < 5; ++p) {
      Person person;
      for (std::size_t g = 0; g < 3; ++g) {
        if ((masks[p] >> g & 1U) != 0) person.groups.insert(kGroups[g]);
      }
      rules.people.emplace(kPeople[p], std::move(person));
    }
    // The choice of policy and of who is behind the request rotates with the masks and covers all of both together.
    static std::size_t turn = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      auto const policy = Policy{.name = "p", .request = {}, .approve = policies[turn % policies.size()], .notify = {}};
      auto const excluded = turn / policies.size() % 3;
      ++turn;
      Behind behind{.requester = Actor::robot("ci"), .initiator = {}};
      if (excluded == 1) behind.requester = Actor::person("p0");
      if (excluded == 2) behind.initiator = "p0";
      std::array<bool, 32> satisfied{};
      for (unsigned voters = 0; voters < 32; ++voters) {
        std::vector<Vote> votes;
        for (std::size_t p = 0; p < 5; ++p) {
          if ((voters >> p & 1U) != 0) votes.push_back(vote_of(rules, kPeople[p]));
        }
        auto const result = tally(policy, rules, behind, votes);
        auto const eligible = excluded == 0 ? voters : voters & ~1U;
        satisfied[voters] = result.satisfied;
        ++compared;
        yes += result.satisfied ? 1U : 0U;
        if (result.satisfied != seats_can_be_filled(policy.approve, masks, eligible)) ++wrong;
        if (result.satisfied && (policy.approve.empty() || result.counted.empty())) ++vacuous;
        std::set<std::string> const distinct(result.counted.begin(), result.counted.end());
        if (distinct.size() != result.counted.size() || (excluded != 0 && distinct.contains("p0"))) ++counted_wrong;
        for (unsigned p = 0; p < 5; ++p) {
          if ((voters >> p & 1U) != 0 && satisfied[voters & ~(1U << p)] && !satisfied[voters]) ++not_monotone;
        }
      }
    }
  };
  auto const choose = [&](auto const& self, std::size_t at) -> void {
    if (at == 5) return try_all();
    for (unsigned mask = at <= 1 ? 0 : masks[at - 1]; mask < 8; ++mask) {
      masks[at] = mask;
      self(self, at + 1);
    }
  };
  choose(choose, 0);
  CHECK(compared > 300'000);
  CHECK(yes > 10'000);
  CHECK(wrong == 0);
  CHECK(not_monotone == 0);
  CHECK(vacuous == 0);
  CHECK(counted_wrong == 0);
}

TEST_CASE("T6 quorum: what is not there approves nothing") {
  auto const rules = fixture::rules();
  Behind const behind{.requester = Actor::person("alice"), .initiator = {}};
  std::vector<Vote> const votes{vote_of(rules, "bob"), vote_of(rules, "erin")};
  auto const satisfied = [&](std::vector<Need> needs) {
    return tally(fixture::policy("p", std::move(needs)), rules, behind, votes).satisfied;
  };
  CHECK(satisfied({{"sre", 1}}));
  CHECK_FALSE(satisfied({}));
  CHECK_FALSE(satisfied({{"sre", 0}}));
  CHECK_FALSE(satisfied({{"nobody-there", 1}}));
  CHECK_FALSE(satisfied({{"sre", 1}, {"nobody-there", 1}}));
  CHECK_FALSE(satisfied({{"sre", 4'000'000'000}}));
  CHECK(satisfied({{"sre", 1}, {"dba", 1}}));
  CHECK_FALSE(satisfied({{"sre", 2}, {"dba", 1}}));  // erin fills one seat, not two
}

TEST_CASE("T6 quorum: groups count as at the vote and again at the decision") {
  auto rules = fixture::rules();
  auto const policy = fixture::policy("p", {{"sre", 1}});
  Behind const behind{.requester = Actor::person("alice"), .initiator = {}};
  auto vote = vote_of(rules, "bob");
  CHECK(tally(policy, rules, behind, {vote}).satisfied);
  vote.groups = {"dba"};
  CHECK_FALSE(tally(policy, rules, behind, {vote}).satisfied);  // joined only afterwards
  vote.groups = {"sre"};
  rules.people["bob"].groups = {"dba"};
  CHECK_FALSE(tally(policy, rules, behind, {vote}).satisfied);  // left meanwhile
  rules.people.erase("bob");
  CHECK_FALSE(tally(policy, rules, behind, {vote}).satisfied);
}

TEST_CASE("one effective vote a person: the last") {
  auto const rules = fixture::rules();
  auto const policy = fixture::policy("p", {{"sre", 1}});
  Behind const behind{.requester = Actor::person("alice"), .initiator = {}};
  auto const yes = vote_of(rules, "bob"), back = vote_of(rules, "bob", Verdict::withdraw),
             no = vote_of(rules, "bob", Verdict::deny);
  CHECK_FALSE(tally(policy, rules, behind, {yes, back}).satisfied);
  CHECK(tally(policy, rules, behind, {yes, back, yes}).satisfied);
  CHECK(tally(policy, rules, behind, {no, yes}).satisfied);
  auto const denied = tally(policy, rules, behind, {vote_of(rules, "carol"), no});
  CHECK_FALSE(denied.satisfied);
  CHECK(denied.denied_by == "bob");
  CHECK_FALSE(tally(policy, rules, behind, {vote_of(rules, "mallory", Verdict::deny)}).denied_by);
}

TEST_CASE("why not: in words for the one who acts") {
  auto const rules = fixture::rules();
  auto const policy = rules.policies.at("one-sre");
  auto const why = [&](Behind const& behind, char const* person) {
    return why_not_vote(policy, rules, behind, person).value_or("");
  };
  CHECK(why({Actor::person("alice"), {}}, "bob") == "");
  CHECK_THAT(why({Actor::person("bob"), {}}, "bob"), Catch::Contains("You asked for this yourself"));
  CHECK_THAT(why({Actor::robot("ci"), "bob"}, "bob"), Catch::Contains("on your behalf"));
  CHECK_THAT(why({Actor::person("alice"), {}}, "dave"), Catch::Contains("sre"));
  CHECK_THAT(why({Actor::person("alice"), {}}, "nobody"), Catch::Contains("not known"));
  CHECK(why({Actor::robot("bob"), {}}, "bob") == "");  // a robot of that key would be another one
  CHECK_FALSE(why_not_vote(rules.policies.at("self-approval"), rules, {Actor::person("bob"), {}}, "bob"));
  CHECK_FALSE(why_not_request(policy, rules, Actor::trigger("web-down")));
  CHECK(why_not_request(policy, rules, Actor::trigger("no-such-trigger")));
  CHECK(why_not_request(policy, rules, Actor::unknown("slack.U1")));
  CHECK(why_not_request(policy, rules, Actor::service()));
  CHECK(why_not_request(policy, rules, Actor::person("mallory")));
  CHECK(why_not_request({.name = "p", .request = {}, .approve = {}, .notify = {}}, rules, Actor::person("bob")));
}

TEST_CASE("what could never be approved is said beforehand") {
  auto const rules = fixture::rules();
  CHECK_FALSE(why_never_approvable(rules.policies.at("sre-and-dba"), rules, std::nullopt));
  CHECK(why_never_approvable(fixture::policy("p", {}), rules, std::nullopt));
  CHECK(why_never_approvable(fixture::policy("p", {{"sre", 4}}), rules, std::nullopt));
  CHECK_FALSE(why_never_approvable(fixture::policy("p", {{"sre", 3}}), rules, std::nullopt));
  CHECK(why_never_approvable(fixture::policy("p", {{"sre", 3}}), rules, "bob"));
}
