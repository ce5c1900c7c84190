#include "adapters/matrix/websocket_source.hpp"

#include <algorithm>

#include "bot/core/text.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kHelloLimit = 10s;
constexpr core::Duration kPingEvery = 15s;  // with the time for its answer less than 30 s (F18)
constexpr core::Duration kPongLimit = 10s;
constexpr core::Duration kBase = 2s, kCap = 120s;
constexpr core::Duration kProvenAfter = 5min;  // of life: only then is the back-off reset
constexpr core::Duration kFillEvery = 15s;     // until the homeserver has noticed us
constexpr core::Duration kFillFor = 10min;     // its longest pause is 512 s
constexpr core::Duration kDrainWait = 1s;
constexpr std::size_t kMaxCame = 1000;     // events in a room that is yet to be read; what is beyond is read once more
constexpr std::size_t kReadsAtOnce = 4;    // of rooms
constexpr std::size_t kMaxOpen = 10'000;   // events that nobody has answered yet: then we take no more
constexpr std::uint16_t kReplaced = 4001;  // another process connected with this token

}  // namespace

std::string as_sync_url(std::string const& base) {
  auto url = base;
  while (url.ends_with('/')) url.pop_back();
  if (url.starts_with("http")) url.replace(0, 4, "ws");
  return url + "/_matrix/client/unstable/fi.mau.as_sync";
}

WebSocketSource::WebSocketSource(Parts const& parts, Settings const& settings, Client& client, Inbox& inbox,
                                 Counters& counters, SourceHandler handler)
    : parts_(parts),
      settings_(settings),
      inbox_(inbox),
      counters_(counters),
      handler_(std::move(handler)),
      history_(parts, client, inbox),
      backoff_(kBase, kCap, parts.random, core::Duration(500)) {}

void WebSocketSource::start() {
  // A homeserver that is slow to tell does not keep us away for long: then it is asked again once we are connected.
  dial_timer_ = parts_.loop.call_after(kHelloLimit, alive_.guard([this] { dial(); }));
  learn(std::make_shared<std::deque<std::string>>(settings_.channels.begin(), settings_.channels.end()));
}

// What is in a room that is new to us before anybody can know us connected is history, all that follows is not.
void WebSocketSource::learn(std::shared_ptr<std::deque<std::string>> const& rooms) {
  if (link_ != 0) return;
  while (!rooms->empty() && inbox_.knows(rooms->front())) rooms->pop_front();
  if (rooms->empty()) {
    parts_.loop.cancel(dial_timer_);
    return dial();
  }
  auto const room = rooms->front();
  rooms->pop_front();
  history_.newest(room, alive_.guard([this, rooms, room](std::vector<Event> const& events, History::End end) {
    if (link_ == 0 && end == History::End::found && !events.empty()) inbox_.skip(room, events);
    learn(rooms);
  }));
}

void WebSocketSource::stop() {
  stopped_ = true;
  alive_.end();
  history_.stop();
  for (auto const timer : {hello_timer_, ping_timer_, pong_timer_, fill_timer_, unread_timer_, dial_timer_})
    parts_.loop.cancel(timer);
  socket_.reset();
}

// --- one connection
// ---------------------------------------------------------------------------------------------------

void WebSocketSource::dial() {
  dial_timer_ = 0;
  if (stopped_) return;
  if (inbox_.open() >= kMaxOpen) {
    dial_timer_ = parts_.loop.call_after(kDrainWait, alive_.guard([this] { dial(); }));
    return;
  }
  auto const link = ++link_;
  ++counters_.dials;
  net::WebSocketOptions options;
  options.headers = {{"Authorization", "Bearer " + settings_.as_token},
                     {"User-Agent", "countersign"},
                     {"X-Mautrix-Process-ID", "countersign " + settings_.user},
                     {"X-Mautrix-Websocket-Version", "3"}};
  options.keep_alive = net::KeepAlive::none;  // its own pings tell more: that the proxy answers, not only its system
  options.max_message_bytes = kMaxFrameBytes;
  auto const mine = [this, link](auto work) {
    return alive_.guard([this, link, work](auto&&... arguments) {
      if (link == link_) work(std::forward<decltype(arguments)>(arguments)...);
    });
  };
  net::WebSocketHandler handler;
  handler.on_open = mine([this] { open_ = true; });
  handler.on_message = mine([this](std::string const& text, bool binary) { received(text, binary); });
  handler.on_close = mine([this](net::WebSocketEnd const& end) { ended(end); });
  hello_timer_ = parts_.loop.call_after(options.handshake_timeout + kHelloLimit, alive_.guard([this] {
    hello_timer_ = 0;
    drop("no hello came within 10 s");
  }));
  socket_ = parts_.dialer.dial(as_sync_url(settings_.proxy), std::move(options), std::move(handler));
}

