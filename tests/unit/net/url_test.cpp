#include "bot/net/url.hpp"

#include "tests/support/catch.hpp"

TEST_CASE("url: the parts of good ones") {
  auto const url = net::parse_url("HTTPS://Example.ORG:8443/a%20b?c=d#e");
  REQUIRE(url.has_value());
  CHECK(url->scheme == "https");
  CHECK(url->host == "example.org");
  CHECK(url->port == 8443);
  CHECK(url->target == "/a%20b?c=d");
  CHECK(url->host_header() == "example.org:8443");
  auto const bare = net::parse_url("wss://[::1]");
  REQUIRE(bare.has_value());
  CHECK(bare->host == "::1");
  CHECK(bare->port == 443);
  CHECK(bare->target == "/");
  CHECK(bare->host_header() == "[::1]");
  CHECK(bare->origin() == "wss://[::1]:443");
  CHECK(net::parse_url("http://h?q")->target == "/?q");
}

TEST_CASE("url: what is refused") {
  auto const text = GENERATE(as<std::string>{}, "", "/path", "example.org", "ftp://h/", "file:///etc/passwd",
                             "http:///p", "http://user:pw@h/", "http://h:0/", "http://h:65536/", "http://h:x/",
                             "http://h h/", "http://h/\r\nX: y", "http://%68/", "http://h/%zz", "javascript:alert(1)");
  CAPTURE(text);
  auto const url = net::parse_url(text);
  REQUIRE_FALSE(url.has_value());
  CHECK(url.error().code == net::Errc::bad_url);
  CHECK_FALSE(net::parse_url("http://h/" + std::string(9000, 'a')).has_value());
}

TEST_CASE("url: plain text goes to loopback only") {
  auto const [text, allowed] = GENERATE(table<std::string, bool>({{"https://example.org/", true},
                                                                  {"wss://example.org/", true},
                                                                  {"http://127.0.0.1:80/", true},
                                                                  {"ws://127.8.9.10/", true},
                                                                  {"http://localhost/", true},
                                                                  {"ws://[::1]:1/", true},
                                                                  {"http://example.org/", false},
                                                                  {"ws://10.0.0.1/", false},
                                                                  {"http://127.0.0.1.example.org/", false},
                                                                  {"http://localhost.example.org/", false},
                                                                  {"http://0.0.0.0/", false},
                                                                  {"http://[::]/", false}}));
  CAPTURE(text);
  CHECK(net::check_transport(*net::parse_url(text)).has_value() == allowed);
}

TEST_CASE("url: percent-encoding leaves only unreserved characters") {
  CHECK(net::percent_encode("aZ9-._~") == "aZ9-._~");
  CHECK(net::percent_encode("!a b/\xc3\xa9:") == "%21a%20b%2F%C3%A9%3A");
}
