#include "bot/net/http_session.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <deque>
#include <optional>

#include "bot/net/http_answer.hpp"
#include "bot/net/http_reader.hpp"
#include "bot/net/http_target.hpp"
#include "bot/net/io_impl.hpp"
#include "bot/net/websocket_session.hpp"

namespace net::detail {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::size_t kReadAheadBytes = 4096;     // taken from a peer while its request is being answered
constexpr std::size_t kBodyReadBytes = 64 << 10;  // at a time

std::string_view view(beast::flat_buffer const& buffer) {
  return {static_cast<char const*>(buffer.data().data()), buffer.size()};
}

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
    keep_body(0);
    server_->forget(self, address_);
    if (auto const closed = std::exchange(on_closed_, nullptr)) io_.post(closed);
  }

  bool current(std::uint64_t turn) const override { return !over_ && phase_ == Phase::handling && turn == turn_; }
  bool connected(std::uint64_t turn) const override { return !over_ && turn == turn_ && !peer_ended_; }

  void respond(HttpResponse response) override {
    if (!clean(response.headers) || response.status < 200 || response.status > 599)
      response = HttpResponse{500, {}, {}};  // a forged line break ends here
    bool const no_body = response.status == 204 || response.status == 304;
    std::string text = answer_head(response.status, response.headers, version_, keep_);
    if (!no_body) text += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    text += "\r\n";
    if (!no_body && !head_only_) text += response.body;
    phase_ = Phase::finishing;
    queue(std::move(text));
  }

  std::unique_ptr<HttpStream> start_stream(HttpResponse response, std::function<void()> on_closed) override {
    if (!clean(response.headers)) {
      respond(HttpResponse{500, {}, {}});
      return make_stream({});
    }
    chunked_ = version_ >= 11;
    keep_ = keep_ && chunked_;
    std::string text = answer_head(response.status, response.headers, version_, keep_);
    if (chunked_) text += "Transfer-Encoding: chunked\r\n";
    text += "\r\n";
    phase_ = Phase::streaming;
    on_closed_ = std::move(on_closed);
    queue(std::move(text));
    write_chunk(response.body);
    if (peer_ended_) io_.post([self = shared_from_this()] { self->drop(); });
    return make_stream(weak_from_this());
  }

  bool write_chunk(std::string_view bytes) override {
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

  std::size_t waiting() const override { return queued_bytes_; }

  void end_stream() override {
    if (over_ || phase_ != Phase::streaming) return;
    on_closed_ = nullptr;
    phase_ = Phase::finishing;
    queue(chunked_ && !head_only_ ? "0\r\n\r\n" : "");
  }
  void cut_stream() override {
    if (phase_ != Phase::streaming) return;
    on_closed_ = nullptr;
    drop();
  }

  std::unique_ptr<WebSocket> accept_websocket(WebSocketOptions options, WebSocketHandler handler) override {
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
    if (phase_ == Phase::reading) return refuse(408);
    drop();
  }

  // Waits for the first byte of a request under whatever limit is armed, then for its head under its own.
  void next_request() {
    phase_ = Phase::idle;
    reader_.reset();
    advance();
  }

  // One read at a time, and none into what nobody asked for: to see the next request begin, or the peer go.
  void read_more(std::size_t most) {
    if (reading_ || over_) return;
    reading_ = true;
    stream_->async_read_some(buffer_.prepare(most), [self = shared_from_this()](error_code error, std::size_t count) {
      self->reading_ = false;
      if (self->over_) return;
      if (error) return self->peer_ended();
      self->buffer_.commit(count);
      // During an answer it is the next request: it waits, and nothing more is taken before
      // its turn.
      if (self->phase_ == Phase::idle || self->phase_ == Phase::reading) self->advance();
    });
  }

  void peer_ended() {
    peer_ended_ = true;
    // Half-closed is allowed while an answer is on its way; a stream's reader is gone for good, and half a request is
    // none.
    if (phase_ == Phase::idle || phase_ == Phase::reading || phase_ == Phase::streaming) drop();
  }

  void advance() {
    if (phase_ == Phase::idle) {
      if (buffer_.size() == 0) return read_more(kReadAheadBytes);
      phase_ = Phase::reading;
      if (!first_request_) arm(server_->options.header_timeout);
      auto const& options = server_->options;
      reader_.emplace(HttpLimits{.header_bytes = options.max_header_bytes,
                                 .target_bytes = options.max_target_bytes,
                                 .header_fields = options.max_header_fields,
                                 .body_bytes = options.max_body_bytes});
    }
    buffer_.consume(reader_->put(view(buffer_)));
    switch (reader_->state()) {
      case HttpReader::State::head: return read_more(kReadAheadBytes);
      case HttpReader::State::body: return read_more(kBodyReadBytes);
      case HttpReader::State::ready: return have_head();
      case HttpReader::State::done: return have_request();
      case HttpReader::State::refused: return refuse(reader_->status());
    }
  }

  // The whole head and nothing of the body: whatever can be said now is said before anything is kept.
  void have_head() {
    auto const& message = reader_->message();
    auto target = parse_target(std::string_view{message.target().data(), message.target().size()});
    keep_ = reader_->keep_alive() && !server_->stopping && ++requests_ < server_->options.max_requests;
    version_ = message.version();
    head_only_ = message.method() == http::verb::head;
    if (!target) return refuse(400);
    request_ = {};
    request_.method = std::string{message.method_string()};
    request_.target = std::string{message.target()};
    request_.path = std::move(target->path);
    request_.query = std::move(target->query);
    for (auto const& field : message)
      request_.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
    request_.remote_address = address_;
    Admission admission;
    if (server_->options.admit) admission = server_->options.admit(request_);
    if (admission.refusal) return refuse(std::move(*admission.refusal), /*unread=*/reader_->body_bound() != 0);
    if (!reader_->limit_body(admission.max_body_bytes)) return refuse(413);
    auto const bound = reader_->body_bound();
    auto const expect = message[http::field::expect];
    if (!expect.empty() && !beast::iequals(expect, "100-continue")) return refuse(417);
    if (bound != 0) {
      auto const& options = server_->options;
      budget_ = admission.stranger ? &server_->stranger_bytes : &server_->body_bytes;
      auto const most = admission.stranger ? options.max_stranger_bytes_in_all : options.max_body_bytes_in_all;
      if (*budget_ + bound > most) return refuse(503);
      keep_body(bound);
      arm(server_->options.body_timeout);
      if (!expect.empty() && buffer_.size() == 0) queue("HTTP/1.1 100 Continue\r\n\r\n");
    }
    reader_->go_on();
    advance();
  }

  // What the bodies of all connections may take is counted by what each can become.
  void keep_body(std::uint64_t bytes) {
    if (budget_ == nullptr) return;
    *budget_ = *budget_ - kept_ + bytes;
    kept_ = bytes;
  }

  void have_request() {
    disarm();
    first_request_ = false;
    auto message = reader_->take();
    reader_.reset();
    if (is_websocket_upgrade(message)) {
      // Bytes behind an upgrade request would be frames before our consent.
      if (buffer_.size() != 0) return refuse(400);
      request_.websocket_upgrade = true;
      request_.body = message.body();
      upgrade_ = std::move(message);
    } else {
      request_.body = std::move(message.body());
      upgrade_.reset();
    }
    phase_ = Phase::handling;
    auto const responder = make_responder(weak_from_this(), ++turn_);
    // While an upgrade is undecided nothing may read, or a frame would land in the wrong buffer.
    if (!upgrade_ && buffer_.size() == 0) read_more(kReadAheadBytes);
    auto const handler = server_->handler;
    auto const self = shared_from_this();
    if (handler) handler(std::exchange(request_, {}), responder);
    keep_body(0);
  }

  // An answer without a handler, after which the connection ends.
  void refuse(unsigned status) { refuse(server_->refusal(status), /*unread=*/true); }
  void refuse(HttpResponse response, bool unread) {
    disarm();
    first_request_ = false;
    if (unread) keep_ = false;  // what follows would be taken for a request
    respond(std::move(response));
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
  std::optional<HttpReader> reader_{};
  HttpRequestIn request_{};  // while its body is being read
  std::optional<BeastRequest> upgrade_{};
  std::weak_ptr<Droppable> websocket_{};
  std::function<void()> on_closed_{};
  std::deque<std::string> outbox_{};
  std::size_t queued_bytes_ = 0, written_ = 0, requests_ = 0;
  std::uint64_t kept_ = 0;  // of the budget for bodies that it counts in
  std::uint64_t* budget_ = nullptr;
  Io::TimerId timer_ = 0, write_timer_ = 0;
  std::uint64_t turn_ = 0;
  unsigned version_ = 11;
  Phase phase_ = Phase::idle;
  bool first_request_ = true, keep_ = true, head_only_ = false, chunked_ = false, reading_ = false, writing_ = false,
       peer_ended_ = false, lingers_ = false, over_ = false;
};

}  // namespace

std::shared_ptr<HttpSession> HttpSession::make(std::shared_ptr<ServerCore> server, Stream stream, std::string address) {
  return std::make_shared<Session>(std::move(server), std::move(stream), std::move(address));
}

}  // namespace net::detail