void WebSocketSource::drop(std::string const& why) {
  for (auto* timer : {&hello_timer_, &ping_timer_, &pong_timer_, &fill_timer_, &unread_timer_}) {
    parts_.loop.cancel(*timer);
    *timer = 0;
  }
  if (greeted_) {
    ++counters_.lost;
    if (parts_.loop.now() - greeted_at_ >= kProvenAfter) backoff_.reset();
  }
  ++link_;  // nothing of the old one counts any more
  open_ = greeted_ = false;
  socket_.reset();
  parts_.log.warn("matrix proxy connection ended", {{"reason", why}});
  handler_.on_state(false, why);
  if (dial_timer_ == 0) dial_timer_ = parts_.loop.call_after(backoff_.next(), alive_.guard([this] { dial(); }));
}

void WebSocketSource::ended(net::WebSocketEnd const& end) {
  auto reason = core::parse_json(end.close_reason);
  auto const word = reason.has_value() ? (*reason)["status"].text() : std::string();
  if (end.close_code == kReplaced || word == "conn_replaced") {
    // Dialling again would throw the other one out, and so on for ever.
    std::string const why =
        "Another process has connected to the Matrix proxy with this as_token and taken this one's place: nothing "
        "arrives here any more. Stop one of the two, then restart this one.";
    for (auto* timer : {&hello_timer_, &ping_timer_, &pong_timer_, &fill_timer_, &unread_timer_}) {
      parts_.loop.cancel(*timer);
      *timer = 0;
    }
    ++link_;
    greeted_ = false;
    stopped_ = true;
    socket_.reset();
    parts_.log.error("matrix proxy connection was replaced", {{"reason", why}});
    return handler_.on_state(false, why);
  }
  std::string why = end.error.code ? end.error.text : "the Matrix proxy closed the connection";
  if (end.close_code != 0) why += " (close code " + std::to_string(end.close_code) + ')';
  if (end.http_status == 401 || end.http_status == 403)
    why += " (status " + std::to_string(end.http_status) +
           "): the proxy does not know chat.matrix.as_token; compare it with the proxy's configuration";
  else if (end.http_status != 0)
    why += " (status " + std::to_string(end.http_status) + ')';
  drop(why);
}

void WebSocketSource::received(std::string const& text, bool binary) {
  if (binary) return;  // none is defined
  auto frame = parse_frame(text);
  if (frame.has_error()) {
    ++counters_.refused_events;
    parts_.log.warn("matrix frame refused; reading back", {{"reason", frame.error().message}});
    if (greeted_) back_fill();
    return;
  }
  counters_.last_heard_ms = static_cast<std::uint64_t>(parts_.loop.now().time_since_epoch().count());
  counters_.refused_events += frame->refused;
  switch (frame->kind) {
    case Frame::Kind::hello: return greeted();
    case Frame::Kind::transaction: return transaction(*std::move(frame));
    case Frame::Kind::response:
    case Frame::Kind::error:
      if (frame->id != awaited_ping_) return;
      parts_.loop.cancel(pong_timer_);
      pong_timer_ = 0;
      return;
    case Frame::Kind::command:
      if (frame->id != 0) socket_->send(unknown_command(frame->id));
      return;
  }
}

void WebSocketSource::greeted() {
  if (greeted_) return;
  greeted_ = true;
  noticed_ = false;
  greeted_at_ = parts_.loop.now();
  ++counters_.hellos;
  parts_.loop.cancel(hello_timer_);
  hello_timer_ = 0;
  ping_timer_ = parts_.loop.call_after(kPingEvery, alive_.guard([this] { ping(); }));
  parts_.log.info("matrix proxy connection ready");
  handler_.on_state(true, "");
  for (auto const& room : settings_.channels) handler_.on_room_changed(room);
  back_fill();
}

void WebSocketSource::ping() {
  awaited_ping_ = ++last_ping_;
  socket_->send(ping_frame(awaited_ping_, parts_.loop.now().time_since_epoch().count()));
  ping_timer_ = parts_.loop.call_after(kPingEvery, alive_.guard([this] { ping(); }));
  pong_timer_ = parts_.loop.call_after(kPongLimit, alive_.guard([this] {
    pong_timer_ = 0;
    drop("the Matrix proxy did not answer a ping within 10 s");
  }));
}

// --- events
// -----------------------------------------------------------------------------------------------------------

