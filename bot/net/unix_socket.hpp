// Newline-delimited messages over a local stream socket: how the service talks to its runner.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "bot/net/error.hpp"
#include "bot/net/io.hpp"

namespace net {

inline constexpr std::size_t kMaxLineBytes = 1u << 20;  // of one message, both ways
// Queued for a peer that doesn't read: the results of all runs that a runner has at a time, at their largest.
inline constexpr std::size_t kMaxLineOutboxBytes = 16u << 20;

// Run on the loop's thread, never from inside a call of ours. The channel may be destroyed from within any of them.
struct LineHandler {
  std::function<void()> on_open{};
  std::function<void(std::string line)> on_line{};  // without the newline; any other bytes
  std::function<void(NetError why)> on_close{};     // exactly once, last; Errc::closed: the peer ended it
};

struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Owns its socket: destroying it closes the socket at once and no callback runs any more.
struct LineChannel {
  virtual ~LineChannel() = default;
  // Queues one message, which must hold no newline. A longer one than kMaxLineBytes or with a newline throws
  // std::invalid_argument; a full queue ends the channel (Errc::outbox_full).
  virtual void send(std::string_view line) = 0;
  // Bytes that were given to send and may not have left yet, for who sends what can as well be left out.
  virtual std::size_t waiting() const = 0;
  virtual bool is_open() const = 0;
  virtual Result<PeerCredentials> peer() const = 0;  // as the kernel knew it when the connection was made (SO_PEERCRED)
};

// Every failure comes by on_close. No retries: a socket that isn't there yet is Errc::connect_failed.
std::unique_ptr<LineChannel> connect_unix(Io& io, std::string const& path, Duration timeout, LineHandler handler);
// Takes over a connected socket, e.g. one end of a socketpair or what listen_unix handed out; closes it in the end.
std::unique_ptr<LineChannel> adopt_unix(Io& io, int fd, LineHandler handler);

struct UnixListener {
  virtual ~UnixListener() = default;  // stops listening and removes the socket's file
};
// Listens on `path` with this mode; a dead socket that lies there is replaced, a living one is an error.
// `on_accept` gets each connection's descriptor, for adopt_unix.
Result<std::unique_ptr<UnixListener>> listen_unix(Io& io, std::string const& path, mode_t mode,
                                                  std::function<void(int fd)> on_accept);
// Takes over a socket that listens already, e.g. one that systemd opened; closes it in the end and leaves its file.
// Whoever connects sees the account that called listen(2) as its peer: where that was another one it is called again,
// and connections made before are closed, so that those peers try again and see ours.
Result<std::unique_ptr<UnixListener>> adopt_listener(Io& io, int fd, std::function<void(int fd)> on_accept);

}  // namespace net
