#include "adapters/teams/deliveries.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kRemember = 10min;
constexpr std::size_t kMaxSeen = 20'000;
constexpr std::size_t kMaxBytes = 16u << 20;  // of answers: a refusal shows the card again
constexpr std::size_t kMaxWaiting = 16;       // copies of one that is still being handled

}  // namespace

void Deliveries::forget_old() {
  auto const now = loop_.now();
  while (!order_.empty() &&
         (order_.front().first + kRemember < now || order_.size() >= kMaxSeen || bytes_ > kMaxBytes)) {
    if (auto const at = seen_.find(order_.front().second); at != seen_.end()) {
      if (at->second.response) bytes_ -= at->second.response->body.size();
      for (auto const& answer : at->second.waiting) answer({503, {}, {}});
      seen_.erase(at);
    }
    order_.pop_front();
  }
}

bool Deliveries::take(std::string const& key, Answer const& answer) {
  forget_old();
  auto const [at, fresh] = seen_.try_emplace(key);
  if (fresh) {
    order_.emplace_back(loop_.now(), key);
    return true;
  }
  auto& seen = at->second;
  if (seen.response) {
    answer(*seen.response);
  } else if (seen.waiting.size() < kMaxWaiting) {
    seen.waiting.push_back(answer);
  } else {
    answer({503, {}, {}});
  }
  return false;
}

void Deliveries::answered(std::string const& key, net::HttpResponse const& response) {
  auto const at = seen_.find(key);
  if (at == seen_.end() || at->second.response) return;
  at->second.response = response;
  bytes_ += response.body.size();
  for (auto const& answer : std::exchange(at->second.waiting, {})) answer(response);
}

}  // namespace teams
