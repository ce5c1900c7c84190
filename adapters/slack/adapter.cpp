#include "adapters/slack/adapter.hpp"

#include <algorithm>

#include "adapters/slack/accounts.hpp"
#include "adapters/slack/files.hpp"
#include "adapters/slack/interactions.hpp"
#include "adapters/slack/outbox.hpp"
#include "adapters/slack/socket_mode.hpp"
#include "adapters/slack/usergroups.hpp"
#include "adapters/slack/web_api.hpp"
#include "bot/net/url.hpp"

namespace slack {

namespace {

using core::Errc;

[[noreturn]] void refuse(std::string const& what) { throw core::Failure(core::make_error(Errc::bad_input, what)); }

std::string why_not_tokens(std::string const& app_token, std::string const& bot_token) {
  if (app_token.empty() || bot_token.empty())
    return "chat.slack needs two tokens: app_token (xapp-) and bot_token (xoxb-).";
  for (auto const* token : {&app_token, &bot_token}) {
    if (std::ranges::any_of(*token, [](char c) { return c <= 0x20 || c >= 0x7f; }))
      return "A Slack token holds a blank or control character: check the secret's file.";
  }
  return {};
}

Settings checked(Settings settings) {
  auto const url = net::parse_url(settings.api_url);
  if (url.has_error() || url->websocket() || !settings.api_url.ends_with('/'))
    refuse("chat.slack.api_url must be an https:// URL that ends with \"/\".");
  if (auto const allowed = net::check_transport(*url); allowed.has_error())
    refuse("chat.slack.api_url: " + allowed.error().text);
  if (settings.workspace.empty()) refuse("chat.slack.workspace is missing: give the workspace's id, e.g. T0123456789.");
  if (auto const why = why_not_tokens(settings.app_token, settings.bot_token); !why.empty()) refuse(why);
  if (settings.connections < 1 || settings.connections > 10) refuse("chat.slack.connections must be 1 to 10.");
  return settings;
}

}  // namespace

struct Adapter::Impl {
  Impl(Settings given, Parts const& given_parts)
      : settings(checked(std::move(given))),
        parts(given_parts),
        api(parts, settings, counters, [this](core::Error const& error) { give_up(error); }),
        outbox(parts, api, counters),
        files(parts, api, outbox, counters),
        usergroups(api),
        accounts(parts, settings, api) {}

  void make_sockets() {
    auto const last = sockets ? sockets->last_link() : 0;
    sockets = std::make_unique<SocketMode>(
        parts, settings, api, counters,
        SocketMode::Handler{alive.guard([this](SocketMode::LinkId link, std::string frame, Envelope const& envelope) {
                              if (interactions) interactions->take(link, frame, envelope);
                            }),
                            alive.guard([this](bool connected, std::string const& detail) {
                              sink->connection("slack", connected, detail);
                            }),
                            alive.guard([this](std::string const& why) { locked_out(why); })},
        last);
  }

  void start(ports::ChatSink& to) {
    sink = &to;
    make_sockets();
    WebApi::Call call;
    call.method = "auth.test";
    call.form = WebApi::Form::form;
    call.tries = WebApi::kForEver;
    api.call(std::move(call), alive.guard([this](WebApi::Outcome const& outcome) { identified(outcome); }));
  }

