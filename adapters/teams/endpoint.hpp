// The messaging endpoint on a port of ours: HTTPS, or plain HTTP on loopback behind a proxy. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/teams/inbound.hpp"
#include "bot/net/http_server.hpp"

namespace teams {

class Endpoint {
 public:
  using OnState = std::function<void(bool listening, std::string const& detail)>;

  Endpoint(Parts const& parts, EndpointSettings const& settings, Inbound& inbound, OnState on_state);
  ~Endpoint();

  void start();  // tries again while the port is taken
  // Certificate and key as the files hold them now: whether they fit, without a change; then from the next connection
  // on.
  core::Result<void> check_certificate() const;
  void reread_certificate();
  void stop();
  std::uint16_t port() const;  // 0: not listening

 private:
  net::HttpServerOptions options() const;
  void take(net::HttpRequestIn request, std::shared_ptr<net::Responder> const& responder);

  Parts parts_;
  EndpointSettings const& settings_;
  Inbound& inbound_;
  OnState on_state_;
  std::unique_ptr<net::HttpServer> server_;
  Alive alive_;
};

}  // namespace teams
