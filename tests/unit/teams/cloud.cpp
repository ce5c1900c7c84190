#include "tests/unit/teams/cloud.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/digest.hpp"

namespace cloud {

Json Seen::json() const { return core::parse_json(body).value(); }

Script says(unsigned status, std::string body, net::Headers headers) {
  return [=](Seen const&) { return net::HttpResponse{status, headers, body}; };
}

Script fails(bool sent_maybe) {
  return [=](Seen const&) -> Response {
    return net::make_error(net::Errc::timed_out, "The call took too long.", sent_maybe);
  };
}

Script refuses(unsigned status, std::string const& code, net::Headers headers) {
  return says(status, R"({"error":{"code":")" + code + R"(","message":"words"}})", std::move(headers));
}

Http::Http(ports::Loop& loop) : loop_(loop) {}

Http::CallId Http::request(net::HttpRequest request, Done done) {
  Seen call{loop_.now(), door_of(request), request.method, request.url, request.body, {}};
  if (auto const value = net::find_header(request.headers, "Authorization")) call.authorization = *value;
  seen.push_back(call);
  auto& scripts = next[call.door];
  Script script = [this](Seen const& seen_call) { return usual(seen_call); };
  if (!scripts.empty()) {
    script = scripts.front();
    scripts.pop_front();
  }
  if (hold.contains(call.door)) {
    held.push_back([script, call, done] { done(script(call)); });
  } else {
    loop_.post([done = std::move(done), answer = script(call)] { done(answer); });
  }
  return ++last_;
}

std::size_t Http::count(Door door) const {
  return static_cast<std::size_t>(std::ranges::count(seen, door, [](Seen const& call) { return call.door; }));
}

Seen Http::last(Door door) const {
  for (auto at = seen.rbegin(); at != seen.rend(); ++at) {
    if (at->door == door) return *at;
  }
  return {};
}

void Http::release() {
  for (auto const& work : std::exchange(held, {})) work();
}

Door Http::door_of(net::HttpRequest const& request) {
  auto const& url = request.url;
  auto const has = [&](char const* part) { return url.find(part) != std::string::npos; };
  if (has("openidconfiguration")) return Door::metadata;
  if (has("well-known/keys")) return Door::keys;
  if (has("oauth2/v2.0/token")) return Door::login;
  if (has("/health?nonce=")) return Door::probe;
  if (has("/pagedmembers")) return Door::members;
  if (has("/members/")) return Door::member;
  if (url.ends_with("/v3/conversations")) return Door::create;
  if (request.method == "PUT") return Door::update;
  return url.ends_with("/activities") ? Door::send : Door::unknown;
}

Response Http::usual(Seen const& call) {
  std::string body;
  unsigned status = 200;
  auto const number = std::to_string(1'764'000'000'000 + static_cast<std::int64_t>(seen.size()));
  switch (call.door) {
    case Door::metadata:
      body = R"({"issuer":"https://api.botframework.com",
                   "jwks_uri":"https://login.botframework.com/v1/.well-known/keys"})";
      break;
    case Door::keys: body = core::dump(Json::object({{"keys", key_set}})); break;
    case Door::login:
      body = R"({"token_type":"Bearer","expires_in":3599,"access_token":"token-)" + std::to_string(count(Door::login)) +
             "\"}";
      break;
    case Door::create: {
      auto const channel = call.json()["channelData"]["channel"]["id"].text();
      body = R"({"id":")" + channel + ";messageid=" + number + R"(","activityId":")" + number + "\"}";
      status = 201;
      break;
    }
    case Door::send:
    case Door::update: body = R"({"id":")" + number + "\"}"; break;
    case Door::members: body = core::dump(Json::object({{"members", people}})); break;
    case Door::member: return net::HttpResponse{404, {}, R"({"error":{"code":"MemberNotFoundInConversation"}})"};
    case Door::probe: body = core::sha256_hex(call.url.substr(call.url.find('=') + 1)); break;
    case Door::unknown: status = 404; break;
  }
  return net::HttpResponse{status, {}, body};
}

namespace {

struct Socket : net::WebSocket {
  explicit Socket(std::shared_ptr<Wire> to) : wire(std::move(to)) {}
  ~Socket() override { wire->destroyed = true; }
  void send(std::string text, std::function<void()>) override { wire->sent.push_back({std::move(text), false}); }
  void send_binary(std::string bytes, std::function<void()>) override {
    wire->sent.push_back({std::move(bytes), true});
  }
  void close(std::uint16_t code, std::string) override {
    wire->closing = true;
    wire->close_code = code;
  }
  bool is_open() const override { return !wire->closing; }
  std::shared_ptr<Wire> wire;
};

}  // namespace

std::unique_ptr<net::WebSocket> Dialer::dial(std::string const& url, net::WebSocketOptions options,
                                             net::WebSocketHandler handler) {
  wires.push_back(
      std::make_shared<Wire>(Wire{loop.now(), url, std::move(options), std::move(handler), {}, false, false, 0}));
  return std::make_unique<Socket>(wires.back());
}

}  // namespace cloud
