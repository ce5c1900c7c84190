// `countersign playground`: local stand-ins, a service that fails, one page, and below it the unmodified bot as a
// child.
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "adapters/playground/demo_service.hpp"
#include "adapters/playground/playground_server.hpp"
#include "bot/cli/commands.hpp"
#include "bot/cli/host.hpp"
#include "bot/cli/playground_bot.hpp"
#include "bot/cli/playground_chats.hpp"
#include "bot/cli/playground_config.hpp"
#include "bot/cli/playground_ledger.hpp"
#include "bot/cli/playground_stage.hpp"
#include "bot/cli/playground_story.hpp"
#include "bot/cli/printing.hpp"
#include "bot/net/io.hpp"
#include "ledger/init.hpp"
#include "ledger/key.hpp"

namespace cli {

namespace {

using core::Json;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string dir, scenario = "interactive";
  std::uint16_t port = 8700;
  bool json = false;
};

class Playground {
 public:
  explicit Playground(Options options)
      : options_(std::move(options)), dir_(fs::absolute(options_.dir)), teller_(Clock::now(), options_.json) {}

  int run() {
    prepare();
    stage_ = std::make_unique<Stage>(io_);
    start_demo_service();
    bool const hands_off = options_.scenario == "hands-off";
    write_private(dir_ / "countersign.yaml",
                  demo_config({.dir = dir_,
                               .sections = stage_->config_sections(dir_),
                               .demo_port = demo_port_,
                               .program = program_,
                               // A vote on each platform, but for a person who tries it alone.
                               .approvals_needed = options_.scenario == "interactive" ? 1 : stage_->faces().size()}));
    bot_ = std::make_unique<BotProcess>(program_, dir_ / "countersign.yaml", dir_ / "bot.log");
    if (!wait_for(
            io_, [this] { return bot_->ready_port().has_value() || bot_->ended(); }, std::chrono::seconds(30)) ||
        bot_->ended()) {
      throw core::Failure(core::make_error(
          core::Errc::unavailable,
          "the bot did not start; the end of " + (dir_ / "bot.log").string() + ":\n" + bot_->last_lines()));
    }
    return hands_off ? play_alone() : show();
  }

 private:
  int show() {
    workers_ = std::make_unique<WorkerPool>(2);
    ledger_ = std::make_unique<PlaygroundLedger>(io_, *workers_, dir_, pin_);
    page_ = std::make_unique<playground::PlaygroundServer>(io_, stage_->faces(), playground::cast(), *ledger_,
                                                           options_.port);
    ledger_->watch([this] { page_->ledger_changed(); });
    if (options_.json) {
      print_json(places().set("step", "ready").set("page", page_->url()));
    } else {
      std::printf(
          "The playground is at %s\n\n"
          "  1. Press \"Break it\" beside the demo service. Three failed probes later the bot posts in every chat.\n"
          "  2. %s: Approve in Slack or Teams, the tick in Matrix.\n"
          "  3. Watch it restart, and every step appear in the signed ledger.\n\n"
          "  ledger  %s\n  pin     %s\n  bot     %s (log: %s)\n\nCtrl-C ends it.\n",
          page_->url().c_str(),
          options_.scenario == "quorum"
              ? "Be bob, carol and erin in turn (the names at the top), and approve in any of them"
              : "Be bob (the names at the top), and approve in one of them",
          (dir_ / "ledger.git").c_str(), pin_.c_str(), api_url().c_str(), (dir_ / "bot.log").c_str());
    }
    std::fflush(stdout);
    io_.on_signals({SIGINT, SIGTERM}, [this](int) { io_.stop(); });
    io_.run();
    return kDone;
  }

  int play_alone() {
    teller_.tell("up", "the bot is up: ledger " + (dir_ / "ledger.git").string(), places());
    auto const chats = stage_->story_chats();
    StoryParts parts{
        .io = io_, .teller = teller_, .chats = {}, .dir = dir_, .last_lines = [this] { return bot_->last_lines(); }};
    for (auto const& chat : chats) parts.chats.push_back(chat.get());
    play_hands_off(parts);
    bot_.reset();
    teller_.tell("stopped", "the bot has stopped; pin " + pin_, Json::object({{"pin", pin_}}));
    return kDone;
  }

