// Probes against real peers on real sockets, good and bad: a bad answer is a failure that says why, and never a wait
// beyond the time-out.
#include <csignal>
#include <map>

#include "bot/triggers/probers.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/net/support.hpp"

using namespace triggers;
using namespace std::chrono_literals;

namespace {

bool has(std::string const& text, std::string_view words) { return text.find(words) != std::string::npos; }

struct Asked {
  ProbeAnswer answer;
  std::chrono::milliseconds took{};
};

// One question through the real HTTP client; `meanwhile` runs while it is under way.
struct Desk {
  net::Io io;
  std::unique_ptr<net::HttpClient> http = net::make_http_client(io);
  support::VirtualLoop unused;  // an HTTP probe's deadline is the client's
  support::ManualWorkers workers;

  Asked ask(core::Probe const& probe, core::Duration timeout = 5s, std::function<void()> const& meanwhile = {}) {
    auto const prober = make_prober(probe, unused, workers, *http).value();
    std::optional<ProbeAnswer> got;
    auto const begin = std::chrono::steady_clock::now();
    prober->ask(timeout, [&](ProbeAnswer answer) {
      CHECK_FALSE(got.has_value());  // once
      got = std::move(answer);
    });
    CHECK_FALSE(got.has_value());  // never from inside
    if (meanwhile) meanwhile();
    REQUIRE(net_test::run_until(io, [&] { return got.has_value(); }));
    auto const took = std::chrono::steady_clock::now() - begin;
    return {*got, std::chrono::duration_cast<std::chrono::milliseconds>(took)};
  }
};

core::Probe http_probe(std::string url, unsigned status = 0, std::string body = {}) {
  core::Probe probe;
  probe.target = std::move(url);
  probe.expect_status = status;
  probe.expect_body = std::move(body);
  return probe;
}

core::Probe command_probe(std::vector<std::string> argv) {
  core::Probe probe;
  probe.kind = core::Probe::Kind::command;
  probe.argv = std::move(argv);
  return probe;
}

// On a real thread with real processes below; only the loop's clock stands still.
Asked ask_command(std::vector<std::string> argv, core::Duration timeout = 5s) {
  support::VirtualLoop loop;
  support::ThreadWorkers workers;
  net::Io io;
  auto const http = net::make_http_client(io);
  auto const prober = make_prober(command_probe(std::move(argv)), loop, workers, *http).value();
  std::optional<ProbeAnswer> got;
  auto const begin = std::chrono::steady_clock::now();
  prober->ask(timeout, [&](ProbeAnswer answer) { got = std::move(answer); });
  REQUIRE(loop.run_until([&] { return got.has_value(); }));
  auto const took = std::chrono::steady_clock::now() - begin;
  return {*got, std::chrono::duration_cast<std::chrono::milliseconds>(took)};
}

}  // namespace

TEST_CASE("T50 http probe over a real socket: status, body, its 64 KiB, and no redirect is followed") {
  Desk desk;
  std::map<std::string, int> hits;
  std::string const limit(64 << 10, 'x');
  auto const server = net_test::serve(desk.io, [&](net::HttpRequestIn request, std::shared_ptr<net::Responder> to) {
    ++hits[request.path];
    auto const answer = [&](unsigned status, std::string body) {
      to->respond({.status = status, .body = std::move(body)});
    };
    if (request.path == "/ok") return answer(200, "all is\nwell");
    if (request.path == "/empty") return answer(204, "");
    if (request.path == "/busy") return answer(503, "later\x1b[31m");
    if (request.path == "/moved")
      return to->respond({.status = 302, .headers = {{"Location", "/ok"}}, .body = "all is\nwell"});
    if (request.path == "/full") return answer(200, limit.substr(4) + "well");
    if (request.path == "/beyond") return answer(200, limit + "well");
    if (request.path == "/chunks") {
      auto const stream = to->start_stream({.status = 200, .body = limit}, [] {});
      stream->write(" well");
      return stream->end();
    }
    answer(404, "no");
  });
  struct Row {
    char const* path;
    unsigned status;
    char const* body;
    bool ok;
    char const* why;
  };
  for (auto const& row : {
           Row{"/ok", 0, "", true, ""},
           Row{"/ok", 200, "", true, ""},
           Row{"/empty", 0, "", true, ""},
           Row{"/empty", 200, "", false, "HTTP status 204 instead of 200"},
           Row{"/busy", 503, "", true, ""},
           Row{"/busy", 503, "^later", true, ""},
           Row{"/busy", 0, "", false, "HTTP status 503 instead of 2xx: later"},
           Row{"/busy", 0, "later", false, "HTTP status 503 instead of 2xx"},  // the right body mends no wrong status
           Row{"/ok", 0, "^all.*well$", true, ""},
           Row{"/ok", 0, "^well", false, "The body lacks what is expected: all is"},
           Row{"/empty", 0, "well", false, "The body lacks what is expected"},
           Row{"/moved", 0, "", false, "HTTP status 302 instead of 2xx"},
           Row{"/moved", 0, "well", false, "HTTP status 302 instead of 2xx"},
           Row{"/moved", 302, "", true, ""},
           Row{"/full", 0, "well$", true, ""},
           Row{"/beyond", 0, "well", false, "larger than the limit"},
           Row{"/chunks", 0, "well", false, "larger than the limit"},
           Row{"/gone", 0, "", false, "HTTP status 404"},
       }) {
    CAPTURE(row.path, row.status, row.body);
    auto const before = hits["/ok"];
    auto const [answer, took] = desk.ask(http_probe(net_test::url(*server, row.path), row.status, row.body));
    CAPTURE(answer.why);
    CHECK(answer.ok == row.ok);
    CHECK(answer.why.empty() == row.ok);
    CHECK(has(answer.why, row.why));
    CHECK(answer.why.size() < 400);
    for (char const c : answer.why) CHECK(static_cast<unsigned char>(c) >= 0x20);
    CHECK(hits["/ok"] == before + (std::string_view(row.path) == "/ok" ? 1 : 0));
  }
}

