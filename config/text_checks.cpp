// Checks of single values: URLs, addresses, patterns.
#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>

#include "config/parts.hpp"

namespace config {

namespace {

// A placeholder may stand for a host name or a port; "1" is both.
std::string without_placeholders(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    auto const open = text.find("{{", at);
    auto const close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) break;
    out.append(text.substr(at, open - at)).append("1");
    at = close + 2;
  }
  return out.append(text.substr(std::min(at, text.size())));
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  if (host.front() == '[') {
    if (host.back() != ']') return false;
    in6_addr address{};
    return inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &address) == 1;
  }
  return std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

bool is_port(std::string_view port) {
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos) return false;
  unsigned value = 0;
  for (char const c : port) value = value * 10 + static_cast<unsigned>(c - '0');
  return value >= 1 && value <= 65535;
}

// Splits "host:port" or "[v6]:port"; the port is empty when there is none.
std::pair<std::string_view, std::string_view> split_port(std::string_view text) {
  auto const colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(']', colon) != std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::string_view authority_of(std::string_view url) {
  auto const rest = url.substr(url.find("://") + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

}  // namespace

std::string why_not_url(std::string_view url, Scheme scheme) {
  auto const plain = without_placeholders(url);
  if (scheme == Scheme::http && !plain.starts_with("http://") && !plain.starts_with("https://"))
    return "is " + shown(url) + ", which is no http:// or https:// URL";
  if (scheme == Scheme::websocket && !plain.starts_with("ws://") && !plain.starts_with("wss://"))
    return "is " + shown(url) + ", which is no ws:// or wss:// URL";
  if (std::ranges::any_of(plain, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == '\\'; }))
    return "is " + shown(url) + ": a URL holds no blanks or backslashes";
  auto const authority = authority_of(plain);
  // Not shown: there may be a password in it.
  if (authority.find('@') != std::string_view::npos)
    return "holds a user name or password; the URL goes into messages and into the ledger";
  auto const [host, port] = split_port(authority);
  bool const has_colon = host.size() != authority.size();
  if (!is_host(host) || (has_colon && !is_port(port))) return "is " + shown(url) + ": it has no valid host and port";
  return {};
}

std::string why_not_host_port(std::string_view text) {
  auto const plain = without_placeholders(text);
  auto const [host, port] = split_port(plain);
  if (is_host(host) && is_port(port)) return {};
  return "is " + shown(text) + ", which is no host:port";
}

bool is_loopback_url(std::string_view url) {
  auto const [host, port] = split_port(authority_of(url));
  in_addr address{};
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && inet_pton(AF_INET, std::string(host).c_str(), &address) == 1);
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1";
}

void read_key_file(Map const& map, std::string_view key, Secret& out) {
  if (map.secret(key, out) && out.kind() == Secret::Kind::env)
    map.error(key, "must be a file", "write {file: /etc/countersign/tls_key.pem}");
}

bool read_listen(Map const& map, std::string& host, std::uint16_t& port) {
  std::string listen;
  if (!map.text("listen", listen)) return false;
  auto const colon = listen.rfind(':');
  auto name = listen.substr(0, colon == std::string::npos ? 0 : colon);
  auto const digits = colon == std::string::npos ? std::string() : listen.substr(colon + 1);
  bool const bracketed = name.size() > 2 && name.front() == '[' && name.back() == ']';
  if (bracketed) name = name.substr(1, name.size() - 2);
  in_addr v4{};
  in6_addr v6{};
  bool const address = (!bracketed && (name == "localhost" || inet_pton(AF_INET, name.c_str(), &v4) == 1)) ||
                       (bracketed && inet_pton(AF_INET6, name.c_str(), &v6) == 1);
  bool const number = !digits.empty() && digits.size() <= 5 &&
                      digits.find_first_not_of("0123456789") == std::string::npos && std::stoul(digits) <= 65535;
  if (!address || !number) {
    map.error("listen", "is " + shown(listen) + ", which is no address to listen on",
              "write an IP address and a port: 127.0.0.1:8080 or [::1]:8080");
    return false;
  }
  host = std::move(name);
  port = static_cast<std::uint16_t>(std::stoul(digits));
  return true;
}

std::string why_not_pattern(std::string const& re2) {
  RE2::Options options;
  options.set_log_errors(false);
  RE2 const pattern(re2, options);
  return pattern.ok() ? std::string() : "is no RE2 pattern: " + pattern.error();
}

std::set<std::string> named_groups(std::string const& re2) {
  RE2::Options options;
  options.set_log_errors(false);
  RE2 const pattern(re2, options);
  std::set<std::string> names;
  if (pattern.ok()) {
    for (auto const& [name, number] : pattern.NamedCapturingGroups()) names.insert(name);
  }
  return names;
}

}  // namespace config
