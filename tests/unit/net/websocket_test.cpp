// WebSockets of both sides, and peers that go silent, flood, or never say goodbye.
#include "bot/net/websocket.hpp"

#include <netinet/tcp.h>

#include "bot/net/dial_rules.hpp"
#include "tests/unit/net/support.hpp"
#include "tests/unit/net/websocket_peer.hpp"

using namespace net_test;
using namespace std::string_literals;
using net::Errc;

namespace {

struct Server {
  net::Io& io;
  Heard heard{};
  net::WebSocketOptions options{};
  std::unique_ptr<net::WebSocket> socket{};
  std::unique_ptr<net::HttpServer> http = serve(io, [this](net::HttpRequestIn request, auto responder) {
    last = request;
    if (request.path == "/no") return responder->respond({429, {{"Retry-After", "7"}}, ""});
    socket = responder->accept_websocket(options, heard.handler());
  });
  net::HttpRequestIn last{};

  std::string url(std::string const& path = "/") const { return net_test::url(*http, path, "ws"); }
};

}  // namespace

TEST_CASE("websocket: messages go both ways, text and binary, before and after it opens") {
  net::Io io;
  Server server{io};
  Heard heard;
  auto const dialer = net::make_websocket_dialer(io);
  net::WebSocketOptions options;
  options.headers = {{"Authorization", "Bearer t"}};
  auto const socket = dialer->dial(server.url("/path?q=1"), options, heard.handler());
  bool written = false;
  socket->send("early", [&] { written = true; });
  socket->send_binary(std::string{"\0\xff", 2});
  REQUIRE(run_until(io, [&] { return server.heard.messages.size() == 2; }));
  CHECK(heard.open);
  CHECK(written);
  CHECK(server.last.header("authorization") == "Bearer t");
  CHECK(server.last.target == "/path?q=1");
  CHECK(server.heard.messages[0] == "early");
  CHECK_FALSE(server.heard.binary[0]);
  CHECK(server.heard.binary[1]);
  for (int i = 0; i < 100; ++i) server.socket->send(std::to_string(i));
  REQUIRE(run_until(io, [&] { return heard.messages.size() == 100; }));
  CHECK(heard.messages[99] == "99");

  server.socket->close(4001, "enough");
  REQUIRE(run_until(io, [&] { return heard.end && server.heard.end; }));
  CHECK_FALSE(heard.end->error.code);
  CHECK(heard.end->close_code == 4001);
  CHECK(heard.end->close_reason == "enough");
  CHECK_FALSE(server.heard.end->error.code);
  socket->send("to nobody");
  CHECK(run_until(io, [&] { return server.http->connections() == 0; }));
}

TEST_CASE("websocket: closing sends first what is queued") {
  net::Io io;
  Server server{io};
  Heard heard;
  auto const socket = net::make_websocket_dialer(io)->dial(server.url(), {}, heard.handler());
  REQUIRE(run_until(io, [&] { return heard.open; }));
  for (int i = 0; i < 50; ++i) socket->send("m");
  socket->close();
  CHECK_FALSE(socket->is_open());
  REQUIRE(run_until(io, [&] { return server.heard.end && heard.end; }));
  CHECK(server.heard.messages.size() == 50);
  CHECK(server.heard.end->close_code == 1000);
}

TEST_CASE("websocket: why it never opened is said") {
  net::Io io;
  Server server{io};
  auto const dialer = net::make_websocket_dialer(io);
  auto const end = [&](std::string const& url, net::WebSocketOptions const& options = {}) {
    Heard heard;
    auto const socket = dialer->dial(url, options, heard.handler());
    CHECK_FALSE(heard.end.has_value());
    REQUIRE(run_until(io, [&] { return heard.end.has_value(); }));
    CHECK_FALSE(heard.open);
    return *heard.end;
  };
  CHECK(end("http://127.0.0.1/").error.code == Errc::bad_url);
  CHECK(end("ws://192.0.2.1/").error.code == Errc::insecure_transport);
  auto const refused = end(server.url("/no"));
  CHECK(refused.error.code == Errc::refused);
  CHECK(refused.http_status == 429);
  CHECK(net::find_header(refused.http_headers, "retry-after") == "7");
  std::uint16_t port = 0;
  {
    RawListener const gone;
    port = gone.port();
  }
  CHECK(end("ws://127.0.0.1:" + std::to_string(port) + "/").error.code == Errc::connect_failed);
  RawListener const silent;
  net::WebSocketOptions hasty;
  hasty.handshake_timeout = 150ms;
  CHECK(end(silent.url("ws"), hasty).error.code == Errc::timed_out);
  hasty.headers = {{"X", "a\r\nb"}};
  CHECK(end(silent.url("ws"), hasty).error.code == Errc::protocol);
}

