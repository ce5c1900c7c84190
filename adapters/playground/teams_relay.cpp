#include "adapters/playground/teams_relay.hpp"

#include <algorithm>
#include <cctype>

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxMessage = 4u << 20;                    // of a listener's; ours to choose
constexpr std::size_t kMaxDone = 10'000, kMaxAddresses = 1'000;  // then the old ones are forgotten

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](unsigned char x, unsigned char y) {
           return std::tolower(x) == std::tolower(y);
         });
}

// RFC 7230 section 6.1, as the relay's documentation lists them, and what belongs to the relay itself.
bool is_stripped(std::string_view name) {
  for (auto const* one : {"Connection", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Close",
                          "ServiceBusAuthorization", kWireHeader}) {
    if (same_name(name, one)) return true;
  }
  return false;
}

// The target without sb-hc-token, which is for the relay alone.
std::string without_token(std::string const& target) {
  auto const mark = target.find('?');
  if (mark == std::string::npos) return target;
  std::string out = target.substr(0, mark);
  char joint = '?';
  for (std::string_view rest = std::string_view(target).substr(mark + 1); !rest.empty();) {
    auto const item = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    if (item.starts_with("sb-hc-token=")) continue;
    out += joint;
    out += item;
    joint = '&';
  }
  return out;
}

}  // namespace

TeamsRelay::TeamsRelay(TeamsContext& context) : context_(context) {}
TeamsRelay::~TeamsRelay() { wire_.reset(); }  // its thread first: it reports to us

void TeamsRelay::listen(std::uint16_t upstream_port) {
  WireRelay::Options options{
      upstream_port, context_.options.relay_ping_every, context_.options.silence_life, false, {}};
  auto report = [this](std::string const& ticket, TeamsTap::Event event) {
    context_.later([this, ticket, event] {
      static_cast<void>(ticket);
      context_.find(event == TeamsTap::Event::ping
                        ? "The listener sent a PING on its control channel, so the relay dropped it."
                        : "The listener sent no frame for the relay's idle limit, so its control channel died.");
    });
  };
  auto last = std::make_shared<std::uint64_t>(0);  // the wire's thread alone counts
  options.make_tap = [settings = settings_, seed = context_.options.seed, report, last] {
    return std::make_unique<TeamsTap>(settings, ++*last, seed, report);
  };
  wire_ = std::make_unique<WireRelay>(options);
}

void TeamsRelay::refuse(std::shared_ptr<net::Responder> const& responder, unsigned status, std::string const& why) {
  auto const text = why + ". TrackingId:" + context_.tracking_id() + ", Timestamp:" + core::format_time(context_.now());
  responder->respond({status, {{"Content-Type", "text/plain"}, {kReasonHeader, text}}, text});
}

TeamsRelay::Channel* TeamsRelay::channel(std::uint64_t id) {
  auto const found = std::find_if(channels_.begin(), channels_.end(), [&](auto const& one) { return one.id == id; });
  return found == channels_.end() ? nullptr : &*found;
}

std::size_t TeamsRelay::control_channels() const {
  return static_cast<std::size_t>(
      std::count_if(channels_.begin(), channels_.end(), [](auto const& one) { return one.control; }));
}

void TeamsRelay::upgrade(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const& options = context_.options;
  settings_->fragment = options.fragment;
  settings_->close_on_ping = options.close_on_ping;
  settings_->idle_ms = options.relay_idle_limit.count();
  if (!request.websocket_upgrade) return refuse(responder, 400, "Bad Request: this needs a WebSocket upgrade");
  auto const path = request.path.substr(std::string_view("/$hc/").size());
  if (!same_name(path, options.world.relay_path)) {
    return refuse(responder, 404, "Not Found: EndpointNotFound: there is no such hybrid connection");
  }
  auto const action = request.query_value("sb-hc-action").value_or("");
  if (action == "listen") return accept_listener(request, responder);
  if (action == "request") return accept_rendezvous(request, responder);
  if (action == "accept") return answer_accept(request, responder);
  refuse(responder, 400, "Bad Request: sb-hc-action must be listen, request or accept");
}

