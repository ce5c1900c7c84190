#include "adapters/matrix/adapter.hpp"

#include <algorithm>

#include "adapters/matrix/files.hpp"
#include "adapters/matrix/interactions.hpp"
#include "adapters/matrix/session.hpp"
#include "adapters/matrix/sync_source.hpp"
#include "adapters/matrix/websocket_source.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace matrix {

namespace {

using core::Errc;

[[noreturn]] void refuse(std::string const& what) { throw core::Failure(core::make_error(Errc::bad_input, what)); }

void check_url(std::string const& name, std::string const& text, bool websocket) {
  auto const url = net::parse_url(text);
  if (url.has_error() || (url->websocket() && !websocket) || url->target.find('?') != std::string::npos)
    refuse(name + " must be an https:// URL, e.g. https://matrix.example.org.");
  if (auto const allowed = net::check_transport(*url); allowed.has_error()) refuse(name + ": " + allowed.error().text);
}

void check_secret(std::string const& name, std::string const& secret) {
  for (char const c : secret) {
    if (c <= 0x20 || c >= 0x7f) refuse(name + " holds a blank or control character: check the secret's file.");
  }
}

Settings checked(Settings settings) {
  check_url("chat.matrix.homeserver", settings.homeserver, /*websocket=*/false);
  while (settings.homeserver.ends_with('/')) settings.homeserver.pop_back();
  if (!is_user_id(settings.user)) refuse("chat.matrix.user must be the bot's full id, e.g. @countersign:example.org.");
  auto const ways = (settings.access_token.empty() ? 0 : 1) + (settings.password.empty() ? 0 : 1) +
                    (settings.as_token.empty() ? 0 : 1);
  if (ways != 1) refuse("chat.matrix needs exactly one of access_token, password and as_token.");
  check_secret("chat.matrix.access_token", settings.access_token);
  check_secret("chat.matrix.as_token", settings.as_token);
  bool const plain_device = std::ranges::all_of(settings.device_id, [](char c) { return c > 0x20 && c < 0x7f; });
  if (settings.device_id.empty() || settings.device_id.size() > 64 || !plain_device)
    refuse("chat.matrix.device_id must be 1 to 64 printable characters without blanks.");
  if (settings.transport == Transport::websocket) {
    if (settings.as_token.empty())
      refuse("chat.matrix.transport: websocket is for application services: give the as_token of the registration.");
    if (settings.proxy.empty())
      refuse("chat.matrix.proxy is missing: give the URL of mautrix-wsproxy, e.g. wss://matrix.example.org.");
    check_url("chat.matrix.proxy", settings.proxy, /*websocket=*/true);
  }
  for (auto const& room : settings.channels) {
    if (!is_room_id(room))
      refuse("The Matrix channel " + core::printable_ascii(room, 100) +
             " is no room id: it begins with \"!\" and stands in the room's settings under Advanced.");
  }
  return settings;
}

}  // namespace

struct Adapter::Impl {
  Impl(Settings given, Parts const& given_parts)
      : settings(checked(std::move(given))),
        parts(given_parts),
        client(parts, settings, counters, [this](core::Error const& error) { give_up(error); }),
        session(parts, settings, client, counters),
        queue(parts, client),
        own(parts, settings, client),
        rooms(parts, settings, client, [this] { report(); }),
        outbox(parts, settings, client, queue, own, counters,
               [this](std::string const& room) { return rooms.why_closed(room); }),
        files(parts, client, outbox, counters, [this](std::string const& room) { return rooms.why_closed(room); }),
        clicks(parts),
        inbox(parts, settings, counters,
              [this](Event const& event, std::function<void()> handed, std::function<void()> answered) {
                interactions->take(event, std::move(handed), std::move(answered));
              }) {}

  void start(ports::ChatSink& to) {
    sink = &to;
    interactions = std::make_unique<Interactions>(parts, settings, outbox, own, rooms, clicks, counters, *sink);
    auto const ready = [this](core::Result<void> const& result) {
      if (result.has_error()) return give_up(result.error());
      inbox.load();
      clicks.load();
      rooms.start(alive.guard([this] { open(); }));
    };
    session.start(alive.guard(ready), alive.guard([this](std::string const& why) {
      trouble = why;
      heard_of_source = true;
      report();
    }));
  }

