// Raw loopback peers that misbehave on purpose, and waiting on an Io.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/net/http_client.hpp"
#include "bot/net/http_server.hpp"
#include "bot/net/io.hpp"
#include "bot/net/websocket.hpp"
#include "bot/process/sanitized.hpp"
#include "tests/support/catch.hpp"

namespace net_test {

using namespace std::chrono_literals;

// A broken test ends; a good one never waits so long. A sanitizer makes some twenty times as slow, on a busy machine.
inline constexpr auto kPatience = process::kSanitized ? 60s : 10s;

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

  void write(std::string_view bytes) const {
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  // What is there now; nothing once the peer has ended.
  std::optional<std::string> read_now() const {
    char buffer[65536];
    auto const count = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count > 0) return std::string(buffer, static_cast<std::size_t>(count));
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::string{};
    return std::nullopt;
  }

 private:
  int fd_ = -1;
};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline Socket connect_raw(std::uint16_t port) {
  Socket socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  auto const address = loopback(port);
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
  return socket;
}

// A listening socket whose test accepts and writes by hand.
class RawListener {
 public:
  explicit RawListener(int backlog = 16) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    auto address = loopback(0);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket_.get(), backlog) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }
  std::string url(std::string const& scheme) const { return scheme + "://127.0.0.1:" + std::to_string(port_) + "/"; }
  std::optional<Socket> accept_now() const {
    int const fd = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return std::nullopt;
    return Socket{fd};
  }

 private:
  Socket socket_;
  std::uint16_t port_ = 0;
};

// Runs the loop, asking every 2 ms as well, because the raw side moves without it.
inline bool run_until(net::Io& io, std::function<bool()> const& done, net::Duration limit = kPatience) {
  net::Io::TimerId timer = 0;
  std::function<void()> tick = [&] { timer = io.call_after(2ms, tick); };
  tick();
  bool const result = io.run_until(done, limit);
  io.cancel(timer);
  return result;
}

inline Socket accept(net::Io& io, RawListener const& listener) {
  std::optional<Socket> socket;
  REQUIRE(run_until(io, [&] { return socket || (socket = listener.accept_now()); }));
  return std::move(*socket);
}

// Reads until `enough` holds or the peer ends.
inline std::string read_until(net::Io& io, Socket const& socket, std::function<bool(std::string const&)> const& enough,
                              bool* ended = nullptr) {
  std::string text;
  bool eof = false;
  REQUIRE(run_until(io, [&] {
    auto const bytes = socket.read_now();
    if (bytes) text += *bytes;
    eof = !bytes;
    return eof || enough(text);
  }));
  if (ended) *ended = eof;
  return text;
}
inline std::string read_head(net::Io& io, Socket const& socket) {
  return read_until(io, socket, [](std::string const& text) { return text.find("\r\n\r\n") != text.npos; });
}
inline std::string read_to_end(net::Io& io, Socket const& socket) {
  return read_until(io, socket, [](std::string const&) { return false; });
}

inline net::Result<net::HttpResponse> call(net::Io& io, net::HttpClient& client, net::HttpRequest request,
                                           std::function<void()> const& meanwhile = {}) {
  std::optional<net::Result<net::HttpResponse>> result;
  client.request(std::move(request), [&](net::Result<net::HttpResponse> got) { result = std::move(got); });
  CHECK_FALSE(result.has_value());  // never from inside
  if (meanwhile) meanwhile();
  REQUIRE(run_until(io, [&] { return result.has_value(); }));
  return std::move(*result);
}

inline std::unique_ptr<net::HttpServer> serve(net::Io& io, net::HttpHandler handler,
                                              net::HttpServerOptions options = {}) {
  auto server = net::make_http_server(io, std::move(options), std::move(handler));
  if (!server) FAIL(server.error().text);
  return std::move(*server);
}

inline std::string url(net::HttpServer const& server, std::string const& path = "/", std::string const& scheme = "http",
                       std::string const& host = "127.0.0.1") {
  return scheme + "://" + host + ":" + std::to_string(server.port()) + path;
}

// Remembers what a WebSocket's handler heard.
struct Heard {
  bool open = false;
  std::vector<std::string> messages{};
  std::vector<bool> binary{};
  std::optional<net::WebSocketEnd> end{};

  net::WebSocketHandler handler() {
    return {[this] { open = true; },
            [this](std::string message, bool is_binary) {
              messages.push_back(std::move(message));
              binary.push_back(is_binary);
            },
            [this](net::WebSocketEnd why) {
              CHECK_FALSE(end.has_value());
              end = std::move(why);
            }};
  }
};

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "countersign-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(TempDir const&) = delete;
  TempDir& operator=(TempDir const&) = delete;
  std::string operator/(std::string const& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_{};
};

}  // namespace net_test
