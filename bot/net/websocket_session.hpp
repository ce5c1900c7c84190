// The server's door to websocket.cpp. Private to net.
#pragma once

#include <functional>
#include <memory>

#include "bot/net/http_reader.hpp"
#include "bot/net/stream.hpp"
#include "bot/net/websocket.hpp"

namespace net::detail {

bool is_websocket_upgrade(BeastRequest const& request);

// Something that can be cut from outside.
struct Droppable {
  virtual ~Droppable() = default;
  virtual void drop() = 0;  // ends it with Errc::closed
};

struct AcceptedWebSocket {
  std::unique_ptr<WebSocket> socket{};
  std::weak_ptr<Droppable> control{};
};

// Answers the upgrade on `stream`; `on_gone` runs once when the connection is no more.
AcceptedWebSocket accept_websocket(Io& io, Stream stream, BeastRequest request, WebSocketOptions options,
                                   WebSocketHandler handler, std::function<void()> on_gone);

}  // namespace net::detail
