#include "adapters/slack/socket_mode.hpp"

#include <algorithm>

#include "bot/core/failpoint.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace slack {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kHelloLimit = 10s;
constexpr core::Duration kProbeStays = 5s;      // after its hello; Slack delivers there, too
constexpr core::Duration kFarewell = 30s;       // Slack announces the end of a link some 10 s ahead
constexpr core::Duration kCloseLimit = 1500ms;  // a closed link is gone after this: net waits 1 s for the peer
constexpr core::Duration kProvenAfter = 30s;    // of life after the hello: only then is the back-off reset
constexpr core::Duration kBase = 500ms, kCap = 60s;
constexpr core::Duration kDisabledRetry = 60s;
constexpr core::Duration kCrowdedRetry = 10s;
constexpr core::Duration kStrangerCheck = 60s;
constexpr core::Duration kBrokenCounts = 10min;  // design, section 7
constexpr unsigned kQuietLooks = 2;              // end the alarm
constexpr std::size_t kMaxLinks = 10;            // of one app, over all its instances

}  // namespace

struct SocketMode::Link {
  LinkId id = 0;
  std::size_t slot = 0;
  std::unique_ptr<net::WebSocket> socket;
  bool dialled = false, open = false, greeted = false, retired = false;
  bool told = false;      // the platform has announced that it ends it
  bool in_order = false;  // its end is known to the platform
  ports::Loop::TimerId limit = 0, proven = 0, renewal = 0;
};

SocketMode::SocketMode(Parts const& parts, Settings const& settings, WebApi& api, Counters& counters, Handler handler,
                       LinkId last)
    : parts_(parts), settings_(settings), api_(api), counters_(counters), handler_(std::move(handler)), last_(last) {}

SocketMode::~SocketMode() = default;

void SocketMode::start() {
  slots_.resize(std::clamp<std::size_t>(settings_.connections, 1, kMaxLinks));
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].backoff = std::make_unique<net::Backoff>(kBase, kCap, parts_.random);
    if (i == 0) {
      dial(i);
    } else {
      redial_after(i, core::Duration(100 * i));  // many upgrades in one moment are answered 409
    }
  }
}

void SocketMode::stop() {
  stopped_ = true;
  alive_.end();
  auto const links = std::exchange(links_, {});
  for (auto const& [id, link] : links) forget(*link);
  for (auto& slot : slots_) parts_.loop.cancel(slot.redial);
  parts_.loop.cancel(probe_timer_);
  slots_.clear();
  probe_.reset();
  counters_.connected = 0;
  counters_.foreign = 0;
}

void SocketMode::give_up(core::Error const& error) {
  if (stopped_) return;
  stop();
  parts_.log.error("slack connections given up", {{"reason", error.message}});
  if (handler_.on_state) handler_.on_state(false, error.message);
}

std::size_t SocketMode::ready() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(links_, [](auto const& item) { return item.second->greeted && item.second->socket; }));
}

std::size_t SocketMode::ours() {
  while (!broken_.empty() && broken_.front() + kBrokenCounts < parts_.loop.now()) broken_.pop_front();
  auto const open = std::ranges::count_if(links_, [](auto const& item) { return item.second->dialled; });
  return static_cast<std::size_t>(open) + broken_.size();
}

std::size_t SocketMode::surely() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(links_, [](std::pair<LinkId const, std::shared_ptr<Link>> const& item) {
        auto const& link = *item.second;
        return link.greeted && !link.in_order && !(link.retired && link.told);
      }));
}

void SocketMode::forget(Link& link) {
  for (auto const timer : {link.limit, link.proven, link.renewal}) parts_.loop.cancel(timer);
  links_.erase(link.id);
  link.socket.reset();
  counters_.connected = ready();
  if (link.slot == kProbe && lent_) redial_after(*std::exchange(lent_, std::nullopt), core::Duration{0});
}

