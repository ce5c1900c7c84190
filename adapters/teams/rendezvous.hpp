// Requests too large for the control channel are fetched from an address of the relay's, and answered there; WebSocket
// clients that want to talk to us are refused the same way. Bounded in number and time: any stranger can cause one.
// Loop thread only.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "adapters/teams/relay_stream.hpp"
#include "bot/sparingly.hpp"

namespace teams {

class Rendezvous {
 public:
  Rendezvous(Parts const& parts, Settings const& settings, Counters& counters, RelayStream::Handle handle);
  ~Rendezvous();

  void fetch(RelayRequest const& stub);
  void refuse(RelayAccept const& accept);
  void stop();
  std::size_t size() const { return meetings_.size(); }

 private:
  struct Meeting;
  using Id = std::uint64_t;

  std::shared_ptr<Meeting> meet(std::string const& dialled, std::string const& named);
  void received(std::shared_ptr<Meeting> const& meeting, std::string message, bool binary);
  void wait_for(std::shared_ptr<Meeting> const& meeting, core::Duration limit);
  void linger(std::shared_ptr<Meeting> const& meeting);
  void end(Id id);

  Parts parts_;
  Settings const& settings_;
  Counters& counters_;
  RelayStream::Handle handle_;
  std::map<Id, std::shared_ptr<Meeting>> meetings_;
  Id last_ = 0;
  ports::Sparingly refusals_;
  Alive alive_;
};

}  // namespace teams
