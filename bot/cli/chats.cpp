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

template <class Adapter, class Section, class Parts>
void Chats::add(config::Config const& config, std::optional<Section> config::Chat::*section, Parts parts) {
  if (!(config.chat.*section)) return;
  auto adapter = std::make_unique<Adapter>(settings_of(*(config.chat.*section)), std::move(parts));
  auto* const made = adapter.get();
  auto const configure = [made](core::Rules const& now) {
    made->set_people_and_channels(accounts_on(now, made->platform()), channels_on(now, made->platform()));
  };
  configure(config.rules);
  chats_.push_back({std::move(adapter), configure, [made, section](config::Chat const& chat) {
                      auto take = made->fresh_secrets(settings_of(*(chat.*section)));
                      if (!take) throw core::Failure(take.error());
                      return *take;
                    }});
}

Chats::Chats(config::Config const& config, ChatParts const& parts) {
  add<slack::Adapter>(config, &config::Chat::slack,
                      slack::Parts{.loop = parts.loop, .http = parts.http, .dialer = parts.dialer, .log = parts.log});
  add<teams::Adapter>(config, &config::Chat::teams,
                      teams::Parts{.loop = parts.loop,
                                   .http = parts.http,
                                   .dialer = parts.dialer,
                                   .log = parts.log,
                                   .notebook = parts.notebook,
                                   .io = parts.io});
  add<matrix::Adapter>(config, &config::Chat::matrix,
                       matrix::Parts{.loop = parts.loop,
                                     .http = parts.http,
                                     .dialer = parts.dialer,
                                     .log = parts.log,
                                     .notebook = parts.notebook});
}

std::vector<ports::ChatAdapter*> Chats::adapters() const {
  std::vector<ports::ChatAdapter*> all;
  for (auto const& chat : chats_) all.push_back(chat.adapter.get());
  return all;
}

std::vector<ports::Accounts*> Chats::accounts() const {
  std::vector<ports::Accounts*> all;
  for (auto const& chat : chats_) {
    if (auto* const tells = dynamic_cast<ports::Accounts*>(chat.adapter.get())) all.push_back(tells);
  }
  return all;
}

std::vector<ports::Groups*> Chats::groups() const {
  std::vector<ports::Groups*> all;
  for (auto const& chat : chats_) {
    if (auto* const keeps = dynamic_cast<ports::Groups*>(chat.adapter.get())) all.push_back(keeps);
  }
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

core::Result<std::function<void()>> Chats::read_secrets_again(config::Chat const& chat) const {
  std::vector<std::function<void()>> all;
  try {
    for (auto const& one : chats_) all.push_back(one.fresh_secrets(chat));
  } catch (core::Failure const& failure) {
    return failure.error();
  }
  return std::function<void()>([all = std::move(all)] {
    for (auto const& take : all) take();
  });
}

}  // namespace cli
