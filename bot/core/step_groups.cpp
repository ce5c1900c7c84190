// What platforms are asked: who is in the groups that they keep, and whose accounts are still active members'. What is
// known of it, and what goes on record.
#include <algorithm>

#include "bot/core/accounts.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/stepper.hpp"

namespace core {

namespace {
constexpr std::string_view kInactive = "the account that it came from is no active member's any more";
}  // namespace

// --- accounts -------------------------------------------------------------------------------------------------------

Duration account_fresh(Risk risk) { return risk == Risk::high ? kAccountFreshAtHighRisk : kMembershipFresh; }

std::string reading_key(AccountName const& account) { return account.first + ' ' + account.second; }

void ask_about_accounts(State& state, std::string const& platform) {
  state.readings[reading_key({platform, ""})] = {.source = {platform, ""}, .asked_at = {}, .accounts = {}};
}

std::optional<Time> read_at(State const& state, AccountName const& account) {
  auto const reading = state.readings.find(reading_key(account));
  return reading == state.readings.end() ? std::nullopt : std::optional(reading->second.asked_at);
}

Standing standing_of(State const& state, Time at, AccountName const& account, Duration fresh) {
  if (!state.readings.contains(reading_key({account.first, ""}))) return Standing::active;
  auto const reading = state.readings.find(reading_key(account));
  if (reading == state.readings.end()) return Standing::unknown;
  if (!reading->second.accounts.contains(account.second)) return Standing::inactive;
  auto const asked_at = reading->second.asked_at;
  return asked_at <= at && at - asked_at <= fresh ? Standing::active : Standing::unknown;
}

Weighed weigh(State const& state, Time at, RequestState const& request) {
  auto const fresh = request.bound ? account_fresh(request.bound->risk) : kMembershipFresh;
  Weighed weighed;
  for (auto& vote : effective_votes(request.votes)) {
    auto const standing = vote.verdict == Verdict::approve
                              ? standing_of(state, at, {vote.platform, vote.account}, fresh)
                              : Standing::active;
    (standing == Standing::active     ? weighed.counting
     : standing == Standing::inactive ? weighed.inactive
                                      : weighed.unknown)
        .push_back(std::move(vote));
  }
  return weighed;
}

std::set<AccountName> accounts_behind(State const& state, RequestState const& request) {
  std::set<AccountName> accounts;
  for (auto const& vote : effective_votes(request.votes)) {
    if (vote.verdict == Verdict::approve && state.readings.contains(reading_key({vote.platform, ""})))
      accounts.emplace(vote.platform, vote.account);
  }
  return accounts;
}

void Stepper::take_back(RequestState const& request, std::vector<Vote> const& votes, std::string_view why) {
  for (auto const& vote : votes) {
    auto const* person = state.rules.person(vote.person);
    if (!person) continue;  // whose vote counts no more anyway
    Vote taken{.person = vote.person,
               .verdict = Verdict::withdraw,
               .at = at,
               .platform = vote.platform,
               .account = vote.account,
               .note = std::string(why),
               .via = {},
               .rendering = {},
               .envelope = {},
               .groups = person->groups,
               .number = request.vote_files + 1};
    if (auto const said = request.repeats.find(vote.person); said != request.repeats.end())
      taken.repeats = said->second;
    append(entries::vote_taken_back(request, taken));
  }
  if (!votes.empty()) effects.push_back(Refresh{request.id});
}

std::string Stepper::leave_doubtful(RequestState const& request, Policy const& in_force, Vote const& vote) {
  auto weighed = weigh(state, at, request);
  auto const of_voter = [&](Vote const& other) { return other.person == vote.person; };
  for (auto* votes : {&weighed.counting, &weighed.inactive, &weighed.unknown})
    std::erase_if(*votes, of_voter);  // the new one takes its place
  take_back(request, weighed.inactive, kInactive);
  if (weighed.unknown.empty()) return {};
  weighed.counting.push_back(vote);
  auto const suffices = [&](Policy const& policy) {
    return tally(policy, state.rules, request.behind(), weighed.counting).satisfied;
  };
  if (suffices(*request.pinned) && suffices(in_force)) {
    take_back(request, weighed.unknown,
              "whether the account that it came from is an active member's could not be read when it would have "
              "counted");
    return {};
  }
  std::string persons;
  for (auto const& other : weighed.unknown) persons += (persons.empty() ? "" : ", ") + other.person;
  return persons;
}

namespace {

void on_account(Stepper& step, GroupRead const& event) {
  auto& state = step.state;
  AccountName const account{event.source.platform, event.source.id};
  if (!event.accounts || event.asked_at > step.at) return;  // what was said before grows too old by itself
  if (auto const before = read_at(state, account); before && *before > event.asked_at) return;
  auto const known = standing_of(state, step.at, account, kAccountFreshAtHighRisk);
  state.readings.insert_or_assign(reading_key(account), State::Reading{event.source, event.asked_at, *event.accounts});
  for (auto const* request : state.open_requests()) {
    if (request->phase != Phase::pending || event.accounts->contains(account.second)) continue;
    std::vector<Vote> lost;
    for (auto& vote : effective_votes(request->votes)) {
      if (vote.verdict == Verdict::approve && AccountName(vote.platform, vote.account) == account)
        lost.push_back(std::move(vote));
    }
    step.take_back(*request, lost, kInactive);
  }
  // One may have waited to know whose votes count. What was known a moment ago is no news: the runner's answer has it
  // asked about anew, and the two would go round in a circle.
  if (known == Standing::active && event.accounts->contains(account.second)) return;
  for (auto const& id : startable(state)) {
    if (accounts_behind(state, state.requests.at(id)).contains(account)) step.effects.push_back(AskRunner{id});
  }
}

}  // namespace

// --- groups ---------------------------------------------------------------------------------------------------------

void Stepper::record_group(std::string const& group, bool known) {
  auto const& source = state.rules.sources.at(group);
  std::optional<entries::GroupMembers> read;
  if (known) {
    auto const& reading = state.readings.at(group);
    read.emplace();
    read->asked_at = reading.asked_at;
    read->strangers = static_cast<std::uint32_t>(reading.accounts.size());
    for (auto const& [key, person] : state.rules.people) {
      auto const account = person.accounts.find(source.platform);
      if (account == person.accounts.end() || !reading.accounts.contains(account->second)) continue;
      read->members.insert(key);
      --read->strangers;
    }
  }
  auto const before = state.rules.members(group);
  append(entries::groups_read(at, service_counter(), group, source, read));
  if (state.rules.members(group) == before) return;
  for (auto const* request : state.open_requests()) {
    if (request->phase == Phase::pending && groups_of(request->pinned->approve).contains(group))
      effects.push_back(Refresh{request->id});  // whose votes count has changed
  }
}

void Stepper::freshen(std::set<std::string> const& groups) {
  for (auto const& group : groups) {
    auto const source = state.rules.sources.find(group);
    if (source == state.rules.sources.end()) continue;
    auto const recorded = state.memberships.find(group);
    if (recorded != state.memberships.end() && at - recorded->second <= kMembershipFresh) continue;
    auto const reading = state.readings.find(group);
    bool const fresh = reading != state.readings.end() && reading->second.source == source->second &&
                       reading->second.asked_at <= at && at - reading->second.asked_at <= kMembershipFresh;
    if (fresh || recorded != state.memberships.end()) record_group(group, fresh);
  }
}

void on(Stepper& step, GroupRead const& event) {
  if (event.group.empty()) return on_account(step, event);
  auto& state = step.state;
  auto const source = state.rules.sources.find(event.group);
  if (source == state.rules.sources.end() || source->second != event.source) return;  // another configuration by now
  if (!event.accounts || event.asked_at > step.at || step.at - event.asked_at > kMembershipFresh) {
    step.freshen({event.group});
    return;
  }
  state.readings.insert_or_assign(event.group, State::Reading{event.source, event.asked_at, *event.accounts});
  std::set<std::string> members;
  for (auto const& [key, person] : state.rules.people) {
    auto const account = person.accounts.find(source->second.platform);
    if (account != person.accounts.end() && event.accounts->contains(account->second)) members.insert(key);
  }
  if (!state.memberships.contains(event.group) || members != state.rules.members(event.group))
    step.record_group(event.group, /*known=*/true);
  if (!state.active.empty()) step.start_next();  // one may have waited to know whose votes count
}

}  // namespace core
