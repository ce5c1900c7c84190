// What `sandbox.mode` says is what confines a run, and what the log, the metric and started.json say of it.
#include "bot/process/sandbox.hpp"

#include <iostream>

#include "tests/integration/service/service.hpp"

using namespace service;
namespace fs = std::filesystem;

TEST_CASE("sandbox: a step writes outside of its folder in mode basic alone, and every place says which mode it was") {
  bool const strict = GENERATE(false, true);
  std::string const mode = strict ? "strict" : "basic";
  CAPTURE(mode);
  KitOptions options;
  options.extra_runbooks = R"(  write:
    summary: "Write"
    lock: "write"
    steps: [{name: write, run: [sh, -c, 'echo mine > kept && cat kept; echo x > "$1"; true', sh, OUTSIDE]}]
    limits: {grace: 100ms}
    policy: one-sre
)";
  options.extra_sections = "sandbox: {mode: " + mode + "}\n";
  ServiceKit kit(std::move(options));
  edit(kit, "OUTSIDE", (kit / "outside").string());
  auto const why_not = process::why_no_strict(kit.dir().string());
  if (strict && !why_not.empty()) {
    std::cerr << "SKIPPED: the service in sandbox.mode strict: " << why_not << std::endl;
    return;
  }
  kit.start();
  CHECK(kit.process().line("ready").value()["sandbox"].text() == mode);
  auto const runner = kit.process().line("runner ready").value();
  CHECK(runner["strict_sandbox"].boolean() == why_not.empty());
  auto const cgroup = runner["cgroup"].text();
  CHECK(has(kit.http("GET", "/metrics", {}, "").text,
            "countersign_runner_confinement{cgroup=\"" + cgroup + "\",run_as=\"\",sandbox=\"" + mode + "\"} 1\n"));
  auto const id = kit.ask("write");
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  auto const folder = core::RequestId::parse(id)->folder();
  auto const output = support::git(kit.ledger(), "show main:" + folder + "/output.txt").out;
  INFO(output);
  CHECK(has(output, "mine\n"));
  CHECK(fs::exists(kit / "outside") == !strict);
  auto const started = kit.entries("run.started", id).at(0)["data"]["confinement"];
  CHECK(started["sandbox"].text() == mode);
  CHECK(started["cgroup"].text() == cgroup);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("sandbox: where strict can't work the service does not start, and says why and the way out") {
  KitOptions options;
  options.extra_sections = "sandbox: {mode: strict}\n";
  ServiceKit kit(std::move(options));
  // No try can be made in there, not even by root: it fails here as on a kernel without namespaces for us.
  edit(kit, kit.state_dir().string(), "/proc/self");
  kit.start({.wait_ready = false});
  CHECK(kit.wait_end() == 3);
  auto const said = kit.process().log_text();
  INFO(said);
  CHECK(has(said, "sandbox.mode is strict, which can't work here: " + process::why_no_strict("/proc/self") + ". "));
  CHECK(has(said, "or write mode: basic"));
  CHECK(kit.entries("service.started").empty());
}
