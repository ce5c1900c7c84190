#include "adapters/teams/relay.hpp"

#include <algorithm>

#include "adapters/teams/sas.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kTokenLife = 1h;
constexpr core::Duration kRenewAfter = kTokenLife * 8 / 10;  // renewed at its end it would be too late
constexpr core::Duration kBackoff[] = {0s, 1s, 2s, 5s, 10s, 30s};
constexpr core::Duration kRefusedPause = 60s;  // the key, the path or a quota is at fault: an operator must mend it
constexpr core::Duration kProvenAfter = 10s;   // of life: only then the back-off begins anew
constexpr core::Duration kGrace = 5s;          // a replaced listener still answers what it was asked
constexpr core::Duration kPongEvery = 60s;     // the relay drops listeners that were silent for four minutes
constexpr std::size_t kMaxListeners = 25;      // a hybrid connection
constexpr unsigned kMissesThatCount = 2;

}  // namespace

struct Relay::Link {
  LinkId id = 0;
  std::size_t slot = 0;
  std::unique_ptr<RelayStream> stream;  // before the socket, whose callbacks reach it
  std::unique_ptr<net::WebSocket> socket;
  bool open = false, retired = false;
  ports::Loop::TimerId renewal = 0, proven = 0, grace = 0;
};

Relay::Relay(Parts const& parts, Settings const& settings, Counters& counters, RelayStream::Handle handle,
             OnState on_state)
    : parts_(parts),
      relay_(*settings.relay),
      counters_(counters),
      handle_(std::move(handle)),
      on_state_(std::move(on_state)),
      rendezvous_(parts, settings, counters,
                  [this](RelayRequest const& request, std::string body, std::function<void(net::HttpResponse)> done) {
                    answer(request, std::move(body), std::move(done));
                  }),
      probe_(parts, relay_, counters,
             [this](RelayProbe::Result result, std::string const& why) { probed(result, why); }) {}
Relay::~Relay() = default;

void Relay::start() {
  slots_.resize(std::clamp<std::size_t>(relay_.listeners, 1, kMaxListeners));
  for (std::size_t i = 0; i < slots_.size(); ++i) redial_after(i, 100ms * static_cast<int>(i));
  probe_.start();
}

void Relay::stop() {
  stopped_ = true;
  alive_.end();
  probe_.stop();
  rendezvous_.stop();
  for (auto const& [id, link] : std::exchange(links_, {})) forget(*link);
  for (auto& slot : slots_) parts_.loop.cancel(slot.redial);
  slots_.clear();
  counters_.listeners = 0;
}

void Relay::forget(Link& link) {
  for (auto const timer : {link.renewal, link.proven, link.grace}) parts_.loop.cancel(timer);
  links_.erase(link.id);
  link.stream->use(nullptr);
  link.socket.reset();
  counters_.listeners = static_cast<std::uint64_t>(
      std::ranges::count_if(links_, [](auto const& item) { return item.second->open && !item.second->retired; }));
}

std::string Relay::fresh_token() const {
  auto const host = net::parse_url(relay_.url)->host;
  auto const expires =
      std::chrono::floor<std::chrono::seconds>(parts_.loop.now() + kTokenLife).time_since_epoch().count();
  return make_sas(sas_resource(host, relay_.path), relay_.key_name, relay_.key, expires);
}

// --- opening --------------------------------------------------------------------------------------------------------

void Relay::redial_after(std::size_t slot, core::Duration wait) {
  if (stopped_) return;
  parts_.loop.cancel(slots_[slot].redial);
  slots_[slot].redial = parts_.loop.call_after(wait, alive_.guard([this, slot] {
    slots_[slot].redial = 0;
    dial(slot);
  }));
}

