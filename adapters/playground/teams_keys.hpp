// The keys with which the Connector signs what it delivers, their OpenID metadata, and tokens good and bad.
// Internal to this folder. Source: learn.microsoft.com, "Bot Connector authentication".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/playground/teams_context.hpp"
#include "adapters/playground/teams_crypto.hpp"

namespace playground {

class TeamsKeys {
 public:
  explicit TeamsKeys(TeamsContext& context) : context_(context) {}

  core::Json metadata() const;
  core::Json published();
  void roll(bool keep_old);
  // Values of the Authorization headers: one, none, or two.
  std::vector<std::string> authorization(core::Json const& activity, TeamsToken const& token);

 private:
  struct Key {
    std::string kid;
    RsaKey key;  // shares what it holds
    std::vector<std::string> endorsements;
  };
  Key& signing();
  Key& without_teams();  // published, but not endorsed for msteams
  Key& stranger();       // published nowhere
  Key make(std::vector<std::string> endorsements);

  TeamsContext& context_;
  std::size_t made_ = 0;
  std::optional<Key> signing_, old_, without_teams_, stranger_;
};

}  // namespace playground
