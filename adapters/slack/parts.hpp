// What the adapter's parts share: the outside world as interfaces, settings, counters, and a guard for late callbacks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/slack/render.hpp"
#include "bot/net/backoff.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/websocket.hpp"
#include "bot/ports.hpp"

namespace slack {

struct Settings {
  std::string workspace;                           // team id; clicks from any other are refused
  std::string api_url = "https://slack.com/api/";  // ends with "/"
  std::string app_token, bot_token;                // never logged
  unsigned connections = 2;                        // 1 to 10
  People people;                                   // person key → user id
  std::vector<std::string> channels;               // channel ids; clicks from elsewhere are refused
};

// All of it must outlive the adapter.
struct Parts {
  ports::Loop& loop;
  net::HttpClient& http;
  net::WebSocketDialer& dialer;
  ports::Log& log;
  net::Backoff::Random random = net::system_random();
};

// For metrics. Only `connected` and `foreign` ever go down.
struct Counters {
  std::uint64_t connected = 0;  // sockets that had their hello and are open
  std::uint64_t foreign = 0;    // 1 while another instance shares the app token
  std::uint64_t dials = 0, hellos = 0, lost = 0, refreshes = 0;
  std::uint64_t envelopes = 0, duplicates = 0, refused_frames = 0;
  std::uint64_t acks = 0, acks_by_timer = 0, acks_dropped = 0;
  std::uint64_t calls = 0, rate_limited = 0, call_failures = 0;
  std::uint64_t posts = 0, posts_found_again = 0, updates = 0, updates_coalesced = 0, fallbacks = 0;
  std::uint64_t files = 0, files_as_text = 0;
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

}  // namespace slack
