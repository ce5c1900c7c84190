#include "bot/core/policy.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>

#include "bot/core/asking.hpp"

namespace core {

namespace {

// Maximum assignment of persons to needs, each person to at most one. Kuhn's augmenting paths: a need of count n is n
// seats. Sizes are tiny (a policy counts in single digits).
struct Matching {
  std::vector<NeedState> needs;
  std::vector<std::string> counted;
};

Matching match(std::vector<Need> const& needs, std::vector<std::string> const& persons,
               std::function<bool(std::string const&, std::string const&)> const& in_group) {
  std::vector<std::size_t> seat_need;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    for (std::uint32_t k = 0; k < needs[i].count && k < persons.size() + 1; ++k) seat_need.push_back(i);
  }
  constexpr std::size_t kNobody = static_cast<std::size_t>(-1);
  std::vector<std::size_t> seat_person(seat_need.size(), kNobody);
  for (std::size_t p = 0; p < persons.size(); ++p) {
    std::vector<bool> tried(seat_need.size(), false);
    std::function<bool(std::size_t)> const place = [&](std::size_t person) {
      for (std::size_t s = 0; s < seat_need.size(); ++s) {
        if (tried[s] || !in_group(persons[person], needs[seat_need[s]].group)) continue;
        tried[s] = true;
        if (seat_person[s] == kNobody || place(seat_person[s])) {
          seat_person[s] = person;
          return true;
        }
      }
      return false;
    };
    place(p);
  }
  Matching result;
  for (auto const& need : needs) result.needs.push_back({need.group, need.count, 0});
  for (std::size_t s = 0; s < seat_need.size(); ++s) {
    if (seat_person[s] == kNobody) continue;
    ++result.needs[seat_need[s]].have;
    result.counted.push_back(persons[seat_person[s]]);
  }
  std::ranges::sort(result.counted);
  return result;
}

bool all_met(std::vector<NeedState> const& needs) {
  return !needs.empty() &&
         std::ranges::all_of(needs, [](NeedState const& need) { return need.count >= 1 && need.have >= need.count; });
}

std::string list_of(std::set<std::string> const& groups) {
  std::string text;
  for (auto const& group : groups) text += (text.empty() ? "" : ", ") + group;
  return text;
}

std::set<std::string> approving(Policy const& policy) {
  std::set<std::string> groups;
  for (auto const& need : policy.approve) groups.insert(need.group);
  return groups;
}

// Said where a group's members could not be read: it is no final no.
std::string unread_words(std::set<std::string> const& groups, Rules const& rules) {
  std::set<std::string> unread;
  std::ranges::set_intersection(groups, rules.unread, std::inserter(unread, unread.end()));
  if (unread.empty()) return {};
  return " Who is in " + list_of(unread) +
         " could not be read from where it is kept within the last minute, and unknown is no; try again.";
}

}  // namespace

char const* to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::approve: return "approve";
    case Verdict::deny: return "deny";
    case Verdict::withdraw: return "withdrawn";
  }
  return "unknown";
}

std::optional<Exclusion> exclusion_of(Policy const& policy, Rules const& rules, Behind const& behind,
                                      std::string_view person) {
  auto* const who = rules.person(person);
  if (!who) return Exclusion::unknown;
  bool const member =
      std::ranges::any_of(policy.approve, [&](Need const& need) { return who->groups.contains(need.group); });
  if (!member) return Exclusion::no_approver;
  if (policy.self_approval) return std::nullopt;
  if (behind.requester.kind == Actor::Kind::person && behind.requester.key == person) return Exclusion::requester;
  if (!behind.initiator.empty() && behind.initiator == person) return Exclusion::initiator;
  return std::nullopt;
}

char const* to_string(Exclusion exclusion) noexcept {
  switch (exclusion) {
    case Exclusion::unknown: return "unknown";
    case Exclusion::no_approver: return "no_approver";
    case Exclusion::requester: return "requester";
    case Exclusion::initiator: return "initiator";
  }
  return "unknown";
}

std::string exclusion_words(Exclusion exclusion, Policy const& policy) {
  switch (exclusion) {
    case Exclusion::unknown: return "is no person of the configuration";
    case Exclusion::no_approver: return "is in no group that approves (" + list_of(approving(policy)) + ")";
    case Exclusion::requester: return "asked for it, and nobody approves their own request";
    case Exclusion::initiator: return "is who it was asked for, and nobody approves what was asked on their behalf";
  }
  return "is unknown";
}