void WebSocketSource::transaction(Frame frame) {
  ++counters_.transactions;
  noticed_ = true;
  std::erase_if(frame.events, [this](Event& event) {
    auto const room = unread_.find(event.room);
    if (room == unread_.end()) return false;
    // Whether we are in it is no act, and what lets us read it.
    if (event.type == "m.room.member" && event.state_key == settings_.user) handler_.on_room_state({event});
    // It must not pass what was not read. Whoever is cut off now reads it back.
    if (room->second.came.size() < kMaxCame) {
      room->second.came.push_back(std::move(event));
    } else {
      room->second.missed = true;
    }
    return true;
  });
  // Its repetition is acknowledged too: the events are known by their ids.
  inbox_.take(std::move(frame.events), alive_.guard([this, link = link_, id = frame.id, txn = frame.txn_id] {
    if (id != 0 && link == link_ && socket_) socket_->send(transaction_ack(id, txn));
  }));
  if (inbox_.open() >= kMaxOpen && greeted_)
    drop("more events wait for an answer than may; connecting again when they have it");
}

// --- reading back: each room for itself, so that one that hangs holds up no other
// -----------------------------------------------------------------------------------------------------------

void WebSocketSource::back_fill() {
  ++counters_.back_fills;
  for (auto const& room : settings_.channels) {
    auto& unread = unread_[room];
    unread.due = true;
    unread.missed = true;  // for one that is being read
  }
  read_next();
  if (noticed_ || fill_timer_ != 0 || parts_.loop.now() - greeted_at_ >= kFillFor) return;
  fill_timer_ = parts_.loop.call_after(kFillEvery, alive_.guard([this] {
    fill_timer_ = 0;
    if (!noticed_) back_fill();
  }));
}

void WebSocketSource::read_next() {
  for (auto& [room, unread] : unread_) {
    if (reading_ == kReadsAtOnce) return;
    if (!unread.due || unread.reading) continue;
    ++reading_;
    unread.due = unread.missed = false;
    unread.reading = true;
    auto done = alive_.guard(
        [this, room = room](std::vector<Event> events, History::End end) { was_read(room, std::move(events), end); });
    if (inbox_.knows(room)) {
      history_.read({room, {}, {}}, std::move(done));
    } else {
      history_.newest(room, std::move(done));
    }
  }
}

void WebSocketSource::was_read(std::string const& room, std::vector<Event> events, History::End end) {
  --reading_;
  auto const at = unread_.find(room);
  auto& unread = at->second;
  unread.reading = false;
  bool const fresh = !inbox_.knows(room);
  bool const ours = !stopped_ && std::ranges::find(settings_.channels, room) != settings_.channels.end();
  bool const again = end == History::End::failed || (end == History::End::refused && !fresh);
  if (!ours) {
    unread_.erase(at);
  } else if (again) {
    read_later();
  } else if (end == History::End::refused) {  // and new to us: we are not a member yet
    auto came = std::move(unread.came);
    unread_.erase(at);
    inbox_.take(std::move(came), {});
  } else if (std::exchange(unread.missed, false)) {
    unread.due = true;  // what came waits for that, too: something may have been said before it
    take_read(room, std::move(events), end, fresh, unread.came);
  } else {
    auto came = std::move(unread.came);
    unread_.erase(at);
    take_read(room, std::move(events), end, fresh, came);
    inbox_.take(std::move(came), {});
  }
  read_next();
}

void WebSocketSource::take_read(std::string const& room, std::vector<Event> events, History::End end, bool fresh,
                                std::vector<Event> const& came) {
  if (!fresh && end == History::End::found) {
    if (events.empty()) return;
    ++counters_.gaps;
    return inbox_.take(std::move(events), {});
  }
  // History, but for what came in since we connected: that is taken behind it.
  std::erase_if(events,
                [&](Event const& event) { return std::ranges::find(came, event.id, &Event::id) != came.end(); });
  if (fresh) return inbox_.skip(room, events);
  if (events.empty()) return;
  parts_.log.error(
      "matrix room: what came in meanwhile can't be told from what was handled; only what takes back counts",
      {{"room", core::printable_ascii(room, 255)}});
  auto redactions = take_out_redactions(events);
  inbox_.skip(room, events);
  inbox_.take(std::move(redactions), {});
}

void WebSocketSource::read_later() {
  if (!greeted_ || unread_timer_ != 0) return;
  unread_timer_ = parts_.loop.call_after(kFillEvery, alive_.guard([this] {
    unread_timer_ = 0;
    for (auto& [room, unread] : unread_) unread.due = !unread.reading;
    read_next();
  }));
}

}  // namespace matrix