// --- opening
// ------------------------------------------------------------------------------------------------------------

void SocketMode::redial_after(std::size_t slot, core::Duration wait) {
  if (stopped_) return;
  parts_.loop.cancel(slots_[slot].redial);
  slots_[slot].redial = parts_.loop.call_after(wait, alive_.guard([this, slot] {
    slots_[slot].redial = 0;
    dial(slot);
  }));
}

void SocketMode::dial(std::size_t slot) {
  if (stopped_) return;
  auto& next = slot == kProbe ? probe_ : slots_[slot].next;
  if (next) return;
  if (slot != kProbe) {
    if (links_.size() >= kMaxLinks) {
      goodbye_to_oldest();
      return redial_after(slot, kCloseLimit);
    }
    parts_.loop.cancel(slots_[slot].redial);
    slots_[slot].redial = 0;
  }
  auto const link = std::make_shared<Link>();
  link->id = ++last_;
  link->slot = slot;
  next = link;
  links_[link->id] = link;
  ++counters_.dials;
  WebApi::Call call;
  call.method = "apps.connections.open";
  call.form = WebApi::Form::form;
  call.token = WebApi::Token::app;
  call.wait_in_line = false;  // the back-off here waits
  api_.call(std::move(call), alive_.guard([this, link](WebApi::Outcome const& outcome) { opened(link, outcome); }));
}

void SocketMode::opened(std::shared_ptr<Link> const& link, WebApi::Outcome const& outcome) {
  if (!links_.contains(link->id)) return;
  if (!outcome.ok()) {
    if (!outcome.answer) return drop(link, "apps.connections.open failed: " + outcome.failure);
    auto const& answer = *outcome.answer;
    auto const error = to_error("apps.connections.open", answer);
    if (answer.error == "link_disabled") return drop(link, error.message, kDisabledRetry);
    if (outcome.transient())
      return drop(link, error.message, std::chrono::seconds(answer.retry_after_seconds.value_or(0)));
    give_up(error);  // the token or the app is at fault: no number of tries helps
    if (handler_.on_refused) handler_.on_refused(error.message);
    return;
  }
  auto const url = outcome.answer->body["url"].text();
  auto const target = net::parse_url(url);
  auto const api = net::parse_url(settings_.api_url);
  bool const secure = target.has_value() && target->scheme == "wss";
  bool const local =
      target.has_value() && target->scheme == "ws" && target->is_loopback() && api.has_value() && !api->tls();
  if (!secure && !local) return drop(link, "apps.connections.open gave an address that is no wss:// URL");
  net::WebSocketOptions options;
  options.max_message_bytes = kMaxFrameBytes;
  // By id: the socket must not keep its own link alive, nor be asked for one that was given up meanwhile.
  auto const with = [this, id = link->id](auto work) {
    return alive_.guard([this, id, work](auto&&... arguments) {
      if (auto const at = links_.find(id); at != links_.end()) {
        auto const found = at->second;
        work(found, std::forward<decltype(arguments)>(arguments)...);
      }
    });
  };
  net::WebSocketHandler handler;
  handler.on_open = with([this](std::shared_ptr<Link> const& link_now) { started(link_now); });
  handler.on_message = with([this](std::shared_ptr<Link> const& link_now, std::string message, bool binary) {
    received(link_now, std::move(message), binary);
  });
  handler.on_close =
      with([this](std::shared_ptr<Link> const& link_now, net::WebSocketEnd const& end) { ended(link_now, end); });
  link->dialled = true;
  link->socket = parts_.dialer.dial(url, std::move(options), std::move(handler));
}

void SocketMode::started(std::shared_ptr<Link> const& link) {
  link->open = true;
  if (link->greeted) return;
  link->limit = parts_.loop.call_after(kHelloLimit, alive_.guard([this, link] {
    link->limit = 0;
    if (!link->greeted && links_.contains(link->id)) drop(link, "no hello came within 10 s");
  }));
}