std::optional<std::string> why_not_vote(Policy const& policy, Rules const& rules, Behind const& behind,
                                        std::string_view person) {
  auto const excluded = exclusion_of(policy, rules, behind, person);
  if (!excluded) return std::nullopt;
  switch (*excluded) {
    case Exclusion::unknown: break;
    case Exclusion::no_approver:
      return "You are not in a group that approves this: " + list_of(approving(policy)) + "." +
             unread_words(approving(policy), rules);
    case Exclusion::requester: return "You asked for this yourself; somebody else has to decide. You may cancel it.";
    case Exclusion::initiator: return "This was asked on your behalf; somebody else has to decide. You may cancel it.";
  }
  return "You are not known here: no person in the configuration has this account.";
}

std::optional<std::string> why_not_request(Policy const& policy, Rules const& rules, Actor const& requester) {
  auto const groups = rules.groups_of(requester);
  bool const allowed =
      std::ranges::any_of(policy.request, [&](std::string const& group) { return groups.contains(group); });
  if (allowed) return std::nullopt;
  return "The policy " + policy.name + " lets only these groups ask: " + list_of(policy.request) + "." +
         unread_words(policy.request, rules);
}

std::vector<Vote> effective_votes(std::vector<Vote> votes) {
  std::map<std::string, Vote const*> last;
  for (auto const& vote : votes) last[vote.person] = &vote;
  std::vector<Vote> result;
  for (auto& vote : votes) {
    if (last[vote.person] == &vote && vote.verdict != Verdict::withdraw) result.push_back(std::move(vote));
  }
  return result;
}

Tally tally(Policy const& policy, Rules const& rules, Behind const& behind, std::vector<Vote> votes) {
  std::vector<std::string> approvers;
  std::map<std::string, std::set<std::string>> groups_at_vote;
  Tally result;
  for (auto const& vote : effective_votes(std::move(votes))) {
    if (why_not_vote(policy, rules, behind, vote.person)) continue;
    if (vote.verdict == Verdict::deny) {
      result.denied_by = vote.person;
      continue;
    }
    approvers.push_back(vote.person);
    groups_at_vote[vote.person] = vote.groups;
  }
  auto matched = match(policy.approve, approvers, [&](std::string const& person, std::string const& group) {
    return groups_at_vote[person].contains(group) && rules.person(person)->groups.contains(group);
  });
  result.needs = std::move(matched.needs);
  result.counted = std::move(matched.counted);
  result.satisfied = !result.denied_by && all_met(result.needs);
  return result;
}

std::string what_is_missing(Tally const& tally) {
  std::string text;
  for (auto const& need : tally.needs) {
    if (need.have >= need.count) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(need.count - need.have) +
            (need.have > 0 ? " more from " : " from ") + need.group;
  }
  return text.empty() ? "nothing" : text;
}

std::optional<std::string> why_never_approvable(Policy const& policy, Rules const& rules,
                                                std::optional<std::string> requester_person) {
  if (policy.approve.empty())
    return "The policy " + policy.name + " names nobody who approves, so nothing could ever be approved.";
  std::vector<std::string> eligible;
  for (auto const& [key, person] : rules.people) {
    if (!policy.self_approval && requester_person == key) continue;
    eligible.push_back(key);
  }
  // Who is not known to be out of a group might be in it: this is a courtesy to who asks, no decision.
  auto const matched = match(policy.approve, eligible, [&](std::string const& person, std::string const& group) {
    auto const* who = rules.person(person);
    return who->groups.contains(group) ||
           (rules.unread.contains(group) && who->accounts.contains(rules.sources.at(group).platform));
  });
  if (all_met(matched.needs)) return std::nullopt;
  std::string text = "The policy " + policy.name + " needs ";
  bool first = true;
  for (auto const& need : matched.needs) {
    text += (first ? "" : " and ") + std::to_string(need.count) + " of " + need.group;
    first = false;
  }
  text += requester_person ? ", but without " + *requester_person + ", who would ask, only " : ", but only ";
  text += std::to_string(matched.counted.size()) + " different " +
          (matched.counted.size() == 1 ? "person" : "persons") + " could count, so nobody could ever approve it.";
  return text;
}

}  // namespace core
