// Whose turn it is: one run at a time for each target, in the order in which the ledger has the approvals.
#include <algorithm>

#include "bot/core/state.hpp"

namespace core {

namespace {

constexpr std::size_t kMostRuns = 16;  // at a time, of one runner: it refuses more, and its refusal would be final

struct Queue {
  std::map<std::string, RequestId> holders;  // by target: who runs, else who runs next
  std::vector<RequestId> next, waiting;
  std::map<RequestId, QueuePlace> places;  // of the waiting ones
};

Queue queue_of(State const& state) {
  Queue queue;
  std::vector<RequestState const*> approved;
  std::map<std::string, std::size_t> taken;  // by run_as: a runner that is not there is in no other one's way
  for (auto const& id : state.active) {
    auto const& request = state.requests.at(id);
    if (request.phase == Phase::approved) approved.push_back(&request);
    if (request.phase != Phase::running) continue;
    ++taken[request.bound->run_as];
    queue.holders.emplace(request.bound->target(), id);
  }
  std::ranges::sort(approved, {}, [](RequestState const* one) { return std::pair(one->decision->entry, one->id); });
  std::map<std::string, std::size_t> behind;         // by target: how many wait already
  std::map<std::string, std::size_t> without_place;  // by run_as
  for (auto const* request : approved) {
    auto const& target = request->bound->target();
    auto const holder = queue.holders.find(target);
    auto const& run_as = request->bound->run_as;
    if (holder == queue.holders.end() && taken[run_as] < kMostRuns) {
      ++taken[run_as];
      queue.holders.emplace(target, request->id);
      queue.next.push_back(request->id);
      continue;
    }
    queue.waiting.push_back(request->id);
    if (holder == queue.holders.end()) {
      queue.holders.emplace(target, request->id);
      queue.places.emplace(request->id, QueuePlace{++without_place[run_as], std::nullopt});
    } else {
      queue.places.emplace(request->id, QueuePlace{++behind[target], holder->second});
    }
  }
  return queue;
}

}  // namespace

std::optional<QueuePlace> queue_place(State const& state, RequestState const& request) {
  if (request.phase != Phase::approved) return std::nullopt;
  auto const queue = queue_of(state);
  auto const found = queue.places.find(request.id);
  return found == queue.places.end() ? std::nullopt : std::optional(found->second);
}

std::vector<RequestId> startable(State const& state) { return queue_of(state).next; }

std::vector<RequestId> waiting_to_start(State const& state) { return queue_of(state).waiting; }

}  // namespace core
