#include "bot/net/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "bot/net/io_impl.hpp"

namespace net::detail {
namespace ssl = asio::ssl;

class TlsContext : public ssl::context {
 public:
  using ssl::context::context;

  // Reads the system's certificates at the first handshake: where they stand in one file it is the dearest part of a
  // start, and who speaks to loopback alone needs none.
  void trust_system(error_code& error) {
    std::lock_guard const lock(mutex_);
    if (trusting_) return;
    // As SSL_CTX_set_default_verify_paths(), which hides that it could not open the file: then every peer would be
    // unknown until a restart. Here the next handshake looks again.
    load_verify_file(place(::X509_get_default_cert_file_env(), ::X509_get_default_cert_file()), error);
    if (error.category() == asio::error::get_system_category() && passes(error.value())) return;
    error = {};  // none there, or a part of it is no certificate: what could be read counts
    std::string const folder = place(::X509_get_default_cert_dir_env(), ::X509_get_default_cert_dir());
    if (!folder.empty()) add_verify_path(folder, error);
    trusting_ = !error;
  }

 private:
  static bool passes(int code) {
    return code == EMFILE || code == ENFILE || code == ENOMEM || code == EINTR || code == EIO;
  }
  static char const* place(char const* variable, char const* usual) {
    auto const* set = ::secure_getenv(variable);
    return set != nullptr ? set : usual;
  }

