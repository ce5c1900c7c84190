#include "bot/net/error.hpp"

#include <stdexcept>

namespace net {
namespace {

class Category final : public boost::system::error_category {
 public:
  char const* name() const noexcept override { return "net"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::bad_url: return "bad URL";
      case Errc::insecure_transport: return "plain text to another host";
      case Errc::resolve_failed: return "name not found";
      case Errc::connect_failed: return "connection failed";
      case Errc::tls_failed: return "TLS handshake failed";
      case Errc::timed_out: return "timed out";
      case Errc::idle: return "nothing heard for too long";
      case Errc::too_large: return "too large";
      case Errc::protocol: return "protocol broken";
      case Errc::refused: return "upgrade refused";
      case Errc::closed: return "closed by the peer";
      case Errc::outbox_full: return "too much is waiting";
      case Errc::io: return "input or output failed";
    }
    return "unknown";
  }
};

}  // namespace

boost::system::error_code make_error_code(Errc code) noexcept {
  static Category const category;
  return {static_cast<int>(code), category};
}

void throw_exception_from_error(NetError const& error, boost::source_location const&) {
  throw std::runtime_error(error.text);
}

}  // namespace net
