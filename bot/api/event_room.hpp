// Who listens to the entries of which request, as server-sent events. Private to api; on the loop's thread.
//
// The entries of a request that somebody listens to are read back from the ledger once, on a worker; from then on they
// come as they become durable, and are written once for all who listen. Nothing is kept for requests without listeners.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bot/api/answers.hpp"
#include "bot/api/event_view.hpp"
#include "bot/core/ids.hpp"
#include "bot/ports.hpp"

namespace api {

inline constexpr core::Duration kHeartbeat = std::chrono::seconds(15);  // a comment, so that a dead link is noticed
inline constexpr std::size_t kMaxEventBacklog = 256u << 10;  // bytes that a listener may be behind; then it resumes
inline constexpr std::size_t kMaxEventsOfRequest = 5'000;    // the newest; more than any request in its life
inline constexpr char const* kReconnectMs = "1000";          // how long a reader waits before it resumes

// Reads all entries of a request from the ledger, oldest first; answers on the loop. `from`: a commit to begin at and
// go back ("" = the head).
using History = std::function<void(core::RequestId const& id, std::string const& from,
                                   std::function<void(core::Result<std::vector<core::StoredEntry>>)> done)>;

class EventRoom {
 public:
  // How many may listen at once.
  struct Limits {
    std::size_t all, of_address, of_caller;
  };
  EventRoom(ports::Loop& loop, History history, Limits limits);
  ~EventRoom();
  EventRoom(EventRoom const&) = delete;
  EventRoom& operator=(EventRoom const&) = delete;

  struct Opening {
    core::RequestId id;
    std::string caller{}, address{};
    std::string last_commit{};       // of the request's end, "" while it has none
    std::uint64_t after = 0;         // Last-Event-ID: 0 for all
    std::function<bool()> may = {};  // may this listener still read it? asked again by check_again()
    Answer to{};
    std::shared_ptr<void> place{};  // the room's own
  };
  // 503 when there are too many listeners, or the ledger can't be read; 429 when they are too many of the caller or of
  // the address; 204 when everything was told already.
  void open(Opening opening);
  // Entries that are durable now.
  void recorded(std::vector<core::Entry> const& entries, std::vector<core::Receipt> const& receipts);
  // The configuration changed: whoever may not read any more is sent away.
  void check_again();

  std::size_t listeners() const { return taken_->all; }
  std::uint64_t dropped() const { return dropped_; }  // because they read too slowly

 private:
  // Places of those who listen, or wait to be seated; whoever lets go of one frees it.
  struct Taken {
    std::size_t all = 0;
    std::map<std::string, std::size_t> of;  // each caller and each address
  };
  struct Listener {
    std::uint64_t number = 0;
    std::function<bool()> may;
    std::unique_ptr<net::HttpStream> stream;
    std::shared_ptr<void> place;
  };
  struct Told {  // an event, ready to be sent
    std::uint64_t seq;
    std::string text;
  };
  struct Topic {
    bool loaded = false, final = false;
    std::string last_commit, state;
    core::Json run_started{};  // when, once it was
    std::deque<Told> told;
    std::vector<RequestEvent> early;  // came while the ledger was being read
    std::vector<Opening> waiting;
    std::list<Listener> listeners;
  };

  std::shared_ptr<void> take_place(std::vector<std::string> names);
  void load_next();
  void loaded(core::RequestId const& id, core::Result<std::vector<core::StoredEntry>> result);
  void take(Topic& topic, RequestEvent event, bool tell);
  void seat(core::RequestId const& id, Topic& topic, Opening opening);
  void gone(core::RequestId const& id, std::uint64_t number);
  bool send(Listener& listener, std::string_view text);  // false: it was sent away
  void send_away(Listener& listener, std::string_view why);
  void beat();
  void forget_if_empty(core::RequestId const& id);

  ports::Loop& loop_;
  History history_;
  Limits limits_;
  std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
  std::map<core::RequestId, Topic> topics_{};
  std::deque<core::RequestId> to_load_{};
  bool loading_ = false;
  std::uint64_t last_number_ = 0, dropped_ = 0;
  ports::Loop::TimerId heartbeat_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace api
