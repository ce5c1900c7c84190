// Groups whose members a platform keeps: what is known of them, and what goes on record.
#include <algorithm>

#include "bot/core/entries.hpp"
#include "bot/core/stepper.hpp"

namespace core {

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