  void identified(WebApi::Outcome const& outcome) {
    if (!outcome.ok()) {
      return give_up(outcome.answer ? to_error("auth.test", *outcome.answer)
                                    : core::make_error(Errc::unavailable, outcome.failure));
    }
    auto const& body = outcome.answer->body;
    auto const team = body["team_id"].text();
    auto const bot = body["bot_id"].text();
    if (team != settings.workspace)
      return give_up(core::make_error(Errc::forbidden,
                                      "The bot token belongs to another Slack workspace than "
                                      "chat.slack.workspace names: correct one of the two."));
    if (bot.empty() || bot.size() > 64)
      return give_up(core::make_error(
          Errc::forbidden, "chat.slack.bot_token is not the token of a bot: give the one that begins with xoxb-."));
    Interactions::Self self;
    self.bot_id = bot;
    self.app = [this] { return sockets->app(); };
    self.foreign = [this] { return sockets->foreign(); };
    self.why_not_account = [this](std::string const& user) { return accounts.why_not(user); };
    self.on_uninstalled = alive.guard([this](std::string const& event) {
      give_up(core::make_error(Errc::forbidden, "Slack says \"" + event +
                                                    "\": the app was removed from the workspace. "
                                                    "Install it again and give the new tokens."));
    });
    interactions = std::make_unique<Interactions>(
        parts, settings, api, counters, *sink, std::move(self),
        [this](SocketMode::LinkId link, std::string const& envelope, core::Json const& payload) {
          sockets->acknowledge(link, envelope, payload);
        });
    outbox.open(bot);
    accounts.start(alive.guard([this] {
      if (!given_up) sockets->start();
    }));
  }

  void give_up(core::Error const& error) {
    if (given_up) return;
    given_up = true;
    accounts.give_up();
    outbox.fail(core::make_error(Errc::forbidden, error.message));
    if (sockets) {
      sockets->give_up(error);
    } else if (sink) {
      sink->connection("slack", false, error.message);
    }
    locked_out(error.message);
  }

  void locked_out(std::string const& why) {
    if (std::exchange(refused, true) || !sink) return;
    sink->locked_out("slack", why);
  }

  // Another app token: what the bot token does goes on.
  void connect_anew() {
    refused = false;
    make_sockets();
    sockets->start();
  }

  // No more to do but to answer what is under way.
  void retire() {
    alive.end();
    if (sockets) sockets->stop();
    if (interactions) interactions->stop();
  }

  void stop() {
    alive.end();
    api.stop();
    files.stop();
    usergroups.stop();
    accounts.stop();
    outbox.stop();
    if (sockets) sockets->stop();
    if (interactions) interactions->stop();
  }

