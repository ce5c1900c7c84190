// What people type and tap, made plain. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace matrix {

inline constexpr std::string_view kApproveKey = "\u2705";  // ✅ and ❌: an emoji in every client, in one spelling
inline constexpr std::string_view kDenyKey = "\u274c";
inline constexpr std::string_view kAskKey = "\u2753";        // ❓ asks a question
inline constexpr std::string_view kAgainKey = "\U0001f501";  // 🔁 asks for the same again
inline constexpr std::string_view kCommandWord = "!countersign";

// A reaction's key without variation selectors and skin tones, which clients add as they like.
std::string normalise_key(std::string_view key);
// What a reaction of ours means.
enum class Sign { approve, deny, ask, again };
std::optional<Sign> sign_of_key(std::string_view key);

// Without the quotation that old clients put before a reply (lines that begin with '>').
std::string_view without_quotation(std::string_view body);

// What follows the command word or, where the message mentions us, one of our names at its beginning; nothing when the
// message is no command. Empty: the bare word.
std::optional<std::string> command_in(std::string_view body, bool mentions_us, std::vector<std::string> const& names);

// Typographic quotes, blanks and dashes made plain; whatever hides made visible.
std::string normalise_command(std::string_view text);
// Words of a normalised text. "…" or '…' at the start of a word or after '=' holds blanks together; what follows "--"
// is one word.
std::vector<std::string> split_command(std::string_view text);

}  // namespace matrix
