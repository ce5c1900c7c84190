// Requests and answers on one WebSocket of the relay: a text message, then, if it says so, the body as one binary
// message. The control channel and each rendezvous speak alike. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "adapters/teams/parts.hpp"
#include "adapters/teams/wire_relay.hpp"
#include "bot/sparingly.hpp"

namespace teams {

class RelayStream {
 public:
  // What a request is answered with; `done` runs once, at once or later.
  using Handle =
      std::function<void(RelayRequest const& request, std::string body, std::function<void(net::HttpResponse)> done)>;
  struct Handler {
    Handle on_request;
    std::function<void(RelayRequest const& stub)> on_stub;  // empty: there are none here
    std::function<void(RelayAccept const& accept)> on_accept;
  };

  RelayStream(Parts const& parts, Counters& counters, Handler handler);

  // The socket that answers go to; it must outlive this or be taken away with nothing.
  void use(net::WebSocket* socket) { socket_ = socket; }
  void received(std::string message, bool binary);
  // An id for requests that have none: that of the stub which led here.
  void default_id(std::string id) { default_id_ = std::move(id); }
  std::size_t answering() const { return answering_; }
  bool waits_for_body() const { return waiting_.has_value(); }
  core::Time heard() const { return heard_; }
  std::uint64_t answered() const { return answered_; }

 private:
  void complete(RelayRequest request, std::string body);
  void respond(std::string const& id, net::HttpResponse const& response);

  Parts parts_;
  Counters& counters_;
  Handler handler_;
  net::WebSocket* socket_ = nullptr;
  std::string default_id_;
  std::optional<RelayRequest> waiting_;  // for its body
  std::size_t answering_ = 0;
  std::uint64_t answered_ = 0;
  core::Time heard_{};
  ports::Sparingly refusals_;
  Alive alive_;
};

}  // namespace teams
