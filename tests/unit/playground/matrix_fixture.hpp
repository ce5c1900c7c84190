// A Matrix stand-in, a client that speaks to it, and a loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/playground/matrix_stand_in.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/url.hpp"
#include "bot/net/websocket.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/result_text.hpp"

struct MatrixFixture {
  using Json = core::Json;
  struct Reply {
    unsigned status = 0;  // 0: no answer
    Json body{};
    net::Headers headers{};
    net::NetError error{};
    std::string code() const { return body["errcode"].text(); }
    std::string event() const { return body["event_id"].text(); }
  };
  // The bot's end of fi.mau.as_sync.
  struct Socket {
    std::unique_ptr<net::WebSocket> ws{};
    std::vector<Json> frames{};
    std::optional<net::WebSocketEnd> end{};
  };

  explicit MatrixFixture(playground::MatrixOptions options = {})
      : matrix(io, std::move(options)), http(net::make_http_client(io)), dialer(net::make_websocket_dialer(io)) {}

  bool until(std::function<bool()> const& done) { return io.run_until(done, net::Duration{10'000}); }
  // Lets everything happen that is due now.
  void settle() {
    int turns = 0;
    std::function<void()> turn = [&] {
      if (++turns < 20) io.post(turn);
    };
    io.post(turn);
    until([&] { return turns >= 20; });
  }

  std::string token(char const* who) const { return matrix.world().account(who)->access_token; }
  std::shared_ptr<Reply> start(char const* method, std::string const& path, Json const& body, std::string const& token,
                               net::Duration limit = net::Duration{8'000}) {
    auto reply = std::make_shared<Reply>();
    net::HttpRequest request;
    request.method = method;
    request.url = matrix.origin() + path;
    request.headers = {{"Content-Type", "application/json"}};
    if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
    request.timeout = limit;
    if (!body.is_null()) request.body = core::dump(body);
    http->request(std::move(request), [reply](net::Result<net::HttpResponse> answer) {
      reply->status = 1;
      if (!answer) {
        reply->error = answer.error();
        return;
      }
      reply->status = answer->status;
      reply->headers = answer->headers;
      if (auto const parsed = core::parse_json(answer->body)) reply->body = *parsed;
    });
    return reply;
  }
  Reply call(char const* method, std::string const& path, Json const& body, std::string const& token,
             net::Duration limit = net::Duration{8'000}) {
    auto const reply = start(method, path, body, token, limit);
    REQUIRE(until([&] { return reply->status != 0; }));
    if (reply->status == 1) reply->status = 0;
    return *reply;
  }
  static std::string room_path(std::string const& rest, char const* version = "v3") {
    return "/_matrix/client/" + std::string(version) + "/rooms/" + net::percent_encode("!inc:example.org") + "/" + rest;
  }
  Reply put(char const* who, std::string const& transaction, Json const& content, char const* type = "m.room.message") {
    return call("PUT", room_path("send/" + std::string(type) + "/" + transaction), content, token(who));
  }
  Reply post(std::string const& transaction, std::string const& text = "card") {
    return put("countersign", transaction, message(text));
  }
  static Json message(std::string const& text) {
    return Json::object({{"msgtype", "m.text"}, {"body", text}, {"m.mentions", Json(Json::Object{})}});
  }
  std::string sync_path(std::string const& since, int timeout_ms = 0, std::string const& filter = {}) const {
    return "/_matrix/client/v3/sync?set_presence=offline&timeout=" + std::to_string(timeout_ms) +
           (since.empty() ? "" : "&since=" + since) + (filter.empty() ? "" : "&filter=" + net::percent_encode(filter));
  }
  // Until so many long polls of the bot are under way.
  void wait_for_polls(std::int64_t count) {
    REQUIRE(until([&] { return matrix.state("bob")["connections"].integer() == count; }));
  }
  Reply sync(std::string const& since = {}, char const* who = "countersign", std::string const& filter = {}) {
    return call("GET", sync_path(since, 0, filter), {}, token(who));
  }
  static Json const& timeline(Reply const& reply) {
    return reply.body["rooms"]["join"]["!inc:example.org"]["timeline"];
  }
  std::shared_ptr<Socket> connect(int version = 3) {
    auto socket = std::make_shared<Socket>();
    net::WebSocketOptions options;
    options.headers = {{"Authorization", "Bearer " + matrix.world().as_token},
                       {"X-Mautrix-Process-ID", "test"},
                       {"X-Mautrix-Websocket-Version", std::to_string(version)}};
    options.keep_alive = net::KeepAlive::none;
    auto* raw = socket.get();
    net::WebSocketHandler handler;
    handler.on_message = [raw](std::string text, bool) { raw->frames.push_back(*core::parse_json(text)); };
    handler.on_close = [raw](net::WebSocketEnd end) { raw->end = std::move(end); };
    socket->ws =
        dialer->dial("ws" + matrix.origin().substr(4) + "/_matrix/client/unstable/fi.mau.as_sync", options, handler);
    REQUIRE(until([&] { return !socket->frames.empty() || socket->end; }));
    return socket;
  }
  static void acknowledge(Socket& socket, Json const& frame) {
    auto const answer = Json::object(
        {{"id", frame["id"]}, {"command", "response"}, {"data", Json::object({{"txn_id", frame["txn_id"]}})}});
    socket.ws->send(core::dump(answer));
  }
  playground::MatrixSaying saying(char const* user, std::string text) const {
    playground::MatrixSaying one;
    one.user = user;
    one.text = std::move(text);
    return one;
  }

  net::Io io;
  playground::MatrixStandIn matrix;
  std::unique_ptr<net::HttpClient> http;
  std::unique_ptr<net::WebSocketDialer> dialer;
};
