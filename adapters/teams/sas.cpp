#include "adapters/teams/sas.hpp"

#include "adapters/teams/encoding.hpp"
#include "adapters/teams/wire.hpp"
#include "bot/net/url.hpp"

namespace teams {

std::string sas_resource(std::string_view host, std::string_view path) {
  return "http://" + to_lower(host) + '/' + std::string(path) + '/';
}

std::string make_sas(std::string_view resource, std::string_view key_name, std::string_view key, std::int64_t expires) {
  auto const sr = net::percent_encode(resource);
  auto const se = std::to_string(expires);
  auto const signature = base64(hmac_sha256(key, sr + '\n' + se));
  return "SharedAccessSignature sr=" + sr + "&sig=" + net::percent_encode(signature) + "&se=" + se +
         "&skn=" + net::percent_encode(key_name);
}

}  // namespace teams
