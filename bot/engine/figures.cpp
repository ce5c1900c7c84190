// What the engine tells /metrics about itself and its adapters.
#include <utility>

#include "bot/engine/engine.hpp"

namespace engine {

std::vector<ports::Figure> Engine::figures() const {
  std::vector<ports::Figure> all{
      {"requests_open", "Requests that have not ended", static_cast<double>(state_.open.size())},
      {"ledger_entries", "Entries in the ledger", static_cast<double>(state_.entries)},
      {"ledger_up", "1 while the ledger can be written", writable() ? 1.0 : 0.0},
      {"ledger_write_failures_total", "Batches that could not be written", static_cast<double>(write_failures_)},
      {"ready", "1 when readyz is 200", ready() ? 1.0 : 0.0},
      {"runner_up", "1 while the runner answers", parts_.runner.ready() ? 1.0 : 0.0},
      {"runs_ordered_total", "Runs that the runner was told to begin", static_cast<double>(runs_ordered_)},
      {"queue_length", "Events that wait for the batch under way", static_cast<double>(queue_.size())},
  };
  for (auto const& [run_as, can] : runners_)
    all.push_back({"runner_confinement",
                   "1 for each runner that answers: the sandbox in force and what it does with control groups",
                   1.0,
                   {{"run_as", run_as}, {"sandbox", parts_.sandbox}, {"cgroup", can.cgroup}}});
  all.push_back({"runs_waiting", "Approved requests that wait for their turn",
                 static_cast<double>(core::waiting_to_start(state_).size())});
  for (auto const& [kind, count] : entries_by_kind_)
    all.push_back(
        {"entries_total", "Entries written since the start, by kind", static_cast<double>(count), {{"kind", kind}}});
  for (auto const& [which, count] : votes_answered_)
    all.push_back({"votes_total",
                   "Votes answered, by platform and answer",
                   static_cast<double>(count),
                   {{"platform", which.first}, {"answer", which.second}}});
  for (auto const& [platform, up] : platforms())
    all.push_back(
        {"platform_up", "1 while the platform is connected and reconciled", up ? 1.0 : 0.0, {{"platform", platform}}});
  for (auto const& [platform, up] : connected_)
    all.push_back({"platform_locked_out",
                   "1 while the platform refuses our credentials and only an operator can mend it",
                   locked_out_.contains(platform) ? 1.0 : 0.0,
                   {{"platform", platform}}});
  for (auto& figure : groups_.figures()) all.push_back(std::move(figure));
  for (auto& figure : outbox_.figures()) all.push_back(std::move(figure));
  for (auto const* adapter : parts_.adapters) {
    for (auto& figure : adapter->figures()) all.push_back(std::move(figure));
  }
  return all;
}

}  // namespace engine
