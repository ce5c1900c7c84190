// The three ways to ask whether something is well.
#pragma once

#include <memory>

#include "bot/core/error.hpp"
#include "bot/core/rules.hpp"
#include "bot/net/http_client.hpp"
#include "bot/triggers/probe.hpp"

namespace triggers {

// GET, never following a redirect (T50): 2xx or exactly expect_status, and expect_body found in the body.
// tcp: a connection is accepted. command: exit code 0; no shell, empty environment.
// `probe` has no {{…}} any more. bad_input: a target or an expression that can't be used. Loop, workers and client
// must outlive the prober and the work it has given away.
core::Result<std::unique_ptr<Prober>> make_prober(core::Probe const& probe, ports::Loop& loop, ports::Workers& workers,
                                                  net::HttpClient& http);

// What the title calls it: the URL without its query, host:port, or the command's name.
std::string describe(core::Probe const& probe);

// "host:port", "[::1]:port".
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
core::Result<HostPort> parse_host_port(std::string_view text);

// Blocks until the connection is accepted or `timeout` has passed (looking up the name counts afterwards: the system's
// resolver has its own limit). Empty: connected; otherwise why not.
std::string try_connect(HostPort const& target, core::Duration timeout);

}  // namespace triggers
