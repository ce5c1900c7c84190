// Request targets of the server. Private to net; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net::detail {

struct Target {
  std::string path{};
  std::vector<std::pair<std::string, std::string>> query{};
};

inline constexpr std::size_t kMaxQueryItems = 256;

// Takes the origin form (RFC 9112 section 3.2.1) apart. Nothing: another form, a bad escape, a NUL, an encoded '/', a
// "." or ".." segment, a control character, or too many query items.
std::optional<Target> parse_target(std::string_view target);

}  // namespace net::detail
