// What the tests of the HTTP API share: calls over bare sockets, and those who listen to events.
#pragma once

#include "bot/net/event_stream.hpp"
#include "tests/integration/service/service.hpp"
#include "tests/unit/net/support.hpp"

namespace service_api {

using namespace service;
using net_test::connect_raw;
using net_test::Socket;

inline Json object() { return Json(Json::Object{}); }

inline Json asking(std::string const& word = "done") {
  return Json::object({{"runbook", "witness"},
                       {"parameters", Json::object({{"word", word}})},
                       {"reason", "the line is missing"},
                       {"channels", Json::array({"incidents"})}});
}

// Asks over a socket of its own and returns the whole answer; the connection ends with it.
inline std::string raw(ServiceKit& kit, std::string const& request) {
  auto const socket = connect_raw(kit.port());
  socket.write(request);
  std::string text;
  REQUIRE(kit.wait([&] {
    auto const bytes = socket.read_now();
    if (bytes) text += *bytes;
    return !bytes;
  }));
  return text;
}

inline std::string request_text(std::string const& method, std::string const& path, std::string const& token,
                                std::string const& more = {}) {
  return method + " " + path + " HTTP/1.1\r\nHost: h\r\n" +
         (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + more + "Connection: close\r\n\r\n";
}

// Without the one header that belongs to the moment.
inline std::string without_date(std::string text) {
  auto const at = text.find("Date: ");
  if (at != text.npos) text.erase(at, text.find("\r\n", at) + 2 - at);
  return text;
}

// One who listens to a request, over a bare socket.
struct Listener {
  Listener(ServiceKit& with, std::string const& id, std::string const& token = "token-of-alice", std::string after = {})
      : socket(connect_raw(with.port())) {
    socket.write(request_text("GET", "/v1/requests/" + id + "/events", token,
                              after.empty() ? "" : "Last-Event-ID: " + after + "\r\n"));
  }
  // Takes what is there. False once the stream has ended.
  bool look() {
    while (!over) {
      auto const bytes = socket.read_now();
      if (!bytes) {
        over = true;
      } else if (bytes->empty()) {
        break;
      } else {
        wire += *bytes;
      }
    }
    return !over;
  }
  // Chunks of a stream hold whole events, so their lines are out of the way as lines that name no field.
  std::vector<net::StreamEvent> events() {
    look();
    return net::EventStreamReader().put(wire);
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> out;
    for (auto const& event : events()) out.push_back(event.event);
    return out;
  }
  unsigned status() {
    look();
    return wire.size() > 12 ? static_cast<unsigned>(std::stoi(wire.substr(9, 3))) : 0;
  }
  Socket socket;
  std::string wire;
  bool over = false;
};

inline bool ended(ServiceKit& kit, Listener& listener) {
  return kit.wait([&] { return !listener.look(); });
}

}  // namespace service_api
