// Brings activities to the bot as the Bot Connector does: signed, with a deadline, and again when nothing came of it.
// Internal to this folder.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/playground/teams_keys.hpp"
#include "adapters/playground/teams_relay.hpp"
#include "bot/net/http_client.hpp"

namespace playground {

class TeamsCourier {
 public:
  // `settled` runs once for each delivery, on the loop: it was answered in time, or given up.
  using Settled = std::function<void(TeamsDelivery&, net::HttpResponse const&)>;

  TeamsCourier(TeamsContext& context, TeamsKeys& keys, TeamsRelay& relay, Settled settled);

  // Fills in what every activity has and sends it.
  std::uint64_t send(TeamsDelivery delivery, TeamsToken token = {});
  void again(std::uint64_t id);  // the same activity once more, whatever became of it
  void complete(core::Json& activity);
  // A call to the messaging endpoint's host, or to the relay's public side.
  void call(std::string const& method, std::string const& path, net::Headers headers, std::string body,
            std::function<void(net::HttpResponse)> done);
  void release(bool reverse);
  TeamsDelivery* find(std::uint64_t id);

  std::deque<TeamsDelivery> deliveries;  // references stay good
  int duplicates = 0;
  bool holding = false;

 private:
  struct Detail {
    TeamsToken token;
    bool is_copy = false, settled = false;
  };

  void attempt(std::uint64_t id);
  void failed(std::uint64_t id, TeamsDelivery::State why);
  void settle(std::uint64_t id, TeamsDelivery::State state, net::HttpResponse const& response);
  bool is_invoke(TeamsDelivery const& delivery) const { return delivery.kind.starts_with("invoke"); }

  TeamsContext& context_;
  TeamsKeys& keys_;
  TeamsRelay& relay_;
  Settled settled_;
  std::unique_ptr<net::HttpClient> http_;
  std::map<std::uint64_t, Detail> details_;
  std::vector<std::uint64_t> held_;
};

}  // namespace playground
