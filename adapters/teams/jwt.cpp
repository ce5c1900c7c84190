#include "adapters/teams/jwt.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "adapters/teams/encoding.hpp"
#include "adapters/teams/wire.hpp"
#include "adapters/teams/wire_fields.hpp"

namespace teams {

namespace {

using core::Errc;
using core::Json;

constexpr std::int64_t kLastSecond = 253'402'300'799;         // of the year 9999: larger times are nonsense
constexpr std::size_t kMinModulus = 256, kMaxModulus = 1024;  // bytes: 2048 to 8192 bits

core::Error refused(std::string_view why) {
  return core::make_error(Errc::bad_input, "The token is refused: " + std::string(why) + '.');
}

core::Result<Json> object_in(std::string_view bytes, char const* name) {
  auto json = core::parse_json(
      bytes, {.max_bytes = kMaxTokenBytes, .max_depth = 8, .max_values = 500, .max_string = 8192, .max_key = 256});
  if (json.has_error() || !json->is_object()) return refused(std::string(name) + " is no JSON object");
  return json;
}

// Names a key, a key's place, or a rule of its own: none of them is ours to follow.
constexpr std::array<std::string_view, 9> kForbidden{"jku", "jwk", "x5u", "x5c", "crit", "b64", "enc", "zip", "cty"};

std::string word_of(Json const& json, std::string_view name, std::size_t most, bool& fine) {
  auto const* text = json[name].if_string();
  fine = fine && text && !text->empty() && text->size() <= most && is_token(*text);
  return fine ? *text : std::string();
}

std::int64_t second_of(Json const& json, std::string_view name, bool& fine) {
  auto const* seconds = json[name].if_int();
  fine = fine && seconds && *seconds >= 0 && *seconds <= kLastSecond;
  return fine ? *seconds : 0;
}

// Without a fraction of a second of its own, so that edges are where the seconds are.
std::int64_t seconds_of(core::Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

core::Result<Jwt> parse_jwt(std::string_view token) {
  if (token.size() > kMaxTokenBytes) return refused("it is longer than 16 KiB");
  auto const first = token.find('.');
  auto const second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return refused("it does not have three parts");
  auto const head = decode_base64url(token.substr(0, first));
  auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  auto const signature = decode_base64url(token.substr(second + 1));
  if (!head || !payload || !signature || head->empty() || payload->empty() || signature->empty())
    return refused("a part of it is no base64url");
  auto const header = object_in(*head, "its header");
  if (header.has_error()) return header.error();
  if (auto const* algorithm = (*header)["alg"].if_string(); !algorithm || *algorithm != "RS256")
    return refused("its algorithm is not RS256");
  for (auto const name : kForbidden) {
    if (header->if_object()->contains(name)) return refused("its header has a member that no token of Teams has");
  }
  if (auto const& type = (*header)["typ"]; !type.is_null() && type.text() != "JWT") return refused("it is no JWT");
  bool fine = true;
  Jwt jwt{word_of(*header, "kid", 256, fine), *std::move(payload)};
  if (!fine) return refused("it names no key");
  return jwt;
}

core::Result<Claims> parse_claims(std::string_view payload) {
  auto const json = object_in(payload, "its payload");
  if (json.has_error()) return json.error();
  bool fine = true;
  Claims claims;
  claims.issuer = word_of(*json, "iss", kMaxUrl, fine);
  claims.audience = word_of(*json, "aud", kMaxUrl, fine);
  claims.service_url = word_of(*json, "serviceurl", kMaxUrl, fine);
  if (!fine) return refused("iss, aud or serviceurl is no text");
  claims.not_before = second_of(*json, "nbf", fine);
  claims.expires = second_of(*json, "exp", fine);
  if (!fine) return refused("nbf or exp is no whole number of seconds");
  return claims;
}

core::Result<void> check_claims(Claims const& claims, std::string_view issuer, std::string_view app_id,
                                core::Time now) {
  if (issuer.empty() || claims.issuer != issuer) return refused("somebody else issued it");
  if (app_id.empty() || claims.audience != app_id) return refused("it is for somebody else");
  auto const skew = std::chrono::duration_cast<std::chrono::seconds>(kClockSkew).count();
  auto const at = seconds_of(now);
  if (claims.not_before > at + skew) return refused("it is not valid yet");
  if (claims.expires < at - skew) return refused("it has expired");
  return boost::system::in_place_value;
}

bool same_service_url(std::string_view claim, std::string_view activity) {
  auto const plain = [](std::string_view url) {
    if (url.ends_with('/')) url.remove_suffix(1);
    return to_lower(url);
  };
  return !claim.empty() && !activity.empty() && plain(claim) == plain(activity);
}

core::Result<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() > kMaxTokenBytes + kScheme.size()) return refused("it is longer than 16 KiB");
  if (to_lower(authorization.substr(0, kScheme.size())) != kScheme) return refused("the scheme is not Bearer");
  auto const token = authorization.substr(kScheme.size());
  if (token.empty() || !std::ranges::all_of(token, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
      }))
    return refused("it is not one token");
  return token;
}

