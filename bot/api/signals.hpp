// POST /v1/signals/{source}: hands deliveries over, raw; who sent them and what they say is decided behind the desk.
// Private to api.
#pragma once

#include <memory>

#include "bot/net/http_server.hpp"
#include "bot/ports.hpp"

namespace api {

inline constexpr std::string_view kSignals = "/v1/signals/";

net::HttpResponse signal_response(ports::DeliveryAnswer const& what, net::Headers headers = {});

// Of a path that begins with kSignals. Whether it is authentic, as far as that is known at once.
bool take_signal(ports::SignalDesk& desk, net::HttpRequestIn const& request, std::shared_ptr<net::Responder> to);

}  // namespace api
