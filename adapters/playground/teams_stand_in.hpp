// A Microsoft Teams for one machine: Azure Relay, the login and OpenID endpoints, the Bot Connector, and the people's
// clients, over the real wire protocols on 127.0.0.1. It knows nothing of Countersign: whatever is a Teams bot can be
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

#include "adapters/playground/teams_world.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/core/time.hpp"
#include "bot/net/http_server.hpp"
#include "bot/net/io.hpp"

namespace playground {

struct TeamsOptions {
  std::uint64_t seed = 1;  // decides which listener gets what, ids, frames and extra fields
  TeamsWorld world = demo_teams_world();
  std::function<core::Time()> now{};  // wall clock of ids, tokens and lives; empty: the system's

  // --- where activities go ---
  std::string bot_endpoint{};             // http(s) URL of the messaging endpoint; empty: through the relay
  std::string bot_path = "api/messages";  // below the relay's path
  std::string extra_ca_file{};            // PEM, trusted for an https endpoint besides the system's

  // Teams' own times; tests shorten them.
  net::Duration answer_limit{15'000};      // of an activity
  net::Duration card_answer_limit{5'000};  // of an invoke
  int same_id_again = 2;                   // a late or failed activity comes again so often with the same id …
  net::Duration again_after{1'000};        // … each so long after the failure …
  net::Duration new_id_after{30'000};      // … and once more under a new id; below 0: never
  net::Duration refresh_delay{20};         // from a card's appearance to its automatic refreshes
  net::Duration access_token_life{3'599'000};
  net::Duration connector_token_life{3'600'000};  // of the JWTs that we send

  // --- relay ---
  net::Duration relay_answer_limit{60'000}, rendezvous_life{30'000};
  net::Duration relay_idle_limit{255'000};  // without a frame from the listener: the connection is cut; 0: never
  net::Duration relay_ping_every{60'000};   // WebSocket PING to listeners; 0: none
  net::Duration silence_life{600'000};      // of a connection that was silenced
  std::size_t max_listeners = 25;
  std::size_t control_channel_bytes = 64u << 10;  // request or answer with more takes a rendezvous
  bool relay_requires_authorization = false;      // Azure's default is true: no Teams traffic passes then
  bool close_on_ping = true;                      // a PING from a listener cuts its connection
  bool fragment = true;                           // messages to listeners in many frames of random sizes
  bool reuse_rendezvous = false;                  // a kept rendezvous gets the next request too

  // --- Connector ---
  bool limit_rates = false;                    // sheet "rate-limit": sliding windows a thread and a tenant
  std::size_t max_message_bytes = 100u << 10;  // of an activity as UTF-16
  bool split_text_and_card = true;             // a text and a card in one activity become two messages
  bool refresh_cards = true;                   // the people's clients ask for their views by themselves
  bool quirks =
      true;  // now and then: unknown fields, PUT without an id, old data in a refresh, lists without object ids
};

// What goes wrong, for calls of one kind. Faults are used up in the order they were added.
struct TeamsFault {
  enum class Kind {
    status,             // HTTP `status` with `code`, nothing was done
    status_after_done,  // done and stored, but answered with `status`: "posted but answered 504"
    cut,                // the connection breaks, nothing was done
    cut_after_done,     // done and stored, then the connection breaks
    hang,               // nothing is done and no answer ever comes
    hang_after_done,    // done and stored, but no answer ever comes
    slow,               // does it and answers, both after `delay`
    slow_answer,        // does it at once and answers after `delay`
  };
  // create, send, reply, update, delete, members, pagedmembers, member, activity-members, team, channels, token,
  // openid, keys; "*" is every one
  std::string call;
  Kind kind = Kind::status;
  int times = 1;  // calls it spoils; below 0: all, until clear_faults()
  int skip = 0;   // calls it lets pass first
  unsigned status = 500;
  std::string code{};                     // "Throttled"; empty: what fits the status
  std::optional<unsigned> retry_after{};  // seconds
  net::Duration delay{0};
};

// What a person does to a button. Exactly what Teams would send follows from the card that this person sees.
struct TeamsClick {
  std::string user;          // "bob"
  std::string conversation;  // "19:incidents@thread.tacv2"
  std::string activity;      // id of the message with the card
  std::string action;        // the action's id, else verb, else title
  core::Json inputs{};       // {"why": "INC-4711"}
  bool old_client = false;   // knows no Action.Execute: sends its fallback Action.Submit
  bool force = false;  // a hostile client: inputs are not checked, and the base card's actions can be used as well
  int taps = 1;        // 2: a double tap, two activities
  core::Json patch{};  // merged (RFC 7396) into the finished activity: another tenant, a forged value …
};

// How a token differs from the Connector's own. Names of ready ones: bad_tokens().
struct TeamsToken {
  std::string flaw{};                          // one of bad_tokens(), or empty: a good one
  core::Json header{};                         // merged into the token's header before it is signed
  core::Json claims{};                         // merged into its claims
  std::optional<std::string> authorization{};  // the whole header instead
};

// One activity and what became of it.
struct TeamsDelivery {
  enum class State {
    waiting,      // held back, or under way
    answered,     // with 2xx in time
    refused,      // with another status; the last of all tries
    late,         // no answer in time, nor to any try after it
    undelivered,  // no listener, no connection
  };
  std::uint64_t id = 0;
  std::string kind;  // "message", "invoke adaptiveCard/action", "installationUpdate" …
  std::string user, conversation, activity_id;
  std::string message{};   // id of the message with the card, for clicks and refreshes
  bool automatic = false;  // a client's own refresh
  State state = State::waiting;
  std::vector<unsigned> statuses{};  // of every try, as they came, late ones too; 0: none came
  int tries = 0;
  net::Duration took{0};  // of the answer that counted
  core::Json activity{};  // as sent
  core::Json answer{};    // body of the answer
  std::string shown{};    // what the person's client shows because of it: a text or a warning
  std::uint64_t again{};  // the delivery under a new id, if it came to that
};

// A notification that a message caused, or would have.
struct TeamsPing {
  std::string conversation, activity;
  std::string kind;     // person, channel, team, chat (any message in a 1:1 or group chat)
  std::string target;   // id in the mention; empty for chat
  std::string where;    // JSON pointer to the mention: "/entities/0", "/attachments/0/content/msteams/entities/0"
  bool update = false;  // came with a PUT: Teams notifies nobody
  std::vector<std::string> people{};  // keys of those whom it reaches
};

struct TeamsListener {
  std::uint64_t id = 0;
  std::string correlation;  // sb-hc-id
  bool open = false, silent = false;
  std::uint64_t requests = 0, waiting = 0, renewals = 0;
};

// One REST call of the bot's, for tests that count them.
struct TeamsCall {
  std::string call;  // as in TeamsFault; "?" is none that exists
  std::string method, path;
  core::Json body{};
  unsigned status = 0;  // 0: no answer was given
  core::Json answer{};
  core::Time at{};
};

class TeamsStandIn {
 public:
  // Listens when it returns. Throws core::Failure if it can't.
  explicit TeamsStandIn(net::Io& io, TeamsOptions options = {});
  ~TeamsStandIn();
  TeamsStandIn(TeamsStandIn const&) = delete;
  TeamsStandIn& operator=(TeamsStandIn const&) = delete;

  std::uint16_t port() const;
  std::string origin() const;        // "http://127.0.0.1:4711"
  std::string relay_url() const;     // "ws://127.0.0.1:4711": namespace of the hybrid connection world().relay_path
  std::string public_url() const;    // "http://127.0.0.1:4711/approvals/": what anybody can call
  std::string login_url() const;     // "http://127.0.0.1:4711": before /{tenant}/oauth2/v2.0/token
  std::string metadata_url() const;  // OpenID metadata of the keys that sign what we deliver
  std::string service_url() const;   // "http://127.0.0.1:4711/emea/{tenant}/": Bot Connector
  TeamsWorld const& world() const;
  TeamsWorld& world();  // to change people and conversations while it runs
  TeamsOptions& options();

  // --- people -------------------------------------------------------------------------------------------------------
  // Each gives the delivery's id, or an error in words: no such message, the button is not in it …
  core::Result<std::uint64_t> click(TeamsClick const& click);  // of the first tap
  // Writes a message; gives its id. It becomes an activity if it mentions the bot or stands in a 1:1 chat. `@bob` at
  // the start of a word mentions bob. `thread`: id of a root message, for a reply.
  struct Said {
    std::string activity;
    std::uint64_t delivery = 0;  // 0: the bot isn't told
  };
  core::Result<Said> say(std::string_view user, std::string_view conversation, std::string_view text,
                         bool mention_bot = true, std::string_view thread = {});
  core::Result<std::uint64_t> edit(std::string_view user, std::string_view conversation, std::string_view activity,
                                   std::string_view text);
  core::Result<std::uint64_t> remove(std::string_view user, std::string_view conversation, std::string_view activity);
  core::Result<std::uint64_t> react(std::string_view user, std::string_view conversation, std::string_view activity,
                                    std::string_view reaction, bool take_back = false);
  // installationUpdate; `action`: add, remove, add-upgrade, remove-upgrade. Changes whether the bot is a member.
  core::Result<std::uint64_t> install(std::string_view user, std::string_view conversation, std::string_view action);
  // One person's client shows the message again: its card's refresh action, with the data of `age` versions ago.
  core::Result<std::uint64_t> refresh(std::string_view user, std::string_view conversation, std::string_view activity,
                                      std::size_t age = 0);
  // The dialog that Action.Submit with {"msteams":{"type":"task/fetch"}} opened.
  core::Result<std::uint64_t> submit_dialog(std::string_view user, core::Json const& inputs);
  // Shows the person the card that everybody sees again.
  void forget_view(std::string_view user, std::string_view conversation, std::string_view activity);
  bool close_dialog(std::string_view user);  // sends nothing; false: there was none
  void dismiss(std::string_view user);       // what their client shows above everything

  // --- raw deliveries -----------------------------------------------------------------------------------------------
  // An activity as it is; members that every activity has (id, timestamp, channelId, serviceUrl, recipient) are filled
  // in where they are missing.
  std::uint64_t deliver(core::Json activity, TeamsToken const& token = {});
  core::Result<std::uint64_t> redeliver(std::uint64_t delivery);  // the same activity, same id, once more
  // Any HTTP call to the public side, as a stranger makes it.
  void call_endpoint(std::string method, std::string path, net::Headers headers, std::string body,
                     std::function<void(net::HttpResponse)> done);
  std::string authorization(core::Json const& activity, TeamsToken const& token = {});  // "Bearer eyJ…"
  static std::vector<std::string> const& bad_tokens();
  void duplicate_deliveries(int count);  // the next ones are sent twice at once
  void hold_deliveries();
  void release_deliveries(bool reverse = false);

  // --- keys ---------------------------------------------------------------------------------------------------------
  void roll_keys(bool keep_old = true);  // a new signing key; whether the old one stays published

  // --- relay --------------------------------------------------------------------------------------------------------
  std::vector<TeamsListener> listeners() const;  // oldest first
  void choose_listener(std::uint64_t id);        // every request to this one while it lives; 0: by chance
  void close_listener(std::uint64_t id, std::uint16_t code, std::string reason);  // 1001, 1008, 1011; 0: all
  void kill_listener(std::uint64_t id);                                           // a reset; 0: all
  void silence_listener(std::uint64_t id);                  // TCP stays, nothing passes either way; 0: all
  void refuse_listeners(int count, unsigned status = 503);  // the next upgrades
  void send_accept(std::uint64_t id = 0);                   // a WebSocket sender knocks; see refused_accepts()
  std::uint64_t refused_accepts() const;
  std::uint64_t upgrades() const;  // listeners since the start

  // --- faults -------------------------------------------------------------------------------------------------------
  void add_fault(TeamsFault fault);
  void clear_faults();
  void expire_access_tokens();  // the Connector answers 401 to all that were given out

  // --- what happened ------------------------------------------------------------------------------------------------
  TeamsDelivery const* delivery(std::uint64_t id) const;
  std::deque<TeamsDelivery> const& deliveries() const;
  std::vector<TeamsPing> const& pings() const;
  std::deque<TeamsCall> const& calls() const;  // the last 10,000
  // Messages as `user` sees them (empty: as posted), oldest first: id, conversation, thread, from, ours, text, card,
  // view (true: this person's own card), at, updates, edited, deleted, only_for, reactions, activity.
  std::vector<core::Json> messages(std::string_view conversation, std::string_view user = {}) const;
  std::optional<core::Json> message(std::string_view conversation, std::string_view activity,
                                    std::string_view user = {}) const;
  std::vector<std::string> warnings(std::string_view user) const;  // "Something went wrong …" and messages from the bot
  std::optional<core::Json> dialog(std::string_view user) const;
  std::vector<std::string> const& findings() const;   // what the bot did that the real service would object to
  core::Json state(std::string_view user) const;      // everything as one person sees it; the page draws it
  std::uint64_t revision() const;                     // grows with each change
  std::uint64_t on_change(std::function<void()> fn);  // as SlackStandIn
  void forget(std::uint64_t observer);

  // One call of the control API, as /control/WHAT does it. See README.md.
  net::HttpResponse control(std::string_view what, core::Json const& arguments);
  static bool only_looks(std::string_view what);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playground