TEST_CASE("websocket: a half-open link is noticed within the idle limit, after a ping") {
  net::Io io;
  RawListener const listener;
  Heard heard;
  net::WebSocketOptions options;
  options.idle_limit = 300ms;
  auto const socket = net::make_websocket_dialer(io)->dial(listener.url("ws"), options, heard.handler());
  auto const peer = accept_upgrade(io, listener);
  REQUIRE(run_until(io, [&] { return heard.open; }));
  auto const from = std::chrono::steady_clock::now();
  REQUIRE(run_until(io, [&] { return heard.end.has_value(); }));
  CHECK(heard.end->error.code == Errc::idle);
  CHECK(std::chrono::steady_clock::now() - from < 2s);
  auto const bytes = read_to_end(io, peer);
  REQUIRE(bytes.size() >= 2);
  CHECK(bytes[0] == static_cast<char>(0x89));  // FIN and opcode 9, ping: RFC 6455 section 5.5.2
}

namespace {

// The socket of this process that `peer` is connected to.
int other_end(Socket const& peer) {
  sockaddr_in wanted{};
  socklen_t size = sizeof wanted;
  REQUIRE(::getpeername(peer.get(), reinterpret_cast<sockaddr*>(&wanted), &size) == 0);
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in name{};
    size = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0 && name.sin_family == AF_INET &&
        name.sin_port == wanted.sin_port)
      return fd;
  }
  FAIL("nobody is at the other end");
  return -1;
}

}  // namespace

TEST_CASE("F18 what we dial: the kernel misses a peer that is gone within 30 s, whatever is spoken over it") {
  net::Io io;
  RawListener const listener;
  Heard heard;
  net::WebSocketOptions options;
  options.keep_alive = net::KeepAlive::pong;
  auto const dialer = net::make_websocket_dialer(io);
  auto const client = net::make_http_client(io);
  std::unique_ptr<net::WebSocket> socket;
  if (GENERATE(true, false)) {
    socket = dialer->dial(listener.url("ws"), options, heard.handler());
  } else {
    net::HttpRequest request;
    request.url = listener.url("http");
    client->request(std::move(request), [](net::Result<net::HttpResponse> const&) {});
  }
  auto const peer = accept(io, listener);
  read_head(io, peer);
  auto const option = [ours = other_end(peer)](int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(ours, level, name, &value, &size) == 0);
    return value;
  };
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
  int const limit = option(IPPROTO_TCP, TCP_USER_TIMEOUT);  // ms
  REQUIRE(limit > 0);
  // Silence ends it at the first probe past the limit. Bytes of ours right before have the limit once more, from the
  // moment when they are sent again.
  int probe = option(IPPROTO_TCP, TCP_KEEPIDLE);
  while (probe * 1000 < limit) probe += option(IPPROTO_TCP, TCP_KEEPINTVL);
  CHECK(probe * 1000 + limit + 1000 <= 30'000);
}

TEST_CASE("a patient client leaves it to the call's own limit when a peer that says nothing is given up") {
  net::Io io;
  RawListener const listener;
  auto const client = net::make_http_client(io, {}, net::DialRules{.patient = true});
  net::HttpRequest request;
  request.url = listener.url("http");
  client->request(std::move(request), [](net::Result<net::HttpResponse> const&) {});
  auto const peer = accept(io, listener);
  read_head(io, peer);
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(::getsockopt(other_end(peer), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size) == 0);
  CHECK(value == 0);
}

TEST_CASE("websocket: with pongs instead of pings nothing is asked, and silence is no end") {
  net::Io io;
  RawListener const listener;
  Heard heard;
  net::WebSocketOptions options;
  options.idle_limit = 60ms;
  options.keep_alive = net::KeepAlive::pong;
  auto const socket = net::make_websocket_dialer(io)->dial(listener.url("ws"), options, heard.handler());
  auto const peer = accept_upgrade(io, listener);
  auto const bytes = read_until(io, peer, [](std::string const& text) { return text.size() >= 60; });
  for (std::size_t at = 0; at + 6 <= bytes.size(); at += 6)  // masked and empty: six bytes each
    REQUIRE(bytes[at] == static_cast<char>(0x8a));           // opcode 10, pong
  CHECK_FALSE(heard.end.has_value());
}

TEST_CASE("websocket: a message beyond the limit ends the connection") {
  net::Io io;
  Server server{io};
  server.options.max_message_bytes = 100;
  Heard heard;
  auto const socket = net::make_websocket_dialer(io)->dial(server.url(), {}, heard.handler());
  socket->send(std::string(100, 'x'));
  socket->send(std::string(101, 'x'));
  REQUIRE(run_until(io, [&] { return server.heard.end && heard.end; }));
  CHECK(server.heard.messages.size() == 1);
  CHECK(server.heard.end->error.code == Errc::too_large);
}

