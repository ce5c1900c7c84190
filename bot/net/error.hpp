// How network calls fail: a class for programs, a sentence for people, and whether the peer may have acted.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace net {

// Starts at 1, so a forgotten value is never a success.
enum class Errc {
  bad_url = 1,         // not a URL that we speak
  insecure_transport,  // plain http:// or ws:// to something that is not loopback
  resolve_failed,      // the name has no address
  connect_failed,      // no address of the peer accepted the connection
  tls_failed,          // the handshake failed: certificate, host name, protocol version
  timed_out,           // the deadline passed
  idle,                // nothing was heard for the idle limit: the link is half-open or the peer hangs
  too_large,           // a message, header or body passes its limit
  protocol,            // the peer broke the protocol
  refused,             // the peer declined the WebSocket upgrade (http_status says how)
  closed,              // the peer ended the connection
  outbox_full,         // the peer reads too slowly: our queue passed its limit
  io,                  // reading, writing or a local resource failed
};

boost::system::error_code make_error_code(Errc code) noexcept;  // category "net"

// A failure. `text` is a whole sentence that never holds a query, a header or a body (they may carry secrets).
struct NetError {
  boost::system::error_code code;
  std::string text;
  bool sent_maybe = false;  // bytes of the request may have reached the peer: it may have acted on it
};

template <class T>
using Result = boost::system::result<T, NetError>;

[[noreturn]] void throw_exception_from_error(NetError const& error, boost::source_location const&);

inline NetError make_error(Errc code, std::string text, bool sent_maybe = false) {
  return NetError{make_error_code(code), std::move(text), sent_maybe};
}

}  // namespace net

template <>
struct boost::system::is_error_code_enum<net::Errc> : std::true_type {};
