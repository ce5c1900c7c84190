#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <system_error>

#include "bot/core/text.hpp"
#include "bot/process/fd.hpp"
#include "bot/triggers/probers.hpp"

namespace triggers {
namespace {

std::string why(int error) { return std::generic_category().message(error); }

int connect_one(addrinfo const& address, std::chrono::steady_clock::time_point until) {
  process::Fd const socket(
      ::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol));
  if (!socket) return errno;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  while (true) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) return ETIMEDOUT;
    pollfd waiting{socket.get(), POLLOUT, 0};
    auto const ready = ::poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready <= 0) continue;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
  }
}

}  // namespace

core::Result<HostPort> parse_host_port(std::string_view text) {
  auto const refuse = [&] {
    return core::make_error(core::Errc::bad_input, "The probe's target '" + core::printable_ascii(text, 100) +
                                                       "' must be HOST:PORT, with an IPv6 address in brackets.");
  };
  auto const colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return refuse();
  auto host = text.substr(0, colon);
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']') return refuse();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return refuse();
  }
  if (host.find_first_of(" /@[]") != std::string_view::npos || core::has_control(host)) return refuse();
  unsigned port = 0;
  auto const digits = text.substr(colon + 1);
  auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0 || port > 65535) return refuse();
  return HostPort{std::string(host), static_cast<std::uint16_t>(port)};
}

std::string try_connect(HostPort const& target, core::Duration timeout) {
  auto const until = std::chrono::steady_clock::now() + timeout;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  auto const port = std::to_string(target.port);
  if (auto const error = ::getaddrinfo(target.host.c_str(), port.c_str(), &hints, &list); error != 0) {
    return "The name has no address: " + std::string(::gai_strerror(error)) + ".";
  }
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> const owner(list, ::freeaddrinfo);
  int last = 0;
  for (auto const* address = list; address != nullptr; address = address->ai_next) {
    last = connect_one(*address, until);
    if (last == 0) return {};
  }
  return "The connection was not made: " + why(last) + ".";
}

}  // namespace triggers
