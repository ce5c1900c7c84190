// F19, F21: seeded schedules of deliveries over three platforms. COUNTERSIGN_SCHEDULE=SEED plays one and prints what
// happens.
#include <cstdlib>

#include "tests/faults/schedules/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/rounds.hpp"

namespace {

void run_all(std::uint32_t first, std::uint32_t count) {
  schedules::Outcome sum;
  if (auto const* one = std::getenv("COUNTERSIGN_SCHEDULE")) {
    auto const outcome = schedules::run_schedule(static_cast<std::uint32_t>(std::strtoul(one, nullptr, 10)));
    UNSCOPED_INFO(outcome.trace);
    CHECK(outcome.wrong == "");
    return;
  }
  for (std::uint32_t seed = first; seed < first + count; ++seed) {
    auto const outcome = schedules::run_schedule(seed);
    if (!outcome.wrong.empty()) {
      CAPTURE(seed, outcome.trace);
      FAIL(outcome.wrong);
    }
    sum.deliveries += outcome.deliveries;
    sum.restarts += outcome.restarts;
    sum.votes += outcome.votes;
    sum.approved += outcome.approved;
    sum.denied += outcome.denied;
    sum.expired += outcome.expired;
    sum.refused += outcome.refused;
    sum.acknowledged += outcome.acknowledged;
  }
  // The schedules are worth something.
  CHECK(sum.deliveries > 10 * count);
  CHECK(sum.restarts > count);
  CHECK(sum.approved > count / 3);
  CHECK(sum.denied > count / 10);
  CHECK(sum.expired > count / 10);
  CHECK(sum.refused > count);
  CHECK(sum.acknowledged > count);
}

// 10,000 in the full tier, a sample before every commit.
std::uint32_t how_many() { return support::full() ? 5'000 : support::rounds(240); }

}  // namespace

TEST_CASE("F19 deliveries repeated, reordered, late, lost, elsewhere, restarts: as in a clean run (1 of 2)") {
  run_all(0, how_many());
}
TEST_CASE("F19 deliveries repeated, reordered, late, lost, elsewhere, restarts: as in a clean run (2 of 2)") {
  run_all(5'000, how_many());
}