void TeamsRelay::accept_listener(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const host = request.header("Host").value_or("");
  auto const token =
      request.header("ServiceBusAuthorization").value_or(request.query_value("sb-hc-token").value_or(""));
  auto const verdict = check_sas(token, host, context_.world(), SasRight::listen, context_.now());
  if (verdict.status != 0) return refuse(responder, verdict.status, verdict.why);
  if (refusals > 0) {
    --refusals;
    return refuse(responder, refusal_status, "Refused on demand");
  }
  if (control_channels() >= context_.options.max_listeners) {
    return refuse(responder, 403, "Forbidden: QuotaExceeded: all listeners of the hybrid connection are taken");
  }
  auto& one = channels_.emplace_back();
  one.id = ++last_channel_;
  one.control = true;
  one.ticket = std::string(request.header(kWireHeader).value_or(""));
  one.correlation = std::string(request.query_value("sb-hc-id").value_or(""));
  one.host = std::string(host);
  auto const id = one.id;
  one.ws = take(id, responder);
  if (!one.ws) return channels_.pop_back();
  ++upgrades;
  watch_expiry(one, verdict.until);
}

std::unique_ptr<net::WebSocket> TeamsRelay::take(std::uint64_t id, std::shared_ptr<net::Responder> const& responder) {
  net::WebSocketOptions options;
  options.keep_alive = net::KeepAlive::none;  // the wire knows what is silent
  options.max_message_bytes = kMaxMessage;
  net::WebSocketHandler handler;
  handler.on_open = [this, id] {
    auto* one = channel(id);
    if (one == nullptr) return;
    one->open = true;
    // What a stub announced comes first on its rendezvous.
    auto const waiting = pending_.find(one->request);
    if (!one->control && waiting != pending_.end() && waiting->second.stub) {
      auto const& pending = waiting->second;
      one->ws->send(pending.text);
      if (!pending.call.body.empty()) one->ws->send_binary(pending.call.body);
    }
    context_.changed();
  };
  handler.on_message = [this, id](std::string message, bool binary) { received(id, message, binary); };
  handler.on_close = [this, id](net::WebSocketEnd const&) { closed(id); };
  return responder->accept_websocket(options, std::move(handler));
}

void TeamsRelay::watch_expiry(Channel& one, core::Time until) {
  context_.io.cancel(one.expiry);
  auto const left = std::min<core::Duration>(until - context_.now(), std::chrono::hours(24 * 365));
  one.expiry = context_.after(left, [this, id = one.id] {
    auto* late = channel(id);
    if (late != nullptr) late->ws->close(1008, "The token has expired.");
  });
}

std::string TeamsRelay::new_address(std::string const& request, std::uint64_t listener, char const* action) {
  auto const id =
      context_.uuid() + "_G" + std::to_string(1 + context_.pick(20)) + "_G" + std::to_string(1 + context_.pick(20));
  if (addresses_.size() > kMaxAddresses) {
    std::erase_if(addresses_, [now = context_.now()](auto const& one) { return one.second.until < now; });
  }
  addresses_[id] = {request, listener, context_.now() + context_.options.rendezvous_life};
  auto const* one = channel(listener);
  auto const host = one != nullptr ? one->host : "127.0.0.1:" + std::to_string(port());
  return "ws://" + host + "/$hc/" + context_.world().relay_path + "?sb-hc-action=" + action + "&sb-hc-id=" + id;
}

void TeamsRelay::accept_rendezvous(net::HttpRequestIn const& request,
                                   std::shared_ptr<net::Responder> const& responder) {
  auto const name = std::string(request.query_value("sb-hc-id").value_or(""));
  auto const known = addresses_.find(name);
  if (known == addresses_.end()) return refuse(responder, 400, "Bad Request: no such rendezvous, or it was used");
  auto const address = known->second;
  addresses_.erase(known);  // single use, whatever comes of it
  if (context_.now() > address.until) return refuse(responder, 403, "Forbidden: the rendezvous has expired");
  auto const waiting = pending_.find(address.request);
  if (waiting == pending_.end()) return refuse(responder, 403, "Forbidden: the request has ended");
  if (request.header("ServiceBusAuthorization")) {
    context_.find("A rendezvous was dialled with a token; its address is all the authorization it has.");
  }
  auto& one = channels_.emplace_back();
  one.id = ++last_channel_;
  one.ticket = std::string(request.header(kWireHeader).value_or(""));
  one.request = address.request;
  one.host = std::string(request.header("Host").value_or(""));
  auto const id = one.id;
  one.ws = take(id, responder);
  if (!one.ws) return channels_.pop_back();
  waiting->second.rendezvous = id;
}

