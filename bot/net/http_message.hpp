// Words shared by the HTTP client and the server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net {

using Headers = std::vector<std::pair<std::string, std::string>>;  // in order, names as sent

// The first value of a header, whatever the case of its name.
std::optional<std::string_view> find_header(Headers const& headers, std::string_view name);

struct HttpResponse {
  unsigned status = 200;
  Headers headers{};
  std::string body{};

  std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
};

}  // namespace net
