// Which hosts a call of ours may reach (T50). Pure: whoever connects asks it for each address that a name led to, and
// then connects to exactly that address.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/error.hpp"

namespace core {

// An IP address; IPv4 as ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2), so that both spellings are one.
using IpBytes = std::array<unsigned char, 16>;
Result<IpBytes> parse_ip(std::string_view text);  // without brackets, prefix or zone

class AllowList {
 public:
  // Entries: "host", "host:port", "10.1.2.3", "10.1.2.3:443", "[::1]:443", "fd00::7", "10.0.0.0/8", "fd00::/8". A name
  // permits itself, whatever ordinary address it has; an address or network permits every name that leads there.
  // Without a port any port. Errors name the entry.
  static Result<AllowList> parse(std::vector<std::string> const& entries);

  // Empty when a connection for `host` (as in the URL, lower case) to `address` and `port` is allowed, else a sentence
  // that says why not. Loopback, link-local, unspecified, multicast, broadcast and the cloud vendors' metadata
  // addresses need an address or network of the list that names them: a name alone, which its owner may lead anywhere
  // at any time, is not enough (except "localhost" for loopback). IPv4 inside of IPv6 (mapped, 6to4, NAT64) counts as
  // what it holds.
  std::string why_not(std::string_view host, std::uint16_t port, std::string_view address) const;

  // Whether the list could allow this host at all, before its address is known: for a configuration's check.
  bool may_allow(std::string_view host, std::uint16_t port) const;

 private:
  struct Entry {
    std::string host;  // lower case; empty: a network
    IpBytes network{};
    unsigned prefix = 0;     // bits, of 128
    std::uint16_t port = 0;  // 0: any
  };
  std::vector<Entry> entries_;
};

}  // namespace core