  Settings settings;
  Parts parts;
  Counters counters;
  Alive alive;
  WebApi api;
  Outbox outbox;
  Files files;
  Usergroups usergroups;
  slack::Accounts accounts;  // not the port of that name
  std::unique_ptr<SocketMode> sockets;
  std::unique_ptr<Interactions> interactions;
  ports::ChatSink* sink = nullptr;
  bool given_up = false;
  bool refused = false;  // one of the tokens: only others help
};

Adapter::Adapter(Settings settings, Parts parts) : impl_(std::make_unique<Impl>(std::move(settings), parts)) {}
Adapter::~Adapter() { stop(); }

void Adapter::start(ports::ChatSink& sink) { impl_->start(sink); }

void Adapter::stop() {
  impl_->stop();
  for (auto const& one : before_) one->stop();
}

ports::Rendered Adapter::render(core::Card const& card, std::string const& key) const {
  return render_card(card, key, impl_->settings.people);
}
ports::Rendered Adapter::render(core::Note const& note, std::string const& key) const {
  return render_note(note, key, impl_->settings.people);
}

void Adapter::post(std::string channel, std::optional<ports::MessageRef> thread, core::Json body, std::string key,
                   ports::Time since, std::function<void(ports::Result<ports::MessageRef>)> done) {
  impl_->outbox.post(std::move(channel), thread, std::move(body), std::move(key), since, std::move(done));
}
void Adapter::update(ports::MessageRef message, core::Json body, std::function<void(ports::Result<void>)> done,
                     ports::Urgency urgency) {
  impl_->outbox.update(message, std::move(body), std::move(done), urgency);
}
void Adapter::find(std::string channel, std::optional<ports::MessageRef> thread, std::string key, ports::Time since,
                   std::function<void(ports::Result<std::optional<ports::MessageRef>>)> done) {
  impl_->outbox.find(std::move(channel), thread, std::move(key), since, std::move(done));
}
void Adapter::attach(std::string channel, ports::MessageRef thread, ports::ChatFile file, std::string key,
                     ports::Time since, std::function<void(ports::Result<core::InThread>)> done) {
  impl_->files.attach(std::move(channel), thread, std::move(file), std::move(key), since, std::move(done));
}
void Adapter::is_active(std::string account, std::function<void(ports::Result<bool>)> done) {
  impl_->accounts.look(account, std::move(done));
}
void Adapter::members(std::string group, std::function<void(ports::Result<std::set<std::string>>)> done) {
  impl_->usergroups.members(std::move(group), std::move(done));
}
void Adapter::whisper(ports::Account const& to, std::string channel, std::string text) {
  if (impl_->interactions) impl_->interactions->whisper(to.id, channel, text);
}

void Adapter::set_people_and_channels(People people, std::vector<std::string> channels) {
  impl_->settings.people = std::move(people);
  impl_->settings.channels = std::move(channels);
  impl_->accounts.configured();
}
core::Result<std::function<void()>> Adapter::fresh_secrets(Settings const& fresh) {
  if (auto why = why_not_tokens(fresh.app_token, fresh.bot_token); !why.empty())
    return core::make_error(Errc::bad_input, why);
  return std::function<void()>([this, app = fresh.app_token, bot = fresh.bot_token] {
    impl_->settings.app_token = app;
    impl_->settings.bot_token = bot;
    if (!impl_->refused) return;
    if (!impl_->given_up) return impl_->connect_anew();
    // Whoever asks again meets an adapter that begins anew. The other one answers what it still has under way.
    auto* const sink = impl_->sink;
    impl_->retire();
    auto fresh_one = std::make_unique<Impl>(Settings(impl_->settings), Parts(impl_->parts));
    before_.push_back(std::exchange(impl_, std::move(fresh_one)));
    impl_->parts.log.info("slack begins again with other tokens");
    impl_->start(*sink);
  });
}
Counters const& Adapter::counters() const { return impl_->counters; }

std::vector<ports::Figure> Adapter::figures() const {
  auto const& c = impl_->counters;
  auto const figure = [](char const* name, char const* help, std::uint64_t value) {
    return ports::Figure{std::string("slack_") + name, help, static_cast<double>(value)};
  };
  return {
      figure("connections", "Sockets to Slack that are open", c.connected),
      figure("foreign_instance", "1 while another instance shares the app token: approvals are refused", c.foreign),
      figure("dials_total", "Sockets dialled", c.dials),
      figure("connections_lost_total", "Sockets that broke without Slack's announcement", c.lost),
      figure("refreshes_total", "Sockets replaced because Slack announced their end", c.refreshes),
      figure("envelopes_total", "Envelopes received", c.envelopes),
      figure("duplicates_total", "Envelopes that had been delivered before", c.duplicates),
      figure("refused_frames_total", "Frames that could not be read", c.refused_frames),
      figure("acks_total", "Envelopes acknowledged", c.acks),
      figure("acks_by_timer_total", "Envelopes acknowledged before their outcome was known", c.acks_by_timer),
      figure("acks_dropped_total", "Envelopes whose socket was gone before they were acknowledged", c.acks_dropped),
      figure("calls_total", "Calls of the Web API", c.calls),
      figure("rate_limited_total", "Calls that Slack put off (429)", c.rate_limited),
      figure("call_failures_total", "Calls that failed", c.call_failures),
      figure("posts_total", "Messages posted", c.posts),
      figure("posts_found_again_total", "Messages that were found instead of being posted twice", c.posts_found_again),
      figure("updates_total", "Messages updated", c.updates),
      figure("updates_coalesced_total", "Updates that a later one made needless", c.updates_coalesced),
      figure("files_total", "Files shared in threads", c.files),
      figure("files_as_text_total", "Files whose text was shown because Slack did not take them", c.files_as_text),
      figure("fallbacks_total", "Messages sent as plain text because Slack refused their blocks", c.fallbacks),
  };
}

}  // namespace slack
