#include "bot/net/http_session.hpp"

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <optional>

#include "bot/net/http_target.hpp"
#include "bot/net/io_impl.hpp"
#include "bot/net/websocket_session.hpp"

namespace net::detail {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::size_t kReadAheadBytes = 4096;  // taken from a peer while its request is being answered

std::string http_date() {  // RFC 9110 section 5.6.7
  static constexpr char const* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr char const* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto const now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  auto const day = std::chrono::floor<std::chrono::days>(now);
  std::chrono::year_month_day const date{day};
  std::chrono::hh_mm_ss const time{now - day};
  auto const two = [](auto value) {
    auto text = std::to_string(value);
    return text.size() < 2 ? "0" + text : text;
  };
  return std::string{kDays[std::chrono::weekday{day}.c_encoding()]} + ", " + two(static_cast<unsigned>(date.day())) +
         " " + kMonths[static_cast<unsigned>(date.month()) - 1] + " " + std::to_string(static_cast<int>(date.year())) +
         " " + two(time.hours().count()) + ":" + two(time.minutes().count()) + ":" + two(time.seconds().count()) +
         " GMT";
}

bool clean(Headers const& headers) {
  auto const one_line = [](std::string_view text) {
    return text.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos;
  };
  return std::ranges::all_of(headers, [&](auto const& header) {
    return !header.first.empty() && header.first.find_first_of(": \t") == std::string::npos && one_line(header.first) &&
           one_line(header.second);
  });
}

class Session;

class ResponderHandle final : public Responder {
 public:
  ResponderHandle(std::weak_ptr<Session> session, std::uint64_t turn) : session_(std::move(session)), turn_(turn) {}
  ~ResponderHandle() override;
  ResponderHandle(ResponderHandle const&) = delete;
  ResponderHandle& operator=(ResponderHandle const&) = delete;

  void respond(HttpResponse response) override;
  std::unique_ptr<HttpStream> start_stream(HttpResponse head, std::function<void()> on_closed) override;
  std::unique_ptr<WebSocket> accept_websocket(WebSocketOptions options, WebSocketHandler handler) override;
  bool connected() const override;

 private:
  // The session while this request is the one being answered and has no answer yet.
  std::shared_ptr<Session> take();

  std::weak_ptr<Session> session_;
  std::uint64_t turn_;
  bool answered_ = false;
};

class StreamHandle final : public HttpStream {
 public:
  explicit StreamHandle(std::weak_ptr<Session> session) : session_(std::move(session)) {}
  ~StreamHandle() override;
  StreamHandle(StreamHandle const&) = delete;
  StreamHandle& operator=(StreamHandle const&) = delete;

  bool write(std::string_view bytes) override;
  void end() override;

