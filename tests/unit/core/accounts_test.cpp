// T2: persons decide, accounts never do. Random people with accounts on three platforms, and votes through any account,
// against an oracle that knows only who owns which account.
#include <array>
#include <random>

#include "tests/support/catch.hpp"
#include "tests/support/rounds.hpp"
#include "tests/support/story.hpp"

using namespace core;

namespace {

constexpr std::array<char const*, 3> kPlatforms{"slack", "teams", "matrix"};
constexpr std::array<char const*, 3> kGroups{"red", "green", "blue"};

struct Graph {
  Rules rules;
  std::map<std::pair<std::string, std::string>, std::string> owner;  // platform, account → person
  std::vector<std::pair<std::string, std::string>> accounts;         // that votes come through, known or not
  std::vector<std::pair<std::string, std::string>> known;            // those of them that somebody owns
  Actor requester;
  std::string initiator;
};

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  bool one_in(std::uint32_t of) { return below(of) == 0; }
  template <class T>
  auto const& any_of(T const& list) {
    return list[below(static_cast<std::uint32_t>(list.size()))];
  }

 private:
  std::mt19937 random_;
};

Graph make_graph(Dice& dice) {
  Graph graph;
  auto const people = 2 + dice.below(7);
  std::vector<std::string> keys;
  for (std::uint32_t i = 0; i < people; ++i) {
    auto const key = "p" + std::to_string(i);
    keys.push_back(key);
    Person person = fixture::person({"askers"}, "");
    person.name = dice.one_in(2) ? "Sam Doe" : "Sam Doe " + std::to_string(i);  // a name is no identity
    person.email = "sam@example.org";
    for (auto const* group : kGroups) {
      if (dice.one_in(2)) person.groups.insert(group);
    }
    for (auto const* platform : kPlatforms) {
      if (dice.one_in(2)) continue;
      // The same id on another platform may be somebody else's.
      auto const id = "U" + std::to_string((i + (dice.one_in(3) ? 1 : 0)) % people);
      if (!graph.owner.emplace(std::pair{platform, id}, key).second) continue;
      person.accounts.emplace(platform, id);
      graph.known.emplace_back(platform, id);
    }
    graph.rules.people.emplace(key, person);
  }
  for (auto const* platform : kPlatforms) {
    for (std::uint32_t i = 0; i < people; ++i) graph.accounts.emplace_back(platform, "U" + std::to_string(i));
    for (auto const* id : {"U99", "Sam Doe", "p0", "u0", "U0 ", "", "sam@example.org"})
      graph.accounts.emplace_back(platform, id);
  }
  graph.accounts.emplace_back("irc", "U0");
  graph.accounts.emplace_back("", "U0");
  graph.rules.robots["ci"].groups = {"askers"};

  Policy policy{.name = "policy", .request = {"askers", "triggers"}, .approve = {}, .notify = {}};
  auto const needs = dice.one_in(8) ? 3U : 1 + dice.below(2);
  for (std::uint32_t i = 0; i < needs; ++i) policy.approve.push_back({dice.any_of(kGroups), dice.one_in(3) ? 2U : 1U});
  policy.self_approval = dice.one_in(10);
  graph.rules.policies.emplace(policy.name, policy);
  graph.rules.runbooks.emplace("act", fixture::runbook("act", "policy", {}, {"systemctl", "restart"}));
  graph.rules.channels = {{"incidents", {{"slack", "C0INC"}}}};

  graph.requester = dice.one_in(2) ? Actor::person(dice.any_of(keys)) : Actor::robot("ci");
  if (graph.requester.kind == Actor::Kind::robot && !dice.one_in(4)) graph.initiator = dice.any_of(keys);
  return graph;
}

struct Oracle {
  Graph const& graph;
  std::set<std::string> approvers{};
  std::string end{};  // "approved", "denied"

  Policy const& policy() const { return graph.rules.policies.at("policy"); }
  bool eligible(std::string const& person) const {
    bool const behind = graph.requester == Actor::person(person) || graph.initiator == person;
    if (behind && !policy().self_approval) return false;
    return std::ranges::any_of(policy().approve, [&](Need const& need) { return in(person, need.group); });
  }
  bool in(std::string const& person, std::string const& group) const {
    return graph.rules.people.at(person).groups.contains(group);
  }
  // Hall's condition: whichever needs one looks at, enough different persons stand for them.
  bool enough(std::set<std::string> const& persons) const {
    auto const& needs = policy().approve;
    for (std::uint32_t mask = 1; mask < (1U << needs.size()); ++mask) {
      std::size_t seats = 0, able = 0;
      for (std::size_t i = 0; i < needs.size(); ++i) seats += (mask >> i & 1U) != 0 ? needs[i].count : 0;
      for (auto const& person : persons) {
        bool one = false;
        for (std::size_t i = 0; i < needs.size(); ++i)
          one = one || ((mask >> i & 1U) != 0 && in(person, needs[i].group));
        able += one ? 1U : 0U;
      }
      if (able < seats) return false;
    }
    return true;
  }
  void vote(std::string const& platform, std::string const& account, Verdict verdict) {
    auto const found = graph.owner.find({platform, account});
    if (!end.empty() || found == graph.owner.end() || !eligible(found->second)) return;
    if (verdict == Verdict::deny) end = "denied";
    if (verdict == Verdict::withdraw) approvers.erase(found->second);
    if (verdict != Verdict::approve || !approvers.insert(found->second).second) return;
    if (enough(approvers)) end = "approved";
  }
};

