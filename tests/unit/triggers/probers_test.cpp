#include "bot/triggers/probers.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include "bot/process/fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/virtual_loop.hpp"

using namespace triggers;
using namespace std::chrono_literals;

namespace {

struct FakeHttp final : net::HttpClient {
  net::HttpRequest last;
  Done waiting;
  int cancelled = 0;
  CallId request(net::HttpRequest request, Done done) override {
    last = std::move(request);
    waiting = std::move(done);
    return 1;
  }
  void cancel(CallId) override { ++cancelled; }
  void answer(unsigned status, std::string body) {
    net::HttpResponse response;
    response.status = status;
    response.body = std::move(body);
    waiting(std::move(response));
  }
};

core::Probe http_probe() {
  core::Probe probe;
  probe.target = "http://127.0.0.1:8081/healthz?token=abc";
  return probe;
}

core::Probe tcp_probe(std::string target) {
  core::Probe probe;
  probe.kind = core::Probe::Kind::tcp;
  probe.target = std::move(target);
  return probe;
}

core::Probe command_probe(std::vector<std::string> argv) {
  core::Probe probe;
  probe.kind = core::Probe::Kind::command;
  probe.argv = std::move(argv);
  return probe;
}

// Asks with real threads, files and sockets below; only the clock is the test's.
ProbeAnswer ask_for_real(core::Probe const& probe, core::Duration timeout) {
  support::VirtualLoop loop;
  support::ThreadWorkers workers;
  FakeHttp http;
  auto const prober = make_prober(probe, loop, workers, http).value();
  std::optional<ProbeAnswer> got;
  prober->ask(timeout, [&](ProbeAnswer answer) { got = std::move(answer); });
  REQUIRE(loop.run_until([&] { return got.has_value(); }));
  CHECK(loop.timers() == 0);
  return *got;
}

struct Listener {
  process::Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string target;
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    void* const raw = &address;
    REQUIRE(::bind(socket.get(), static_cast<sockaddr*>(raw), size) == 0);
    REQUIRE(::listen(socket.get(), 4) == 0);
    REQUIRE(::getsockname(socket.get(), static_cast<sockaddr*>(raw), &size) == 0);
    target = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
};

}  // namespace

TEST_CASE("T50 http prober: a plain GET, redirects are failures, the body is searched") {
  support::VirtualLoop loop;
  support::ManualWorkers workers;
  FakeHttp http;
  auto probe = http_probe();
  struct Case {
    unsigned expect;
    char const* body_pattern;
    unsigned status;
    char const* body;
    bool ok;
  };
  for (auto const& test : {Case{0, "", 200, "", true}, Case{0, "", 204, "", true}, Case{0, "", 302, "moved", false},
                           Case{0, "", 500, "no", false}, Case{503, "", 503, "", true}, Case{503, "", 200, "", false},
                           Case{0, "ok.*yes", 200, "ok\nyes", true}, Case{0, "^ok$", 200, "not ok", false}}) {
    probe.expect_status = test.expect;
    probe.expect_body = test.body_pattern;
    auto const prober = make_prober(probe, loop, workers, http).value();
    std::optional<ProbeAnswer> got;
    prober->ask(2s, [&](ProbeAnswer answer) { got = std::move(answer); });
    CHECK(http.last.method == "GET");
    CHECK(http.last.url == probe.target);
    CHECK(http.last.timeout == 2s);
    CHECK(http.last.max_response_bytes == 64 << 10);
    http.answer(test.status, test.body);
    REQUIRE(got);
    CAPTURE(test.status, test.body, got->why);
    CHECK(got->ok == test.ok);
    CHECK(got->why.empty() == test.ok);
  }
  {
    auto const prober = make_prober(probe, loop, workers, http).value();
    prober->ask(2s, [](ProbeAnswer) { FAIL("cancelled"); });
  }
  CHECK(http.cancelled == 1);
  CHECK(describe(probe) == "http://127.0.0.1:8081/healthz");
}

TEST_CASE("probers: what can't be asked is refused beforehand") {
  support::VirtualLoop loop;
  support::ManualWorkers workers;
  FakeHttp http;
  auto bad = http_probe();
  bad.expect_body = "(";
  CHECK(make_prober(bad, loop, workers, http).has_error());
  bad = http_probe();
  for (auto const* target : {"", "ftp://x/", "ws://127.0.0.1/", "nonsense"}) {
    bad.target = target;
    CHECK(make_prober(bad, loop, workers, http).has_error());
  }
  for (auto const* target :
       {"", "host", ":80", "host:", "host:0", "host:65536", "host:8x", "::1:80", "[::1:80", "a b:1", "u@h:1", "[]:1"}) {
    CAPTURE(target);
    CHECK(make_prober(tcp_probe(target), loop, workers, http).has_error());
  }
  CHECK(parse_host_port("[::1]:80").value().host == "::1");
  CHECK(make_prober(command_probe({}), loop, workers, http).has_error());
}

TEST_CASE("tcp prober: a real socket that listens, and one that no longer does") {
  std::string target;
  {
    Listener const listener;
    target = listener.target;
    CHECK(ask_for_real(tcp_probe(target), 5s).ok);
  }
  auto const closed = ask_for_real(tcp_probe(target), 5s);
  CHECK_FALSE(closed.ok);
  CHECK(closed.why.find("refused") != std::string::npos);
}

TEST_CASE("command prober: real commands") {
  CHECK(ask_for_real(command_probe({"true"}), 5s).ok);
  CHECK(ask_for_real(command_probe({"false"}), 5s).why == "Exit code 1.");
  CHECK(ask_for_real(command_probe({"/bin/sh", "-c", "echo broken; exit 2"}), 5s).why == "Exit code 2: broken");
  CHECK_FALSE(ask_for_real(command_probe({"/nonexistent"}), 5s).ok);
  CHECK(ask_for_real(command_probe({"sleep", "1000"}), 200ms).why == "Stopped after 200ms.");
}

TEST_CASE("F29 worker prober: a worker that never comes back fails the probe and gets no second one") {
  support::VirtualLoop loop;
  support::ManualWorkers workers;
  FakeHttp http;
  auto const prober = make_prober(command_probe({"true"}), loop, workers, http).value();
  std::vector<ProbeAnswer> got;
  auto const remember = [&](ProbeAnswer answer) { got.push_back(std::move(answer)); };
  prober->ask(2s, remember);
  loop.advance(3s);
  REQUIRE(got.size() == 1);
  CHECK_FALSE(got[0].ok);
  prober->ask(2s, remember);
  CHECK(workers.waiting() == 1);
  loop.advance(3s);
  CHECK(got.size() == 2);
  workers.run_all();  // back at last: too late for both
  loop.run_posted();
  CHECK(got.size() == 2);
  prober->ask(2s, remember);
  CHECK(workers.waiting() == 1);
  workers.run_all();
  loop.run_posted();
  REQUIRE(got.size() == 3);
  CHECK(got[2].ok);
}
