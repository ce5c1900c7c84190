// What the state lets go of, so that it stays small however long the ledger grows (Keep). All of it follows from
// entries alone: every fold of the same ledger forgets the same things at the same entry.
#include <algorithm>
#include <vector>

#include "bot/core/application.hpp"

namespace core {

namespace {

constexpr auto kHourlyLimit = std::chrono::hours(1);  // of max_per_hour (noise.hpp)

// Beyond `most` the oldest tenth goes: rarely, so that each entry costs little. `age` gives what is compared.
template <class Map, class Age>
void keep_newest(Map& map, std::size_t most, Age const& age) {
  if (map.size() <= most) return;
  std::vector<std::pair<decltype(age(*map.begin())), typename Map::key_type const*>> ages;
  ages.reserve(map.size());
  for (auto const& item : map) ages.emplace_back(age(item), &item.first);
  auto const gone = std::min(map.size(), most / 10 + (map.size() - most));
  auto const older = [](auto const& a, auto const& b) {
    return a.first != b.first ? a.first < b.first : *a.second < *b.second;
  };
  std::ranges::nth_element(ages, ages.begin() + static_cast<std::ptrdiff_t>(gone) - 1, older);
  ages.erase(ages.begin() + static_cast<std::ptrdiff_t>(gone), ages.end());
  for (auto const& [of, key] : ages) map.erase(typename Map::key_type(*key));
}

// Whoever saw a card of this request has read in its thread how it ended.
bool told(RequestState const& request) {
  return std::ranges::all_of(request.posts, [&](PostState const& card) {
    return card.purpose != "card" || std::ranges::any_of(request.posts, [&](PostState const& post) {
             return post.purpose == "outcome" && post.ref && post.platform == card.platform &&
                    post.address == card.address;
           });
  });
}

bool settled(State const& state, CaseId const& of) {
  for (auto at = state.requests.lower_bound(RequestId::make(of, 1));
       at != state.requests.end() && at->first.case_id() == of; ++at) {
    if (!told(at->second)) return false;
  }
  return true;
}

}  // namespace

void Application::settle_cases() {
  auto const settle = [&](CaseId const& id) {
    auto const& of = state_.cases.at(id);
    (of.trigger.empty() ? state_.settled : state_.settled_of_triggers).push_back(id);
  };
  bool const closes = entry_.kind == "case.closed";
  if (closes || entry_.kind == "request.posted") {
    auto const id = case_id();
    if (auto const found = state_.cases.find(id); found != state_.cases.end() && found->second.closed) {
      std::pair const waiting{found->second.closed_at, id};
      bool const fine = settled(state_, id);
      if (closes && !fine) state_.unsettled.insert(waiting);
      if (fine && (closes || state_.unsettled.erase(waiting) == 1)) settle(id);
    }
  }
  while (!state_.unsettled.empty() && state_.unsettled.begin()->first + kSettleWithin <= time_) {
    settle(state_.unsettled.begin()->second);
    state_.unsettled.erase(state_.unsettled.begin());
  }
  // Never the case that the entry is about: whoever makes the entry looks at its request once more.
  auto const at_hand = [&](CaseId const& id) { return id.str() == entry_.case_id; };
  while (state_.settled.size() > state_.keep.cases && !at_hand(state_.settled.front())) {
    forget(state_.settled.front());
    state_.settled.pop_front();
  }
  auto& of_triggers = state_.settled_of_triggers;
  while (of_triggers.size() > state_.keep.cases && !at_hand(of_triggers.front()) &&
         state_.cases.at(of_triggers.front()).opened_at + kHourlyLimit <= time_) {
    forget(of_triggers.front());
    of_triggers.pop_front();
  }
  keep_newest(state_.idempotency, state_.keep.keys, [](auto const& item) { return item.second.second; });
  keep_newest(state_.outcomes, state_.keep.targets, [](auto const& item) { return item.second.front().at; });
}

void Application::forget(CaseId const& id) {
  auto const of = state_.cases.find(id);
  if (!of->second.trigger.empty()) {
    state_.past_cases.insert_or_assign({of->second.trigger, of->second.dedupe_key},
                                       PastCase{of->second.opened_at, of->second.closed_at});
    keep_newest(state_.past_cases, state_.keep.trigger_keys, [](auto const& item) { return item.second.closed_at; });
  }
  auto at = state_.requests.lower_bound(RequestId::make(id, 1));
  while (at != state_.requests.end() && at->first.case_id() == id) at = state_.requests.erase(at);
  state_.cases.erase(of);
  ++state_.forgotten;
}

}  // namespace core
