#include "adapters/playground/demo_service.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "bot/net/http_client.hpp"
#include "tests/support/catch.hpp"

using namespace playground;

namespace {

// A supervised service: the child is this test forked, since the command-line program is another room's.
struct Supervised {
  Supervised() {
    char name[] = "/tmp/countersign-demo-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    dir = name;
    supervisor = ::fork();
    if (supervisor == 0) {
      ::signal(SIGTERM, SIG_DFL);
      for (;;) {
        auto const child = ::fork();
        if (child == 0) ::_exit(run_demo_service(dir, 0));
        ::waitpid(child, nullptr, 0);
      }
    }
    REQUIRE(wait([&] { return demo_service_status(dir).pid != 0; }));
  }
  ~Supervised() {
    ::kill(supervisor, SIGKILL);
    ::waitpid(supervisor, nullptr, 0);
    if (auto const pid = demo_service_status(dir).pid; pid != 0) ::kill(pid, SIGKILL);
    std::filesystem::remove_all(dir);
  }
  template <class Done>
  static bool wait(Done done) {
    for (int i = 0; i < 1000; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  unsigned health() {
    net::Io io;
    auto const http = net::make_http_client(io);
    net::HttpRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(demo_service_status(dir).port) + "/healthz";
    unsigned status = 0;
    bool done = false;
    http->request(std::move(request), [&](net::Result<net::HttpResponse> r) {
      status = r ? r->status : 0;
      done = true;
    });
    io.run_until([&] { return done; }, net::Duration{10'000});
    return status;
  }
  std::string dir;
  pid_t supervisor = 0;
};

}  // namespace

TEST_CASE("demo service: broken means 503 and a storm of errors, a restart really heals it") {
  Supervised demo;
  CHECK(demo.health() == 200);
  auto const before = demo_service_status(demo.dir);
  CHECK(before.up);
  REQUIRE(break_demo_service(demo.dir).has_value());
  CHECK(demo.health() == 503);
  CHECK(Supervised::wait([&] {
    for (auto const& line : demo_service_status(demo.dir, 20).log) {
      if (line.find("PoolExhausted") != std::string::npos) return true;
    }
    return false;
  }));
  REQUIRE(restart_demo_service(demo.dir, net::Duration{10'000}).has_value());
  auto const after = demo_service_status(demo.dir);
  CHECK(after.up);
  CHECK(after.pid != before.pid);
  CHECK(after.starts == before.starts + 1);
  CHECK(demo.health() == 200);
}

TEST_CASE("demo service: mending by hand, and a restart of nothing") {
  Supervised demo;
  REQUIRE(break_demo_service(demo.dir).has_value());
  REQUIRE(mend_demo_service(demo.dir).has_value());
  CHECK(demo.health() == 200);
  auto const nothing = restart_demo_service("/nonexistent", net::Duration{10});
  REQUIRE_FALSE(nothing.has_value());
  CHECK(nothing.error().code == core::Errc::not_found);
}

TEST_CASE("demo service: the supervisor starts its child again") {
  char name[] = "/tmp/countersign-sup-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  {
    net::Io io;
    DemoSupervisor supervisor(io, {"/usr/bin/sleep", "600"}, net::Duration{10});
    auto const first = supervisor.pid();
    REQUIRE(first > 0);
    ::kill(first, SIGTERM);
    CHECK(io.run_until([&] { return supervisor.pid() > 0 && supervisor.pid() != first; }, net::Duration{10'000}));
  }
  std::filesystem::remove_all(name);
}