// A link that never came to be, or that is given up at once.
void SocketMode::drop(std::shared_ptr<Link> const& link, std::string const& why, core::Duration least) {
  parts_.log.warn("slack connection failed", {{"reason", why}});
  trouble_ = why;
  if (link->open && !link->in_order) broken_.push_back(parts_.loop.now());
  forget(*link);
  if (link->slot == kProbe) {
    if (probe_ == link) {
      probe_.reset();
      probe_later();
    }
  } else {
    auto& slot = slots_[link->slot];
    if (slot.next == link) slot.next.reset();
    if (slot.link == link) slot.link.reset();
    if (!link->retired && !slot.next) redial_after(link->slot, std::max(least, slot.backoff->next()));
  }
  report();
}

// --- frames
// -------------------------------------------------------------------------------------------------------------

void SocketMode::received(std::shared_ptr<Link> const& link, std::string frame, bool binary) {
  auto parsed = parse_frame(frame);
  if (binary || parsed.has_error()) {
    ++counters_.refused_frames;
    parts_.log.warn("slack message refused", {{"reason", binary ? "It is a binary frame." : parsed.error().message}});
    return;
  }
  if (auto const* greeting = std::get_if<Hello>(&*parsed)) return hello(link, *greeting);
  if (auto const* farewell = std::get_if<Disconnect>(&*parsed)) return disconnect(link, *farewell);
  ++counters_.envelopes;
  handler_.on_envelope(link->id, std::move(frame), std::get<Envelope>(*std::move(parsed)));
}

