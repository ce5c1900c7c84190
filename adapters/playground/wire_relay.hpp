// A TCP relay in front of the stand-in's WebSockets, so that tests can break connections the way networks do: silence,
// reset, a close that never comes. It also sends Slack's WebSocket PINGs. Internal to this folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bot/net/io.hpp"

namespace playground {

// Looks at the bytes of one connection and may change them on their way. Runs on the relay's thread.
struct WireTap {
  virtual ~WireTap() = default;
  virtual void from_client(std::string& bytes) = 0;    // before the stand-in gets them
  virtual void from_stand_in(std::string& bytes) = 0;  // before the client gets them
  virtual std::string ticket() const = 0;              // what the connection is known by; empty: not known yet
  // Asked often, at the latest at the time that it put into `next`: true resets the connection.
  virtual bool over(std::chrono::steady_clock::time_point now, std::chrono::steady_clock::time_point& next) = 0;
};

// Runs a thread of its own; every method may be called from any thread. A connection is known by the `ticket` in its
// request line, or by what its tap says.
class WireRelay {
 public:
  struct Options {
    std::uint16_t upstream_port = 0;   // on 127.0.0.1
    net::Duration ping_every{5'000};   // 0: no pings
    net::Duration pong_limit{30'000};  // also how long a frozen connection lives
    bool leave_open = false;           // keep TCP to the client when our side closes, for 30 s at most
    std::function<std::unique_ptr<WireTap>()> make_tap{};  // one for each connection; empty: none
  };
  struct Counts {
    std::uint64_t pings = 0, pongs = 0;
  };

  // Listens on 127.0.0.1 when it returns; throws std::system_error.
  explicit WireRelay(Options options);
  ~WireRelay();
  WireRelay(WireRelay const&) = delete;
  WireRelay& operator=(WireRelay const&) = delete;

  std::uint16_t port() const noexcept;
  void freeze(std::string const& ticket);  // from now on nothing passes, either way
  void reset(std::string const& ticket);   // RST to the client, end of stream to the stand-in
  Counts counts(std::string const& ticket) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playground
