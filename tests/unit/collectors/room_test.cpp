#include "collectors/room.hpp"

#include <semaphore>

#include "bot/core/ids.hpp"
#include "bot/core/text.hpp"
#include "collectors/command.hpp"
#include "collectors/file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace std::chrono_literals;

namespace {

struct Saying final : Collector {
  std::string text;
  explicit Saying(std::string words) : text(std::move(words)) {}
  core::Exhibit collect(Context const&) const override {
    core::Exhibit exhibit;
    exhibit.bytes = text;
    exhibit.total_bytes = text.size();
    return exhibit;
  }
};
struct Throwing final : Collector {
  core::Exhibit collect(Context const&) const override { throw std::runtime_error("token=abc\nno"); }
};

struct Asking final : Collector {
  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    exhibit.bytes = "opened " + core::format_time(context.opened) + " recent " + core::format_time(context.window_from);
    return exhibit;
  }
};

Place place(std::string text) { return {std::make_shared<Saying>(std::move(text))}; }

struct House {
  support::VirtualLoop loop;
  support::ManualWorkers workers;
  std::shared_ptr<Redactor const> redactor = Redactor::make().value();
  std::unique_ptr<Room> room;
  std::optional<core::Evidence> evidence;
  int answers = 0;

  explicit House(Room::Collectors collectors, RoomSettings settings = {}) {
    room = std::make_unique<Room>(loop, workers, redactor, std::move(collectors), settings);
  }
  void ask(std::vector<std::string> names, std::vector<core::Exhibit> attachments = {}) {
    ports::EvidenceOrder order;
    order.collectors = std::move(names);
    order.attachments = std::move(attachments);
    room->collect(std::move(order), [this](core::Evidence given) {
      evidence = std::move(given);
      ++answers;
    });
  }
};

}  // namespace

TEST_CASE("room: collectors look back from the case's opening, highlights from now") {
  House house({{"a", {std::make_shared<Asking>()}}});
  auto const now = house.loop.now();
  ports::EvidenceOrder order;
  order.collectors = {"a"};
  order.opened = now - 5min;
  house.room->collect(std::move(order), [&](core::Evidence given) { house.evidence = std::move(given); });
  house.workers.run_all();
  house.loop.run_posted();
  REQUIRE(house.evidence);
  CHECK(house.evidence->exhibits[0].bytes ==
        "opened " + core::format_time(now - 5min) + " recent " + core::format_time(now - 15min));
}

TEST_CASE("F11 room: what others wrote is judged by the host's clock, also after that was set back behind ours") {
  collectors_test::Folder const folder;
  House house(
      {{"log", {make_file_collector({folder.write("web.log", ""), 10min})}}, {"a", {std::make_shared<Asking>()}}});
  house.loop.lead = 2h;
  auto const wall = house.loop.wall();
  auto const line = core::format_time(wall - 3min) + " error: the disk is full\n";
  folder.write("web.log", core::format_time(wall - 30min) + " old\n" + line);
  ports::EvidenceOrder order;
  order.collectors = {"log", "a"};
  order.opened = house.loop.now() - 1min;  // as the case has it
  house.room->collect(std::move(order), [&](core::Evidence given) { house.evidence = std::move(given); });
  house.workers.run_all();
  house.loop.run_posted();
  REQUIRE(house.evidence);
  auto const& exhibits = house.evidence->exhibits;
  CHECK(exhibits[0].bytes == line);
  CHECK(exhibits[0].started == house.loop.now());  // our own order
  CHECK(exhibits[1].bytes == "opened " + core::format_time(wall - 1min) + " recent " + core::format_time(wall - 15min));
}

