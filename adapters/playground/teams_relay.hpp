// Azure Relay Hybrid Connections: listeners, requests, rendezvous. Internal to this folder.
// Source: learn.microsoft.com, "Azure Relay Hybrid Connections protocol"; what SDKs show is marked with their names.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "adapters/playground/teams_context.hpp"
#include "adapters/playground/teams_sas.hpp"
#include "adapters/playground/teams_tap.hpp"
#include "bot/net/http_server.hpp"

namespace playground {

class TeamsRelay {
 public:
  // A request of the world outside. `done` runs once, on the loop, unless the stand-in goes.
  struct Call {
    std::string method, target;
    net::Headers headers;
    std::string body;
    bool chunked = false;
    std::string from = "52.114.1.2";
    std::function<void(net::HttpResponse)> done;
  };

  explicit TeamsRelay(TeamsContext& context);
  ~TeamsRelay();
  void listen(std::uint16_t upstream_port);  // from now on the wire stands before that port
  std::uint16_t port() const { return wire_->port(); }

  void upgrade(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);  // /$hc/…
  void serve(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);    // /{path}/…
  void forward(Call call);

  std::vector<TeamsListener> listeners() const;
  void close(std::uint64_t id, std::uint16_t code, std::string const& reason);
  void kill(std::uint64_t id);
  void silence(std::uint64_t id);
  void send_accept(std::uint64_t id);
  std::uint64_t chosen = 0, refused_accepts = 0, upgrades = 0;
  int refusals = 0;
  unsigned refusal_status = 503;

 private:
  // One WebSocket of the bot's: a control channel or a rendezvous.
  struct Channel {
    std::uint64_t id = 0;
    bool control = false;
    std::string ticket{}, correlation{};
    std::unique_ptr<net::WebSocket> ws{};
    bool open = false, silent = false;
    std::uint64_t requests = 0, renewals = 0;
    net::Io::TimerId expiry = 0;
    bool wants_body = false;      // a response's text has come: the next message is its body
    std::string body_of{};        // of this request; empty: of one that nobody waits for
    net::HttpResponse partial{};  // what the text said
    std::string request{};        // of a rendezvous: the request that it serves now; empty: free
    std::string host{};           // as the listener named us
  };
  struct Pending {
    Call call;
    std::uint64_t listener = 0, rendezvous = 0;
    bool stub = false;  // only the stub went over the control channel
    std::string text{};
    net::Io::TimerId limit = 0;
  };
  // Single-use, named by sb-hc-id.
  struct Address {
    std::string request{};  // empty: of an accept
    std::uint64_t listener = 0;
    core::Time until{};
  };

  void accept_listener(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  void accept_rendezvous(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  void answer_accept(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  void refuse(std::shared_ptr<net::Responder> const& responder, unsigned status, std::string const& why);
  std::unique_ptr<net::WebSocket> take(std::uint64_t id, std::shared_ptr<net::Responder> const& responder);
  void watch_expiry(Channel& channel, core::Time until);
  std::size_t control_channels() const;
  Channel* choose();
  Channel* channel(std::uint64_t id);
  template <class Act>
  void each_listener(std::uint64_t id, Act act);
  std::string new_address(std::string const& request, std::uint64_t listener, char const* action);
  core::Json request_json(std::string const& id, Call const& call, std::string const& address) const;
  void closed(std::uint64_t id);
  void finish(std::string const& request, net::HttpResponse response);

  // teams_relay_answer.cpp
  void received(std::uint64_t id, std::string const& message, bool binary);
  void received_text(Channel& channel, std::string const& message);
  void received_response(Channel& channel, core::Json const& response);
  void received_renewal(Channel& channel, core::Json const& renewal);
  bool take_head(core::Json const& response, net::HttpResponse& head);
  // Closes the channel; `request`: of the message that was wrong.
  void fail(Channel& channel, std::string const& finding, std::string const& request = {});

  TeamsContext& context_;
  std::shared_ptr<TapSettings> settings_ = std::make_shared<TapSettings>();
  std::unique_ptr<WireRelay> wire_;
  std::list<Channel> channels_;
  std::map<std::string, Pending> pending_;
  std::map<std::string, Address> addresses_;
  std::set<std::string> done_;  // answered or timed out: a late answer is no mistake
  std::uint64_t last_channel_ = 0;
};

}  // namespace playground
