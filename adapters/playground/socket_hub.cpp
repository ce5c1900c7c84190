#include "adapters/playground/socket_hub.hpp"

#include <algorithm>

namespace playground {

using core::Json;

namespace {
constexpr net::Duration kDebugLife{360'000};  // &debug_reconnects=true
}

SocketHub::SocketHub(SlackContext& context, Acked acked, Missed missed)
    : context_(context), acked_(std::move(acked)), missed_(std::move(missed)) {}

void SocketHub::listen(std::uint16_t upstream_port) {
  auto const& options = context_.options;
  relay_ = std::make_unique<WireRelay>(
      WireRelay::Options{upstream_port, options.ping_every, options.pong_limit, options.leave_tcp_open});
}

std::string SocketHub::new_url() {
  auto const ticket = context_.uuid();
  tickets_[ticket] = context_.now() + context_.options.ticket_life;
  return "ws://127.0.0.1:" + std::to_string(relay_->port()) + "/link/?ticket=" + ticket +
         "&app_id=" + context_.options.world.app_id;
}

void SocketHub::accept(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto refuse = [&](unsigned status, char const* why) {
    responder->respond({status, {{"Content-Type", "text/plain"}}, why});
  };
  auto const ticket = std::string(request.query_value("ticket").value_or(""));
  auto const known = tickets_.find(ticket);
  if (known == tickets_.end()) return refuse(403, "unknown or used ticket");
  auto const until = known->second;
  tickets_.erase(known);  // single use, whatever comes of it
  if (context_.now() > until) return refuse(403, "expired ticket");
  if (refusals > 0) {
    --refusals;
    return refuse(refusal_status, "refused on demand");
  }
  if (!request.websocket_upgrade) return refuse(400, "not a WebSocket upgrade");
  auto const id = ++last_socket_;
  bool const debug = request.query_value("debug_reconnects").value_or("") == "true";
  net::WebSocketOptions options;
  options.keep_alive = net::KeepAlive::none;  // the relay pings, with Slack's words
  sockets_.emplace_back();
  sockets_.back().id = id;
  sockets_.back().ticket = ticket;
  net::WebSocketHandler handler;
  handler.on_open = [this, id, debug] { opened(id, debug); };
  handler.on_message = [this, id](std::string message, bool binary) { received(id, message, binary); };
  handler.on_close = [this, id](net::WebSocketEnd const&) { closed(id); };
  sockets_.back().ws = responder->accept_websocket(options, std::move(handler));
  if (!sockets_.back().ws) sockets_.pop_back();
}

SocketHub::Socket* SocketHub::socket(std::uint64_t id) {
  auto const found = std::find_if(sockets_.begin(), sockets_.end(), [&](auto const& one) { return one.id == id; });
  return found == sockets_.end() ? nullptr : &*found;
}

std::size_t SocketHub::ready() const {
  return static_cast<std::size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [](auto const& one) { return one.ready; }));
}

void SocketHub::count_ready() { least_ready_ = std::min(least_ready_, ready()); }

void SocketHub::opened(std::uint64_t id, bool debug_reconnects) {
  auto* one = socket(id);
  if (one == nullptr) return;
  if (ready() >= context_.options.max_sockets) {
    one->ws->send(core::dump(Json::object({{"type", "disconnect"},
                                           {"reason", "too_many_websockets"},
                                           {"debug_info", Json::object({{"host", "applink-1"}})}})));
    close_later(id, net::Duration{100});
    return;
  }
  one->ready = true;
  send_hello(*one);
  auto const life = debug_reconnects ? kDebugLife : context_.options.connection_life;
  if (life > net::Duration{0}) refresh_after(id, life);
  context_.changed();
}

void SocketHub::send_hello(Socket& one) {
  ++hellos;
  auto hello = Json::object(
      {{"type", "hello"},
       {"num_connections", std::uint64_t{ready()}},
       {"debug_info", Json::object({{"host", "applink-" + std::to_string(one.id)},
                                    {"build_number", 47},
                                    {"approximate_connection_time", context_.options.approximate_connection_time}})},
       {"connection_info", Json::object({{"app_id", context_.options.world.app_id}})}});
  if (context_.options.extra_fields && context_.chance(2)) hello.set("zone", "west");
  one.ws->send(core::dump(hello));
}

