// One story after another through step(): each also proves that the ledger alone folds to the same state.
#include "tests/support/story.hpp"

#include "bot/core/card.hpp"
#include "tests/support/catch.hpp"

using namespace core;
using namespace std::chrono_literals;
using fixture::Story;

namespace {

void check_same(Story const& story) {
  CHECK(story.broken == "");
  CHECK(fixture::dump_state(story.state) == fixture::dump_state(story.copy));
}

Json report(std::string state, Json cause = {}) {
  return Json::object({{"state", std::move(state)},
                       {"cause", std::move(cause)},
                       {"explanation", Json()},
                       {"step", Json()},
                       {"exit_code", Json()},
                       {"steps", Json::array()}});
}

}  // namespace

TEST_CASE("story: from the question to the outcome, ledger first") {
  Story story;
  story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
  CHECK(story.kinds() == "case.opened request.accepted");
  auto const id = story.reply().request.value();
  CHECK(id.str() == "CS-20261121-000001-R1");
  CHECK(story.phase(id) == Phase::collecting);
  CHECK(story.last<CollectEvidence>()->programs == std::vector<std::string>{"systemctl"});
  CHECK(story.last<CollectEvidence>()->opened == story.now);
  story.send(story.collected(id));
  CHECK(story.kinds() == "evidence.collected request.opened");
  CHECK(story.phase(id) == Phase::pending);
  CHECK(story.at(id).bound->steps.front().argv == std::vector<std::string>{"systemctl", "restart", "web.service"});
  auto const reply = story.vote("bob", id);
  CHECK(reply.code == Errc{});
  CHECK(story.kinds() == "request.approved");
  CHECK(story.count<AskRunner>() == 1);
  CHECK(story.count<StartRun>() == 0);
  story.send(RunnerAccepted{id});
  CHECK(story.kinds() == "run.started");
  CHECK(std::holds_alternative<Append>(story.effects.front()));  // the order to start stands after the record
  CHECK(story.count<StartRun>() == 1);
  story.send(RunEnded{id, report("succeeded"), "fine\n"});
  CHECK(story.kinds() == "run.finished case.closed");
  CHECK(story.phase(id) == Phase::succeeded);
  CHECK(story.at(id).run->output_tail == "fine\n");
  check_same(story);
}