 private:
  std::weak_ptr<Session> session_;
};

class Session final : public HttpSession, public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<ServerCore> server, Stream stream, std::string address)
      : server_(std::move(server)),
        io_(server_->io),
        stream_(std::make_shared<Stream>(std::move(stream))),
        address_(std::move(address)) {}

  void start(std::shared_ptr<TlsContext> const& tls) override {
    arm(server_->options.header_timeout);
    if (!tls) return next_request();
    stream_->server_handshake(tls, [self = shared_from_this()](error_code error) {
      if (self->over_) return;
      if (error) return self->drop();
      self->next_request();
    });
  }

  void close_if_idle() override {
    if (phase_ == Phase::idle) drop();
  }

  void drop() override {
    if (std::exchange(over_, true)) return;
    disarm();
    io_.cancel(write_timer_);
    if (!lingers_) stream_->close();
    if (auto const control = websocket_.lock()) control->drop();
    auto const self = shared_from_this();
    server_->forget(self, address_);
    if (auto const closed = std::exchange(on_closed_, nullptr)) io_.post(closed);
  }

  // --- what Responder and HttpStream ask; `turn` names the request ---
  bool current(std::uint64_t turn) const { return !over_ && phase_ == Phase::handling && turn == turn_; }
  bool connected(std::uint64_t turn) const { return !over_ && turn == turn_ && !peer_ended_; }

  void respond(HttpResponse response) {
    if (!clean(response.headers) || response.status < 200 || response.status > 599)
      response = HttpResponse{500, {}, {}};  // a forged line break ends here
    bool const no_body = response.status == 204 || response.status == 304;
    std::string text = head(response.status, response.headers);
    if (!no_body) text += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    text += "\r\n";
    if (!no_body && !head_only_) text += response.body;
    phase_ = Phase::finishing;
    queue(std::move(text));
  }

  std::unique_ptr<HttpStream> start_stream(HttpResponse response, std::function<void()> on_closed) {
    if (!clean(response.headers)) {
      respond(HttpResponse{500, {}, {}});
      return std::make_unique<StreamHandle>(std::weak_ptr<Session>{});
    }
    chunked_ = version_ >= 11;
    keep_ = keep_ && chunked_;
    std::string text = head(response.status, response.headers);
    if (chunked_) text += "Transfer-Encoding: chunked\r\n";
    text += "\r\n";
    phase_ = Phase::streaming;
    on_closed_ = std::move(on_closed);
    queue(std::move(text));
    write_chunk(response.body);
    if (peer_ended_) io_.post([self = shared_from_this()] { self->drop(); });
    return std::make_unique<StreamHandle>(weak_from_this());
  }

  bool write_chunk(std::string_view bytes) {
    if (over_ || phase_ != Phase::streaming) return false;
    if (bytes.empty() || head_only_) return true;
    if (queued_bytes_ + bytes.size() > server_->options.max_stream_bytes) {
      drop();
      return false;
    }
    std::string text;
    if (chunked_) {
      static constexpr char kHex[] = "0123456789abcdef";
      std::string size;
      for (auto left = bytes.size(); left != 0; left >>= 4) size.insert(size.begin(), kHex[left & 15]);
      text = size + "\r\n";
    }
    text += bytes;
    if (chunked_) text += "\r\n";
    queue(std::move(text));
    return !over_;
  }

  void end_stream() {
    if (over_ || phase_ != Phase::streaming) return;
    on_closed_ = nullptr;
    phase_ = Phase::finishing;
    queue(chunked_ && !head_only_ ? "0\r\n\r\n" : "");
  }
  void cut_stream() {
    if (phase_ != Phase::streaming) return;
    on_closed_ = nullptr;
    drop();
  }

  std::unique_ptr<WebSocket> accept_websocket(WebSocketOptions options, WebSocketHandler handler) {
    if (!upgrade_) {
      respond(HttpResponse{426, {{"Upgrade", "websocket"}}, {}});
      return nullptr;
    }
    phase_ = Phase::websocket;
    auto stream = std::move(*stream_);
    auto accepted = detail::accept_websocket(io_, std::move(stream), std::move(*upgrade_), std::move(options),
                                             std::move(handler), [self = shared_from_this()] { self->drop(); });
    upgrade_.reset();
    websocket_ = accepted.control;
    return std::move(accepted.socket);
  }

 private:
  enum class Phase { idle, reading, handling, streaming, finishing, websocket };

  void arm(Duration limit) {
    disarm();
    timer_ = io_.call_after(limit, [self = shared_from_this()] { self->out_of_time(); });
  }
  void disarm() { io_.cancel(timer_); }

  void out_of_time() {
    if (phase_ == Phase::reading && buffer_.size() + body_started_ > 0) return refuse(408);
    drop();
  }

  // Waits for the first byte of a request under whatever limit is armed, then for its head under its own.
  void next_request() {
    phase_ = Phase::idle;
    body_started_ = 0;
    if (buffer_.size() != 0) return read_head();
    read_ahead();
  }

  // Reads a little while nothing else does: to see the next request begin, or the peer go.
  void read_ahead() {
    if (reading_ || over_) return;
    reading_ = true;
    stream_->async_read_some(buffer_.prepare(kReadAheadBytes),
                             [self = shared_from_this()](error_code error, std::size_t count) {
                               self->reading_ = false;
                               if (self->over_) return;
                               if (error) return self->peer_ended();
                               self->buffer_.commit(count);
                               // During an answer it is the next request: it waits, and nothing more is taken before
                               // its turn.
                               if (self->phase_ == Phase::idle) self->read_head();
                             });
  }

  void peer_ended() {
    peer_ended_ = true;
    // Half-closed is allowed while an answer is on its way; a stream's reader is gone for good.
    if (phase_ == Phase::idle || phase_ == Phase::streaming) drop();
  }

  void read_head() {
    phase_ = Phase::reading;
    if (!first_request_) arm(server_->options.header_timeout);
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_->options.max_header_bytes));
    parser_->body_limit(server_->options.max_body_bytes);
    http::async_read_header(*stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (self->over_) return;
      if (error) return self->bad_read(error);
      self->have_head();
    });
  }

  void bad_read(error_code error) {
    if (error == http::error::header_limit) return refuse(431);
    if (error == http::error::body_limit) return refuse(413);
    // The peer's own end needs no answer; everything else that Beast's parser says is the peer's mistake.
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error.category() != http::make_error_code(http::error::bad_version).category())
      return drop();
    refuse(400);
  }

  // Beast lets some things pass that two parties could read differently (RFC 9112 sections 3.2, 6.1 and 6.3).
  bool strict() const {
    auto const& message = parser_->get();
    auto const lengths = message.count(http::field::content_length);
    auto const encodings = message.count(http::field::transfer_encoding);
    if (lengths > 1 || encodings > 1 || (lengths != 0 && encodings != 0)) return false;
    if (lengths == 1) {
      auto const value = message[http::field::content_length];
      if (!std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; })) return false;
    }
    if (encodings == 1 &&
        (message.version() < 11 || !beast::iequals(message[http::field::transfer_encoding], "chunked")))
      return false;
    auto const hosts = message.count(http::field::host);
    return hosts == 1 || (hosts == 0 && message.version() < 11);
  }

  void have_head() {
    if (!strict()) return refuse(400);
    arm(server_->options.body_timeout);
    body_started_ = 1;
    auto const expect = parser_->get()[http::field::expect];
    if (!expect.empty() && !beast::iequals(expect, "100-continue")) return refuse(417);
    if (!expect.empty() && !parser_->is_done()) queue("HTTP/1.1 100 Continue\r\n\r\n");
    http::async_read(*stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (self->over_) return;
      if (error) return self->bad_read(error);
      self->have_request();
    });
  }

  void have_request() {
    disarm();
    first_request_ = false;
    auto message = parser_->release();
    parser_.reset();
    auto target = parse_target(std::string_view{message.target().data(), message.target().size()});
    keep_ = message.keep_alive() && !server_->stopping;
    version_ = message.version();
    head_only_ = message.method() == http::verb::head;
    if (!target) return refuse(400);
    HttpRequestIn request;
    request.method = std::string{message.method_string()};
    request.target = std::string{message.target()};
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    for (auto const& field : message)
      request.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
    request.remote_address = address_;
    if (is_websocket_upgrade(message)) {
      // Bytes behind an upgrade request would be frames before our consent.
      if (buffer_.size() != 0) return refuse(400);
      request.websocket_upgrade = true;
      request.body = message.body();
      upgrade_ = std::move(message);
    } else {
      request.body = std::move(message.body());
      upgrade_.reset();
    }
    phase_ = Phase::handling;
    auto const responder = std::make_shared<ResponderHandle>(weak_from_this(), ++turn_);
    // While an upgrade is undecided nothing may read, or a frame would land in the wrong buffer.
    if (!upgrade_ && buffer_.size() == 0) read_ahead();
    auto const handler = server_->handler;
    if (handler) handler(std::move(request), responder);
  }

  std::string head(unsigned status, Headers const& headers) const {
    auto const reason = http::obsolete_reason(http::int_to_status(status));
    std::string text = "HTTP/1.1 " + std::to_string(status) + " " + std::string{reason.data(), reason.size()} + "\r\n";
    text += "Date: " + http_date() + "\r\n";
    for (auto const& [name, value] : headers) {
      if (beast::iequals(name, "Content-Length") || beast::iequals(name, "Date") ||
          beast::iequals(name, "Connection") || beast::iequals(name, "Transfer-Encoding"))
        continue;
      text += name + ": " + value + "\r\n";
    }
    text += keep_ && version_ >= 11 ? "" : keep_ ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
    return text;
  }

  // An answer without a handler, after which the connection ends.
  void refuse(unsigned status) {
    disarm();
    keep_ = false;
    respond(HttpResponse{status, {}, {}});
  }

  void queue(std::string text) {
    if (over_) return;
    queued_bytes_ += text.size();
    outbox_.push_back(std::move(text));
    write_next();
  }

  void write_next() {
    if (over_ || writing_) return;
    while (!outbox_.empty() && outbox_.front().size() == written_) {
      outbox_.pop_front();
      written_ = 0;
    }
    if (outbox_.empty()) {
      io_.cancel(write_timer_);
      if (phase_ == Phase::finishing) answered();
      return;
    }
    io_.cancel(write_timer_);
    write_timer_ = io_.call_after(server_->options.write_timeout, [self = shared_from_this()] { self->drop(); });
    writing_ = true;
    // A deque's elements stay where they are while others are added.
    auto const left = asio::buffer(outbox_.front()) + written_;
    stream_->async_write_some(left, [self = shared_from_this()](error_code error, std::size_t count) {
      self->writing_ = false;
      if (self->over_) return;
      if (error) return self->drop();
      self->written_ += count;
      self->queued_bytes_ -= count;
      self->write_next();
    });
  }

  void answered() {
    if (keep_ && !server_->stopping && !peer_ended_) {
      arm(server_->options.idle_timeout);
      return next_request();
    }
    lingers_ = true;
    linger(io_, stream_);
    drop();
  }

  std::shared_ptr<ServerCore> server_;
  Io& io_;
  std::shared_ptr<Stream> stream_;  // never reset: what is under way refers to it
  std::string address_;
  beast::flat_buffer buffer_{};
  std::optional<http::request_parser<http::string_body>> parser_{};
  std::optional<BeastRequest> upgrade_{};
  std::weak_ptr<Droppable> websocket_{};
  std::function<void()> on_closed_{};
  std::deque<std::string> outbox_{};
  std::size_t queued_bytes_ = 0, written_ = 0, body_started_ = 0;
  Io::TimerId timer_ = 0, write_timer_ = 0;
  std::uint64_t turn_ = 0;
  unsigned version_ = 11;
  Phase phase_ = Phase::idle;
  bool first_request_ = true, keep_ = true, head_only_ = false, chunked_ = false, reading_ = false, writing_ = false,
       peer_ended_ = false, lingers_ = false, over_ = false;
};