core::Result<Metadata> parse_metadata(std::string_view body) {
  auto const json = core::parse_json(body, {.max_bytes = 64 * 1024, .max_depth = 8, .max_values = 1000});
  Fields fields("The OpenID metadata");
  if (json.has_error() || !json->is_object())
    return core::make_error(Errc::bad_input, "The OpenID metadata is no JSON object.");
  Metadata out;
  out.issuer = fields.needed(*json, "issuer", kMaxUrl);
  out.jwks_uri = fields.needed(*json, "jwks_uri", kMaxUrl);
  if (fields.wrong()) return fields.error();
  return out;
}

core::Result<std::vector<Jwk>> parse_keys(std::string_view body) {
  auto const json = core::parse_json(
      body, {.max_bytes = kMaxKeySetBytes, .max_depth = 8, .max_values = 20'000, .max_string = 64 * 1024});
  auto const* list = json.has_value() ? (*json)["keys"].if_array() : nullptr;
  if (!list || list->size() > kMaxKeys)
    return core::make_error(Errc::bad_input, "The key set is refused: it is no list of at most 200 keys.");
  std::map<std::string, unsigned> named;
  std::vector<Jwk> keys;
  for (auto const& item : *list) {
    bool fine = true;
    Jwk key;
    key.kid = word_of(item, "kid", 256, fine);
    if (!fine) continue;
    ++named[key.kid];
    auto const n = decode_base64url(item["n"].text()), e = decode_base64url(item["e"].text());
    auto const& use = item["use"];
    auto const& algorithm = item["alg"];
    bool const signs = item["kty"].text() == "RSA" && (use.is_null() || use.text() == "sig") &&
                       (algorithm.is_null() || algorithm.text() == "RS256");
    // A public exponent of one would make every signature good; an even one is none.
    if (!signs || !n || n->size() < kMinModulus || n->size() > kMaxModulus || n->front() == '\0' || !e || e->empty() ||
        e->size() > 4 || (e->size() == 1 && e->front() <= 2) || (static_cast<unsigned char>(e->back()) & 1U) == 0)
      continue;
    key.n = *n;
    key.e = *e;
    auto const* endorsements = item["endorsements"].if_array();
    for (std::size_t i = 0; endorsements && i < endorsements->size() && i < 100; ++i) {
      if (auto const* channel = (*endorsements)[i].if_string(); channel && !channel->empty() && channel->size() <= 128)
        key.endorsements.push_back(*channel);
    }
    keys.push_back(std::move(key));
  }
  std::erase_if(keys, [&](Jwk const& key) { return named[key.kid] > 1; });
  if (keys.empty()) return core::make_error(Errc::bad_input, "The key set is refused: it holds no key for RS256.");
  return keys;
}

}  // namespace teams
