// Every route of the API, once: the dispatcher, the limits and the OpenAPI document all read this table. Pure; private
// to api.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace api {

enum class Route { healthz, readyz, metrics, openapi, create, read, events, cancel, signal };

inline constexpr std::size_t kMaxAskBody = 2u << 20;      // 1 MiB of attachments in base64, and the rest
inline constexpr std::size_t kMaxCancelBody = 64u << 10;  // a reason of 2,000 characters, however escaped
inline constexpr std::size_t kMaxSignalBody = 1u << 20;

struct RouteRow {
  Route route;
  std::string_view method;  // HEAD is answered where GET is
  std::string_view path;    // a template: "{…}" is one segment, never empty
  bool bearer;              // needs an API token; false: open, or the route looks at its caller itself
  bool counted;             // has its share of a caller's calls; false: the answer costs no more than a refusal, and
                            // whoever looks after the service must have it while a stranger floods from its address
  std::size_t max_body;     // bytes; more: 413
};

std::span<RouteRow const> routes();

struct Match {
  RouteRow const* row = nullptr;  // null: no such path, or none with this method
  std::string parameter{};        // what stands for "{…}"
  std::string allowed{};          // the Allow header when only the method is wrong
};
// `path` is decoded.
Match match(std::string_view method, std::string_view path);

}  // namespace api
