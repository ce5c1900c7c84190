// An HTTP server for the collector `http`: real sockets, and whatever bytes a test wants said.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "bot/process/fd.hpp"
#include "tests/support/catch.hpp"

namespace collectors_test {

// A peer that answers each connection with the same bytes; and counts connections.
class Peer {
 public:
  explicit Peer(std::string answer, bool stay_silent = false) : answer_(std::move(answer)), silent_(stay_silent) {
    fd_ = process::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
    REQUIRE(::listen(fd_.get(), 16) == 0);
    socklen_t size = sizeof here;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&here), &size);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Peer() {
    stop_ = true;
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string at(std::string const& host) const { return "http://" + host + ":" + std::to_string(port_); }
  std::string port() const { return std::to_string(port_); }
  int connections() const { return connections_; }
  std::string request() const {  // after the answer was read
    std::lock_guard const lock(mutex_);
    return request_;
  }

 private:
  void serve() {
    while (!stop_) {
      process::Fd const one(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!one) return;
      ++connections_;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        auto const got = ::recv(one.get(), buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request.append(buffer, static_cast<std::size_t>(got));
      }
      {
        std::lock_guard const lock(mutex_);
        request_ = request;
      }
      std::string_view left = answer_;
      while (!left.empty()) {
        auto const put = ::send(one.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (put <= 0) break;
        left.remove_prefix(static_cast<std::size_t>(put));
      }
      while (silent_ && !stop_ && ::recv(one.get(), buffer, sizeof buffer, 0) > 0) {
      }
    }
  }

  std::string answer_, request_;
  mutable std::mutex mutex_;
  bool silent_;
  process::Fd fd_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

inline std::string answer(std::string const& body, std::string const& head = "Content-Type: text/plain\r\n",
                          std::string const& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\n" + head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace collectors_test
