#include "bot/net/websocket.hpp"

#include <algorithm>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <optional>

#include "bot/net/frame_watch.hpp"
#include "bot/net/io_impl.hpp"
#include "bot/net/watched_stream.hpp"
#include "bot/net/websocket_session.hpp"

namespace net {
namespace detail {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
// Without the deflate extension its code isn't even compiled.
using BeastSocket = websocket::stream<WatchedStream, /*deflateSupported=*/false>;

constexpr std::size_t kMaxReasonBytes = 123;  // of a close frame: RFC 6455 section 5.5

NetError translate(error_code error) {
  if (error == websocket::error::closed) return {};
  if (error == beast::error::timeout)
    return make_error(Errc::idle, "The WebSocket's peer was silent for the whole idle limit.");
  if (error == websocket::error::message_too_big || error == websocket::error::buffer_overflow)
    return make_error(Errc::too_large, "The WebSocket's peer sent a message beyond the limit.");
  if (error == websocket::condition::protocol_violation)
    return make_error(Errc::protocol, "The WebSocket's peer broke the protocol: " + error.message() + ".");
  return make_error(Errc::closed, "The WebSocket's connection was cut: " + error.message() + ".");
}

bool clean_headers(WebSocketOptions const& options) {
  auto const clean = [](std::string_view text) {
    return text.find_first_of(std::string_view{"\r\n\0", 3}) == text.npos;
  };
  return clean(options.subprotocol) && std::ranges::all_of(options.headers, [&](auto const& header) {
           return !header.first.empty() && clean(header.first) && clean(header.second);
         });
}

// Beast looks at a text as it comes, but not whether it ends inside a character when its last fragment is empty.
bool ends_whole(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    auto const byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return true;
    if (byte >= 0xC0) return back == (byte >= 0xF0 ? 4U : byte >= 0xE0 ? 3U : 2U);
  }
  return true;  // three bytes that continue a fourth
}

class Session final : public Droppable, public std::enable_shared_from_this<Session> {
 public:
  Session(Io& io, WebSocketOptions options, WebSocketHandler handler)
      : io_(io), options_(std::move(options)), handler_(std::make_shared<WebSocketHandler>(std::move(handler))) {}
  ~Session() override { gone(); }

  void dial(std::string const& text, std::shared_ptr<TlsContext> tls) {
    auto url = parse_url(text);
    if (!url) return end(url.error());
    if (!url->websocket()) return end(make_error(Errc::bad_url, "A WebSocket's URL begins with wss:// (or ws://)."));
    if (auto const allowed = check_transport(*url); !allowed) return end(allowed.error());
    if (!clean_headers(options_))
      return end(make_error(Errc::protocol, "A header of the WebSocket's upgrade holds a line break."));
    start_handshake_timer();
    connecting_ = connect(io_, *url, std::move(tls), options_.handshake_timeout, DialRules{},
                          [self = shared_from_this(), url = *url](Result<Stream> stream) {
                            if (!stream) return self->end(stream.error());
                            self->upgrade(std::move(*stream), url);
                          });
  }

  void accept(Stream stream, BeastRequest request, std::function<void()> on_gone) {
    on_gone_ = std::move(on_gone);
    start_handshake_timer();
    socket_.emplace(std::move(stream));
    configure();
    watch_frames(/*after_head=*/false);
    request_ = std::move(request);
    if (!options_.subprotocol.empty()) {
      socket_->set_option(
          websocket::stream_base::decorator([name = options_.subprotocol](websocket::response_type& to) {
            to.set(beast::http::field::sec_websocket_protocol, name);
          }));
    }
    socket_->async_accept(request_, [self = shared_from_this()](error_code error) { self->opened(error); });
  }

  void send(std::string bytes, bool binary, std::function<void()> on_written) {
    if (ended_ || closing_) return;
    if (outbox_.size() >= options_.max_outbox_messages || outbox_bytes_ + bytes.size() > options_.max_outbox_bytes)
      return end(make_error(Errc::outbox_full, "The WebSocket's peer reads too slowly: the outbox is full."));
    outbox_bytes_ += bytes.size();
    outbox_.push_back(Message{std::move(bytes), binary, std::move(on_written)});
    write_next();
  }

  void close(std::uint16_t code, std::string reason) {
    if (ended_ || closing_) return;
    if (!open_) return end(WebSocketEnd{});
    closing_ = true;
    reason.resize(std::min(reason.size(), kMaxReasonBytes));
    close_frame_ = websocket::close_reason{static_cast<websocket::close_code>(code), reason};
    close_timer_ = io_.call_after(options_.close_timeout, [self = shared_from_this()] { self->end(WebSocketEnd{}); });
    write_next();
  }

  void abandon() {
    abandoned_ = true;
    end(WebSocketEnd{});
    handler_ = std::make_shared<WebSocketHandler>();  // a callback that is running holds its own reference
  }

  void drop() override { end(make_error(Errc::closed, "The WebSocket was cut by our side.")); }
  bool is_open() const { return open_ && !closing_ && !ended_; }

