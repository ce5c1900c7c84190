// The parts of a MatrixStandIn, in the order in which they depend on each other. Internal to this folder.
#pragma once

#include <memory>

#include "adapters/playground/matrix_api.hpp"
#include "adapters/playground/matrix_people.hpp"
#include "adapters/playground/matrix_push.hpp"
#include "adapters/playground/matrix_service.hpp"

namespace playground {

struct MatrixStandIn::Impl {
  Impl(net::Io& io, MatrixOptions options);

  void make_world();
  void listen(std::uint16_t port);
  void handle(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  void happened(MatrixEvent const& event);
  core::Json unread(std::string_view user, std::string_view room) const;

  MatrixContext context;
  MatrixStore store;
  MatrixAccounts accounts;
  MatrixSync sync;
  MatrixApi api;
  MatrixPeople people;
  MatrixService service;
  std::vector<MatrixPing> pings;
  MatrixStandIn* owner = nullptr;
  std::unique_ptr<net::HttpServer> server;  // first to go
};

}  // namespace playground