void SocketMode::hello(std::shared_ptr<Link> const& link, Hello const& hello) {
  if (link->greeted) return;
  if (!app_.empty() && !hello.app_id.empty() && hello.app_id != app_)
    return drop(link, "the connection greets as another app");
  if (!hello.app_id.empty()) app_ = hello.app_id;
  link->greeted = true;
  ++counters_.hellos;
  counters_.connected = ready();
  parts_.loop.cancel(link->limit);
  link->limit = 0;
  parts_.log.info("slack connection ready", {{"link", link->id}, {"connections", hello.connections}});
  if (link->slot == kProbe) {
    look_for_strangers(link, hello.connections);
    retire(link);
    return report();
  }
  auto& slot = slots_[link->slot];
  auto const old = std::exchange(slot.link, link);
  slot.next.reset();
  trouble_.clear();
  link->proven = parts_.loop.call_after(kProvenAfter, alive_.guard([this, link] {
    link->proven = 0;
    if (links_.contains(link->id) && !link->retired) slots_[link->slot].backoff->reset();
  }));
  if (hello.lifetime_seconds >= 60) {
    // The platform's warning may never come, so the renewal doesn't wait for it.
    auto const when = std::chrono::seconds(std::min<std::int64_t>(hello.lifetime_seconds, 86'400) * 9 / 10);
    link->renewal = parts_.loop.call_after(when, alive_.guard([this, link] {
      link->renewal = 0;
      renew(link);
    }));
  }
  if (old) {
    ++counters_.refreshes;
    retire(old);
  }
  look_for_strangers(link, hello.connections);
  report();
}

void SocketMode::disconnect(std::shared_ptr<Link> const& link, Disconnect const& disconnect) {
  parts_.log.info("slack announces a disconnect", {{"link", link->id}, {"reason", disconnect.word}});
  switch (disconnect.reason) {
    case Disconnect::Reason::link_disabled:
      parts_.log.error("slack Socket Mode is switched off");
      return drop(link, "Socket Mode is switched off in the app's settings: switch it on", kDisabledRetry);
    case Disconnect::Reason::too_many_websockets:
      parts_.log.error("slack counts too many connections of this app");
      link->in_order = true;
      // With no more than that of ours, somebody else has the others.
      if (ours() <= kMaxLinks) {
        suspicious_ = true;
        set_foreign(true,
                    "another instance is connected with this app token (Slack takes no more connections, and only " +
                        std::to_string(ours()) + " are ours): stop it; no approval counts until then");
        probe_later();
      }
      return drop(link, "the app has more than 10 connections: find who else uses its app token", kCrowdedRetry);
    case Disconnect::Reason::warning:
    case Disconnect::Reason::refresh_requested:
    case Disconnect::Reason::other:
      link->told = true;
      goodbye_after(link, kFarewell);
      return renew(link);
  }
}

// The new one first: the old one goes on until the new one has had its hello, and then until the platform ends it.
void SocketMode::renew(std::shared_ptr<Link> const& link) {
  if (!links_.contains(link->id) || link->retired || link->slot == kProbe) return;
  auto& slot = slots_[link->slot];
  if (slot.link != link || slot.next || slot.redial != 0) return;
  if (links_.size() < kMaxLinks) return dial(link->slot);
  // No room for one more: a link that was replaced makes it, else the end of this one, which the others bridge.
  if (goodbye_to_oldest() || link->told) redial_after(link->slot, kCloseLimit);
}

// Whoever closes loses what the other side sends in that moment, and a click comes once: so a link that was replaced is
// left for the platform to close. One a slot, since how long it lets them live it only hints at.
void SocketMode::retire(std::shared_ptr<Link> const& link) {
  link->retired = true;
  for (auto const timer : {link->proven, link->renewal}) parts_.loop.cancel(timer);
  if (link->slot == kProbe) {
    if (probe_ == link) probe_.reset();
    return goodbye_after(link, kProbeStays);
  }
  auto const before = links_.find(std::exchange(slots_[link->slot].old, link->id));
  if (before != links_.end()) goodbye(*before->second);
  if (link->told) goodbye_after(link, kFarewell);
}

void SocketMode::goodbye(Link& link) {
  if (!link.socket || std::exchange(link.in_order, true)) return;
  link.socket->close(1000);
}

void SocketMode::goodbye_after(std::shared_ptr<Link> const& link, core::Duration wait) {
  if (link->limit != 0) return;
  link->limit = parts_.loop.call_after(wait, alive_.guard([this, link] {
    link->limit = 0;
    if (links_.contains(link->id) && (link->retired || links_.size() >= kMaxLinks)) goodbye(*link);
  }));
}

// To the replaced link that has stood longest; false if there is none.
bool SocketMode::goodbye_to_oldest() {
  auto const old = std::ranges::find_if(links_, [](std::pair<LinkId const, std::shared_ptr<Link>> const& item) {
    auto const& link = *item.second;
    return link.retired && link.socket && !link.in_order;
  });
  if (old == links_.end()) return false;
  goodbye(*old->second);
  return true;
}

void SocketMode::ended(std::shared_ptr<Link> const& link, net::WebSocketEnd const& end) {
  if (!end.error.code || link->told) link->in_order = true;
  bool const of_slot = link->slot != kProbe;
  if (link->in_order && (link->retired || (link->told && of_slot))) {  // as announced
    bool const served = of_slot && slots_[link->slot].link == link;
    if (served) slots_[link->slot].link.reset();
    forget(*link);
    if (served && !slots_[link->slot].next) redial_after(link->slot, core::Duration{0});
    return report();
  }
  if (link->greeted && !link->retired) ++counters_.lost;
  std::string why = end.error.code ? end.error.text : "Slack closed the connection";
  if (end.http_status != 0) why += " (status " + std::to_string(end.http_status) + ')';
  core::Duration least{0};
  if (auto const after = net::find_header(end.http_headers, "Retry-After")) {
    if (auto const answer = parse_answer(429, *after, {}); answer.has_value() && answer->retry_after_seconds)
      least = std::chrono::seconds(*answer->retry_after_seconds);
  }
  drop(link, why, least);
}

bool SocketMode::acknowledge(LinkId link, std::string const& envelope, core::Json const& payload) {
  auto const at = links_.find(link);
  if (at == links_.end() || !at->second->socket || at->second->in_order) {  // closing, it sends nothing any more
    ++counters_.acks_dropped;
    return false;
  }
  ++counters_.acks;
  at->second->socket->send(ack_frame(envelope, payload), [] { core::reached(core::Failpoint::K2_platform_acked); });
  return true;
}

// --- strangers
// ----------------------------------------------------------------------------------------------------------

// `counted`: open connections of the app as the platform says in a hello, that of `link` included.
void SocketMode::look_for_strangers(std::shared_ptr<Link> const& link, std::int64_t counted) {
  bool const more = counted > static_cast<std::int64_t>(ours());
  if (link->slot == kProbe) {
    // One of ours may be half open: Slack dropped it, and it is counted here in a stranger's place. By the next look it
    // has broken, and then it counts among those of which nobody knows.
    bool const alone = broken_.empty() && counted <= static_cast<std::int64_t>(surely());
    quiet_looks_ = alone ? quiet_looks_ + 1 : 0;
    if (foreign_ && quiet_looks_ >= kQuietLooks) set_foreign(false, "");
    if (more)
      set_foreign(true, "another instance is connected with this app token (" + std::to_string(counted) +
                            " connections, " + std::to_string(ours()) +
                            " of ours): stop it; no approval counts until then");
    suspicious_ = foreign_;  // until it ends
    if (suspicious_) probe_later();
  } else if (more && !suspicious_) {
    suspicious_ = true;
    parts_.log.warn("slack counts more connections than ours; looking again in 60 s",
                    {{"counted", counted}, {"ours", ours()}});
    probe_later();
  }
}

void SocketMode::probe_later() {
  if (stopped_ || probe_timer_ != 0) return;
  probe_timer_ = parts_.loop.call_after(kStrangerCheck, alive_.guard([this] {
    probe_timer_ = 0;
    probe();
  }));
}

void SocketMode::probe() {
  if (stopped_ || probe_) return;
  if (links_.size() < kMaxLinks) return dial(kProbe);
  // Links that are being opened make room by themselves.
  if (!goodbye_to_oldest() && (slots_.size() < kMaxLinks || (!lent_ && !make_room()))) return probe_later();
  parts_.loop.call_after(kCloseLimit, alive_.guard([this] { probe(); }));
}

// The others bridge the moment, as with a renewal.
bool SocketMode::make_room() {
  auto const slot = std::ranges::find_if(
      slots_, [](Slot const& one) { return one.link && one.link->greeted && !one.next && one.redial == 0; });
  if (slot == slots_.end()) return false;
  lent_ = static_cast<std::size_t>(slot - slots_.begin());
  auto const link = std::exchange(slot->link, nullptr);
  retire(link);
  goodbye(*link);
  return true;
}

void SocketMode::set_foreign(bool foreign, std::string const& detail) {
  if (foreign_ != foreign) {
    if (foreign) {
      parts_.log.error("slack app token is in use elsewhere", {{"detail", detail}});
    } else {
      parts_.log.info("slack app token is ours alone again");
    }
  }
  if (foreign && !foreign_) quiet_looks_ = 0;  // those before it say nothing of its end
  foreign_ = foreign;
  counters_.foreign = foreign ? 1 : 0;
  foreign_detail_ = detail;
}

void SocketMode::report() {
  if (stopped_ || !handler_.on_state) return;
  bool const connected = ready() > 0;
  auto const& detail = !connected ? trouble_ : foreign_detail_;
  if (!connected && !reported_once_ && detail.empty()) return;  // still starting
  if (reported_once_ && connected == reported_ && detail == reported_detail_) return;
  reported_once_ = true;
  reported_ = connected;
  reported_detail_ = detail;
  handler_.on_state(connected, detail);
}

}  // namespace slack
