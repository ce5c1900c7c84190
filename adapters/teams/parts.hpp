// What the adapter's parts share: the outside world as interfaces, settings, counters and a guard for late callbacks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/teams/render.hpp"
#include "bot/net/backoff.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/websocket.hpp"
#include "bot/ports.hpp"

namespace teams {

// An Azure Relay Hybrid Connection, which carries the messaging endpoint over connections that we open.
struct RelaySettings {
  std::string url;         // the namespace, "wss://ns.servicebus.windows.net"; no path
  std::string path;        // of the hybrid connection
  std::string key_name;    // of a rule with the right Listen
  std::string key;         // its shared access key; never logged
  unsigned listeners = 2;  // 1 to 25
};

// The messaging endpoint on a port of ours.
struct EndpointSettings {
  std::string address = "0.0.0.0";  // an IP address
  std::uint16_t port = 3978;        // 0: the system chooses
  std::string certificate_file;     // PEM; empty: plain HTTP, on loopback only
  std::string key_file;
};

struct Settings {
  std::string tenant, app_id;                                          // GUIDs in lower case
  std::string app_secret;                                              // never logged
  std::string service_url = "https://smba.trafficmanager.net/teams/";  // of a conversation that has not written yet
  std::string login_url = "https://login.microsoftonline.com/";
  std::string openid_url = "https://login.botframework.com/v1/.well-known/openidconfiguration";
  std::string issuer = "https://api.botframework.com";
  std::optional<RelaySettings> relay;  // one of the two at least
  std::optional<EndpointSettings> endpoint;
  std::set<std::string>
      test_hosts;  // hosts that stand in for Microsoft's: service and rendezvous addresses there are taken
  People people;   // person key → Entra object id
  std::vector<std::string> channels;  // conversation ids, "19:…@thread.tacv2"; clicks from elsewhere are refused
};

// All of it must outlive the adapter.
struct Parts {
  ports::Loop& loop;
  net::HttpClient& http;
  net::WebSocketDialer& dialer;
  ports::Log& log;
  ports::Notebook& notebook;
  net::Io& io;  // for the HTTPS endpoint alone
  net::Backoff::Random random = net::system_random();
};

// For metrics. Only `connected`, `listeners` and `keys` ever go down.
struct Counters {
  std::uint64_t connected = 0;  // 1 while activities can arrive
  std::uint64_t listeners = 0;  // relay connections that are open
  std::uint64_t keys = 0;       // keys that may sign activities
  std::uint64_t dials = 0, lost = 0, renewals = 0, probe_misses = 0, rendezvous = 0, accepts_refused = 0;
  std::uint64_t requests = 0, refused_requests = 0, refused_tokens = 0, duplicates = 0, refused_frames = 0;
  std::uint64_t answers_by_timer = 0, answers_lost = 0, refreshes = 0;
  std::uint64_t key_fetches = 0, token_fetches = 0;
  std::uint64_t calls = 0, rate_limited = 0, call_failures = 0;
  std::uint64_t posts = 0, posts_in_doubt = 0, posts_repeated = 0, updates = 0, updates_coalesced = 0, fallbacks = 0;
  std::uint64_t files_as_text = 0;
  std::uint64_t answers_dropped = 0;  // to one person: too many were waiting
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

}  // namespace teams
