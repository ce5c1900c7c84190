// One connection of the HTTP server. Private to net; needs no Beast.
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

  Io& io;
  HttpServerOptions options;
  HttpHandler handler;
  bool stopping = false;
};

class HttpSession {
 public:
  static std::shared_ptr<HttpSession> make(std::shared_ptr<ServerCore> server, Stream stream, std::string address);

  virtual ~HttpSession() = default;
  virtual void start(std::shared_ptr<TlsContext> const& tls) = 0;  // null: plain
  virtual void close_if_idle() = 0;                                // between requests
  virtual void drop() = 0;
};

}  // namespace net::detail
