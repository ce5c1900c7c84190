// A dead listener looks healthy: its pongs go nowhere and nobody answers them. So once a minute we ask ourselves
// something from outside, through the relay's public address. It also tells when the hybrid connection requires client
// authorization, which keeps all of Teams out. Loop thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "adapters/teams/parts.hpp"

namespace teams {

class RelayProbe {
 public:
  enum class Result {
    through,
    locked,    // the relay itself said 401 or 403
    stranger,  // another instance of this program answered: it listens there too
    missed,
  };
  using OnResult = std::function<void(Result result, std::string const& why)>;

  RelayProbe(Parts const& parts, RelaySettings const& relay, Counters& counters, OnResult on_result);

  void start();
  void stop();
  // The answer to our own question, when this is it.
  std::optional<net::HttpResponse> answer(std::string const& method, std::string const& target) const;

 private:
  void ask();
  void answered(net::Result<net::HttpResponse> const& response);

  Parts parts_;
  RelaySettings const& relay_;
  Counters& counters_;
  OnResult on_result_;
  std::string nonce_;
  Alive alive_;
};

}  // namespace teams
