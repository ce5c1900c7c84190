#include "bot/net/http_client.hpp"

#include <algorithm>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <map>
#include <optional>

#include "bot/net/io_impl.hpp"
#include "bot/net/stream.hpp"

namespace net {
namespace detail {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kMaxResponseHeaderBytes = 64u << 10;
constexpr int kMaxInterimResponses = 8;  // 1xx before the answer

bool is_token(std::string_view text) {  // RFC 9110 section 5.6.2
  auto const token_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, token_char);
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f); });
}

bool is_ours(std::string_view name) {
  Headers const probe{{std::string{name}, ""}};
  return find_header(probe, "Host") || find_header(probe, "Content-Length") || find_header(probe, "Connection") ||
         find_header(probe, "Transfer-Encoding");
}

bool may_repeat(std::string_view method) {  // RFC 9110 section 9.2.2
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS";
}

struct Connection {
  explicit Connection(Stream taken) : stream(std::move(taken)) {}

  Stream stream;
  boost::beast::flat_buffer buffer{};
  Io::TimerId idle_timer = 0;
};

struct Call {
  HttpClient::CallId id = 0;
  HttpRequest request{};
  Url url{};
  HttpClient::Done done{};
  Io::TimerId timer = 0;
  std::chrono::steady_clock::time_point deadline{};
  std::string wire{};  // the head, as sent
  std::shared_ptr<Connecting> connecting{};
  std::shared_ptr<Connection> connection{};
  std::optional<http::response_parser<http::string_body>> parser{};
  int interim = 0;
  bool waiting = false, counted = false, reused = false, repeated = false, sent = false, written = false, over = false;
};

