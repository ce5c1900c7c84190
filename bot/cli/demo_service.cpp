// `countersign demo-service`, not listed: what the playground's children and its runbook are started with.
#include "adapters/playground/demo_service.hpp"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string_view>

#include "bot/cli/commands.hpp"

namespace cli {

void add_hidden(CLI::App& app, Action& action) {
  auto* const demo = app.add_subcommand("demo-service", "The playground's failing service")->group("");
  demo->require_subcommand(1);
  struct Demo {
    std::string dir;
    std::uint16_t port = 0;
  };
  auto const options = std::make_shared<Demo>();
  auto const sub = [&](char const* name, std::function<int()> run) {
    auto* const command = demo->add_subcommand(name, name);
    command->add_option("--dir", options->dir)->required();
    if (std::string_view(name) == "run") command->add_option("--port", options->port);
    command->callback([&action, run = std::move(run)] { action = run; });
  };
  sub("run", [options] { return playground::run_demo_service(options->dir, options->port); });
  sub("restart", [options] {
    auto const done = playground::restart_demo_service(options->dir, std::chrono::seconds(20));
    if (!done) throw core::Failure(done.error());
    std::printf("restarted, serving again as process %d\n",
                static_cast<int>(playground::demo_service_status(options->dir).pid));
    return kDone;
  });
  sub("break", [options] {
    auto const done = playground::break_demo_service(options->dir);
    if (!done) throw core::Failure(done.error());
    return kDone;
  });
}

}  // namespace cli
