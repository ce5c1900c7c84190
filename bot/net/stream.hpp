// A TCP connection, with TLS or without, as one type. Beast is instantiated over this type only, and completion
// handlers are erased at its border: both halve the compile time of the files that use it. Private to net.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "bot/net/error.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/url.hpp"

namespace net::detail {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class TlsContext;  // asio::ssl::context, whose header stays in stream.cpp

// Throws std::runtime_error, naming the file, when one can't be used.
std::shared_ptr<TlsContext> make_client_tls(TlsOptions const& options);
std::shared_ptr<TlsContext> make_server_tls(std::string const& certificate_file, std::string const& key_file);

// Meets Beast's AsyncStream. Every handler runs on the io_context's one thread.
class Stream {
 public:
  using executor_type = asio::io_context::executor_type;
  using Handler = std::function<void(error_code, std::size_t)>;

  explicit Stream(tcp::socket socket);
  ~Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;

  executor_type get_executor() noexcept;
  tcp::socket& socket() noexcept;

  // Checks the peer's certificate for `host`. `done` gets a sentence's end, e.g. "certificate has expired", or "".
  void client_handshake(std::shared_ptr<TlsContext> tls, std::string const& host,
                        std::function<void(error_code, std::string why)> done);
  void server_handshake(std::shared_ptr<TlsContext> tls, std::function<void(error_code)> done);
  bool tls() const noexcept;

  void close() noexcept;          // pending operations end with operation_aborted
  void shutdown_send() noexcept;  // TCP only: the peer sees the end after what was written
  bool quiet() noexcept;          // nothing has arrived, not even the peer's end: fit to be used again
  std::string remote_address() const;

  void read_some(asio::mutable_buffer buffer, Handler handler);
  void write_some(std::vector<asio::const_buffer> buffers, Handler handler);

  template <class Buffers, class Token>
  auto async_read_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto&& handler, Buffers const& into) {
          asio::mutable_buffer first;
          for (auto it = asio::buffer_sequence_begin(into); it != asio::buffer_sequence_end(into); ++it) {
            first = *it;
            if (first.size() != 0) break;
          }
          read_some(first, erase(std::forward<decltype(handler)>(handler)));
        },
        token, buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto&& handler, Buffers const& from) {
          std::vector<asio::const_buffer> list;
          for (auto it = asio::buffer_sequence_begin(from); it != asio::buffer_sequence_end(from); ++it) {
            asio::const_buffer const buffer = *it;
            if (buffer.size() != 0) list.push_back(buffer);
          }
          write_some(std::move(list), erase(std::forward<decltype(handler)>(handler)));
        },
        token, buffers);
  }

 private:
  struct Body;

  // std::function copies, handlers only move.
  template <class H>
  static Handler erase(H&& handler) {
    auto shared = std::make_shared<std::decay_t<H>>(std::forward<H>(handler));
    return [shared](error_code error, std::size_t count) {
      auto moved = std::move(*shared);
      moved(error, count);
    };
  }

  std::shared_ptr<Body> body_;  // shared with what is under way: a TLS operation touches it until it ends
};

// Beast's customisation points. The WebSocket close handshake is over when they are asked: nothing is worth waiting
// for, and Slack never closes TCP by itself.
inline void teardown(boost::beast::role_type, Stream& stream, error_code& error) {
  stream.close();
  error = {};
}
template <class Handler>
void async_teardown(boost::beast::role_type, Stream& stream, Handler&& handler) {
  stream.close();
  asio::post(stream.get_executor(), [moved = std::forward<Handler>(handler)]() mutable { moved(error_code{}); });
}
inline void beast_close_socket(Stream& stream) { stream.close(); }

// A connection in the making: name, TCP, TLS. Plain text ends at addresses of this machine, whatever a name says.
struct Connecting {
  virtual ~Connecting() = default;
  virtual void cancel() = 0;  // `done` is never called after
};
// `done` is not called from inside. The caller's deadline decides; when it passes, cancel().
std::shared_ptr<Connecting> connect(Io& io, Url const& url, std::shared_ptr<TlsContext> tls, Duration limit,
                                    std::function<void(Result<Stream>)> done, bool refuse_metadata = false);

// Sends FIN and swallows what still comes for a second, so that a refused peer reads our answer instead of a reset.
// At most 64 at once; beyond that connections are just closed.
void linger(Io& io, std::shared_ptr<Stream> stream);

}  // namespace net::detail
