// What a run does and what it says about it.
#include <sys/stat.h>

#include <csignal>

#include "bot/runbooks/protocol.hpp"
#include "bot/runbooks/state_files.hpp"
#include "tests/integration/runbooks/rig.hpp"
#include "tests/support/catch.hpp"

using namespace rig;

TEST_CASE("run: steps in order, output as it comes, a result for the ledger") {
  Rig rig;
  auto const outcome = rig.run_one(request({shell("first", "echo one"), shell("second", "echo two >&2; exit 0")}));
  CHECK(outcome.result["state"].text() == "succeeded");
  CHECK(outcome.result["cause"].is_null());
  CHECK(outcome.result["exit_code"].integer(-1) == 0);
  CHECK(outcome.result["steps"].if_array()->size() == 2);
  auto const& first = outcome.result["steps"].at_index(0);
  CHECK(first["name"].text() == "first");
  CHECK(first["attempts"].integer() == 1);
  CHECK(first["output_bytes"].integer() == 4);
  CHECK(core::parse_time(first["started_at"].text()).has_value());
  CHECK(outcome.output.find("== first: succeeded") == 0);
  CHECK(outcome.output.find("two\n") != std::string::npos);
  CHECK(rig.events.live[id() + " first"] == "one\n");
  CHECK(runbooks::started_markers(rig.state) == std::vector<std::string>{id()});
}

TEST_CASE("run: check answers without running, and run needs run.started") {
  Rig rig;
  rig.put(request({shell("mark", "touch " + (rig.dir / "ran").string())}), /*started=*/false);
  rig.start_runner();
  rig.client->check(id());
  rig.client->check(id(7));
  REQUIRE(rig.wait([&] { return !rig.events.accepted.empty() && rig.events.refused.contains(id(7)); }));
  CHECK(rig.refusal() == "The ledger holds no run.started of " + id() + ".");
  CHECK_FALSE(fs::exists(rig.dir / "ran"));
  CHECK(runbooks::started_markers(rig.state).empty());
}

TEST_CASE("run: the first failure ends it, on_failure runs in order and never hides the cause") {
  Rig rig;
  auto wanted = request({shell("one", "exit 7"), shell("never", "touch " + (rig.dir / "ran").string())});
  wanted.on_failure = {shell("undo", "echo undo; exit 3"), shell("tell", "echo told")};
  auto const outcome = rig.run_one(wanted);
  CHECK(outcome.result["state"].text() == "failed");
  CHECK(outcome.result["cause"].text() == "exit");
  CHECK(outcome.result["step"].text() == "one");
  CHECK(outcome.result["exit_code"].integer() == 7);
  REQUIRE(outcome.result["steps"].if_array()->size() == 3);
  CHECK(outcome.result["steps"].at_index(1)["on_failure"].boolean());
  CHECK(outcome.result["steps"].at_index(1)["exit_code"].integer() == 3);
  CHECK(outcome.result["steps"].at_index(2)["outcome"].text() == "succeeded");
  CHECK_FALSE(fs::exists(rig.dir / "ran"));
}

TEST_CASE("F31 run: what ignores TERM is killed after the grace, and called a time-out") {
  Rig rig;
  auto stubborn = shell("stubborn", "trap '' TERM; echo ready; while :; do sleep 1; done");
  stubborn.timeout = 2s;  // time for the shell to set its trap
  auto const outcome = rig.run_one(request({stubborn}));
  CHECK(outcome.result["cause"].text() == "timeout");
  CHECK(outcome.result["steps"].at_index(0)["signal"].integer() == SIGKILL);
  CHECK(outcome.result["exit_code"].is_null());
}

TEST_CASE("run: a signal and a program that can't start are causes of their own") {
  Rig rig;
  rig.put(request({shell("suicide", "kill -9 $$")}, 1));
  auto impossible = shell("impossible", "true");
  impossible.argv.push_back(std::string("a\0b", 3));
  rig.put(request({impossible}, 2));
  rig.start_runner();
  auto const killed = rig.run(1);
  CHECK(killed.result["cause"].text() == "signal");
  CHECK(killed.result["steps"].at_index(0)["signal"].integer() == SIGKILL);
  auto const refused = rig.run(2);
  CHECK(refused.result["cause"].text() == "spawn");
  CHECK(refused.output.find("NUL") != std::string::npos);
}

