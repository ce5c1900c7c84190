#include "bot/api/routes.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace api {

namespace {

constexpr std::array kRoutes{
    RouteRow{Route::healthz, "GET", "/healthz", /*bearer=*/false, /*counted=*/false, 0},
    RouteRow{Route::readyz, "GET", "/readyz", /*bearer=*/false, /*counted=*/false, 0},
    RouteRow{Route::metrics, "GET", "/metrics", /*bearer=*/false, /*counted=*/true, 0},
    RouteRow{Route::openapi, "GET", "/v1/openapi.json", /*bearer=*/false, /*counted=*/true, 0},
    RouteRow{Route::create, "POST", "/v1/requests", /*bearer=*/true, /*counted=*/true, kMaxAskBody},
    RouteRow{Route::read, "GET", "/v1/requests/{id}", /*bearer=*/true, /*counted=*/true, 0},
    RouteRow{Route::events, "GET", "/v1/requests/{id}/events", /*bearer=*/true, /*counted=*/true, 0},
    RouteRow{Route::cancel, "POST", "/v1/requests/{id}/cancel", /*bearer=*/true, /*counted=*/true, kMaxCancelBody},
    RouteRow{Route::signal, "POST", "/v1/signals/{source}", /*bearer=*/false, /*counted=*/true, kMaxSignalBody},
};

std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(std::min<std::size_t>(1, path.size()));  // '/'
  auto const segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// What stands for the parameter ("" without one); nothing when the path is another.
std::optional<std::string> fits(std::string_view pattern, std::string_view path) {
  std::string parameter;
  while (!pattern.empty() && !path.empty()) {
    auto const wanted = take_segment(pattern), there = take_segment(path);
    if (wanted.starts_with('{') && !there.empty())
      parameter = there;
    else if (wanted != there)
      return std::nullopt;
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return parameter;
}

}  // namespace

std::span<RouteRow const> routes() { return kRoutes; }

Match match(std::string_view method, std::string_view path) {
  Match found;
  for (auto const& row : kRoutes) {
    auto parameter = fits(row.path, path);
    if (!parameter) continue;
    if (row.method == method || (row.method == "GET" && method == "HEAD"))
      return {.row = &row, .parameter = std::move(*parameter)};
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(row.method);
  }
  return found;
}

}  // namespace api