void SocketHub::refresh_after(std::uint64_t id, net::Duration life) {
  auto const warn = std::max(net::Duration{0}, life - context_.options.warning_ahead);
  context_.after(warn, [this, id] { disconnect(id, "warning", net::Duration{0}); });
  context_.after(life, [this, id] { disconnect(id, "refresh_requested", context_.options.refresh_grace); });
}

void SocketHub::disconnect(std::uint64_t id, std::string_view reason, net::Duration close_in) {
  for (auto& one : sockets_) {
    if ((id != 0 && one.id != id) || !one.ready) continue;
    one.ws->send(core::dump(
        Json::object({{"type", "disconnect"},
                      {"reason", reason},
                      {"debug_info", Json::object({{"host", "wss-" + std::to_string(one.id) + ".example"}})}})));
    if (reason == "warning") continue;
    one.draining = true;
    close_later(one.id, close_in);
  }
  context_.changed();
}

void SocketHub::close_later(std::uint64_t id, net::Duration delay) {
  context_.after(delay, [this, id] {
    auto* const one = socket(id);
    if (one == nullptr) return;
    one->ready = false;  // whoever closes sends nothing more there
    count_ready();
    one->ws->close(1000);
    context_.changed();
  });
}

void SocketHub::kill_tcp(std::uint64_t id) {
  for (auto const& one : sockets_) {
    if (id == 0 || one.id == id) relay_->reset(one.ticket);
  }
}

void SocketHub::half_open(std::uint64_t id) {
  for (auto& one : sockets_) {
    if (id != 0 && one.id != id) continue;
    one.half_open = true;
    relay_->freeze(one.ticket);
  }
  context_.changed();
}

void SocketHub::closed(std::uint64_t id) {
  sockets_.remove_if([&](auto const& one) { return one.id == id; });
  count_ready();
  context_.changed();
}

std::vector<SocketInfo> SocketHub::sockets() const {
  std::vector<SocketInfo> list;
  for (auto const& one : sockets_) {
    SocketInfo info;
    info.id = one.id;
    info.ready = one.ready;
    info.draining = one.draining;
    info.half_open = one.half_open;
    info.delivered = one.delivered;
    for (auto const& [envelope_id, envelope] : envelopes_) {
      if (envelope.socket == one.id && !envelope.acked) ++info.unacked;
    }
    auto const counts = relay_->counts(one.ticket);
    info.pings = counts.pings;
    info.pongs = counts.pongs;
    list.push_back(info);
  }
  return list;
}

SocketHub::Socket* SocketHub::choose() {
  std::vector<Socket*> able;
  for (auto& one : sockets_) {
    if (one.ready) able.push_back(&one);
  }
  if (able.empty()) return nullptr;
  if (auto* fixed = socket(fixed_socket); fixed != nullptr && fixed->ready) return fixed;
  switch (choice) {
    case SlackStandIn::Choice::oldest: return able.front();
    case SlackStandIn::Choice::newest: return able.back();
    case SlackStandIn::Choice::at_random: break;
  }
  return able[context_.pick(able.size())];
}

Interaction* SocketHub::find(std::uint64_t id) {
  return id == 0 || id > interactions.size() ? nullptr : &interactions[static_cast<std::size_t>(id - 1)];
}

std::uint64_t SocketHub::deliver(Interaction interaction) {
  interaction.id = interactions.size() + 1;
  interactions.push_back(std::move(interaction));
  auto const id = interactions.back().id;
  dispatch(id, 0);
  return id;
}

void SocketHub::dispatch(std::uint64_t id, int attempt) {
  if (holding) {
    held_.emplace_back(id, attempt);
  } else {
    send_frame(id, attempt);
  }
  context_.changed();
}