  void prepare() {
    fs::create_directories(dir_ / "demo");
    fs::permissions(dir_, fs::perms::owner_all);
    // Whatever an earlier playground left running or written is another story; the ledger alone lives on.
    program_ = fs::read_symlink("/proc/self/exe").string();
    auto const key_file = dir_ / "ledger_ed25519";
    if (!fs::exists(key_file)) {
      auto const key = ledger::keygen(key_file);
      if (!key) throw core::Failure(key.error());
    }
    auto key = ledger::SigningKey::read(key_file);
    if (!key) throw core::Failure(key.error());
    pin_ = key->public_key().fingerprint();
    if (!fs::exists(dir_ / "ledger.git")) {
      auto const made = ledger::init(dir_ / "ledger.git", std::move(*key),
                                     std::chrono::floor<core::Duration>(std::chrono::system_clock::now()));
      if (!made) throw core::Failure(made.error());
    }
    fs::remove(dir_ / "demo" / "pid");
    fs::remove(dir_ / "demo" / "broken");
    fs::remove(dir_ / "demo" / "port");
  }

  void start_demo_service() {
    auto const demo = (dir_ / "demo").string();
    demo_ = std::make_unique<playground::DemoSupervisor>(
        io_,
        std::vector<std::string>{program_, "demo-service", "run", "--dir", demo, "--port", std::to_string(demo_port_)});
    if (!wait_for(
            io_, [&] { return playground::demo_service_status(demo).port != 0; }, std::chrono::seconds(10)))
      throw core::Failure(core::make_error(core::Errc::timed_out, "the demo service did not start"));
    demo_port_ = playground::demo_service_status(demo).port;
    // Restarted on the same port from now on, so that the probe's address stays true.
    demo_.reset();
    fs::remove(dir_ / "demo" / "port");
    demo_ = std::make_unique<playground::DemoSupervisor>(
        io_,
        std::vector<std::string>{program_, "demo-service", "run", "--dir", demo, "--port", std::to_string(demo_port_)});
    if (!wait_for(
            io_, [&] { return playground::demo_service_status(demo).port != 0; }, std::chrono::seconds(10)))
      throw core::Failure(core::make_error(core::Errc::timed_out, "the demo service did not start"));
  }

  std::string api_url() const { return "http://127.0.0.1:" + std::to_string(bot_->ready_port().value_or(0)); }

  Json places() const {
    return Json::object({{"api", api_url()},
                         {"dir", dir_.string()},
                         {"ledger", (dir_ / "ledger.git").string()},
                         {"log", (dir_ / "bot.log").string()},
                         {"pin", pin_}});
  }

  Options options_;
  fs::path dir_;
  std::string program_, pin_;
  net::Io io_;
  Teller teller_;
  std::uint16_t demo_port_ = 0;
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<playground::DemoSupervisor> demo_;
  std::unique_ptr<BotProcess> bot_;
  std::unique_ptr<PlaygroundLedger> ledger_;
  std::unique_ptr<WorkerPool> workers_;  // goes first: what it does is the ledger's
  std::unique_ptr<playground::PlaygroundServer> page_;
};

std::string default_dir() {
  if (auto const* state = std::getenv("XDG_STATE_HOME"); state && *state)
    return std::string(state) + "/countersign-playground";
  if (auto const* home = std::getenv("HOME"); home && *home)
    return std::string(home) + "/.local/state/countersign-playground";
  return "countersign-playground";
}

}  // namespace

void add_playground(CLI::App& app, Action& action) {
  auto* const command =
      app.add_subcommand("playground", "A service that fails, three chats to press buttons in, the real bot, one page");
  auto const options = std::make_shared<Options>();
  options->dir = default_dir();
  command->add_option("--port", options->port, "Of the page; 0: any")->capture_default_str();
  command->add_option("--dir", options->dir, "Where key, ledger and logs are kept")
      ->capture_default_str()
      ->type_name("DIR");
  command
      ->add_option("--scenario", options->scenario,
                   "interactive: one approval is enough; quorum: three are needed; hands-off: presses the buttons "
                   "itself and ends")
      ->check(CLI::IsMember({"interactive", "quorum", "hands-off"}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON: one line when the page stands; hands-off: a line a step");
  command->footer(
      "Examples:\n  countersign playground\n  countersign playground --port 0 --dir /tmp/look\n  countersign "
      "playground --scenario hands-off --json\nhands-off takes one vote on each platform for a quorum of three.\nExit "
      "code 0: done; 2: wrong use; 3: it could not start, or the story did not come to its end.");
  command->callback([&action, options] { action = [options] { return Playground(*options).run(); }; });
}

}  // namespace cli
