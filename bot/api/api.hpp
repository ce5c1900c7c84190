// The HTTP API of design section 11. The public header of the folder.
//
// Threads: the loop's. Everything given must outlive the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bot/net/http_server.hpp"
#include "bot/net/io.hpp"
#include "bot/ports.hpp"

namespace api {

struct Settings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;  // 0: the system chooses
};

class Api {
 public:
  // `configured`: people and robots with their token digests, as the configuration in force has them (the ledger's copy
  // has none). `signals`: where POST /v1/signals/{source} goes; null: nowhere. Throws core::Failure when it can't
  // listen.
  Api(net::Io& io, ports::Loop& loop, ports::RequestDesk& desk, ports::Redactor const& redactor, ports::Log& log,
      Settings settings, std::function<core::Rules const&()> configured, ports::SignalDesk* signals = nullptr);
  ~Api();

  std::uint16_t port() const;
  // Stops listening; answers under way may finish for `limit`.
  void stop(core::Duration limit, std::function<void()> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace api
