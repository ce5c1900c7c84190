// One seeded schedule: the real engine and the three real adapters on the virtual clock, people who press, platforms
// that deliver when and how often they like, and a service that dies in between. The seed alone decides all of it.
#pragma once

#include <cstdint>
#include <string>

namespace schedules {

struct Outcome {
  std::string wrong;  // empty: every invariant held and a clean run decides the same
  std::string trace;  // what was done, a line each, with seconds since the start
  std::size_t deliveries = 0, restarts = 0, votes = 0, approved = 0, denied = 0, expired = 0, refused = 0,
              acknowledged = 0;
};

Outcome run_schedule(std::uint32_t seed);

}  // namespace schedules
