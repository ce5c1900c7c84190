// The collector `http` against real sockets; names are played, because a name that leads elsewhere each time is the
// point.
#include "collectors/http.hpp"

#include "bot/core/text.hpp"
#include "tests/unit/collectors/peer.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace collectors_test;
using namespace std::chrono_literals;

namespace {

core::AllowList allow(std::vector<std::string> entries) { return core::AllowList::parse(entries).value(); }

core::Exhibit get(HttpSettings settings, std::map<std::string, std::string> labels = {}) {
  auto with = context();
  with.labels = std::move(labels);
  return make_http_collector(std::move(settings))->collect(with);
}

}  // namespace

TEST_CASE("http: status, address and body: JSON is indented, labels are encoded, a token is sent and never shown") {
  Peer const peer(answer(R"({"a":[1,2.50,{}],"b":"x\"y","token":"abc"})", "Content-Type: application/json\r\n"));
  HttpSettings settings{.url = peer.at("127.0.0.1") + "/v1/{{service}}?q={{q}}", .allow = allow({"127.0.0.1"})};
  settings.bearer = [] { return core::Result<std::string>("s3cr3t-token-of-ours"); };
  auto const exhibit = get(settings, {{"service", "a/b"}, {"q", "x&y=z\r\nEvil: 1"}});
  CAPTURE(exhibit.error, exhibit.bytes);
  CHECK(exhibit.error.empty());
  CHECK(
      exhibit.bytes ==
      "HTTP 200 (ok), from 127.0.0.1, application/json, 42 bytes\n\n{\n  \"a\": [\n    1,\n    2.50,\n    {}\n  ],\n  "
      "\"b\": \"x\\\"y\",\n  \"token\": \"[redacted]\"\n}\n");
  CHECK(peer.request().starts_with("GET /v1/a%2Fb?q=x%26y%3Dz%0D%0AEvil%3A%201 HTTP/1.1\r\n"));
  CHECK(peer.request().find("Authorization: Bearer s3cr3t-token-of-ours\r\n") != std::string::npos);
  Peer const echo(answer("you sent s3cr3t-token-of-ours", "", "503 Service Unavailable"));
  settings.url = echo.at("127.0.0.1");
  auto const said = get(settings);
  CHECK(said.error.empty());
  CHECK(said.bytes.starts_with("HTTP 503 (the server failed), from 127.0.0.1"));
  CHECK(said.bytes.ends_with("you sent [redacted]"));
  settings.bearer = [] { return core::Result<std::string>(core::make_error(core::Errc::not_found, "No such file.")); };
  CHECK(get(settings).error == "No such file.");
  CHECK(echo.connections() == 1);
}

TEST_CASE("T32 http: a token that the peer sends back is blanked before anything is cut") {
  std::string const token = "s3cr3t-token-of-ours";
  auto const fill = std::string((8 << 10) - 70, '.');
  for (std::size_t shift = 0; shift < 60; shift += 10) {
    Peer const peer(answer(fill + std::string(shift, '.') + token + "\n" + fill,
                           "Content-Type: text/" + std::string(75 + shift % 20, 'c') + token + "\r\nLocation: /" +
                               std::string(240 + shift, 'b') + token + "\r\n",
                           "302 Found"));
    HttpSettings settings{.url = peer.at("127.0.0.1"), .allow = allow({"127.0.0.1"})};
    settings.bearer = [&] { return core::Result<std::string>(token); };
    settings.max_bytes = 8 << 10;
    auto const exhibit = get(settings);
    CAPTURE(exhibit.error, exhibit.bytes);
    CHECK(exhibit.truncated);
    CHECK(exhibit.bytes.find("s3cr") == std::string::npos);
  }
}

