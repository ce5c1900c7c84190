// What the server refuses by size, number, time and rate of connections; and that others are served meanwhile.
#include <fstream>

#include "tests/support/full.hpp"
#include "tests/support/open_files.hpp"
#include "tests/unit/net/raw_requests.hpp"
#include "tests/unit/net/support.hpp"

using namespace net_test;

namespace {

void ok(net::HttpRequestIn, std::shared_ptr<net::Responder> const& responder) { responder->respond({200, {}, "ok"}); }

std::string status_line(std::string const& answer) { return answer.substr(0, answer.find("\r\n")); }

// Lines of /proc/self/status, in KiB.
long memory_now() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

bool served(net::Io& io, net::HttpServer const& server) {
  auto const peer = connect_raw(server.port());
  peer.write("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  return status_line(read_to_end(io, peer)) == "HTTP/1.1 200 OK";
}

}  // namespace

TEST_CASE("T62 smuggling: over a socket a doubtful request ends the connection, and nothing behind it is looked at") {
  net::Io io;
  int handled = 0;
  auto const server = serve(io, [&](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
    ++handled;
    ok(std::move(request), responder);
  });
  std::string const hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
  for (auto const& raw : doubtful_requests()) {
    CAPTURE(raw.why);
    auto const peer = connect_raw(server->port());
    peer.write(raw.bytes + hidden);
    auto const answer = read_to_end(io, peer);
    CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(raw.status) + " "));
    CHECK(answer.find("Connection: close") != std::string::npos);
    CHECK(answer.find("HTTP/1.1", 9) == std::string::npos);
  }
  CHECK(handled == 0);
  CHECK(served(io, *server));
}

