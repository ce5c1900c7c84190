// Who may ask and vote, and when votes suffice: against an oracle that tries every assignment.
#include "bot/core/policy.hpp"

#include <algorithm>
#include <array>

#include "bot/core/state.hpp"
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

// Every policy of up to 3 rules over up to 3 groups (counts 1-3, at most 6 seats), every 5 people, who of them votes
// and who is behind the request: all crossed with all. Left out is only what differs by renaming: of groups (a rule
// names a group of a rule before it or the next new one) and of people (their kinds in rising order, but for p0, who
// may be behind the request). Who does not vote is in every group, where counting them would do the most harm.
TEST_CASE("T6 quorum: the exhaustive small model agrees with an oracle") {
  std::vector<std::vector<Need>> policies{{}};
  for (std::size_t first = 0, rules = 1; rules <= 3; ++rules) {
    auto const last = policies.size();
    for (; first < last; ++first) {
      std::set<std::string> named;
      for (auto const& need : policies[first]) named.insert(need.group);
      for (std::size_t group = 0; group <= named.size(); ++group) {
        for (std::uint32_t count = 1; count <= 3; ++count) {
          auto longer = policies[first];
          longer.push_back({kGroups[group], count});
          std::uint32_t seats = 0;
          for (auto const& need : longer) seats += need.count;
          if (seats > 6) continue;
          policies.push_back(std::move(longer));
        }
      }
    }
  }
  REQUIRE(policies.size() == 1 + 3 + 2 * 9 + 5 * 17);

  std::size_t compared = 0, wrong = 0, vacuous = 0, counted_wrong = 0, yes = 0, people = 0;
  for (auto const& needs : policies) {
    std::set<std::string> named;
    for (auto const& need : needs) named.insert(need.group);
    // The groups that the policy names and, where it names one alone, another beside it.
    unsigned const everything = (1U << std::max<std::size_t>(named.size(), 2)) - 1, silent = everything + 1;
    auto const policies_of = [&](bool self) {
      return Policy{.name = "p", .request = {}, .approve = needs, .notify = {}, .self_approval = self};
    };
    std::array<Policy, 2> const both{policies_of(false), policies_of(true)};
    std::array<unsigned, 5> kinds{};
    auto const try_all = [&] {
      Rules rules;
      std::array<unsigned, 5> masks{};
      unsigned voters = 0;
      std::vector<Vote> votes;
      for (std::size_t p = 0; p < 5; ++p) {
        masks[p] = std::min(kinds[p], everything);
        Person person;
        for (std::size_t g = 0; g < 3; ++g) {
          if ((masks[p] >> g & 1U) != 0) person.groups.insert(kGroups[g]);
        }
        rules.people.emplace(kPeople[p], std::move(person));
        if (kinds[p] == silent) continue;
        voters |= 1U << p;
        votes.push_back(vote_of(rules, kPeople[p]));
      }
      ++people;
      enum { nobody, requester, initiator, requester_who_may };
      for (auto const behind_it : {nobody, requester, initiator, requester_who_may}) {
        Behind behind{.requester = Actor::robot("ci"), .initiator = {}};
        if (behind_it == requester || behind_it == requester_who_may) behind.requester = Actor::person("p0");
        if (behind_it == initiator) behind.initiator = "p0";
        bool const excluded = behind_it == requester || behind_it == initiator;
        auto const result = tally(both[behind_it == requester_who_may ? 1 : 0], rules, behind, votes);
        ++compared;
        yes += result.satisfied ? 1U : 0U;
        if (result.satisfied != seats_can_be_filled(needs, masks, excluded ? voters & ~1U : voters)) ++wrong;
        if (result.satisfied && (needs.empty() || result.counted.empty())) ++vacuous;
        std::set<std::string> const distinct(result.counted.begin(), result.counted.end());
        if (distinct.size() != result.counted.size() || (excluded && distinct.contains("p0"))) ++counted_wrong;
      }
    };
    auto const choose = [&](auto const& self, std::size_t at) -> void {
      if (at == 5) return try_all();
      for (unsigned kind = at <= 1 ? 0 : kinds[at - 1]; kind <= silent; ++kind) {
        kinds[at] = kind;
        self(self, at + 1);
      }
    };
    choose(choose, 0);
  }
  // 5 or 9 kinds of people: p0 is any, the other four are chosen with repetition.
  CHECK(people == (107 - 17) * (5 * 70) + 17 * (9 * 495));
  CHECK(compared == 4 * people);
  CHECK(yes > 10'000);
  CHECK(wrong == 0);
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

TEST_CASE("T6 quorum: a configuration in the ledger that asks for nobody is not read") {
  auto const bytes = fixture::config_bytes(fixture::rules());
  REQUIRE(rules_from_bytes(bytes).has_value());
  auto const one = bytes.find("\"count\":1");
  REQUIRE(one != std::string::npos);
  for (auto const* count : {"0", "-1", "4294967296", "4294967297", "\"1\"", "1.5", "null", "true", "[]"}) {
    CAPTURE(count);
    auto changed = bytes;
    changed.replace(one, 9, "\"count\":" + std::string(count));
    CHECK(rules_from_bytes(changed).has_error());
  }
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

TEST_CASE("T30 who has left one of two groups still counts, but only for the other") {
  auto rules = fixture::rules();
  auto const policy = fixture::policy("both", {{"sre", 1}, {"dba", 1}});
  auto const behind = Behind{Actor::person("alice"), {}};
  auto const votes = std::vector<Vote>{vote_of(rules, "erin"), vote_of(rules, "dave")};  // sre and dba; dba
  CHECK(tally(policy, rules, behind, votes).satisfied);
  rules.people["erin"].groups = {"dba"};
  auto const left = tally(policy, rules, behind, votes);
  CHECK_FALSE(left.satisfied);
  CHECK(left.counted.size() == 1);
  CHECK(what_is_missing(left) == "1 from sre");
  // And who has joined one since the vote counts only for what they were in already.
  rules.people["erin"].groups = {"sre", "dba"};
  rules.people["dave"].groups = {"sre", "dba"};
  auto later = votes;
  later[0].groups = {"dba"};
  CHECK_FALSE(tally(policy, rules, behind, later).satisfied);
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