TEST_CASE("websocket: a peer that doesn't read ends with a full outbox, by count and by bytes") {
  net::Io io;
  RawListener const listener;
  Heard heard;
  net::WebSocketOptions options;
  bool const by_count = GENERATE(true, false);
  if (by_count)
    options.max_outbox_messages = 10;
  else
    options.max_outbox_bytes = 1u << 20;
  auto const socket = net::make_websocket_dialer(io)->dial(listener.url("ws"), options, heard.handler());
  auto const peer = accept_upgrade(io, listener);
  REQUIRE(run_until(io, [&] { return heard.open; }));
  int sent = 0;
  while (!heard.end && sent < 2000) {
    socket->send(std::string(64u << 10, 'x'));
    ++sent;
    io.run_until([&] { return heard.end.has_value(); }, 1ms);
  }
  REQUIRE(heard.end.has_value());
  CHECK(heard.end->error.code == Errc::outbox_full);
}

TEST_CASE("websocket: a peer that ignores our close is dropped after the limit") {
  net::Io io;
  RawListener const listener;
  Heard heard;
  net::WebSocketOptions options;
  options.close_timeout = 100ms;
  auto const socket = net::make_websocket_dialer(io)->dial(listener.url("ws"), options, heard.handler());
  auto const peer = accept_upgrade(io, listener);
  REQUIRE(run_until(io, [&] { return heard.open; }));
  socket->close();
  REQUIRE(run_until(
      io, [&] { return heard.end.has_value(); }, 5s));
  CHECK_FALSE(heard.end->error.code);
  CHECK_FALSE(read_to_end(io, peer).empty());  // the close frame, and then the end of TCP
}

TEST_CASE("websocket: a peer that closes in words but keeps TCP open doesn't keep us") {
  net::Io io;
  RawListener const listener;
  Heard heard;
  auto const socket = net::make_websocket_dialer(io)->dial(listener.url("ws"), {}, heard.handler());
  auto const peer = accept_upgrade(io, listener);
  peer.write(std::string{"\x88\x02\x03\xe8", 4});  // close, 1000
  REQUIRE(run_until(
      io, [&] { return heard.end.has_value(); }, 5s));
  CHECK(heard.end->close_code == 1000);
  read_to_end(io, peer);
}

TEST_CASE("websocket: a broken frame and a cut connection are told apart") {
  net::Io io;
  RawListener const listener;
  Heard heard;
  auto const socket = net::make_websocket_dialer(io)->dial(listener.url("ws"), {}, heard.handler());
  std::optional<Socket> peer = accept_upgrade(io, listener);
  auto const [bytes, code] = GENERATE(table<std::string, Errc>({{"\xf1\x01x", Errc::protocol},         // reserved bits
                                                                {"\x81\x02\xc3\x28", Errc::protocol},  // not UTF-8
                                                                {"\x81\x05half", Errc::closed}}));
  peer->write(bytes);
  if (code == Errc::closed) peer.reset();
  REQUIRE(run_until(io, [&] { return heard.end.has_value(); }));
  CHECK(heard.end->error.code == code);
}

TEST_CASE("websocket: destroying it from its own callback is safe and silent") {
  net::Io io;
  Server server{io};
  bool closed = false;
  std::unique_ptr<net::WebSocket> socket;
  net::WebSocketHandler handler;
  auto const token = std::make_shared<int>(0);
  handler.on_message = [&socket, token](std::string, bool) {
    socket.reset();
    CHECK(token.use_count() >= 1);  // the running callback is still whole
  };
  handler.on_close = [&](net::WebSocketEnd) { closed = true; };
  socket = net::make_websocket_dialer(io)->dial(server.url(), {}, std::move(handler));
  REQUIRE(run_until(io, [&] { return server.heard.open; }));
  server.socket->send("end yourself");
  REQUIRE(run_until(io, [&] { return server.heard.end.has_value(); }));
  CHECK_FALSE(socket);
  CHECK_FALSE(closed);
}

