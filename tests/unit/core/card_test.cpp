// What the neutral message says beside the action: what became of the same runbook on the same target before.
#include "bot/core/card.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;
using fixture::Story;

namespace {

std::string last_runs(Story const& story, RequestId const& id) {
  for (auto const& fact : make_card(story.state, story.at(id), story.now).facts) {
    if (fact.label == "Last runs") return fact.value;
  }
  return "no such fact";
}

// Asked for at this minute of the story's hour, approved, run, ended so.
RequestId run(Story& story, std::string const& service, std::string const& state) {
  story.pass(1min);
  auto const id = story.open("restart-service", {{"service", service}});
  story.vote("bob", id);
  story.send(RunnerAccepted{id});
  story.send(
      RunEnded{id, Json::object({{"state", state}, {"cause", state == "succeeded" ? Json() : Json("exit")}}), ""});
  return id;
}

}  // namespace

TEST_CASE("card: the last three outcomes of this runbook on this target, the newest first") {
  Story story;
  auto const first = story.open();
  CHECK(last_runs(story, first) == "never run on this target before");
  story.vote("bob", first, Verdict::deny);  // no run: no outcome
  run(story, "web", "succeeded");           // 10:01
  run(story, "api", "failed");              // another target
  run(story, "web", "failed");              // 10:03
  auto const pending = story.open();
  CHECK(last_runs(story, pending) == "failed 2026-11-21 10:03, succeeded 2026-11-21 10:01");
  run(story, "web", "succeeded");  // 10:04
  run(story, "web", "succeeded");  // 10:05
  auto const last_three = "succeeded 2026-11-21 10:05, succeeded 2026-11-21 10:04, failed 2026-11-21 10:03";
  CHECK(last_runs(story, pending) == last_three);
  CHECK(last_runs(story, story.open("restart-service", {{"service", "api"}})) == "failed 2026-11-21 10:02");
  CHECK(last_runs(story, story.open("vacuum", {{"database", "main"}})) == "never run on this target before");

  // A run's own end is on its card already; what came before it stays.
  auto const own = run(story, "web", "failed");  // 10:06
  CHECK(last_runs(story, own) == last_three);
  story.restart();
  CHECK(last_runs(story, own) == last_three);
  CHECK(last_runs(story, pending) == "failed 2026-11-21 10:06, succeeded 2026-11-21 10:05, succeeded 2026-11-21 10:04");
}

TEST_CASE("T4 card: an environment that differs from the usual one is shown, whatever its name") {
  auto rules = fixture::rules();
  rules.runbooks["restart-service"].environment = {{"PATH", "/opt/other"}, {"LANG", "C.UTF-8"}, {"MODE", "fast"}};
  Story story(rules);
  auto const id = story.open();
  auto const lines = make_card(story.state, story.at(id), story.now).action;
  auto const shown = [&](std::string const& line) { return std::ranges::find(lines, line) != lines.end(); };
  CHECK(shown("With PATH=/opt/other"));
  CHECK(shown("With MODE=fast"));
  CHECK(std::ranges::none_of(lines, [](std::string const& line) { return line.starts_with("With LANG"); }));
}