TEST_CASE("http: what a URL takes from labels") {
  CHECK(expand_url("https://h/{{a}}", {{"a", "x y/z"}}).value() == "https://h/x%20y%2Fz");
  CHECK(expand_url("https://h?a={{a}}", {{"a", "\xff"}}).value() == "https://h?a=%FF");
  for (auto const* value : {".", ".."}) CHECK_FALSE(expand_url("https://h/{{a}}/x", {{"a", value}}).has_value());
  CHECK_FALSE(expand_url("https://{{a}}/", {{"a", "evil.example"}}).has_value());
  CHECK_FALSE(expand_url("https://h:{{a}}/", {{"a", "80"}}).has_value());
  CHECK_FALSE(expand_url("{{a}}", {{"a", "https://h/"}}).has_value());
  CHECK_FALSE(expand_url("https://h/{{b}}", {{"a", "x"}}).has_value());
}

TEST_CASE("http: indented JSON keeps every scalar as it was") {
  CHECK(indent_json("{}") == "{}\n");
  CHECK(indent_json(" [ ] ") == "[]\n");
  CHECK(indent_json(R"({"n":1e400,"s":"\u0000"})") == indent_json(indent_json(R"({"n":1e400,"s":"\u0000"})")));
  CHECK(indent_json("no json") == "no json");
  CHECK(indent_json("{\"a\":1") == "{\"a\":1");
  CHECK(indent_json(std::string(5000, '[')).size() == 5000);
}

TEST_CASE("T50 http: the address decides, not the name, and what was looked at is what is connected to") {
  Peer const inner(answer("the inner service"));
  HttpSettings settings{.url = "https://status.example.org:" + inner.port() + "/"};
  int asked = 0;
  std::vector<std::vector<std::string>> answers;
  settings.resolve = [&](std::string const&) -> net::Result<std::vector<std::string>> {
    return answers[std::min<std::size_t>(static_cast<std::size_t>(asked++), answers.size() - 1)];
  };
  // The name is allowed, but its owner led it to us.
  answers = {{"127.0.0.1"}};
  settings.allow = allow({"status.example.org"});
  auto const rebound = get(settings);
  CHECK(rebound.error.find("leads to 127.0.0.1, which is a loopback address") != std::string::npos);
  CHECK(inner.connections() == 0);
  // A name that changes its mind between look and call: there is one look-up, and its answer is what is dialled.
  asked = 0;
  answers = {{"192.0.2.7"}, {"127.0.0.1"}};
  settings.allow = allow({"192.0.2.0/24"});
  settings.timeout = 300ms;
  CHECK_FALSE(get(settings).error.empty());
  CHECK(asked == 1);
  CHECK(inner.connections() == 0);
  // Of several addresses only the allowed one is used.
  settings.url = inner.at("localhost") + "/";
  asked = 0;
  answers = {{"169.254.169.254", "::1", "127.0.0.1"}};
  settings.allow = allow({"127.0.0.1:" + inner.port()});
  settings.timeout = 10s;
  CHECK(get(settings).bytes.find("the inner service") != std::string::npos);
  CHECK(inner.connections() == 1);
  // Another port of an allowed address is another service.
  settings.allow = allow({"127.0.0.1:1"});
  CHECK(get(settings).error.find("is not in the allow list") != std::string::npos);
  settings.allow = allow({});
  CHECK_FALSE(get(settings).error.empty());
  CHECK(inner.connections() == 1);
}

