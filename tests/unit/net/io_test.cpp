#include "bot/net/io.hpp"

#include <csignal>
#include <string>
#include <thread>

#include "tests/support/catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("io: posts keep their order, and stop ends run, even before it began") {
  net::Io io;
  std::string order;
  std::thread other{[&] {
    for (char const c : {'a', 'b', 'c'}) io.post([&order, c] { order += c; });
    io.post([&] { io.stop(); });
  }};
  io.run();
  other.join();
  CHECK(order == "abc");
  io.stop();
  io.run();
  io.post([&] { io.stop(); });
  io.run();
}

TEST_CASE("io: timers come in order of time, a cancelled one never comes") {
  net::Io io;
  std::string order;
  net::Io::TimerId second = 0;
  io.call_after(20ms, [&] { order += 'c'; });
  io.call_after(1ms, [&] {
    order += 'a';
    io.cancel(second);  // it may be due already
  });
  second = io.call_after(1ms, [&] { order += 'b'; });
  io.cancel(12345);
  CHECK(io.run_until([&] { return order.size() == 2; }, 5s));
  CHECK(order == "ac");
  CHECK_FALSE(io.run_until([] { return false; }, 5ms));
}

TEST_CASE("io: signals arrive on the loop, again and again, and don't hold it open") {
  net::Io io;
  int heard = 0;
  io.on_signals({SIGUSR1, SIGUSR2}, [&](int signal) {
    ++heard;
    if (signal == SIGUSR2) io.stop();
  });
  ::raise(SIGUSR1);
  CHECK(io.run_until([&] { return heard == 1; }, 5s));
  ::raise(SIGUSR2);
  io.run();
  CHECK(heard == 2);
}