void Relay::dial(std::size_t slot) {
  if (stopped_ || slots_[slot].next) return;
  auto const link = std::make_shared<Link>();
  link->id = ++last_;
  link->slot = slot;
  slots_[slot].next = link;
  links_[link->id] = link;
  ++counters_.dials;
  RelayStream::Handler handler;
  handler.on_request = [this](RelayRequest const& request, std::string body,
                              std::function<void(net::HttpResponse)> done) {
    answer(request, std::move(body), std::move(done));
  };
  handler.on_stub = [this](RelayRequest const& stub) { rendezvous_.fetch(stub); };
  handler.on_accept = [this](RelayAccept const& accept) { rendezvous_.refuse(accept); };
  link->stream = std::make_unique<RelayStream>(parts_, counters_, std::move(handler));
  // By id: the socket must not keep its own link alive, nor reach one that was given up meanwhile.
  auto const with = [this, id = link->id](auto work) {
    return alive_.guard([this, id, work](auto&&... arguments) {
      auto const at = links_.find(id);
      if (at == links_.end()) return;
      auto const found = at->second;
      work(found, std::forward<decltype(arguments)>(arguments)...);
    });
  };
  net::WebSocketOptions options;
  options.headers = {{"ServiceBusAuthorization", fresh_token()}};
  options.keep_alive = net::KeepAlive::pong;
  options.idle_limit = 3 * kPongEvery;  // net sends one each third of it
  options.max_message_bytes = kMaxRelayMessageBytes;
  net::WebSocketHandler events;
  events.on_open = with([this](std::shared_ptr<Link> const& now_open) { opened(now_open); });
  events.on_message = with([](std::shared_ptr<Link> const& from, std::string message, bool binary) {
    from->stream->received(std::move(message), binary);
  });
  events.on_close = with([this](std::shared_ptr<Link> const& gone, net::WebSocketEnd const& end) { ended(gone, end); });
  // The id comes back in the service's own traces; it needs to be unlike others, no more.
  auto const id = core::sha256_hex(std::to_string(parts_.random()) + ' ' + std::to_string(link->id)).substr(0, 32);
  link->socket = parts_.dialer.dial(relay_.url + "/$hc/" + relay_.path + "?sb-hc-action=listen&sb-hc-id=" + id,
                                    std::move(options), std::move(events));
  link->stream->use(link->socket.get());
}

void Relay::opened(std::shared_ptr<Link> const& link) {
  link->open = true;
  trouble_.clear();
  auto& slot = slots_[link->slot];
  if (slot.next == link) slot.next.reset();
  auto const old = std::exchange(slot.link, link);
  counters_.listeners = static_cast<std::uint64_t>(
      std::ranges::count_if(links_, [](auto const& item) { return item.second->open && !item.second->retired; }));
  parts_.log.info("teams relay listener ready", {{"listener", link->id}});
  link->proven = parts_.loop.call_after(kProvenAfter, alive_.guard([this, link] {
    link->proven = 0;
    if (links_.contains(link->id) && !link->retired) slots_[link->slot].failures = 0;
  }));
  link->renewal = parts_.loop.call_after(kRenewAfter, alive_.guard([this, link] { renew(link); }));
  if (old) retire(old);
  report();
}

void Relay::renew(std::shared_ptr<Link> const& link) {
  link->renewal = 0;
  if (!links_.contains(link->id) || link->retired) return;
  ++counters_.renewals;
  link->socket->send(relay_renew_token(fresh_token()));
  link->renewal = parts_.loop.call_after(kRenewAfter, alive_.guard([this, link] { renew(link); }));
}

// --- ending ---------------------------------------------------------------------------------------------------------

void Relay::ended(std::shared_ptr<Link> const& link, net::WebSocketEnd const& end) {
  ports::Log::Fields fields{{"listener", link->id}};
  std::string why = end.error.code ? end.error.text : "The relay closed the connection.";
  // Reason and phrase hold the TrackingId that Microsoft's support asks for.
  if (end.close_code != 0) fields.emplace_back("close_code", std::int64_t{end.close_code});
  for (auto const* text : {&end.close_reason, &end.http_reason}) {
    if (!text->empty()) fields.emplace_back("said", core::printable_ascii(*text, 300));
  }
  core::Duration least{0};
  if (end.http_status == 401) {
    why = "The relay does not accept our key: check chat.teams.relay.key_name and key, and this machine's clock.";
    if (auto const date = net::find_header(end.http_headers, "Date"))
      fields.emplace_back("its_clock", core::printable_ascii(*date, 64));
    least = kRefusedPause;
  } else if (end.http_status == 403) {
    why =
        "The relay does not let us listen: the rule of chat.teams.relay.key_name needs the right Listen, and a hybrid "
        "connection has at most 25 listeners.";
    least = kRefusedPause;
  } else if (end.http_status == 404) {
    why = "The relay knows no hybrid connection of that name: check chat.teams.relay.url and path.";
    least = kRefusedPause;
  } else if (end.close_code == 1008) {
    why = "The relay says that our key may no longer listen, or that its token had ended.";
  } else if (end.close_code == 1001) {
    why = "The relay says that the hybrid connection was deleted or disabled.";
  }
  fields.emplace_back("reason", why);
  if (link->retired) {
    forget(*link);
    return;
  }
  parts_.log.write(least > 0s ? ports::Log::Level::error : ports::Log::Level::warn, "teams relay listener lost",
                   std::move(fields));
  if (link->open) ++counters_.lost;
  lost(link, why, least);
}

