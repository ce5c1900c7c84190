// The HTTP client against peers that misbehave.
#include "bot/net/http_client.hpp"

#include "tests/unit/net/support.hpp"

using namespace net_test;
using net::Errc;

namespace {

net::HttpRequest get(std::string url, net::Duration timeout = 5s) {
  net::HttpRequest request;
  request.url = std::move(url);
  request.timeout = timeout;
  return request;
}

net::HttpRequest post(std::string url, std::string body) {
  auto request = get(std::move(url));
  request.method = "POST";
  request.body = std::move(body);
  return request;
}

// Answers the first connection with these bytes and then ends it (or not).
net::Result<net::HttpResponse> call_raw(net::HttpRequest request, std::string const& answer, bool then_close = true) {
  net::Io io;
  RawListener const listener;
  auto const client = net::make_http_client(io);
  request.url = listener.url("http");
  std::optional<Socket> peer;
  return call(io, *client, std::move(request), [&] {
    peer = accept(io, listener);
    read_head(io, *peer);
    peer->write(answer);
    if (then_close) peer.reset();
  });
}

}  // namespace

TEST_CASE("http client: request and answer, headers and body, over one kept connection") {
  net::Io io;
  std::vector<net::HttpRequestIn> seen;
  auto const server = serve(io, [&](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
    seen.push_back(request);
    responder->respond({201, {{"X-Answer", "yes"}}, "got " + request.body});
  });
  auto const client = net::make_http_client(io);
  for (int i = 0; i < 5; ++i) {
    auto request = post(url(*server, "/p?q=1"), "body");
    request.headers = {{"X-Ask", "please"}};
    auto const answer = call(io, *client, request);
    REQUIRE(answer.has_value());
    CHECK(answer->status == 201);
    CHECK(answer->header("x-answer") == "yes");
    CHECK(answer->body == "got body");
    CHECK(server->connections() == 1);
  }
  REQUIRE(seen.size() == 5);
  CHECK(seen[0].path == "/p");
  CHECK(seen[0].query_value("q") == "1");
  CHECK(seen[0].header("X-ASK") == "please");
  CHECK(seen[0].remote_address == "127.0.0.1");
  auto request = get(url(*server));
  request.method = "HEAD";
  auto const head = call(io, *client, request);
  REQUIRE(head.has_value());
  CHECK(head->body.empty());
  CHECK(head->header("Content-Length") == "4");
}

TEST_CASE("http client: a redirect is an answer, not an order") {
  auto const answer =
      call_raw(get(""), "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(answer.has_value());
  CHECK(answer->status == 302);
}

TEST_CASE("http client: more calls than connections wait in line, and all are answered") {
  net::Io io;
  std::size_t most = 0;
  std::unique_ptr<net::HttpServer> server;
  server = serve(io, [&](net::HttpRequestIn, std::shared_ptr<net::Responder> responder) {
    most = std::max(most, server->connections());
    io.call_after(1ms, [responder] { responder->respond({200, {}, "ok"}); });
  });
  net::HttpClientOptions options;
  options.max_connections_per_origin = 2;
  options.max_waiting = 10;
  auto const client = net::make_http_client(io, options);
  int good = 0, full = 0;
  for (int i = 0; i < 15; ++i) {
    client->request(get(url(*server)), [&](net::Result<net::HttpResponse> result) {
      if (result) ++good;
      if (!result && result.error().code == Errc::outbox_full) ++full;
    });
  }
  REQUIRE(io.run_until([&] { return good + full == 15; }, kPatience));
  CHECK(good == 12);
  CHECK(full == 3);
  CHECK(most == 2);
}

TEST_CASE("http client: what never leaves this machine") {
  net::Io io;
  auto const client = net::make_http_client(io);
  auto const code = [&](net::HttpRequest request) {
    auto const result = call(io, *client, std::move(request));
    REQUIRE_FALSE(result.has_value());
    CHECK_FALSE(result.error().sent_maybe);
    return result.error().code;
  };
  CHECK(code(get("nonsense")) == Errc::bad_url);
  CHECK(code(get("ws://127.0.0.1:1/")) == Errc::bad_url);
  CHECK(code(get("http://192.0.2.1/")) == Errc::insecure_transport);
  auto request = get("http://127.0.0.1:1/");
  request.headers = {{"X", "a\r\nInjected: b"}};
  CHECK(code(request) == Errc::protocol);
  request.headers = {{"Content-Length", "0"}};
  CHECK(code(request) == Errc::protocol);
  request.headers = {};
  request.method = "GET / HTTP/1.1\r\n";
  CHECK(code(request) == Errc::protocol);
}

TEST_CASE("http client: a refused connection is said at once, and nothing was sent") {
  net::Io io;
  std::uint16_t port = 0;
  {
    RawListener const gone;
    port = gone.port();
  }
  auto const client = net::make_http_client(io);
  auto const result = call(io, *client, get("http://127.0.0.1:" + std::to_string(port) + "/"));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Errc::connect_failed);
  CHECK_FALSE(result.error().sent_maybe);
}

