#include "bot/net/backoff.hpp"

#include "tests/support/catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("backoff: the ceiling doubles to the cap, and a reset begins anew") {
  // `max` draws the ceiling only if ceiling + 1 divides what is drawn plus one; so draw it by remainder.
  std::uint64_t draw = 0;
  net::Backoff backoff{100ms, 1s, [&] { return draw; }};
  auto const ceilings = {100, 200, 400, 800, 1000, 1000};
  for (int const ceiling : ceilings) {
    draw = static_cast<std::uint64_t>(ceiling);
    CHECK(backoff.next() == net::Duration{ceiling});
  }
  CHECK(backoff.failures() == 6);
  backoff.reset();
  draw = 101;  // one past the ceiling wraps to the floor
  CHECK(backoff.next() == 0ms);
}

TEST_CASE("backoff: any number of failures and any randomness stay between least and cap") {
  auto random = net::system_random();
  net::Backoff backoff{250ms, 30s, random, 50ms};
  for (int i = 0; i < 2000; ++i) {
    auto const wait = backoff.next();
    REQUIRE(wait >= 50ms);
    REQUIRE(wait <= 30s);
  }
}
