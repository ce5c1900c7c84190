#include "bot/core/http_call.hpp"

#include <algorithm>

#include "bot/core/json_reader.hpp"
#include "bot/core/request.hpp"

namespace core {

namespace {

// Where path and query begin: behind the authority (RFC 3986 section 3).
std::size_t path_begin(std::string_view url) {
  auto const scheme = url.find("://");
  auto const path = scheme == std::string_view::npos ? scheme : url.find_first_of("/?", scheme + 3);
  return std::min(path, url.size());
}

// All but unreserved characters (RFC 3986 section 2.3), so that no value adds a segment, a query or a fragment.
std::string percent_encoded(std::string_view value) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (char const c : value) {
    auto const byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~").find(c) != std::string_view::npos)
      out += c;
    else
      (out += '%').append({kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

std::string json_escaped(std::string const& value) {
  auto const quoted = dump(Json(value));
  return quoted.substr(1, quoted.size() - 2);
}

// A value that is a dot segment, or makes one with what stands beside it, would leave the approved path (section 3.3).
bool has_dot_segment(std::string_view target) {
  auto const path = target.substr(0, target.find_first_of("?#"));
  for (std::size_t at = 0; at <= path.size();) {
    auto const end = std::min(path.find('/', at), path.size());
    auto const segment = path.substr(at, end - at);
    if (segment == "." || segment == "..") return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

Json to_json(HttpCall const& call) {
  Json::Object headers;
  for (auto const& [name, value] : call.headers) headers.emplace(name, value);
  Json::Array codes(call.expect_status.begin(), call.expect_status.end());
  return Json::object({{"method", call.method},
                       {"url", call.url},
                       {"headers", std::move(headers)},
                       {"body", call.body},
                       {"json", call.json},
                       {"bearer", call.bearer.empty() ? Json() : Json(call.bearer)},
                       {"expect_status", std::move(codes)},
                       {"expect_body", call.expect_body},
                       {"max_bytes", call.max_bytes}});
}

HttpCall read_http_call(ObjectReader in) {
  HttpCall call;
  call.method = in.text("method");
  call.url = in.text("url");
  call.headers = in.text_map("headers");
  call.body = in.text("body");
  call.json = in.boolean("json");
  call.bearer = in.text_or_null("bearer");
  auto const* codes = in.any("expect_status").if_array();
  if (!codes) in.fail("expect_status is no list");
  for (auto const& code : *codes) {
    if (code.integer() < 100 || code.integer() > 999) in.fail("expect_status holds what is no status of HTTP");
    call.expect_status.push_back(static_cast<std::uint32_t>(code.integer()));
  }
  call.expect_body = in.text("expect_body");
  call.max_bytes = static_cast<std::uint64_t>(in.integer("max_bytes"));
  in.done();
  return call;
}

std::string why_not_http_call(HttpCall const& call) {
  auto const path = path_begin(call.url);
  if (call.url.substr(0, path).find("{{") != std::string::npos)
    return "the host of an http step is fixed text: a placeholder may stand in path and query alone";
  if (!call.json && call.body.find("{{") != std::string::npos)
    return "the body is sent as it stands, so it holds no placeholder; give it as json, where values are escaped";
  if (call.json && !parse_json(call.body, {.max_bytes = kMaxActionBytes})) return "the body is no JSON";
  return {};
}

Result<HttpCall> bind_http_call(HttpCall const& call, std::map<std::string, std::string> const& values) {
  if (auto why = why_not_http_call(call); !why.empty()) return make_error(Errc::bad_input, std::move(why));
  std::map<std::string, std::string> encoded, escaped;
  for (auto const& [name, value] : values) {
    encoded[name] = percent_encoded(value);
    escaped[name] = json_escaped(value);
  }
  auto bound = call;
  auto url = substitute(call.url, encoded);
  if (!url) return url.error();
  if (*url != call.url && has_dot_segment(std::string_view(*url).substr(path_begin(*url))))
    return make_error(Errc::bad_input, "a value would make a segment \".\" or \"..\" of the URL's path");
  bound.url = std::move(*url);
  if (call.json) {
    auto body = substitute(call.body, escaped);
    if (!body) return body.error();
    bound.body = std::move(*body);
  }
  return bound;
}

std::size_t action_bytes(HttpCall const& call) {
  auto total = call.method.size() + call.url.size() + call.body.size() + call.bearer.size() + call.expect_body.size();
  for (auto const& [name, value] : call.headers) total += name.size() + value.size();
  return total;
}

}  // namespace core
