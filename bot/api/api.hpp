// The HTTP API of design section 11. The public header of the folder.
//
// Threads: the loop's. Everything given must outlive the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/net/http_server.hpp"
#include "bot/net/io.hpp"
#include "bot/ports.hpp"

namespace api {

struct Settings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;  // 0: the system chooses
  std::string certificate{};  // PEM files; empty: plain HTTP
  std::string key{};
  std::size_t max_connections = 2'048;
  std::size_t max_connections_per_address = 256;
  std::uint32_t requests_per_second = 100;  // of one token, and of one address without a good token; more: 429
  // Of one webhook source that proved itself by its token: more than it has to say, so that a storm is taken and its
  // number told; beyond it costs us no body. One that signs bodies is bounded by what may wait (bot/triggers).
  std::uint32_t deliveries_per_second = 2'000;
};

// What the head of a delivery to /v1/signals/{source} says before its body is read.
struct SenderLook {
  bool known = false;  // proven by the head alone
  std::optional<ports::DeliveryAnswer> refusal{};
};

struct Parts {
  net::Io& io;
  ports::Loop& loop;
  ports::RequestDesk& desk;
  ports::Redactor const& redactor;
  ports::Log& log;
  // People and robots with their token digests, as the configuration in force has them (the ledger's copy has none).
  std::function<core::Rules const&()> configured;
  // Reads all entries of a request from the ledger, oldest first, answering on the loop. `from`: the commit to begin at
  // and go back; "" for the head.
  std::function<void(core::RequestId const& id, std::string const& from,
                     std::function<void(core::Result<std::vector<core::StoredEntry>>)> done)>
      history;
  ports::Papers& papers;                 // of the same ledger
  ports::SignalDesk* signals = nullptr;  // where POST /v1/signals/{source} goes; null: nowhere
  // Null: every sender is known by the body alone.
  std::function<SenderLook(std::string_view source, net::Headers const& headers)> sender{};
  // A delivery of this source, which proved itself, was answered 429 before its body was read.
  std::function<void(std::string_view source)> turned_away{};
  std::function<std::vector<ports::Figure>()> figures{};  // further ones for /metrics
  std::string version{};                                  // of the program, for the OpenAPI document
};

class Api {
 public:
  // Throws core::Failure when it can't listen, or the certificate or key can't be used.
  Api(Parts parts, Settings settings);
  ~Api();

  std::uint16_t port() const;
  // Entries that are durable now: whoever listens to their requests is told.
  void recorded(std::vector<core::Entry> const& entries, std::vector<core::Receipt> const& receipts);
  // The configuration changed: who listens is checked again.
  void reconfigured();
  // Reads certificate and key again; on an error the old ones stay.
  core::Result<void> renew_certificate();
  // Stops listening; answers under way may finish for `limit`.
  void stop(core::Duration limit, std::function<void()> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace api