  void open() {
    if (given_up) return;
    outbox.open();
    interactions->resume();
    SourceHandler handler;
    handler.on_state = alive.guard([this](bool now_connected, std::string const& why) {
      connected = now_connected;
      trouble = why;
      counters.connected = connected ? 1 : 0;
      heard_of_source = true;
      report();
    });
    handler.on_room_state = alive.guard([this](std::vector<Event> const& state) {
      for (auto const& event : state) rooms.observe(event);
    });
    handler.on_room_changed = alive.guard([this](std::string const& room) { rooms.refresh(room); });
    if (settings.transport == Transport::websocket) {
      source = std::make_unique<WebSocketSource>(parts, settings, client, inbox, counters, std::move(handler));
    } else {
      source = std::make_unique<SyncSource>(parts, settings, client, inbox, counters, std::move(handler));
    }
    source->start();
  }

  void give_up(core::Error const& error) {
    if (given_up) return;
    given_up = true;
    outbox.fail(core::make_error(Errc::forbidden, error.message));
    if (source) source->stop();
    rooms.give_up();
    connected = false;
    counters.connected = 0;
    trouble = error.message;
    heard_of_source = true;
    parts.log.error("matrix given up", {{"reason", error.message}});
    report();
    if (sink) sink->locked_out("matrix", error.message);
  }

  // What the sink was not told yet: connected or not and why, and which rooms we refuse to work in.
  void report() {
    if (!sink || !heard_of_source) return;
    auto detail = trouble;
    if (connected) {
      for (auto const& refusal : rooms.refusals()) detail += (detail.empty() ? "" : " ") + refusal;
    }
    if (reported && *reported == std::pair{connected, detail}) return;
    reported = std::pair{connected, detail};
    sink->connection("matrix", connected, detail);
  }

  void stop() {
    alive.end();
    if (source) source->stop();
    if (interactions) interactions->stop();
    inbox.stop();
    clicks.stop();
    files.stop();
    outbox.stop();
    rooms.stop();
    own.stop();
    queue.stop();
    session.stop();
    client.stop();
  }

  Settings settings;
  Parts parts;
  Counters counters;
  Alive alive;
  Client client;
  Session session;
  SendQueue queue;
  OwnMessages own;
  Rooms rooms;
  Outbox outbox;
  Files files;
  Clicks clicks;
  Inbox inbox;
  std::unique_ptr<Interactions> interactions;
  std::unique_ptr<EventSource> source;
  ports::ChatSink* sink = nullptr;
  bool connected = false, heard_of_source = false, given_up = false;
  std::string trouble;
  std::optional<std::pair<bool, std::string>> reported;
};

Adapter::Adapter(Settings settings, Parts parts) : impl_(std::make_unique<Impl>(std::move(settings), parts)) {}
Adapter::~Adapter() { stop(); }

void Adapter::start(ports::ChatSink& sink) { impl_->start(sink); }
void Adapter::stop() { impl_->stop(); }

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
void Adapter::find(std::string channel, std::optional<ports::MessageRef> /*thread: a room lists those too*/,
                   std::string key, ports::Time since,
                   std::function<void(ports::Result<std::optional<ports::MessageRef>>)> done) {
  impl_->outbox.find(std::move(channel), std::move(key), since, std::move(done));
}
void Adapter::attach(std::string channel, ports::MessageRef thread, ports::ChatFile file, std::string key,
                     ports::Time since, std::function<void(ports::Result<core::InThread>)> done) {
  impl_->files.attach(std::move(channel), thread, std::move(file), std::move(key), since, std::move(done));
}
void Adapter::whisper(ports::Account const& to, std::string channel, std::string text) {
  if (impl_->interactions) impl_->interactions->whisper(to.id, channel, text);
}

void Adapter::is_active(std::string account, std::function<void(ports::Result<bool>)> done) {
  impl_->rooms.look(account, std::move(done));
}