TEST_CASE("http probe over a real socket: refused, silent, slow, cut short or garbage is a failure in time") {
  Desk desk;
  std::string closed;
  {
    net_test::RawListener const listener;
    closed = listener.url("http");
  }
  auto const refused = desk.ask(http_probe(closed)).answer;
  CHECK_FALSE(refused.ok);
  CHECK(has(refused.why, "refused"));

  struct Row {
    char const* what;
    std::string bytes;
    bool close;
  };
  for (auto const& row : {
           Row{"silent", "", false},
           Row{"head cut", "HTTP/1.1 200 OK\r\nContent-Le", false},
           Row{"slow body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nwell", false},
           Row{"endless chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwell\r\n", false},
           Row{"closed at once", "", true},
           Row{"closed in the head", "HTTP/1.1 200 OK\r\n", true},
           Row{"closed in the body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nwell", true},
           Row{"garbage", "\x16\x03\x01 well \r\n\r\n", true},
           Row{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", true},
           Row{"no number", "HTTP/1.1 abc OK\r\nContent-Length: 4\r\n\r\nwell", true},
           Row{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 2\r\n\r\nwell", true},
       }) {
    CAPTURE(row.what);
    net_test::RawListener const listener;
    std::optional<net_test::Socket> peer;
    auto const timeout = row.close ? core::Duration(5s) : core::Duration(300ms);
    auto const [answer, took] = desk.ask(http_probe(listener.url("http"), 0, "well"), timeout, [&] {
      peer = net_test::accept(desk.io, listener);
      static_cast<void>(net_test::read_head(desk.io, *peer));
      if (!row.bytes.empty()) peer->write(row.bytes);
      if (row.close) peer.reset();
    });
    CAPTURE(answer.why);
    CHECK_FALSE(answer.ok);
    CHECK_FALSE(answer.why.empty());
    if (!row.close) CHECK(took >= 290ms);
    CHECK(took < 4s);
  }
}

TEST_CASE("tcp probe: a peer that never answers the handshake is a failure in time, IPv6 and names work") {
  net_test::RawListener const full(0);
  // Its queue is filled, so that the kernel drops what comes after; how many fit is the kernel's business.
  std::vector<net_test::Socket> fill;
  for (int i = 0; i < 4; ++i) {
    fill.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    auto const address = net_test::loopback(full.port());
    static_cast<void>(::connect(fill.back().get(), reinterpret_cast<sockaddr const*>(&address), sizeof address));
  }
  auto const begin = std::chrono::steady_clock::now();
  auto const why = try_connect({"127.0.0.1", full.port()}, 200ms);
  auto const took = std::chrono::steady_clock::now() - begin;
  CHECK(has(why, "timed out"));
  CHECK(took >= 190ms);
  CHECK(took < 4s);
  net_test::RawListener const open;
  CHECK(try_connect({"localhost", open.port()}, 2s) == "");
}

TEST_CASE("command probe: signals, floods, left-over children and an empty environment") {
  CHECK(ask_command({"/bin/sh", "-c", "kill -9 $$"}).answer.why == "Ended by signal 9.");
  auto const flood = ask_command({"/bin/sh", "-c", "yes 'a\x1b[31mb' | head -c 1000000; exit 3"}).answer;
  CHECK(has(flood.why, "Exit code 3: "));
  CHECK(flood.why.size() < 400);
  for (char const c : flood.why) CHECK(static_cast<unsigned char>(c) >= 0x20);
  auto const endless = ask_command({"yes"}, 200ms);
  CHECK_FALSE(endless.answer.ok);
  CHECK(endless.took < 4s);
  // What it leaves behind holds its output open, and nobody waits for that.
  auto const left = ask_command({"/bin/sh", "-c", "sleep 1000 & exit 0"}, 2s);
  CHECK(left.took < 4s);
  REQUIRE(::setenv("COUNTERSIGN_TEST_SECRET", "planted", 1) == 0);
  CHECK(ask_command({"/bin/sh", "-c", "test -z \"$COUNTERSIGN_TEST_SECRET\""}).answer.ok);
  ::unsetenv("COUNTERSIGN_TEST_SECRET");
  // One argument is one argument: no shell in between.
  CHECK(ask_command({"test", "$(id);x", "=", "$(id);x"}).answer.ok);
}