 private:
  struct Message {
    std::string bytes{};
    bool binary = false;
    std::function<void()> on_written{};
  };

  void start_handshake_timer() {
    handshake_timer_ = io_.call_after(options_.handshake_timeout, [self = shared_from_this()] {
      self->end(make_error(Errc::timed_out, "The WebSocket did not open in time."));
    });
  }

  void configure() {
    websocket::stream_base::timeout limits{};
    limits.handshake_timeout = websocket::stream_base::none();  // ours covers name, connect and TLS as well
    limits.idle_timeout = options_.keep_alive == KeepAlive::ping ? options_.idle_limit : websocket::stream_base::none();
    limits.keep_alive_pings = options_.keep_alive == KeepAlive::ping;
    socket_->set_option(limits);
    socket_->read_message_max(options_.max_message_bytes);
  }

  // Beast bounds a message's size, not the time that it takes nor its fragments (T63).
  void watch_frames(bool after_head) {
    frames_ = FrameWatch(after_head);
    socket_->next_layer().watch([this](std::string_view bytes) { have_bytes(bytes); });
  }

  void have_bytes(std::string_view bytes) {
    if (ended_) return;
    frames_.feed(bytes);
    if (frames_.most_fragments() > options_.max_fragments)
      return end(make_error(Errc::too_large, "The WebSocket's peer sent a message in too many fragments."));
    bool const timed = message_timer_ != 0 && timed_message_ == frames_.ended();
    if (timed && frames_.under_way()) return;
    io_.cancel(std::exchange(message_timer_, 0));
    if (!frames_.under_way()) return;
    timed_message_ = frames_.ended();
    message_timer_ = io_.call_after(options_.message_timeout, [self = shared_from_this()] {
      self->end(make_error(Errc::timed_out, "The WebSocket's peer did not end a message in time."));
    });
  }

  void upgrade(Stream stream, Url const& url) {
    if (ended_) return;
    connecting_.reset();
    socket_.emplace(std::move(stream));
    configure();
    watch_frames(/*after_head=*/true);
    socket_->set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
      for (auto const& [name, value] : options_.headers) request.set(name, value);
      if (!options_.subprotocol.empty()) request.set(beast::http::field::sec_websocket_protocol, options_.subprotocol);
    }));
    socket_->async_handshake(response_, url.host_header(), url.target,
                             [self = shared_from_this()](error_code error) { self->opened(error); });
  }

  void opened(error_code error) {
    io_.cancel(handshake_timer_);
    if (ended_) return;
    if (error) {
      WebSocketEnd why;
      if (error == websocket::error::upgrade_declined) {
        why.http_status = response_.result_int();
        why.http_reason = std::string{response_.reason()}.substr(0, 256);
        for (auto const& field : response_)
          why.http_headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
        why.error = make_error(
            Errc::refused, "The WebSocket's upgrade was answered with status " + std::to_string(why.http_status) + ".");
      } else if (error == websocket::condition::handshake_failed) {
        why.error =
            make_error(Errc::protocol, "The WebSocket's upgrade was answered wrongly: " + error.message() + ".");
      } else {
        why.error = translate(error);
      }
      return end(std::move(why));
    }
    open_ = true;
    if (options_.keep_alive == KeepAlive::pong) send_pong_later();
    auto const handler = handler_;
    if (handler->on_open) handler->on_open();
    if (ended_) return;
    write_next();
    read_next();
  }

  void read_next() {
    socket_->async_read(buffer_,
                        [self = shared_from_this()](error_code error, std::size_t) { self->have_read(error); });
  }

  void have_read(error_code error) {
    if (ended_) return;
    if (error) {
      WebSocketEnd why;
      why.error = translate(error);
      if (error == websocket::error::closed) {
        why.close_code = socket_->reason().code;
        why.close_reason = std::string{socket_->reason().reason.data(), socket_->reason().reason.size()};
      }
      return end(std::move(why));
    }
    auto message = beast::buffers_to_string(buffer_.data());
    buffer_.consume(buffer_.size());
    if (buffer_.capacity() > kKeptBufferBytes) buffer_ = {};
    if (!socket_->got_binary() && !ends_whole(message))
      return end(make_error(Errc::protocol, "The WebSocket's peer sent a text that is not UTF-8."));
    auto const handler = handler_;
    if (handler->on_message && !closing_) handler->on_message(std::move(message), socket_->got_binary());
    if (!ended_) read_next();
  }

  void write_next() {
    if (!open_ || ended_ || writing_) return;
    if (outbox_.empty()) {
      if (closing_ && !close_sent_) send_close();
      return;
    }
    // Taken out of the queue: its bytes must live until the write has ended, whatever happens to the queue.
    writing_ = std::make_shared<Message>(std::move(outbox_.front()));
    outbox_.pop_front();
    socket_->binary(writing_->binary);
    socket_->async_write(asio::buffer(writing_->bytes),
                         [self = shared_from_this(), message = writing_](error_code error, std::size_t) {
                           self->have_written(error, *message);
                         });
  }

  void have_written(error_code error, Message const& message) {
    writing_.reset();
    if (ended_) return;
    // A read that failed for the same reason knows more; this write's error ends it only if there is none under way.
    if (error) {
      if (!closing_) end(translate(error));
      return;
    }
    outbox_bytes_ -= message.bytes.size();
    if (message.on_written) message.on_written();
    write_next();
  }

  void send_close() {
    close_sent_ = true;
    socket_->async_close(close_frame_, [self = shared_from_this()](error_code error) {
      // Our own read usually sees the peer's close frame first and has ended it.
      if (self->ended_) return;
      WebSocketEnd why;
      if (!error) why.close_code = self->socket_->reason().code;
      self->end(std::move(why));
    });
  }

  void send_pong_later() {
    pong_timer_ = io_.call_after(options_.idle_limit / 3, [self = shared_from_this()] {
      if (self->ended_ || self->closing_) return;
      self->socket_->async_pong({}, [self](error_code error) {
        if (!error && !self->ended_ && !self->closing_) self->send_pong_later();
      });
    });
  }

  void end(NetError error) {
    WebSocketEnd why;
    why.error = std::move(error);
    end(std::move(why));
  }

  // The one way out. Handlers that are still to come find ended_ and do nothing.
  void end(WebSocketEnd why) {
    if (ended_) return;
    ended_ = true;
    open_ = false;
    outbox_.clear();
    for (auto const timer : {handshake_timer_, close_timer_, pong_timer_, message_timer_}) io_.cancel(timer);
    if (connecting_) std::exchange(connecting_, nullptr)->cancel();
    if (socket_) socket_->next_layer().close();
    gone();
    if (abandoned_) return;
    io_.post([self = shared_from_this(), why = std::move(why)]() mutable {
      if (self->abandoned_) return;
      auto const handler = self->handler_;
      if (handler->on_close) handler->on_close(std::move(why));
    });
  }

  void gone() {
    if (auto const call = std::exchange(on_gone_, nullptr)) call();
  }

  static constexpr std::size_t kKeptBufferBytes = 64u << 10;

  Io& io_;
  WebSocketOptions options_;
  std::shared_ptr<WebSocketHandler> handler_;
  std::function<void()> on_gone_{};
  std::shared_ptr<Connecting> connecting_{};
  std::optional<BeastSocket> socket_{};
  BeastRequest request_{};
  websocket::response_type response_{};
  beast::flat_buffer buffer_{};
  std::deque<Message> outbox_{};
  std::size_t outbox_bytes_ = 0;
  std::shared_ptr<Message> writing_{};
  websocket::close_reason close_frame_{};
  Io::TimerId handshake_timer_ = 0, close_timer_ = 0, pong_timer_ = 0, message_timer_ = 0;
  FrameWatch frames_{false};
  std::uint64_t timed_message_ = 0;
  bool open_ = false, closing_ = false, close_sent_ = false, ended_ = false, abandoned_ = false;
};

