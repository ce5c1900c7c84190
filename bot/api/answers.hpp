// How the API answers: JSON, and errors as RFC 9457 says. Private to api.
#pragma once

#include <memory>
#include <string>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/net/http_server.hpp"

namespace api {

using Answer = std::shared_ptr<net::Responder>;

inline constexpr char const* kProblemType = "application/problem+json";
inline constexpr char const* kRetryAfterBusy = "5";  // seconds, with a 503

net::HttpResponse json_response(unsigned status, core::Json const& body, net::Headers headers = {});
// Type "about:blank", the status's own title, and a detail for people that names nothing which the caller didn't.
net::HttpResponse problem(unsigned status, std::string const& detail, net::Headers headers = {});

net::HttpResponse unauthorized();
net::HttpResponse not_found();  // absent and forbidden alike (T44)
net::HttpResponse wrong_method(std::string const& allowed);
net::HttpResponse too_many(unsigned seconds);                        // 429
net::HttpResponse failed(core::Errc code, std::string const& text);  // what the engine answered
// What the server itself refuses: 400, 408, 413, 414, 417, 431, 500, 503.
net::HttpResponse refusal(unsigned status);

}  // namespace api