// A listener that doesn't want the WebSocket says so here; the handshake ends in 410 by design.
void TeamsRelay::answer_accept(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const known = addresses_.find(std::string(request.query_value("sb-hc-id").value_or("")));
  if (known == addresses_.end()) return refuse(responder, 400, "Bad Request: no such rendezvous, or it was used");
  addresses_.erase(known);
  if (!request.query_value("sb-hc-statusCode")) {
    context_.find("The listener took a WebSocket that nobody needs.");
    return refuse(responder, 500, "Internal Server Error: the sender has gone");
  }
  ++refused_accepts;
  refuse(responder, 410, "Gone: the sender was refused");
}

void TeamsRelay::send_accept(std::uint64_t id) {
  each_listener(id, [this](Channel& one) {
    if (!one.open) return;
    auto const address = new_address({}, one.id, "accept");
    one.ws->send(core::dump(Json::object(
        {{"accept", Json::object({{"address", address},
                                  {"id", address.substr(address.rfind('=') + 1)},
                                  {"connectHeaders", Json::object({{"Host", one.host},
                                                                   {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                                                                   {"Sec-WebSocket-Version", "13"}})},
                                  {"remoteEndpoint", Json::object({{"address", "203.0.113.7"}, {"port", 443}})}})}})));
  });
}

void TeamsRelay::serve(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
  auto const& options = context_.options;
  auto const host = request.header("Host").value_or("");
  if (options.relay_requires_authorization) {
    auto token = request.header("ServiceBusAuthorization");
    if (!token) token = request.query_value("sb-hc-token");
    if (!token) token = request.header("Authorization");
    auto const verdict = check_sas(token.value_or(""), host, options.world, SasRight::send, context_.now());
    if (verdict.status != 0) return refuse(responder, verdict.status, verdict.why);
  }
  Call call;
  call.method = request.method;
  call.target = request.target;
  call.headers = request.headers;
  call.body = request.body;
  call.chunked = request.header("Transfer-Encoding").has_value();
  call.from = request.remote_address;
  call.done = [responder](net::HttpResponse response) { responder->respond(std::move(response)); };
  forward(std::move(call));
}

Json TeamsRelay::request_json(std::string const& id, Call const& call, std::string const& address) const {
  Json headers(Json::Object{});
  for (auto const& [name, value] : call.headers) {
    if (is_stripped(name)) continue;
    if (context_.options.relay_requires_authorization && same_name(name, "Authorization")) continue;
    auto key = name;  // fields of one name are joined, whatever their case
    for (auto const& [seen, other] : *headers.if_object()) {
      if (same_name(seen, name)) key = seen;
    }
    auto const old = headers[key].text();
    headers.set(key, headers[key].is_null() ? value : old + ", " + value);
  }
  headers.set("Via", "1.1 " + headers["Host"].text("127.0.0.1"));
  auto inner =
      Json::object({{"id", id},
                    {"requestTarget", without_token(call.target)},
                    {"method", call.method},
                    {"remoteEndpoint", Json::object({{"address", call.from}, {"port", 40'000 + last_channel_ % 999}})},
                    {"requestHeaders", headers},
                    {"body", !call.body.empty()}});
  if (!address.empty()) inner.set("address", address);
  return Json::object({{"request", inner}});
}

void TeamsRelay::forward(Call call) {
  auto answer = [&](unsigned status, std::string const& why) {
    context_.later([done = call.done, status, why] { done({status, {{"Content-Type", "text/plain"}}, why}); });
  };
  auto* one = choose();
  if (one == nullptr) return answer(502, "There is no listener.");
  auto const id = context_.uuid() + "_G" + std::to_string(1 + context_.pick(20));
  auto const address = new_address(id, one->id, "request");
  auto& pending = pending_[id];
  pending.call = std::move(call);
  pending.listener = one->id;
  ++one->requests;
  pending.limit = context_.after(context_.options.relay_answer_limit, [this, id] {
    finish(id, {504, {{"Content-Type", "text/plain"}}, "The listener did not answer in time."});
  });
  auto kept = std::find_if(channels_.begin(), channels_.end(), [](auto const& rendezvous) {
    return !rendezvous.control && rendezvous.open && rendezvous.request.empty() && !rendezvous.wants_body;
  });
  if (context_.options.reuse_rendezvous && kept != channels_.end()) {
    pending.text = core::dump(request_json(id, pending.call, {}));
    pending.stub = true;
    pending.rendezvous = kept->id;
    kept->request = id;
    kept->ws->send(pending.text);
    if (!pending.call.body.empty()) kept->ws->send_binary(pending.call.body);
    return;
  }
  pending.text = core::dump(request_json(id, pending.call, address));
  pending.stub =
      pending.call.chunked || pending.text.size() + pending.call.body.size() > context_.options.control_channel_bytes;
  if (pending.stub) {
    auto stub = Json::object({{"address", address}});
    if (!context_.quirk(4)) stub.set("id", id);  // "may be missing"
    one->ws->send(core::dump(Json::object({{"request", stub}})));
    return;
  }
  one->ws->send(pending.text);
  if (!pending.call.body.empty()) one->ws->send_binary(pending.call.body);
}

TeamsRelay::Channel* TeamsRelay::choose() {
  std::vector<Channel*> open;
  for (auto& one : channels_) {
    if (!one.control || !one.open || !one.ws->is_open()) continue;
    if (one.id == chosen) return &one;
    open.push_back(&one);
  }
  return open.empty() ? nullptr : open[context_.pick(open.size())];
}

// The one way out of a request.
void TeamsRelay::finish(std::string const& request, net::HttpResponse response) {
  auto const found = pending_.find(request);
  if (found == pending_.end()) return;
  auto pending = std::move(found->second);
  pending_.erase(found);
  context_.io.cancel(pending.limit);
  if (done_.size() > kMaxDone) done_.clear();
  done_.insert(request);
  if (auto* one = channel(pending.rendezvous)) {
    one->request.clear();
    // Kept open: the listener closes it, or we do when its life is over.
    context_.after(context_.options.rendezvous_life, [this, id = one->id] {
      auto* idle = channel(id);
      if (idle != nullptr && idle->request.empty()) idle->ws->close(1000);
    });
  }
  pending.call.done(std::move(response));
  context_.changed();
}

void TeamsRelay::closed(std::uint64_t id) {
  auto const found = std::find_if(channels_.begin(), channels_.end(), [&](auto const& one) { return one.id == id; });
  if (found == channels_.end()) return;
  context_.io.cancel(found->expiry);
  bool const control = found->control;
  channels_.erase(found);
  std::vector<std::string> lost;
  for (auto const& [request, pending] : pending_) {
    bool const was_there = control ? pending.listener == id && pending.rendezvous == 0 : pending.rendezvous == id;
    if (was_there) lost.push_back(request);
  }
  for (auto const& request : lost) finish(request, {502, {{"Content-Type", "text/plain"}}, "The listener has gone."});
  context_.changed();
}

template <class Act>
void TeamsRelay::each_listener(std::uint64_t id, Act act) {
  for (auto& one : channels_) {
    if (one.control && (id == 0 || id == one.id)) act(one);
  }
}

void TeamsRelay::close(std::uint64_t id, std::uint16_t code, std::string const& reason) {
  each_listener(id, [&](Channel& one) { one.ws->close(code, reason); });
}
void TeamsRelay::kill(std::uint64_t id) {
  each_listener(id, [this](Channel& one) { wire_->reset(one.ticket); });
}
void TeamsRelay::silence(std::uint64_t id) {
  each_listener(id, [this](Channel& one) {
    one.silent = true;
    wire_->freeze(one.ticket);
  });
}

std::vector<TeamsListener> TeamsRelay::listeners() const {
  std::vector<TeamsListener> list;
  for (auto const& one : channels_) {
    if (!one.control) continue;
    TeamsListener shown;
    shown.id = one.id;
    shown.correlation = one.correlation;
    shown.open = one.open && one.ws->is_open();
    shown.silent = one.silent;
    shown.requests = one.requests;
    shown.renewals = one.renewals;
    for (auto const& [request, pending] : pending_) shown.waiting += pending.listener == one.id ? 1u : 0u;
    list.push_back(std::move(shown));
  }
  return list;
}

}  // namespace playground
