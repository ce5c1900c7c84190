// What a line of a log becomes: cases, once each, with its values as data.
#include "bot/triggers/log_trigger.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/heap.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/story_desk.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/triggers/support.hpp"

using namespace triggers;
using namespace triggers_test;
using namespace std::chrono_literals;

namespace {

// A log trigger over a real file, on the virtual loop; the looks happen at once.
struct House {
  Folder dir;
  support::VirtualLoop loop;
  fixture::Story story;
  support::StoryDesk desk{loop, story};
  support::MemoryLog log;
  support::MemoryNotebook notebook;
  core::Noise noise;
  HeldDesk held{loop, desk, log};
  LogSettings settings{.rule = {.count = 1}, .match = "error(?: pid (?P<pid>\\S+))?"};
  std::unique_ptr<LogTrigger> trigger;

  House() {
    settings.path = settings.rule.path = dir.file();
    auto& of = rule();
    of.dedupe = {"pid"};
    of.max_per_hour = 100;
    append(settings.path, "old error\n");
  }
  core::TriggerRule& rule() { return story.rules.triggers.at("web-down"); }
  void start() {
    story.now = loop.now();
    story.reload(story.rules);
    trigger.reset();
    LogParts const parts{.loop = loop,
                         .log = log,
                         .notebook = notebook,
                         .redactor = std::make_shared<NoRedactor>(),
                         .thread = std::make_shared<support::InlineWorkers>()};
    trigger = LogTrigger::make(parts, {loop, desk, log, noise, &held}, rule(), settings).value();
    loop.advance(300ms);
  }
  void line(std::string const& text) {
    append(settings.path, text + "\n");
    loop.advance(300ms);
  }
  std::size_t cases() const { return story.copy.cases.size(); }
  core::CaseState const& last() const { return story.copy.cases.rbegin()->second; }
};

}  // namespace

TEST_CASE("log trigger: a matching line opens a case, more of it are told as one, quiet is the recovery") {
  House house;
  house.start();
  CHECK(house.cases() == 0);
  house.line("fine");
  house.line("error pid 7 password hunter2");
  REQUIRE(house.cases() == 1);
  CHECK(house.last().labels.at("pid") == "7");
  CHECK(house.last().labels.at("from_signal") == "pid");
  CHECK(house.desk.fired[0].text.find("error pid 7 password") != std::string::npos);
  for (int i = 0; i < 5; ++i) house.line("error pid 7 again");
  house.line("error pid 8");
  CHECK(house.cases() == 2);
  house.loop.advance(2min);
  REQUIRE(house.desk.told.size() == 1);
  CHECK(house.desk.told[0].second.text.find("held back 5 signals") != std::string::npos);
  CHECK(house.desk.told[0].second.block.find("pid=7") != std::string::npos);
  CHECK(house.desk.recoveries.empty());
  house.line("error pid 8");
  house.loop.advance(8min);
  REQUIRE(house.desk.recoveries.size() == 1);  // of pid 7 alone
  CHECK(house.desk.recoveries[0].text.find("no matching line of") != std::string::npos);
  house.loop.advance(3min);
  CHECK(house.desk.recoveries.size() == 2);
  CHECK(house.story.broken.empty());
}

TEST_CASE("log trigger: N in a window, for each occurrence its own, also over a restart") {
  House house;
  house.settings.rule.count = 3;
  house.settings.rule.window = 1min;
  house.start();
  house.line("error pid 1");
  house.line("error pid 1");
  house.line("error pid 2");
  house.loop.advance(1min);
  house.line("error pid 1");
  house.line("error pid 1");
  CHECK(house.cases() == 0);  // the first two have left the window
  house.loop.advance(1s);
  house.start();  // a reload or restart: its note is all that is left
  house.line("error pid 1");
  REQUIRE(house.cases() == 1);
  CHECK(house.desk.fired[0].title.find("3 lines of ") != std::string::npos);
  CHECK(house.desk.fired[0].text.find("(lines of before a restart)") != std::string::npos);
}

TEST_CASE("log trigger: a line written while nobody looked is seen once, one whose case is not on record again") {
  House house;
  house.start();
  house.line("error pid 1");
  house.loop.advance(1s);
  house.trigger.reset();
  append(house.settings.path, "error pid 2\n");
  house.start();
  CHECK(house.cases() == 2);
  house.loop.advance(1s);
  house.start();
  CHECK(house.cases() == 2);

  house.desk.slow = true;  // the ledger is slow; the service is killed before the case is on record
  house.line("error pid 3");
  house.loop.advance(5s);
  CHECK(house.cases() == 3);
  auto const note = house.notebook.notes;
  house.trigger.reset();
  house.notebook.notes = note;
  house.desk.slow = false;
  house.start();
  CHECK(house.cases() == 3);  // read again, and its case is open
  CHECK(house.noise.look(house.rule(), house.desk.fired.back().dedupe_key, house.loop.now()).suppressed == 1);
}

TEST_CASE("log trigger: a line whose case can't be recorded is read again after the restart") {
  House house;
  house.start();
  house.line("error pid 1");
  house.loop.advance(1s);
  house.desk.fails = true;  // a failed fsync: everybody is told, and the service stops
  house.line("error pid 2");
  house.loop.advance(5s);
  house.trigger.reset();
  CHECK(house.cases() == 1);
  house.desk.fails = false;
  house.noise = core::noise_of(house.story.copy);
  house.start();
  CHECK(house.cases() == 2);
}

