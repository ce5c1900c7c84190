#include "adapters/playground/matrix_service.hpp"

#include <algorithm>
#include <charconv>

#include "adapters/playground/same_origin.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxBacklog = 10'000;
constexpr std::size_t kMaxEventsEach = 100;        // Synapse, of one transaction
constexpr std::size_t kMaxFrameBytes = 50u << 20;  // as mautrix-go reads
constexpr std::uint16_t kReplaced = 4001, kNotAcknowledged = 4002;

Json closing(std::string const& status) { return Json::object({{"command", "disconnect"}, {"status", status}}); }

}  // namespace

void MatrixService::accept(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto refuse = [&](unsigned status, char const* code, char const* text) {
    responder->respond(json_response(Json::object({{"errcode", code}, {"error", text}}), status));
  };
  MatrixCall call;
  call.call = "as_sync";
  call.method = request.method;
  call.target = request.target;
  auto const number = api_.record(std::move(call));
  if (auto const fault = api_.next_fault("as_sync")) {
    if (fault->kind == MatrixFault::Kind::html)
      return responder->respond({fault->status, {{"Content-Type", "text/html"}}, "<html></html>"});
    return refuse(fault->status, fault->code.c_str(), fault->text.c_str());
  }
  auto const token = request.header("Authorization").value_or("");
  if (!token.starts_with("Bearer ")) return refuse(403, "M_MISSING_TOKEN", "Missing authorization header");
  if (token.substr(7) != context_.world().as_token)
    return refuse(403, "M_UNKNOWN_TOKEN", "Unknown authorization token");
  // gorilla/websocket refuses a foreign Origin.
  if (auto const origin = request.header("Origin"); origin && *origin != context_.origin)
    return responder->respond({403, {{"Content-Type", "text/plain; charset=utf-8"}}, "Forbidden\n"});
  if (!request.websocket_upgrade)
    return responder->respond({400, {{"Content-Type", "text/plain; charset=utf-8"}}, "Bad Request\n"});
  int version = 1;
  auto const header = request.header("X-Mautrix-Websocket-Version").value_or("1");
  std::from_chars(header.data(), header.data() + header.size(), version);
  if (!request.header("X-Mautrix-Process-ID"))
    context_.find("as_sync without X-Mautrix-Process-ID: two instances can't be told apart in the proxy's log.");
  net::WebSocketOptions options;
  options.max_message_bytes = kMaxFrameBytes;
  options.max_outbox_bytes = kMaxFrameBytes;
  options.keep_alive = net::KeepAlive::none;
  net::WebSocketHandler handler;
  auto const mine = ++socket_number_;
  handler.on_message = [this, mine](std::string message, bool binary) {
    if (mine == socket_number_ && !binary) received(message);
  };
  handler.on_close = [this, mine](net::WebSocketEnd const&) {
    if (mine == socket_number_) drop();
  };
  auto old = std::move(socket_);
  context_.io.cancel(ack_timer_);
  awaited_ = 0;
  socket_ = responder->accept_websocket(options, std::move(handler));
  if (!socket_) return;
  if (auto* entry = api_.recorded(number)) entry->status = 101;
  version_ = version;
  ++connections;
  socket_->send(asmux() ? R"({"command":"connect","status":"connected"})" : R"({"status": "connected"})");
  if (old) {
    old->close(kReplaced, asmux() ? core::dump(closing("conn_replaced"))
                                  : R"({"command": "disconnect", "status": "conn_replaced"})");
    // Its last bytes have a moment to leave.
    context_.after(net::Duration{2'000}, [old] { static_cast<void>(old); });
  }
  context_.changed();
  if (asmux()) pump();  // wsproxy has no queue: the homeserver comes when its back-off ends
}

void MatrixService::drop() {
  socket_.reset();
  ++socket_number_;
  context_.io.cancel(ack_timer_);
  awaited_ = 0;
  context_.changed();
}

bool MatrixService::concerns(MatrixEvent const& event) const {
  auto const& user = context_.world().service_user.id;
  return event.sender == user || event.state_key == user || store_.room(event.room)->joined(user);
}

// What wsproxy makes of an event: its library knows these members alone, and adds empty aggregations.
Json MatrixService::shown(MatrixEvent const& event) const {
  MatrixReader reader;
  reader.membership = false;
  auto const whole = store_.shown(event, reader);
  Json out(Json::Object{});
  for (auto const* name :
       {"state_key", "sender", "type", "origin_server_ts", "event_id", "room_id", "content", "redacts"}) {
    if (!whole[name].is_null()) out.set(name, whole[name]);
  }
  Json info(Json::Object{});
  for (auto const* name : {"prev_content", "prev_sender", "replaces_state", "age", "redacted_because"}) {
    auto const& value = whole["unsigned"][name];
    if (!value.is_null() && value.integer(1) != 0) info.set(name, value);
  }
  if (!asmux()) {
    auto const none = Json::object({{"chunk", Json::array()}, {"limited", false}, {"count", 0}});
    info.set("m.relations", Json::object({{"m.annotation", none}, {"m.reference", none}, {"m.replace", none}}));
  }
  return out.set("unsigned", info);
}

void MatrixService::on_event(MatrixEvent const& event) {
  if (!concerns(event)) return;
  if (waiting_.size() >= kMaxBacklog) {
    context_.find("The application service's backlog is full; the oldest transaction is dropped.");
    waiting_.pop_front();
  }
  // What comes while another transaction waits for its own turn goes along with the last one of those.
  bool const join =
      waiting_.size() > 1 && waiting_.back().sent == 0 && waiting_.back().events.if_array()->size() < kMaxEventsEach;
  if (!join) waiting_.push_back({++last_transaction_});
  waiting_.back().events.push(shown(event));
  context_.later([this] { pump(); });
}

void MatrixService::pump() { asmux() ? pump_asmux() : pump_wsproxy(); }

void MatrixService::pump_wsproxy() {
  if (backoff_ > net::Duration{0}) return;
  while (!waiting_.empty()) {
    if (!socket_) return refused();
    auto& first = waiting_.front();
    if (lose > 0) {
      --lose;
    } else {
      send(Json::object({{"status", "ok"}, {"txn_id", std::to_string(first.id)}, {"events", first.events}}), true);
    }
    waiting_.pop_front();
  }
}

void MatrixService::refused() {
  auto const& options = context_.options;
  backoff_ =
      backoff_ == net::Duration{0} ? options.service_backoff : std::min(backoff_ * 2, options.service_backoff_max);
  auto const next = backoff_;
  retry_timer_ = context_.after(next, [this, next] {
    backoff_ = net::Duration{0};
    if (!socket_ && !waiting_.empty()) {
      backoff_ = next;  // refused() doubles it
      return refused();
    }
    pump();
  });
}

void MatrixService::retry_now() {
  context_.io.cancel(retry_timer_);
  backoff_ = net::Duration{0};
  pump();
}

void MatrixService::pump_asmux() {
  if (!socket_ || awaited_ != 0 || waiting_.empty()) return;
  auto& first = waiting_.front();
  auto frame = Json::object(
      {{"command", "transaction"}, {"status", "ok"}, {"txn_id", std::to_string(first.id)}, {"events", first.events}});
  if (version_ >= 2) frame.set("id", ++last_frame_);
  ++first.sent;
  if (lose > 0) {
    --lose;
  } else {
    send(frame, false);
  }
  if (version_ < 2) {
    waiting_.pop_front();
    return pump_asmux();
  }
  awaited_ = last_frame_;
  await_ack(first.id);
}

void MatrixService::await_ack(std::uint64_t transaction) {
  auto const& options = context_.options;
  auto const wait = waiting_.front().sent > 1 ? options.later_acks : options.first_ack;
  ack_timer_ = context_.after(wait, [this, transaction] {
    awaited_ = 0;
    if (waiting_.empty() || waiting_.front().id != transaction) return;
    if (version_ == 2) {
      waiting_.pop_front();  // a client of that version can't tell a second copy: it is dropped
    } else if (waiting_.front().sent >= context_.options.missed_acks) {
      waiting_.front().sent = 0;
      return close(kNotAcknowledged, "transactions_not_acknowledged");
    }
    pump_asmux();
  });
}

void MatrixService::close(std::uint16_t code, std::string const& status) {
  if (!socket_) return;
  auto const old = std::move(socket_);
  drop();
  old->close(code, status.empty() ? std::string() : core::dump(closing(status)));
  context_.after(net::Duration{2'000}, [old] { static_cast<void>(old); });
}

void MatrixService::send_frame(Json const& frame) { send(frame, false); }

void MatrixService::send(Json const& frame, bool line_feed) {
  if (socket_) socket_->send(core::dump(frame) + (line_feed ? "\n" : ""));
}

void MatrixService::answer(std::int64_t id, char const* command, Json data) {
  if (id != 0) send(Json::object({{"id", id}, {"command", command}, {"data", std::move(data)}}), true);
}

void MatrixService::received(std::string const& message) {
  auto const frame = core::parse_json(message, {.max_bytes = kMaxFrameBytes});
  if (!frame || !frame->is_object()) return drop();  // both proxies end the connection without a close frame
  auto const command = (*frame)["command"].text();
  auto const id = (*frame)["id"].integer(0);
  if (command == "ping") {
    return answer(id, "response", Json::object({{"timestamp", context_.now_ms()}}));
  }
  if (command == "start_sync")
    return answer(id, "error", Json::object({{"message", "sync proxy shared secret not configured"}}));
  if (asmux() && (command == "response" || command == "error")) {
    if (id == 0 || static_cast<std::uint64_t>(id) != awaited_) return;
    context_.io.cancel(ack_timer_);
    awaited_ = 0;
    if (command == "response" && !waiting_.empty()) waiting_.pop_front();
    return pump_asmux();
  }
  if (command == "response" || command == "error") context_.find("An ack to mautrix-wsproxy, which knows no acks.");
  answer(id, "error", Json::object({{"message", "unknown command " + command}}));
}

}  // namespace playground