struct Seen {
  std::size_t opened = 0, approved = 0, denied = 0, silent = 0, second_accounts = 0;
};

// Empty when the product and the oracle agree at each vote.
std::string run_graph(std::uint32_t seed, Seen& seen) {
  Dice dice(seed);
  auto const graph = make_graph(dice);
  Oracle oracle{graph};
  fixture::Story story(graph.rules);
  story.folding = seed % 64 == 0;
  if (!story.folding) story.copy = {};
  auto ask = story.asked(graph.requester, "act", {});
  ask.initiator = graph.initiator;
  story.send(ask);
  if (!story.reply().request) {
    // Refused: then nobody could ever have approved it.
    std::set<std::string> all;
    for (auto const& [key, person] : graph.rules.people) {
      if (oracle.eligible(key)) all.insert(key);
    }
    return oracle.enough(all) ? "refused, though it could be approved: " + story.reply().text : "";
  }
  ++seen.opened;
  auto const id = *story.reply().request;
  story.send(story.collected(id));
  if (story.phase(id) != Phase::pending) return "it is not pending: " + std::string(to_string(story.phase(id)));
  std::map<std::string, std::set<std::string>> used;  // person → accounts that approved
  std::vector<VoteCast> casts;
  auto const votes = 4 + dice.below(16);
  for (std::uint32_t i = 0; i < votes; ++i) {
    auto const& [platform, account] = dice.any_of(dice.one_in(3) || graph.known.empty() ? graph.accounts : graph.known);
    auto const verdict = dice.one_in(24) ? Verdict::deny : dice.one_in(8) ? Verdict::withdraw : Verdict::approve;
    auto cast = story.cast("p0", id, verdict);
    cast.platform = platform;
    cast.account = account;
    bool const again = !casts.empty() && dice.one_in(8);  // a delivery that comes twice
    if (again) cast = dice.any_of(casts);
    story.send(cast);
    // Whatever was recorded, or answered as recorded already, never counts again: not even after a withdrawal.
    if (!story.kinds().empty() || (story.reply().code == Errc{} && !cast.delivery.empty())) casts.push_back(cast);
    if (!again) {
      oracle.vote(platform, account, verdict);
      if (auto const owner = graph.owner.find({platform, account});
          owner != graph.owner.end() && verdict == Verdict::approve)
        used[owner->second].insert(platform + account);
    }
    auto const& request = story.at(id);
    auto const verdict_now = request.decision ? request.decision->verdict : "";
    if (verdict_now != oracle.end)
      return "after vote " + std::to_string(i) + " by " + platform + "/" + account + " it is \"" + verdict_now +
             "\", not \"" + oracle.end + "\"";
    std::set<std::string> counted;
    for (auto const& vote : effective_votes(request.votes)) {
      if (!counted.insert(vote.person).second) return vote.person + " counts twice";
      if (!oracle.eligible(vote.person)) return vote.person + " counts";
      if (verdict_now.empty() && !oracle.approvers.contains(vote.person)) return vote.person + " counts without a vote";
    }
    if (verdict_now == "approved") {
      std::set<std::string> const by(request.decision->by.begin(), request.decision->by.end());
      std::size_t seats = 0;
      for (auto const& need : oracle.policy().approve) seats += need.count;
      if (by.size() != request.decision->by.size() || by.size() != seats)
        return "it is not approved by so many persons";
      if (!std::ranges::includes(oracle.approvers, by)) return "it is approved by somebody who did not vote so";
    }
  }
  if (story.broken.empty() && story.folding && !story.folds_to_the_same()) return "the ledger folds to another state";
  seen.approved += oracle.end == "approved" ? 1U : 0U;
  seen.denied += oracle.end == "denied" ? 1U : 0U;
  seen.silent += oracle.end.empty() ? 1U : 0U;
  for (auto const& [person, accounts] : used) seen.second_accounts += accounts.size() > 1 ? 1U : 0U;
  return story.broken;
}

void run_graphs(std::uint32_t first, std::uint32_t count) {
  Seen seen;
  for (std::uint32_t seed = first; seed < first + count; ++seed) {
    auto const wrong = run_graph(seed, seen);
    if (wrong.empty()) continue;
    CAPTURE(seed);
    FAIL(wrong);
  }
  // The graphs are worth something: all three ends, and people who tried with several accounts.
  CHECK(seen.opened > count / 2);
  CHECK(seen.approved > count / 5);
  CHECK(seen.denied > count / 50);
  CHECK(seen.silent > count / 20);
  CHECK(seen.second_accounts > count / 5);
}

}  // namespace

TEST_CASE("T2 random account graphs: a person counts once, and never who asked (1 of 2)") {
  run_graphs(0, support::rounds(10'000));
}
TEST_CASE("T2 random account graphs: a person counts once, and never who asked (2 of 2)") {
  run_graphs(10'000, support::rounds(10'000));
}