class Handle final : public WebSocket {
 public:
  explicit Handle(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  ~Handle() override { session_->abandon(); }
  Handle(Handle const&) = delete;
  Handle& operator=(Handle const&) = delete;

  void send(std::string text, std::function<void()> on_written) override {
    session_->send(std::move(text), /*binary=*/false, std::move(on_written));
  }
  void send_binary(std::string bytes, std::function<void()> on_written) override {
    session_->send(std::move(bytes), /*binary=*/true, std::move(on_written));
  }
  void close(std::uint16_t code, std::string reason) override { session_->close(code, std::move(reason)); }
  bool is_open() const override { return session_->is_open(); }

 private:
  std::shared_ptr<Session> session_;
};

class Dialer final : public WebSocketDialer {
 public:
  Dialer(Io& io, TlsOptions const& tls) : io_(io), tls_(make_client_tls(tls)) {}

  std::unique_ptr<WebSocket> dial(std::string const& url, WebSocketOptions options, WebSocketHandler handler) override {
    auto session = std::make_shared<Session>(io_, std::move(options), std::move(handler));
    session->dial(url, tls_);
    return std::make_unique<Handle>(std::move(session));
  }

 private:
  Io& io_;
  std::shared_ptr<TlsContext> tls_;
};

}  // namespace

bool is_websocket_upgrade(BeastRequest const& request) { return websocket::is_upgrade(request); }

AcceptedWebSocket accept_websocket(Io& io, Stream stream, BeastRequest request, WebSocketOptions options,
                                   WebSocketHandler handler, std::function<void()> on_gone) {
  auto session = std::make_shared<Session>(io, std::move(options), std::move(handler));
  session->accept(std::move(stream), std::move(request), std::move(on_gone));
  std::weak_ptr<Droppable> control = session;
  return {std::make_unique<Handle>(std::move(session)), std::move(control)};
}

}  // namespace detail

std::unique_ptr<WebSocketDialer> make_websocket_dialer(Io& io, TlsOptions tls) {
  return std::make_unique<detail::Dialer>(io, tls);
}

}  // namespace net
