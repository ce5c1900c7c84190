#include "bot/net/http_server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <map>
#include <set>
#include <stdexcept>

#include "bot/net/http_answer.hpp"
#include "bot/net/http_session.hpp"
#include "bot/net/io_impl.hpp"

namespace net {

std::optional<std::string_view> HttpRequestIn::query_value(std::string_view name) const {
  auto const found = std::ranges::find(query, name, [](auto const& item) { return std::string_view{item.first}; });
  if (found == query.end()) return std::nullopt;
  return std::string_view{found->second};
}

namespace detail {
namespace {

constexpr Duration kAcceptPause{100};  // when the system has no descriptor left

class Server final : public ServerCore, public std::enable_shared_from_this<Server> {
 public:
  Server(Io& loop, HttpServerOptions chosen, HttpHandler call)
      : ServerCore{loop, std::move(chosen), std::move(call)}, acceptor_(context_of(loop)) {}

  Result<void> listen() {
    error_code error;
    auto const address = asio::ip::make_address(options.address, error);
    auto const where = options.address + ":" + std::to_string(options.port);
    if (error) return make_error(Errc::io, "Can't listen on " + where + ": the address must be an IP address.");
    if (options.certificate_file.empty() != options.key_file.empty())
      return make_error(Errc::io, "A TLS server needs a certificate file and a key file.");
    if (auto const read = renew_certificate(); !read) return read;
    tcp::endpoint const endpoint{address, options.port};
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return make_error(Errc::io, "Can't listen on " + where + ": " + error.message() + ".");
    port_ = acceptor_.local_endpoint(error).port();
    accept_next();
    return {};
  }

  Result<void> renew_certificate() {
    if (options.certificate_file.empty()) return {};
    try {
      tls_ = make_server_tls(options.certificate_file, options.key_file);
    } catch (std::runtime_error const& failure) {
      return make_error(Errc::tls_failed, failure.what());
    }
    return {};
  }

  std::uint16_t port() const noexcept { return port_; }
  std::size_t connections() const noexcept { return sessions_.size(); }

  void stop(Duration limit, std::function<void()> done) {
    on_stopped_ = std::move(done);
    stopping = true;
    close_acceptor();
    auto const sessions = sessions_;
    for (auto const& session : sessions) session->close_if_idle();
    if (sessions_.empty()) return stopped();
    stop_timer_ = io.call_after(limit, [self = shared_from_this()] { self->drop_all(); });
  }

  void shut_down() {
    on_stopped_ = nullptr;
    handler = nullptr;
    stopping = true;
    close_acceptor();
    io.cancel(stop_timer_);
    drop_all();
  }

  void forget(std::shared_ptr<HttpSession> const& session, std::string const& address) override {
    if (sessions_.erase(session) == 0) return;
    auto const found = per_address_.find(address);
    if (found != per_address_.end() && --found->second == 0) per_address_.erase(found);
    if (stopping && sessions_.empty()) stopped();
  }

 private:
  void close_acceptor() {
    error_code ignored;
    acceptor_.close(ignored);
    io.cancel(pause_timer_);
  }

  void drop_all() {
    auto const sessions = sessions_;
    for (auto const& session : sessions) session->drop();
  }

  void stopped() {
    io.cancel(stop_timer_);
    if (auto done = std::exchange(on_stopped_, nullptr)) io.post(std::move(done));
  }

  void accept_next() {
    acceptor_.async_accept([self = shared_from_this()](error_code error, tcp::socket socket) {
      if (!self->acceptor_.is_open()) return;
      if (error) {
        self->pause_timer_ = self->io.call_after(kAcceptPause, [self] { self->accept_next(); });
        return;
      }
      self->accepted(std::move(socket));
      self->accept_next();
    });
  }

  void accepted(tcp::socket socket) {
    Stream stream{std::move(socket)};
    auto const address = stream.remote_address();
    auto& here = per_address_[address];
    if (sessions_.size() >= options.max_connections || here >= options.max_connections_per_address) {
      if (here == 0) per_address_.erase(address);
      return refuse(std::move(stream));
    }
    ++here;
    auto const session = HttpSession::make(shared_from_this(), std::move(stream), address);
    sessions_.insert(session);
    session->start(tls_);
  }

  // One try, no waiting: a fresh socket's buffer takes so much.
  void refuse(Stream stream) {
    if (!tls_) {
      auto answer = refusal(503);
      answer.headers.emplace_back("Retry-After", "1");
      auto const text = answer_head(503, answer.headers, /*version=*/11, /*keep_alive=*/false) +
                        "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
      error_code ignored;
      stream.socket().non_blocking(true, ignored);
      stream.socket().write_some(asio::buffer(text), ignored);
    }
    linger(io, std::make_shared<Stream>(std::move(stream)));
  }

  tcp::acceptor acceptor_;
  std::shared_ptr<TlsContext> tls_{};
  std::uint16_t port_ = 0;
  std::set<std::shared_ptr<HttpSession>> sessions_{};
  std::map<std::string, std::size_t> per_address_{};
  std::function<void()> on_stopped_{};
  Io::TimerId stop_timer_ = 0, pause_timer_ = 0;
};

class Handle final : public HttpServer {
 public:
  explicit Handle(std::shared_ptr<Server> server) : server_(std::move(server)) {}
  ~Handle() override { server_->shut_down(); }
  Handle(Handle const&) = delete;
  Handle& operator=(Handle const&) = delete;

  std::uint16_t port() const override { return server_->port(); }
  std::size_t connections() const override { return server_->connections(); }
  Result<void> renew_certificate() override { return server_->renew_certificate(); }
  void stop(Duration limit, std::function<void()> done) override { server_->stop(limit, std::move(done)); }

 private:
  std::shared_ptr<Server> server_;
};

}  // namespace
}  // namespace detail

Result<std::unique_ptr<HttpServer>> make_http_server(Io& io, HttpServerOptions options, HttpHandler handler) {
  auto server = std::make_shared<detail::Server>(io, std::move(options), std::move(handler));
  if (auto const listening = server->listen(); !listening) return listening.error();
  return std::unique_ptr<HttpServer>{std::make_unique<detail::Handle>(std::move(server))};
}

}  // namespace net
