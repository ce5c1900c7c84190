#include "adapters/playground/teams_sas.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "adapters/playground/form.hpp"
#include "adapters/playground/teams_crypto.hpp"
#include "bot/net/url.hpp"

namespace playground {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string decode(std::string_view text) {
  std::string kept;  // '+' is itself here
  for (char const c : text) kept += c == '+' ? std::string("%2B") : std::string(1, c);
  return decode_form(kept);
}

// Whether a token for `resource` is good for the hybrid connection: the namespace itself, or a prefix in whole
// segments.
bool covers(std::string const& resource, std::string_view host, std::string const& path) {
  auto const url = net::parse_url(resource);
  if (!url || url->scheme != "http") return false;
  if (url->host != lower(host.substr(0, host.rfind(':')))) return false;
  auto target = lower(url->target);
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  auto const whole = "/" + lower(path);
  return target == "/" || target == whole || whole.starts_with(target + "/");
}

}  // namespace

SasVerdict check_sas(std::string_view token, std::string_view host, TeamsWorld const& world, SasRight right,
                     core::Time now) {
  auto bad = [](char const* why) { return SasVerdict{401, why, {}}; };
  if (token.empty()) return bad("MissingToken: a token is needed");
  static constexpr std::string_view kScheme = "SharedAccessSignature ";
  if (!token.starts_with(kScheme)) return bad("MalformedToken: the token is no SharedAccessSignature");
  std::map<std::string, std::string, std::less<>> raw;
  for (auto rest = token.substr(kScheme.size()); !rest.empty();) {
    auto const pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    auto const equals = pair.find('=');
    if (equals == std::string_view::npos) return bad("MalformedToken: a part of the token has no value");
    if (!raw.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second) {
      return bad("MalformedToken: a part of the token is there twice");
    }
  }
  for (auto const* part : {"sr", "sig", "se", "skn"}) {
    if (!raw.contains(part)) return bad("MalformedToken: the token lacks one of sr, sig, se, skn");
  }
  auto const name = decode(raw["skn"]);
  bool const listen = name == world.listen_key_name;
  if (!listen && name != world.send_key_name) return bad("InvalidSignature: there is no such key");
  auto const& key = listen ? world.listen_key : world.send_key;
  auto const signature = base64(hmac_sha256(key, raw["sr"] + "\n" + raw["se"]));
  if (!same_bytes(signature, decode(raw["sig"]))) return bad("InvalidSignature: the signature is wrong");
  auto const& seconds = raw["se"];
  if (seconds.empty() || seconds.size() > 12 || seconds.find_first_not_of("0123456789") != std::string::npos) {
    return bad("MalformedToken: se is no time");
  }
  core::Time const until{std::chrono::seconds(std::stoll(seconds))};
  if (until <= now) return bad("ExpiredToken: the token has expired");
  if (!covers(decode(raw["sr"]), host, world.relay_path))
    return bad("InvalidAudience: the token is for something else");
  if (listen != (right == SasRight::listen)) return {403, "Unauthorized: the key lacks the right", until};
  return {0, {}, until};
}

}  // namespace playground
