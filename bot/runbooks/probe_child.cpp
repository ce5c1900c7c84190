#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "bot/core/probe_body.hpp"
#include "bot/core/text.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/url.hpp"
#include "bot/runbooks/http_child.hpp"
#include "bot/runbooks/runner.hpp"
#include "bot/runbooks/state_dir.hpp"

namespace runbooks {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int kAsExpected = 0, kNot = 1, kUsage = 2, kTimedOut = 3;  // runner.hpp, run_probe_child
constexpr std::size_t kMaxLine = 1'000;
constexpr net::Duration kAfterDeadline{500};  // the client's own deadline comes first

int say(int code, std::string_view line) {
  auto const text = core::one_line(line, kMaxLine) + "\n";
  [[maybe_unused]] auto const written = ::write(STDOUT_FILENO, text.data(), text.size());
  return code;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Without the query, which may hold a secret.
std::string shown(net::Url const& url) {
  return url.scheme + "://" + url.host_header() + url.target.substr(0, url.target.find('?'));
}

int probe_http(std::string const& target, net::Duration timeout, unsigned expect_status,
               std::string const& expect_body) {
  auto const url = net::parse_url(target);
  if (!url) return say(kUsage, url.error().text);
  core::BodyPattern const pattern(expect_body);
  if (auto const problem = pattern.problem(); !problem.empty())
    return say(kUsage, "The expected body is no regular expression: " + problem + ".");

  net::Io io;
  std::optional<net::Result<net::HttpResponse>> answer;
  auto const client = net::make_http_client(io);
  net::HttpRequest request;
  request.url = target;
  request.timeout = timeout;
  request.max_response_bytes = core::kMaxProbeBody;
  client->request(std::move(request), [&](net::Result<net::HttpResponse> given) { answer.emplace(std::move(given)); });
  io.run_until([&] { return answer.has_value(); }, timeout + kAfterDeadline);

  auto const what = "GET " + shown(*url);
  if (!answer) return say(kTimedOut, what + " was not answered in time.");
  if (!*answer) {
    auto const& error = answer->error();
    return say(error.code == net::Errc::timed_out ? kTimedOut : kNot, what + ": " + error.text);
  }
  auto const& response = **answer;
  auto const status = what + " answered " + std::to_string(response.status);
  bool const good = expect_status == 0 ? response.status / 100 == 2 : response.status == expect_status;
  if (!good) return say(kNot, status + ", not " + (expect_status == 0 ? "2xx" : std::to_string(expect_status)) + ".");
  if (!pattern.found_in(response.body)) return say(kNot, status + ", but its body does not match.");
  return say(kAsExpected, status + ".");
}

struct FreeAddresses {
  void operator()(addrinfo* info) const noexcept { ::freeaddrinfo(info); }
};

// Zero, or errno.
int connect_to(addrinfo const& address, Steady::time_point until) {
  process::Fd const fd{::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol)};
  if (!fd) return errno;
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  for (;;) {
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Steady::now()).count();
    if (left <= 0) return ETIMEDOUT;
    pollfd polled{fd.get(), POLLOUT, 0};
    auto const ready = ::poll(&polled, 1, static_cast<int>(std::min<long>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready > 0) break;
  }
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

int probe_tcp(std::string const& target, net::Duration timeout) {
  auto const until = Steady::now() + timeout;
  auto const colon = target.rfind(':');
  if (colon == std::string::npos || colon == 0) return say(kUsage, "A tcp probe names host:port.");
  auto host = target.substr(0, colon);
  auto const port = target.substr(colon + 1);
  if (!number<std::uint16_t>(port)) return say(kUsage, "A tcp probe names host:port with a port up to 65535.");
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  // Without a deadline of its own: the step's limit ends this process.
  if (int const error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return say(kNot, target + " has no address: " + ::gai_strerror(error) + ".");
  std::unique_ptr<addrinfo, FreeAddresses> const addresses{found};
  int error = EADDRNOTAVAIL;
  for (auto const* address = addresses.get(); address != nullptr; address = address->ai_next) {
    error = connect_to(*address, until);
    if (error == 0) return say(kAsExpected, target + " accepts connections.");
    if (error == ETIMEDOUT && Steady::now() >= until) return say(kTimedOut, target + " did not answer in time.");
  }
  return say(kNot, target + " does not accept connections: " + std::generic_category().message(error) + ".");
}

}  // namespace

int run_probe_child(std::span<std::string const> arguments) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    if (!arguments.empty() && arguments[0] == "call") return run_http_call(arguments);
    auto const timeout = arguments.size() >= 3 ? number<std::int64_t>(arguments[2]) : std::nullopt;
    if (!timeout || *timeout <= 0) return say(kUsage, "A probe needs a kind, a target and a time-out.");
    if (arguments[0] == "tcp" && arguments.size() == 3) return probe_tcp(arguments[1], net::Duration{*timeout});
    if (arguments[0] == "http" && arguments.size() == 5) {
      auto const status = number<unsigned>(arguments[3]);
      if (status) return probe_http(arguments[1], net::Duration{*timeout}, *status, arguments[4]);
    }
    return say(kUsage, "There is no such probe.");
  } catch (std::exception const& error) {
    return say(kNot, std::string("The probe failed: ") + error.what());
  }
}

}  // namespace runbooks
