// A Matrix homeserver for one machine: client-server API, application service over a WebSocket, and the people's
// clients, over the real wire protocols on 127.0.0.1. It knows nothing of Countersign: whatever speaks Matrix can be
// pointed at it.
//
// Everything here belongs to the thread that runs the Io. The same controls exist over HTTP under /control/ for other
// processes; see README.md.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/matrix_world.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/core/time.hpp"
#include "bot/net/http_server.hpp"
#include "bot/net/io.hpp"

namespace playground {

struct MatrixOptions {
  std::uint16_t port = 0;  // 0: the system chooses
  std::uint64_t seed = 1;  // decides ids and tokens
  MatrixWorld world = demo_matrix_world();
  std::function<core::Time()> now{};  // wall clock of origin_server_ts and lives; empty: the system's

  // --- Synapse's own limits and times ---
  bool limit_messages = false;  // a token bucket for each user: 0.2/s, burst of 10; the application service has none
  double messages_per_second = 0.2, message_burst = 10;
  enum class RetryAfter { both, header, body, neither } retry_after = RetryAfter::both;
  net::Duration access_token_life{300'000};         // of tokens that can be refreshed; all others live for ever
  net::Duration sync_answers_kept{120'000};         // an answer that was not empty is given again for the same question
  net::Duration transactions_kept{24 * 3'600'000};  // of (room, device, txnId); survives restart()
  net::Duration requests_kept{30 * 60'000};         // of (path, device); does not
  std::size_t max_timeline = 100;                   // filter_timeline_limit
  std::size_t max_upload_bytes = 50u << 20;

  // --- application service ---
  enum class Dialect {
    wsproxy,  // mautrix-wsproxy 1.0.0: no ids, 200 to the homeserver as soon as the frame is written
    asmux,    // mautrix-asmux: ids, acks, resends by the client's X-Mautrix-Websocket-Version
  } dialect = Dialect::wsproxy;
  net::Duration service_backoff{2'000};  // wsproxy: the homeserver tries a refused transaction again after this, × 2 …
  net::Duration service_backoff_max{512'000};          // … up to this
  net::Duration first_ack{5'000}, later_acks{30'000};  // asmux: how long an ack is awaited
  int missed_acks = 7;                                 // asmux: then the socket is closed with 4002
};

// What goes wrong, for calls of one kind. Faults are used up in the order they were added.
struct MatrixFault {
  enum class Kind {
    status,             // HTTP `status` with `code` and `text`, nothing was done
    status_after_done,  // done and stored, but answered with `status`
    html,               // HTTP `status` with a proxy's page, nothing was done
    limit,              // 429, with `retry_after` as `style` says, nothing was done
    cut,                // the connection breaks, nothing was done
    cut_after_done,     // done and stored, then the connection breaks: a lost reply
    hang,               // nothing is done and no answer ever comes
    hang_after_done,    // done and stored, but no answer ever comes
    stall,              // done; half of the answer comes, then nothing
    slow,               // does it and answers, both after `delay`
    slow_answer,        // does it at once and answers after `delay`
  };
  // login, refresh, whoami, filter, sync, messages, event, context, relations, send, redact, state, put_state,
  // joined_rooms, members, invite, join, leave, kick, ban, unban, createRoom, upload, download, profile, as_sync …
  // (README.md); "*" is every one
  std::string call = "*";
  Kind kind = Kind::status;
  int times = 1;  // calls it spoils; below 0: all, until clear_faults()
  int skip = 0;   // calls it lets pass first
  unsigned status = 500;
  std::string code = "M_UNKNOWN", text = "Internal server error";
  net::Duration retry_after{1'000};
  MatrixOptions::RetryAfter style = MatrixOptions::RetryAfter::both;
  net::Duration delay{0};
};

// A notification that an event caused, by the default push rules of client-server API 1.19.
struct MatrixPing {
  std::string room, event;
  std::string person;      // user id
  std::string rule;        // is_user_mention, is_room_mention, name (a body that names them, without m.mentions),
                           // message, invite, tombstone
  bool highlight = false;  // the first three: rings whatever the room's setting; `message` is a quiet one
  std::int64_t position = 0;
};

// One call to the homeserver, for tests that count them.
struct MatrixCall {
  std::string call;  // as in MatrixFault; "?" is none that exists
  std::string method, target;
  std::string user, device;
  core::Json body{};
  unsigned status = 0;  // 0: no answer was given (yet)
  core::Json answer{};
  core::Time at{};
};

struct MatrixSaying {
  std::string user, room;  // empty room: the world's
  std::string text;
  std::string thread{};                 // root event, for a message in its thread
  std::string reply_to{};               // event, for a reply; in the thread if that is set too
  std::vector<std::string> mentions{};  // user ids
  std::string html{};
  std::string msgtype = "m.text";
};

class MatrixStandIn {
 public:
  // Listens when it returns. Throws core::Failure if the port is taken.
  explicit MatrixStandIn(net::Io& io, MatrixOptions options = {});
  ~MatrixStandIn();
  MatrixStandIn(MatrixStandIn const&) = delete;
  MatrixStandIn& operator=(MatrixStandIn const&) = delete;

  std::uint16_t port() const;
  std::string origin() const;  // "http://127.0.0.1:4711": homeserver and mautrix-wsproxy alike
  MatrixWorld const& world() const;
  MatrixOptions& options();

  // --- people -------------------------------------------------------------------------------------------------------
  // `user` is a key ("bob") or a user id. Each gives the event's id, or the server's error in words.
  using Done = core::Result<std::string>;
  Done react(std::string_view user, std::string_view event, std::string_view key);
  Done unreact(std::string_view user, std::string_view reaction_event);
  Done say(MatrixSaying const& saying);
  // m.replace; of somebody else's event too: the server takes it, clients ignore it.
  Done edit(std::string_view user, std::string_view event, std::string_view text);
  Done redact(std::string_view user, std::string_view event, std::string_view reason = {});
  Done send(std::string_view user, std::string_view room, std::string_view type, core::Json content);
  Done set_state(std::string_view user, std::string_view room, std::string_view type, std::string_view key,
                 core::Json content);
  Done invite(std::string_view user, std::string_view whom, std::string_view room = {});
  Done join(std::string_view user, std::string_view room = {});
  Done leave(std::string_view user, std::string_view room = {});
  Done kick(std::string_view user, std::string_view whom, std::string_view room = {}, std::string_view reason = {});
  Done encrypt_room(std::string_view room = {});  // for ever
  Done set_power(std::string_view whom, int level, std::string_view room = {});
  // An event that comes from another server, unchecked: any sender, any time. Members as of an event; room and type.
  Done inject(core::Json const& event);

  // --- server -------------------------------------------------------------------------------------------------------
  void restart();              // drops all connections and what Synapse keeps in memory alone; the port stays
  void cut_sockets();          // drops all connections, nothing else
  void forget_transactions();  // as 24 hours later
  // Every access token of this user stops working; with `soft` they may log in again on the same device.
  void expire_tokens(std::string_view user, bool soft);
  std::string new_token(std::string_view user);  // of the user's device, as its administrator makes one
  void lock(std::string_view user, bool locked = true);

  // --- application service ------------------------------------------------------------------------------------------
  std::size_t service_sockets() const;        // 0 or 1
  std::uint64_t service_connections() const;  // since the start
  std::size_t service_backlog() const;        // transactions that were not taken yet
  // wsproxy: the next transactions are written to a socket that is dead already: 200 to the homeserver, lost for good.
  void lose_transactions(int count);
  void retry_service_now();  // as when the homeserver's back-off ends
  void close_service(std::uint16_t code,
                     std::string status);     // 1001 or 1012 server_shutting_down, 4001 conn_replaced …
  void send_service_frame(core::Json frame);  // any frame, for hostile and unknown ones

  // --- faults -------------------------------------------------------------------------------------------------------
  void add_fault(MatrixFault fault);
  void clear_faults();

  // --- what happened ------------------------------------------------------------------------------------------------
  // Messages as people see them, oldest first, edits applied by the rules: event_id, sender, msgtype, body, html, at,
  // edited, edits, redacted, thread, reply_to, mentions, reactions {key: [user]}, reaction_events {key: [event]},
  // content (what is shown now).
  std::vector<core::Json> messages(std::string_view room = {}) const;  // threads left out
  std::vector<core::Json> thread(std::string_view root) const;
  std::optional<core::Json> message(std::string_view event) const;
  std::vector<core::Json> events(std::string_view room = {}) const;  // as the server holds them
  std::vector<MatrixPing> const& pings() const;
  std::deque<MatrixCall> const& calls() const;        // the last 10,000
  std::vector<std::string> const& findings() const;   // what the client did that a real server or the sheet objects to
  core::Json state(std::string_view user) const;      // everything as one person sees it; the page draws it
  std::uint64_t revision() const;                     // grows with each change
  std::uint64_t on_change(std::function<void()> fn);  // called after each change, never from inside a call of yours
  void forget(std::uint64_t observer);

  // One call of the control API, as /control/WHAT does it. See README.md.
  net::HttpResponse control(std::string_view what, core::Json const& arguments);
  static bool only_looks(std::string_view what);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playground
