#include "adapters/teams/card_memory.hpp"

#include <algorithm>

#include "adapters/teams/render.hpp"

namespace teams {

namespace {

constexpr std::size_t kMaxMessages = 300;  // of about 10 KB, at most 28 KB

}  // namespace

void CardMemory::keep(std::string const& conversation, std::string const& activity, core::Json const& body) {
  auto const& card = card_in(body);
  if (!card.is_object()) return;  // the bare text that stood in for a card
  Name const name{conversation, activity};
  auto const known = messages_.find(name);
  auto const origin = origin_of(card);
  if (known != messages_.end()) {
    known->second.card = card;
    return;
  }
  if (!origin) return;  // a note, or one that was decided before we knew of it
  if (messages_.size() >= kMaxMessages) {
    auto const oldest = order_.front();
    order_.pop_front();
    auto const request = messages_.at(oldest).request;
    messages_.erase(oldest);
    if (auto const at = by_request_.find({oldest.first, request}); at != by_request_.end() && at->second == oldest)
      by_request_.erase(at);
    auto& all = of_request_[request];
    all.erase(oldest);
    if (all.empty()) of_request_.erase(request);
  }
  messages_[name] = {card, origin->request};
  order_.push_back(name);
  by_request_[{conversation, origin->request}] = name;
  of_request_[origin->request].insert(name);
}

core::Json const* CardMemory::card(std::string const& conversation, std::string const& request) const {
  auto const name = by_request_.find({conversation, request});
  return name == by_request_.end() ? nullptr : &messages_.at(name->second).card;
}

bool CardMemory::only_elsewhere(std::string const& conversation, std::string const& request) const {
  auto const all = of_request_.find(request);
  return all != of_request_.end() &&
         std::ranges::none_of(all->second, [&](Name const& name) { return name.first == conversation; });
}

}  // namespace teams
