// An adapter with everything around it: homeserver, proxy, engine.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/fake_sink.hpp"
#include "tests/unit/matrix/cards.hpp"
#include "tests/unit/matrix/homeserver.hpp"

namespace matrix_fakes {

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

  struct Socket;
  std::unique_ptr<net::WebSocket> dial(std::string const& url, net::WebSocketOptions options,
                                       net::WebSocketHandler handler) override;

  ports::Loop& loop;
  std::vector<std::shared_ptr<Wire>> wires;
};

// The engine: records at once whatever it is told.
struct Engine : support::FakeSink {
  Engine();
  ~Engine() override;
};

struct Bench {
  using State = ports::Answer::State;

  explicit Bench(matrix::Transport transport = matrix::Transport::sync);
  ~Bench();
  void make_room(std::string const& room);

  matrix::Adapter& start();
  // Up to where clicks arrive.
  matrix::Adapter& connected();
  void greet();
  void open();
  Wire& wire() { return *proxy.wires.back(); }
  // The proxy's answer to the newest ping.
  void pong(std::string const& how = "response");
  void receive(std::string frame);
  // The newest `count` events of the room as one transaction.
  void transact(std::string const& txn, std::size_t count, std::int64_t id = 0);
  void restart();

  // Posts a card; its event id.
  std::string post(core::Card const& card, std::string const& key = "key-1");
  std::optional<core::Result<void>> update(std::string const& event, core::Card const& card);
  static Json matrix_ref(std::string const& event);
  void refuse(std::string text);
  // The last thing that the bot said, with a moment for it to be said.
  Json last();
  std::string log_text() const;

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

}  // namespace matrix_fakes
