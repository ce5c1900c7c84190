// steps[].http: what an http step sends and what it expects.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "bot/core/http_call.hpp"
#include "config/parts.hpp"

namespace config {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxDepth = 16;  // of a JSON body

// Set by the client itself, or a secret that would stand in messages and in the ledger.
constexpr std::string_view kNotHere[] = {
    "host", "content-length", "connection", "transfer-encoding", "accept-encoding", "expect",
    "te",   "upgrade",        "trailer"};
constexpr std::string_view kSecret[] = {"authorization", "proxy-authorization", "cookie"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_token(std::string_view text) {  // RFC 9110 section 5.6.2
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// YAML's scalars as JSON has them: what is written in quotes is text.
std::optional<core::Json> read_json(Map const& map, Node const& node, std::string const& path, std::size_t depth = 0) {
  auto const bad = [&](std::string why, std::string hint = {}) -> std::optional<core::Json> {
    map.reading().problems.error(node.place, path + " " + std::move(why), std::move(hint));
    return std::nullopt;
  };
  if (depth > kMaxDepth) return bad("is nested too deeply");
  switch (node.kind) {
    case Node::Kind::refused: return std::nullopt;
    case Node::Kind::null: return core::Json();
    case Node::Kind::scalar: {
      if (node.quoted) return core::Json(node.text);
      if (node.text == "true" || node.text == "false") return core::Json(node.text == "true");
      std::int64_t number = 0;
      auto const* const end = node.text.data() + node.text.size();
      auto const [at, error] = std::from_chars(node.text.data(), end, number);
      if (error == std::errc{} && at == end && std::to_string(number) == node.text) {
        if (number > kMaxExact || number < -kMaxExact)
          return bad("is a number that JSON can't carry exactly", "quote it");
        return core::Json(number);
      }
      if (!node.text.empty() && (std::isdigit(static_cast<unsigned char>(node.text[0])) != 0) &&
          node.text.find_first_not_of("0123456789.eE+-") == std::string::npos)
        return bad("is " + shown(node.text) + ": a JSON body holds whole numbers only", "quote it to send it as text");
      return core::Json(node.text);
    }
    case Node::Kind::sequence: {
      core::Json::Array items;
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        auto item = read_json(map, node.items[i], path + "[" + std::to_string(i) + "]", depth + 1);
        if (!item) return std::nullopt;
        items.push_back(std::move(*item));
      }
      return core::Json(std::move(items));
    }
    case Node::Kind::map: break;
  }
  core::Json::Object members;
  for (auto const& [key, value] : node.members) {
    if (key.text.find("{{") != std::string::npos)
      return bad("has a placeholder in the name of a member; names are fixed text", "put it into the value");
    auto member = read_json(map, value, path + "." + key.text, depth + 1);
    if (!member) return std::nullopt;
    members.emplace(key.text, std::move(*member));
  }
  return core::Json(std::move(members));
}

void read_headers(Map const& map, core::HttpCall& call) {
  auto const* node = map.find("headers");
  if (!node) return;
  if (node->kind != Node::Kind::map) return map.error("headers", "is no map", "write {Accept: text/plain}");
  std::set<std::string> seen;
  for (auto const& [key, value] : node->members) {
    auto const path = map.path("headers") + "." + key.text;
    auto const bad = [&, place = key.place](std::string why, std::string hint = {}) {
      map.reading().problems.error(place, path + " " + std::move(why), std::move(hint));
    };
    auto const name = lower(key.text);
    if (!is_token(key.text)) {
      bad("is no name of a header");
    } else if (std::ranges::find(kNotHere, name) != std::end(kNotHere)) {
      bad("is set by the program itself", "leave it out");
    } else if (std::ranges::find(kSecret, name) != std::end(kSecret)) {
      bad("would be a secret in messages and in the ledger", "use bearer: {file: …}, which is sent and never shown");
    } else if (!seen.insert(name).second) {
      bad("stands there twice");
    } else if (auto const text = read_text(map.reading(), value, path, {.max_bytes = 1000})) {
      if (text->find("{{") != std::string::npos)
        map.reading().problems.error(value.place, path + " holds a placeholder; a header is fixed text",
                                     "give the parameter in path, query or json");
      call.headers.emplace(key.text, *text);
    }
  }
}

void read_body(Map const& map, core::HttpCall& call) {
  auto const* json = map.find("json");
  if (map.has("body") && json) return map.error("json", "stands beside body", "give one of them");
  bool const has_body = map.text("body", call.body, {.lines = true, .max_bytes = 16 * 1024});
  if (json) {
    auto const value = read_json(map, *json, map.path("json"));
    if (!value) return;
    call.json = true;
    call.body = core::canonical(*value);
  }
  if (!has_body && !json) return;
  if (call.method == "GET" || call.method == "HEAD")
    map.error(json ? "json" : "body", "belongs to no " + call.method, "write method: POST");
  bool const typed =
      std::ranges::any_of(call.headers, [](auto const& one) { return lower(one.first) == "content-type"; });
  if (!typed) call.headers.emplace("Content-Type", json ? "application/json" : "text/plain; charset=utf-8");
}

void read_expected(Map const& map, core::HttpCall& call) {
  auto const* node = map.find("expect_status");
  auto const one = [&](Node const& item, std::string const& path) {
    unsigned status = 0;
    auto const* const end = item.text.data() + item.text.size();
    auto const [at, error] = std::from_chars(item.text.data(), end, status);
    if (item.kind != Node::Kind::scalar || error != std::errc{} || at != end || status < 100 || status > 599)
      return map.reading().problems.error(item.place, path + " is no status of HTTP", "write a number of 100 to 599");
    call.expect_status.push_back(status);
  };
  if (node && node->kind == Node::Kind::scalar) {
    one(*node, map.path("expect_status"));
  } else if (node) {
    map.each_item("expect_status", one);
    if (node->kind == Node::Kind::sequence && node->items.empty())
      map.error("expect_status", "names no status", "leave it out for any 2xx");
  }
  if (map.text("expect_body", call.expect_body)) {
    if (auto why = why_not_pattern(call.expect_body); !why.empty()) map.error("expect_body", why);
  }
  map.size("max_bytes", call.max_bytes, 1, 1 << 20);
}

}  // namespace

void read_http_call(Map const& map, core::Step& step) {
  auto& call = step.http;
  constexpr std::array<char const*, 6> kMethods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  if (auto const method = map.word("method", {kMethods.begin(), kMethods.end()})) call.method = kMethods[*method];
  if (map.text("url", call.url)) {
    if (auto why = why_not_url(call.url); !why.empty()) {
      map.error("url", why);
    } else if (call.url.find('#') != std::string::npos) {
      map.error("url", "holds a fragment, which is never sent", "leave it out");
    } else if (call.url.starts_with("http:") && !is_loopback_url(call.url)) {
      map.error("url", "is plain http to another host", "use https; plain http is for loopback only");
    }
  }
  read_headers(map, call);
  read_body(map, call);
  Secret bearer;
  if (map.secret("bearer", bearer)) {
    if (bearer.kind() == Secret::Kind::env)
      map.error("bearer", "must be a file: the runner has no environment, and reads the token itself",
                "write {file: /etc/countersign/lb_token}, readable by the runner's user");
    call.bearer = bearer.name();
  }
  read_expected(map, call);
  map.duration("timeout", step.timeout, 1ms, 24h);
  if (auto const why = core::why_not_http_call(call); !why.empty())
    map.error(call.json || call.body.find("{{") == std::string::npos ? "url" : "body", why);
}

}  // namespace config
