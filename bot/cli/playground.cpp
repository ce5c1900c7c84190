// `countersign playground`: local stand-ins, a service that fails, one page, and below it the unmodified bot as a
// child.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "adapters/playground/demo_service.hpp"
#include "adapters/playground/playground_server.hpp"
#include "adapters/playground/slack_stand_in.hpp"
#include "bot/cli/commands.hpp"
#include "bot/cli/host.hpp"
#include "bot/core/text.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "ledger/init.hpp"
#include "ledger/key.hpp"
#include "ledger/meaning.hpp"
#include "ledger/reader.hpp"
#include "ledger/verifier.hpp"

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

std::string self() { return fs::read_symlink("/proc/self/exe").string(); }

void write_file(fs::path const& path, std::string const& text,
                fs::perms mode = fs::perms::owner_read | fs::perms::owner_write) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw core::Failure(core::make_error(core::Errc::io, "the file " + path.string() + " can't be written"));
  fs::permissions(path, mode);
}

// The bot: the same program, its log in a file, ended with us.
class BotProcess {
 public:
  BotProcess(std::string const& program, fs::path const& config, fs::path const& log) : log_(log) {
    std::vector<std::string> const words{program, "serve", "-c", config.string()};
    std::vector<char*> argv;
    for (auto const& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    auto const out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    auto const parent = getpid();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) _exit(1);
      setpgid(0, 0);
      dup2(out, STDERR_FILENO);
      dup2(out, STDOUT_FILENO);
      execv(argv.front(), argv.data());
      _exit(127);
    }
    close(out);
    if (pid_ < 0) throw core::Failure(core::make_error(core::Errc::unavailable, "the bot could not be started"));
  }
  ~BotProcess() {
    if (pid_ <= 0 || ended()) return;
    pollfd end{static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), POLLIN, 0};
    kill(pid_, SIGTERM);
    if (end.fd < 0 || poll(&end, 1, 15'000) != 1) kill(pid_, SIGKILL);
    if (end.fd >= 0) close(end.fd);
    waitpid(pid_, nullptr, 0);
  }
  BotProcess(BotProcess const&) = delete;
  BotProcess& operator=(BotProcess const&) = delete;

  bool ended() {
    if (pid_ <= 0) return true;
    if (waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
    pid_ = 0;
    return true;
  }

  // The port in the log's line "ready", once it is there.
  std::optional<std::int64_t> ready_port() const {
    std::ifstream file(log_);
    for (std::string line; std::getline(file, line);) {
      auto const json = core::parse_json(line);
      if (json && (*json)["message"].text() == "ready") return (*json)["port"].integer();
    }
    return std::nullopt;
  }

  std::string last_lines() const {
    std::ifstream file(log_);
    std::string text, line;
    while (std::getline(file, line)) text = core::one_line(line, 500) + "\n" + text.substr(0, 2000);
    return text;
  }

 private:
  fs::path log_;
  pid_t pid_ = 0;
};

std::string demo_config(fs::path const& dir, std::string const& api_url, std::uint16_t demo_port,
                        std::string const& program) {
  auto const d = dir.string();
  auto const health = "http://127.0.0.1:" + std::to_string(demo_port) + "/healthz";
  auto const quoted = [](std::string const& text) { return core::dump(Json(text)); };  // a JSON string is a YAML string
  return "# Made by countersign playground; change it and restart, or send SIGHUP.\n"
         "version: 1\n"
         "people:\n"
         "  alice: {name: Alice Ng, groups: [dev], slack: U0ALICE}\n"
         "  bob: {name: Bob Roy, groups: [sre], slack: U0BOB}\n"
         "  carol: {name: Carol Diaz, groups: [sre], slack: U0CAROL}\n"
         "chat:\n"
         "  slack:\n"
         "    workspace: T0COUNTER\n"
         "    api_url: " +
         quoted(api_url) +
         "\n"
         "    app_token: {file: " +
         quoted(d + "/app_token") +
         "}\n"
         "    bot_token: {file: " +
         quoted(d + "/bot_token") +
         "}\n"
         "    connections: 2\n"
         "channels:\n"
         "  incidents: {slack: C0INC}\n"
         "collectors:\n"
         "  web-log: {file: {path: " +
         quoted(d + "/demo/log") +
         ", max_bytes: 16KiB}}\n"
         "  host: {host: {}}\n"
         "triggers:\n"
         "  web-down:\n"
         "    probe: {http: " +
         quoted(health) +
         ", every: 1s, timeout: 1s, failures: 3}\n"
         "    labels: {service: web, severity: critical}\n"
         "    collect: [web-log]\n"
         "    propose: [{runbook: restart-service, with: {service: web}}]\n"
         "    post_to: [incidents]\n"
         "    noise: {dedupe: [service], cooldown: 5s, max_per_hour: 60}\n"
         "runbooks:\n"
         "  restart-service:\n"
         "    summary: \"Restart {{service}}\"\n"
         "    risk: medium\n"
         "    if_unanswered: \"the service stays down; escalate by phone\"\n"
         "    parameters: {service: {type: enum, values: [web]}}\n"
         "    collect: [host]\n"
         "    lock: \"service/{{service}}\"\n"
         "    steps:\n"
         "      - {name: restart, run: [" +
         quoted(program) + ", demo-service, restart, --dir, " + quoted(d + "/demo") +
         "], timeout: 30s}\n"
         "      - {name: healthy, probe: {http: " +
         quoted(health) +
         "}, retry: {for: 20s, every: 500ms}}\n"
         "    policy: one-sre\n"
         "policies:\n"
         "  one-sre:\n"
         "    request: [dev, sre, triggers]\n"
         "    approve: [{group: sre, count: 1}]\n"
         "    notify: [sre]\n"
         "    justification: {approver: optional, requester: required}\n"
         "    expires: 30m\n"
         "ledger: {path: " +
         quoted(d + "/ledger.git") + ", key: {file: " + quoted(d + "/ledger_ed25519") +
         "}}\n"
         "state: {path: " +
         quoted(d + "/state") + ", side: " + quoted(d + "/side") +
         "}\n"
         "api: {listen: \"127.0.0.1:0\"}\n";
}

// What the page shows beside the channel; read on a worker, at most once a second and only when the head moved.
class Backend final : public playground::PlaygroundBackend {
 public:
  Backend(net::Io& io, WorkerPool& workers, fs::path dir, std::string pin)
      : io_(io), workers_(workers), dir_(std::move(dir)), pin_(std::move(pin)) {}

  void watch(std::function<void()> changed) {
    changed_ = std::move(changed);
    look();
  }

  Json ledger_log(std::size_t limit) override {
    Json::Array rows;
    for (auto it = entries_.rbegin(); it != entries_.rend() && rows.size() < limit; ++it) {
      auto row = *it;
      row.if_object()->erase("data");
      rows.push_back(std::move(row));
    }
    for (auto& row : rows)
      row.set("signature", row["seq"].integer() < verified_entries_ ? (verified_ok_ ? "good" : "bad") : "unchecked");
    return rows;
  }
  Json ledger_entry(std::uint64_t seq) override { return seq < entries_.size() ? entries_[seq] : Json(); }
  Json verify() override { return verified_; }
  Json demo_service() override {
    auto const status = playground::demo_service_status((dir_ / "demo").string());
    Json::Array log(status.log.begin(), status.log.end());
    return Json::object({{"up", status.up},
                         {"reason", status.reason},
                         {"url", "http://127.0.0.1:" + std::to_string(status.port) + "/healthz"},
                         {"restarts", status.starts > 0 ? status.starts - 1 : 0},
                         {"log", std::move(log)}});
  }
  void break_service() override { static_cast<void>(playground::break_demo_service((dir_ / "demo").string())); }
  void mend_service() override { static_cast<void>(playground::mend_demo_service((dir_ / "demo").string())); }

 private:
  struct Found {
    std::vector<Json> entries;
    std::string head;
    Json verified;
    bool ok = false;
  };

  void look() {
    workers_.run([this, after = head_] {
      auto found = std::make_shared<Found>(read(after));
      io_.post([this, found] {
        if (!found->head.empty() && found->head != head_) {
          head_ = found->head;
          for (auto& entry : found->entries) entries_.push_back(std::move(entry));
          verified_ = std::move(found->verified);
          verified_ok_ = found->ok;
          verified_entries_ = static_cast<std::int64_t>(entries_.size());
          if (changed_) changed_();
        }
        io_.call_after(std::chrono::milliseconds(700), [this] { look(); });
      });
    });
  }

  Found read(std::string const& after) const {
    Found found;
    auto const path = dir_ / "ledger.git";
    auto reader = ledger::Reader::open(path);
    if (!reader) return found;
    auto const head = reader->head();
    if (!head || head->commit == after) return found;
    auto const walked = reader->walk(after, ledger::Files::main_only, [&](core::StoredEntry&& stored) {
      auto data = core::parse_json(stored.entry.files.front().bytes, {.max_bytes = 8 << 20, .max_string = 4 << 20});
      found.entries.push_back(Json::object({{"seq", stored.seq},
                                            {"time", core::format_time(stored.entry.time)},
                                            {"subject", stored.entry.subject},
                                            {"commit", stored.commit},
                                            {"kind", stored.entry.kind},
                                            {"actor", stored.entry.actor.str()},
                                            {"data", data ? std::move(*data) : Json()}}));
      found.head = stored.commit;
      return true;
    });
    ledger::Meaning meaning;
    auto const report = ledger::verify(path, {.pin = pin_, .from = {}, .rules = meaning.rules(), .progress = {}});
    Json::Array problems;
    std::uint64_t checks = 0;
    if (report) {
      for (auto const& rule : report->rules) {
        checks += rule.checked;
        for (auto const& failure : rule.failures) problems.push_back(rule.name + ": " + failure.text);
      }
    } else {
      problems.push_back(report.error().message);
    }
    found.ok = report && report->ok && walked;
    auto const entries = report ? report->entries : 0;
    found.verified = Json::object({{"ok", found.ok},
                                   {"running", false},
                                   {"pinned", report && report->pinned},
                                   {"entries", entries},
                                   {"summary", std::to_string(entries) + " entries, " + std::to_string(checks) +
                                                   " checks" + (found.ok ? ", everything holds" : "")},
                                   {"problems", std::move(problems)}});
    return found;
  }

  net::Io& io_;
  WorkerPool& workers_;
  fs::path dir_;
  std::string pin_;
  std::function<void()> changed_;
  std::vector<Json> entries_;
  std::string head_;
  Json verified_ = Json::object({{"ok", false},
                                 {"running", true},
                                 {"pinned", false},
                                 {"entries", 0},
                                 {"summary", "being checked"},
                                 {"problems", Json::array()}});
  bool verified_ok_ = false;
  std::int64_t verified_entries_ = 0;
};

// The hands-off story: a line a step, or one JSON object a step {"step", "seconds", "text", facts…}.
class Story {
 public:
  Story(Clock::time_point start, bool json) : start_(start), json_(json) {}
  void tell(std::string const& step, std::string const& text, Json facts = Json(Json::Object{})) const {
    auto const passed = std::chrono::duration<double>(Clock::now() - start_).count();
    if (json_) {
      facts.set("step", step).set("seconds", std::round(passed * 1000) / 1000).set("text", core::visible_text(text));
      std::printf("%s\n", core::dump(facts).c_str());
    } else {
      std::printf("%8.3f s  %s\n", passed, core::visible_text(text).c_str());
    }
    std::fflush(stdout);
  }

 private:
  Clock::time_point start_;
  bool json_;
};

class Playground {
 public:
  explicit Playground(Options options)
      : options_(std::move(options)),
        dir_(fs::absolute(options_.dir)),
        workers_(2),
        story_(Clock::now(), options_.json) {}

  int run() {
    prepare();
    slack_ = std::make_unique<playground::SlackStandIn>(io_);
    start_demo_service();
    write_file(dir_ / "app_token", slack_->world().app_token);
    write_file(dir_ / "bot_token", slack_->world().bot_token);
    write_file(dir_ / "countersign.yaml", demo_config(dir_, slack_->api_url(), demo_port_, program_));
    bot_ = std::make_unique<BotProcess>(program_, dir_ / "countersign.yaml", dir_ / "bot.log");
    if (!wait([this] { return bot_->ready_port().has_value() || bot_->ended(); }, std::chrono::seconds(30)) ||
        bot_->ended()) {
      throw core::Failure(core::make_error(
          core::Errc::unavailable,
          "the bot did not start; the end of " + (dir_ / "bot.log").string() + ":\n" + bot_->last_lines()));
    }
    if (options_.scenario == "hands-off") return hands_off();
    backend_ = std::make_unique<Backend>(io_, workers_, dir_, pin_);
    page_ = std::make_unique<playground::PlaygroundServer>(io_, *slack_, *backend_, options_.port);
    backend_->watch([this] { page_->ledger_changed(); });
    if (options_.json) {
      std::printf("%s\n", core::dump(places().set("step", "ready").set("page", page_->url())).c_str());
    } else {
      std::printf(
          "The playground is at %s\n\n"
          "  1. Press \"Break it\" beside the demo service. Three failed probes later the bot posts in #incidents.\n"
          "  2. Be bob (the names at the top) and press Approve.\n"
          "  3. Watch it restart, and every step appear in the signed ledger.\n\n"
          "  ledger  %s\n  pin     %s\n  bot     %s (log: %s)\n\nCtrl-C ends it.\n",
          page_->url().c_str(), (dir_ / "ledger.git").c_str(), pin_.c_str(), api_url().c_str(),
          (dir_ / "bot.log").c_str());
    }
    std::fflush(stdout);
    io_.on_signals({SIGINT, SIGTERM}, [this](int) { io_.stop(); });
    io_.run();
    return kDone;
  }

 private:
  void prepare() {
    fs::create_directories(dir_ / "demo");
    fs::permissions(dir_, fs::perms::owner_all);
    // Whatever an earlier playground left running or written is another story; the ledger alone lives on.
    program_ = self();
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
    if (!wait([&] { return playground::demo_service_status(demo).port != 0; }, std::chrono::seconds(10)))
      throw core::Failure(core::make_error(core::Errc::timed_out, "the demo service did not start"));
    demo_port_ = playground::demo_service_status(demo).port;
    // Restarted on the same port from now on, so that the probe's address stays true.
    demo_.reset();
    fs::remove(dir_ / "demo" / "port");
    demo_ = std::make_unique<playground::DemoSupervisor>(
        io_,
        std::vector<std::string>{program_, "demo-service", "run", "--dir", demo, "--port", std::to_string(demo_port_)});
    if (!wait([&] { return playground::demo_service_status(demo).port != 0; }, std::chrono::seconds(10)))
      throw core::Failure(core::make_error(core::Errc::timed_out, "the demo service did not start"));
  }

  bool wait(std::function<bool()> const& done, std::chrono::milliseconds limit) {
    bool reached = done();
    auto const until = Clock::now() + limit;
    while (!reached && Clock::now() < until) {
      // Shared: on a machine that stands still the limit comes first, and the timer finds this round over.
      auto const tick = std::make_shared<bool>(false);
      io_.call_after(std::chrono::milliseconds(20), [tick] { *tick = true; });
      io_.run_until([&] { return *tick; }, std::chrono::seconds(1));
      reached = done();
    }
    return reached;
  }

  std::string api_url() const { return "http://127.0.0.1:" + std::to_string(bot_->ready_port().value_or(0)); }

  Json places() const {
    return Json::object({{"api", api_url()},
                         {"dir", dir_.string()},
                         {"ledger", (dir_ / "ledger.git").string()},
                         {"log", (dir_ / "bot.log").string()},
                         {"pin", pin_}});
  }

  // The newest message of the bot in #incidents that matches.
  std::optional<Json> message(std::function<bool(Json const&)> const& wanted) const {
    auto const all = slack_->messages("C0INC");
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      if (wanted(*it)) return *it;
    }
    return std::nullopt;
  }

  void must(bool holds, std::string const& what) {
    if (!holds)
      throw core::Failure(
          core::make_error(core::Errc::timed_out, what + "; the end of the bot's log:\n" + bot_->last_lines()));
  }

  // Nobody at the keyboard: the same story, pressed over the same wire.
  int hands_off() {
    story_.tell("up", "the bot is up: ledger " + (dir_ / "ledger.git").string(), places());
    auto const before = slack_->messages("C0INC").size();
    must(wait([this] { return slack_->sockets().size() >= 2; }, std::chrono::seconds(15)), "the bot did not connect");
    story_.tell("connected", "two Socket Mode connections stand");
    static_cast<void>(playground::break_demo_service((dir_ / "demo").string()));
    story_.tell("broken", "the demo service fails its health check");
    std::optional<Json> card;
    auto const has_button = [](Json const& message) {
      return core::dump(message).find("\"action_id\":\"approve") != std::string::npos;
    };
    must(wait([&] { return slack_->messages("C0INC").size() > before && (card = message(has_button)).has_value(); },
              std::chrono::seconds(40)),
         "no request was posted");
    auto const ts = (*card)["ts"].text();
    story_.tell("posted", "posted: " + (*card)["text"].text(), Json::object({{"channel", "C0INC"}, {"ts", ts}}));
    auto const press = [&](std::string const& user) {
      auto const pressed =
          slack_->click({.user = user, .channel = "C0INC", .ts = ts, .action_id = button_of(*card, "approve")});
      must(pressed.has_value(), pressed ? "" : "the button can't be pressed: " + pressed.error().message);
      must(wait([&] { return slack_->interaction(*pressed)->state != playground::Interaction::State::sent; },
                std::chrono::seconds(5)),
           "the click was not acknowledged");
      return slack_->interaction(*pressed)->ack_time;
    };
    auto const refused = press("U0MALLORY");
    story_.tell("refused",
                "mallory presses Approve: acknowledged after " + std::to_string(refused.count()) +
                    " ms, refused, and on record",
                Json::object({{"account", "U0MALLORY"}, {"ack_ms", std::int64_t{refused.count()}}}));
    auto const took = press("U0BOB");
    story_.tell("approved",
                "bob presses Approve: durable and acknowledged after " + std::to_string(took.count()) + " ms",
                Json::object({{"account", "U0BOB"}, {"ack_ms", std::int64_t{took.count()}}}));
    std::optional<Json> outcome;
    must(wait(
             [&] {
               return (outcome = message([&](Json const& reply) {
                         return reply["thread_ts"].text() == ts && reply["ts"].text() != ts &&
                                reply["text"].text().find("succeeded") != std::string::npos;
                       }))
                   .has_value();
             },
             std::chrono::seconds(40)),
         "no outcome was told");
    story_.tell("outcome", "outcome in the thread: " + core::one_line((*outcome)["text"].text(), 300));
    must(
        wait([this] { return playground::demo_service_status((dir_ / "demo").string()).up; }, std::chrono::seconds(10)),
        "the service is not back");
    story_.tell("mended", "the demo service answers again");
    bot_.reset();
    story_.tell("stopped", "the bot has stopped; pin " + pin_, Json::object({{"pin", pin_}}));
    return kDone;
  }

  static std::string button_of(Json const& card, std::string const& prefix) {
    auto const* blocks = card["blocks"].if_array();
    if (!blocks) return {};
    for (auto const& block : *blocks) {
      auto const* elements = block["elements"].if_array();
      if (!elements) continue;
      for (auto const& element : *elements) {
        if (element["action_id"].text().starts_with(prefix)) return element["action_id"].text();
      }
    }
    return {};
  }

  Options options_;
  fs::path dir_;
  std::string program_, pin_;
  net::Io io_;
  WorkerPool workers_;
  Story story_;
  std::uint16_t demo_port_ = 0;
  std::unique_ptr<playground::SlackStandIn> slack_;
  std::unique_ptr<playground::DemoSupervisor> demo_;
  std::unique_ptr<BotProcess> bot_;
  std::unique_ptr<Backend> backend_;
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
      app.add_subcommand("playground", "A service that fails, a chat to press buttons in, the real bot, one page");
  auto const options = std::make_shared<Options>();
  options->dir = default_dir();
  command->add_option("--port", options->port, "Of the page; 0: any")->capture_default_str();
  command->add_option("--dir", options->dir, "Where key, ledger and logs are kept")->capture_default_str();
  command->add_option("--scenario", options->scenario, "interactive, or hands-off: presses the buttons itself and ends")
      ->check(CLI::IsMember({"interactive", "hands-off"}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON: one line when the page stands; hands-off: a line a step");
  command->footer(
      "Examples:\n  countersign playground\n  countersign playground --port 0 --dir /tmp/look\n  countersign "
      "playground --scenario hands-off --json\nExit code 0: done; 2: wrong use; 3: it could not start, or the story "
      "did "
      "not come to its end.");
  command->callback([&action, options] { action = [options] { return Playground(*options).run(); }; });
}

}  // namespace cli
