#include "bot/net/unix_socket.hpp"

#include <sys/stat.h>

#include <stdexcept>

#include "tests/unit/net/support.hpp"

using namespace net_test;

namespace {

struct Lines {
  bool open = false;
  std::vector<std::string> lines{};
  std::optional<net::NetError> end{};
  net::LineHandler handler() {
    return {[this] { open = true; }, [this](std::string line) { lines.push_back(std::move(line)); },
            [this](net::NetError why) { end = std::move(why); }};
  }
};

}  // namespace

TEST_CASE("unix socket: lines go both ways, whole and in order, and the peer is known") {
  net::Io io;
  TempDir const dir;
  auto const path = dir / "s";
  Lines served, called;
  std::unique_ptr<net::LineChannel> server;
  auto const listener =
      net::listen_unix(io, path, 0600, [&](int fd) { server = net::adopt_unix(io, fd, served.handler()); });
  REQUIRE(listener.has_value());
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  auto const client = net::connect_unix(io, path, 1s, called.handler());
  client->send("before it is open");
  client->send("");
  client->send(std::string(net::kMaxLineBytes, 'x'));
  REQUIRE(io.run_until([&] { return served.lines.size() == 3; }, kPatience));
  CHECK(served.lines[0] == "before it is open");
  CHECK(served.lines[1].empty());
  CHECK(served.lines[2].size() == net::kMaxLineBytes);
  auto const peer = server->peer();
  REQUIRE(peer.has_value());
  CHECK(peer->pid == ::getpid());
  CHECK(peer->uid == ::getuid());
  CHECK_THROWS_AS(client->send("a\nb"), std::invalid_argument);
  server->send("last words");
  REQUIRE(io.run_until([&] { return called.lines.size() == 1; }, kPatience));
  server.reset();
  REQUIRE(io.run_until([&] { return called.end.has_value(); }, kPatience));
  CHECK(called.end->code == net::Errc::closed);
  CHECK_FALSE(served.end.has_value());  // destroyed: silent
  CHECK_FALSE(client->is_open());
}

TEST_CASE("unix socket: nobody there, a living listener, a dead one") {
  net::Io io;
  TempDir const dir;
  auto const path = dir / "s";
  Lines heard;
  auto const lost = net::connect_unix(io, path, 1s, heard.handler());
  REQUIRE(io.run_until([&] { return heard.end.has_value(); }, kPatience));
  CHECK(heard.end->code == net::Errc::connect_failed);
  auto first = net::listen_unix(io, path, 0600, [](int fd) { ::close(fd); });
  REQUIRE(first.has_value());
  CHECK_FALSE(net::listen_unix(io, path, 0600, [](int fd) { ::close(fd); }).has_value());
  // A crash leaves the file: make the same by hand.
  std::filesystem::rename(path, dir / "kept");
  first->reset();
  std::filesystem::rename(dir / "kept", path);
  CHECK(net::listen_unix(io, path, 0600, [](int fd) { ::close(fd); }).has_value());
}

TEST_CASE("unix socket: an endless line and a peer that never reads end the channel") {
  net::Io io;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Socket const peer{ends[1]};
  Lines heard;
  auto const channel = net::adopt_unix(io, ends[0], heard.handler());
  SECTION("endless line") {
    std::string const piece(4096, 'x');
    bool const ended = run_until(io, [&] {
      [[maybe_unused]] auto const sent = ::send(peer.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      return heard.end.has_value();
    });
    REQUIRE(ended);
    CHECK(heard.end->code == net::Errc::too_large);
  }
  SECTION("reads late") {
    constexpr std::size_t kLines = 3;
    for (std::size_t i = 0; i < kLines; ++i) channel->send(std::string(net::kMaxLineBytes, 'x'));
    CHECK(channel->waiting() == kLines * (net::kMaxLineBytes + 1));
    std::string buffer(1 << 16, '\0');
    CHECK(run_until(io, [&] {
      [[maybe_unused]] auto const got = ::recv(peer.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      return channel->waiting() == 0;
    }));
    CHECK_FALSE(heard.end);
  }
  SECTION("never reads") {
    std::string const line(net::kMaxLineBytes, 'x');
    for (int i = 0; i < 20 && !heard.end; ++i) {
      channel->send(line);
      io.run_until([] { return false; }, 1ms);
    }
    REQUIRE(heard.end.has_value());
    CHECK(heard.end->code == net::Errc::outbox_full);
  }
}