TEST_CASE("http server: what its admission refuses is refused before the body is read") {
  net::Io io;
  net::HttpServerOptions options;
  options.admit = [](net::HttpRequestIn const& head) -> net::Admission {
    CHECK(head.body.empty());
    if (head.header("authorization")) return {};
    return {.refusal = net::HttpResponse{401, {}, "who?"}};
  };
  bool handled = false;
  auto const server = serve(
      io,
      [&](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
        handled = true;
        CHECK(request.body == "abc");
        ok(std::move(request), responder);
      },
      options);
  auto const stranger = connect_raw(server->port());
  stranger.write("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n");
  auto const answer = read_to_end(io, stranger);
  CHECK(status_line(answer) == "HTTP/1.1 401 Unauthorized");
  CHECK(answer.find("100 Continue") == std::string::npos);
  CHECK_FALSE(handled);
  auto const known = connect_raw(server->port());
  known.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");  // without a body the connection goes on
  CHECK(status_line(read_until(io, known, [](auto const& text) { return text.ends_with("who?"); })) ==
        "HTTP/1.1 401 Unauthorized");
  known.write("POST / HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(status_line(read_head(io, known)) == "HTTP/1.1 200 OK");
  CHECK(handled);
}

TEST_CASE("http server: all bodies that are being read have one budget, and what is refused has the handler's form") {
  net::Io io;
  net::HttpServerOptions options;
  options.max_body_bytes = 1000;
  options.max_body_bytes_in_all = 2500;
  options.on_refusal = [](unsigned status) {
    return net::HttpResponse{status, {{"Content-Type", "application/problem+json"}}, "{}"};
  };
  auto const server = serve(io, ok, options);
  std::string const head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
  auto const one = connect_raw(server->port());
  std::optional<Socket> two = connect_raw(server->port());
  one.write(head + "x");
  two->write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");  // may become 1,000
  REQUIRE(run_until(io, [&] { return server->connections() == 2; }));
  auto const ask = [&] {
    auto const peer = connect_raw(server->port());
    peer.write(head + std::string(1000, 'x'));
    auto const answer = read_head(io, peer);
    return status_line(answer) + (answer.find("problem+json") != answer.npos ? " problem" : "");
  };
  CHECK(ask() == "HTTP/1.1 503 Service Unavailable problem");
  two.reset();
  REQUIRE(run_until(io, [&] { return server->connections() <= 1; }));
  CHECK(ask() == "HTTP/1.1 200 OK");
  one.write(std::string(999, 'x'));
  CHECK(status_line(read_head(io, one)) == "HTTP/1.1 200 OK");
}

TEST_CASE("T64 http server: strangers fill a budget of their own, and a body counts as what its admission lets it be") {
  net::Io io;
  net::HttpServerOptions options;
  options.max_body_bytes = 1000;
  options.max_body_bytes_in_all = 1000;
  options.max_stranger_bytes_in_all = 500;
  options.admit = [](net::HttpRequestIn const& head) -> net::Admission {
    if (head.path == "/none") return {.max_body_bytes = 0};
    if (head.path == "/stranger") return {.max_body_bytes = 250, .stranger = true};
    return {.max_body_bytes = 500};
  };
  auto const server = serve(io, ok, options);
  std::vector<Socket> open;
  auto const hold = [&](std::string const& path) {  // a chunked body that does not end
    auto const& peer = open.emplace_back(connect_raw(server->port()));
    peer.write("POST " + path + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    REQUIRE(run_until(io, [&] { return server->connections() == open.size(); }));
  };
  auto const ask = [&](std::string const& path, std::size_t bytes) {
    auto const peer = connect_raw(server->port());
    peer.write("POST " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " +
               std::to_string(bytes) + "\r\n\r\n" + std::string(bytes, 'x'));
    auto const answer = read_to_end(io, peer);
    return answer.substr(9, 3);
  };
  for (int i = 0; i < 2; ++i) hold("/stranger");
  CHECK(ask("/stranger", 1) == "503");
  CHECK(ask("/known", 500) == "200");
  CHECK(ask("/known", 501) == "413");
  CHECK(ask("/none", 0) == "200");
  CHECK(ask("/none", 1) == "413");
  hold("/known");
  CHECK(ask("/known", 500) == "200");
  hold("/known");
  CHECK(ask("/known", 1) == "503");
  open.clear();
  REQUIRE(run_until(io, [&] { return server->connections() == 0; }));
  CHECK(ask("/stranger", 250) == "200");
  CHECK(ask("/known", 500) == "200");
}

TEST_CASE("http server: a connection serves so many requests and is closed in good order") {
  net::Io io;
  net::HttpServerOptions options;
  options.max_requests = 3;
  auto const server = serve(io, ok, options);
  auto const peer = connect_raw(server->port());
  for (int i = 0; i < 5; ++i) peer.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  auto const answers = read_to_end(io, peer);
  std::size_t count = 0;
  for (auto at = answers.find("HTTP/1.1 200"); at != answers.npos; at = answers.find("HTTP/1.1 200", at + 1)) ++count;
  CHECK(count == 3);
  CHECK(answers.rfind("Connection: close") > answers.rfind("HTTP/1.1 200"));
}

TEST_CASE("F33 a body of 100 MB and a string of 50 MB are refused early, at the price of no memory") {
  net::Io io;
  net::HttpServerOptions options;
  bool handled = false;
  auto const server = serve(
      io, [&](net::HttpRequestIn, std::shared_ptr<net::Responder>) { handled = true; }, options);
  auto const before = memory_now();
  auto const flood = [&](std::string const& head, std::size_t bytes) {
    auto const peer = connect_raw(server->port());
    peer.write(head);
    std::string const piece(64 << 10, 'x');
    std::string answer;
    std::size_t sent = 0;
    bool ended = false;
    REQUIRE(run_until(io, [&] {
      while (sent < bytes) {
        auto const count = ::send(peer.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      auto const got = peer.read_now();
      ended = !got;
      if (got) answer += *got;
      return ended || (!answer.empty() && answer.find("\r\n\r\n") != answer.npos);
    }));
    return std::pair{status_line(answer), sent};
  };
  std::string const post = "POST / HTTP/1.1\r\nHost: h\r\n";
  auto const [announced, sent] = flood(post + "Content-Length: 100000000\r\n\r\n", 100'000'000);
  CHECK(announced == "HTTP/1.1 413 Payload Too Large");
  CHECK(sent < 16u << 20);  // what the buffers of both ends took
  auto const [in_chunks, ignored] = flood(post + "Transfer-Encoding: chunked\r\n\r\n2FAF080\r\n", 50'000'000);
  CHECK(in_chunks == "HTTP/1.1 413 Payload Too Large");
  CHECK_FALSE(handled);
  CHECK(memory_now() - before < 2 * 2048);  // KiB: twice the cap of a body
}

TEST_CASE("T64 F36 slowloris: thousands of clients that send a byte now and then are closed, others are served") {
  // A byte each 10 s against limits of 10 and 20 s, as it is in production, on a clock that runs 50 times as fast.
  auto const clients = support::full() ? 2'000U : 300U;
  net::Io io;
  net::HttpServerOptions options;
  options.header_timeout = 200ms;
  options.body_timeout = 400ms;
  options.max_connections = options.max_connections_per_address = clients + 10;
  auto const server = serve(io, ok, options);
  std::vector<Socket> slow;
  std::string const head = "GET / HTTP/1.1\r\nHost: h\r\nX-a: ";
  std::string const body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
  for (unsigned i = 0; i < clients; ++i) {
    slow.push_back(connect_raw(server->port()));
    slow.back().write(i % 2 == 0 ? head : body);
    if (i % 50 == 0) io.run_until([] { return false; }, 0ms);
  }
  auto next = std::chrono::steady_clock::now();
  unsigned quick = 0;
  bool const over = run_until(
      io,
      [&] {
        if (std::chrono::steady_clock::now() >= next) {
          next += 200ms;
          for (auto const& one : slow)
            [[maybe_unused]] auto const count = ::send(one.get(), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
          quick += served(io, *server) ? 1u : 0u;
        }
        return server->connections() == 0;
      },
      20s);
  CHECK(over);
  CHECK(quick >= 1);
  unsigned told = 0;
  for (auto const& one : slow) {
    auto const answer = one.read_now();
    told += answer && answer->starts_with("HTTP/1.1 408 ") ? 1u : 0u;
  }
  CHECK(told > clients / 2);  // the others lost the answer to a reset of their own making
}

TEST_CASE("F37 idle connections and resets: caps hold, and a place that is given back is used again") {
  auto const wanted = support::full() ? 9'000U : 500U;  // two descriptors each, of 20,000
  auto const most = support::open_files() / 2 - 100;
  if (most < wanted) WARN("only " + std::to_string(most) + " connections: the limit of open files");
  auto const clients = static_cast<unsigned>(std::min<std::size_t>(wanted, most));
  net::Io io;
  net::HttpServerOptions options;
  options.idle_timeout = options.header_timeout = 60s;
  options.max_connections = clients * 4 / 5;
  options.max_connections_per_address = 100'000;
  auto const server = serve(io, ok, options);
  std::vector<Socket> idle;
  for (unsigned i = 0; i < clients; ++i) {
    idle.push_back(connect_raw(server->port()));
    if (i % 50 == 0) io.run_until([] { return false; }, 0ms);
  }
  REQUIRE(run_until(io, [&] { return server->connections() == options.max_connections; }));
  CHECK_FALSE(served(io, *server));  // 503
  // The first hundred end with a reset: others may come.
  for (std::size_t i = 0; i < 100; ++i) {
    linger const reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(idle[i].get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    idle[i] = Socket{};
  }
  REQUIRE(run_until(io, [&] { return server->connections() <= options.max_connections - 100; }));
  CHECK(served(io, *server));
  // A storm: connect, half a request, reset.
  auto const storms = support::full() ? 20'000 : 500;
  for (int i = 0; i < storms; ++i) {
    auto const one = connect_raw(server->port());
    one.write("GET / HTTP/1.1\r\nHo");
    linger const reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(one.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (i % 20 == 0) io.run_until([] { return false; }, 0ms);
  }
  CHECK(run_until(io, [&] { return server->connections() <= options.max_connections - 100; }));
  CHECK(served(io, *server));
}
