#include "bot/core/error.hpp"

namespace core {

char const* to_string(Errc code) noexcept {
  switch (code) {
    case Errc::bad_input: return "bad_input";
    case Errc::not_found: return "not_found";
    case Errc::forbidden: return "forbidden";
    case Errc::conflict: return "conflict";
    case Errc::too_large: return "too_large";
    case Errc::timed_out: return "timed_out";
    case Errc::unavailable: return "unavailable";
    case Errc::no_space: return "no_space";
    case Errc::fsync_failed: return "fsync_failed";
    case Errc::io: return "io";
    case Errc::corrupt: return "corrupt";
    case Errc::unsupported: return "unsupported";
  }
  return "unknown";
}

}  // namespace core