TEST_CASE("room: exhibits in the order asked, whatever order they come in") {
  House house({{"a", place("error: A")}, {"b", place("B")}});
  core::Exhibit attachment;
  attachment.name = "attempts";
  attachment.bytes = "password=hunter2 \xe2\x80\xae";
  house.ask({"b", "a", "b", "nobody"}, {attachment});
  CHECK(house.answers == 0);
  house.workers.run_one(1);
  house.workers.run_one(0);
  house.loop.run_posted();
  REQUIRE(house.evidence);
  auto const& exhibits = house.evidence->exhibits;
  REQUIRE(exhibits.size() == 4);
  CHECK(exhibits[0].name == "attempts");
  CHECK(exhibits[0].bytes == "password=[redacted] \\u{202E}");
  CHECK(exhibits[0].redactions == 1);
  CHECK(exhibits[1].name == "b");
  CHECK(exhibits[2].bytes == "error: A");
  CHECK(exhibits[3].error == "There is no collector named 'nobody' in the configuration.");
  REQUIRE(house.evidence->highlights.size() == 2);
  CHECK(house.loop.timers() == 0);
  CHECK(house.room->under_way() == 0);
}

TEST_CASE("F29 room: a collector that hangs yields an exhibit that says so, and its late answer is let go") {
  House house({{"slow", place("late")}, {"good", place("here")}});
  house.ask({"slow", "good"});
  house.workers.run_one(1);
  house.loop.advance(9'999ms);
  CHECK(house.answers == 0);
  house.loop.advance(1ms);
  REQUIRE(house.answers == 1);
  CHECK(house.evidence->exhibits[0].error == "No answer within 10s: this evidence is missing.");
  CHECK(house.evidence->exhibits[0].duration == 10s);
  CHECK(house.evidence->exhibits[1].bytes == "here");
  house.workers.run_all();
  house.loop.advance(1h);
  CHECK(house.answers == 1);
  CHECK(house.evidence->exhibits[0].bytes.empty());
}

TEST_CASE("F29 room: a collector takes four workers at most, is not asked while all hang, and the workers hear of it") {
  struct Hanging final : Collector {
    mutable std::counting_semaphore<> begun{0}, go{0};
    core::Exhibit collect(Context const&) const override {
      begun.release();
      go.acquire();
      core::Exhibit exhibit;
      exhibit.bytes = "here";
      return exhibit;
    }
  };
  struct Counting final : support::ThreadWorkers {
    void run(std::function<void()> work) override {
      ++given;
      ThreadWorkers::run([this, work = std::move(work)] {
        work();
        ended.release();
      });
    }
    std::counting_semaphore<> ended{0};
    void hangs() override { ++hanging; }
    void came_back() override { --hanging; }
    int given = 0, hanging = 0;
  };
  auto const hanging = std::make_shared<Hanging>();
  support::VirtualLoop loop;
  Counting workers;
  Room room(loop, workers, Redactor::make().value(), {{"dead", {hanging}}});
  struct Free {  // before the threads are joined, however the test ends
    Hanging const& all;
    ~Free() { all.go.release(1000); }
  } const free{*hanging};
  std::vector<core::Exhibit> got;
  auto const ask = [&] {
    ports::EvidenceOrder order;
    order.collectors = {"dead"};
    room.collect(std::move(order), [&](core::Evidence evidence) { got.push_back(evidence.exhibits.at(0)); });
  };
  // One that is back soon after its deadline is merely slow.
  ask();
  hanging->begun.acquire();
  loop.advance(10s);
  REQUIRE(got.size() == 1);
  hanging->go.release(1);
  workers.ended.acquire();
  loop.run_posted();
  for (int i = 0; i < 4; ++i) {
    ask();
    hanging->begun.acquire();
  }
  loop.advance(10s);
  REQUIRE(got.size() == 5);
  for (auto const& one : got) CHECK(one.error == "No answer within 10s: this evidence is missing.");
  CHECK(workers.hanging == 0);
  ask();                      // nobody knows yet whether they hang
  CHECK(workers.given == 5);  // the slow one, and these four
  loop.advance(5s);
  CHECK(workers.hanging == 4);
  ask();
  loop.run_posted();  // at once: no time passes
  REQUIRE(got.size() == 6);
  CHECK_THAT(got[5].error,
             Catch::StartsWith("Not collected: this collector's looks for earlier cases have given no answer yet."));
  CHECK_FALSE(hanging->begun.try_acquire());
  hanging->go.release(5);  // and the one that waited has its turn
  REQUIRE(loop.run_until([&] { return workers.hanging == 0 && got.size() == 7; }));
  ask();
  hanging->go.release(1);
  REQUIRE(loop.run_until([&] { return got.size() == 8; }));
  CHECK(got[6].bytes == "here");
  CHECK(got[7].bytes == "here");
  CHECK(got[7].error.empty());
}

TEST_CASE("room: own limits, within the overall one") {
  RoomSettings settings;
  settings.overall = 5s;
  House house({{"short", {std::make_shared<Saying>("x"), 1s}}, {"long", {std::make_shared<Saying>("x"), 1h}}},
              settings);
  house.ask({"short", "long"});
  house.loop.advance(5s);
  REQUIRE(house.answers == 1);
  CHECK(house.evidence->exhibits[0].error == "No answer within 1s: this evidence is missing.");
  CHECK(house.evidence->exhibits[1].error == "No answer within 5s: this evidence is missing.");
}

TEST_CASE("T32 T61 F30 room: whatever a collector does, what leaves is redacted, visible and bounded") {
  RoomSettings settings;
  settings.max_total_bytes = 1000;
  House house({{"raw", place(std::string("\x1b[2J password=hunter2 \xff\n"))},
               {"throws", {std::make_shared<Throwing>()}},
               {"flood", place(std::string(100'000, 'x'))},
               {"after", place("too much")}},
              settings);
  house.ask({"raw", "throws", "flood", "after"});
  house.workers.run_all();
  house.loop.run_posted();
  REQUIRE(house.evidence);
  std::size_t total = 0;
  for (auto const& exhibit : house.evidence->exhibits) {
    total += exhibit.bytes.size();
    CHECK_FALSE(core::has_control(exhibit.bytes, "\n\t"));
    CHECK_FALSE(core::has_control(exhibit.error));
    CHECK((exhibit.bytes + exhibit.error).find("hunter2") == std::string::npos);
    CHECK((exhibit.bytes + exhibit.error).find("abc") == std::string::npos);
  }
  CHECK(total <= 1000);
  CHECK(house.evidence->exhibits[2].truncated);
  CHECK(house.evidence->exhibits[2].total_bytes == 100'000);
  CHECK(house.evidence->exhibits[3].truncated);
}

TEST_CASE("room: what a caller attaches crowds out neither the configured evidence nor its lines") {
  RoomSettings settings;
  settings.max_total_bytes = 1000;
  House house({{"host", place("error: the disk of the host is full\n")}}, settings);
  core::Exhibit attachment;
  attachment.name = "plan";
  attachment.collector = "attachment";
  for (char const c : std::string("abcdefghij")) attachment.bytes += std::string("error: line ") + c + "\n";
  attachment.bytes += std::string(5000, 'x');
  house.ask({"host"}, {attachment});
  house.workers.run_all();
  house.loop.run_posted();
  REQUIRE(house.evidence);
  auto const& exhibits = house.evidence->exhibits;
  CHECK(exhibits[0].name == "plan");
  CHECK(exhibits[0].truncated);
  CHECK(exhibits[0].bytes.size() + exhibits[1].bytes.size() <= 1000);
  CHECK(exhibits[1].bytes == "error: the disk of the host is full\n");
  REQUIRE_FALSE(house.evidence->highlights.empty());
  CHECK(house.evidence->highlights.front().exhibit == "host");
}

TEST_CASE("T69 room: however many a caller attaches, the event loop redacts no more than 64 KiB of it") {
  House house({});
  std::vector<core::Exhibit> given(16);
  for (auto& attachment : given) {
    attachment.name = "plan";
    attachment.collector = "attachment";
    attachment.bytes = std::string(20u << 10, 'x');
  }
  house.ask({}, given);
  CHECK(house.workers.waiting() == 13);
  house.workers.run_all();
  house.loop.run_posted();
  REQUIRE(house.evidence);
  for (auto const& exhibit : house.evidence->exhibits) CHECK(exhibit.bytes.size() == 20u << 10);
}

TEST_CASE("F35 room: bytes that are no text in any field of an exhibit are shown as escapes or refused") {
  struct Odd final : Collector {
    std::string piece;
    explicit Odd(std::string bytes) : piece(std::move(bytes)) {}
    core::Exhibit collect(Context const&) const override {
      core::Exhibit exhibit;
      exhibit.name = exhibit.collector = exhibit.media_type = piece;
      exhibit.bytes = "error: a" + piece + "b\n2026-11-21T09:59:00Z panic: c" + piece + "\n";
      exhibit.error = "broken " + piece;
      return exhibit;
    }
  };
  for (std::string const& piece :
       {std::string("\xff"), std::string("\0", 1), std::string("\xed\xa0\x80"), std::string("\xc0\xaf"),
        std::string("\xf4\x90\x80\x80"), std::string("\x80"), std::string("\xe2\x80"), std::string("\n\r\x0b\x1b[2J"),
        std::string("\u202e\u200b\ufeff\u2028")}) {
    CAPTURE(piece);
    House house({{"odd", {std::make_shared<Odd>(piece)}}, {"other", place("2026-11-21T09:58:00Z fine\n")}});
    core::Exhibit given;
    given.name = given.collector = given.media_type = given.error = piece;
    given.bytes = "error: attached" + piece;
    house.ask({"odd", "other", "nobody" + piece}, {given});
    house.workers.run_all();
    house.loop.run_posted();
    REQUIRE(house.evidence);
    for (auto const& exhibit : house.evidence->exhibits) {
      CHECK(core::is_name(exhibit.name));
      CHECK(exhibit.media_type == "text/plain; charset=utf-8");
      CHECK(core::visible_text(exhibit.bytes) == exhibit.bytes);
      CHECK(core::one_line(exhibit.error, 2000) == exhibit.error);
    }
    for (auto const& highlight : house.evidence->highlights) {
      CHECK(core::one_line(highlight.text, 300) == highlight.text);
    }
  }
}

TEST_CASE("room: what several exhibits tell comes as a timeline, too, in the room that is left") {
  House house({{"a", place("2026-11-21T09:59:00Z error: one\n")}, {"b", place("2026-11-21T09:58:00Z two\n")}});
  house.ask({"a", "b"});
  house.workers.run_all();
  house.loop.run_posted();
  REQUIRE(house.evidence);
  REQUIRE(house.evidence->exhibits.size() == 3);
  auto const& timeline = house.evidence->exhibits[2];
  CHECK(timeline.name == "timeline");
  CHECK(timeline.bytes.find("two\n") < timeline.bytes.rfind("error: one\n"));
  RoomSettings settings;
  settings.max_total_bytes = 100;
  House small({{"a", place("2026-11-21T09:59:00Z error: one\n")}, {"b", place("2026-11-21T09:58:00Z two\n")}},
              settings);
  small.ask({"a", "b"});
  small.workers.run_all();
  small.loop.run_posted();
  REQUIRE(small.evidence);
  CHECK(small.evidence->exhibits.size() == 2);
}

TEST_CASE("room: nothing to collect, an early end, and a real command on a real thread") {
  House house({{"a", place("A")}});
  house.ask({});
  CHECK(house.answers == 0);
  house.loop.run_posted();
  CHECK(house.answers == 1);
  CHECK(house.evidence->exhibits.empty());
  house.ask({"a"});
  house.room.reset();
  house.workers.run_all();
  house.loop.advance(1h);
  CHECK(house.answers == 1);

  support::VirtualLoop loop;
  support::ThreadWorkers workers;
  Room room(loop, workers, Redactor::make().value(), {{"echo", {make_command_collector({{"echo", "hello"}})}}});
  std::optional<core::Evidence> got;
  ports::EvidenceOrder order;
  order.collectors = {"echo"};
  room.collect(std::move(order), [&](core::Evidence evidence) { got = std::move(evidence); });
  REQUIRE(loop.run_until([&] { return got.has_value(); }));
  CHECK(got->exhibits[0].bytes == "hello\n");
}
