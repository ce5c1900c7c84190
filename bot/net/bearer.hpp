// The Authorization header of whoever shows a token (RFC 6750, section 2.1). Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace net {

inline constexpr std::size_t kMaxBearerToken = 512;  // bytes

// The TOKEN of "Bearer TOKEN", the scheme in any case (RFC 9110, section 11.1); nothing when the header is another.
inline std::optional<std::string_view> bearer_token(std::optional<std::string_view> authorization) {
  constexpr std::string_view kScheme = "bearer ";
  auto const same = [](char given, char wanted) {
    return (given >= 'A' && given <= 'Z' ? static_cast<char>(given - 'A' + 'a') : given) == wanted;
  };
  if (!authorization || !std::ranges::equal(authorization->substr(0, kScheme.size()), kScheme, same))
    return std::nullopt;
  auto const token = authorization->substr(kScheme.size());
  if (token.empty() || token.size() > kMaxBearerToken) return std::nullopt;
  return token;
}

}  // namespace net
