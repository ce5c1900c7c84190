// Signals that noise control holds back, on a clock that the test moves, with the real core behind the desk.
#include "bot/triggers/watch.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/story_desk.hpp"
#include "tests/support/virtual_loop.hpp"

using namespace triggers;
using namespace std::chrono_literals;

namespace {

struct House {
  support::VirtualLoop loop;
  fixture::Story story;
  support::StoryDesk desk{loop, story};
  support::MemoryLog log;
  core::Noise noise;
  SignalCounts counts;
  std::unique_ptr<Watch> watch;

  House() {
    rule().propose.clear();  // a case ends with the recovery
    rule().cooldown = 10min;
    rule().max_per_hour = 6;
    build();
  }
  core::TriggerRule& rule() { return story.rules.triggers.at("web-down"); }
  void build() {  // also what a reload does
    watch.reset();
    story.now = loop.now();
    story.reload(story.rules);
    watch =
        std::make_unique<Watch>(WatchParts{loop, desk, log, noise, nullptr, &counts, "probe"}, rule(), rule().labels);
  }
  void restart() {  // nothing is left but the ledger
    watch.reset();
    story.now = loop.now();
    story.restart();
    noise = core::noise_of(story.copy);
    build();
  }
  void down(std::string const& text = "first look") {
    watch->raised({"web-down", "web-down: it fails", text, loop.now()});
  }
  void still(std::string const& text) { watch->still({"web-down", "web-down: it still fails", text, loop.now()}); }
  void up() { watch->over({"web-down", "web-down: it answers again", "", loop.now()}); }
  std::size_t cases() const { return story.copy.cases.size(); }
  double counted(std::string const& outcome) const {
    for (auto const& figure : counts.figures()) {
      if (figure.labels == std::map<std::string, std::string>{{"source", "probe"}, {"outcome", outcome}})
        return figure.value;
    }
    return -1;
  }
  void outage(core::Duration lasts = 1min) {
    auto const before = cases();
    down();
    REQUIRE(cases() == before + 1);
    loop.advance(lasts);
    up();
  }
};

}  // namespace

TEST_CASE("watch: an outage within the cooldown is reported when that is over, with what was held back") {
  House house;
  house.outage();
  CHECK(house.desk.fired[0].title == "web-down: it fails");
  CHECK(house.desk.fired[0].text == "first look");
  house.loop.advance(5min);
  house.down();
  CHECK(house.log.has("a signal was held back"));
  house.loop.advance(2min);
  house.still("what it looks like now");
  house.loop.advance(3min - 1ms);
  CHECK(house.cases() == 1);
  house.loop.advance(1ms);
  REQUIRE(house.cases() == 2);
  CHECK(house.desk.fired[1].title == "web-down: it still fails (1 signal was held back)");
  CHECK(house.desk.fired[1].text ==
        "Noise control: 1 signal was held back since 2026-11-21T10:06:00.000Z.\n\nwhat it looks like now");
  CHECK(house.story.copy.cases.rbegin()->second.title == house.desk.fired[1].title);
  house.loop.advance(1h);
  CHECK(house.cases() == 2);
  house.up();
  CHECK(house.story.kinds() == "case.closed");
  CHECK(house.loop.timers() == 0);
}

TEST_CASE("watch: what signals came to is counted") {
  House house;
  for (auto const* outcome : {"fired", "added", "held_back", "recovered"}) CHECK(house.counted(outcome) == 0);
  house.down();
  house.loop.run_posted();
  house.watch->raised({"web-down", "web-down: again", "", house.loop.now()}, 3);
  CHECK((house.counted("fired") == 1 && house.counted("added") == 3));
  house.up();
  house.up();  // of nothing
  CHECK(house.counted("recovered") == 1);
  house.down();
  CHECK((house.counted("held_back") == 1 && house.counted("fired") == 1));
  house.loop.advance(10min);  // late, not never
  CHECK(house.counted("fired") == 2);
  house.up();
  house.loop.advance(10min);
  house.desk.fails = true;
  house.down();
  house.loop.run_posted();
  CHECK((house.counted("fired") == 2 && house.counted("not_recorded") == 1));
}

