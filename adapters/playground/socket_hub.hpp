// Socket Mode: tickets, sockets, envelopes and their acks. Internal to this folder.
// Source: docs.slack.dev/apis/events-api/using-socket-mode.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/slack_context.hpp"
#include "adapters/playground/wire_relay.hpp"
#include "bot/net/http_server.hpp"

namespace playground {

class SocketHub {
 public:
  // `acked` and `missed` run once for each interaction, on the loop.
  using Acked = std::function<void(Interaction&)>;
  using Missed = std::function<void(Interaction&)>;

  SocketHub(SlackContext& context, Acked acked, Missed missed);
  void listen(std::uint16_t upstream_port);

  std::string new_url();  // a single-use ws URL
  void accept(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);

  // Sends it, or counts it as undelivered (events are tried again).
  std::uint64_t deliver(Interaction interaction);
  Interaction* find(std::uint64_t id);

  std::vector<SocketInfo> sockets() const;
  void disconnect(std::uint64_t socket, std::string_view reason, net::Duration close_in);
  void kill_tcp(std::uint64_t socket);
  void half_open(std::uint64_t socket);
  void release(bool reverse);
  void mark() { least_ready_ = ready(); }
  std::size_t ready() const;

  std::deque<Interaction> interactions;  // references stay good
  SlackStandIn::Choice choice = SlackStandIn::Choice::at_random;
  std::uint64_t fixed_socket = 0;
  int duplicates = 0, refusals = 0;
  unsigned refusal_status = 409;
  bool holding = false;
  std::uint64_t hellos = 0;
  std::size_t least_ready() const { return least_ready_; }

 private:
  struct Socket {
    std::uint64_t id = 0;
    std::string ticket;
    std::unique_ptr<net::WebSocket> ws{};
    bool ready = false, draining = false, half_open = false;
    std::uint64_t delivered = 0;
  };
  struct Envelope {
    std::uint64_t interaction = 0, socket = 0;
    bool accepts_payload = false, acked = false;
    core::Time sent{};
  };

  void opened(std::uint64_t id, bool debug_reconnects);
  void received(std::uint64_t id, std::string const& message, bool binary);
  void closed(std::uint64_t id);
  void send_hello(Socket& socket);
  void refresh_after(std::uint64_t id, net::Duration life);
  void close_later(std::uint64_t id, net::Duration delay);
  void dispatch(std::uint64_t interaction, int attempt);
  void send_frame(std::uint64_t interaction, int attempt);
  void retry_event(std::uint64_t interaction, int attempt);
  Socket* socket(std::uint64_t id);
  Socket* choose();
  void count_ready();

  SlackContext& context_;
  Acked acked_;
  Missed missed_;
  std::unique_ptr<WireRelay> relay_;
  std::map<std::string, core::Time> tickets_;
  std::list<Socket> sockets_;
  std::map<std::string, Envelope> envelopes_;
  std::vector<std::pair<std::uint64_t, int>> held_;
  std::uint64_t last_socket_ = 0;
  std::size_t least_ready_ = 0;
};

}  // namespace playground
