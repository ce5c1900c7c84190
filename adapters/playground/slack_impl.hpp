// The parts of a SlackStandIn, in the order in which they depend on each other. Internal to this folder.
#pragma once

#include "adapters/playground/people.hpp"
#include "adapters/playground/slack_context.hpp"
#include "adapters/playground/slack_store.hpp"
#include "adapters/playground/socket_hub.hpp"
#include "adapters/playground/web_api.hpp"

namespace playground {

struct SlackStandIn::Impl {
  Impl(net::Io& io, StandInOptions options);

  void handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  core::Json state(std::string_view user) const;
  core::Json with_texts(core::Json message) const;

  SlackContext context;
  SlackStore store;
  People people;
  SocketHub hub;
  WebApi api;
  SlackStandIn* owner = nullptr;
  std::unique_ptr<net::HttpServer> server;  // first to go
};

}  // namespace playground
