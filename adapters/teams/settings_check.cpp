#include "adapters/teams/settings_check.hpp"

#include <algorithm>

#include "adapters/teams/wire.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace teams {

namespace {

[[noreturn]] void refuse(std::string const& what) {
  throw core::Failure(core::make_error(core::Errc::bad_input, what));
}

bool is_guid(std::string_view text) {
  constexpr std::string_view kForm = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
  return text.size() == kForm.size() && std::ranges::equal(text, kForm, [](char c, char form) {
           return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void check_url(std::string const& name, std::string const& text, bool websocket) {
  auto const url = net::parse_url(text);
  if (url.has_error() || url->websocket() != websocket)
    refuse("chat.teams." + name + " must be a " + (websocket ? "wss" : "https") + ":// URL.");
  if (auto const allowed = net::check_transport(*url); allowed.has_error())
    refuse("chat.teams." + name + ": " + allowed.error().text);
}

void check_relay(RelaySettings& relay) {
  while (relay.url.ends_with('/')) relay.url.pop_back();
  check_url("relay.url", relay.url, true);
  if (net::parse_url(relay.url)->target != "/")
    refuse("chat.teams.relay.url has a path: the hybrid connection's name goes to path.");
  auto const in_path = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == '/';
  };
  if (relay.path.empty() || relay.path.size() > 260 || relay.path.front() == '/' || relay.path.back() == '/' ||
      !std::ranges::all_of(relay.path, in_path))
    refuse("chat.teams.relay.path must be the hybrid connection's name, without \"/\" around it.");
  if (relay.key_name.empty() || relay.key_name.size() > 256 || relay.key.empty() || relay.key.size() > 256)
    refuse("chat.teams.relay needs key_name and key of a rule with the right Listen.");
  if (relay.listeners < 1 || relay.listeners > 25) refuse("chat.teams.relay.listeners must be 1 to 25.");
}

void check_endpoint(EndpointSettings const& endpoint) {
  if (endpoint.certificate_file.empty() != endpoint.key_file.empty())
    refuse("chat.teams.endpoint needs certificate and key, or neither.");
  // Whoever reads a token on the way can use it: nothing but this machine may send us one in the clear.
  if (endpoint.certificate_file.empty()) {
    bool const ipv6 = endpoint.address.find(':') != std::string::npos;
    auto const url = net::parse_url("http://" + (ipv6 ? '[' + endpoint.address + ']' : endpoint.address));
    if (url.has_error() || !url->is_loopback())
      refuse(
          "chat.teams.endpoint would take plain HTTP from other hosts: give certificate and key, or listen on "
          "127.0.0.1 behind a proxy that speaks TLS.");
  }
}

}  // namespace

Settings checked(Settings settings) {
  for (auto* id : {&settings.tenant, &settings.app_id}) *id = to_lower(*id);
  if (!is_guid(settings.tenant)) refuse("chat.teams.tenant must be the organisation's tenant id, a GUID.");
  if (!is_guid(settings.app_id)) refuse("chat.teams.app_id must be the app registration's client id, a GUID.");
  if (settings.app_secret.empty()) refuse("chat.teams.app_secret is missing: give a client secret of the app.");
  if (core::has_control(settings.app_secret) || settings.app_secret.size() > 1024)
    refuse("chat.teams.app_secret holds a control character or is too long: check the secret's file.");
  check_url("service_url", settings.service_url, false);
  check_url("login_url", settings.login_url, false);
  check_url("openid_url", settings.openid_url, false);
  if (settings.issuer.empty()) refuse("chat.teams.issuer is missing: it is https://api.botframework.com.");
  if (!settings.relay && !settings.endpoint)
    refuse("chat.teams names no way by which Teams reaches the bot: give relay or endpoint.");
  if (settings.relay) check_relay(*settings.relay);
  if (settings.endpoint) check_endpoint(*settings.endpoint);
  for (auto& [person, account] : settings.people) account = to_lower(account);
  return settings;
}

}  // namespace teams
