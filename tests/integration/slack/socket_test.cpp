// The adapter over real sockets: HTTP and WebSocket against a small Slack of our own on loopback.
#include <chrono>
#include <map>

#include "adapters/slack/adapter.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/http_server.hpp"
#include "bot/net/io.hpp"
#include "bot/net/websocket.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/slack/cards.hpp"
#include "tests/unit/slack/fakes.hpp"

using namespace std::chrono_literals;
using core::Json;

namespace {

struct RealLoop : ports::Loop {
  explicit RealLoop(net::Io& to) : io(to) {}
  ports::Time now() const override {
    return std::chrono::time_point_cast<ports::Duration>(std::chrono::system_clock::now());
  }
  void post(std::function<void()> work) override { io.post(std::move(work)); }
  TimerId call_after(ports::Duration delay, std::function<void()> work) override {
    return io.call_after(delay, std::move(work));
  }
  void cancel(TimerId timer) override { io.cancel(timer); }
  net::Io& io;
};

// Just enough of Slack: tickets, hello, answers, and what the test makes it do.
struct SmallSlack {
  explicit SmallSlack(net::Io& io) {
    auto made = net::make_http_server(
        io, {},
        [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) { handle(request, *responder); });
    REQUIRE(made.has_value());
    server = *std::move(made);
  }
  struct Peer {
    std::unique_ptr<net::WebSocket> socket;
    std::vector<Json> acks;
    bool closed = false;
  };

  void handle(net::HttpRequestIn const& request, net::Responder& responder) {
    calls.push_back(request.path);
    if (request.path == "/link") {
      auto peer = std::make_shared<Peer>();
      net::WebSocketHandler handler;
      std::weak_ptr<Peer> weak = peer;
      handler.on_message = [weak](std::string message, bool) {
        if (auto const p = weak.lock()) p->acks.push_back(core::parse_json(message).value());
      };
      handler.on_close = [weak](net::WebSocketEnd const&) {
        if (auto const p = weak.lock()) p->closed = true;
      };
      peer->socket = responder.accept_websocket({}, std::move(handler));
      peers.push_back(peer);
      std::int64_t open = 0;
      for (auto const& p : peers) open += p->closed ? 0 : 1;
      peer->socket->send(frames::hello(open));
      return;
    }
    std::string body = R"({"ok":true})";
    if (request.path == "/api/auth.test") body = R"({"ok":true,"team_id":"T0WORKSPC","bot_id":"B0BOT"})";
    if (request.path == "/api/users.info")
      body = R"({"ok":true,"user":{"id":")" + request.body.substr(request.body.find('=') + 1) + "\"}}";
    if (request.path == "/api/apps.connections.open")
      body = R"({"ok":true,"url":"ws://127.0.0.1:)" + std::to_string(server->port()) +
             "/link?ticket=" + std::to_string(calls.size()) + "\"}";
    if (request.path == "/api/chat.postMessage") {
      messages.push_back(core::parse_json(request.body).value());
      if (fail_posts > 0) {  // done, but said to have failed
        --fail_posts;
        return responder.respond({500, {}, "oops"});
      }
      body = R"({"ok":true,"channel":"C0INC","ts":"1.000001"})";
    }
    if (request.path == "/api/conversations.history") {
      Json list = Json::array();
      for (auto const& message : messages)
        list.push(Json::object({{"ts", "1.000001"}, {"bot_id", "B0BOT"}, {"metadata", message["metadata"]}}));
      body = core::dump(Json::object({{"ok", true}, {"messages", list}}));
    }
    if (request.path == "/hook") hooks.push_back(request.body);
    responder.respond({200, {{"Content-Type", "application/json"}}, body});
  }
  std::string base() const { return "http://127.0.0.1:" + std::to_string(server->port()); }

  std::unique_ptr<net::HttpServer> server;
  std::vector<std::string> calls, hooks;
  std::vector<Json> messages;
  std::vector<std::shared_ptr<Peer>> peers;
  int fail_posts = 0;
};

}  // namespace

TEST_CASE("slack over real sockets: connect, click, acknowledge, refresh without a gap, lose a link, post once") {
  net::Io io;
  RealLoop loop(io);
  SmallSlack peer(io);
  auto const http = net::make_http_client(io);
  auto const dialer = net::make_websocket_dialer(io);
  support::MemoryLog log;
  slack_fakes::FakeSink sink;
  slack::Settings settings;
  settings.workspace = "T0WORKSPC";
  settings.api_url = peer.base() + "/api/";
  settings.app_token = "xapp-1-x";
  settings.bot_token = "xoxb-x";
  settings.people = slack_cards::people();
  settings.channels = {"C0INC"};
  slack::Adapter adapter(settings, {loop, *http, *dialer, log});
  auto const start = std::chrono::steady_clock::now();
  adapter.start(sink);
  REQUIRE(io.run_until([&] { return !sink.states.empty(); }, 10s));
  CHECK(sink.states[0].first);
  auto const connected_in = std::chrono::steady_clock::now() - start;
  INFO("connected in " << std::chrono::duration_cast<std::chrono::milliseconds>(connected_in).count() << " ms");
  REQUIRE(io.run_until([&] { return adapter.counters().connected == 2; }, 10s));

  // A click, answered and acknowledged on its own socket; the refusal goes to the response_url.
  peer.peers[1]->socket->send(core::dump(frames::click({.response_url = peer.base() + "/hook"})));
  REQUIRE(io.run_until([&] { return sink.votes.size() == 1; }, 10s));
  CHECK(sink.votes[0].foreign.empty());
  sink.answers[0]({ports::Answer::State::refused, "not you"});
  REQUIRE(io.run_until([&] { return peer.peers[1]->acks.size() == 1 && peer.hooks.size() == 1; }, 10s));
  CHECK(peer.peers[0]->acks.empty());
  CHECK_THAT(peer.hooks[0], Catch::Contains("not you"));

  // The new one before the old one goes.
  peer.peers[0]->socket->send(frames::disconnect("refresh_requested"));
  REQUIRE(io.run_until([&] { return peer.peers.size() == 3 && adapter.counters().refreshes == 1; }, 10s));
  CHECK_FALSE(peer.peers[0]->closed);
  peer.peers[0]->socket->close(1000);  // whose it is to close
  REQUIRE(io.run_until([&] { return peer.peers[0]->closed && adapter.counters().connected == 2; }, 10s));
  CHECK(peer.peers.size() == 3);
  CHECK(adapter.counters().lost == 0);

  // A link that breaks is replaced, and nobody is told while the other stands.
  peer.peers[1]->socket.reset();
  peer.peers[1]->closed = true;
  REQUIRE(io.run_until([&] { return peer.peers.size() == 4 && adapter.counters().connected == 2; }, 10s));
  CHECK(sink.states.size() == 1);

  // Taken, but answered with 500: found, not posted twice.
  peer.fail_posts = 1;
  std::optional<core::Result<ports::MessageRef>> posted;
  adapter.post("C0INC", std::nullopt, adapter.render(slack_cards::waiting(), "key-1").body, "key-1", loop.now(),
               [&](auto const& result) { posted = result; });
  REQUIRE(io.run_until([&] { return posted.has_value(); }, 10s));
  CHECK(posted->has_value());
  CHECK(peer.messages.size() == 1);
  adapter.stop();
}
