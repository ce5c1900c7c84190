// Requests that the state has let go of (core::Keep), read back from the ledger. Private to api; on the loop's thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

// Who asked, and for what: what accepted.json and, if it was opened, request.json tell of one, without its fate. Pure.
core::Result<core::RequestState> past_ask(core::RequestId const& id, std::string_view accepted,
                                          std::optional<std::string_view> opened);

inline constexpr std::size_t kMaxPastReadings = 64;  // requests that wait to be read; each is a walk through the ledger
inline constexpr std::size_t kMaxPastOfCaller = 4;   // of them and of those under way, for one caller

class PastRequests {
 public:
  PastRequests(History history, ports::Papers& papers) : history_(std::move(history)), papers_(papers) {}

  using Found = std::shared_ptr<PastRequest const>;
  struct Ask {
    std::string caller;                                  // whose share of what waits it takes
    std::function<bool(core::RequestState const&)> may;  // of past_ask() alone: whether it may be told
    std::function<void(core::Result<Found>)> done;
  };
  // `done` gets nothing when there never was such a request, or it may not be told: then nobody walks through the
  // ledger for it. Errors: unavailable when too many are waited for, timed_out, or why the ledger can't be read. One
  // reading at a time: the workers have evidence to collect, too.
  void find(core::RequestId const& id, Ask ask);

 private:
  void read_next();
  void looked(core::RequestId const& id, core::Result<std::string> const& accepted,
              core::Result<std::string> const& opened);
  void answer(core::RequestId const& id, core::Result<Found> const& found);

  History history_;
  ports::Papers& papers_;
  std::map<core::RequestId, std::vector<Ask>> waiting_{};
  std::map<std::string, std::size_t> of_caller_{};
  std::deque<core::RequestId> to_read_{};
  bool reading_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace api