TEST_CASE("T50 allow list: ranges that need to be named, however they are spelled") {
  auto const names = allow({"a.example", "10.0.0.0/8"});
  CHECK(names.why_not("a.example", 443, "93.184.216.34").empty());
  CHECK(names.why_not("a.example", 443, "192.168.7.1").empty());
  CHECK(names.why_not("b.example", 443, "10.1.2.3").empty());
  CHECK_FALSE(names.why_not("b.example", 443, "11.1.2.3").empty());
  CHECK_FALSE(names.why_not("a.example.evil.example", 443, "93.184.216.34").empty());
  for (auto const* inner : {"127.0.0.1",
                            "127.8.8.8",
                            "::1",
                            "0.0.0.0",
                            "::",
                            "169.254.169.254",
                            "169.254.1.1",
                            "fe80::1",
                            "fe80::1%eth0",
                            "::ffff:169.254.169.254",
                            "::ffff:7f00:1",
                            "64:ff9b::a9fe:a9fe",
                            "2002:a9fe:a9fe::1",
                            "::169.254.169.254",
                            "fd00:ec2::254",
                            "100.100.100.200",
                            "192.0.0.192",
                            "168.63.129.16",
                            "224.0.0.1",
                            "ff02::1",
                            "255.255.255.255",
                            "no address",
                            ""}) {
    CAPTURE(inner);
    CHECK_FALSE(names.why_not("a.example", 443, inner).empty());
  }
  CHECK(allow({"169.254.169.254:80"}).why_not("meta.example", 80, "::ffff:169.254.169.254").empty());
  CHECK_FALSE(allow({"169.254.169.254:80"}).why_not("meta.example", 81, "169.254.169.254").empty());
  CHECK(allow({"localhost:80"}).why_not("localhost", 80, "::1").empty());
  CHECK_FALSE(allow({"localhost:80"}).why_not("localhost", 80, "169.254.169.254").empty());
  CHECK(allow({"[fd00::7]:443"}).why_not("x.example", 443, "fd00::7").empty());
  CHECK(allow({"A.Example:443"}).why_not("a.example", 443, "198.51.100.1").empty());
  for (auto const* bad : {"", "a b", "http://a/", "a:0", "a:70000", "a:", "10.0.0.0/33", "0.0.0.0/0", "::/0", "a/8",
                          "[::1", "[::1]x", "-a", "a:b:c", "*.example.org"}) {
    CAPTURE(bad);
    CHECK_FALSE(core::AllowList::parse({bad}).has_value());
  }
}

TEST_CASE("T50 http: a redirect is shown and not followed") {
  Peer const inner(answer("secret place"));
  Peer const peer(answer("moved", "Location: " + inner.at("127.0.0.1") + "/\r\n", "302 Found"));
  auto const exhibit = get({.url = peer.at("127.0.0.1"), .allow = allow({"127.0.0.1"})});
  CHECK(exhibit.error.empty());
  CHECK(exhibit.bytes.starts_with("HTTP 302 (a redirect, which is not followed)"));
  CHECK(exhibit.bytes.find("Location: " + inner.at("127.0.0.1")) != std::string::npos);
  CHECK(inner.connections() == 0);
}

TEST_CASE("T65 F29 F30 http: a peer that hangs, floods, compresses or speaks something else") {
  auto const from = [](Peer const& peer, core::Duration timeout = 10s) {
    return get({.url = peer.at("127.0.0.1"), .allow = allow({"127.0.0.1"}), .timeout = timeout, .max_bytes = 4096});
  };
  CHECK(from(Peer("", true), 300ms).error.find("in time") != std::string::npos);
  CHECK(from(Peer("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart", true), 300ms).error.find("in time") !=
        std::string::npos);
  CHECK_FALSE(from(Peer("SSH-2.0-OpenSSH\r\n")).error.empty());
  CHECK_FALSE(from(Peer("HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n")).error.empty());
  CHECK(from(Peer(answer(std::string(8 << 20, 'x')))).error.find("larger than the limit") != std::string::npos);
  auto const long_body = from(Peer(answer(std::string(1 << 20, 'x'))));
  CHECK(long_body.truncated);
  CHECK(long_body.bytes.size() <= 4096);
  CHECK(long_body.total_bytes > 1'000'000);
  auto const zipped = from(Peer(answer(std::string(500, '\0'), "Content-Encoding: gzip\r\n")));
  CHECK(zipped.error.find("compressed (gzip)") != std::string::npos);
  CHECK(zipped.bytes.starts_with("HTTP 200"));
  CHECK(from(Peer(answer(std::string(500, '\1')))).error.find("binary") != std::string::npos);
  auto const hostile = from(Peer(answer("ok", "Content-Type: text/\x1b[2J\xff\r\n")));
  CHECK_FALSE(core::has_control(hostile.bytes + hostile.error, "\n\t"));
}
