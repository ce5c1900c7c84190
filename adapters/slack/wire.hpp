// Slack's bytes as values: what Socket Mode sends us, what the Web API answers, what we acknowledge with. Pure, safe
// from any thread, fuzzed. Formats: docs.slack.dev /apis/events-api/using-socket-mode, /reference/interaction-payloads,
// /interactivity/implementing-slash-commands, /apis/web-api.
//
// Unknown members are ignored. A member that we read and that has the wrong type, is too long, or holds a character
// that such a field never holds is an error of the whole message: nothing is guessed (T59-T61).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace slack {

// Of one frame. A view's payload may pass 250 KB, and a click echoes its whole message.
inline constexpr std::size_t kMaxFrameBytes = 1u << 20;
inline constexpr std::size_t kMaxAnswerBytes = 4u << 20;  // a page of 200 messages with their blocks

// The first message of a connection; only now does it count as ready.
struct Hello {
  std::string app_id;
  std::int64_t connections = 0;       // open for this app at the moment, this one included
  std::int64_t lifetime_seconds = 0;  // a hint: when the platform means to renew it; 0: not said
};

struct Disconnect {
  enum class Reason { warning, refresh_requested, link_disabled, too_many_websockets, other };
  Reason reason = Reason::other;
  std::string word;  // as sent, shown in logs
};

// Who acted. `team` is the person's own workspace, empty when not said.
struct Actor {
  std::string id, team;
};

// What every interactive payload says about where it comes from.
struct Origin {
  std::string app;   // api_app_id
  std::string team;  // workspace of the installation; empty for an organisation-wide one (team: null)
  bool enterprise_install = false;
  Actor user;
};

struct Action {
  std::string type, id, block;  // "button", action_id, block_id
  std::string value;            // as we set it; empty for buttons without (links)
  std::string ts;               // time of the click: two frames of one click have the same
};

struct BlockActions {
  Origin origin;
  std::string container;  // "message", "view", "message_attachment"
  std::string channel;    // empty in views
  std::string message_ts;
  bool ephemeral = false;
  std::string message_app, message_bot;  // author of the message as the platform knows it; empty when not sent
  std::string message_request;           // metadata.event_payload.request, where the platform sends it
  std::string trigger, response_url;
  std::vector<Action> actions;  // at least one
};

struct ViewSubmission {
  Origin origin;
  std::string view_id, view_app, callback_id, private_metadata, trigger;
  // block_id → action_id → text; inputs that are empty or of another kind are left out
  std::map<std::string, std::map<std::string, std::string>> values;
};

struct ViewClosed {
  Origin origin;
  std::string view_id;
};

struct SlashCommand {
  Origin origin;  // user.team is not part of this payload
  std::string channel, command, text, trigger, response_url;
};

struct Event {
  std::string app, team, event_id, type;  // type: of the inner event
};

// A kind of payload that we have no use for: acknowledged and logged.
struct Unused {
  std::string type;
};

using Payload = std::variant<BlockActions, ViewSubmission, ViewClosed, SlashCommand, Event, Unused>;

struct Envelope {
  std::string id;
  bool accepts_response = false;  // an answer may ride in the acknowledgement
  std::int64_t retry_attempt = 0;
  Payload payload;
};

using Frame = std::variant<Hello, Disconnect, Envelope>;

core::Result<Frame> parse_frame(std::string_view bytes);

// {"envelope_id": …} and, when the envelope takes answers and there is one, "payload".
std::string ack_frame(std::string const& envelope_id, core::Json const& payload = {});

// --- Web API --------------------------------------------------------------------------------------------------------

// What an error word asks of the caller.
enum class ErrorClass {
  wait,          // too fast: as long as Retry-After says
  retry,         // the platform failed: again later; whether it acted is not known
  stop,          // the token is dead: nothing works any more
  installation,  // an operator must mend the app or its place in a channel
  ours,          // the content or the call is refused: a fault of this program
  gone,          // what was named isn't there any more
  already,       // as wished already
  too_late,      // a trigger or response URL has lapsed
};
ErrorClass classify(std::string_view error_word);

struct ApiAnswer {
  bool ok = false;
  std::string error;                  // the word, printable ASCII
  std::string needed, provided;       // scopes, with missing_scope
  std::vector<std::string> messages;  // response_metadata.messages: which member is wrong
  std::optional<std::int64_t> retry_after_seconds;
  core::Json body;

  ErrorClass error_class() const { return classify(error); }
};

// From a status, the Retry-After header (empty: none) and the body. 429 becomes error "ratelimited" and a 5xx
// "service_unavailable" whatever the body says. Errors: bad_input when a 200 holds no answer of the Web API.
core::Result<ApiAnswer> parse_answer(unsigned status, std::string_view retry_after, std::string_view body);

// An error in words for the operator: what failed, and the way out.
core::Error to_error(std::string_view method, ApiAnswer const& answer);
// The way out alone; empty where there is none to tell.
std::string way_out(ApiAnswer const& answer);

// application/x-www-form-urlencoded: strings as they are, true and false, numbers; anything else as JSON.
std::string form_body(core::Json const& arguments);

// --- values that we put into messages and get back
// --------------------------------------------------------------------

// "v1|REQUEST|BINDING|RENDERING": what a button says when it comes back. Only names: never authority.
struct ButtonValue {
  std::string request, binding, rendering;  // id, "sha256:…", "sha256:…"
};
std::string to_text(ButtonValue const& value);
core::Result<ButtonValue> parse_button_value(std::string_view text);

// private_metadata of a view of ours: where it was opened from.
struct ViewOrigin {
  std::string request, binding, rendering, verdict, channel, ts;
};
std::string to_text(ViewOrigin const& origin);
core::Result<ViewOrigin> parse_view_origin(std::string_view text);

// What people typed: typographic quotes and blanks made plain, the three entities undone, links as they were typed.
std::string normalise_command(std::string_view text);
// Words of a normalised text. "…" or '…' at the start of a word or after '=' holds blanks together; what follows "--"
// is one word.
std::vector<std::string> split_command(std::string_view text);

}  // namespace slack
