// WebSocket connections (RFC 6455) of both sides behind one interface. No extensions, so no permessage-deflate.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bot/net/error.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/http_message.hpp"
#include "bot/net/io.hpp"

namespace net {

// Why a connection ended, or never began.
struct WebSocketEnd {
  NetError error{};              // no code set: closed in good order by either side
  std::uint16_t close_code = 0;  // the peer's close frame, 0 if there was none
  std::string close_reason{};    // at most 123 bytes, untrusted
  unsigned http_status = 0;      // Errc::refused: what the upgrade was answered with
  std::string http_reason{};     // Errc::refused: the words after the status, at most 256 bytes, untrusted
  Headers http_headers{};        // Errc::refused: e.g. Retry-After
};

// Run on the loop's thread, never from inside a call of ours. Empty functions are skipped. The WebSocket may be
// destroyed from within any of them.
struct WebSocketHandler {
  std::function<void()> on_open{};
  std::function<void(std::string message, bool binary)> on_message{};
  std::function<void(WebSocketEnd)> on_close{};  // exactly once, last; also when the connection never opened
};

// Owns its connection: destroying it drops the TCP connection at once and no callback runs any more.
struct WebSocket {
  virtual ~WebSocket() = default;
  // Queues a text frame (valid UTF-8). `on_written` runs once its last byte was handed to the system; it never runs
  // if the connection ends before. May be called before on_open. After the end nothing happens.
  virtual void send(std::string text, std::function<void()> on_written = {}) = 0;
  virtual void send_binary(std::string bytes, std::function<void()> on_written = {}) = 0;
  // Sends what is queued and a close frame and waits for the peer's, all within `close_timeout`, then drops the
  // connection: Slack never closes TCP by itself.
  virtual void close(std::uint16_t code = 1000, std::string reason = {}) = 0;
  virtual bool is_open() const = 0;  // between on_open and close() or the end
};

enum class KeepAlive {
  ping,  // ask the peer: any byte from it within idle_limit counts as life
  pong,  // unsolicited pongs (RFC 6455 section 5.5.3) each third of idle_limit, nothing is expected back: for Azure
         // Relay, which drops a control channel that sends pings. A dead link shows when TCP gives up, within 30 s.
  none,  // nothing is sent, nothing is expected
};

struct WebSocketOptions {
  Headers headers{};                   // sent with the upgrade, e.g. Authorization
  std::string subprotocol{};           // Sec-WebSocket-Protocol; empty: none
  Duration handshake_timeout{10'000};  // name, connect, TLS and upgrade together
  Duration idle_limit{15'000};         // half of it in silence sends a ping, all of it ends the connection (Errc::idle)
  KeepAlive keep_alive = KeepAlive::ping;
  Duration close_timeout{1'000};
  std::size_t max_message_bytes = 1u << 20;  // received; more ends the connection (Errc::too_large, close code 1009)
  std::size_t max_fragments = 1024;  // of one message, empty ones too; more ends the connection (Errc::too_large)
  Duration message_timeout{30'000};  // from its first byte to its last; then the connection ends (Errc::timed_out)
  std::size_t max_outbox_messages = 1024;  // queued, not yet written; more ends the connection (Errc::outbox_full)
  std::size_t max_outbox_bytes = 8u << 20;
};

// The interface, so that adapters can be tested without sockets.
struct WebSocketDialer {
  virtual ~WebSocketDialer() = default;
  // Starts at once; every failure, a bad URL too, comes by on_close. `url` is ws or wss; plain ws to loopback only.
  virtual std::unique_ptr<WebSocket> dial(std::string const& url, WebSocketOptions options,
                                          WebSocketHandler handler) = 0;
};

// TLS as for make_http_client. Must outlive no one: connections stay when the dialer goes.
std::unique_ptr<WebSocketDialer> make_websocket_dialer(Io& io, TlsOptions tls = {});

}  // namespace net
