// Who calls: a bearer token's digest against the configuration. Private to api.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "bot/core/rules.hpp"

namespace api {

struct Caller {
  core::Actor actor;
  std::set<std::string> scopes;
  bool may(std::string_view scope) const { return scopes.contains(std::string(scope)); }
};

// SHA-256 of the TOKEN in "Bearer TOKEN" as 64 hex digits; nothing when the header is another (net::bearer_token).
std::optional<std::string> token_digest(std::optional<std::string_view> authorization);

// Every configured digest is compared, in constant time each, so that neither a hit nor a miss tells where it stands
// (T45).
std::optional<Caller> caller_with(core::Rules const& rules, std::string_view digest);

std::optional<Caller> caller_of(core::Rules const& rules, std::optional<std::string_view> authorization);

}  // namespace api
