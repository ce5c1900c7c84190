// URLs of the four kinds that we speak, and the rule about plain text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bot/net/error.hpp"

namespace net {

// An absolute http, https, ws or wss URL (RFC 3986) without user information. A fragment is dropped.
struct Url {
  std::string scheme;      // lower case
  std::string host;        // lower case; an IPv6 address without brackets
  std::uint16_t port = 0;  // the scheme's own where none is named
  std::string target;      // path and query as they go on the wire; at least "/"

  bool tls() const noexcept { return scheme == "https" || scheme == "wss"; }
  bool websocket() const noexcept { return scheme == "ws" || scheme == "wss"; }
  bool is_loopback() const noexcept;  // 127.0.0.0/8, ::1 or the name localhost
  std::string host_header() const;    // "example.org", "example.org:8443", "[::1]:80"
  std::string origin() const;         // "https://example.org:443": always with the port, to compare with ==
};

Result<Url> parse_url(std::string_view text);

// Whether an IP address is one where clouds tell a machine its secrets, or any other link-local one: 169.254.0.0/16 and
// fe80::/10, also written as IPv4 in IPv6; AWS fd00:ec2::254, Azure 168.63.129.16, Alibaba 100.100.100.200, Oracle
// 192.0.0.192 (each vendor's page on instance metadata). What is no address is none.
bool is_metadata_address(std::string const& address);

// Plain http:// and ws:// go to loopback only (design, section 7). The clients enforce it; the configuration asks it
// too, to say so early. Holds an error or nothing.
Result<void> check_transport(Url const& url);

// Percent-encodes everything but unreserved characters (RFC 3986 section 2.3): for a path segment or a query value.
std::string percent_encode(std::string_view text);

}  // namespace net
