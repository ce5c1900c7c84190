// The one place that knows cjose: does this key's owner vouch for this token? Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "adapters/teams/jwt.hpp"

namespace teams {

// An RSA public key, ready for use. Cheap to copy.
class SigningKey {
 public:
  // Nothing (false below) when OpenSSL does not take it.
  static SigningKey make(Jwk const& jwk);
  explicit operator bool() const noexcept { return key_ != nullptr; }

  // True only for an RS256 signature of this key over exactly this compact token, whose payload is `payload`. Call it
  // with what parse_jwt took.
  bool signed_by(std::string_view token, std::string_view payload) const;

 private:
  std::shared_ptr<void> key_;  // cjose_jwk_t
};

}  // namespace teams
