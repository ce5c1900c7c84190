// The reading half of an HTTP/1.1 server connection without its socket: bytes in, one request or a refusal out. Beast
// parses the head once it is whole; framing is checked before and the body is read here, strictly: what two readers
// could take differently is refused (RFC 9112 sections 2.2, 3.2, 5, 6 and 7; T62). Pure; private to net.
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace net::detail {

using BeastRequest = boost::beast::http::request<boost::beast::http::string_body>;

// As in HttpServerOptions.
struct HttpLimits {
  std::size_t header_bytes, target_bytes, header_fields, body_bytes;
};

class HttpReader {
 public:
  enum class State {
    head,     // needs more bytes of the head
    ready,    // the head is whole: look at message(), then go_on() or give up
    body,     // needs more bytes of the body
    done,     // take()
    refused,  // answer status() and close: nothing after this can be trusted
  };

  explicit HttpReader(HttpLimits limits) : limits_(limits) {}

  // Takes a prefix of `bytes` and returns its length; what is left must begin the next call, followed by what arrived
  // since. Takes nothing in states `ready`, `done` and `refused`. Never keeps more than the limits allow.
  std::size_t put(std::string_view bytes);
  State state() const { return state_; }
  unsigned status() const { return status_; }  // 400, 413, 414 or 431
  BeastRequest const& message() const { return message_; }
  bool keep_alive() const { return keep_alive_; }
  // How long the body can become: its Content-Length, or body_bytes for a chunked one.
  std::uint64_t body_bound() const { return chunked_ ? limits_.body_bytes : left_; }
  // From `ready`: less of a body than the limits allow. False: this request has or may have more.
  bool limit_body(std::uint64_t bytes);
  void go_on();         // from `ready`
  BeastRequest take();  // from `done`

 private:
  std::size_t put_head(std::string_view bytes);
  std::size_t put_body(std::string_view bytes);
  std::size_t put_chunked(std::string_view bytes);
  std::optional<std::size_t> head_end(std::string_view bytes);
  void parse_head(std::string_view head);
  bool framed();
  bool append(std::string_view part);
  void refuse(unsigned status);

  enum class Chunk { size, data, data_end, last };

  HttpLimits limits_;
  State state_ = State::head;
  unsigned status_ = 0;
  BeastRequest message_{};
  bool keep_alive_ = false, chunked_ = false, in_request_line_ = true;
  std::size_t scanned_ = 0, line_start_ = 0, fields_ = 0;  // of the head as it comes in
  std::uint64_t left_ = 0;                                 // of the body, or of the chunk
  Chunk chunk_ = Chunk::size;
};

}  // namespace net::detail
