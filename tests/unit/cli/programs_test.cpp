// Looking at programs' files, some of which never answer.
#include "bot/cli/host.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/virtual_loop.hpp"

namespace {

using namespace std::chrono_literals;
using Found = ports::Programs::Found;

struct Desk {
  support::VirtualLoop loop;
  support::ManualWorkers workers;  // all their threads hang, but when the test says otherwise
  support::MemoryLog log;
  std::unique_ptr<ports::Programs> programs = cli::make_programs(loop, workers, log);

  std::shared_ptr<std::vector<Found>> ask(std::vector<std::string> names) {
    auto answers = std::make_shared<std::vector<Found>>();
    programs->identify(std::move(names), [answers](Found found) { answers->push_back(std::move(found)); });
    return answers;
  }
};

}  // namespace

TEST_CASE("programs: one whose file does not answer is an error after 10 s, and the others are known") {
  Desk desk;
  auto const answers = desk.ask({"/mnt/dead/restart", "/bin/sh", "/bin/sh"});
  CHECK(desk.workers.waiting() == 2);
  desk.workers.run_one(0);  // by name: /bin/sh
  desk.loop.advance(9'999ms);
  CHECK(answers->empty());
  desk.loop.advance(1ms);
  REQUIRE(answers->size() == 1);
  auto const& found = answers->front();
  REQUIRE(found.size() == 2);
  CHECK(found.at("/bin/sh").has_value());
  auto const& dead = found.at("/mnt/dead/restart");
  REQUIRE_FALSE(dead.has_value());
  CHECK(dead.error().code == core::Errc::timed_out);
  CHECK_THAT(dead.error().message,
             Catch::Contains("/mnt/dead/restart") && Catch::Contains("nobody could look at its file within 10s"));
  desk.workers.run_all();
  desk.loop.advance(1h);
  CHECK(answers->size() == 1);  // late is let go
  CHECK(desk.loop.timers() == 0);
}

TEST_CASE("programs: one that hangs keeps one worker, however often it is asked about, and is known once it is back") {
  Desk desk;
  for (int i = 0; i < 20; ++i) {
    auto const answers = desk.ask({"/nonexistent/program"});
    desk.loop.advance(10s);
    REQUIRE(answers->size() == 1);
    CHECK(answers->front().begin()->second.error().code == core::Errc::timed_out);
  }
  CHECK(desk.workers.waiting() == 1);
  auto const one = desk.ask({"/nonexistent/program"}), two = desk.ask({"/nonexistent/program", "/bin/sh"});
  CHECK(desk.workers.run_all() == 2);
  CHECK(one->empty());  // never from inside
  desk.loop.run_posted();
  for (auto const& answers : {one, two}) {
    REQUIRE(answers->size() == 1);
    CHECK(answers->front().at("/nonexistent/program").error().code == core::Errc::not_found);
  }
  CHECK(two->front().at("/bin/sh").has_value());
  CHECK(desk.loop.timers() == 0);
}

TEST_CASE("programs: none asked for, none found") {
  Desk desk;
  auto const answers = desk.ask({});
  CHECK(answers->empty());
  desk.loop.run_posted();
  REQUIRE(answers->size() == 1);
  CHECK(answers->front().empty());
}