void Adapter::set_people_and_channels(People people, std::vector<std::string> channels) {
  impl_->settings.people = std::move(people);
  impl_->settings.channels = std::move(channels);
  if (impl_->source && !impl_->given_up) impl_->rooms.configured();
}
core::Result<std::function<void()>> Adapter::fresh_secrets(Settings const& fresh) {
  auto next = impl_->settings;
  next.access_token = fresh.access_token;
  next.password = fresh.password;
  next.as_token = fresh.as_token;
  try {
    next = checked(std::move(next));
  } catch (core::Failure const& failure) {
    return failure.error();
  }
  return std::function<void()>([this, next = std::move(next)] {
    impl_->settings.access_token = next.access_token;
    impl_->settings.password = next.password;
    impl_->settings.as_token = next.as_token;
    if (!impl_->given_up) return impl_->session.secrets_changed();
    // All that waited has been told; whoever asks again meets an adapter that begins anew.
    auto* const sink = impl_->sink;
    impl_->stop();
    impl_ = std::make_unique<Impl>(next, impl_->parts);
    impl_->parts.log.info("matrix begins again with other secrets");
    impl_->start(*sink);
  });
}
std::vector<std::string> Adapter::room_problems() const { return impl_->rooms.problems(); }
Counters const& Adapter::counters() const { return impl_->counters; }

std::vector<ports::Figure> Adapter::figures() const {
  auto const& c = impl_->counters;
  auto const figure = [](char const* name, char const* help, std::uint64_t value) {
    return ports::Figure{std::string("matrix_") + name, help, static_cast<double>(value)};
  };
  auto const now = static_cast<std::uint64_t>(impl_->parts.loop.now().time_since_epoch().count());
  auto const silence = c.last_heard_ms == 0 || now < c.last_heard_ms ? 0 : (now - c.last_heard_ms) / 1000;
  return {
      figure("connected", "1 while events can arrive", c.connected),
      figure("silence_seconds", "Since the homeserver or the proxy was last heard", silence),
      figure("polls_total", "Long polls", c.polls),
      figure("poll_failures_total", "Long polls that failed", c.poll_failures),
      figure("cold_starts_total", "Positions that the homeserver no longer knew", c.cold_starts),
      figure("gaps_total", "Gaps that were read back", c.gaps),
      figure("dials_total", "Sockets to the proxy dialled", c.dials),
      figure("connections_lost_total", "Sockets to the proxy that broke", c.lost),
      figure("transactions_total", "Transactions received by the proxy", c.transactions),
      figure("back_fills_total", "Times that all rooms were read back", c.back_fills),
      figure("events_total", "Events taken", c.events),
      figure("duplicates_total", "Events that had come before", c.duplicates),
      figure("refused_events_total", "Events and frames that could not be read", c.refused_events),
      figure("files_total", "Files uploaded for threads", c.files),
      figure("files_as_text_total", "Files whose text was shown because the homeserver did not take them",
             c.files_as_text),
      figure("calls_total", "Calls of the client-server API", c.calls),
      figure("rate_limited_total", "Calls that the homeserver put off (429)", c.rate_limited),
      figure("call_failures_total", "Calls that failed", c.call_failures),
      figure("logins_total", "Logins", c.logins),
      figure("refreshes_total", "Tokens refreshed", c.refreshes),
      figure("send_interval_milliseconds", "Between two messages, as the homeserver taught us; 0: no limit known",
             static_cast<std::uint64_t>(impl_->queue.interval().count())),
      figure("waiting_sends", "Messages that wait for their turn", impl_->queue.waiting()),
      figure("posts_total", "Messages posted", c.posts),
      figure("posts_found_again_total", "Messages that were found instead of being posted twice", c.posts_found_again),
      figure("updates_total", "Messages updated", c.updates),
      figure("updates_coalesced_total", "Updates that a newer one made needless", c.updates_coalesced),
      figure("seeds_total", "Reactions placed for people to tap", c.seeds),
      figure("fallbacks_total", "Messages sent without markup because the homeserver refused them", c.fallbacks),
      figure("clicks_total", "Reactions on messages of ours", c.clicks),
      figure("withdrawals_total", "Reactions taken back", c.withdrawals),
      figure("commands_total", "Commands typed", c.commands),
      figure("notes_asked_total", "Times that somebody was asked why", c.notes_asked),
      figure("actions_shown_total", "Actions shown in full in a thread", c.actions_shown),
      figure("answers_kept_back_total", "Answers that were said within five minutes before", c.answers_kept_back),
  };
}

}  // namespace matrix