TEST_CASE("http client: the deadline covers connecting and a silent peer") {
  net::Io io;
  RawListener const listener{0};
  auto const client = net::make_http_client(io);
  SECTION("a full backlog: the connection is never made") {
    // Linux keeps one more than the backlog; what comes after gets no answer to its SYN.
    std::vector<Socket> fillers;
    for (int i = 0; i < 4; ++i) {
      Socket filler{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
      auto const address = loopback(listener.port());
      ::connect(filler.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address);
      fillers.push_back(std::move(filler));
    }
    auto const result = call(io, *client, get(listener.url("http"), 200ms));
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == Errc::timed_out);
    CHECK_FALSE(result.error().sent_maybe);
  }
  SECTION("accepted by the system, answered by nobody: it may have been read") {
    auto const result = call(io, *client, get(listener.url("http"), 200ms));
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == Errc::timed_out);
    CHECK(result.error().sent_maybe);
  }
}

TEST_CASE("http client: answers that are too large, cut, slow or no HTTP") {
  auto small = get("");
  small.max_response_bytes = 10;
  auto const [answer, keep_open, code] = GENERATE(table<std::string, bool, Errc>(
      {{"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", true, Errc::too_large},
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n", true, Errc::too_large},
       {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n", true, Errc::too_large},
       {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", false, Errc::closed},
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false, Errc::closed},
       {"", false, Errc::closed},
       {"220 mail.example.org ESMTP\r\n\r\n", false, Errc::protocol},
       {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", false, Errc::protocol},
       {"HTTP/1.1 101 Switching Protocols\r\n\r\n", false, Errc::protocol}}));
  CAPTURE(answer.substr(0, 100));
  auto const result = call_raw(small, answer, !keep_open);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == code);
  CHECK(result.error().sent_maybe);
  small.timeout = 200ms;
  auto const slow = call_raw(small, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", /*then_close=*/false);
  REQUIRE_FALSE(slow.has_value());
  CHECK(slow.error().code == Errc::timed_out);
}

TEST_CASE("http client: a kept connection that died is replaced for GET, reported for POST") {
  net::Io io;
  RawListener const listener;
  auto const client = net::make_http_client(io);
  std::string const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  std::optional<Socket> peer;
  REQUIRE(call(io, *client, get(listener.url("http")), [&] {
            peer = accept(io, listener);
            read_head(io, *peer);
            peer->write(ok);
          }).has_value());
  SECTION("it died before: a new one is made for any method") {
    peer.reset();
    auto const result = call(io, *client, post(listener.url("http"), "x"), [&] {
      peer = accept(io, listener);
      read_head(io, *peer);
      peer->write(ok);
    });
    CHECK(result.has_value());
  }
  SECTION("it dies under a GET: tried again") {
    auto const result = call(io, *client, get(listener.url("http")), [&] {
      read_head(io, *peer);
      peer = accept(io, [&]() -> RawListener const& {
        peer.reset();
        return listener;
      }());
      read_head(io, *peer);
      peer->write(ok);
    });
    CHECK(result.has_value());
  }
  SECTION("it dies under a POST: the caller must know that it may have been carried out") {
    auto const result = call(io, *client, post(listener.url("http"), "x"), [&] {
      read_head(io, *peer);
      peer.reset();
    });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().sent_maybe);
    CHECK_FALSE(listener.accept_now().has_value());
  }
}

TEST_CASE("http client: a cancelled call never calls back, nor does one whose client is gone") {
  net::Io io;
  RawListener const listener;
  auto client = net::make_http_client(io);
  bool called = false;
  auto const id = client->request(get(listener.url("http")), [&](net::Result<net::HttpResponse>) { called = true; });
  auto const peer = accept(io, listener);
  SECTION("cancelled") { client->cancel(id); }
  SECTION("gone") { client.reset(); }
  // The connection goes with it, which the peer sees.
  read_to_end(io, peer);
  CHECK_FALSE(called);
}
