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

namespace slack_fakes {

using core::Json;
using namespace std::chrono_literals;

struct FakeHttp : net::HttpClient {
  explicit FakeHttp(ports::Loop& to);

  struct Seen {
    core::Time at;
    std::string method, url, body, authorization;
  };
  using Script = std::function<net::Result<net::HttpResponse>(Seen const&)>;

  CallId request(net::HttpRequest request, Done done) override;
  void cancel(CallId) override {}

  // The oldest answer that is held back arrives.
  void release();

  // The next answers of a method, then `otherwise`.
  net::Result<net::HttpResponse> answer_to(Seen const& call);
  std::size_t count(std::string const& method) const;
  Json last_body(std::string const& method) const;

  ports::Loop& loop;
  std::vector<Seen> seen;
  std::map<std::string, std::deque<Script>> next;
  Script otherwise;
  std::string hold;  // the method whose answers are held back
  std::deque<std::function<void()>> held;

 private:
  CallId last_ = 0;
};

FakeHttp::Script json(std::string body, unsigned status = 200, net::Headers headers = {});
FakeHttp::Script failing(bool sent_maybe);

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
  explicit FakeDialer(ports::Loop& to);

  struct Socket : net::WebSocket {
    explicit Socket(std::shared_ptr<Wire> to);
    ~Socket() override;
    void send(std::string text, std::function<void()>) override;
    void send_binary(std::string, std::function<void()>) override {}
    void close(std::uint16_t code, std::string) override;
    bool is_open() const override { return !wire->closing; }
    std::shared_ptr<Wire> wire;
  };

  std::unique_ptr<net::WebSocket> dial(std::string const& url, net::WebSocketOptions,
                                       net::WebSocketHandler handler) override;

  ports::Loop& loop;
  std::vector<std::shared_ptr<Wire>> wires;
};

using support::FakeSink;

// An adapter with everything around it.
struct Bench {
  explicit Bench(unsigned connections = 2);
  ~Bench();  // defined once: what it takes apart is large

  slack::Adapter& start();
  // Starts and greets every connection.
  slack::Adapter& connected();
  void greet(std::size_t wire, std::int64_t count = 1, std::int64_t lifetime = 18'060);
  void open(std::size_t wire);
  void receive(std::size_t wire, std::string frame);
  void receive(std::size_t wire, Json const& frame);
  void end(std::size_t wire, net::WebSocketEnd end = {});
  void broken(std::size_t wire);
  void answer(std::size_t index, ports::Answer::State state, std::string text = "words");
  std::vector<Json> const& sent(std::size_t wire) const { return dialer.wires.at(wire)->sent; }
  std::string log_text() const;

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

}  // namespace slack_fakes