struct Pool {
  std::vector<std::shared_ptr<Connection>> idle{};
  std::size_t used = 0;  // connections that calls have or are making
  std::deque<std::shared_ptr<Call>> waiting{};
};

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Io& io, HttpClientOptions options)
      : io_(io), options_(std::move(options)), tls_(make_client_tls(options_.tls)) {}

  HttpClient::CallId request(HttpRequest request, HttpClient::Done done) {
    auto call = std::make_shared<Call>();
    call->id = next_id_++;
    call->request = std::move(request);
    call->done = std::move(done);
    calls_[call->id] = call;
    if (auto const ready = prepare(*call); !ready) {
      io_.post([self = shared_from_this(), call, error = ready.error()] { self->finish(call, error); });
      return call->id;
    }
    call->deadline = std::chrono::steady_clock::now() + call->request.timeout;
    call->timer = io_.call_after(call->request.timeout, [weak = weak_from_this(), call] {
      if (auto const self = weak.lock())
        self->fail(call, Errc::timed_out, "No answer from " + call->url.origin() + " in time.");
    });
    start(call);
    return call->id;
  }

  void cancel(HttpClient::CallId id) {
    auto const found = calls_.find(id);
    if (found == calls_.end()) return;
    auto const call = found->second;
    call->done = nullptr;
    finish(call, make_error(Errc::closed, "Cancelled."));
  }

  void shut_down() {
    auto const calls = std::exchange(calls_, {});
    for (auto const& [id, call] : calls) {
      call->done = nullptr;
      call->over = true;
      io_.cancel(call->timer);
      if (call->connecting) call->connecting->cancel();
      if (call->connection) call->connection->stream.close();
    }
    for (auto const& [origin, pool] : pools_) {
      for (auto const& connection : pool.idle) {
        io_.cancel(connection->idle_timer);
        connection->stream.close();
      }
    }
    pools_.clear();
    shut_ = true;
  }

 private:
  Result<void> prepare(Call& call) {
    auto url = parse_url(call.request.url);
    if (!url) return url.error();
    if (url->websocket()) return make_error(Errc::bad_url, "An HTTP call's URL begins with https:// (or http://).");
    call.url = *url;
    if (auto const allowed = check_transport(*url); !allowed) return allowed.error();
    auto const& request = call.request;
    if (!is_token(request.method)) return make_error(Errc::protocol, "The method of the call is no method.");
    call.wire = request.method + " " + url->target + " HTTP/1.1\r\nHost: " + url->host_header() + "\r\n";
    if (!find_header(request.headers, "User-Agent")) call.wire += "User-Agent: " + options_.user_agent + "\r\n";
    for (auto const& [name, value] : request.headers) {
      if (!is_token(name) || !is_field_value(value))
        return make_error(Errc::protocol, "A header of the call holds a character that no header may hold.");
      if (is_ours(name)) return make_error(Errc::protocol, "The header " + name + " is the client's own to set.");
      call.wire += name + ": " + value + "\r\n";
    }
    bool const wants_length = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (!request.body.empty() || wants_length)
      call.wire += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    call.wire += "\r\n";
    return {};
  }

  void start(std::shared_ptr<Call> const& call) {
    auto& pool = pools_[call->url.origin()];
    while (!pool.idle.empty()) {
      auto const connection = pool.idle.back();
      pool.idle.pop_back();
      io_.cancel(connection->idle_timer);
      if (!connection->stream.quiet()) continue;  // the peer has ended it meanwhile
      take_place(*call, pool);
      call->reused = true;
      call->connection = connection;
      return send(call);
    }
    if (pool.used >= options_.max_connections_per_origin) {
      if (waiting_ >= options_.max_waiting) {
        io_.post([self = shared_from_this(), call] {
          self->fail(call, Errc::outbox_full, "Too many calls wait for " + call->url.origin() + ".");
        });
        return;
      }
      ++waiting_;
      call->waiting = true;
      pool.waiting.push_back(call);
      return;
    }
    take_place(*call, pool);
    dial(call);
  }

  static void take_place(Call& call, Pool& pool) {
    if (!std::exchange(call.counted, true)) ++pool.used;
  }

  void dial(std::shared_ptr<Call> const& call) {
    call->reused = false;
    auto const left = std::chrono::duration_cast<Duration>(call->deadline - std::chrono::steady_clock::now());
    auto const connected = [self = shared_from_this(), call](Result<Stream> stream) {
      call->connecting.reset();
      if (call->over) return;
      if (!stream) return self->finish(call, stream.error());
      call->connection = std::make_shared<Connection>(std::move(*stream));
      self->send(call);
    };
    call->connecting = connect(io_, call->url, tls_, left, connected, options_.refuse_metadata);
  }

  void send(std::shared_ptr<Call> const& call) {
    call->sent = true;
    call->written = false;
    call->interim = 0;
    auto const connection = call->connection;
    std::vector<asio::const_buffer> const parts{asio::buffer(call->wire), asio::buffer(call->request.body)};
    asio::async_write(connection->stream, parts,
                      [self = shared_from_this(), call, connection](error_code error, std::size_t) {
                        // A peer that answers early (413) may stop reading: its answer is still worth reading, and if
                        // there is none the read says so.
                        if (!error && call->connection == connection) call->written = true;
                      });
    receive(call);
  }

  void receive(std::shared_ptr<Call> const& call) {
    auto& parser = call->parser.emplace();
    parser.header_limit(kMaxResponseHeaderBytes);
    parser.body_limit(call->request.max_response_bytes);
    if (call->request.method == "HEAD") parser.skip(true);
    auto const connection = call->connection;
    http::async_read(connection->stream, connection->buffer, parser,
                     [self = shared_from_this(), call, connection](error_code error, std::size_t) {
                       if (!call->over) self->have_read(call, error);
                     });
  }

  void have_read(std::shared_ptr<Call> const& call, error_code error) {
    auto& parser = *call->parser;
    if (error) {
      if (error == http::error::body_limit || error == http::error::header_limit)
        return fail(call, Errc::too_large, "The answer of " + call->url.origin() + " is larger than the limit.");
      if (call->reused && !call->repeated && !parser.got_some() && may_repeat(call->request.method)) {
        call->repeated = true;
        call->sent = false;
        call->connection->stream.close();
        call->connection.reset();
        return dial(call);
      }
      bool const cut = error == http::error::end_of_stream || error == http::error::partial_message ||
                       error == asio::error::connection_reset || error == asio::error::broken_pipe ||
                       error == asio::error::eof ||
                       error.category() != make_error_code(http::error::bad_version).category();
      return fail(
          call, cut ? Errc::closed : Errc::protocol,
          call->url.origin() +
              (cut ? " ended the connection before its answer was complete: " : " sent an answer that is not HTTP: ") +
              error.message() + ".");
    }
    auto& message = parser.get();
    auto const status = message.result_int();
    if (status >= 100 && status < 200) {
      if (status == 101 || ++call->interim > kMaxInterimResponses)
        return fail(call, Errc::protocol, call->url.origin() + " sent interim answers only.");
      return receive(call);
    }
    HttpResponse response;
    response.status = status;
    for (auto const& field : message)
      response.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
    response.body = std::move(message.body());
    bool const keep = call->written && parser.keep_alive() && call->connection->buffer.size() == 0;
    finish(call, std::move(response), keep);
  }

  void fail(std::shared_ptr<Call> const& call, Errc code, std::string text) {
    finish(call, make_error(code, std::move(text), call->sent));
  }

  // The one way out: gives the connection back or closes it, lets the next call in, then tells the caller.
  void finish(std::shared_ptr<Call> const& call, Result<HttpResponse> result, bool keep = false) {
    if (std::exchange(call->over, true) || shut_) return;
    io_.cancel(call->timer);
    calls_.erase(call->id);
    auto& pool = pools_[call->url.origin()];
    if (call->waiting) {
      std::erase(pool.waiting, call);
      --waiting_;
    }
    if (call->connecting) std::exchange(call->connecting, nullptr)->cancel();
    if (call->connection) {
      if (keep) {
        keep_alive(pool, call->connection);
      } else {
        call->connection->stream.close();
      }
    }
    if (call->counted) --pool.used;
    if (!pool.waiting.empty() && pool.used < options_.max_connections_per_origin) {
      auto const next = pool.waiting.front();
      pool.waiting.pop_front();
      next->waiting = false;
      --waiting_;
      start(next);
    }
    if (call->done) std::exchange(call->done, nullptr)(std::move(result));
    // The map of origins stays as small as what is in use.
    if (auto const found = pools_.find(call->url.origin());
        found != pools_.end() && found->second.idle.empty() && found->second.used == 0 && found->second.waiting.empty())
      pools_.erase(found);
  }

  void keep_alive(Pool& pool, std::shared_ptr<Connection> const& connection) {
    pool.idle.push_back(connection);
    auto const forget = [weak = weak_from_this(), &pool, held = std::weak_ptr<Connection>{connection}] {
      auto const self = weak.lock();
      auto const found = held.lock();
      // While one of its connections is idle a pool stays where it is.
      if (self && found) std::erase(pool.idle, found);
    };
    connection->idle_timer = io_.call_after(options_.keep_alive, forget);
  }

  Io& io_;
  HttpClientOptions options_;
  std::shared_ptr<TlsContext> tls_;
  std::map<std::string, Pool> pools_{};
  std::map<HttpClient::CallId, std::shared_ptr<Call>> calls_{};
  HttpClient::CallId next_id_ = 1;
  std::size_t waiting_ = 0;
  bool shut_ = false;
};

class Client final : public HttpClient {
 public:
  Client(Io& io, HttpClientOptions options) : core_(std::make_shared<Core>(io, std::move(options))) {}
  ~Client() override { core_->shut_down(); }
  Client(Client const&) = delete;
  Client& operator=(Client const&) = delete;

  CallId request(HttpRequest request, Done done) override {
    return core_->request(std::move(request), std::move(done));
  }
  void cancel(CallId call) override { core_->cancel(call); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace
}  // namespace detail

std::unique_ptr<HttpClient> make_http_client(Io& io, HttpClientOptions options) {
  return std::make_unique<detail::Client>(io, std::move(options));
}

}  // namespace net
