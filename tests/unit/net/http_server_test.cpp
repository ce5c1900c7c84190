// The HTTP server against clients that misbehave.
#include "bot/net/http_server.hpp"

#include <algorithm>

#include "tests/unit/net/support.hpp"

using namespace net_test;

namespace {

void echo(net::HttpRequestIn request, std::shared_ptr<net::Responder> const& responder) {
  responder->respond({200, {}, request.method + " " + request.path + " " + request.body});
}

std::string status_line(std::string const& answer) { return answer.substr(0, answer.find("\r\n")); }

}  // namespace

TEST_CASE("http server: requests on one connection, pipelined, are answered in order") {
  net::Io io;
  auto const server = serve(io, [&](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
    io.call_after(1ms, [request, responder] { echo(request, responder); });
  });
  auto const peer = connect_raw(server->port());
  peer.write(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  auto const answers = read_to_end(io, peer);
  auto const one = answers.find("GET /1 "), two = answers.find("POST /2 abc"), three = answers.find("GET /3 ");
  REQUIRE(three != std::string::npos);
  CHECK(one < two);
  CHECK(two < three);
}

TEST_CASE("http server: what two readers could take differently is refused and the connection ends") {
  auto const request =
      GENERATE(as<std::string>{}, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
               "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
               "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc",
               "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
               "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
               "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
               "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n",
               "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
               "GET /../etc HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a%00 HTTP/1.1\r\nHost: h\r\n\r\n",
               "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n", "nonsense\r\n\r\n");
  CAPTURE(request);
  net::Io io;
  bool handled = false;
  auto const server = serve(io, [&](net::HttpRequestIn, std::shared_ptr<net::Responder>) { handled = true; });
  auto const peer = connect_raw(server->port());
  peer.write(request);
  auto const answer = read_to_end(io, peer);
  CHECK(status_line(answer) == "HTTP/1.1 400 Bad Request");
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK_FALSE(handled);
}

TEST_CASE("http server: sizes are limited") {
  net::Io io;
  net::HttpServerOptions options;
  options.max_body_bytes = 10;
  auto const server = serve(io, echo, options);
  auto const answer = [&](std::string const& request) {
    auto const peer = connect_raw(server->port());
    peer.write(request);
    return status_line(read_to_end(io, peer));
  };
  CHECK(answer("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n") == "HTTP/1.1 413 Payload Too Large");
  CHECK(answer("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n") ==
        "HTTP/1.1 413 Payload Too Large");
  CHECK(answer("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(17'000, 'x') + "\r\n\r\n") ==
        "HTTP/1.1 431 Request Header Fields Too Large");
  CHECK(answer("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789") ==
        "HTTP/1.1 200 OK");
}

TEST_CASE("http server: slow heads, slow bodies and idle connections are ended, others are served meanwhile") {
  net::Io io;
  net::HttpServerOptions options;
  options.header_timeout = 150ms;
  options.body_timeout = 150ms;
  options.idle_timeout = 150ms;
  auto const server = serve(io, echo, options);
  std::vector<Socket> slow;
  for (int i = 0; i < 20; ++i) slow.push_back(connect_raw(server->port()));
  for (std::size_t i = 0; i < 10; ++i) slow[i].write("GET / HTTP/1.1\r\nHo");
  for (std::size_t i = 10; i < 15; ++i) slow[i].write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab");
  auto const idle = connect_raw(server->port());
  idle.write("GET /quick HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(read_head(io, idle).starts_with("HTTP/1.1 200 OK"));
  // One byte at a time doesn't help: the phase as a whole is limited.
  std::size_t sent = 0;
  REQUIRE(run_until(io, [&] {
    if (sent < 1000) {
      ++sent;
      [[maybe_unused]] auto const rc = ::send(slow[0].get(), "s", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    return server->connections() == 0;
  }));
  CHECK(status_line(read_to_end(io, slow[1])) == "HTTP/1.1 408 Request Timeout");
  CHECK(status_line(read_to_end(io, slow[12])) == "HTTP/1.1 408 Request Timeout");
  CHECK(read_to_end(io, slow[17]).empty());
}

TEST_CASE("http server: too many connections are told so") {
  net::Io io;
  net::HttpServerOptions options;
  options.max_connections_per_address = 2;
  auto const server = serve(io, echo, options);
  auto first = connect_raw(server->port());
  auto const second = connect_raw(server->port());
  REQUIRE(run_until(io, [&] { return server->connections() == 2; }));
  auto const third = connect_raw(server->port());
  third.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(status_line(read_to_end(io, third)) == "HTTP/1.1 503 Service Unavailable");
  first = Socket{};
  REQUIRE(run_until(io, [&] { return server->connections() == 1; }));
  auto const fourth = connect_raw(server->port());
  fourth.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(status_line(read_head(io, fourth)) == "HTTP/1.1 200 OK");
}

TEST_CASE("http server: every request gets exactly one answer, whatever the handler does") {
  net::Io io;
  auto const server = serve(io, [&](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
    if (request.path == "/forget") return;
    if (request.path == "/inject") return responder->respond({200, {{"X", "a\r\nSet-Cookie: b"}}, "x"});
    responder->respond({200, {}, "first"});
    responder->respond({200, {}, "second"});
  });
  auto const client = net::make_http_client(io);
  net::HttpRequest request;
  request.url = url(*server, "/forget");
  CHECK(call(io, *client, request)->status == 500);
  request.url = url(*server, "/inject");
  auto const injected = call(io, *client, request);
  CHECK(injected->status == 500);
  CHECK_FALSE(injected->header("Set-Cookie").has_value());
  request.url = url(*server, "/twice");
  CHECK(call(io, *client, request)->body == "first");
}

TEST_CASE("http server: a stream is sent bit by bit, and its writer hears that the reader left") {
  net::Io io;
  std::unique_ptr<net::HttpStream> stream;
  bool closed = false;
  net::HttpServerOptions options;
  options.max_stream_bytes = 4u << 20;
  auto const server = serve(
      io,
      [&](net::HttpRequestIn, std::shared_ptr<net::Responder> responder) {
        stream = responder->start_stream({200, {{"Content-Type", "text/event-stream"}}, ""}, [&] { closed = true; });
      },
      options);
  std::optional<Socket> peer = connect_raw(server->port());
  peer->write("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
  auto const head = read_head(io, *peer);
  CHECK(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  REQUIRE(stream->write("data: 1\n\n"));
  auto const first = read_until(io, *peer, [](auto const& text) { return text.find("\n\n\r\n") != text.npos; });
  CHECK(first == "9\r\ndata: 1\n\n\r\n");
  SECTION("the writer ends it, and the connection serves on") {
    stream->end();
    CHECK(read_until(io, *peer, [](auto const& text) { return text.ends_with("0\r\n\r\n"); }) == "0\r\n\r\n");
    peer->write("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(read_head(io, *peer).starts_with("HTTP/1.1 200 OK"));
    CHECK_FALSE(closed);
  }
  SECTION("the reader leaves") {
    peer.reset();
    REQUIRE(run_until(io, [&] { return closed; }));
    CHECK_FALSE(stream->write("more"));
  }
  SECTION("the reader doesn't read: it is dropped when too much waits") {
    std::string const block(1u << 20, 'x');
    int written = 0;
    while (stream->write(block) && written < 100) {
      ++written;
      io.run_until([] { return false; }, 1ms);
    }
    CHECK(written < 100);
    REQUIRE(run_until(io, [&] { return closed; }));
  }
  SECTION("the writer lets go: the reader can tell that it is not complete") {
    stream.reset();
    CHECK(read_to_end(io, *peer).find("0\r\n\r\n") == std::string::npos);
  }
}

TEST_CASE("http server: stop lets answers finish, closes the idle and drops the rest at the limit") {
  net::Io io;
  std::vector<std::shared_ptr<net::Responder>> waiting;
  auto server = serve(io, [&](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
    if (request.path == "/idle") return responder->respond({200, {}, ""});
    waiting.push_back(responder);
  });
  auto const idle = connect_raw(server->port()), quick = connect_raw(server->port()),
             never = connect_raw(server->port());
  idle.write("GET /idle HTTP/1.1\r\nHost: h\r\n\r\n");
  read_head(io, idle);
  quick.write("GET /quick HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(run_until(io, [&] { return waiting.size() == 1; }));
  never.write("GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(run_until(io, [&] { return waiting.size() == 2; }));
  bool stopped = false;
  server->stop(300ms, [&] { stopped = true; });
  CHECK(read_to_end(io, idle).empty());
  waiting[0]->respond({200, {}, "late but whole"});
  CHECK(read_to_end(io, quick).ends_with("late but whole"));
  CHECK_FALSE(stopped);
  CHECK(read_to_end(io, never).empty());
  REQUIRE(run_until(io, [&] { return stopped; }));
  CHECK_FALSE(waiting[1]->connected());
  server.reset();
  waiting[1]->respond({200, {}, "to nobody"});
}

TEST_CASE("http server: an address that is taken or not ours is an error") {
  net::Io io;
  auto const server = serve(io, echo);
  net::HttpServerOptions options;
  options.port = server->port();
  CHECK_FALSE(net::make_http_server(io, options, echo).has_value());
  options.port = 0;
  options.address = "192.0.2.1";
  CHECK_FALSE(net::make_http_server(io, options, echo).has_value());
  options.address = "localhost";
  CHECK_FALSE(net::make_http_server(io, options, echo).has_value());
}

TEST_CASE("http server: a client that asks before it sends is told to go on") {
  net::Io io;
  auto const server = serve(io, echo);
  auto const peer = connect_raw(server->port());
  peer.write("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(read_head(io, peer) == "HTTP/1.1 100 Continue\r\n\r\n");
  peer.write("ok");
  CHECK(read_until(io, peer, [](auto const& text) { return text.ends_with("POST / ok"); }).starts_with("HTTP/1.1 200"));
}
