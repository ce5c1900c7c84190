// The smallest thing that is a Teams bot over Azure Relay: signs its token, listens, answers, calls the Connector. For
// tests of the stand-in, which must not be tested by the adapter that it tests.
#pragma once

#include <openssl/hmac.h>

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

struct RelayKey {
  std::string url;   // "ws://127.0.0.1:4711"
  std::string path;  // "approvals"
  std::string name, key;
};

class TinyTeamsBot {
 public:
  using Json = core::Json;
  struct Answer {
    unsigned status = 0;  // 0: none
    std::string type = "application/json; charset=utf-8", body{};
  };
  struct Request {
    Json head;  // the member `request`
    std::string body;
  };
  struct Listener {
    std::unique_ptr<net::WebSocket> ws{};
    bool open = false, closed = false;
    net::WebSocketEnd end{};
    Json waiting{};  // a request whose body is still to come
  };
  struct Reply {
    unsigned status = 0;  // 0: no answer
    Json body{};
    net::Headers headers{};
    bool sent_maybe = false;
  };
  // What each request is answered with; status 0: nothing, ever. Empty: 200.
  std::function<Answer(Request const&)> on_request{};
  bool body_on_rendezvous = false;  // answers small requests over their address too
  net::WebSocketOptions options{};
  std::vector<Request> requests{};
  std::list<Listener> listeners{}, rendezvous{};

  TinyTeamsBot(net::Io& io, RelayKey key)
      : io_(io), key_(std::move(key)), http_(net::make_http_client(io)), dialer_(net::make_websocket_dialer(io)) {
    options.keep_alive = net::KeepAlive::none;
  }

  // se: seconds since 1970.
  static std::string sas(std::string const& resource, std::string const& name, std::string const& key,
                         std::int64_t se) {
    auto const sr = net::percent_encode(resource);
    auto const text = sr + "\n" + std::to_string(se);
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    std::vector<unsigned char> const bytes(text.begin(), text.end());
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(), raw, &size);
    std::vector<unsigned char> out(4 * ((size + 2) / 3) + 1);
    auto const length = EVP_EncodeBlock(out.data(), raw, static_cast<int>(size));
    std::string const signature(out.begin(), out.begin() + length);
    return "SharedAccessSignature sr=" + sr + "&sig=" + net::percent_encode(signature) + "&se=" + std::to_string(se) +
           "&skn=" + net::percent_encode(name);
  }
  static std::int64_t seconds_from_now(std::int64_t seconds) {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
               .count() +
           seconds;
  }
  std::string token(std::int64_t seconds = 3'600) const {
    return sas("http://127.0.0.1/" + key_.path + "/", key_.name, key_.key, seconds_from_now(seconds));
  }

  Listener& listen(std::string token_text, std::string path = {}) {
    auto& one = listeners.emplace_back();
    auto chosen = options;
    if (!token_text.empty()) chosen.headers = {{"ServiceBusAuthorization", std::move(token_text)}};
    auto const url = key_.url + "/$hc/" + (path.empty() ? key_.path : path) + "?sb-hc-action=listen&sb-hc-id=tiny-bot";
    dial(one, url, chosen, /*control=*/true);
    return one;
  }
  Listener& listen() { return listen(token()); }
  bool listen_now(std::size_t count = 1) {
    for (std::size_t i = 0; i < count; ++i) {
      auto& one = listen();
      if (!io_.run_until([&] { return one.open || one.closed; }, net::Duration{20'000}) || one.closed) return false;
    }
    return true;
  }

  void send_response(net::WebSocket& ws, Json const& head, Answer const& answer) {
    ws.send(core::dump(
        Json::object({{"response", Json::object({{"requestId", head["id"]},
                                                 {"statusCode", std::int64_t{answer.status}},
                                                 {"statusDescription", "OK"},
                                                 {"responseHeaders", Json::object({{"Content-Type", answer.type}})},
                                                 {"body", !answer.body.empty()}})}})));
    if (!answer.body.empty()) ws.send_binary(answer.body);
  }

  void call(std::string method, std::string url, net::Headers headers, std::string body,
            std::function<void(Reply)> done) {
    net::HttpRequest request;
    request.method = std::move(method);
    request.url = std::move(url);
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.timeout = timeout;
    http_->request(std::move(request), [done = std::move(done)](net::Result<net::HttpResponse> response) {
      Reply reply;
      if (response) {
        reply.status = response->status;
        reply.headers = response->headers;
        auto const parsed = core::parse_json(response->body);
        reply.body = parsed ? *parsed : Json(response->body);
      } else {
        reply.sent_maybe = response.error().sent_maybe;
      }
      done(std::move(reply));
    });
  }
  Reply call_now(std::string method, std::string url, net::Headers headers = {}, std::string body = {}) {
    Reply reply;
    bool done = false;
    call(std::move(method), std::move(url), std::move(headers), std::move(body), [&](Reply got) {
      reply = std::move(got);
      done = true;
    });
    io_.run_until([&] { return done; }, timeout + net::Duration{10'000});
    return reply;
  }
  net::Duration timeout{10'000};

 private:
  void dial(Listener& one, std::string const& url, net::WebSocketOptions const& chosen, bool control) {
    net::WebSocketHandler handler;
    handler.on_open = [&one] { one.open = true; };
    handler.on_message = [this, &one, control](std::string message, bool binary) {
      received(one, std::move(message), binary, control);
    };
    handler.on_close = [&one](net::WebSocketEnd end) {
      one.closed = true;
      one.open = false;
      one.end = std::move(end);
    };
    one.ws = dialer_->dial(url, chosen, std::move(handler));
  }

  void received(Listener& one, std::string message, bool binary, bool control) {
    if (binary) return answer(one, std::exchange(one.waiting, {}), std::move(message));
    auto const parsed = core::parse_json(message);
    if (!parsed) return;
    if (auto const& accept = (*parsed)["accept"]; accept.is_object()) {
      dial(rendezvous.emplace_back(), accept["address"].text() + "&sb-hc-statusCode=404&sb-hc-statusDescription=No",
           options, /*control=*/false);
      return;
    }
    auto const head = (*parsed)["request"];
    if (control && head["method"].is_null()) {
      dial(rendezvous.emplace_back(), head["address"].text(), options, /*control=*/false);
    } else if (head["body"].boolean()) {
      one.waiting = head;
    } else {
      answer(one, head, {});
    }
  }

  void answer(Listener& one, Json const& head, std::string body) {
    requests.push_back({head, std::move(body)});
    auto const chosen = on_request ? on_request(requests.back()) : Answer{200, {}, {}};
    if (chosen.status == 0) return;
    if (!body_on_rendezvous) return send_response(*one.ws, head, chosen);
    auto& other = rendezvous.emplace_back();
    dial(other, head["address"].text(), options, /*control=*/false);
    send_response(*other.ws, head, chosen);  // queued until it is open
  }

  net::Io& io_;
  RelayKey key_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<net::WebSocketDialer> dialer_;
};

}  // namespace support
