// The application service's WebSocket, fi.mau.as_sync: transactions to the bot as mautrix-wsproxy or mautrix-asmux
// carry them. Internal to this folder.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "adapters/playground/matrix_api.hpp"
#include "bot/net/websocket.hpp"

namespace playground {

class MatrixService {
 public:
  MatrixService(MatrixContext& context, MatrixStore& store, MatrixApi& api)
      : context_(context), store_(store), api_(api) {}

  void accept(net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder);
  void on_event(MatrixEvent const& event);
  void retry_now();
  void close(std::uint16_t code, std::string const& status);
  void send_frame(core::Json const& frame);
  void drop();  // the connection breaks

  std::size_t sockets() const { return socket_ ? 1 : 0; }
  std::size_t backlog() const { return waiting_.size(); }
  std::uint64_t connections = 0;
  int lose = 0;  // the next transactions go to a socket that is dead already

 private:
  struct Transaction {
    std::uint64_t id = 0;
    core::Json events = core::Json::array();
    int sent = 0;
  };
  bool concerns(MatrixEvent const& event) const;
  core::Json shown(MatrixEvent const& event) const;
  void pump();
  void pump_wsproxy();
  void pump_asmux();
  void refused();  // the homeserver got a 502 and backs off
  void await_ack(std::uint64_t transaction);
  void received(std::string const& message);
  void answer(std::int64_t id, char const* command, core::Json data);
  void send(core::Json const& frame, bool line_feed);
  bool asmux() const { return context_.options.dialect == MatrixOptions::Dialect::asmux; }

  MatrixContext& context_;
  MatrixStore& store_;
  MatrixApi& api_;
  std::shared_ptr<net::WebSocket> socket_;
  std::uint64_t socket_number_ = 0;
  int version_ = 1;  // X-Mautrix-Websocket-Version of that socket
  std::deque<Transaction> waiting_;
  std::uint64_t last_transaction_ = 0, last_frame_ = 0;
  std::uint64_t awaited_ = 0;  // asmux: id of the frame whose ack is awaited
  net::Io::TimerId ack_timer_ = 0, retry_timer_ = 0;
  net::Duration backoff_{0};  // 0: the homeserver sends at once
};

}  // namespace playground