  std::mutex mutex_;
  bool trusting_ = false;
};

namespace {

constexpr Duration kLinger{1'000};
constexpr int kMaxLingering = 64;
constexpr std::size_t kMaxAddresses = 8;  // tried of those that a name has

std::shared_ptr<TlsContext> make_context(ssl::context::method method) {
  auto context = std::make_shared<TlsContext>(method);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_compression | ssl::context::single_dh_use);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  ::SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

// A peer that is gone without a word is missed within 30 s (F18), whatever is spoken over it: silence ends the
// connection at the third probe, and bytes of ours that were sent just before have the limit once more. One that is
// there and takes none of our bytes for 14 s is given up, too (tcp(7), TCP_USER_TIMEOUT).
void miss_dead_peer(int socket) noexcept {
  struct Option {
    int level, name, value;
  };
  static constexpr Option kOptions[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                                        {IPPROTO_TCP, TCP_KEEPIDLE, 5},            // s; then a probe
                                        {IPPROTO_TCP, TCP_KEEPINTVL, 5},           // s to the next one
                                        {IPPROTO_TCP, TCP_USER_TIMEOUT, 14'000}};  // ms; overrides TCP_KEEPCNT
  for (auto const& [level, name, value] : kOptions) ::setsockopt(socket, level, name, &value, sizeof value);
}

bool is_address(std::string const& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

std::shared_ptr<TlsContext> make_client_tls(TlsOptions const& options) {
  // Clients that trust nothing but the system share one context, and so read its certificates once.
  static std::mutex mutex;
  static std::weak_ptr<TlsContext> shared;
  std::lock_guard const lock(mutex);
  if (options.extra_ca_file.empty()) {
    if (auto present = shared.lock()) return present;
  }
  auto context = make_context(ssl::context::tls_client);
  if (!options.extra_ca_file.empty()) {
    error_code error;
    context->load_verify_file(options.extra_ca_file, error);
    if (error)
      throw std::runtime_error("The CA file " + options.extra_ca_file + " can't be used: " + error.message() + ".");
  }
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  if (options.extra_ca_file.empty()) shared = context;
  return context;
}

std::shared_ptr<TlsContext> make_server_tls(std::string const& certificate_file, std::string const& key_file) {
  auto context = make_context(ssl::context::tls_server);
  ::SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  error_code error;
  context->use_certificate_chain_file(certificate_file, error);
  if (error)
    throw std::runtime_error("The certificate " + certificate_file + " can't be used: " + error.message() + ".");
  context->use_private_key_file(key_file, ssl::context::pem, error);
  if (error) throw std::runtime_error("The key " + key_file + " can't be used: " + error.message() + ".");
  return context;
}

struct Stream::Body {
  explicit Body(tcp::socket taken) : socket(std::move(taken)) {}

  tcp::socket socket;
  std::shared_ptr<TlsContext> context{};
  std::optional<ssl::stream<tcp::socket&>> tls{};
};

Stream::Stream(tcp::socket socket) : body_(std::make_shared<Body>(std::move(socket))) {
  error_code ignored;
  body_->socket.set_option(tcp::no_delay{true}, ignored);
}
Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;

Stream::executor_type Stream::get_executor() noexcept {
  // Ours are always made on an io_context.
  return static_cast<asio::io_context&>(body_->socket.get_executor().context()).get_executor();
}
tcp::socket& Stream::socket() noexcept { return body_->socket; }
bool Stream::tls() const noexcept { return body_->tls.has_value(); }

void Stream::client_handshake(std::shared_ptr<TlsContext> tls, std::string const& host,
                              std::function<void(error_code, std::string)> done) {
  body_->context = std::move(tls);
  error_code untrusted;
  body_->context->trust_system(untrusted);
  if (untrusted) {
    asio::post(get_executor(), [done = std::move(done), untrusted] {
      done(untrusted, "the system's certificate store can't be read: " + untrusted.message());
    });
    return;
  }
  body_->tls.emplace(body_->socket, *body_->context);
  SSL* const handle = body_->tls->native_handle();
  auto* const parameters = ::SSL_get0_param(handle);
  bool ready = true;
  if (is_address(host)) {
    ready = ::X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  } else {
    ::X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ready = ::X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size()) == 1 &&
            ::SSL_ctrl(handle, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       const_cast<char*>(host.c_str())) == 1;  // OpenSSL copies it
  }
  static constexpr std::array<unsigned char, 9> kHttp11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  ready = ready && ::SSL_set_alpn_protos(handle, kHttp11.data(), kHttp11.size()) == 0;
  if (!ready) {
    asio::post(get_executor(),
               [done = std::move(done)] { done(make_error_code(Errc::tls_failed), "the host name can't be checked"); });
    return;
  }
  body_->tls->async_handshake(
      ssl::stream_base::client, [body = body_, handle, done = std::move(done)](error_code error) {
        std::string why;
        if (error) {
          auto const verified = ::SSL_get_verify_result(handle);
          why = verified == X509_V_OK ? error.message() : ::X509_verify_cert_error_string(verified);
        }
        done(error, std::move(why));
      });
}

void Stream::server_handshake(std::shared_ptr<TlsContext> tls, std::function<void(error_code)> done) {
  body_->context = std::move(tls);
  body_->tls.emplace(body_->socket, *body_->context);
  body_->tls->async_handshake(ssl::stream_base::server,
                              [body = body_, done = std::move(done)](error_code error) { done(error); });
}

void Stream::close() noexcept {
  error_code ignored;
  if (body_) body_->socket.close(ignored);
}

void Stream::shutdown_send() noexcept {
  error_code ignored;
  body_->socket.shutdown(tcp::socket::shutdown_send, ignored);
}

bool Stream::quiet() noexcept {
  char byte = 0;
  auto const count = ::recv(body_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::string Stream::remote_address() const {
  error_code error;
  auto const peer = body_->socket.remote_endpoint(error);
  return error ? std::string{} : peer.address().to_string();
}

void Stream::read_some(asio::mutable_buffer buffer, Handler handler) {
  auto held = [body = body_, handler = std::move(handler)](error_code error, std::size_t count) {
    handler(error, count);
  };
  if (body_->tls)
    body_->tls->async_read_some(buffer, std::move(held));
  else
    body_->socket.async_read_some(buffer, std::move(held));
}

void Stream::write_some(std::vector<asio::const_buffer> buffers, Handler handler) {
  auto held = [body = body_, handler = std::move(handler)](error_code error, std::size_t count) {
    handler(error, count);
  };
  if (body_->tls)
    body_->tls->async_write_some(buffers, std::move(held));
  else
    body_->socket.async_write_some(buffers, std::move(held));
}

namespace {

class Connector final : public Connecting, public std::enable_shared_from_this<Connector> {
 public:
  Connector(Io& io, Url url, std::shared_ptr<TlsContext> tls, Duration limit, DialRules rules,
            std::function<void(Result<Stream>)> done)
      : io_(io),
        url_(std::move(url)),
        tls_(std::move(tls)),
        rules_(std::move(rules)),
        deadline_(std::chrono::steady_clock::now() + limit),
        done_(std::move(done)) {}

  void start() {
    error_code error;
    auto const literal = asio::ip::make_address(url_.host, error);
    if (!error) {
      offer(literal);
      io_.post([self = shared_from_this()] { self->next_address(); });
      return;
    }
    if (rules_.resolve) {
      if (auto const found = rules_.resolve(url_.host)) offer_all(*found);
      io_.post([self = shared_from_this()] { self->next_address(); });
      return;
    }
    names_of(io_).find(url_.host, [self = shared_from_this()](NameLookup::Found const& found) {
      if (!self->done_) return;
      if (!found.error.empty())
        return self->fail(Errc::resolve_failed, "The name " + self->url_.host + " was not found: " + found.error);
      self->offer_all(found.addresses);
      self->next_address();
    });
  }

  void cancel() override {
    done_ = nullptr;
    io_.cancel(attempt_);
    if (stream_) stream_->close();
  }

 private:
  void offer_all(std::vector<std::string> const& addresses) {
    for (auto const& text : addresses) {
      error_code error;
      if (auto const address = asio::ip::make_address(text, error); !error) offer(address);
    }
  }

  // One of the peer's addresses, if it may be connected to.
  void offer(asio::ip::address const& address) {
    // A name that claims to be this machine must be it: plain text goes nowhere else.
    if (!url_.tls() && !address.is_loopback()) return;
    if (rules_.why_not) {
      if (auto why = rules_.why_not(url_.host, url_.port, address.to_string()); !why.empty()) {
        if (why.ends_with('.')) why.pop_back();  // a sentence's end is ours to write
        last_why_ = std::move(why);
        return;
      }
    }
    if (addresses_.size() < kMaxAddresses) addresses_.push_back(tcp::endpoint{address, url_.port});
  }

  void next_address() {
    if (!done_) return;
    if (tried_ == addresses_.size()) {
      if (last_why_.empty()) last_why_ = "it has no usable address";
      return fail(Errc::connect_failed, "Can't connect to " + url_.origin() + ": " + last_why_);
    }
    // Each address gets its share of the time, so that one dead address doesn't eat it all.
    auto const left = deadline_ - std::chrono::steady_clock::now();
    auto const share = left / static_cast<int>(addresses_.size() - tried_);
    auto const address = addresses_[tried_++];
    stream_.emplace(tcp::socket{context_of(io_)});
    io_.cancel(attempt_);
    attempt_ = io_.call_after(std::chrono::duration_cast<Duration>(share), [self = shared_from_this()] {
      if (self->tried_ < self->addresses_.size()) self->stream_->close();  // the caller's deadline ends the last one
    });
    stream_->socket().async_connect(address, [self = shared_from_this()](error_code error) {
      if (!self->done_) return;
      self->io_.cancel(self->attempt_);
      if (error) {
        self->last_why_ = error == asio::error::operation_aborted ? "no answer in time" : error.message();
        return self->next_address();
      }
      self->secure();
    });
  }

  void secure() {
    error_code ignored;
    stream_->socket().set_option(tcp::no_delay{true}, ignored);
    if (!rules_.patient) miss_dead_peer(stream_->socket().native_handle());
    if (!url_.tls()) return succeed();
    stream_->client_handshake(tls_, url_.host, [self = shared_from_this()](error_code error, std::string const& why) {
      if (!self->done_) return;
      if (error) return self->fail(Errc::tls_failed, "No TLS with " + self->url_.origin() + ": " + why);
      self->succeed();
    });
  }

  void succeed() {
    auto const done = std::exchange(done_, nullptr);
    done(Result<Stream>{std::move(*stream_)});
  }
  void fail(Errc code, std::string text) {
    auto const done = std::exchange(done_, nullptr);
    io_.cancel(attempt_);
    done(make_error(code, std::move(text) + "."));
  }

  Io& io_;
  Url url_;
  std::shared_ptr<TlsContext> tls_;
  DialRules rules_;
  std::chrono::steady_clock::time_point deadline_;
  std::function<void(Result<Stream>)> done_;
  std::vector<tcp::endpoint> addresses_{};
  std::size_t tried_ = 0;
  std::string last_why_{};
  Io::TimerId attempt_ = 0;
  std::optional<Stream> stream_{};
};

struct Lingering : std::enable_shared_from_this<Lingering> {
  Lingering(Io& loop, std::shared_ptr<Stream> taken) : io(loop), stream(std::move(taken)) { ++count; }
  ~Lingering() { --count; }

  void start() {
    stream->shutdown_send();
    timer = io.call_after(kLinger, [self = shared_from_this()] { self->stream->close(); });
    swallow();
  }
  void swallow() {
    // The bare socket: what comes is not wanted, so it needn't be decrypted.
    stream->socket().async_read_some(asio::buffer(buffer), [self = shared_from_this()](error_code error, std::size_t) {
      if (!error) return self->swallow();
      self->io.cancel(self->timer);
      self->stream->close();
    });
  }

  Io& io;
  std::shared_ptr<Stream> stream;
  Io::TimerId timer = 0;
  std::array<char, 4096> buffer{};
  static thread_local int count;
};
thread_local int Lingering::count = 0;

}  // namespace

std::shared_ptr<Connecting> connect(Io& io, Url const& url, std::shared_ptr<TlsContext> tls, Duration limit,
                                    DialRules const& rules, std::function<void(Result<Stream>)> done) {
  auto connector = std::make_shared<Connector>(io, url, std::move(tls), limit, rules, std::move(done));
  connector->start();
  return connector;
}

void linger(Io& io, std::shared_ptr<Stream> stream) {
  if (Lingering::count >= kMaxLingering) return stream->close();
  std::make_shared<Lingering>(io, std::move(stream))->start();
}

}  // namespace net::detail
