// Whatever a stranger puts into an Authorization header, and whatever the metadata's host answers. The key below signed
// none of it, so nothing may ever verify.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "adapters/teams/encoding.hpp"
#include "adapters/teams/jws.hpp"
#include "adapters/teams/jwt.hpp"
#include "bot/core/text.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

teams::SigningKey const& key() {
  static auto const made = [] {
    teams::Jwk jwk;
    jwk.kid = "k";
    jwk.e = std::string("\x01\x00\x01", 3);
    jwk.n.assign(256, '\xc5');  // an odd number of 2048 bits whose factors nobody has looked for
    return teams::SigningKey::make(jwk);
  }();
  return made;
}

void check_token(std::string_view token) {
  auto const jwt = teams::parse_jwt(token);
  if (jwt.has_error()) return require(!core::has_control(jwt.error().message));
  require(!jwt->kid.empty() && jwt->kid.size() <= 256 && !jwt->payload.empty());
  require(!key().signed_by(token, jwt->payload));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const bytes(reinterpret_cast<char const*>(data), size);
  if (auto const token = teams::bearer_token(bytes); token.has_value()) check_token(*token);
  check_token(bytes);
  // As a header and a payload, so that what is behind base64 is reached too.
  auto const cut = bytes.find('\n');
  auto const head = bytes.substr(0, cut);
  auto const rest = cut == std::string_view::npos ? std::string_view{} : bytes.substr(cut + 1);
  check_token(teams::base64url(head) + '.' + teams::base64url(rest) + ".AAAA");
  if (auto const claims = teams::parse_claims(bytes); claims.has_value()) {
    require(!claims->issuer.empty() && !claims->audience.empty() && !claims->service_url.empty());
    require(claims->expires >= 0 && claims->not_before >= 0);
    static_cast<void>(teams::check_claims(*claims, claims->issuer, claims->audience, core::Time{}));
  }
  static_cast<void>(teams::parse_metadata(bytes));
  if (auto const keys = teams::parse_keys(bytes); keys.has_value()) {
    require(!keys->empty() && keys->size() <= teams::kMaxKeys);
    for (auto const& one : *keys) {
      require(one.n.size() >= 256 && one.n.size() <= 1024);
      static_cast<void>(teams::SigningKey::make(one));
    }
  }
  if (auto const decoded = teams::decode_base64url(bytes)) require(teams::base64url(*decoded) == bytes);
  return 0;
}
