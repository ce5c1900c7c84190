// Who may be dialled, decided where the address is known: between the look-up of a name and the connection (T50).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bot/net/error.hpp"
#include "bot/net/http_client.hpp"

namespace net {

struct DialRules {
  // Asked for each address that a name has (or that the URL names), right before it would be connected to; what is
  // connected to is that address, never a second look-up of the name. Empty: allowed. Else a sentence: why not.
  std::function<std::string(std::string const& host, std::uint16_t port, std::string const& address)> why_not{};
  // In the place of the system's resolver: a name's addresses in their usual spelling. For tests that play a name which
  // leads elsewhere each time.
  std::function<Result<std::vector<std::string>>(std::string const& host)> resolve{};
  // A peer that seems to be gone is waited for as long as the call may take, and not given up within 30 s: what was
  // asked of it may go on, and its answer still come.
  bool patient = false;
};

// A client that keeps to the rules with every connection.
std::unique_ptr<HttpClient> make_http_client(Io& io, HttpClientOptions options, DialRules rules);

}  // namespace net