void Relay::lost(std::shared_ptr<Link> const& link, std::string const& why, core::Duration least) {
  trouble_ = why;
  auto& slot = slots_[link->slot];
  if (slot.next == link) slot.next.reset();
  if (slot.link == link) slot.link.reset();
  forget(*link);
  if (!slot.next) {
    auto const base = kBackoff[std::min<std::size_t>(slot.failures++, std::size(kBackoff) - 1)];
    // A fifth more by chance, so that many bots don't come back in one moment.
    auto const jitter =
        core::Duration(static_cast<std::int64_t>(parts_.random() % static_cast<std::uint64_t>(base.count() / 5 + 1)));
    redial_after(link->slot, std::max(least, base + jitter));
  }
  report();
}

// The new one first; where the hybrid connection has no room for one more, the old one makes room.
void Relay::replace(std::shared_ptr<Link> const& link) {
  auto& slot = slots_[link->slot];
  if (link->retired || slot.next || slot.redial != 0) return;
  if (links_.size() >= kMaxListeners) return lost(link, "The listener went silent.", 0s);
  dial(link->slot);
}

void Relay::retire(std::shared_ptr<Link> const& link) {
  link->retired = true;
  parts_.loop.cancel(link->renewal);
  parts_.loop.cancel(link->proven);
  link->grace = parts_.loop.call_after(kGrace, alive_.guard([this, link] {
    if (!links_.contains(link->id)) return;
    link->socket->close(1000);
    link->grace = parts_.loop.call_after(2s, alive_.guard([this, link] {
      if (links_.contains(link->id)) forget(*link);
    }));
  }));
}

// --- watching -------------------------------------------------------------------------------------------------------

void Relay::probed(RelayProbe::Result result, std::string const& why) {
  using Result = RelayProbe::Result;
  if (result != Result::missed) {
    misses_ = 0;
    bool const locked = result == Result::locked, shared = result == Result::stranger;
    if (locked && !locked_)
      parts_.log.error("teams can't get through the relay: the hybrid connection requires client authorization",
                       {{"way_out", "delete it and make it anew with --requires-client-authorization false"}});
    if (shared && !shared_)
      parts_.log.error("another instance listens on the same hybrid connection and takes part of the clicks",
                       {{"way_out", "stop it, or give each instance a hybrid connection of its own"}});
    locked_ = locked;
    shared_ = shared;
    return report();
  }
  if (++misses_ < kMissesThatCount) return;
  std::shared_ptr<Link> quietest;
  for (auto const& [id, link] : links_) {
    if (!link->open || link->retired) continue;
    if (!quietest || link->stream->heard() < quietest->stream->heard()) quietest = link;
  }
  if (!quietest) return;
  parts_.log.warn("teams relay did not carry our own question; replacing the quietest listener",
                  {{"listener", quietest->id}, {"reason", why}});
  replace(quietest);
}

void Relay::report() {
  bool const open = counters_.listeners > 0;
  std::string detail = open ? "" : trouble_;
  if (locked_)
    detail =
        "The hybrid connection requires client authorization, so nothing of Teams gets through: delete it and make "
        "it anew without.";
  if (open && shared_)
    detail =
        "Another instance listens on the same hybrid connection and takes part of the clicks: stop one of the two.";
  std::pair const state{open && !locked_, detail};
  if (reported_ == state) return;
  reported_ = state;
  on_state_(state.first, state.second);
}

// --- requests -------------------------------------------------------------------------------------------------------

void Relay::answer(RelayRequest const& request, std::string body, std::function<void(net::HttpResponse)> done) {
  if (auto own = probe_.answer(request.method, request.target)) return done(*std::move(own));
  auto bare = request;
  // "/approvals/api/messages": the hybrid connection's own name comes first, in any case.
  auto const prefix = '/' + relay_.path;
  if (to_lower(bare.target.substr(0, prefix.size())) == to_lower(prefix)) bare.target.erase(0, prefix.size());
  handle_(bare, std::move(body), std::move(done));
}

}  // namespace teams
