// HTTP/1.1 client: keep-alive pool, TLS, one deadline for everything, bounded answers. Never follows a redirect.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bot/net/error.hpp"
#include "bot/net/http_message.hpp"
#include "bot/net/io.hpp"

namespace net {

struct HttpRequest {
  std::string method = "GET";
  std::string url{};  // http or https; plain http to loopback only
  Headers headers{};  // Host, Content-Length and User-Agent are set by the client
  std::string body{};
  Duration timeout{10'000};                   // for all of it: waiting for a connection, name, connect, TLS, answer
  std::size_t max_response_bytes = 1u << 20;  // of the body; more is Errc::too_large
};

// The interface, so that what speaks HTTP can be tested without sockets.
struct HttpClient {
  using CallId = std::uint64_t;  // 0 is never a call
  using Done = std::function<void(Result<HttpResponse>)>;

  virtual ~HttpClient() = default;
  // Never calls `done` from inside; calls it exactly once unless cancelled. Any status is a success here, 3xx too.
  // A GET, HEAD, PUT or DELETE whose kept-alive connection turns out dead is tried once more on a new one; others are
  // not, and say sent_maybe.
  virtual CallId request(HttpRequest request, Done done) = 0;
  // After it `done` is never called. What was sent stays sent. Unknown ids are ignored.
  virtual void cancel(CallId call) = 0;
};

struct TlsOptions {
  std::string extra_ca_file{};  // PEM; trusted besides the system's store
};

struct HttpClientOptions {
  TlsOptions tls{};
  std::string user_agent = "countersign";
  std::size_t max_connections_per_origin = 8;  // more calls wait in line, inside their deadline
  std::size_t max_waiting = 1024;              // calls in line, over all origins; more is Errc::outbox_full
  Duration keep_alive{30'000};                 // an unused connection is closed after this
  // Names that lead to is_metadata_address() are refused (T50); one that stands in the URL itself is meant.
  bool refuse_metadata = false;
};

// Host names are checked against the certificate, SNI is sent, TLS is 1.2 or newer. Destroying it cancels all calls.
// Throws std::runtime_error if extra_ca_file can't be read.
std::unique_ptr<HttpClient> make_http_client(Io& io, HttpClientOptions options = {});

}  // namespace net