TEST_CASE("log trigger: a line whose case can't be recorded is read again by the same process, once it can be") {
  House house;
  house.settings.rule.count = 2;
  house.start();
  for (int i = 0; i < 2; ++i) house.line("error pid 1");
  house.line("error pid 3");  // waits for another one
  house.loop.advance(1s);
  auto const kept = house.notebook.notes;
  house.desk.fails = true;  // no space left
  house.line("error pid 2\nerror pid 2");
  CHECK_FALSE(house.noise.open_since("web-down", house.desk.fired.back().dedupe_key));
  house.loop.advance(3s);
  CHECK(house.cases() == 1);
  CHECK(house.notebook.notes.begin()->second == kept.begin()->second);
  house.desk.writes = false;
  house.loop.advance(700ms);
  auto const tries = house.desk.fired.size();
  house.loop.advance(20s);
  CHECK(house.desk.fired.size() == tries);  // what would be in vain is not tried
  house.desk.fails = false;
  house.desk.writes = true;
  house.loop.advance(3s);
  CHECK(house.cases() == 2);
  CHECK(house.last().labels.at("pid") == "2");
  house.line("error pid 3");
  CHECK(house.cases() == 3);
  house.loop.advance(1s);
  CHECK(house.notebook.notes != kept);  // the position is kept again
  house.start();
  CHECK(house.cases() == 3);
}

TEST_CASE("log trigger: a look that comes back when the trigger has gone touches no loop") {
  House house;
  auto const thread = std::make_shared<support::ManualWorkers>();
  house.story.reload(house.story.rules);
  auto trigger =
      LogTrigger::make({.loop = house.loop,
                        .log = house.log,
                        .notebook = house.notebook,
                        .redactor = std::make_shared<NoRedactor>(),
                        .thread = thread},
                       {house.loop, house.desk, house.log, house.noise, &house.held}, house.rule(), house.settings)
          .value();
  REQUIRE(thread->waiting() == 1);
  trigger.reset();
  thread->run_one();
  CHECK(house.loop.posted() == 0);
}

TEST_CASE("T32 log trigger: a line is redacted before its title is cut") {
  House house;
  house.start();
  house.line("error pid 1 " + std::string(100, '.') + " hunter2");  // the title has 120 bytes of it
  REQUIRE(house.cases() == 1);
  CHECK(house.desk.fired[0].title.find("hunt") == std::string::npos);
  CHECK(house.desk.fired[0].title.find("[re") != std::string::npos);
  CHECK(house.desk.fired[0].text.find("[redacted]") != std::string::npos);
}

TEST_CASE("T55 a log line's values are data: typed, marked, never an option, never a choice of the runbook") {
  House house;
  house.rule().propose = {{"restart-service", {{"service", "{{pid}}"}}}};
  house.rule().post_to = {"incidents"};
  house.start();
  auto const requests = [&] { return house.story.copy.requests.size(); };
  house.line("error pid web");  // one of the enum's values
  REQUIRE(requests() == 1);
  auto const& asked = house.story.copy.requests.begin()->second;
  CHECK(asked.parameters.at("service") == "web");
  CHECK(asked.labels.at("from_signal") == "pid");
  CHECK(asked.phase == core::Phase::collecting);  // and then it waits for people: nothing approves it by itself
  for (std::string const value : kHostileValues) {
    auto const before = house.cases();
    house.line("error pid " + value);
    CAPTURE(value);
    CHECK(house.cases() >= before);
    CHECK(requests() == 1);
  }
  CHECK(house.story.count<core::TellChannels>() == 1);  // the last one: people hear that nothing was asked
  for (auto const& [id, of] : house.story.copy.cases) {
    CHECK(of.labels.count("runbook") == 0);
    for (auto const& [name, value] : of.labels) CHECK_FALSE(value.starts_with('-'));
  }
}

TEST_CASE("T69 T67 a storm in a log: bounded, one case, one digest a minute") {
  House house;
  house.rule().dedupe = {};
  house.start();
  std::string second;
  for (int i = 0; i < 1000; ++i) second += "error number " + std::to_string(i) + "\n";
  std::size_t heap = 0;
  for (int n = 0; n < 180; ++n) {
    if (n == 60) heap = support::heap_in_use();
    append(house.settings.path, second);
    house.loop.advance(1s);
  }
  if (!support::skipped_under_sanitizer("the heap in a storm in a log", "it has a heap of its own"))
    CHECK(support::heap_in_use() < heap + (1u << 20));
  CHECK(house.cases() == 1);
  CHECK(house.story.copy.entries < 15);
  CHECK((house.desk.told.size() == 2 || house.desk.told.size() == 3));
  house.loop.advance(1min);
  std::uint64_t lines = 0;
  for (auto const& line : house.log.lines()) lines += line.message == "a signal was held back" ? 1u : 0u;
  CHECK(lines == 1);                     // and the service's own log is no storm either
  CHECK(house.held.total() == 179'000);  // the first thousand came at one look, and their case tells them all

  house.rule().dedupe = {"pid"};  // every line an occurrence of its own
  house.rule().max_per_hour = 6;
  house.noise = core::Noise();
  house.start();
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "error pid p" + std::to_string(i) + "\n";
  append(house.settings.path, many);
  house.loop.advance(2s);
  CHECK(house.cases() <= 1 + 6);
  CHECK(house.noise.keys() <= Occurrences::kMost + 2);
  house.loop.advance(2min);
  CHECK(house.desk.told.back().second.block.find("too many occurrences") != std::string::npos);
}
