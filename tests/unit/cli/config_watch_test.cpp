// When a configuration is kept as good: by what the ledger says of triggers and runs.
#include "bot/cli/config_watch.hpp"

#include <fstream>

#include "collectors/redactor.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/virtual_loop.hpp"

using namespace std::chrono_literals;

namespace {

struct Watching {
  support::TempDir dir;
  support::VirtualLoop loop;
  support::InlineWorkers workers;
  support::MemoryLog log;
  core::State state;
  core::CaseId const id = core::CaseId::make("20261121", 1);
  collectors::ConfigSettings settings{.key = "web-config",
                                      .path = (dir / "web.conf").string(),
                                      .good = std::make_shared<collectors::GoodVersions>((dir / "good").string())};
  std::unique_ptr<cli::ConfigWatch> watch;

  Watching() {
    core::TriggerRule trigger;
    trigger.name = "web-down";
    trigger.collect = {"web-config"};
    trigger.propose = {{.runbook = "restart", .with = {}}};
    state.rules.triggers["web-down"] = trigger;
    core::Runbook runbook;
    runbook.name = "restart";
    state.rules.runbooks["restart"] = runbook;
    write("1");
    watch = std::make_unique<cli::ConfigWatch>(
        cli::ConfigWatch::Parts{.loop = loop,
                                .workers = workers,
                                .log = log,
                                .redactor = collectors::Redactor::make().value(),
                                .state = [this]() -> core::State const& { return state; }},
        std::vector{settings});
    loop.run_posted();
  }
  void write(std::string const& text) const { std::ofstream(dir / "web.conf") << text; }
  std::string good() const {
    auto const found = settings.good->find("web-config", settings.path);
    return found ? found->version.files.at(0).text : "";
  }
  void fail(bool failing) {
    auto& one = state.cases.try_emplace(id, core::CaseState{.id = id}).first->second;
    one.trigger = "web-down";
    one.recovered = !failing;
    state.open_cases = {id};
  }
};

}  // namespace

TEST_CASE("config watch: the first look counts, then what stood while the trigger was well") {
  Watching w;
  CHECK(w.good() == "1");
  w.write("2");
  w.loop.advance(9min);
  CHECK(w.good() == "1");
  w.fail(true);  // the change broke it: it never becomes good
  w.loop.advance(1h);
  CHECK(w.good() == "1");
  w.write("3");
  w.fail(false);
  w.loop.advance(12min);
  CHECK(w.good() == "3");
}

TEST_CASE("config watch: a run that succeeded makes good what stands then, an old one doesn't") {
  Watching w;
  w.fail(true);
  w.state.outcomes["restart\nservice/web"].push_back(
      {core::RequestId::make(w.id, 1), core::Phase::succeeded, w.loop.now() - 1h});
  w.write("2");
  w.loop.advance(2min);
  CHECK(w.good() == "1");
  w.state.outcomes["restart\nservice/web"].push_front(
      {core::RequestId::make(w.id, 2), core::Phase::succeeded, w.loop.now()});
  w.loop.advance(1min);
  CHECK(w.good() == "2");
}

TEST_CASE("config watch: a collector that no trigger watches is good at first sight and after a run only") {
  Watching w;
  w.state.rules.triggers["web-down"].collect.clear();
  w.state.rules.runbooks["restart"].collect = {"web-config"};
  w.write("2");
  w.loop.advance(1h);
  CHECK(w.good() == "1");
  w.state.outcomes["restart\nservice/web"].push_front(
      {core::RequestId::make(w.id, 1), core::Phase::succeeded, w.loop.now()});
  w.loop.advance(1min);
  CHECK(w.good() == "2");
  std::filesystem::remove(w.dir / "web.conf");
  w.loop.advance(5min);  // what can't be read changes nothing
  CHECK(w.good() == "2");
}
