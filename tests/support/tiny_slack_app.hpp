// The smallest thing that speaks Slack as an app does: Web API calls as forms, sockets by ticket, acks. For tests of
// the stand-in, which must not be tested by the adapter that it tests.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/url.hpp"
#include "bot/net/websocket.hpp"

namespace support {

class TinySlackApp {
 public:
  using Json = core::Json;
  struct Answer {
    unsigned status = 0;  // 0: no answer
    Json body{};
    net::Headers headers{};
  };
  struct Socket {
    std::unique_ptr<net::WebSocket> ws{};
    std::vector<Json> frames{};  // hello and disconnect too
    bool ready = false, closed = false;
    net::WebSocketEnd end{};
  };
  // Gets every envelope; what it returns goes into the ack, null: an ack without payload. Not set: acks everything.
  std::function<Json(Json const& envelope)> on_envelope{};
  bool silent = false;  // acks nothing
  net::WebSocketOptions socket_options{};

  TinySlackApp(net::Io& io, std::string api_url, std::string app_token, std::string bot_token)
      : io_(io),
        api_url_(std::move(api_url)),
        app_token_(std::move(app_token)),
        bot_token_(std::move(bot_token)),
        http_(net::make_http_client(io)),
        dialer_(net::make_websocket_dialer(io)) {}

  void call(std::string const& method, Json const& arguments, std::function<void(Answer)> done = {},
            bool as_json = false) {
    net::HttpRequest request;
    request.method = "POST";
    request.url = api_url_ + method;
    auto const& token = method == "apps.connections.open" ? app_token_ : bot_token_;
    request.headers = {
        {"Authorization", "Bearer " + token},
        {"Content-Type", as_json ? "application/json; charset=utf-8" : "application/x-www-form-urlencoded"}};
    if (as_json) {
      request.body = core::dump(arguments);
    } else if (auto const* members = arguments.if_object()) {
      for (auto const& [key, value] : *members) {
        if (!request.body.empty()) request.body += '&';
        auto const* text = value.if_string();
        request.body +=
            net::percent_encode(key) + "=" + net::percent_encode(text != nullptr ? *text : core::dump(value));
      }
    }
    request.timeout = timeout;
    http_->request(std::move(request), [done](net::Result<net::HttpResponse> response) {
      Answer answer;
      if (response) {
        answer.status = response->status;
        answer.headers = response->headers;
        if (auto body = core::parse_json(response->body)) answer.body = *body;
      }
      if (done) done(std::move(answer));
    });
  }
  // Runs the loop until the answer is there.
  Answer call_now(std::string const& method, Json const& arguments, bool as_json = false) {
    Answer answer;
    bool done = false;
    call(
        method, arguments,
        [&](Answer got) {
          answer = std::move(got);
          done = true;
        },
        as_json);
    io_.run_until([&] { return done; }, net::Duration{20'000});
    return answer;
  }

  Socket& connect() {
    auto& socket = sockets.emplace_back();
    call("apps.connections.open", Json(Json::Object{}),
         [this, &socket](Answer answer) { dial(socket, answer.body["url"].text()); });
    return socket;
  }
  void dial(Socket& socket, std::string const& url) {
    net::WebSocketHandler handler;
    handler.on_message = [this, &socket](std::string message, bool) { received(socket, message); };
    handler.on_close = [&socket](net::WebSocketEnd end) {
      socket.closed = true;
      socket.ready = false;
      socket.end = std::move(end);
    };
    socket.ws = dialer_->dial(url, socket_options, std::move(handler));
  }
  bool connect_now(std::size_t count = 1) {
    for (std::size_t i = 0; i < count; ++i) {
      auto& socket = connect();
      if (!io_.run_until([&] { return socket.ready || socket.closed; }, net::Duration{20'000})) return false;
    }
    return true;
  }

  std::list<Socket> sockets;
  std::vector<Json> envelopes;
  net::Duration timeout{10'000};

 private:
  void received(Socket& socket, std::string const& message) {
    auto const frame = core::parse_json(message);
    if (!frame) return;
    socket.frames.push_back(*frame);
    if ((*frame)["type"].text() == "hello") socket.ready = true;
    auto const id = (*frame)["envelope_id"].text();
    if (id.empty()) return;
    envelopes.push_back(*frame);
    if (silent) return;
    auto ack = Json::object({{"envelope_id", id}});
    if (on_envelope) {
      if (auto payload = on_envelope(*frame); !payload.is_null()) ack.set("payload", std::move(payload));
    }
    socket.ws->send(core::dump(ack));
  }

  net::Io& io_;
  std::string api_url_, app_token_, bot_token_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<net::WebSocketDialer> dialer_;
};

}  // namespace support
