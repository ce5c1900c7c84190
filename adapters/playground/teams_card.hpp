// Adaptive Cards as Teams' clients take them: what is wrong with one, its actions, its inputs, its text. Pure; internal
// to this folder. Source: adaptivecards.io/explorer; learn.microsoft.com, "Cards reference" and "Universal Actions".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"

namespace playground {

inline constexpr char const* kCardType = "application/vnd.microsoft.card.adaptive";
inline constexpr std::size_t kMaxActions = 6;      // shown at once; more are cut or hidden
inline constexpr std::size_t kMaxRefreshIds = 60;  // refresh.userIds

// What a client of Teams would drop, cut or misread, as sentences.
std::vector<std::string> card_problems(core::Json const& card);

// The action with this id, else this verb, else this title; null if there is none. Those of ShowCards too.
core::Json const* find_action(core::Json const& card, std::string_view name);

// Elements whose type begins with "Input.".
std::vector<core::Json const*> card_inputs(core::Json const& card);

// What the client sends for the inputs: typed values, else the elements' own, else "". `problem`: what it would show
// instead of sending (isRequired, regex, maxLength, unknown input); empty: nothing.
core::Json input_values(core::Json const& card, core::Json const& typed, std::string& problem);

// Text that shows <at>…</at> as a mention: TextBlocks and facts.
std::vector<std::string> mentionable_texts(core::Json const& card);

}  // namespace playground
