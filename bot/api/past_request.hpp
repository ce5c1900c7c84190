// Requests that the state has let go of (core::Keep), read back from the ledger. Private to api; on the loop's thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "bot/api/event_room.hpp"
#include "bot/core/state.hpp"

namespace api {

struct PastRequest {
  core::RequestState request;  // whatever of it the API tells
  core::Json needs{};          // as they stood when it was decided; null: it was over before anybody could vote
};

// What a request's entries, oldest first, say of it. They were judged when they were written: here they are only read.
// Errors: corrupt; not_found when they are not those of a request that is over. Pure.
core::Result<PastRequest> past_request(std::vector<core::StoredEntry> const& entries);

inline constexpr std::size_t kMaxPastReadings = 64;  // requests that wait to be read; each is a walk through the ledger

class PastRequests {
 public:
  explicit PastRequests(History history) : history_(std::move(history)) {}

  // `done` gets nothing when there never was such a request. Errors: unavailable when too many are waited for, or why
  // the ledger can't be read. One reading at a time: the workers have evidence to collect, too.
  using Found = std::shared_ptr<PastRequest const>;
  void find(core::RequestId const& id, std::function<void(core::Result<Found>)> done);

 private:
  void read_next();

  History history_;
  std::map<core::RequestId, std::vector<std::function<void(core::Result<Found>)>>> waiting_{};
  std::deque<core::RequestId> to_read_{};
  bool reading_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace api
