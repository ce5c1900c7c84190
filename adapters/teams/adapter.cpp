#include "adapters/teams/adapter.hpp"

#include <algorithm>

#include "adapters/teams/access_token.hpp"
#include "adapters/teams/card_memory.hpp"
#include "adapters/teams/connector.hpp"
#include "adapters/teams/directory.hpp"
#include "adapters/teams/endpoint.hpp"
#include "adapters/teams/files.hpp"
#include "adapters/teams/inbound.hpp"
#include "adapters/teams/interactions.hpp"
#include "adapters/teams/outbox.hpp"
#include "adapters/teams/relay.hpp"
#include "adapters/teams/settings_check.hpp"
#include "adapters/teams/token_check.hpp"

namespace teams {

struct Adapter::Impl {
  Impl(Settings given, Parts const& given_parts)
      : settings(checked(std::move(given))),
        parts(given_parts),
        tokens(parts, settings, counters, [this](std::string const& why) { login_trouble(why); }),
        connector(parts, settings, counters, tokens,
                  [this](std::string const& why) {
                    connector_detail = why;
                    report();
                    if (connector.refused()) locked_out(why);
                  }),
        directory(parts, settings, connector),
        outbox(parts, settings, connector, directory, memory, counters),
        files(settings, outbox, counters),
        check(parts, settings, counters, [this](std::string const& why) {
          keys_known = true;
          keys_detail = why;
          report();
        }) {}

  void start(ports::ChatSink& to) {
    sink = &to;
    directory.load();
    interactions = std::make_unique<Interactions>(parts, settings, directory, memory, outbox, counters, *sink);
    inbound = std::make_unique<Inbound>(parts, settings, check, directory, *interactions, counters);
    check.start();
    // Asked for now, so that a wrong secret shows at the start and not with the first request.
    tokens.get(alive.guard([this](core::Result<std::string> const& token) {
      if (token.has_value()) directory.start();
    }));
    if (settings.relay) {
      relay = std::make_unique<Relay>(
          parts, settings, counters,
          [this](RelayRequest const& request, std::string body, std::function<void(net::HttpResponse)> done) {
            inbound->handle(
                {request.method, request.target.substr(0, request.target.find('?')), request.headers, std::move(body)},
                std::move(done));
          },
          alive.guard([this](bool open, std::string const& detail) {
            relay_open = open;
            relay_detail = detail;
            report();
          }));
      relay->start();
    }
    if (settings.endpoint) {
      endpoint = std::make_unique<Endpoint>(parts, *settings.endpoint, *inbound,
                                            alive.guard([this](bool open, std::string const& detail) {
                                              endpoint_open = open;
                                              endpoint_detail = detail;
                                              report();
                                            }));
      endpoint->start();
    }
  }

  void login_trouble(std::string const& why) {
    login_detail = why;
    if (why.empty()) directory.start();
    report();
    if (tokens.refused()) locked_out(why);
  }

  void locked_out(std::string const& why) {
    if (sink) sink->locked_out("teams", why);
  }

  // Connected: activities can arrive and be believed, and what we say can go out.
  void report() {
    if (!sink || !keys_known) return;
    bool const connected =
        (relay_open || endpoint_open) && login_detail.empty() && connector_detail.empty() && keys_detail.empty();
    counters.connected = connected ? 1 : 0;
    std::string detail = login_detail;
    for (auto const* more : {&connector_detail, &keys_detail, &relay_detail, &endpoint_detail}) {
      if (!more->empty()) detail += (detail.empty() ? "" : " ") + *more;
    }
    std::pair const state{connected, detail};
    if (reported == state || (!reported && !connected && detail.empty())) return;  // nothing to tell yet
    reported = state;
    sink->connection("teams", connected, detail);
  }

  void stop() {
    alive.end();
    if (endpoint) endpoint->stop();
    if (relay) relay->stop();
    if (inbound) inbound->stop();
    if (interactions) interactions->stop();
    check.stop();
    files.stop();
    outbox.stop();
    directory.stop();
    connector.stop();
    tokens.stop();
    counters.connected = 0;
  }

