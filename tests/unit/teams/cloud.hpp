// Microsoft's side as a script: login, keys, Connector and relay in one HTTP client, and sockets that the test holds
// the other end of.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/teams/adapter.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/teams/activities.hpp"
#include "tests/unit/teams/connector_keys.hpp"

namespace cloud {

using core::Json;
using namespace std::chrono_literals;

// Which of its doors a call knocks at.
enum class Door { metadata, keys, login, create, send, update, members, member, probe, unknown };

struct Seen {
  core::Time at;
  Door door = Door::unknown;
  std::string method, url, body, authorization;
  Json json() const;
};
using Response = net::Result<net::HttpResponse>;
using Script = std::function<Response(Seen const&)>;

Script says(unsigned status, std::string body = "{}", net::Headers headers = {});
Script fails(bool sent_maybe);
Script refuses(unsigned status, std::string const& code, net::Headers headers = {});

class Http : public net::HttpClient {
 public:
  explicit Http(ports::Loop& loop);

  CallId request(net::HttpRequest request, Done done) override;
  void cancel(CallId) override {}

  std::size_t count(Door door) const;
  Seen last(Door door) const;
  void release();

  std::vector<Seen> seen;
  std::map<Door, std::deque<Script>> next;  // answers that differ from the usual ones
  std::set<Door> hold;                      // doors that answer only at release()
  std::vector<std::function<void()>> held;
  Json key_set = Json::array({keys::jwk(keys::connector(), "connector-key", {"msteams", "webchat"}),
                              keys::jwk(keys::other(), "other-key", {"webchat"})});
  Json people = Json::array();

 private:
  static Door door_of(net::HttpRequest const& request);

  Response usual(Seen const& call);

  ports::Loop& loop_;
  CallId last_ = 0;
};

// One dialled connection; the test plays the relay. Outlives the adapter's end of it.
struct Wire {
  struct Frame {
    std::string bytes;
    bool binary = false;
  };
  core::Time dialled;
  std::string url;
  net::WebSocketOptions options;
  net::WebSocketHandler handler;
  std::vector<Frame> sent;
  bool destroyed = false, closing = false;
  std::uint16_t close_code = 0;
};

struct Dialer : net::WebSocketDialer {
  explicit Dialer(ports::Loop& to) : loop(to) {}

  std::unique_ptr<net::WebSocket> dial(std::string const& url, net::WebSocketOptions options,
                                       net::WebSocketHandler handler) override;

  ports::Loop& loop;
  std::vector<std::shared_ptr<Wire>> wires;
};

}  // namespace cloud