std::shared_ptr<Session> ResponderHandle::take() {
  auto session = session_.lock();
  if (std::exchange(answered_, true) || !session || !session->current(turn_)) return nullptr;
  return session;
}

ResponderHandle::~ResponderHandle() {
  if (auto const session = take()) session->respond(HttpResponse{500, {}, {}});
}

void ResponderHandle::respond(HttpResponse response) {
  if (auto const session = take()) session->respond(std::move(response));
}

std::unique_ptr<HttpStream> ResponderHandle::start_stream(HttpResponse head, std::function<void()> on_closed) {
  if (auto const session = take()) return session->start_stream(std::move(head), std::move(on_closed));
  return std::make_unique<StreamHandle>(std::weak_ptr<Session>{});
}

std::unique_ptr<WebSocket> ResponderHandle::accept_websocket(WebSocketOptions options, WebSocketHandler handler) {
  if (auto const session = take()) return session->accept_websocket(std::move(options), std::move(handler));
  return nullptr;
}

bool ResponderHandle::connected() const {
  auto const session = session_.lock();
  return session && session->connected(turn_);
}

StreamHandle::~StreamHandle() {
  if (auto const session = session_.lock()) session->cut_stream();
}

bool StreamHandle::write(std::string_view bytes) {
  auto const session = session_.lock();
  return session && session->write_chunk(bytes);
}

void StreamHandle::end() {
  if (auto const session = session_.lock()) session->end_stream();
  session_.reset();
}

}  // namespace

std::shared_ptr<HttpSession> HttpSession::make(std::shared_ptr<ServerCore> server, Stream stream, std::string address) {
  return std::make_shared<Session>(std::move(server), std::move(stream), std::move(address));
}

}  // namespace net::detail