TEST_CASE("T63 websocket server: lengths that overflow, endless fragments and compressed frames end the connection") {
  net::Io io;
  Heard heard;
  std::unique_ptr<net::WebSocket> accepted;
  auto const server = serve(io, [&](net::HttpRequestIn, std::shared_ptr<net::Responder> responder) {
    net::WebSocketOptions options;
    options.max_message_bytes = 10'000;
    accepted = responder->accept_websocket(options, heard.handler());
  });
  auto const peer = connect_raw(server->port());
  peer.write(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
  auto const head = read_head(io, peer);
  CHECK(head.starts_with("HTTP/1.1 101 "));
  CHECK(head.find("permessage-deflate") == std::string::npos);  // no compression, so no bomb
  auto const masked = [](std::string const& two, std::string const& length, std::size_t bytes) {
    return two + length + std::string(4, '\0') + std::string(bytes, 'x');  // a mask of zeros
  };
  std::string const none;
  SECTION("2^63 bytes") { peer.write(masked("\x82\xff", "\x80" + std::string(7, '\0'), 100)); }
  SECTION("2^64 - 1 bytes") { peer.write(masked("\x82\xff", std::string(8, '\xff'), 100)); }
  SECTION("a length just beyond the limit") { peer.write(masked("\x82\xfe", "\x27\x11", 100)); }
  SECTION("a long length for a short frame") { peer.write(masked("\x82\xff", std::string(7, '\0') + "\x01", 1)); }
  SECTION("fragments without an end") {
    peer.write(masked("\x02\xe4", none, 100));
    for (int i = 0; i < 120; ++i) {
      // The end may come while it is being written.
      auto const frame = masked("\x00\xe4"s, none, 100);
      [[maybe_unused]] auto const sent = ::send(peer.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
    }
  }
  SECTION("a compressed frame") { peer.write(masked("\xc2\x81", none, 1)); }
  SECTION("a frame without a mask") { peer.write("\x82\x01x"); }
  SECTION("a long control frame") { peer.write(masked("\x89\xfe", "\x00\x7e"s, 126)); }
  SECTION("a control frame in fragments") { peer.write(masked("\x09\x81", none, 1)); }
  REQUIRE(run_until(io, [&] { return heard.end.has_value(); }));
  CHECK(heard.messages.empty());
  CHECK(server->connections() <= 1);
}

TEST_CASE("F18 websocket: a session cut at each byte gives whole messages only, and ends once") {
  net::Io io;
  RawListener const listener;
  auto const dialer = net::make_websocket_dialer(io);
  auto const frame = [](int first, std::string const& payload) {
    return std::string{static_cast<char>(first), static_cast<char>(payload.size())} + payload;
  };
  // hello; a ping; a click in two fragments with a ping between them; one more; goodbye.
  std::vector<std::pair<std::string, std::string>> const parts{
      {frame(0x81, R"({"type":"hello"})"), R"({"type":"hello"})"},
      {frame(0x89, "p"), ""},
      {frame(0x01, R"({"type":"inter)") + frame(0x89, "q") + frame(0x80, R"(active"})"), R"({"type":"interactive"})"},
      {frame(0x82, std::string(100, 'b')), std::string(100, 'b')},
      {frame(0x88, std::string{"\x03\xe8", 2}), ""}};
  std::string after_upgrade;
  for (auto const& [bytes, message] : parts) after_upgrade += bytes;
  std::size_t whole = 0;
  for (std::size_t cut = 0;; ++cut) {
    Heard heard;
    auto const socket = dialer->dial(listener.url("ws"), {}, heard.handler());
    std::size_t size = 0, head = 0;
    std::optional<Socket> kept;
    {
      auto peer = accept(io, listener);
      auto const upgrade = upgrade_answer(read_head(io, peer));
      auto const session = upgrade + after_upgrade;
      head = upgrade.size();
      size = session.size();
      if (cut > 0) peer.write(session.substr(0, cut));
      // Half of the cuts are resets, which may take bytes with them that were not read yet.
      if (cut % 2 == 1) {
        linger const at_once{1, 0};
        REQUIRE(::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
      } else {
        // It says no more but still takes the pongs: one that can't be written ends a session as well.
        REQUIRE(::shutdown(peer.get(), SHUT_WR) == 0);
        kept = std::move(peer);
      }
    }
    REQUIRE(run_until(io, [&] { return heard.end.has_value(); }));
    std::vector<std::string> most;
    auto at = head;
    for (auto const& [bytes, message] : parts) {
      at += bytes.size();
      if (at <= cut && !message.empty()) most.push_back(message);
    }
    CAPTURE(cut);
    CHECK(heard.messages.size() <= most.size());
    CHECK(std::equal(heard.messages.begin(), heard.messages.end(), most.begin()));
    if (cut % 2 == 0) CHECK(heard.messages == most);
    CHECK((heard.open || heard.messages.empty()));
    whole += heard.messages.size();
    if (cut == size) break;
  }
  CHECK(whole > 100);
  CHECK(net::WebSocketOptions{}.idle_limit <= 30s);  // a peer that is dead in silence is seen so soon
}
