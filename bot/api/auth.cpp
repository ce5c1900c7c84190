#include "bot/api/auth.hpp"

#include "bot/core/digest.hpp"
#include "bot/net/bearer.hpp"

namespace api {

std::optional<std::string> token_digest(std::optional<std::string_view> authorization) {
  auto const token = net::bearer_token(authorization);
  return token ? std::optional(core::sha256_hex(*token)) : std::nullopt;
}

std::optional<Caller> caller_with(core::Rules const& rules, std::string_view digest) {
  std::optional<Caller> found;
  for (auto const& [key, person] : rules.people) {
    if (!person.token_sha256.empty() && core::equal_in_constant_time(person.token_sha256, digest))
      found = Caller{core::Actor::person(key), person.scopes};
  }
  for (auto const& [key, robot] : rules.robots) {
    if (!robot.token_sha256.empty() && core::equal_in_constant_time(robot.token_sha256, digest))
      found = Caller{core::Actor::robot(key), robot.scopes};
  }
  return found;
}

std::optional<Caller> caller_of(core::Rules const& rules, std::optional<std::string_view> authorization) {
  auto const digest = token_digest(authorization);
  return digest ? caller_with(rules, *digest) : std::nullopt;
}

}  // namespace api
