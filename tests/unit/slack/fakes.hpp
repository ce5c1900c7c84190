// Slack as a script: an HTTP client and sockets that the test holds the other end of, on a clock that the test moves.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/slack/adapter.hpp"
#include "tests/support/fake_sink.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/slack/frames.hpp"

namespace fakes {

using core::Json;
using namespace std::chrono_literals;

struct FakeHttp : net::HttpClient {
  explicit FakeHttp(ports::Loop& to) : loop(to) {}

  struct Seen {
    core::Time at;
    std::string method, url, body, authorization;
  };
  using Script = std::function<net::Result<net::HttpResponse>(Seen const&)>;

  CallId request(net::HttpRequest request, Done done) override {
    std::string authorization;
    for (auto const& [name, value] : request.headers) {
      if (name == "Authorization") authorization = value;
    }
    auto const slash = request.url.rfind('/');
    seen.push_back({loop.now(), request.url.substr(slash + 1), request.url, request.body, authorization});
    auto answer = answer_to(seen.back());
    auto deliver = [done = std::move(done), answer = std::move(answer)] { done(answer); };
    if (seen.back().method == hold) {
      held.push_back(std::move(deliver));
    } else {
      loop.post(std::move(deliver));
    }
    return ++last_;
  }
  void cancel(CallId) override {}

  // The oldest answer that is held back arrives.
  void release() {
    loop.post(std::move(held.front()));
    held.pop_front();
  }

  // The next answers of a method, then `otherwise`.
  net::Result<net::HttpResponse> answer_to(Seen const& call) {
    auto& queue = next[call.method];
    if (!queue.empty()) {
      auto const script = queue.front();
      queue.pop_front();
      return script(call);
    }
    return otherwise(call);
  }
  std::size_t count(std::string const& method) const {
    std::size_t n = 0;
    for (auto const& call : seen) n += call.method == method ? 1U : 0U;
    return n;
  }
  Json last_body(std::string const& method) const {
    for (auto at = seen.rbegin(); at != seen.rend(); ++at) {
      if (at->method == method) return core::parse_json(at->body).value();
    }
    return {};
  }

  ports::Loop& loop;
  std::vector<Seen> seen;
  std::map<std::string, std::deque<Script>> next;
  Script otherwise;
  std::string hold;  // the method whose answers are held back
  std::deque<std::function<void()>> held;

 private:
  CallId last_ = 0;
};

inline FakeHttp::Script json(std::string body, unsigned status = 200, net::Headers headers = {}) {
  return [=](FakeHttp::Seen const&) { return net::HttpResponse{status, headers, body}; };
}
inline FakeHttp::Script failing(bool sent_maybe) {
  return [=](FakeHttp::Seen const&) -> net::Result<net::HttpResponse> {
    return net::make_error(net::Errc::timed_out, "The call took too long.", sent_maybe);
  };
}

// One dialled connection; the test plays the server. Outlives the adapter's end of it.
struct Wire {
  core::Time dialled;
  std::string url;
  net::WebSocketHandler handler;
  std::vector<Json> sent;
  bool destroyed = false, closing = false;
  std::uint16_t close_code = 0;
};

struct FakeDialer : net::WebSocketDialer {
  explicit FakeDialer(ports::Loop& to) : loop(to) {}

  struct Socket : net::WebSocket {
    explicit Socket(std::shared_ptr<Wire> to) : wire(std::move(to)) {}
    ~Socket() override { wire->destroyed = true; }
    void send(std::string text, std::function<void()>) override {
      if (!wire->closing) wire->sent.push_back(core::parse_json(text).value());
    }
    void send_binary(std::string, std::function<void()>) override {}
    void close(std::uint16_t code, std::string) override {
      wire->closing = true;
      wire->close_code = code;
    }
    bool is_open() const override { return !wire->closing; }
    std::shared_ptr<Wire> wire;
  };

