// The tokens that come with activities, and the keys that sign them: bytes ↔ values and every rule that needs no clock
// but the one that is given. Pure, fuzzed. RFC 7515, 7517, 7519; learn.microsoft.com /azure/bot-service/rest-api/
// bot-framework-rest-connector-authentication.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/time.hpp"

namespace teams {

inline constexpr std::size_t kMaxTokenBytes = 16 * 1024;
inline constexpr std::size_t kMaxKeySetBytes = 1u << 20;
inline constexpr std::size_t kMaxKeys = 200;
inline constexpr core::Duration kClockSkew = std::chrono::seconds(300);

// A token taken apart. Nothing in it is proved yet, so its payload is bytes and no more.
struct Jwt {
  std::string kid, payload;
};
// Takes only what the Bot Connector sends: RS256 (one fixed algorithm, T9), a kid, no header member that names a key or
// changes the rules. An error says which rule was broken, never what was sent.
core::Result<Jwt> parse_jwt(std::string_view token);

// What a token says, once its signature was found good.
struct Claims {
  std::string issuer, audience, service_url;
  std::int64_t not_before = 0, expires = 0;  // seconds since 1970
};
// Each of them there once and of its type.
core::Result<Claims> parse_claims(std::string_view payload);

// Issuer, audience and time.
core::Result<void> check_claims(Claims const& claims, std::string_view issuer, std::string_view app_id, core::Time now);
// The two that need the activity: an empty one of either is a no.
bool same_service_url(std::string_view claim, std::string_view activity);  // letter case and one final slash aside

// "Bearer TOKEN", the scheme in any case; nothing else.
core::Result<std::string_view> bearer_token(std::string_view authorization);

struct Metadata {
  std::string issuer, jwks_uri;
};
core::Result<Metadata> parse_metadata(std::string_view body);

// A public key of the set.
struct Jwk {
  std::string kid, n, e;                  // n and e: big-endian bytes
  std::vector<std::string> endorsements;  // the channels that it may speak for
};
// Keys for RS256 signatures; others are left out, and so are all that share a kid. An error when none is left.
core::Result<std::vector<Jwk>> parse_keys(std::string_view body);

}  // namespace teams
