// What a stranger's server may send to our side of a WebSocket, the dialer's (T63): Slack's, the relay's and Matrix's
// connections are such, and whoever answers there is not us.
#include "bot/net/frame_watch.hpp"
#include "bot/net/websocket.hpp"
#include "tests/unit/net/support.hpp"
#include "tests/unit/net/websocket_peer.hpp"

using namespace net_test;
using namespace std::string_literals;
using net::Errc;

namespace {

// A dialed connection and its peer.
struct Dialed {
  net::Io io;
  RawListener listener;
  Heard heard;
  std::unique_ptr<net::WebSocket> socket;
  std::optional<Socket> peer;

  explicit Dialed(net::WebSocketOptions options = {}, std::string const& more = {}) {
    options.max_message_bytes = 10'000;
    socket = net::make_websocket_dialer(io)->dial(listener.url("ws"), options, heard.handler());
    peer = accept(io, listener);
    peer->write(upgrade_answer(read_head(io, *peer), more));
    REQUIRE(run_until(io, [&] { return heard.open; }));
  }
  bool ends() {
    return run_until(io, [&] { return heard.end.has_value(); });
  }
};

std::string close_frame(unsigned code, std::string const& reason = {}) {
  return {"\x88"s + static_cast<char>(2 + reason.size()) + static_cast<char>(code >> 8) +
          static_cast<char>(code & 255) + reason};
}

}  // namespace

TEST_CASE("T63 websocket dialer: a frame that no server may send ends the connection, and nothing of it is heard") {
  auto const [title, bytes, code] = GENERATE(table<char const*, std::string, Errc>({
      {"2^63 bytes", "\x82\x7f\x80"s + std::string(7, '\0') + "x", Errc::too_large},
      {"2^64 - 1 bytes", "\x82\x7f"s + std::string(8, '\xff') + "x", Errc::too_large},
      {"2^32 bytes", "\x82\x7f\0\0\0\x01\0\0\0\0x"s, Errc::too_large},
      {"a length just beyond the limit", "\x82\x7e\x27\x11"s + std::string(100, 'x'), Errc::too_large},
      {"two fragments just beyond the limit", "\x02\x01x\x80\x7e\x27\x10"s, Errc::too_large},
      {"fragments whose lengths overflow together", "\x02\x01x\x80\x7f"s + std::string(8, '\xff'), Errc::too_large},
      {"a long length for a short frame", "\x82\x7f"s + std::string(7, '\0') + "\x01x", Errc::protocol},
      {"two bytes of length for a short frame", "\x82\x7e\0\x01x"s, Errc::protocol},
      {"a masked frame", "\x82\x81\0\0\0\0x"s, Errc::protocol},
      {"a masked ping", "\x89\x80\0\0\0\0"s, Errc::protocol},
      {"a masked close", "\x88\x82\0\0\0\0\x03\xe8"s, Errc::protocol},
      {"a compressed frame", "\xc1\x01x"s, Errc::protocol},
      {"an opcode of the future", "\x83\x01x"s, Errc::protocol},
      {"a control opcode of the future", "\x8b\x00"s, Errc::protocol},
      {"a continuation of nothing", "\x80\x01x"s, Errc::protocol},
      {"a continuation after a whole message's end", "\x02\x00\x80\x00\x80\x01x"s, Errc::protocol},
      {"a new message within another", "\x01\x01x\x81\x01y"s, Errc::protocol},
      {"a long control frame", "\x89\x7e\0\x7e"s + std::string(126, 'x'), Errc::protocol},
      {"a control frame in fragments", "\x09\x01x"s, Errc::protocol},
      {"fragments that are no UTF-8 together", "\x01\x01\xc3\x80\x01\x28"s, Errc::protocol},
      {"fragments that end inside a character", "\x01\x01\xc3\x80\x00"s, Errc::protocol},
      {"fragments that end inside a longer one", "\x01\x04x\xf0\x9f\x98\x00\x00\x80\x00"s, Errc::protocol},
      {"a close with half a code", "\x88\x01\x03"s, Errc::protocol},
      {"a close with a code below 1000", close_frame(999), Errc::protocol},
      {"a close with a code that no frame holds", close_frame(1005), Errc::protocol},
      {"a close with another such code", close_frame(1006), Errc::protocol},
      {"a close with TLS's code", close_frame(1015), Errc::protocol},
      {"a close with a reserved code", close_frame(2000), Errc::protocol},
      {"a close whose reason is no UTF-8", close_frame(1000, "\xc3\x28"), Errc::protocol},
      {"a long close", "\x88\x7e\0\x80\x03\xe8"s + std::string(126, 'x'), Errc::protocol},
  }));
  CAPTURE(title);
  Dialed dialed;
  dialed.peer->write(bytes);
  REQUIRE(dialed.ends());
  CHECK(dialed.heard.end->error.code == code);
  CHECK(dialed.heard.end->close_code == 0);
  std::erase(dialed.heard.messages, "");  // the whole message before, where there is one
  CHECK(dialed.heard.messages.empty());
  read_to_end(dialed.io, *dialed.peer);  // and TCP ends with it
}

