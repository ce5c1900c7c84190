// Who may call a server on loopback: a page of another site must not, though its browser runs on this machine (T41).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bot/core/json.hpp"
#include "bot/net/http_server.hpp"

namespace playground {

// Nothing if the request may pass, else why not. Host must name us (against DNS rebinding); Origin and Sec-Fetch-Site,
// which browsers always send with a POST, must be our own; a body must be JSON, which no HTML form can send.
std::optional<std::string> foreign_call(net::HttpRequestIn const& request, std::uint16_t port);

// The answer to such a call.
net::HttpResponse refuse_foreign(std::string const& why);

// Arguments of a call: the query of a GET, the JSON body of a POST; nothing if the body is no JSON object.
std::optional<core::Json> arguments_of(net::HttpRequestIn const& request);

net::HttpResponse json_response(core::Json const& body, unsigned status = 200);

}  // namespace playground
