// What people type at the bot, made plain. Pure, fuzzed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/teams/wire.hpp"

namespace teams {

// What is said to us: the text without our own mention, or nothing when it does not mention us. Where nobody else is in
// the conversation no mention is needed. Names in "<at>…</at>" are the users' own choice, so only the mention that
// Teams says is ours is taken out; those of others stay.
std::optional<std::string> said_to_us(Activity const& message);

// The words of it: "…" or '…' at the start of a word or after '=' holds blanks together; what follows "--" is one word.
std::vector<std::string> command_words(std::string_view text);

}  // namespace teams
