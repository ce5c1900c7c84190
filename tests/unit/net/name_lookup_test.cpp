#include "bot/net/name_lookup.hpp"

#include <future>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "bot/net/io.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/net/support.hpp"

using namespace net_test;
using net::NameLookup;

namespace {

// A system whose names beginning with "slow" hang until the test lets go. Shared with threads that outlive everything.
struct System {
  std::latch go{1};
  std::mutex mutex;
  std::map<std::string, int> asked;

  int of(std::string const& host) {
    std::lock_guard const lock(mutex);
    return asked[host];
  }
  std::size_t in_all() {
    std::lock_guard const lock(mutex);
    std::size_t sum = 0;
    for (auto const& [host, times] : asked) sum += static_cast<std::size_t>(times);
    return sum;
  }
};

struct House {
  net::Io io;
  std::shared_ptr<System> system = std::make_shared<System>();
  std::optional<NameLookup> names{std::in_place, [this](std::function<void()> work) { io.post(std::move(work)); },
                                  [system = system](std::string const& host) -> NameLookup::Found {
                                    {
                                      std::lock_guard const lock(system->mutex);
                                      ++system->asked[host];
                                    }
                                    if (host.starts_with("slow")) system->go.wait();
                                    if (host == "absent") return {.error = "no such name"};
                                    return {.addresses = {"192.0.2.1"}};
                                  }};
  std::map<std::string, int> heard;
  std::string error;

  void find(std::string const& host) {
    names->find(host, [this, host](NameLookup::Found const& found) {
      ++heard[host];
      error = found.error;
    });
  }
  bool hears(std::string const& host, int times) {
    return io.run_until([&] { return heard[host] == times; }, kPatience);
  }
};

}  // namespace

TEST_CASE("names: one that hangs holds up no other, and is asked for once") {
  House house;
  for (int i = 0; i < 3; ++i) house.find("slow.example");
  house.find("quick.example");
  CHECK(house.hears("quick.example", 1));
  house.find("absent");
  CHECK(house.hears("absent", 1));
  CHECK(house.error == "no such name");
  CHECK(house.heard["slow.example"] == 0);
  house.system->go.count_down();
  CHECK(house.hears("slow.example", 3));
  CHECK(house.system->of("slow.example") == 1);
  house.find("slow.example");
  CHECK(house.hears("slow.example", 4));
}

TEST_CASE("names: more than may be asked for at once wait for their turn") {
  House house;
  for (std::size_t i = 0; i < NameLookup::kMost; ++i) house.find("slow-" + std::to_string(i));
  house.find("late.example");
  REQUIRE(run_until(house.io, [&] { return house.system->in_all() >= NameLookup::kMost; }));
  CHECK(house.system->of("late.example") == 0);
  house.system->go.count_down();
  CHECK(house.hears("late.example", 1));
  for (std::size_t i = 0; i < NameLookup::kMost; ++i) CHECK(house.hears("slow-" + std::to_string(i), 1));
}

TEST_CASE("names: whoever ends while a name hangs waits for nothing and hears nothing") {
  House house;
  house.find("slow.example");
  REQUIRE(run_until(house.io, [&] { return house.system->of("slow.example") == 1; }));
  // On a thread, so that a destructor that waits fails here instead of hanging.
  auto const ended = std::async(std::launch::async, [&] { house.names.reset(); });
  CHECK(ended.wait_for(kPatience) == std::future_status::ready);
  house.system->go.count_down();
  ended.wait();
  // The thread and all that it posted hold the system; when they have gone nothing more can be heard.
  REQUIRE(run_until(house.io, [&] { return house.system.use_count() == 1; }));
  CHECK(house.heard.empty());
}

TEST_CASE("names: the system's own answers") {
  net::Io io;
  NameLookup names([&](std::function<void()> work) { io.post(std::move(work)); });
  std::optional<NameLookup::Found> local;
  names.find("localhost", [&](NameLookup::Found const& found) { local = found; });
  REQUIRE(io.run_until([&] { return local.has_value(); }, 60s));
  CHECK(local->error == "");
  REQUIRE_FALSE(local->addresses.empty());
  CHECK((local->addresses[0] == "127.0.0.1" || local->addresses[0] == "::1"));
}
