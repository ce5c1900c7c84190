#include "adapters/teams/token_check.hpp"

#include <algorithm>

namespace teams {

namespace {

using core::Errc;
using core::make_error;

core::Error no(core::Error const& why) { return make_error(Errc::forbidden, why.message); }

}  // namespace

bool vouches_for(Vouched const& vouched, std::string_view service_url, std::string_view channel_id) {
  return same_service_url(vouched.service_url, service_url) && !channel_id.empty() &&
         std::ranges::find(vouched.endorsements, channel_id) != vouched.endorsements.end();
}

TokenCheck::TokenCheck(Parts const& parts, Settings const& settings, Counters& counters, SigningKeys::OnState on_state)
    : parts_(parts), settings_(settings), keys_(parts, settings, counters, std::move(on_state)) {}

void TokenCheck::stop() {
  alive_.end();
  keys_.stop();
}

core::Result<TokenCheck::Token> TokenCheck::read(std::vector<std::string> const& authorization) {
  if (authorization.size() != 1)
    return make_error(Errc::forbidden, authorization.empty() ? "There is no Authorization header."
                                                             : "There is more than one Authorization header.");
  auto const bearer = bearer_token(authorization.front());
  if (bearer.has_error()) return no(bearer.error());
  auto jwt = parse_jwt(*bearer);
  if (jwt.has_error()) return no(jwt.error());
  return Token{std::string(*bearer), *std::move(jwt)};
}

void TokenCheck::check(std::vector<std::string> const& authorization, Done done) {
  auto token = read(authorization);
  if (token.has_error()) return done(token.error());
  auto const kid = token->jwt.kid;
  keys_.find(kid, alive_.guard([this, token = *std::move(token), done = std::move(done)](SigningKeys::Found found,
                                                                                         SigningKeys::Key const* key) {
    done(judge(token.text, token.jwt, found, key));
  }));
}

core::Result<void> TokenCheck::look(std::vector<std::string> const& authorization) const {
  auto const token = read(authorization);
  if (token.has_error()) return token.error();
  auto const* key = keys_.at_hand(token->jwt.kid);
  if (key && judge(token->text, token->jwt, SigningKeys::Found::yes, key).has_value()) return {};
  return make_error(Errc::unavailable, "Nobody vouches for the token yet.");
}

core::Result<Vouched> TokenCheck::judge(std::string const& token, Jwt const& jwt, SigningKeys::Found found,
                                        SigningKeys::Key const* key) const {
  if (found == SigningKeys::Found::nothing)
    return make_error(Errc::unavailable, "The keys that sign activities could not be fetched yet.");
  if (!key) return make_error(Errc::forbidden, "The token is refused: nobody whom we know has its key.");
  if (!key->key.signed_by(token, jwt.payload))
    return make_error(Errc::forbidden, "The token is refused: its signature is wrong.");
  auto claims = parse_claims(jwt.payload);
  if (claims.has_error()) return no(claims.error());
  if (auto const right = check_claims(*claims, settings_.issuer, settings_.app_id, parts_.loop.wall());
      right.has_error())
    return no(right.error());
  return Vouched{std::move(claims->service_url), key->endorsements};
}

}  // namespace teams