void SocketHub::release(bool reverse) {
  holding = false;
  auto list = std::exchange(held_, {});
  if (reverse) std::reverse(list.begin(), list.end());
  for (auto const& [id, attempt] : list) send_frame(id, attempt);
  context_.changed();
}

void SocketHub::send_frame(std::uint64_t id, int attempt) {
  auto& interaction = *find(id);
  bool const event = interaction.kind == "events_api";
  auto* to = choose();
  if (to == nullptr) {
    interaction.state = Interaction::State::undelivered;
    if (event) {
      retry_event(id, attempt + 1);
    } else {
      context_.later([this, id] { missed_(*find(id)); });
    }
    return;
  }
  auto const envelope_id = context_.uuid();
  interaction.envelope_id = envelope_id;
  interaction.socket = to->id;
  interaction.state = Interaction::State::sent;
  auto const type = event || interaction.kind == "slash_commands" ? interaction.kind : std::string("interactive");
  Envelope envelope{id, to->id, !event, false, context_.now()};
  auto frame = Json::object({{"envelope_id", envelope_id},
                             {"type", type},
                             {"accepts_response_payload", envelope.accepts_payload},
                             {"payload", interaction.payload}});
  if (event) frame.set("retry_attempt", attempt).set("retry_reason", attempt == 0 ? "" : "timeout");
  if (context_.options.extra_fields && context_.chance(3)) frame.set("x_trace", context_.random_text(8));
  envelopes_[envelope_id] = envelope;
  int copies = 1;
  if (duplicates > 0) {
    --duplicates;
    copies = 2;
  }
  for (int i = 0; i < copies; ++i) to->ws->send(core::dump(frame));
  interaction.deliveries += copies;
  to->delivered += static_cast<std::uint64_t>(copies);
  context_.after(context_.options.ack_limit, [this, envelope_id, id, attempt, event] {
    auto const known = envelopes_.find(envelope_id);
    bool const acked = known->second.acked;
    envelopes_.erase(known);
    if (acked) return;
    auto& late = *find(id);
    if (late.envelope_id == envelope_id) late.state = Interaction::State::not_acked;
    if (event) {
      retry_event(id, attempt + 1);
    } else {
      missed_(late);
    }
    context_.changed();
  });
}

void SocketHub::retry_event(std::uint64_t id, int attempt) {
  auto const& delays = context_.options.event_retries;
  if (static_cast<std::size_t>(attempt) > delays.size()) return;
  context_.after(delays[static_cast<std::size_t>(attempt - 1)], [this, id, attempt] { dispatch(id, attempt); });
}

void SocketHub::received(std::uint64_t socket_id, std::string const& message, bool binary) {
  if (binary) return context_.find("a binary frame on the socket");
  auto const parsed = core::parse_json(message);
  if (!parsed || !parsed->is_object()) return context_.find("a frame that is no JSON object on the socket");
  auto const envelope_id = (*parsed)["envelope_id"].text();
  if (envelope_id.empty()) return context_.find("a frame without envelope_id on the socket");
  auto const known = envelopes_.find(envelope_id);
  if (known == envelopes_.end()) return;  // expired or never ours: Slack ignores it
  auto& envelope = known->second;
  if (envelope.socket != socket_id) return context_.find("an ack on another socket than the envelope's");
  auto& interaction = *find(envelope.interaction);
  auto const& payload = (*parsed)["payload"];
  bool const filled = !payload.is_null() && !(payload.is_object() && payload.if_object()->empty());
  if (filled && !envelope.accepts_payload) context_.find("an ack with a payload that the envelope doesn't accept");
  if (filled && interaction.kind == "block_actions") context_.find("an ack of a click with a payload: it is ignored");
  ++interaction.acks;
  if (envelope.acked) return;
  envelope.acked = true;
  interaction.ack_time = context_.now() - envelope.sent;
  interaction.state = Interaction::State::acked;
  if (filled) interaction.answer = payload;
  acked_(interaction);
  context_.changed();
}

}  // namespace playground