TEST_CASE("watch: a recovery lets go what was held back, and flapping does not push the cooldown ahead") {
  House house;
  house.outage();
  for (int n = 0; n < 4; ++n) {
    house.loop.advance(1min);
    house.down();
    house.loop.advance(1min);
    house.up();
  }
  CHECK(house.log.has("a signal that was held back is over"));
  CHECK(house.loop.timers() == 0);
  house.loop.advance(1min);
  house.down();
  CHECK(house.cases() == 1);
  house.loop.advance(1min);
  REQUIRE(house.cases() == 2);
  CHECK(house.desk.fired[1].title == "web-down: it fails (5 signals were held back)");
  house.loop.advance(1min);
  house.up();
  house.loop.advance(1h);
  CHECK(house.cases() == 2);
}

TEST_CASE("watch: what comes over max_per_hour is reported when the hour has room again") {
  House house;
  house.rule().cooldown = 1min;
  house.rule().max_per_hour = 2;
  house.build();
  house.outage();  // 10:00
  house.loop.advance(9min);
  house.outage();  // 10:10
  house.loop.advance(9min);
  house.down();
  CHECK(house.cases() == 2);
  house.loop.advance(40min - 1ms);
  CHECK(house.cases() == 2);
  house.loop.advance(1ms);
  CHECK(house.cases() == 3);  // 11:00
}

TEST_CASE("watch: a trigger that is gone pages nobody, one that a reload makes anew asks again by itself") {
  House house;
  house.outage();
  house.down();
  CHECK(house.loop.timers() == 1);
  house.watch.reset();
  CHECK(house.loop.timers() == 0);
  house.loop.advance(1h);
  CHECK(house.cases() == 1);
  house.build();
  CHECK_FALSE(house.watch->reported());
  house.down();
  CHECK(house.cases() == 2);
  house.build();
  CHECK(house.watch->reported());
  house.up();
  CHECK(house.story.kinds() == "case.closed");
}

TEST_CASE("watch: cooldown, max_per_hour and an open case outlive a restart") {
  House house;
  house.rule().max_per_hour = 2;
  house.build();
  house.outage();  // 10:00 to 10:01
  house.loop.advance(5min);
  house.restart();
  CHECK_FALSE(house.watch->reported());
  house.down();
  CHECK(house.cases() == 1);
  house.loop.advance(5min);
  CHECK(house.cases() == 2);  // 10:11
  house.restart();
  CHECK(house.watch->reported());
  house.loop.advance(5min);
  house.up();
  CHECK(house.story.kinds() == "case.closed");
  house.loop.advance(20min);
  house.restart();
  house.down();  // 10:36: no cooldown any more, but the third of this hour
  CHECK(house.cases() == 2);
  house.loop.advance(24min - 1ms);
  CHECK(house.cases() == 2);
  house.loop.advance(1ms);
  CHECK(house.cases() == 3);
  CHECK(house.story.broken.empty());
}

TEST_CASE("watch: when a case is closed by its age and the trouble stands, it is reported anew") {
  House house;
  bool const restarted = GENERATE(false, true);
  house.down();
  house.loop.advance(24h);
  house.desk.step(core::Tick{});
  REQUIRE(house.story.kinds() == "case.closed");
  if (restarted) house.restart();
  CHECK(house.watch->reported() != restarted);  // without a restart it is found out at the next look
  if (restarted) house.down();                  // the source begins anew, and raises it
  house.loop.advance(9min);
  house.still("a day later");
  CHECK(house.cases() == 1);
  house.loop.advance(2min);
  REQUIRE(house.cases() == 2);
  CHECK(house.desk.fired[1].text.ends_with("a day later"));
}

TEST_CASE("watch: a case that an earlier process opened is reported anew only with what is seen now") {
  House house;
  house.down();
  house.restart();
  REQUIRE(house.watch->reported());
  house.loop.advance(24h);
  house.desk.step(core::Tick{});
  house.loop.advance(1h);
  CHECK(house.cases() == 1);  // nobody has looked yet
  house.still("now");
  house.loop.advance(1min);
  REQUIRE(house.cases() == 2);
  CHECK(house.desk.fired[1].text == "now");
}
