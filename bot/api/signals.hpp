// POST /v1/signals/{source}: hands deliveries over, raw; who sent them and what they say is decided behind the desk.
// Private to api.
#pragma once

#include <functional>
#include <memory>

#include "bot/net/http_server.hpp"
#include "bot/ports.hpp"

namespace api {

inline constexpr std::string_view kSignals = "/v1/signals/";

net::HttpResponse signal_response(ports::DeliveryAnswer const& what, net::Headers headers = {});

// Of a path that begins with kSignals. `news`: called before the answer of one that told something new.
void take_signal(ports::SignalDesk& desk, net::HttpRequestIn const& request, std::shared_ptr<net::Responder> to,
                 std::function<void()> news = {});

}  // namespace api
