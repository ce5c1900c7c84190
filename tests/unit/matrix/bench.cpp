#include "tests/unit/matrix/bench.hpp"

#include <algorithm>
#include <utility>

#include "tests/support/catch.hpp"

namespace matrix_fakes {

struct Proxy::Socket : net::WebSocket {
  explicit Socket(std::shared_ptr<Wire> to) : wire(std::move(to)) {}
  ~Socket() override { wire->destroyed = true; }
  void send(std::string text, std::function<void()>) override { wire->sent.push_back(core::parse_json(text).value()); }
  void send_binary(std::string, std::function<void()>) override {}
  void close(std::uint16_t, std::string) override {}
  bool is_open() const override { return true; }
  std::shared_ptr<Wire> wire;
};

std::unique_ptr<net::WebSocket> Proxy::dial(std::string const& url, net::WebSocketOptions options,
                                            net::WebSocketHandler handler) {
  wires.push_back(std::make_shared<Wire>(Wire{loop.now(), url, std::move(options), std::move(handler), {}, false}));
  return std::make_unique<Socket>(wires.back());
}

Engine::Engine() { at_once = ports::Answer{ports::Answer::State::recorded, ""}; }
Engine::~Engine() = default;

Bench::Bench(matrix::Transport transport) : hs(loop), proxy(loop) {
  settings.homeserver = "https://hs.example.org";
  settings.transport = transport;
  settings.user = kBot;
  settings.people = matrix_cards::people();
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

Bench::~Bench() = default;

void Bench::make_room(std::string const& room) {
  hs.say("@alice:example.org", "m.room.create", Json::object({{"room_version", "11"}, {"m.federate", false}}), room,
         "");
  hs.say("@alice:example.org", "m.room.join_rules", Json::object({{"join_rule", "invite"}}), room, "");
}

matrix::Adapter& Bench::start() {
  adapter = std::make_unique<matrix::Adapter>(settings,
                                              matrix::Parts{loop, hs, proxy, log, notebook, [this] { return random; }});
  adapter->start(engine);
  loop.advance(1s);
  return *adapter;
}

matrix::Adapter& Bench::connected() {
  start();
  if (settings.transport == matrix::Transport::websocket) greet();
  loop.advance(1s);
  return *adapter;
}

void Bench::greet() {
  open();
  receive(R"({"status":"connected"})");
}

void Bench::open() {
  if (auto const on_open = wire().handler.on_open) on_open();
  loop.run_posted();
}

void Bench::pong(std::string const& how) {
  auto const ping = std::find_if(wire().sent.rbegin(), wire().sent.rend(),
                                 [](Json const& frame) { return frame["command"].text() == "ping"; });
  REQUIRE(ping != wire().sent.rend());
  receive(core::dump(Json::object({{"id", (*ping)["id"]}, {"command", how}, {"data", Json::object({})}})));
}

void Bench::receive(std::string frame) {
  wire().handler.on_message(std::move(frame), false);
  loop.run_posted();
}

void Bench::transact(std::string const& txn, std::size_t count, std::int64_t id) {
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

void Bench::restart() {
  adapter.reset();
  loop.advance(1s);
  hs.seen.clear();
  connected();
}

std::string Bench::post(core::Card const& card, std::string const& key) {
  std::string event;
  adapter->post(kRoom, std::nullopt, adapter->render(card, key).body, key, loop.now(),
                [&](auto const& posted) { event = (*posted)["event_id"].text(); });
  loop.advance(1s);
  return event;
}

std::optional<core::Result<void>> Bench::update(std::string const& event, core::Card const& card) {
  auto const result = std::make_shared<std::optional<core::Result<void>>>();
  adapter->update(matrix_ref(event), adapter->render(card, "key-1").body,
                  [result](auto const& updated) { *result = updated; });
  loop.advance(1s);
  return *result;
}

Json Bench::matrix_ref(std::string const& event) { return Json::object({{"room_id", kRoom}, {"event_id", event}}); }

void Bench::refuse(std::string text) { engine.at_once = ports::Answer{State::refused, std::move(text)}; }

Json Bench::last() {
  loop.advance(1s);
  auto const all = hs.sent();
  return all.empty() ? Json() : all.back();
}

std::string Bench::log_text() const { return support::text_of(log); }

}  // namespace matrix_fakes
