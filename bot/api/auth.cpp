#include "bot/api/auth.hpp"

#include "bot/core/digest.hpp"

namespace api {

std::optional<std::string> token_digest(std::optional<std::string_view> authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  constexpr std::size_t kMaxToken = 512;
  if (!authorization || !authorization->starts_with(kScheme)) return std::nullopt;
  auto const token = authorization->substr(kScheme.size());
  if (token.empty() || token.size() > kMaxToken) return std::nullopt;
  return core::sha256_hex(token);
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
