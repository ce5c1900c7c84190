// Matrix's bytes as values: what the client-server API answers, what an application service's WebSocket carries. Pure,
// safe from any thread, fuzzed. Formats: spec.matrix.org, client-server API v1.19 (events, /sync, /messages, errors,
// login) and the frames of fi.mau.as_sync as mautrix-wsproxy and mautrix-asmux send them.
//
// Whoever is in a room writes events as they like, so one bad event must never cost the others: an event that breaks a
// rule is left out and counted, and only an answer whose own frame is broken is an error (T59-T61). Within an event
// nothing is guessed: a member that we read and that has the wrong type refuses the whole event.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace matrix {

// An event has at most 65,536 bytes and a page at most 100 of them; state and `unsigned` come on top (T63).
inline constexpr std::size_t kMaxPageBytes = 16u << 20;
inline constexpr std::size_t kMaxSyncBytes = 64u << 20;   // of all rooms together
inline constexpr std::size_t kMaxFrameBytes = 50u << 20;  // what mautrix-go reads; a transaction has at most 100 events
inline constexpr std::size_t kMaxAnswerBytes = 1u << 20;  // of all else but member lists
inline constexpr std::size_t kMaxMembersBytes = 16u << 20;
inline constexpr std::size_t kMaxId = 255;      // bytes of any id (appendices, size limits)
inline constexpr std::size_t kMaxToken = 4096;  // of next_batch and its like: opaque, in practice some 100 bytes

// content."m.relates_to", as far as we use it.
struct Relation {
  std::string type;      // "m.annotation", "m.thread", "m.replace"; empty: none
  std::string event;     // what it relates to; of a thread its root
  std::string key;       // of an annotation
  std::string reply_to;  // "m.in_reply_to", in or outside of a thread
  // In a thread: `reply_to` is there for clients that know no threads, and the event replies to nobody in particular.
  bool falling_back = false;
};

struct Event {
  std::string id, room, type, sender;
  std::optional<std::string> state_key;  // state events only
  std::int64_t sent_ms = 0;              // as the sender's server claims
  std::string redacts;                   // of an m.room.redaction: the event that is taken back
  Relation relation;
  core::Json content;
  std::string digest;  // "sha256:…" of the event as it came
};

bool is_user_id(std::string_view text);
bool is_room_id(std::string_view text);
bool is_event_id(std::string_view text);
// "example.org" of "@ann:example.org": all after the first ':'.
std::string_view server_of(std::string_view user);

// `room`: where it was found; an event that names another is refused. Empty: the event names it itself.
core::Result<Event> parse_event(core::Json const& json, std::string_view room);

struct SyncRoom {
  std::string room;
  std::vector<Event> state, timeline;  // state: as of the beginning of the timeline
  bool limited = false;                // events before the timeline were left out
  std::string prev_batch;              // where those can be read from
};
struct SyncAnswer {
  std::string next_batch;
  std::vector<SyncRoom> joined;
  std::vector<std::string> invited, left;  // room ids
  std::size_t refused = 0;                 // events left out because they break a rule
};
// too_large: a limit was passed; asking for fewer events helps.
core::Result<SyncAnswer> parse_sync(std::string_view bytes);

struct Page {                 // of /messages
  std::vector<Event> events;  // in the order asked for
  std::string end;            // to go on from; empty: nothing more
  std::size_t entries = 0;    // refused ones too
};
core::Result<Page> parse_page(std::string_view bytes, std::string_view room);
core::Result<Event> parse_single_event(std::string_view bytes, std::string_view room);

// --- answers of the client-server API
// ---------------------------------------------------------------------------------

struct ErrorBody {
  std::string errcode, error;  // printable ASCII; errcode is empty when the body is no error object: a proxy's page
  bool soft_logout = false;
  std::optional<std::int64_t> retry_after_ms;  // the longer of header and body
};
// `retry_after`: the header, whole seconds; anything else in it counts as nothing said.
ErrorBody parse_error(std::string_view retry_after, std::string_view body);

// What an error asks of the caller.
enum class ErrorClass {
  wait,         // too fast: as long as it says
  retry,        // the server failed, or a proxy answered in its place: again later; whether it acted is not known
  token,        // the access token is not valid: renew it
  locked,       // the account is locked: keep everything, ask again much later
  dead,         // the homeserver says that no token was sent, or that the account is gone
  forbidden,    // not joined, not enough power, not invited: an operator must mend it
  gone,         // what was named isn't there
  unsupported,  // the server does not know this endpoint
  already,      // as wished already
  too_large,    // the content is too big
  ours,         // the content or the call is refused: a fault of this program
};
ErrorClass classify(unsigned status, ErrorBody const& error);
// An error in words for the operator. `what`: "sending a message to !inc:example.org".
core::Error to_error(std::string_view what, unsigned status, ErrorBody const& error);

struct LoginAnswer {  // of /login and /refresh; the latter names neither user nor device
  std::string user, device, access_token, refresh_token;
  std::int64_t expires_in_ms = 0;  // 0: does not expire
};
core::Result<LoginAnswer> parse_login(std::string_view bytes, bool refresh);

struct Whoami {
  std::string user, device;  // device: empty for an application service
};
core::Result<Whoami> parse_whoami(std::string_view bytes);
core::Result<std::vector<std::string>> parse_versions(std::string_view bytes);
core::Result<std::string> parse_event_id(std::string_view bytes);
// The answer to an upload: "mxc://example.org/AbC123", of no other form.
core::Result<std::string> parse_content_uri(std::string_view bytes);
// m.upload.size of /media/config; nothing where there is no limit.
core::Result<std::optional<std::uint64_t>> parse_upload_limit(std::string_view bytes);
core::Result<std::vector<std::string>> parse_joined_rooms(std::string_view bytes);
core::Result<std::map<std::string, std::string>> parse_members(std::string_view bytes);  // user → display name
core::Result<core::Json> parse_content(std::string_view bytes);                          // of one state event

// --- fi.mau.as_sync
// ---------------------------------------------------------------------------------------------------

struct Frame {
  enum class Kind { hello, transaction, response, error, command };
  Kind kind = Kind::command;
  std::int64_t id = 0;          // 0: wants no answer
  std::string command, txn_id;  // command: of Kind::command
  std::vector<Event> events;
  std::size_t refused = 0;
};
core::Result<Frame> parse_frame(std::string_view bytes);
std::string transaction_ack(std::int64_t id, std::string const& txn_id);
std::string unknown_command(std::int64_t id);
std::string ping_frame(std::int64_t id, std::int64_t now_ms);

}  // namespace matrix
