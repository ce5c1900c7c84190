// The chat platforms by name, and what their own ids look like.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace config {

struct Platform {
  std::string_view key;      // in the file: chat.KEY, people.NAME.KEY, channels.NAME.KEY
  std::string_view name;     // for people
  std::string_view account;  // how to add one: "slack: U…"
  std::string_view channel;  // "slack: C…"
};

inline constexpr std::array<Platform, 3> kPlatforms{
    {{"slack", "Slack", "slack: U…", "slack: C…"},
     {"teams", "Teams", "teams: the Entra object id", "teams: \"19:…@thread.tacv2\""},
     {"matrix", "Matrix", "matrix: \"@…:…\"", "matrix: \"!…\""}}};

bool is_configured(Chat const& chat, std::string_view platform);
std::vector<Platform> configured(Chat const& chat);

// What follows "is "…": it ", or nothing when the id is one of an account there. Immutable ids only: a display name is
// never identity (design, invariant 5).
std::string why_not_account(std::string_view platform, std::string_view id);

// A sentence's rest and the way out when it is no channel of the platform.
struct NoChannel {
  std::string why, hint;
};
NoChannel why_not_channel(std::string_view platform, std::string_view id);

bool is_slack_id(std::string_view id, std::string_view first);  // one of `first`, then A-Z and 0-9
bool is_guid(std::string_view text);                            // 8-4-4-4-12 hex digits
std::string lower(std::string_view text);                       // ASCII

}  // namespace config
