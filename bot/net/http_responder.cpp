// The handles by which a handler answers.
#include <utility>

#include "bot/net/http_session.hpp"

namespace net::detail {
namespace {

class ResponderHandle final : public Responder {
 public:
  ResponderHandle(std::weak_ptr<HttpSession> session, std::uint64_t turn) : session_(std::move(session)), turn_(turn) {}
  ~ResponderHandle() override {
    if (auto const session = take()) session->respond(HttpResponse{500, {}, {}});
  }
  ResponderHandle(ResponderHandle const&) = delete;
  ResponderHandle& operator=(ResponderHandle const&) = delete;

  void respond(HttpResponse response) override {
    if (auto const session = take()) session->respond(std::move(response));
  }
  std::unique_ptr<HttpStream> start_stream(HttpResponse head, std::function<void()> on_closed) override {
    if (auto const session = take()) return session->start_stream(std::move(head), std::move(on_closed));
    return make_stream({});
  }
  std::unique_ptr<WebSocket> accept_websocket(WebSocketOptions options, WebSocketHandler handler) override {
    if (auto const session = take()) return session->accept_websocket(std::move(options), std::move(handler));
    return nullptr;
  }
  bool connected() const override {
    auto const session = session_.lock();
    return session && session->connected(turn_);
  }

 private:
  // The session while this request is the one being answered and has no answer yet.
  std::shared_ptr<HttpSession> take() {
    auto session = session_.lock();
    if (std::exchange(answered_, true) || !session || !session->current(turn_)) return nullptr;
    return session;
  }

  std::weak_ptr<HttpSession> session_;
  std::uint64_t turn_;
  bool answered_ = false;
};

class StreamHandle final : public HttpStream {
 public:
  explicit StreamHandle(std::weak_ptr<HttpSession> session) : session_(std::move(session)) {}
  ~StreamHandle() override {
    if (auto const session = session_.lock()) session->cut_stream();
  }
  StreamHandle(StreamHandle const&) = delete;
  StreamHandle& operator=(StreamHandle const&) = delete;

  bool write(std::string_view bytes) override {
    auto const session = session_.lock();
    return session && session->write_chunk(bytes);
  }
  std::size_t waiting() const override {
    auto const session = session_.lock();
    return session ? session->waiting() : 0;
  }
  void end() override {
    if (auto const session = session_.lock()) session->end_stream();
    session_.reset();
  }

 private:
  std::weak_ptr<HttpSession> session_;
};

}  // namespace

std::shared_ptr<Responder> make_responder(std::weak_ptr<HttpSession> session, std::uint64_t turn) {
  return std::make_shared<ResponderHandle>(std::move(session), turn);
}

std::unique_ptr<HttpStream> make_stream(std::weak_ptr<HttpSession> session) {
  return std::make_unique<StreamHandle>(std::move(session));
}

}  // namespace net::detail
