// The neutral card, note and view in Teams' form. Pure: the same input gives the same bytes.
//
// A body is a whole activity: {"type": "message", "summary", "attachments": [an Adaptive Card 1.5]}. It stays within
// kMaxBodyBytes by construction; should it still not, core::Failure is thrown: an action is never dropped silently.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/teams/wire.hpp"
#include "bot/core/card.hpp"
#include "bot/core/json.hpp"
#include "bot/ports.hpp"

namespace teams {

// Of JSON. Teams takes about 100 KB in UTF-16 (40 KB earlier); real refusals were seen from 70 KB on.
inline constexpr std::size_t kMaxBodyBytes = 28'000;
inline constexpr std::size_t kMaxWatchers = 60;  // refresh.userIds
inline constexpr std::size_t kMaxMentions = 20;

// Verbs of our buttons.
inline constexpr std::string_view kApprove = "approve", kDeny = "deny";
inline constexpr std::string_view kAsk = "ask", kAgain = "again";  // vote for nothing
inline constexpr std::string_view kShow = "show";                  // a page of the whole action, for who pressed it
inline constexpr std::string_view kRefresh = "refresh";            // the card as it stands, for who looks at it

using People = std::map<std::string, std::string>;  // person key → Entra object id in lower case

// `watchers`: "29:…" ids of those whose clients are to ask for their own view of it.
ports::Rendered render_card(core::Card const& card, People const& people, std::vector<std::string> const& watchers);
ports::Rendered render_note(core::Note const& note, People const& people);
// Whether a note shows all of this block.
bool fits_note(std::string_view block);

// --- what one person sees: contents of cards, without a message around them
// -------------------------------------------

// The card that stands in a message of ours.
core::Json const& card_in(core::Json const& body);
// What it stands for: read back from its buttons. Nothing when there are none of ours.
std::optional<ActionData> origin_of(core::Json const& card);

// Page `page` (from 1) of the whole action; only the last one votes. A page beyond the end is the last one.
std::size_t page_count(core::VoteView const& view);
core::Json render_page(core::VoteView const& view, ActionData const& from, std::size_t page);

// The same card with words of ours on top.
core::Json with_words(core::Json card, std::string_view words);
// The same for somebody who may not decide: no buttons, and why.
core::Json for_onlooker(core::Json card, std::string_view why);
// Only words.
core::Json render_words(std::string_view words);

// --- messages that only say something
// ----------------------------------------------------------------------------------

// An answer to somebody, who is mentioned: `name` is the person's key or a word of ours.
core::Json render_answer(std::string_view name, std::string_view id, std::string_view text);

// The same message without a card, for when Teams refuses it: what it is about, the whole action as far as it fits, and
// how to decide by text.
core::Json plain_fallback(core::Json const& body);

}  // namespace teams
