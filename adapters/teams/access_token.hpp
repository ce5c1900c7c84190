// Our own token for the Connector: client credentials, one fetch at a time, renewed before it ends. Loop thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "adapters/teams/parts.hpp"

namespace teams {

class AccessTokens {
 public:
  using Done = std::function<void(core::Result<std::string>)>;

  // `on_trouble` hears a sentence when the login refuses us for good or has not answered for a minute, and an empty one
  // when a token is there again.
  AccessTokens(Parts const& parts, Settings const& settings, Counters& counters,
               std::function<void(std::string const&)> on_trouble);

  // A token that is good for a while, at once or after a fetch. While the login fails it is tried again and again; a
  // refusal that no number of tries mends is forbidden; the login is asked again after a minute all the same.
  void get(Done done);
  // The secret is another one: what failed with the old one is tried at once.
  void renew();
  // The login refuses us, and no number of tries mends it.
  bool refused() const { return refused_.has_value(); }
  // The Connector did not take this one.
  void drop(std::string const& token);
  void stop();

 private:
  void fetch();
  void fetched(net::Result<net::HttpResponse> const& response);
  void fetch_after(core::Duration wait);
  void finish(core::Result<std::string> const& result);

  Parts parts_;
  Settings const& settings_;
  Counters& counters_;
  std::function<void(std::string const&)> on_trouble_;
  std::string token_;
  core::Time expires_{}, refused_until_{};
  std::optional<core::Error> refused_;
  std::optional<core::Time> failing_since_;
  bool fetching_ = false, troubled_ = false, again_ = false;
  ports::Loop::TimerId timer_ = 0;  // of the next try after a failure
  unsigned failures_ = 0;
  std::vector<Done> waiting_;
  Alive alive_;
};

}  // namespace teams