  Settings settings;
  Parts parts;
  Counters counters;
  Alive alive;
  CardMemory memory;
  AccessTokens tokens;
  Connector connector;
  Directory directory;
  Outbox outbox;
  Files files;
  TokenCheck check;
  std::unique_ptr<Interactions> interactions;
  std::unique_ptr<Inbound> inbound;
  std::unique_ptr<Relay> relay;
  std::unique_ptr<Endpoint> endpoint;
  ports::ChatSink* sink = nullptr;
  bool relay_open = false, endpoint_open = false, keys_known = false;
  std::string login_detail, connector_detail, keys_detail, relay_detail, endpoint_detail;
  std::optional<std::pair<bool, std::string>> reported;
};

Adapter::Adapter(Settings settings, Parts parts) : impl_(std::make_unique<Impl>(std::move(settings), parts)) {}
Adapter::~Adapter() { stop(); }

void Adapter::start(ports::ChatSink& sink) { impl_->start(sink); }
void Adapter::stop() { impl_->stop(); }

ports::Rendered Adapter::render(core::Card const& card, std::string const&) const {
  return render_card(card, impl_->settings.people, impl_->directory.watchers(card.concerned));
}
ports::Rendered Adapter::render(core::Note const& note, std::string const&) const {
  return render_note(note, impl_->settings.people);
}

void Adapter::post(std::string channel, std::optional<ports::MessageRef> thread, core::Json body, std::string key,
                   ports::Time, std::function<void(ports::Result<ports::MessageRef>)> done) {
  impl_->outbox.post(std::move(channel), thread, std::move(body), std::move(key), std::move(done));
}
void Adapter::update(ports::MessageRef message, core::Json body, std::function<void(ports::Result<void>)> done,
                     ports::Urgency urgency) {
  impl_->outbox.update(message, std::move(body), std::move(done), urgency);
}
void Adapter::find(std::string, std::optional<ports::MessageRef>, std::string, ports::Time,
                   std::function<void(ports::Result<std::optional<ports::MessageRef>>)> done) {
  impl_->parts.loop.post(impl_->alive.guard([done = std::move(done)] { done(std::optional<ports::MessageRef>{}); }));
}
void Adapter::attach(std::string channel, ports::MessageRef thread, ports::ChatFile file, std::string key, ports::Time,
                     std::function<void(ports::Result<core::InThread>)> done) {
  impl_->files.attach(std::move(channel), thread, file, std::move(key), std::move(done));
}
void Adapter::whisper(ports::Account const& to, std::string channel, std::string text) {
  if (impl_->interactions) impl_->interactions->whisper(to.id, channel, text);
}

void Adapter::is_active(std::string account, std::function<void(ports::Result<bool>)> done) {
  impl_->directory.look(account, std::move(done));
}

void Adapter::set_people_and_channels(People people, std::vector<std::string> channels) {
  for (auto& [person, account] : people) account = to_lower(account);
  impl_->settings.people = std::move(people);
  impl_->settings.channels = std::move(channels);
  impl_->directory.configured();
}
core::Result<std::function<void()>> Adapter::fresh_secrets(Settings const& fresh) {
  auto next = impl_->settings;
  next.app_secret = fresh.app_secret;
  if (next.relay && fresh.relay) next.relay->key = fresh.relay->key;
  try {
    next = checked(std::move(next));
  } catch (core::Failure const& failure) {
    return failure.error();
  }
  if (impl_->endpoint) {
    if (auto const fits = impl_->endpoint->check_certificate(); !fits) return fits.error();
  }
  return std::function<void()>([this, next = std::move(next)] {
    bool const other = std::exchange(impl_->settings.app_secret, next.app_secret) != next.app_secret;
    if (impl_->settings.relay) impl_->settings.relay->key = next.relay->key;
    if (other) {
      impl_->tokens.renew();
      impl_->connector.renew();
    }
    if (impl_->endpoint) impl_->endpoint->reread_certificate();
  });
}
std::uint16_t Adapter::endpoint_port() const { return impl_->endpoint ? impl_->endpoint->port() : 0; }
Counters const& Adapter::counters() const { return impl_->counters; }

std::vector<ports::Figure> Adapter::figures() const {
  auto const& c = impl_->counters;
  auto const figure = [](char const* name, char const* help, std::uint64_t value) {
    return ports::Figure{std::string("teams_") + name, help, static_cast<double>(value)};
  };
  return {
      figure("connected", "1 while activities can arrive and messages can go out", c.connected),
      figure("listeners", "Relay listeners that are open", c.listeners),
      figure("signing_keys", "Keys that may sign activities", c.keys),
      figure("dials_total", "Relay listeners dialled", c.dials),
      figure("listeners_lost_total", "Relay listeners that ended without our doing", c.lost),
      figure("renewals_total", "Relay tokens renewed", c.renewals),
      figure("probe_misses_total", "Questions to ourselves that did not come through the relay", c.probe_misses),
      figure("rendezvous_total", "Requests fetched from a socket of their own", c.rendezvous),
      figure("accepts_refused_total", "WebSocket clients refused", c.accepts_refused),
      figure("requests_total", "Requests to the messaging endpoint", c.requests),
      figure("refused_requests_total", "Requests refused", c.refused_requests),
      figure("refused_tokens_total", "Requests refused for their token", c.refused_tokens),
      figure("duplicates_total", "Activities that had been delivered before", c.duplicates),
      figure("refused_frames_total", "Relay messages that could not be used", c.refused_frames),
      figure("answers_by_timer_total", "Requests answered before their outcome was known", c.answers_by_timer),
      figure("answers_lost_total", "Answers whose socket was gone", c.answers_lost),
      figure("refreshes_total", "Times that a client asked for a card as it stands", c.refreshes),
      figure("key_fetches_total", "Times that the signing keys were fetched", c.key_fetches),
      figure("token_fetches_total", "Times that our own token was fetched", c.token_fetches),
      figure("calls_total", "Calls of the Connector", c.calls),
      figure("rate_limited_total", "Calls that Teams put off (429)", c.rate_limited),
      figure("call_failures_total", "Calls that failed", c.call_failures),
      figure("posts_total", "Messages posted", c.posts),
      figure("posts_in_doubt_total", "Posts of which nobody knows whether Teams took them", c.posts_in_doubt),
      figure("posts_repeated_total", "Posts repeated after a doubt", c.posts_repeated),
      figure("updates_total", "Messages updated", c.updates),
      figure("updates_coalesced_total", "Updates that a later one made needless", c.updates_coalesced),
      figure("files_as_text_total", "Files whose text was shown in a thread", c.files_as_text),
      figure("fallbacks_total", "Messages sent as plain text because Teams refused their card", c.fallbacks),
      figure("answers_dropped_total", "Answers to one person that were left out because too many waited",
             c.answers_dropped),
  };
}

}  // namespace teams
