// The service's own time, and the host's.
#include "bot/cli/host.hpp"
#include "tests/support/catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("F11 clock: the service's time never goes back to a host's clock behind it, the host's is told as it is") {
  net::Io io;
  cli::IoLoop loop(io);
  auto const last = loop.now() + 1h;  // of the ledger, before the host's clock was set back
  loop.not_before(last);
  auto const now = loop.now();
  CHECK(now >= last);
  CHECK(loop.now() >= now);
  CHECK(loop.now() - loop.wall() > 50min);
}