TEST_CASE("F30 run: a flood of output is cut, counted and slowed to five pieces a second") {
  Rig rig;
  auto flood = request({shell("flood", "echo first; yes 'flood flood flood' | head -c 8000000; echo last")});
  flood.limits.output_bytes = 100'000;
  auto const started = std::chrono::steady_clock::now();
  auto const outcome = rig.run_one(flood);
  auto const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  auto const& step = outcome.result["steps"].at_index(0);
  CHECK(step["truncated"].boolean());
  CHECK(step["output_bytes"].integer() > 8'000'000);
  CHECK(outcome.output.size() < 101'000);
  CHECK(outcome.output.find("\nfirst\n") != std::string::npos);
  CHECK(outcome.output.ends_with("last\n"));
  CHECK(rig.events.pieces <= seconds * 5 + 3);
}

TEST_CASE("run: a line that is too long makes its step truncated, a progress bar does not and is seen live") {
  Rig rig;
  auto const outcome = rig.run_one(
      request({shell("line", "head -c 200000 /dev/zero | tr '\\0' x; echo; echo last"),
               shell("bar", "i=0; while test $i -lt 9000; do printf '%s of 9000\\r' $i; i=$((i+1)); done")}));
  auto const& steps = outcome.result["steps"];
  CHECK(steps.at_index(0)["truncated"].boolean());
  CHECK(outcome.output.find("\n[a line of more than 64 KiB left out]\nlast\n") != std::string::npos);
  CHECK_FALSE(steps.at_index(1)["truncated"].boolean());
  CHECK(outcome.output.find("\n4000 of 9000\n") != std::string::npos);
  CHECK(rig.events.live[id() + " bar"].find(" of 9000\n") != std::string::npos);
}

TEST_CASE("run: secrets are redacted in the result and in the live view, control characters shown") {
  Rig rig;
  auto const secret = std::string(kSecret);
  auto const outcome = rig.run_one(request({shell("leak",
                                                  "printf 'correct-horse-'; sleep 0.3; printf 'battery-staple\\n"
                                                  "\\033[2J'; echo " +
                                                      secret + " >&2")}));
  auto const live = rig.events.live[id() + " leak"];
  for (auto const& text : {outcome.output, live}) {
    CHECK(text.find("horse") == std::string::npos);
    CHECK(text.find("[redacted]") != std::string::npos);
    CHECK(text.find("\\x1b[2J") != std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("run: retry goes on until success, and gives up in time") {
  Rig rig;
  auto const counter = (rig.dir / "count").string();
  auto patient = shell("patient", "echo x >> " + counter + "; test $(wc -l < " + counter + ") -ge 3");
  patient.retry = core::Retry{60s, 10ms};
  rig.put(request({patient}, 1));
  auto hopeless = shell("hopeless", "exit 4");
  hopeless.retry = core::Retry{400ms, 50ms};
  rig.put(request({hopeless}, 2));
  rig.start_runner();
  auto const good = rig.run(1);
  CHECK(good.result["state"].text() == "succeeded");
  CHECK(good.result["steps"].at_index(0)["attempts"].integer() == 3);
  CHECK(good.output.find("-- attempt 3\n") != std::string::npos);
  auto const bad = rig.run(2);
  CHECK(bad.result["cause"].text() == "exit");
  CHECK(bad.result["steps"].at_index(0)["attempts"].integer() >= 1);
  CHECK(bad.result["steps"].at_index(0)["attempts"].integer() <= 8);
}

TEST_CASE("run: one run at a time a lock and a target") {
  Rig rig;
  auto const gate = rig.dir / "gate";
  REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
  auto const make = [&](int number, std::string const& lock, std::string const& target, std::string const& script) {
    auto wanted = request({shell("work", script)}, number);
    wanted.lock = lock;
    wanted.targets = {target};
    rig.put(wanted);
  };
  make(1, "service/web", "service/web", "echo in; cat " + gate.string());
  make(2, "service/web", "service/web", "true");
  make(3, "", "service/web", "true");
  make(4, "service/api", "service/api", "true");
  rig.start_runner();
  rig.client->run(id(1));
  REQUIRE(rig.wait([&] { return rig.events.live.contains(id(1) + " work"); }));
  CHECK(rig.refusal(2) == "busy: " + id(1) + " is running on service/web.");
  CHECK(rig.refusal(3) == "busy: " + id(1) + " is running on service/web.");
  CHECK(rig.run(4).result["state"].text() == "succeeded");
  {
    std::FILE* const file = std::fopen(gate.c_str(), "w");
    std::fclose(file);
  }
  REQUIRE(rig.wait([&] { return rig.events.finished.contains(id(1)); }));
  // A refusal left no marker: the same order is good now.
  CHECK(rig.run(2).result["state"].text() == "succeeded");
}

TEST_CASE("run: the private folder is fresh, private, and gone afterwards, whatever was made in it") {
  Rig rig;
  auto const left = rig.dir / "left";
  auto const outcome =
      rig.run_one(request({shell("look", "pwd; echo $HOME; echo $TMPDIR; ls -A | wc -l; stat -c %a ."),
                           shell("mess", "mkdir -p a/b && echo x > a/b/c && ln -s " + rig.dir.string() +
                                             " out && mkdir z && chmod 0 a/b a . && pwd > " + left.string())}));
  CHECK(outcome.result["state"].text() == "succeeded");
  auto const folder = (rig.state / "work" / id()).string();
  CHECK(outcome.output.find("\n" + folder + "\n" + folder + "\n" + folder + "\n0\n700\n") != std::string::npos);
  CHECK(fs::is_empty(rig.state / "work"));
  CHECK(fs::exists(left));
}

TEST_CASE("run: what this release can't do is refused before anything starts") {
  Rig rig;
  auto one = request({shell("x", "true")}, 1), two = one, three = one, four = one;
  one.sandbox = "tight";
  two.id = core::RequestId::parse(id(2)).value();
  two.run_as = "nobody";
  three.id = core::RequestId::parse(id(3)).value();
  three.working_directory = "/";
  four.id = core::RequestId::parse(id(4)).value();
  four.steps.front().program.reset();
  for (auto const& wanted : {one, two, three, four}) rig.put(wanted);
  rig.start_runner();
  CHECK(rig.refusal(1).find("tight") != std::string::npos);
  CHECK(rig.refusal(2).find("nobody") != std::string::npos);
  CHECK(rig.refusal(3).find("working directory") != std::string::npos);
  CHECK(rig.refusal(4).find("does not say which program") != std::string::npos);
  CHECK(runbooks::started_markers(rig.state).empty());
}
