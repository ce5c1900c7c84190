// Teams' bytes as values: activities of the Bot Connector, what an invoke is answered with, the Connector's own answers
// and the login's. Pure, safe from any thread, fuzzed. Formats: learn.microsoft.com, Bot Connector API reference and
// Universal Actions for Adaptive Cards. The relay's are in wire_relay.hpp, tokens and their keys in jwt.hpp.
//
// Unknown members are ignored. A member that we read and that has the wrong type, is too long, or holds a character
// that such a field never holds is an error of the whole message: nothing is guessed (T59-T61).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace teams {

// A message has at most about 100 KB in UTF-16; a click echoes the inputs and data, not the card.
inline constexpr std::size_t kMaxActivityBytes = 256 * 1024;
inline constexpr std::size_t kMaxAnswerBytes = 1u << 20;  // a page of 500 members has about 200 KiB
inline constexpr std::size_t kMaxTextBytes = 64 * 1024;   // of a message

// Somebody as an activity names them.
struct Party {
  std::string id;      // "29:…": a person as this bot knows them; "28:…": a bot
  std::string object;  // Entra object id in lower case; empty for bots and anonymous guests
  std::string role;    // "user", "bot", "skill"; usually empty
};

struct Mention {
  std::string text;  // as it stands in the text: "<at>Countersign</at>"
  std::string id;    // of who is mentioned
};

struct Activity {
  std::string type, id, name;       // name: of an invoke
  std::string channel_id;           // "msteams"
  std::string service_url;          // where answers go
  std::string conversation;         // as sent: in a channel it ends with ";messageid=ROOT"
  std::string conversation_type;    // "personal", "groupChat", "channel", or not said
  std::string tenant;               // conversation.tenantId; empty: not said
  std::string channel_data_tenant;  // channelData.tenant.id
  std::string team;                 // channelData.team.id
  std::string reply_to;             // activity id; known to be wrong or missing at times, so never trusted
  Party from, recipient;
  std::string text;
  std::vector<Mention> mentions;
  std::string action;                                    // of an installationUpdate: "add", "remove"
  std::vector<std::string> members_added, members_gone;  // ids, of a conversationUpdate
  core::Json value;  // of an invoke, or of a message that a card's button sent; null otherwise
};

// Reads all of a message or invoke; of other types what is there, and no fault of theirs is an error: an event that we
// don't know must never be answered with one.
core::Result<Activity> parse_activity(std::string_view bytes);

// "19:…@thread.tacv2" of "19:…@thread.tacv2;messageid=1764000000123": the chat or channel without the thread.
std::string bare_conversation(std::string_view conversation);
// A channel of a team, where replies form threads. Chats have none.
bool is_team_channel(std::string_view conversation);

// --- what a card's buttons send back
// ----------------------------------------------------------------------------------

inline constexpr std::string_view kNoteInput = "note";          // id of the card's input
inline constexpr std::string_view kQuestionInput = "question";  // of the one for a question

// What we put into a button, and what its person typed. Names only, never authority: anybody may craft it.
struct ActionData {
  std::string request, binding, rendering, verb;
  std::int64_t page = 0;
  bool in_view = false;  // stands on a view of the whole action
  std::string note, question{};
};
core::Json to_json(ActionData const& data);  // without note and question

// How it came.
struct CardAction {
  ActionData data;
  bool automatic = false;  // the client refreshes by itself: never a person's act
};
// The value of an adaptiveCard/action invoke.
core::Result<CardAction> parse_execute(core::Json const& value);
// The value of a message that an Action.Submit sent.
core::Result<CardAction> parse_submit(core::Json const& value);

// Bodies for an adaptiveCard/action invoke. The HTTP status is always 200, whatever they say.
core::Json answer_with_message(std::string_view text);
core::Json answer_with_card(core::Json card);
core::Json answer_with_error(int status, std::string_view code, std::string_view message);

// --- the Connector
// ----------------------------------------------------------------------------------------------------

// What a refusal asks of the caller.
enum class Refusal {
  wait,          // too fast (429), or a precondition that passes (412): as long as Retry-After says
  retry,         // the platform failed: whether it acted is not known
  token,         // 401: our token; once with a new one
  installation,  // 403: an operator must install or allow the app
  gone,          // 404: the conversation or the message is no more
  ours,          // the content or the call is refused: a fault of this program
};

struct ConnectorError {
  unsigned status = 0;
  std::string code;     // "BotNotInConversationRoster"; printable ASCII, may be empty
  std::string message;  // printable ASCII, cut
  Refusal kind = Refusal::ours;
};
// From a status that is no 2xx and whatever came with it.
ConnectorError read_connector_error(unsigned status, std::string_view body);
// In words for the operator, with the way out.
core::Error to_error(std::string_view what, ConnectorError const& error);

// What a create, send or update is answered with. Any of them may be missing.
struct Resource {
  std::string id, activity, service_url;
};
core::Result<Resource> parse_resource(std::string_view body);

struct Member {
  std::string id;      // "29:…"
  std::string object;  // Entra object id in lower case; may be missing in lists
  std::string tenant;
  bool outsider = false;  // a guest, or anonymous
  bool insider = false;   // said to be a member; neither: nothing was said
};
struct MemberPage {
  std::vector<Member> members;
  std::string continuation;  // empty: the last page
};
core::Result<MemberPage> parse_members(std::string_view body);
core::Result<Member> parse_member(std::string_view body);

// --- the login's token endpoint
// ---------------------------------------------------------------------------------------

struct AccessToken {
  std::string token;
  std::int64_t lifetime_seconds = 0;
};
// An error is forbidden when no number of tries helps, unavailable when it may; the message holds no secret.
core::Result<AccessToken> parse_access_token(unsigned status, std::string_view body);

// Seconds that a Retry-After header names, at most an hour; nothing for a date or nonsense.
std::optional<std::int64_t> retry_after_seconds(std::string_view header);

std::string to_lower(std::string_view text);  // ASCII

}  // namespace teams
