#include "bot/triggers/probe.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/virtual_loop.hpp"

using namespace triggers;
using namespace std::chrono_literals;

namespace {

// Answers what the test says, after as long as it says; remembers when it was asked.
struct Scripted {
  support::VirtualLoop& loop;
  std::vector<core::Time> asked;
  bool ok = true;
  core::Duration takes{10};
  int under_way = 0, most_under_way = 0;
};

struct ScriptedProber final : Prober {
  Scripted& script;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  explicit ScriptedProber(Scripted& by) : script(by) {}
  ~ScriptedProber() override { *alive = false; }
  void ask(core::Duration, std::function<void(ProbeAnswer)> done) override {
    script.asked.push_back(script.loop.now());
    script.most_under_way = std::max(script.most_under_way, ++script.under_way);
    ProbeAnswer const answer{script.ok, script.ok ? "" : "refused\n\xe2\x80\xaeno"};
    script.loop.call_after(script.takes, [this, answer, done = std::move(done), still = alive] {
      if (!*still) return;
      --script.under_way;
      done(answer);
    });
  }
  void cancel() override { *alive = false; }
};

struct House {
  support::VirtualLoop loop;
  Scripted script{loop, {}};
  std::vector<Signal> failed, recovered;
  std::unique_ptr<ProbeTrigger> trigger;

  explicit House(bool down = false, ProbeSettings settings = {"web-down", "http://x/healthz"}) {
    trigger = std::make_unique<ProbeTrigger>(
        loop, std::make_unique<ScriptedProber>(script), std::move(settings),
        ProbeTrigger::Callbacks{[this](Signal signal) { failed.push_back(std::move(signal)); },
                                [this](Signal signal) { recovered.push_back(std::move(signal)); }},
        down);
  }
};

}  // namespace

TEST_CASE("probe: on a fixed grid, from the start, however long the answers take") {
  House house;
  house.script.takes = 300ms;
  house.loop.advance(20s);
  REQUIRE(house.script.asked.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) CHECK(house.script.asked[i] == support::VirtualLoop::kStart + 5s * i);
  CHECK(house.failed.empty());
  CHECK(house.recovered.empty());
}

TEST_CASE("probe: so many failures in a row raise one signal, a success ends it") {
  House house;
  house.script.ok = false;
  house.loop.advance(5s + 1s);
  CHECK(house.failed.empty());
  house.script.ok = true;  // two failures, then a success: not in a row
  house.loop.advance(5s);
  house.script.ok = false;
  house.loop.advance(10s);
  CHECK(house.failed.empty());
  house.loop.advance(5s);
  REQUIRE(house.failed.size() == 1);
  CHECK(house.failed[0].title == "web-down: 3 probes in a row of http://x/healthz failed");
  CHECK(house.failed[0].trigger == "web-down");
  CHECK(house.failed[0].at == support::VirtualLoop::kStart + 25s + 10ms);
  CHECK(house.failed[0].text.find("2026-11-21T10:00:25.000Z  10 ms     refused \\u{202E}no\n") != std::string::npos);
  house.loop.advance(1h);
  CHECK(house.failed.size() == 1);
  CHECK(house.trigger->failed());
  house.script.ok = true;
  house.loop.advance(5s);
  REQUIRE(house.recovered.size() == 1);
  CHECK(house.recovered[0].title == "web-down: http://x/healthz answers again after 1h15s");
  house.loop.advance(1h);
  CHECK(house.recovered.size() == 1);
  house.script.ok = false;
  house.loop.advance(15s);
  CHECK(house.failed.size() == 2);
  CHECK(house.failed[1].text.size() < 20 * 400);
}

TEST_CASE("probe: never two at a time, what is due meanwhile is left out") {
  House house;
  house.script.takes = 12s;
  house.loop.advance(60s);
  CHECK(house.script.most_under_way == 1);
  REQUIRE(house.script.asked.size() >= 4);
  CHECK(house.script.asked[1] == support::VirtualLoop::kStart + 15s);
}

TEST_CASE("probe: a restart in the middle of a failure raises no second signal and sees the recovery") {
  House house(true);
  house.script.ok = false;
  house.loop.advance(1min);
  CHECK(house.failed.empty());
  house.script.ok = true;
  house.loop.advance(6s);
  CHECK(house.recovered.size() == 1);
}

TEST_CASE("probe: after its end nothing is called") {
  House house;
  house.script.ok = false;
  house.loop.advance(10s);  // the third is under way and would raise the signal
  house.trigger.reset();
  house.loop.advance(1h);
  CHECK(house.failed.empty());
  CHECK(house.loop.timers() == 0);
}
