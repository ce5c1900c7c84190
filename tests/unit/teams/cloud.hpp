// Microsoft's side as a script: login, keys, Connector and relay in one HTTP client, and sockets that the test holds
// the other end of.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/teams/adapter.hpp"
#include "bot/core/digest.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/teams/activities.hpp"
#include "tests/unit/teams/connector_keys.hpp"

namespace cloud {

using core::Json;
using namespace std::chrono_literals;

// Which of its doors a call knocks at.
enum class Door { metadata, keys, login, create, send, update, members, member, probe, unknown };

struct Seen {
  core::Time at;
  Door door = Door::unknown;
  std::string method, url, body, authorization;
  Json json() const { return core::parse_json(body).value(); }
};
using Response = net::Result<net::HttpResponse>;
using Script = std::function<Response(Seen const&)>;

inline Script says(unsigned status, std::string body = "{}", net::Headers headers = {}) {
  return [=](Seen const&) { return net::HttpResponse{status, headers, body}; };
}
inline Script fails(bool sent_maybe) {
  return [=](Seen const&) -> Response {
    return net::make_error(net::Errc::timed_out, "The call took too long.", sent_maybe);
  };
}
inline Script refuses(unsigned status, std::string const& code, net::Headers headers = {}) {
  return says(status, R"({"error":{"code":")" + code + R"(","message":"words"}})", std::move(headers));
}

class Http : public net::HttpClient {
 public:
  explicit Http(ports::Loop& loop) : loop_(loop) {}

  CallId request(net::HttpRequest request, Done done) override {
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
  void cancel(CallId) override {}

  std::size_t count(Door door) const {
    return static_cast<std::size_t>(std::ranges::count(seen, door, [](Seen const& call) { return call.door; }));
  }
  Seen last(Door door) const {
    for (auto at = seen.rbegin(); at != seen.rend(); ++at) {
      if (at->door == door) return *at;
    }
    return {};
  }
  void release() {
    for (auto const& work : std::exchange(held, {})) work();
  }

  std::vector<Seen> seen;
  std::map<Door, std::deque<Script>> next;  // answers that differ from the usual ones
  std::set<Door> hold;                      // doors that answer only at release()
  std::vector<std::function<void()>> held;
  Json key_set = Json::array({keys::jwk(keys::connector(), "connector-key", {"msteams", "webchat"}),
                              keys::jwk(keys::other(), "other-key", {"webchat"})});
  Json people = Json::array();

 private:
  static Door door_of(net::HttpRequest const& request) {
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

  Response usual(Seen const& call) {
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
        body = R"({"token_type":"Bearer","expires_in":3599,"access_token":"token-)" +
               std::to_string(count(Door::login)) + "\"}";
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

  ports::Loop& loop_;
  CallId last_ = 0;
};

// One dialled connection; the test plays the relay. Outlives the adapter's end of it.
struct Wire {
  struct Frame {
    std::string bytes;
    bool binary = false;
  };
  core::Time dialled;
  std::string url;
  net::WebSocketOptions options;
  net::WebSocketHandler handler;
  std::vector<Frame> sent;
  bool destroyed = false, closing = false;
  std::uint16_t close_code = 0;
};

struct Dialer : net::WebSocketDialer {
  explicit Dialer(ports::Loop& to) : loop(to) {}

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

  std::unique_ptr<net::WebSocket> dial(std::string const& url, net::WebSocketOptions options,
                                       net::WebSocketHandler handler) override {
    wires.push_back(
        std::make_shared<Wire>(Wire{loop.now(), url, std::move(options), std::move(handler), {}, false, false, 0}));
    return std::make_unique<Socket>(wires.back());
  }

  ports::Loop& loop;
  std::vector<std::shared_ptr<Wire>> wires;
};

}  // namespace cloud
