#include "bot/net/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include "bot/net/http_message.hpp"
#include "bot/net/http_target.hpp"

namespace net {
namespace {

constexpr std::size_t kMaxUrlBytes = 8u << 10;
constexpr std::size_t kMaxHostBytes = 253;  // RFC 1035 section 2.3.4, without the root's dot

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string to_lower(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Nothing for a bad escape or a NUL.
std::optional<std::string> decode(std::string_view text, bool plus_is_blank) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      int const high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    result += c;
  }
  return result;
}

}  // namespace

std::optional<std::string_view> find_header(Headers const& headers, std::string_view name) {
  auto const same = [&](auto const& header) { return std::ranges::equal(header.first, name, {}, lower, lower); };
  auto const found = std::ranges::find_if(headers, same);
  if (found == headers.end()) return std::nullopt;
  return std::string_view{found->second};
}

bool Url::is_loopback() const noexcept {
  if (host == "localhost" || host == "::1") return true;
  // A whole dotted address: 127.evil.example is a name, and 127.1 is not read as others might.
  in_addr bytes{};
  return host.starts_with("127.") && ::inet_pton(AF_INET, host.c_str(), &bytes) == 1;
}

std::string Url::host_header() const {
  std::string result = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls() ? 443 : 80)) result += ":" + std::to_string(port);
  return result;
}

std::string Url::origin() const {
  return scheme + "://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

Result<Url> parse_url(std::string_view text) {
  auto const bad = [](std::string why) { return make_error(Errc::bad_url, "The URL " + std::move(why)); };
  if (text.size() > kMaxUrlBytes) return bad("is longer than 8 KiB.");
  auto const parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed) return bad("is not an absolute URL such as https://example.org/path.");
  Url url;
  url.scheme = to_lower(std::string_view{parsed->scheme().data(), parsed->scheme().size()});
  if (url.scheme != "http" && url.scheme != "https" && url.scheme != "ws" && url.scheme != "wss")
    return bad("must begin with http://, https://, ws:// or wss://.");
  // Boost 1.81 reads "127.0.0.1.example.org" as an address and drops the rest, so the authority is taken apart here.
  auto const begin = text.find("://");
  if (begin == text.npos) return bad("has no host.");
  auto const rest = text.substr(begin + 3);
  auto const end = std::min(rest.find_first_of("/?#"), rest.size());
  auto const authority = rest.substr(0, end);
  if (authority.find('@') != authority.npos) return bad("must not hold a user name or password.");
  bool const ipv6 = authority.starts_with('[');
  auto const bracket = ipv6 ? authority.find(']') : 0;
  if (bracket == authority.npos) return bad("has a broken IPv6 address.");
  auto const colon = authority.find(':', bracket);
  auto const host = authority.substr(0, colon);
  if (ipv6 && host.size() != bracket + 1) return bad("has a broken IPv6 address.");
  url.host = to_lower(ipv6 ? host.substr(1, bracket - 1) : host);
  if (url.host.empty() || url.host.size() > kMaxHostBytes) return bad("has no host, or one that is too long.");
  // Escapes and the odd characters that RFC 3986 allows in names have no place in a host of ours.
  auto const host_char = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || (ipv6 && c == ':');
  };
  if (!std::ranges::all_of(url.host, host_char)) return bad("has a host with characters that no host name has.");
  in6_addr ipv6_bytes{};
  if (ipv6 && ::inet_pton(AF_INET6, url.host.c_str(), &ipv6_bytes) != 1) return bad("has a broken IPv6 address.");
  url.port = url.tls() ? 443 : 80;
  if (colon != authority.npos) {
    auto const digits = authority.substr(colon + 1);
    unsigned port = 0;
    auto const [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || stop != digits.data() + digits.size() || port == 0 || port > 65535)
      return bad("has a port outside 1 to 65535.");
    url.port = static_cast<std::uint16_t>(port);
  }
  auto const target = rest.substr(end);
  url.target = std::string{target.substr(0, target.find('#'))};
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

bool is_metadata_address(std::string const& address) {
  std::array<unsigned char, 16> bytes{};
  auto const v4 = [](unsigned char const* b) {
    auto const whole = static_cast<std::uint32_t>(b[0]) << 24 | static_cast<std::uint32_t>(b[1]) << 16 |
                       static_cast<std::uint32_t>(b[2]) << 8 | b[3];
    constexpr std::uint32_t kAzure = 0xA83F8110, kAlibaba = 0x646464C8, kOracle = 0xC00000C0;
    return (whole >> 16) == 0xA9FE || whole == kAzure || whole == kAlibaba || whole == kOracle;
  };
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return v4(bytes.data());
  auto const plain = address.substr(0, address.find('%'));  // without a zone
  if (inet_pton(AF_INET6, plain.c_str(), bytes.data()) != 1) return false;
  constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};  // RFC 4291 2.5.5.2
  constexpr std::array<unsigned char, 12> kNat64{0, 0x64, 0xFF, 0x9B};                        // RFC 6052 section 2.1
  constexpr std::array<unsigned char, 16> kAws{0xFD, 0, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin()) ||
      std::equal(kNat64.begin(), kNat64.end(), bytes.begin()))
    return v4(bytes.data() + 12);
  return (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80) || bytes == kAws;
}

Result<void> check_transport(Url const& url) {
  if (url.tls() || url.is_loopback()) return {};
  return make_error(Errc::insecure_transport, "Plain " + url.scheme + ":// is allowed to this machine only: use " +
                                                  url.scheme + "s:// for " + url.host + ".");
}

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string result;
  for (char const c : text) {
    bool const unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    auto const byte = static_cast<unsigned char>(c);
    if (unreserved) {
      result += c;
    } else {
      result += '%';
      result += kHex[byte >> 4];
      result += kHex[byte & 15];
    }
  }
  return result;
}

namespace detail {

std::optional<Target> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return std::nullopt;
  auto const plain = [](char c) { return c > ' ' && c != '\x7f' && c != '#'; };
  if (!std::ranges::all_of(target, plain)) return std::nullopt;
  auto const mark = target.find('?');
  auto const raw_path = target.substr(0, mark);
  Target result;
  for (std::size_t at = 1; at <= raw_path.size();) {
    auto const end = std::min(raw_path.find('/', at), raw_path.size());
    auto const segment = decode(raw_path.substr(at, end - at), /*plus_is_blank=*/false);
    if (!segment || *segment == "." || *segment == ".." || segment->find('/') != std::string::npos) return std::nullopt;
    result.path += '/';
    result.path += *segment;
    at = end + 1;
  }
  if (mark == std::string_view::npos) return result;
  auto const raw_query = target.substr(mark + 1);
  for (std::size_t at = 0; at < raw_query.size();) {
    auto const end = std::min(raw_query.find('&', at), raw_query.size());
    auto const item = raw_query.substr(at, end - at);
    at = end + 1;
    if (item.empty()) continue;
    if (result.query.size() >= kMaxQueryItems) return std::nullopt;
    auto const equals = item.find('=');
    auto name = decode(item.substr(0, equals), /*plus_is_blank=*/true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>{""}
                                                  : decode(item.substr(equals + 1), /*plus_is_blank=*/true);
    if (!name || !value) return std::nullopt;
    result.query.emplace_back(std::move(*name), std::move(*value));
  }
  return result;
}

}  // namespace detail
}  // namespace net
