#include "bot/core/allow_list.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "bot/core/text.hpp"

namespace core {

namespace {

constexpr std::size_t kMaxEntries = 200;
constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool inside(IpBytes const& ip, IpBytes const& network, unsigned prefix) {
  for (unsigned bit = 0; bit < prefix; bit += 8) {
    auto const left = std::min(8u, prefix - bit);
    auto const mask = static_cast<unsigned char>(0xff00u >> left);
    if ((ip[bit / 8] & mask) != (network[bit / 8] & mask)) return false;
  }
  return true;
}

struct Special {
  char const* network;
  unsigned prefix;  // of 128
  char const* what;
};
// RFC 6890 for the ranges; the single addresses are where cloud vendors serve credentials to whoever asks: Amazon's
// IPv6 endpoint, Alibaba's, Oracle's, and the host itself on Azure.
constexpr Special kSpecial[] = {
    {"127.0.0.0", 96 + 8, "loopback"},          {"::1", 128, "loopback"},
    {"0.0.0.0", 96 + 8, "unspecified"},         {"::", 128, "unspecified"},
    {"169.254.0.0", 96 + 16, "link-local"},     {"fe80::", 10, "link-local"},
    {"224.0.0.0", 96 + 4, "multicast"},         {"ff00::", 8, "multicast"},
    {"255.255.255.255", 128, "broadcast"},      {"fd00:ec2::254", 128, "cloud metadata"},
    {"100.100.100.200", 128, "cloud metadata"}, {"192.0.0.192", 128, "cloud metadata"},
    {"168.63.129.16", 128, "cloud metadata"},   {"fd20:ce::254", 128, "cloud metadata"},
};

// The IPv4 address inside of 6to4 (RFC 3056), NAT64 (RFC 6052) and IPv4-compatible IPv6.
std::optional<IpBytes> inner_v4(IpBytes const& ip) {
  std::size_t at = 16;
  if (ip[0] == 0x20 && ip[1] == 0x02) at = 2;
  static constexpr std::array<unsigned char, 12> kNat64{0, 0x64, 0xff, 0x9b};
  if (std::equal(kNat64.begin(), kNat64.end(), ip.begin())) at = 12;
  bool const compatible = std::all_of(ip.begin(), ip.begin() + 12, [](unsigned char byte) { return byte == 0; });
  if (compatible && (ip[12] != 0 || ip[13] != 0)) at = 12;
  if (at == 16) return std::nullopt;
  IpBytes inner{};
  std::copy(kMapped.begin(), kMapped.end(), inner.begin());
  std::copy_n(ip.begin() + static_cast<std::ptrdiff_t>(at), 4, inner.begin() + 12);
  return inner;
}

char const* special(IpBytes const& ip) {
  for (auto const& range : kSpecial) {
    if (inside(ip, *parse_ip(range.network), range.prefix)) return range.what;
  }
  auto const inner = inner_v4(ip);
  return inner ? special(*inner) : nullptr;
}

bool is_host(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '-' || text.front() == '.') return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

template <class Number>
bool number(std::string_view text, Number most, Number& out) {
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out <= most;
}

}  // namespace

Result<IpBytes> parse_ip(std::string_view text) {
  std::string const copy(text.substr(0, 64));
  if (copy.size() != text.size() || copy.find('\0') != std::string::npos)
    return make_error(Errc::bad_input, "\"" + printable_ascii(text, 64) + "\" is no IP address.");
  IpBytes ip{};
  if (::inet_pton(AF_INET6, copy.c_str(), ip.data()) == 1) return ip;
  std::copy(kMapped.begin(), kMapped.end(), ip.begin());
  if (::inet_pton(AF_INET, copy.c_str(), ip.data() + 12) == 1) return ip;
  return make_error(Errc::bad_input, "\"" + printable_ascii(text, 64) + "\" is no IP address.");
}

Result<AllowList> AllowList::parse(std::vector<std::string> const& entries) {
  AllowList list;
  if (entries.size() > kMaxEntries)
    return make_error(Errc::too_large, "An allow list has at most " + std::to_string(kMaxEntries) + " entries.");
  for (auto const& text : entries) {
    auto const refuse = [&](std::string const& why) {
      return make_error(Errc::bad_input, "\"" + printable_ascii(text, 80) + "\" " + why);
    };
    Entry entry;
    std::string low(text);
    std::ranges::transform(low, low.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (auto const slash = low.find('/'); slash != std::string::npos) {
      auto const network = parse_ip(std::string_view(low).substr(0, slash));
      if (!network) return refuse("is no network; write one like 10.0.0.0/8 or fd00::/8");
      unsigned const most = low.find(':') == std::string::npos ? 32 : 128;
      if (!number(std::string_view(low).substr(slash + 1), most, entry.prefix))
        return refuse("has no prefix length of 0 to " + std::to_string(most));
      entry.network = *network;
      entry.prefix += 128 - most;
      if (entry.prefix == 128 - most && most == 32) return refuse("allows everything, which is no allow list");
      if (entry.prefix == 0) return refuse("allows everything, which is no allow list");
      list.entries_.push_back(std::move(entry));
      continue;
    }
    std::string_view host = low, port;
    if (host.starts_with('[')) {
      auto const close = host.find(']');
      if (close == std::string_view::npos) return refuse("has a '[' without a ']'");
      if (close + 1 < host.size() && host[close + 1] != ':') return refuse("has something else than :port behind ']'");
      if (close + 2 < host.size()) port = host.substr(close + 2);
      if (close + 2 == host.size()) return refuse("has no port behind ':'");
      host = host.substr(1, close - 1);
    } else if (auto const colon = host.find(':'); colon != std::string_view::npos && host.rfind(':') == colon) {
      port = host.substr(colon + 1);
      if (port.empty()) return refuse("has no port behind ':'");
      host = host.substr(0, colon);
    }
    if (!port.empty() && (!number<std::uint16_t>(port, 65535, entry.port) || entry.port == 0))
      return refuse("has no port of 1 to 65535");
    if (auto const ip = parse_ip(host)) {
      entry.network = *ip;
      entry.prefix = 128;
    } else if (is_host(host)) {
      entry.host = host;
    } else {
      return refuse("is no host, host:port, address or network");
    }
    list.entries_.push_back(std::move(entry));
  }
  return list;
}

std::string AllowList::why_not(std::string_view host, std::uint16_t port, std::string_view address) const {
  auto const where = printable_ascii(host, 100) + ":" + std::to_string(port);
  auto const ip = parse_ip(address.substr(0, address.find('%')));
  if (!ip) return "The address of " + where + " can't be read.";
  auto const* const kind = special(*ip);
  bool const is_loopback_name = host == "localhost" && kind != nullptr && std::string_view(kind) == "loopback";
  bool named = false;
  for (auto const& entry : entries_) {
    if (entry.port != 0 && entry.port != port) continue;
    if (entry.host.empty()) {
      if (inside(*ip, entry.network, entry.prefix)) return {};
      continue;
    }
    if (entry.host != host) continue;
    if (kind == nullptr || is_loopback_name) return {};
    named = true;
  }
  auto const leads = where + (host == address ? "" : " leads to " + printable_ascii(address, 64) + ", which");
  if (named)
    return leads + " is a " + kind + " address: the allow list must name such an address itself, a name is not enough.";
  return leads + " is not in the allow list.";
}

bool AllowList::may_allow(std::string_view host, std::uint16_t port) const {
  auto const ip = parse_ip(host);
  if (ip) return why_not(host, port, host).empty();
  return std::ranges::any_of(entries_, [&](Entry const& entry) {
    return (entry.port == 0 || entry.port == port) && (entry.host.empty() || entry.host == host);
  });
}

}  // namespace core
