#include "adapters/playground/wire_relay.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <list>
#include <map>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "adapters/playground/wire_frames.hpp"

namespace playground {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxWaiting = 1u << 20;  // bytes held for a side that doesn't read
constexpr std::size_t kMaxHead = 16u << 10;    // of the answer to an upgrade
constexpr auto kLeftOpen = std::chrono::seconds(30);

struct Connection {
  int client = -1, upstream = -1;
  std::string to_client, to_upstream, request, answer;  // the last two: heads, until they are complete
  std::string ticket;
  bool upgraded = false, frozen = false, client_ended = false, upstream_ended = false;
  WireFrames from_client, from_upstream;
  Clock::time_point next_ping{}, last_pong{}, ends_at = Clock::time_point::max(), tap_at = Clock::time_point::max();
  std::uint64_t pings = 0, pongs = 0;
  std::unique_ptr<WireTap> tap{};

  bool dead() const { return client < 0 && upstream < 0; }
};

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

void reset_fd(int& fd) {
  if (fd < 0) return;
  linger const now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close_fd(fd);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

sockaddr* plain(sockaddr_in& address) { return static_cast<sockaddr*>(static_cast<void*>(&address)); }

// False: the connection is over.
bool write_some(int fd, std::string& bytes) {
  while (!bytes.empty()) {
    auto const n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    bytes.erase(0, static_cast<std::size_t>(n));
  }
  return true;
}

enum class Read { some, nothing, ended };

Read read_some(int fd, std::string& bytes) {
  char buffer[16'384];
  auto const n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n > 0) {
    bytes.assign(buffer, static_cast<std::size_t>(n));
    return Read::some;
  }
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? Read::nothing : Read::ended;
}

}  // namespace

struct WireRelay::Impl {
  explicit Impl(Options chosen) : options(chosen) {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (listener < 0 || wake < 0 || ::bind(listener, plain(address), sizeof address) != 0 ||
        ::listen(listener, 64) != 0 || ::getsockname(listener, plain(address), &size) != 0) {
      auto const error = errno;
      close_fd(listener);
      close_fd(wake);
      throw std::system_error(error, std::generic_category(), "the stand-in's relay can't listen");
    }
    port = ntohs(address.sin_port);
    thread = std::thread([this] { run(); });
  }
  ~Impl() {
    stopping = true;
    poke();
    thread.join();
    for (auto& connection : connections) {
      close_fd(connection.client);
      close_fd(connection.upstream);
    }
    close_fd(listener);
    close_fd(wake);
  }

  void poke() const {
    std::uint64_t const one = 1;
    static_cast<void>(!::write(wake, &one, sizeof one));
  }

  void run() {
    std::vector<pollfd> polls;
    std::vector<std::pair<Connection*, bool>> who;  // true: the client's side
    while (!stopping) {
      polls = {{wake, POLLIN, 0}, {listener, POLLIN, 0}};
      who.clear();
      int wait_ms = 1000;
      {
        std::lock_guard lock(mutex);
        auto const now = Clock::now();
        for (auto& one : connections) {
          add_poll(polls, who, one, true);
          add_poll(polls, who, one, false);
          auto const due = std::min({one.upgraded ? one.next_ping : Clock::time_point::max(), one.ends_at, one.tap_at});
          if (due != Clock::time_point::max()) {
            auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(due - now).count() + 1;
            wait_ms = std::clamp(static_cast<int>(std::min<std::int64_t>(left, wait_ms)), 0, wait_ms);
          }
        }
      }
      if (::poll(polls.data(), polls.size(), wait_ms) < 0 && errno != EINTR) return;
      std::lock_guard lock(mutex);
      if ((polls[0].revents & POLLIN) != 0) {
        std::uint64_t count = 0;
        static_cast<void>(!::read(wake, &count, sizeof count));
      }
      for (std::size_t i = 0; i < who.size(); ++i) {
        if (polls[i + 2].revents != 0) serve(*who[i].first, who[i].second, polls[i + 2].fd);
      }
      if ((polls[1].revents & POLLIN) != 0) accept_one();
      for (auto& one : connections) keep_time(one);
      connections.remove_if([this](Connection const& one) {
        if (!one.dead()) return false;
        if (!one.ticket.empty()) ended[one.ticket] = {one.pings, one.pongs};
        return true;
      });
    }
  }

  static void add_poll(std::vector<pollfd>& polls, std::vector<std::pair<Connection*, bool>>& who, Connection& one,
                       bool client) {
    int const fd = client ? one.client : one.upstream;
    if (fd < 0) return;
    auto const& backlog = client ? one.to_client : one.to_upstream;
    auto const& other = client ? one.to_upstream : one.to_client;
    bool const ended = client ? one.client_ended : one.upstream_ended;
    short events = 0;
    if (!ended && other.size() < kMaxWaiting) events = static_cast<short>(events | POLLIN);
    if (!backlog.empty() && !one.frozen) events = static_cast<short>(events | POLLOUT);
    if (ended && events == 0) return;
    polls.push_back({fd, events, 0});
    who.emplace_back(&one, client);
  }

