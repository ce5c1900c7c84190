// One connection of the HTTP server, and the handles that its handlers hold. Private to net; needs no Beast.
#pragma once

#include <memory>
#include <string>

#include "bot/net/http_server.hpp"
#include "bot/net/stream.hpp"

namespace net::detail {

class HttpSession;

// What a session knows of its server.
struct ServerCore {
  ServerCore(Io& loop, HttpServerOptions chosen, HttpHandler call)
      : io(loop), options(std::move(chosen)), handler(std::move(call)) {}
  virtual ~ServerCore() = default;
  // The connection is no more.
  virtual void forget(std::shared_ptr<HttpSession> const& session, std::string const& address) = 0;

  HttpResponse refusal(unsigned status) const {
    return options.on_refusal ? options.on_refusal(status) : HttpResponse{status, {}, {}};
  }

  Io& io;
  HttpServerOptions options;
  HttpHandler handler;
  bool stopping = false;
  std::uint64_t body_bytes = 0, stranger_bytes = 0;  // of requests that are being read
};

class HttpSession {
 public:
  static std::shared_ptr<HttpSession> make(std::shared_ptr<ServerCore> server, Stream stream, std::string address);

  virtual ~HttpSession() = default;
  virtual void start(std::shared_ptr<TlsContext> const& tls) = 0;  // null: plain
  virtual void close_if_idle() = 0;                                // between requests
  virtual void drop() = 0;

  // What Responder and HttpStream ask; `turn` names the request.
  virtual bool current(std::uint64_t turn) const = 0;  // being answered, and has no answer yet
  virtual bool connected(std::uint64_t turn) const = 0;
  virtual void respond(HttpResponse response) = 0;
  virtual std::unique_ptr<HttpStream> start_stream(HttpResponse head, std::function<void()> on_closed) = 0;
  virtual std::unique_ptr<WebSocket> accept_websocket(WebSocketOptions options, WebSocketHandler handler) = 0;
  virtual bool write_chunk(std::string_view bytes) = 0;
  virtual std::size_t waiting() const = 0;
  virtual void end_stream() = 0;
  virtual void cut_stream() = 0;
};

// They hold the session weakly: harmless when it has gone.
std::shared_ptr<Responder> make_responder(std::weak_ptr<HttpSession> session, std::uint64_t turn);
std::unique_ptr<HttpStream> make_stream(std::weak_ptr<HttpSession> session);

}  // namespace net::detail
