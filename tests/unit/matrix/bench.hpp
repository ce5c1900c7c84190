// An adapter with everything around it: homeserver, proxy, engine.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/fake_sink.hpp"
#include "tests/unit/matrix/cards.hpp"
#include "tests/unit/matrix/homeserver.hpp"

namespace fakes {

// One dialled connection; the test plays the proxy. Outlives the adapter's end of it.
struct Wire {
  core::Time dialled;
  std::string url;
  net::WebSocketOptions options;
  net::WebSocketHandler handler;
  std::vector<Json> sent;
  bool destroyed = false;
};

struct Proxy : net::WebSocketDialer {
  explicit Proxy(ports::Loop& to) : loop(to) {}

  struct Socket : net::WebSocket {
    explicit Socket(std::shared_ptr<Wire> to) : wire(std::move(to)) {}
    ~Socket() override { wire->destroyed = true; }
    void send(std::string text, std::function<void()>) override {
      wire->sent.push_back(core::parse_json(text).value());
    }
    void send_binary(std::string, std::function<void()>) override {}
    void close(std::uint16_t, std::string) override {}
    bool is_open() const override { return true; }
    std::shared_ptr<Wire> wire;
  };
  std::unique_ptr<net::WebSocket> dial(std::string const& url, net::WebSocketOptions options,
                                       net::WebSocketHandler handler) override {
    wires.push_back(std::make_shared<Wire>(Wire{loop.now(), url, std::move(options), std::move(handler), {}, false}));
    return std::make_unique<Socket>(wires.back());
  }

  ports::Loop& loop;
  std::vector<std::shared_ptr<Wire>> wires;
};

// The engine: answers votes at once unless told to wait.
// Records at once whatever it is told.
struct Engine : support::FakeSink {
  Engine() { at_once = ports::Answer{ports::Answer::State::recorded, ""}; }
};

struct Bench {
  using State = ports::Answer::State;

  explicit Bench(matrix::Transport transport = matrix::Transport::sync) : hs(loop), proxy(loop) {
    settings.homeserver = "https://hs.example.org";
    settings.transport = transport;
    settings.user = kBot;
    settings.people = cards::people();
    settings.channels = {kRoom};
    if (transport == matrix::Transport::websocket) {
      settings.as_token = hs.token;
      settings.proxy = "https://hs.example.org/proxy/";
    } else {
      settings.access_token = hs.token;
    }
    make_room(kRoom);
    for (auto const* user : {kBot, "@alice:example.org", "@bob:example.org", "@carol:example.org", "@eve:example.org"})
      hs.join(user);
  }
  void make_room(std::string const& room) {
    hs.say("@alice:example.org", "m.room.create", Json::object({{"room_version", "11"}, {"m.federate", false}}), room,
           "");
    hs.say("@alice:example.org", "m.room.join_rules", Json::object({{"join_rule", "invite"}}), room, "");
  }

  matrix::Adapter& start() {
    adapter = std::make_unique<matrix::Adapter>(
        settings, matrix::Parts{loop, hs, proxy, log, notebook, [this] { return random; }});
    adapter->start(engine);
    loop.advance(1s);
    return *adapter;
  }
  // Up to where clicks arrive.
  matrix::Adapter& connected() {
    start();
    if (settings.transport == matrix::Transport::websocket) greet();
    loop.advance(1s);
    return *adapter;
  }
  void greet() {
    open();
    receive(R"({"status":"connected"})");
  }
  void open() {
    if (auto const on_open = wire().handler.on_open) on_open();
    loop.run_posted();
  }
  Wire& wire() { return *proxy.wires.back(); }
  // The proxy's answer to the newest ping.
  void pong(std::string const& how = "response") {
    auto const ping = std::find_if(wire().sent.rbegin(), wire().sent.rend(),
                                   [](Json const& frame) { return frame["command"].text() == "ping"; });
    REQUIRE(ping != wire().sent.rend());
    receive(core::dump(Json::object({{"id", (*ping)["id"]}, {"command", how}, {"data", Json::object({})}})));
  }
  void receive(std::string frame) {
    wire().handler.on_message(std::move(frame), false);
    loop.run_posted();
  }
  // The newest `count` events of the room as one transaction.
  void transact(std::string const& txn, std::size_t count, std::int64_t id = 0) {
    auto const& timeline = hs.rooms[kRoom].timeline;
    Json events = Json::array();
    for (std::size_t i = timeline.size() - count; i < timeline.size(); ++i) {
      auto event = timeline[i];
      events.push(event.set("room_id", kRoom));
    }
    Json frame = Json::object({{"status", "ok"}, {"txn_id", txn}, {"events", std::move(events)}});
    if (id != 0) frame.set("id", id).set("command", "transaction");
    receive(core::dump(frame));
  }
  void restart() {
    adapter.reset();
    loop.advance(1s);
    hs.seen.clear();
    connected();
  }

  // Posts a card; its event id.
  std::string post(core::Card const& card, std::string const& key = "key-1") {
    std::string event;
    adapter->post(kRoom, std::nullopt, adapter->render(card, key).body, key, loop.now(),
                  [&](auto const& posted) { event = (*posted)["event_id"].text(); });
    loop.advance(1s);
    return event;
  }
  std::optional<core::Result<void>> update(std::string const& event, core::Card const& card) {
    auto const result = std::make_shared<std::optional<core::Result<void>>>();
    adapter->update(matrix_ref(event), adapter->render(card, "key-1").body,
                    [result](auto const& updated) { *result = updated; });
    loop.advance(1s);
    return *result;
  }
  static Json matrix_ref(std::string const& event) { return Json::object({{"room_id", kRoom}, {"event_id", event}}); }
  void refuse(std::string text) { engine.at_once = ports::Answer{State::refused, std::move(text)}; }
  // The last thing that the bot said, with a moment for it to be said.
  Json last() {
    loop.advance(1s);
    auto const all = hs.sent();
    return all.empty() ? Json() : all.back();
  }
  std::string log_text() const { return support::text_of(log); }

  support::VirtualLoop loop;
  Homeserver hs;
  Proxy proxy;
  support::MemoryLog log;
  support::MemoryNotebook notebook;
  Engine engine;
  matrix::Settings settings;
  std::uint64_t random = 0;  // no jitter: every wait is as short as it may be
  std::unique_ptr<matrix::Adapter> adapter;
};

}  // namespace fakes
