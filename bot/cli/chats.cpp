#include "bot/cli/chats.hpp"

#include <utility>

#include "adapters/matrix/adapter.hpp"
#include "adapters/slack/adapter.hpp"
#include "adapters/teams/adapter.hpp"

namespace cli {

namespace {

slack::Settings settings_of(config::Slack const& chat) {
  return {.workspace = chat.workspace,
          .api_url = chat.api_url,
          .app_token = reveal(chat.app_token),
          .bot_token = reveal(chat.bot_token),
          .connections = chat.connections,
          .people = {},
          .channels = {}};
}

teams::Settings settings_of(config::Teams const& chat) {
  teams::Settings settings{.tenant = chat.tenant,
                           .app_id = chat.app_id,
                           .app_secret = reveal(chat.app_secret),
                           .service_url = chat.service_url,
                           .login_url = chat.login_url,
                           .openid_url = chat.openid_url,
                           .issuer = chat.issuer,
                           .relay = {},
                           .endpoint = {},
                           .test_hosts = {},
                           .people = {},
                           .channels = {}};
  if (chat.relay)
    settings.relay = teams::RelaySettings{.url = chat.relay->url,
                                          .path = chat.relay->path,
                                          .key_name = chat.relay->key_name,
                                          .key = reveal(chat.relay->key),
                                          .listeners = chat.relay->listeners};
  if (chat.endpoint)
    settings.endpoint =
        teams::EndpointSettings{.address = chat.endpoint->host == "localhost" ? "127.0.0.1" : chat.endpoint->host,
                                .port = chat.endpoint->port,
                                .certificate_file = chat.endpoint->certificate,
                                .key_file = chat.endpoint->key.name()};
  return settings;
}

matrix::Settings settings_of(config::Matrix const& chat) {
  bool const polls = chat.transport == config::Matrix::Transport::sync;
  return {.homeserver = chat.homeserver,
          .transport = polls ? matrix::Transport::sync : matrix::Transport::websocket,
          .user = chat.user,
          .access_token = chat.access_token ? reveal(*chat.access_token) : "",
          .password = chat.password ? reveal(*chat.password) : "",
          .as_token = chat.as_token ? reveal(*chat.as_token) : "",
          .device_id = chat.device_id,
          .short_lived_tokens = chat.short_lived_tokens,
          .proxy = chat.proxy,
          .people = {},
          .channels = {}};
}

}  // namespace

std::map<std::string, std::string> accounts_on(core::Rules const& rules, std::string const& platform) {
  std::map<std::string, std::string> people;
  for (auto const& [key, person] : rules.people) {
    if (auto const account = person.accounts.find(platform); account != person.accounts.end())
      people.emplace(key, account->second);
  }
  return people;
}

std::vector<std::string> channels_on(core::Rules const& rules, std::string const& platform) {
  std::vector<std::string> ids;
  for (auto const& [name, addresses] : rules.channels) {
    if (auto const address = addresses.find(platform); address != addresses.end()) ids.push_back(address->second);
  }
  return ids;
}

std::string reveal(config::Secret const& secret) {
  auto const value = secret.resolve();
  if (!value) throw core::Failure(value.error());
  return std::string(value->reveal());
}

template <class Adapter, class Settings, class Parts>
void Chats::add(Settings settings, Parts parts, core::Rules const& rules) {
  auto adapter = std::make_unique<Adapter>(std::move(settings), std::move(parts));
  auto* const made = adapter.get();
  auto const configure = [made](core::Rules const& now) {
    made->set_people_and_channels(accounts_on(now, made->platform()), channels_on(now, made->platform()));
  };
  configure(rules);
  chats_.push_back({std::move(adapter), configure});
}

Chats::Chats(config::Config const& config, ChatParts const& parts) {
  auto const& chat = config.chat;
  if (chat.slack)
    add<slack::Adapter>(settings_of(*chat.slack),
                        slack::Parts{.loop = parts.loop, .http = parts.http, .dialer = parts.dialer, .log = parts.log},
                        config.rules);
  if (chat.teams)
    add<teams::Adapter>(settings_of(*chat.teams),
                        teams::Parts{.loop = parts.loop,
                                     .http = parts.http,
                                     .dialer = parts.dialer,
                                     .log = parts.log,
                                     .notebook = parts.notebook,
                                     .io = parts.io},
                        config.rules);
  if (chat.matrix)
    add<matrix::Adapter>(settings_of(*chat.matrix),
                         matrix::Parts{.loop = parts.loop,
                                       .http = parts.http,
                                       .dialer = parts.dialer,
                                       .log = parts.log,
                                       .notebook = parts.notebook},
                         config.rules);
}

std::vector<ports::ChatAdapter*> Chats::adapters() const {
  std::vector<ports::ChatAdapter*> all;
  for (auto const& chat : chats_) all.push_back(chat.adapter.get());
  return all;
}

void Chats::start(ports::ChatSink& sink) {
  for (auto const& chat : chats_) chat.adapter->start(sink);
}

void Chats::stop() {
  for (auto const& chat : chats_) chat.adapter->stop();
}

void Chats::configure(core::Rules const& rules) {
  for (auto const& chat : chats_) chat.configure(rules);
}

}  // namespace cli
