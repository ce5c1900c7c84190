// What the adapter's parts share: the outside world as interfaces, settings, counters, and a guard for late callbacks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/matrix/render.hpp"
#include "bot/net/backoff.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/websocket.hpp"
#include "bot/ports.hpp"

namespace matrix {

enum class Transport {
  sync,       // the client-server long poll: any homeserver, an ordinary account
  websocket,  // an application service's transactions over fi.mau.as_sync: needs mautrix-wsproxy beside the homeserver
};

struct Settings {
  std::string homeserver;  // base URL, "https://matrix.example.org"
  Transport transport = Transport::sync;
  std::string user;  // "@countersign:example.org": who the bot is
  // Exactly one of the three; never logged.
  std::string access_token;  // of a device of that user
  std::string password;      // the bot logs in once, as `device_id`, and keeps the token in its notebook
  std::string as_token;      // of the application service's registration
  std::string device_id = "COUNTERSIGN";
  bool short_lived_tokens = false;    // when logging in: ask for tokens that are refreshed every few minutes
  std::string proxy;                  // websocket only: base URL of the proxy, "wss://matrix.example.org"
  People people;                      // person key → user id
  std::vector<std::string> channels;  // room ids; everything elsewhere is ignored
};

// All of it must outlive the adapter.
struct Parts {
  ports::Loop& loop;
  net::HttpClient& http;
  net::WebSocketDialer& dialer;
  ports::Log& log;
  ports::Notebook& notebook;
  net::Backoff::Random random = net::system_random();
};

// For metrics. Only `connected` and what is said to be a moment's ever goes down.
struct Counters {
  std::uint64_t connected = 0;      // 1 while events can arrive
  std::uint64_t last_heard_ms = 0;  // a moment's: since 1970, of the last good answer of the event source
  std::uint64_t polls = 0, poll_failures = 0, cold_starts = 0, gaps = 0;
  std::uint64_t dials = 0, hellos = 0, lost = 0, transactions = 0, back_fills = 0;
  std::uint64_t events = 0, duplicates = 0, refused_events = 0;
  std::uint64_t calls = 0, rate_limited = 0, call_failures = 0, logins = 0, refreshes = 0;
  std::uint64_t posts = 0, posts_found_again = 0, updates = 0, updates_coalesced = 0, seeds = 0, fallbacks = 0;
  std::uint64_t files = 0, files_as_text = 0;
  std::uint64_t clicks = 0, withdrawals = 0, commands = 0, notes_asked = 0, actions_shown = 0, answers_kept_back = 0;
};

// Callbacks made by guard() do nothing once end() was called or the owner is gone.
class Alive {
 public:
  template <class F>
  auto guard(F work) const {
    return [token = std::weak_ptr<int>(token_), work = std::move(work)](auto&&... arguments) mutable {
      if (!token.expired()) work(std::forward<decltype(arguments)>(arguments)...);
    };
  }
  void end() { token_.reset(); }

 private:
  std::shared_ptr<int> token_ = std::make_shared<int>(0);
};

}  // namespace matrix
