// The listeners of an Azure Relay Hybrid Connection: outbound WebSockets that carry the messaging endpoint. Opened,
// renewed, watched, replaced; requests answered on the socket they came by. Loop thread only.
// learn.microsoft.com /azure/azure-relay/relay-hybrid-connections-protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/teams/inbound.hpp"
#include "adapters/teams/relay_probe.hpp"
#include "adapters/teams/relay_stream.hpp"
#include "adapters/teams/rendezvous.hpp"

namespace teams {

class Relay {
 public:
  // `on_state` hears when the first listener opens and the last one is gone, and why.
  using OnState = std::function<void(bool connected, std::string const& detail)>;

  Relay(Parts const& parts, Settings const& settings, Counters& counters, RelayStream::Handle handle, OnState on_state);
  ~Relay();

  void start();
  void stop();

 private:
  using LinkId = std::uint64_t;  // never used twice
  struct Link;
  struct Slot {
    std::shared_ptr<Link> link, next;  // in use; being opened to replace it
    unsigned failures = 0;
    ports::Loop::TimerId redial = 0;
  };

  void dial(std::size_t slot);
  void opened(std::shared_ptr<Link> const& link);
  void ended(std::shared_ptr<Link> const& link, net::WebSocketEnd const& end);
  void lost(std::shared_ptr<Link> const& link, std::string const& why, core::Duration least);
  void renew(std::shared_ptr<Link> const& link);
  void replace(std::shared_ptr<Link> const& link);
  void retire(std::shared_ptr<Link> const& link);
  void forget(Link& link);
  void redial_after(std::size_t slot, core::Duration wait);
  void probed(RelayProbe::Result result, std::string const& why);
  void answer(RelayRequest const& request, std::string body, std::function<void(net::HttpResponse)> done);
  void report();
  std::string fresh_token() const;

  Parts parts_;
  RelaySettings const& relay_;
  Counters& counters_;
  RelayStream::Handle handle_;
  OnState on_state_;
  Rendezvous rendezvous_;
  RelayProbe probe_;
  std::vector<Slot> slots_;
  std::map<LinkId, std::shared_ptr<Link>> links_;  // all that are open or being opened
  LinkId last_ = 0;
  std::string trouble_;
  unsigned misses_ = 0;  // of our own questions, in a row
  bool locked_ = false;  // the relay keeps strangers out, and Teams with them
  bool shared_ = false;  // another instance listens there too
  std::optional<std::pair<bool, std::string>> reported_;
  bool stopped_ = false;
  Alive alive_;
};

}  // namespace teams
