// The parts of a TeamsStandIn, in the order in which they depend on each other. Internal to this folder.
#pragma once

#include <memory>

#include "adapters/playground/teams_api.hpp"
#include "adapters/playground/teams_context.hpp"
#include "adapters/playground/teams_courier.hpp"
#include "adapters/playground/teams_keys.hpp"
#include "adapters/playground/teams_people.hpp"
#include "adapters/playground/teams_relay.hpp"
#include "adapters/playground/teams_store.hpp"

namespace playground {

struct TeamsStandIn::Impl {
  Impl(net::Io& io, TeamsOptions options);

  void handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  core::Json state(std::string_view user) const;

  TeamsContext context;
  TeamsKeys keys;
  TeamsStore store;
  TeamsPeople people;
  TeamsRelay relay;
  TeamsCourier courier;
  TeamsApi api;
  TeamsStandIn* owner = nullptr;
  std::unique_ptr<net::HttpServer> server;  // first to go
};

}  // namespace playground
