// A Slack for one machine: Web API, Socket Mode, interactivity and the people's clients, over the real wire protocol on
// 127.0.0.1. It knows nothing of Countersign: whatever speaks Slack can be pointed at it.
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

#include "adapters/playground/slack_world.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/core/time.hpp"
#include "bot/net/http_server.hpp"
#include "bot/net/io.hpp"

namespace playground {

struct StandInOptions {
  std::uint16_t port = 0;  // of Web API, response URLs and /control/; 0: the system chooses
  std::uint64_t seed = 1;  // decides which socket gets which payload, ids and extra fields
  SlackWorld world = demo_world();
  std::function<core::Time()> now{};  // wall clock for ts and lives; empty: the system's

  // Slack's own times; tests shorten them.
  net::Duration ack_limit{3'000};  // of an envelope
  net::Duration trigger_life{3'000};
  net::Duration response_url_life{30 * 60'000};
  int response_url_uses = 5;
  net::Duration ticket_life{30'000};
  std::vector<net::Duration> event_retries{net::Duration{0}, net::Duration{60'000}, net::Duration{300'000}};
  net::Duration ping_every{5'000};           // WebSocket PING to each socket
  net::Duration pong_limit{30'000};          // a client that answers none for so long is dropped
  net::Duration connection_life{0};          // each socket is refreshed after this; 0: never by itself
  net::Duration warning_ahead{10'000};       // `disconnect` with `warning` before that
  net::Duration refresh_grace{10'000};       // from `refresh_requested` to the close
  int approximate_connection_time = 18'060;  // seconds, told in hello
  std::size_t max_sockets = 10;

  net::Duration file_share_delay{20};  // from the answer of files.completeUploadExternal to the message
  bool files = true;                   // false: there are no files.* methods
  bool limit_posts = false;            // chat.postMessage: 1 a second a channel, burst of 4
  bool limit_tiers = false;            // Slack's tiers, a method a minute
  bool extra_fields = true;            // unknown fields now and then: clients must tolerate them
  bool leave_tcp_open = false;         // after the close handshake, as Slack does
};

// What goes wrong, for calls of one method. Faults of a method are used up in the order they were added.
struct Fault {
  enum class Kind {
    status,             // HTTP `status`, nothing was done
    status_after_done,  // done and stored, but answered with HTTP `status`
    cut,                // the connection breaks, nothing was done
    cut_after_done,     // done and stored, then the connection breaks
    hang,               // nothing is done and no answer ever comes
    hang_after_done,    // done and stored, but no answer ever comes
    slow,               // does it and answers, both after `delay`
    slow_answer,        // does it at once and answers after `delay`
    rate_limit,         // HTTP 429 with Retry-After `retry_after`
    error,              // HTTP 200 with ok:false and `error`
  };
  std::string method;  // "chat.update"; "*" is every method
  Kind kind = Kind::status;
  int times = 1;  // calls it spoils; below 0: all, until clear_faults()
  int skip = 0;   // calls it lets pass first
  unsigned status = 500;
  unsigned retry_after = 1;  // seconds
  net::Duration delay{0};
  std::string error = "internal_error";
};

// What a person does to a button. Exactly what Slack would send follows from the stored message.
struct Click {
  std::string user;       // "U0BOB"
  std::string channel;    // "C0INC"
  std::string ts;         // of the message, ephemeral ones too
  std::string action_id;  // of the element; the first one with it
  // An older client, a forger, another workspace: replaces the value that the message holds now, and merges (RFC 7396)
  // `patch` into the finished payload, e.g. {"user":{"team_id":"T0OTHER"}} or {"message":null}.
  std::optional<std::string> value{};
  core::Json patch{};
};

// One thing that a person did and what became of it.
struct Interaction {
  std::uint64_t id = 0;
  std::string kind;          // block_actions, view_submission, view_closed, slash_commands, events_api
  std::string user;          // who did it
  std::string envelope_id;   // of the last delivery; empty if there was no socket
  std::uint64_t socket = 0;  // that got it
  enum class State { sent, acked, not_acked, undelivered } state = State::sent;
  int deliveries = 0;         // frames sent, retries and duplicates counted
  int acks = 0;               // acks that came in time, from the right socket
  net::Duration ack_time{0};  // from the last delivery to its ack
  core::Json payload{};       // as sent
  core::Json answer{};        // payload of the ack
  std::string trigger_id{}, response_url{};
};

// A notification that a message caused, or would have: `<@U…>`, `<!here>`, `<!subteam^S…>` …
struct Ping {
  std::string channel, ts;
  std::string kind;                   // user, subteam, here, channel, everyone
  std::string target;                 // id; empty for the last three
  std::string where;                  // JSON pointer into the message: "/text", "/blocks/1/text/text"
  bool update = false;                // came with chat.update: Slack notifies nobody
  bool ephemeral = false;             // notifies the one who sees it at most
  std::vector<std::string> people{};  // user ids that it reaches
};

struct SocketInfo {
  std::uint64_t id = 0;
  bool ready = false;      // hello was sent
  bool draining = false;   // was told to refresh
  bool half_open = false;  // see half_open()
  std::size_t unacked = 0;
  std::uint64_t delivered = 0;         // envelopes
  std::uint64_t pings = 0, pongs = 0;  // pings that we sent, pongs that came back
};

// One Web API call, for tests that count them.
struct ApiCall {
  std::string method;
  core::Json arguments;  // without the token; nested values parsed
  unsigned status = 0;   // 0: no answer was given
  core::Json answer{};
  core::Time at{};
};

class SlackStandIn {
 public:
  // Listens when it returns. Throws core::Failure if the port is taken.
  explicit SlackStandIn(net::Io& io, StandInOptions options = {});
  ~SlackStandIn();
  SlackStandIn(SlackStandIn const&) = delete;
  SlackStandIn& operator=(SlackStandIn const&) = delete;

  std::uint16_t port() const;
  std::string origin() const;   // "http://127.0.0.1:4711"
  std::string api_url() const;  // "http://127.0.0.1:4711/api/"
  SlackWorld const& world() const;
  SlackWorld& world();  // to change people and groups while it runs
  StandInOptions& options();

  // --- people -------------------------------------------------------------------------------------------------------
  // Each gives the interaction's id, or an error in words: no such message, the button is not in it …
  core::Result<std::uint64_t> click(Click const& click);
  core::Result<std::uint64_t> slash(std::string_view user, std::string_view channel, std::string_view command,
                                    std::string_view text);
  // Submits the user's top modal. `values`: {"block_id": "text"} or {"block_id": {"action_id": "text"}}. A client
  // checks lengths and required fields itself and then sends nothing; `force` skips that.
  core::Result<std::uint64_t> submit(std::string_view user, core::Json const& values, bool force = false,
                                     core::Json const& patch = {});
  // Closes the user's top modal (or all). The id is 0 if the app asked for no view_closed.
  core::Result<std::uint64_t> close_modal(std::string_view user, bool all = false);
  // Writes a message; one that mentions the bot, or is written in its direct conversation, becomes an event. Gives ts.
  core::Result<std::string> say(std::string_view user, std::string_view channel, std::string_view text,
                                std::string_view thread_ts = {});
  // Dismisses what the user's client shows above everything: warnings and toasts.
  void dismiss(std::string_view user);

  // --- raw deliveries -----------------------------------------------------------------------------------------------
  // Any payload in a fresh envelope; type: interactive, slash_commands, events_api.
  std::uint64_t deliver(std::string_view type, core::Json payload);
  // The same payload again in a fresh envelope (a second delivery of one click).
  core::Result<std::uint64_t> redeliver(std::uint64_t interaction);
  // The next `count` envelopes are sent twice, with the same envelope_id.
  void duplicate_envelopes(int count);
  // Holds envelopes back until release_envelopes(); with `reverse` they leave last first.
  void hold_envelopes();
  void release_envelopes(bool reverse = false);

  // --- sockets ------------------------------------------------------------------------------------------------------
  std::vector<SocketInfo> sockets() const;  // oldest first
  enum class Choice { at_random, oldest, newest };
  void choose(Choice choice);
  void choose_socket(std::uint64_t id);  // every payload to this one while it lives
  // Sends {"type":"disconnect"}: "warning", "refresh_requested", "link_disabled", "too_many_websockets"; 0: to all.
  // After all but `warning` the socket is closed in `close_in`.
  void disconnect(std::uint64_t socket, std::string_view reason, net::Duration close_in = net::Duration{10'000});
  void kill_tcp(std::uint64_t socket);   // a reset, no close frame; 0: all
  void half_open(std::uint64_t socket);  // swallows everything, answers nothing, still gets payloads; 0: all
  // Next calls of apps.connections.open get 409 at the upgrade.
  void refuse_upgrades(int count, unsigned status = 409);
  std::uint64_t hellos() const;         // sent since the start
  std::uint64_t least_sockets() const;  // fewest ready sockets since mark_sockets(): shows a gap at a refresh
  void mark_sockets();

  // --- faults -------------------------------------------------------------------------------------------------------
  void add_fault(Fault fault);
  void clear_faults();

  // --- what happened ------------------------------------------------------------------------------------------------
  Interaction const* interaction(std::uint64_t id) const;
  std::deque<Interaction> const& interactions() const;
  std::vector<Ping> const& pings() const;
  std::deque<ApiCall> const& calls() const;  // the last 10,000
  // Messages as stored, oldest first; ephemeral ones have "is_ephemeral" and "ephemeral_user". Metadata is included.
  std::vector<core::Json> messages(std::string_view channel) const;
  std::optional<core::Json> message(std::string_view channel, std::string_view ts) const;
  std::optional<std::string> file(std::string const& id) const;    // bytes, once uploaded
  std::vector<core::Json> modals(std::string_view user) const;     // the stack, top last; with "errors" if shown
  std::vector<std::string> warnings(std::string_view user) const;  // "… didn't respond" and the like
  std::vector<std::string> const& findings() const;  // what the app did that the real service would object to
  // Everything as one user sees it; the page draws it.
  core::Json state(std::string_view user) const;
  std::uint64_t revision() const;  // grows with each change
  // Called after each change, on the loop, never from inside a call of yours. Returns an id for forget().
  std::uint64_t on_change(std::function<void()> fn);
  void forget(std::uint64_t observer);

  // One call of the control API, as /control/WHAT does it: the arguments are the query or the JSON body. See README.md.
  net::HttpResponse control(std::string_view what, core::Json const& arguments);
  static bool only_looks(std::string_view what);  // changes nothing, so a GET may do it

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playground
