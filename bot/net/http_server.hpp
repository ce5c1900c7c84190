// HTTP/1.1 server for the API, webhooks and our stand-ins: strict, bounded, with server-sent events and WebSockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/net/error.hpp"
#include "bot/net/http_message.hpp"
#include "bot/net/io.hpp"
#include "bot/net/websocket.hpp"

namespace net {

struct HttpRequestIn {
  std::string method{};
  std::string target{};  // as received
  std::string path{};    // percent-decoded; starts with '/', no NUL, no "." or ".." segment, no encoded '/'
  std::vector<std::pair<std::string, std::string>> query{};  // decoded, in order; '+' is a blank
  Headers headers{};
  std::string body{};
  std::string remote_address{};    // of the TCP peer, without port
  bool websocket_upgrade = false;  // accept_websocket() is possible

  std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
  // The first query value of that name.
  std::optional<std::string_view> query_value(std::string_view name) const;
};

// A body that is written bit by bit (chunked), e.g. text/event-stream. Destroying it cuts the connection unless end()
// was called.
struct HttpStream {
  virtual ~HttpStream() = default;
  // False: the peer is gone, or more than max_stream_bytes wait for it (the connection is then dropped).
  virtual bool write(std::string_view bytes) = 0;
  virtual std::size_t waiting() const = 0;  // bytes that the peer has yet to take
  virtual void end() = 0;
};

// The one answer to one request: exactly one of respond, start_stream, accept_websocket, at once or later, on the
// loop's thread; further calls are ignored. Letting go of it without an answer answers 500. Harmless if the peer has
// gone.
struct Responder {
  virtual ~Responder() = default;
  // Content-Length, Date and Connection are set here. A HEAD gets the headers alone.
  virtual void respond(HttpResponse response) = 0;
  // Sends the head now (`head.body` is the first chunk); on_closed runs once if the peer goes before end().
  virtual std::unique_ptr<HttpStream> start_stream(HttpResponse head, std::function<void()> on_closed) = 0;
  // Null if the request asked for no upgrade (it was answered 426). idle_limit and outbox limits come from the options.
  virtual std::unique_ptr<WebSocket> accept_websocket(WebSocketOptions options, WebSocketHandler handler) = 0;
  // False once the peer is known to be gone.
  virtual bool connected() const = 0;
};

using HttpHandler = std::function<void(HttpRequestIn request, std::shared_ptr<Responder> responder)>;

// What the head of a request decides about it.
struct Admission {
  std::optional<HttpResponse> refusal{};      // instead of reading on
  std::uint64_t max_body_bytes = UINT64_MAX;  // of this request, if that is less than the server's; more: 413
  bool stranger = false;                      // who sends it is known by its body alone
};

struct HttpServerOptions {
  std::string address = "127.0.0.1";  // an IP address
  std::uint16_t port = 0;             // 0: the system chooses, see port()
  std::string certificate_file{};     // PEM chain; with key_file: https and wss
  std::string key_file{};
  std::size_t max_header_bytes = 16u << 10;       // request line and fields; more: 431
  std::size_t max_target_bytes = 8u << 10;        // more: 414
  std::size_t max_header_fields = 100;            // more: 431
  std::size_t max_body_bytes = 2u << 20;          // decoded; more: 413, by its Content-Length before any of it is read
  std::size_t max_body_bytes_in_all = 32u << 20;  // of all requests that are being read; more: 503
  // Of strangers' requests, beside those: whoever fills it takes nothing from callers that are known. More: 503.
  std::size_t max_stranger_bytes_in_all = 8u << 20;
  std::size_t max_requests = 1'000;  // on one connection, then it is closed
  Duration header_timeout{10'000};   // from the first byte, the TLS handshake counted alike
  Duration body_timeout{20'000};
  Duration idle_timeout{60'000};       // between requests
  Duration write_timeout{30'000};      // a peer that takes nothing for so long is dropped
  std::size_t max_connections = 1024;  // more: 503 and closed
  std::size_t max_connections_per_address = 256;
  std::size_t max_stream_bytes = 1u << 20;  // of one HttpStream, waiting for the peer
  // Looks at each request's head before its body is read. A connection whose body was not read ends.
  std::function<Admission(HttpRequestIn const& head)> admit{};
  // Shapes the answers that the server gives without a handler: 400, 408, 413, 414, 417, 431, 503. Empty: no body.
  std::function<HttpResponse(unsigned status)> on_refusal{};
};

// Refused with 400 and a closed connection: two lengths, a length beside Transfer-Encoding, no or two Host headers,
// folded or otherwise odd lines, bare CR and LF, chunk extensions and trailers, targets that are not origin-form, paths
// as above (http_reader.hpp). One request is handled at a time on a connection.
struct HttpServer {
  virtual ~HttpServer() = default;  // drops everything at once
  virtual std::uint16_t port() const = 0;
  virtual std::size_t connections() const = 0;
  // Reads certificate_file and key_file again, for connections that come. On an error the old ones stay.
  virtual Result<void> renew_certificate() = 0;
  // Stops listening, closes idle connections, lets answers under way finish, and drops the rest (streams and
  // WebSockets too) after `limit`; then calls `done`.
  virtual void stop(Duration limit, std::function<void()> done) = 0;
};

// Listens when it returns. An error names the address: taken, not allowed, not ours; or the certificate.
Result<std::unique_ptr<HttpServer>> make_http_server(Io& io, HttpServerOptions options, HttpHandler handler);

}  // namespace net
