// Is this really the Bot Connector? All that stands between the internet and a forged approval (T8, T9).
// Loop thread only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/teams/signing_keys.hpp"

namespace teams {

// What a good token vouches for.
struct Vouched {
  std::string service_url;
  std::vector<std::string> endorsements;  // channels that its key may speak for
};

// The part that needs the activity: it came from where the token says, by a channel that the key may speak for.
bool vouches_for(Vouched const& vouched, std::string_view service_url, std::string_view channel_id);

class TokenCheck {
 public:
  // forbidden: no; unavailable: not now.
  using Done = std::function<void(core::Result<Vouched>)>;

  TokenCheck(Parts const& parts, Settings const& settings, Counters& counters, SigningKeys::OnState on_state);

  void start() { keys_.start(); }
  void stop();
  // `authorization`: the values of all Authorization headers. `done` may run at once.
  void check(std::vector<std::string> const& authorization, Done done);
  // At once, by the keys at hand. Forbidden: it is no token at all; unavailable: it may be one, and isn't known to be.
  core::Result<void> look(std::vector<std::string> const& authorization) const;

 private:
  struct Token {
    std::string text;
    Jwt jwt;
  };
  static core::Result<Token> read(std::vector<std::string> const& authorization);
  core::Result<Vouched> judge(std::string const& token, Jwt const& jwt, SigningKeys::Found found,
                              SigningKeys::Key const* key) const;

  Parts parts_;
  Settings const& settings_;
  SigningKeys keys_;
  Alive alive_;
};

}  // namespace teams
