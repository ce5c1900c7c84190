#include "adapters/playground/same_origin.hpp"

namespace playground {

std::optional<std::string> foreign_call(net::HttpRequestIn const& request, std::uint16_t port) {
  auto const number = std::to_string(port);
  auto const host = std::string(request.header("Host").value_or(""));
  if (host != "127.0.0.1:" + number && host != "localhost:" + number && host != "[::1]:" + number) {
    return "The Host header doesn't name this server.";
  }
  if (auto const origin = request.header("Origin"); origin && *origin != "http://" + host) {
    return "The call comes from another origin.";
  }
  if (auto const site = request.header("Sec-Fetch-Site"); site && *site != "same-origin" && *site != "none") {
    return "The call comes from another site.";
  }
  if (request.method == "POST" && !request.header("Content-Type").value_or("").starts_with("application/json")) {
    return "A POST here needs a JSON body.";
  }
  return std::nullopt;
}

net::HttpResponse json_response(core::Json const& body, unsigned status) {
  return {status,
          {{"Content-Type", "application/json; charset=utf-8"},
           {"Cache-Control", "no-store"},
           {"X-Content-Type-Options", "nosniff"}},
          core::dump(body)};
}

net::HttpResponse refuse_foreign(std::string const& why) {
  return json_response(core::Json::object({{"ok", false}, {"error", why}}), 403);
}

std::optional<core::Json> arguments_of(net::HttpRequestIn const& request) {
  core::Json arguments(core::Json::Object{});
  if (request.method != "POST") {
    for (auto const& [key, value] : request.query) arguments.set(key, value);
    return arguments;
  }
  if (request.body.empty()) return arguments;
  auto parsed = core::parse_json(request.body, {.max_bytes = 4u << 20});
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return *std::move(parsed);
}

}  // namespace playground