  void accept_one() {
    int const fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    Connection one;
    one.client = fd;
    one.upstream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(options.upstream_port);
    if (one.upstream < 0 || ::connect(one.upstream, plain(address), sizeof address) != 0) {
      close_fd(one.upstream);
      reset_fd(one.client);
      return;
    }
    int const on = 1;
    ::setsockopt(one.client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(one.upstream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (options.make_tap) one.tap = options.make_tap();
    connections.push_back(std::move(one));
  }

  void serve(Connection& one, bool client, int fd) {
    if (fd != (client ? one.client : one.upstream)) return;  // closed while its neighbour was served
    std::string bytes;
    switch (read_some(fd, bytes)) {
      case Read::some:
        if (client) {
          from_client(one, bytes);
        } else {
          from_upstream(one, bytes);
        }
        break;
      case Read::ended: end(one, client); break;
      case Read::nothing: break;
    }
    if (!one.frozen) flush(one);
  }

  void flush(Connection& one) {
    if (one.client >= 0 && !write_some(one.client, one.to_client)) end(one, true);
    if (one.upstream >= 0 && !write_some(one.upstream, one.to_upstream)) end(one, false);
    // What one side said last goes out before its end is passed on.
    if (one.upstream_ended && one.to_client.empty() && one.ends_at == Clock::time_point::max()) close_fd(one.client);
    if (one.client_ended && one.to_upstream.empty()) close_fd(one.upstream);
  }

  void end(Connection& one, bool client) {
    if (client) {
      one.client_ended = true;
      close_fd(one.client);
      if (one.frozen) return;  // a dead link carries no end of stream; ends_at cleans up
      if (one.to_upstream.empty()) close_fd(one.upstream);
    } else {
      one.upstream_ended = true;
      close_fd(one.upstream);
      if (one.frozen) return;
      if (options.leave_open && one.upgraded && one.client >= 0) {
        one.ends_at = std::min(one.ends_at, Clock::now() + kLeftOpen);
      } else if (one.to_client.empty()) {
        close_fd(one.client);
      }
    }
  }

  void from_client(Connection& one, std::string& bytes) {
    if (one.frozen) return;
    if (one.tap) {
      one.tap->from_client(bytes);
      if (one.ticket.empty()) one.ticket = one.tap->ticket();
    } else if (one.ticket.empty() && one.request.size() < 4096) {
      one.request += bytes;
      auto const line = one.request.substr(0, one.request.find("\r\n"));
      if (auto const at = line.find("ticket="); at != std::string::npos) {
        one.ticket = line.substr(at + 7, line.find_first_of("& ", at) - at - 7);
      }
    }
    if (one.upgraded) {
      if (auto const pongs = one.from_client.feed(bytes, kPongFrame); pongs > 0) {
        one.pongs += pongs;
        one.last_pong = Clock::now();
      }
    }
    one.to_upstream += bytes;
  }

  void from_upstream(Connection& one, std::string& bytes) {
    if (one.frozen) return;
    if (one.tap) one.tap->from_stand_in(bytes);
    one.to_client += bytes;
    if (one.upgraded) {
      one.from_upstream.feed(bytes, kPingFrame);
      return;
    }
    if (one.answer.size() > kMaxHead) return;  // plain HTTP
    one.answer += bytes;
    auto const head = one.answer.find("\r\n\r\n");
    if (head == std::string::npos || !one.answer.starts_with("HTTP/1.1 101")) return;
    one.upgraded = true;
    one.from_upstream.feed(std::string_view(one.answer).substr(head + 4), kPingFrame);
    one.last_pong = Clock::now();
    one.next_ping =
        options.ping_every > net::Duration{0} ? one.last_pong + options.ping_every : Clock::time_point::max();
    one.answer.clear();
  }

  static void cut(Connection& one) {
    reset_fd(one.client);
    close_fd(one.upstream);
  }

  void keep_time(Connection& one) {
    auto const now = Clock::now();
    if (now >= one.ends_at) return cut(one);
    if (one.tap && !one.frozen && one.tap->over(now, one.tap_at)) return cut(one);
    if (!one.upgraded || one.frozen || one.client < 0 || one.upstream < 0 || now < one.next_ping) return;
    if (one.pings > 0 && now - one.last_pong > options.pong_limit) return cut(one);
    if (!one.from_upstream.between()) return;
    one.next_ping = now + options.ping_every;
    auto const text = "Ping from applink-" + std::to_string(++one.pings);
    one.to_client += static_cast<char>(0x80 | kPingFrame);
    one.to_client += static_cast<char>(text.size());
    one.to_client += text;
    flush(one);
  }

  template <class Act>
  void with(std::string const& ticket, Act act) {
    {
      std::lock_guard lock(mutex);
      for (auto& one : connections) {
        if (one.ticket == ticket) act(one);
      }
    }
    poke();
  }

  Options const options;
  int listener = -1, wake = -1;
  std::uint16_t port = 0;
  std::atomic<bool> stopping = false;
  mutable std::mutex mutex;
  std::list<Connection> connections;
  std::map<std::string, Counts> ended;
  std::thread thread;
};

WireRelay::WireRelay(Options options) : impl_(std::make_unique<Impl>(options)) {}
WireRelay::~WireRelay() = default;

std::uint16_t WireRelay::port() const noexcept { return impl_->port; }

void WireRelay::freeze(std::string const& ticket) {
  impl_->with(ticket, [this](Connection& one) {
    one.frozen = true;
    one.ends_at = Clock::now() + impl_->options.pong_limit;
  });
}

void WireRelay::reset(std::string const& ticket) {
  impl_->with(ticket, [](Connection& one) { Impl::cut(one); });
}

WireRelay::Counts WireRelay::counts(std::string const& ticket) const {
  std::lock_guard lock(impl_->mutex);
  for (auto const& one : impl_->connections) {
    if (one.ticket == ticket) return {one.pings, one.pongs};
  }
  auto const old = impl_->ended.find(ticket);
  return old == impl_->ended.end() ? Counts{} : old->second;
}

}  // namespace playground