TEST_CASE("T63 websocket dialer: compression that nobody asked for is not there") {
  Dialed dialed({}, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n");
  // "Hello" compressed, from RFC 7692 section 7.2.3.1.
  dialed.peer->write("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\0"s);
  REQUIRE(dialed.ends());
  CHECK(dialed.heard.end->error.code == Errc::protocol);
  CHECK(dialed.heard.messages.empty());
}

TEST_CASE("T63 websocket dialer: an answer to the upgrade that is none opens nothing") {
  net::Io io;
  RawListener const listener;
  Heard heard;
  auto const socket = net::make_websocket_dialer(io)->dial(listener.url("ws"), {}, heard.handler());
  auto const peer = accept(io, listener);
  auto const good = upgrade_answer(read_head(io, peer));
  auto const say = [&](std::string const& bytes) {  // it may have hung up meanwhile
    [[maybe_unused]] auto const sent = ::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  };
  auto const changed = [&](std::string const& from, std::string const& to) {
    auto text = good;
    REQUIRE(text.find(from) != text.npos);
    return text.replace(text.find(from), from.size(), to);
  };
  SECTION("another key") { say(upgrade_answer("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")); }
  SECTION("no key") { say(changed("Sec-WebSocket-Accept", "X-Accept")); }
  SECTION("another upgrade") { say(changed("Upgrade: websocket", "Upgrade: h2c")); }
  SECTION("no upgrade of the connection") { say(changed("Connection: Upgrade", "Connection: close")); }
  SECTION("another version of HTTP") { say(changed("HTTP/1.1", "HTTP/1.0")); }
  SECTION("no HTTP") { say("\x16\x03\x01\x02\r\n\r\n"); }
  SECTION("a head without an end") {
    say("HTTP/1.1 101 Switching Protocols\r\n");
    for (int i = 0; i < 1000 && !heard.end; ++i) {
      say("X-More: " + std::string(1000, 'x') + "\r\n");
      io.run_until([&] { return heard.end.has_value(); }, 1ms);
    }
  }
  REQUIRE(run_until(io, [&] { return heard.end.has_value(); }));
  CHECK(heard.end->error.code);
  CHECK(heard.end->error.code != Errc::timed_out);
  CHECK_FALSE(heard.open);
  CHECK(heard.messages.empty());
}

TEST_CASE("T63 websocket dialer: fragments without an end end the connection at the limit") {
  Dialed dialed;
  dialed.peer->write("\x02\x64"s + std::string(100, 'x'));
  for (int i = 0; i < 200 && !dialed.heard.end; ++i) {
    auto const frame = "\x00\x64"s + std::string(100, 'x');  // the end may come while it is being written
    [[maybe_unused]] auto const sent = ::send(dialed.peer->get(), frame.data(), frame.size(), MSG_NOSIGNAL);
  }
  REQUIRE(dialed.ends());
  CHECK(dialed.heard.end->error.code == Errc::too_large);
  CHECK(dialed.heard.messages.empty());
}

TEST_CASE("T63 websocket dialer: empty fragments and control frames make one message of what is in it") {
  Dialed dialed;
  std::string flood =
      "\x01\x01"
      "a";
  for (int i = 0; i < 1'022; ++i)
    flood +=
        "\x00\x00\x8a\x01"
        "p"s;  // a continuation of nothing, a pong unasked
  flood +=
      "\x80\x01"
      "b";
  std::size_t at = 0;
  REQUIRE(run_until(dialed.io, [&] {
    auto const part = std::string_view(flood).substr(at);
    auto const sent = ::send(dialed.peer->get(), part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) at += static_cast<std::size_t>(sent);
    return !dialed.heard.messages.empty();
  }));
  CHECK(dialed.heard.messages == std::vector<std::string>{"ab"});
  CHECK_FALSE(dialed.heard.end);
}

TEST_CASE(
    "T63 websocket dialer: who floods with pings and reads no answer is waited for, then dropped, and costs no "
    "memory") {
  net::WebSocketOptions options;
  options.idle_limit = 300ms;
  Dialed dialed(options);
  auto const ping = "\x89\x7d"s + std::string(125, 'p');
  std::string pings;
  for (int i = 0; i < 500; ++i) pings += ping;
  std::size_t sent = 0;
  bool more = true;
  REQUIRE(run_until(dialed.io, [&] {
    while (more) {  // until both directions are full, then it falls silent
      auto const part = std::string_view(pings).substr(sent % pings.size());
      auto const count = ::send(dialed.peer->get(), part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
      more = sent < (64u << 20);
    }
    return dialed.heard.end.has_value();
  }));
  CHECK(dialed.heard.end->error.code == Errc::idle);
  CHECK(sent < (64u << 20));  // it was not read on and on into memory
}

TEST_CASE("T63 websocket dialer: after a close nothing is heard") {
  Dialed dialed;
  dialed.peer->write(close_frame(4001, "enough") + "\x81\x04late" + close_frame(1000));
  REQUIRE(dialed.ends());
  CHECK_FALSE(dialed.heard.end->error.code);
  CHECK(dialed.heard.end->close_code == 4001);
  CHECK(dialed.heard.end->close_reason == "enough");
  CHECK(dialed.heard.messages.empty());
}

TEST_CASE("T63 websocket dialer: a text in fragments is heard, wherever its characters are cut") {
  std::string const text = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Dialed dialed;
    auto const part = [](char first, std::string const& bytes) {
      return std::string{first, static_cast<char>(bytes.size())} + bytes;
    };
    dialed.peer->write(part('\x01', text.substr(0, cut)) + part('\x00', text.substr(cut)) + part('\x80', ""));
    REQUIRE(run_until(dialed.io, [&] { return !dialed.heard.messages.empty(); }));
    CHECK(dialed.heard.messages.front() == text);
  }
}

TEST_CASE(
    "T63 websocket dialer: a message in more fragments than the cap ends the connection, empty ones and one write "
    "too") {
  auto const part = GENERATE(as<std::string>(), "\x00\x00"s, "\x00\x01x"s, "\x00\x00\x8a\x01p"s);
  auto const message = [&](int fragments) {
    std::string bytes = "\x01\x01w"s;
    for (int i = 2; i < fragments; ++i) bytes += part;
    return bytes + "\x80\x00"s;
  };
  Dialed dialed;
  dialed.peer->write(message(1'024));
  REQUIRE(run_until(dialed.io, [&] { return dialed.heard.messages.size() == 1; }));
  dialed.peer->write(message(1'025));
  REQUIRE(dialed.ends());
  CHECK(dialed.heard.end->error.code == Errc::too_large);
  CHECK(dialed.heard.messages.size() == 1);
}

TEST_CASE(
    "T63 websocket dialer: a message that does not end within its time ends the connection, however lively the peer "
    "is") {
  net::WebSocketOptions options;
  options.message_timeout = 200ms;
  auto const beginning = GENERATE(as<std::string>(), "\x01\x01w"s, "\x01\x00"s, "\x81\x7e\x10\x00w"s, "\x81"s);
  Dialed dialed(options);
  dialed.peer->write("\x81\x02ok"s + beginning);
  REQUIRE(run_until(dialed.io, [&] {
    if (beginning.size() == 3 || beginning.size() == 2) {  // between fragments control frames may come, and do
      auto const pong = "\x8a\x00"s;
      [[maybe_unused]] auto const sent =
          ::send(dialed.peer->get(), pong.data(), pong.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    return dialed.heard.end.has_value();
  }));
  CHECK(dialed.heard.end->error.code == Errc::timed_out);
  CHECK(dialed.heard.messages == std::vector<std::string>{"ok"});
}

TEST_CASE("T63 websocket dialer: each message has its own time, and silence between messages is none of it") {
  net::WebSocketOptions options;
  options.message_timeout = 300ms;
  Dialed dialed(options);
  auto const began = std::chrono::steady_clock::now();
  std::size_t wanted = 0;
  while (std::chrono::steady_clock::now() - began < 700ms) {
    ++wanted;
    dialed.peer->write("\x01\x01w"s);
    dialed.io.run_until([] { return false; }, 20ms);
    dialed.peer->write("\x80\x01x"s);
    REQUIRE(run_until(dialed.io, [&] { return dialed.heard.messages.size() == wanted; }));
  }
  CHECK_FALSE(dialed.heard.end);
}

TEST_CASE("T63 frame watch: the same is counted wherever the bytes are cut") {
  std::string const bytes = "HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n"s + "\x81\x02ok" + "\x89\x01p" +
                            "\x01\x00"s + "\x00\x7e\x00\x80"s + std::string(128, 'x') + "\x8a\x00"s +
                            "\x80\x85mask12345" + "\x02\x7f\x00\x00\x00\x00\x00\x00\x00\x01z"s;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    net::detail::FrameWatch watch(/*after_head=*/true);
    watch.feed(std::string_view(bytes).substr(0, cut));
    watch.feed(std::string_view(bytes).substr(cut));
    CHECK(watch.most_fragments() == 3);
    CHECK(watch.ended() == 3);  // two messages and a ping; the pong came within one
    CHECK(watch.under_way());
    watch.feed("\x80\x00"s);
    CHECK_FALSE(watch.under_way());
    CHECK(watch.ended() == 4);
  }
}
