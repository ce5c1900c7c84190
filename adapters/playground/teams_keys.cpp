#include "adapters/playground/teams_keys.hpp"

#include <functional>
#include <map>

namespace playground {

using core::Json;

namespace {

constexpr std::int64_t kSkew = 300;  // seconds that a bot allows for clocks that differ

// What a flaw changes in a token that would be good.
struct Draft {
  Json header, claims;
  enum class Key { signing, without_teams, stranger, modulus_as_secret, none } key = Key::signing;
  bool sha512 = false;
  std::function<std::string(std::string)> mangle{};                // of "header.payload.signature"
  std::function<std::vector<std::string>(std::string)> headers{};  // of that: the Authorization headers
};

using Flaw = void (*)(Draft&, TeamsContext const&, std::int64_t now);

std::string part(std::string const& token, int which) {
  auto const first = token.find('.'), second = token.rfind('.');
  return which == 0   ? token.substr(0, first)
         : which == 1 ? token.substr(first + 1, second - first - 1)
                      : token.substr(second + 1);
}

template <class Text>
auto only(Text text) {
  return [text](std::string) { return std::vector<std::string>{std::string(text)}; };
}

void claim(Draft& d, char const* name, Json value) { d.claims.set(name, std::move(value)); }
void drop(Json& from, char const* name) { from.if_object()->erase(name); }

// In the order of the checks that they must not pass. Names are part of the control API.
std::vector<std::pair<std::string, Flaw>> const& flaws() {
  static std::vector<std::pair<std::string, Flaw>> const kFlaws{
      {"missing", [](Draft& d, auto&, auto) { d.headers = [](auto) { return std::vector<std::string>{}; }; }},
      {"empty", [](Draft& d, auto&, auto) { d.headers = only(""); }},
      {"scheme_alone", [](Draft& d, auto&, auto) { d.headers = only("Bearer"); }},
      {"no_scheme", [](Draft& d, auto&, auto) { d.headers = [](auto t) { return std::vector{t}; }; }},
      {"basic", [](Draft& d, auto&, auto) { d.headers = [](auto t) { return std::vector{"Basic " + t}; }; }},
      {"two_tokens",
       [](Draft& d, auto&, auto) { d.headers = [](auto t) { return std::vector{"Bearer " + t + " " + t}; }; }},
      {"two_headers",
       [](Draft& d, auto&, auto) {
         d.headers = [](auto t) { return std::vector<std::string>{"Bearer " + t, "Bearer " + t}; };
       }},
      {"huge", [](Draft& d, auto&, auto) { claim(d, "filler", std::string(20'000, 'x')); }},
      {"two_parts", [](Draft& d, auto&, auto) { d.mangle = [](auto t) { return t.substr(0, t.rfind('.')); }; }},
      {"four_parts", [](Draft& d, auto&, auto) { d.mangle = [](auto t) { return t + "." + part(t, 2); }; }},
      {"not_base64", [](Draft& d, auto&, auto) { d.mangle = [](auto t) { return "*" + t.substr(1); }; }},
      {"header_no_json",
       [](Draft& d, auto&, auto) {
         d.mangle = [](auto t) { return base64url("RS256") + "." + part(t, 1) + "." + part(t, 2); };
       }},
      {"header_list",
       [](Draft& d, auto&, auto) {
         d.mangle = [](auto t) { return base64url("[\"RS256\"]") + "." + part(t, 1) + "." + part(t, 2); };
       }},
      {"no_alg", [](Draft& d, auto&, auto) { drop(d.header, "alg"); }},
      {"alg_none",
       [](Draft& d, auto&, auto) {
         d.header.set("alg", "none");
         d.key = Draft::Key::none;
       }},
      {"alg_None",
       [](Draft& d, auto&, auto) {
         d.header.set("alg", "None");
         d.key = Draft::Key::none;
       }},
      {"alg_hs256",
       [](Draft& d, auto&, auto) {
         d.header.set("alg", "HS256");
         d.key = Draft::Key::modulus_as_secret;
       }},
      {"alg_hs256_named_rs256", [](Draft& d, auto&, auto) { d.key = Draft::Key::modulus_as_secret; }},
      {"alg_rs512",
       [](Draft& d, auto&, auto) {
         d.header.set("alg", "RS512");
         d.sha512 = true;
       }},
      {"alg_lower_case", [](Draft& d, auto&, auto) { d.header.set("alg", "rs256"); }},
      {"critical_extension", [](Draft& d, auto&, auto) { d.header.set("crit", Json::array({"b64"})); }},
      {"no_kid", [](Draft& d, auto&, auto) { drop(d.header, "kid"); }},
      {"kid_number", [](Draft& d, auto&, auto) { d.header.set("kid", 1); }},
      {"unknown_kid",
       [](Draft& d, auto&, auto) {
         d.header.set("kid", "nobody-knows-me");
         d.key = Draft::Key::stranger;
       }},
      {"strange_key", [](Draft& d, auto&, auto) { d.key = Draft::Key::stranger; }},
      {"key_in_header",
       [](Draft& d, auto&, auto) {
         d.key = Draft::Key::stranger;  // and authorization() puts it in
       }},
      {"key_not_for_teams", [](Draft& d, auto&, auto) { d.key = Draft::Key::without_teams; }},
      {"no_signature", [](Draft& d, auto&, auto) { d.key = Draft::Key::none; }},
      {"changed_signature",
       [](Draft& d, auto&, auto) {
         d.mangle = [](auto t) {
           auto const at = t.rfind('.') + 9;
           t[at] = t[at] == 'A' ? 'B' : 'A';
           return t;
         };
       }},
      {"changed_claims",
       [](Draft& d, auto&, auto) {
         auto claims = d.claims;
         claims.set("exp", d.claims["exp"].integer() + 1);
         d.mangle = [claims](auto t) { return part(t, 0) + "." + base64url(core::dump(claims)) + "." + part(t, 2); };
       }},
      {"claims_no_json", [](Draft& d, auto&, auto) { d.claims = Json("not an object"); }},
      {"no_issuer", [](Draft& d, auto&, auto) { drop(d.claims, "iss"); }},
      {"wrong_issuer", [](Draft& d, auto&, auto) { claim(d, "iss", "https://api.botframework.example"); }},
      {"government_issuer", [](Draft& d, auto&, auto) { claim(d, "iss", "https://api.botframework.us"); }},
      {"issuer_list", [](Draft& d, auto&, auto) { claim(d, "iss", Json::array({"https://api.botframework.com"})); }},
      {"emulator_v1",
       [](Draft& d, TeamsContext const& c, auto) {
         claim(d, "iss", "https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/");
         claim(d, "ver", "1.0");
         claim(d, "appid", c.world().app_id);
       }},
      {"emulator_v2",
       [](Draft& d, TeamsContext const& c, auto) {
         claim(d, "iss", "https://login.microsoftonline.com/d6d49420-f39b-4df7-a1dc-d59a935871db/v2.0");
         claim(d, "ver", "2.0");
         claim(d, "azp", c.world().app_id);
       }},
      {"no_audience", [](Draft& d, auto&, auto) { drop(d.claims, "aud"); }},
      {"wrong_audience", [](Draft& d, auto&, auto) { claim(d, "aud", "00000000-0000-4000-8000-000000000000"); }},
      {"audience_list",
       [](Draft& d, TeamsContext const& c, auto) {
         claim(d, "aud", Json::array({c.world().app_id, "another"}));
       }},
      {"api_audience",
       [](Draft& d, TeamsContext const& c, auto) { claim(d, "aud", "api://botid-" + c.world().app_id); }},
      {"no_expiry", [](Draft& d, auto&, auto) { drop(d.claims, "exp"); }},
      {"expiry_text", [](Draft& d, auto&, auto now) { claim(d, "exp", std::to_string(now + 3'600)); }},
      {"expired", [](Draft& d, auto&, auto now) { claim(d, "exp", now - kSkew - 30); }},
      {"not_yet", [](Draft& d, auto&, auto now) { claim(d, "nbf", now + kSkew + 30); }},
      {"no_service_url", [](Draft& d, auto&, auto) { drop(d.claims, "serviceurl"); }},
      {"wrong_service_url", [](Draft& d, auto&, auto) { claim(d, "serviceurl", "https://smba.example/emea/"); }},
  };
  return kFlaws;
}

}  // namespace

std::vector<std::string> const& TeamsStandIn::bad_tokens() {
  static auto const kNames = [] {
    std::vector<std::string> names;
    for (auto const& [name, flaw] : flaws()) names.push_back(name);
    return names;
  }();
  return kNames;
}

TeamsKeys::Key TeamsKeys::make(std::vector<std::string> endorsements) {
  return {context_.random_text(27), RsaKey::shared(made_++), std::move(endorsements)};
}
TeamsKeys::Key& TeamsKeys::signing() {
  if (!signing_) signing_ = make({"msteams", "webchat", "directline", "emulator", "slack"});
  return *signing_;
}
TeamsKeys::Key& TeamsKeys::without_teams() {
  if (!without_teams_) without_teams_ = make({"webchat", "directline"});
  return *without_teams_;
}
TeamsKeys::Key& TeamsKeys::stranger() {
  if (!stranger_) stranger_ = make({});
  return *stranger_;
}

void TeamsKeys::roll(bool keep_old) {
  auto fresh = make(signing().endorsements);
  old_ = keep_old ? std::move(signing_) : std::nullopt;
  signing_ = std::move(fresh);
}

Json TeamsKeys::metadata() const {
  return Json::object({{"issuer", "https://api.botframework.com"},
                       {"authorization_endpoint", "https://invalid.botframework.com"},
                       {"jwks_uri", context_.origin + "/v1/.well-known/keys"},
                       {"id_token_signing_alg_values_supported", Json::array({"RS256"})},
                       {"token_endpoint_auth_methods_supported", Json::array({"private_key_jwt"})}});
}

Json TeamsKeys::published() {
  auto keys = Json::array();
  auto add = [&](Key const& key) {
    auto endorsements = Json::array();
    for (auto const& one : key.endorsements) endorsements.push(one);
    keys.push(Json::object({{"kty", "RSA"},
                            {"use", "sig"},
                            {"kid", key.kid},
                            {"x5t", key.kid},
                            {"n", key.key.modulus()},
                            {"e", key.key.exponent()},
                            {"endorsements", endorsements}}));
  };
  if (old_) add(*old_);
  add(without_teams());
  add(signing());
  return Json::object({{"keys", keys}});
}

std::vector<std::string> TeamsKeys::authorization(Json const& activity, TeamsToken const& token) {
  if (token.authorization) return {*token.authorization};
  auto const now = std::chrono::duration_cast<std::chrono::seconds>(context_.now().time_since_epoch()).count();
  auto const life = std::chrono::duration_cast<std::chrono::seconds>(context_.options.connector_token_life).count();
  Draft draft;
  draft.claims = Json::object({{"serviceurl", activity["serviceUrl"]},
                               {"nbf", std::int64_t{now}},
                               {"exp", std::int64_t{now + life}},
                               {"iss", "https://api.botframework.com"},
                               {"aud", context_.world().app_id}});
  draft.header = Json::object({{"alg", "RS256"}, {"typ", "JWT"}, {"kid", signing().kid}, {"x5t", signing().kid}});
  for (auto const& [name, flaw] : flaws()) {
    if (name == token.flaw) flaw(draft, context_, now);
  }
  auto const& signer = draft.key == Draft::Key::without_teams ? without_teams()
                       : draft.key == Draft::Key::stranger    ? stranger()
                                                              : signing();
  if (draft.key == Draft::Key::without_teams) draft.header.set("kid", signer.kid);
  if (token.flaw == "key_in_header") {
    draft.header.set("jwk", Json::object({{"kty", "RSA"}, {"n", signer.key.modulus()}, {"e", signer.key.exponent()}}));
  }
  merge_patch(draft.header, token.header);
  if (draft.claims.is_object()) merge_patch(draft.claims, token.claims);
  auto const signed_part = base64url(core::dump(draft.header)) + "." + base64url(core::dump(draft.claims));
  std::string signature;
  if (draft.key == Draft::Key::modulus_as_secret) {
    signature = hmac_sha256(signing().key.modulus(), signed_part);
  } else if (draft.key != Draft::Key::none) {
    signature = signer.key.sign(signed_part, draft.sha512);
  }
  auto text = signed_part + "." + base64url(signature);
  if (draft.mangle) text = draft.mangle(std::move(text));
  if (draft.headers) return draft.headers(text);
  return {"Bearer " + text};
}

}  // namespace playground
