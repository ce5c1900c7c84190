// The neutral card, note and view in Slack's form. Pure: the same input gives the same bytes.
//
// Untrusted text stands only in plain_text objects with emoji off and in rich_text_preformatted, where Slack parses
// nothing; whatever else there is goes through escape(). Mentions come only from Card::mention and Note::mention.
// Limits of docs.slack.dev /reference/block-kit hold by construction; should one still break, core::Failure is thrown:
// an action is never dropped silently.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/slack/wire.hpp"
#include "bot/core/card.hpp"
#include "bot/core/json.hpp"
#include "bot/ports.hpp"

namespace slack {

inline constexpr std::size_t kMaxBlocks = 50;
inline constexpr std::size_t kMaxViewBlocks = 100;
inline constexpr std::size_t kMaxSection = 3000;
inline constexpr std::size_t kMaxField = 2000;
inline constexpr std::size_t kMaxHeader = 150;
inline constexpr std::size_t kMaxButtonLabel = 75;
inline constexpr std::size_t kMaxButtonValue = 2000;
inline constexpr std::size_t kMaxBodyText = 10'000;   // of all text together; Slack refuses from about 13,200 on
inline constexpr std::size_t kMaxMessageText = 4000;  // chat.update refuses more
inline constexpr std::size_t kMaxPrivateMetadata = 3000;
inline constexpr std::size_t kMaxNote = 2000;  // characters of a voter's note

// metadata.event_type of every message of ours.
inline constexpr std::string_view kEventType = "countersign";
inline constexpr std::string_view kVoteView = "vote";  // callback_id of the view that votes
inline constexpr std::string_view kAskView = "ask";    // … and of the one that asks a question
inline constexpr std::string_view kAgainButton = "again", kAskButton = "ask";  // action_ids that vote for nothing
inline constexpr std::string_view kNoteBlock = "note";                         // block_id of its input: errors name it
inline constexpr std::string_view kNoteInput = "text";                         // action_id of its input

using People = std::map<std::string, std::string>;  // person key → Slack user id

// `digest` is the rendering that the card names, where it names one.
ports::Rendered render_card(core::Card const& card, std::string const& key, People const& people);
ports::Rendered render_note(core::Note const& note, std::string const& key, People const& people);

// The view to open for a button. `whole_action`: the message didn't show it all, whatever the engine thinks.
core::Json render_view(core::VoteView const& view, ViewOrigin const& origin, bool whole_action);
// The form for a question about a request.
core::Json render_question_view(ViewOrigin const& origin);
// A view that only says something: the answer to a submission.
core::Json render_answer_view(std::string_view title, std::string_view text);
// A message for one person's eyes: {"text", "blocks"}.
core::Json render_whisper(std::string_view text);

// The same message without blocks, for when Slack refuses them: what it is about, the whole action as far as it fits,
// and how to decide by text.
core::Json plain_fallback(core::Json const& body);

// What an action_id of ours says.
struct ButtonId {
  core::Verdict verdict = core::Verdict::approve;
  core::Button::Form form = core::Button::Form::direct;
};
std::string to_text(ButtonId id);
std::optional<ButtonId> parse_button_id(std::string_view action_id);

}  // namespace slack
