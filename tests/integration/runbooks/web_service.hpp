// A service that http steps and probes talk to. It is a process of its own, as in life: a thread beside the test would
// be lost to the runner that the test forks (and ThreadSanitizer knows no threads after a fork of several).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bot/net/http_server.hpp"

namespace rig {

class WebService {
 public:
  // Answers the request, the `number`th that came (from 1); none: never.
  using Handler = std::function<std::optional<net::HttpResponse>(net::HttpRequestIn const& request, int number)>;

  explicit WebService(Handler const& handler);  // throws std::runtime_error when it doesn't come up
  ~WebService();
  WebService(WebService const&) = delete;
  WebService& operator=(WebService const&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(std::string const& path) const { return "http://" + address() + path; }
  // What came so far, in its order: method, target, headers and body. Each is told of before it is answered.
  std::vector<net::HttpRequestIn> heard() const;

 private:
  void end();

  std::filesystem::path told_;  // a line of JSON for each request
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace rig
