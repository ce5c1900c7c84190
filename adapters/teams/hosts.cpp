#include "adapters/teams/hosts.hpp"

#include <algorithm>
#include <array>

#include "bot/net/url.hpp"

namespace teams {

namespace {

constexpr std::array<std::string_view, 4> kServices{"smba.trafficmanager.net", "smba.infra.gcc.teams.microsoft.com",
                                                    "smba.infra.gov.teams.microsoft.us",
                                                    "smba.infra.dod.teams.microsoft.us"};
constexpr std::string_view kFrameworkDomain = ".botframework.com";

// "servicebus.windows.net" of "ns.servicebus.windows.net"; nothing when what is left would be a mere "net".
std::string_view domain_of(std::string_view host) {
  auto const dot = host.find('.');
  if (dot == std::string_view::npos) return {};
  auto const domain = host.substr(dot);
  return std::ranges::count(domain, '.') >= 2 ? domain : std::string_view{};
}

}  // namespace

bool is_trusted_service(std::string_view text, Settings const& settings) {
  auto const url = net::parse_url(text);
  if (url.has_error() || url->websocket() || net::check_transport(*url).has_error()) return false;
  if (url->target.find('?') != std::string::npos) return false;
  if (auto const own = net::parse_url(settings.service_url); own.has_value() && own->origin() == url->origin())
    return true;
  if (settings.test_hosts.contains(url->host)) return true;
  if (!url->tls() || url->port != 443) return false;
  return std::ranges::find(kServices, url->host) != kServices.end() || url->host.ends_with(kFrameworkDomain);
}

bool is_relay_address(std::string_view text, Settings const& settings) {
  auto const url = net::parse_url(text);
  auto const relay = settings.relay ? net::parse_url(settings.relay->url) : net::parse_url("");
  if (url.has_error() || relay.has_error() || !url->websocket() || net::check_transport(*url).has_error()) return false;
  if (settings.test_hosts.contains(url->host)) return true;
  if (relay->is_loopback()) return url->is_loopback();
  if (!url->tls()) return false;
  auto const domain = domain_of(relay->host);
  return url->host == relay->host || (!domain.empty() && url->host.ends_with(domain));
}

bool may_name_keys(std::string_view metadata_url, std::string_view keys_url) {
  auto const from = net::parse_url(metadata_url), to = net::parse_url(keys_url);
  return from.has_value() && to.has_value() && from->origin() == to->origin();
}

std::string join_url(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base) + '/' + std::string(path);
}

}  // namespace teams