  std::unique_ptr<net::WebSocket> dial(std::string const& url, net::WebSocketOptions,
                                       net::WebSocketHandler handler) override {
    wires.push_back(std::make_shared<Wire>(Wire{loop.now(), url, std::move(handler), {}, false, false, 0}));
    return std::make_unique<Socket>(wires.back());
  }

  ports::Loop& loop;
  std::vector<std::shared_ptr<Wire>> wires;
};

using support::FakeSink;

// An adapter with everything around it.
struct Bench {
  explicit Bench(unsigned connections = 2) : http(loop), dialer(loop) {
    http.otherwise = [this](FakeHttp::Seen const& call) -> net::Result<net::HttpResponse> {
      std::string body = R"({"ok":true})";
      if (call.method == "auth.test")
        body = R"({"ok":true,"team_id":"T0WORKSPC","user_id":"U0BOTUSER","bot_id":"B0BOT"})";
      if (call.method == "users.info") {
        auto const user = call.body.substr(call.body.find('=') + 1);
        body = R"({"ok":true,"user":{"team_id":"T0WORKSPC","deleted":false,"is_bot":false,"id":")" + user + "\"}}";
      }
      if (call.method == "apps.connections.open")
        body = R"({"ok":true,"url":"wss:\/\/wss.example.org\/link\/?ticket=)" + std::to_string(++tickets) + "\"}";
      if (call.method == "chat.postMessage")
        body = R"({"ok":true,"channel":"C0INC","ts":"1764000000.00)" + std::to_string(1000 + http.count(call.method)) +
               "\"}";
      if (call.method.starts_with("conversations.")) body = R"({"ok":true,"messages":[],"has_more":false})";
      return net::HttpResponse{200, {}, body};
    };
    settings.workspace = "T0WORKSPC";
    settings.app_token = "xapp-1-secret";
    settings.bot_token = "xoxb-secret";
    settings.connections = connections;
    settings.people = {{"bob", "U0BOB"}};
    settings.channels = {"C0INC"};
  }

  slack::Adapter& start() {
    adapter =
        std::make_unique<slack::Adapter>(settings, slack::Parts{loop, http, dialer, log, [this] { return random; }});
    adapter->start(sink);
    loop.advance(1s);
    return *adapter;
  }
  // Starts and greets every connection.
  slack::Adapter& connected() {
    start();
    for (std::size_t i = 0; i < dialer.wires.size(); ++i) greet(i);
    return *adapter;
  }
  void greet(std::size_t wire, std::int64_t count = 1, std::int64_t lifetime = 18'060) {
    open(wire);
    receive(wire, frames::hello(count, "A0APP", lifetime));
  }
  void open(std::size_t wire) {
    if (auto const on_open = dialer.wires.at(wire)->handler.on_open) on_open();
    loop.run_posted();
  }
  void receive(std::size_t wire, std::string frame) {
    dialer.wires.at(wire)->handler.on_message(std::move(frame), false);
    loop.run_posted();
  }
  void receive(std::size_t wire, Json const& frame) { receive(wire, core::dump(frame)); }
  void end(std::size_t wire, net::WebSocketEnd end = {}) {
    dialer.wires.at(wire)->handler.on_close(std::move(end));
    loop.run_posted();
  }
  void broken(std::size_t wire) { end(wire, {net::make_error(net::Errc::idle, "Nothing was heard for 15 s.")}); }
  void answer(std::size_t index, ports::Answer::State state, std::string text = "words") {
    sink.answers.at(index)({state, std::move(text)});
    loop.run_posted();
  }
  std::vector<Json> const& sent(std::size_t wire) const { return dialer.wires.at(wire)->sent; }
  std::string log_text() const { return support::text_of(log); }

  support::VirtualLoop loop;
  FakeHttp http;
  FakeDialer dialer;
  support::MemoryLog log;
  FakeSink sink;
  slack::Settings settings;
  std::uint64_t random = 0;  // no jitter: every wait is as short as it may be
  int tickets = 0;
  std::unique_ptr<slack::Adapter> adapter;
};

}  // namespace fakes
