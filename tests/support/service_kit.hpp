// The whole service under test: a temporary folder with key, ledger and configuration, stand-ins of the chat platforms
// in this process (Slack alone, unless the options name others), the real binary as a child. Every wait serves the
// stand-ins and asks a condition; nothing sleeps to synchronise.
//
//   ServiceKit kit({.platforms = {Platform::teams}});
//   kit.start();                                   // until "ready" is logged and /readyz is 200
//   auto const id = kit.ask("witness");            // POST /v1/requests as alice, until its message has buttons
//   kit.chat().press("bob", id);                   // a click; true when the platform got its acknowledgement
//   kit.wait([&] { return kit.state(id) == "succeeded"; });
//   CHECK(kit.witnessed() == 1);
//
// People: alice (dev, API token "token-of-alice"), bob, carol, erin (sre), dave (lead); erin and dave on Slack alone.
// Robot: ci (pipelines, "token-of-ci"). Channel: incidents. Runbooks, each appending one line to witness.txt:
//   witness        one approval of sre; parameter word
//   witness-two    two approvals of sre
//   witness-short  one approval of sre; expires after 1.5 s
//   witness-hold   then runs until the file `release` exists
//   witness-fail   then fails with exit code 7
//   witness-why    one approval of sre; the approver must say why
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/playground/slack_stand_in.hpp"
#include "bot/core/json.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "tests/support/chat_floor.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/service_process.hpp"

namespace support {

class SlackFloor;

struct KitOptions {
  std::vector<Platform> platforms{Platform::slack};
  playground::StandInOptions slack{};
  std::string extra_people{};      // YAML under `people:`, indented by two blanks
  std::string extra_runbooks{};    // YAML under `runbooks:`, indented by two blanks
  std::string extra_policies{};    // YAML under `policies:`, indented by two blanks
  std::string extra_triggers{};    // YAML under `triggers:`, indented by two blanks
  std::string extra_collectors{};  // YAML under `collectors:`, indented by two blanks
  std::string api{};               // further members of `api`, as ", key: value"; empty: no limits that a test may meet
  std::string extra_chat{};        // YAML under `chat:`, indented by two blanks
  std::string extra_sections{};    // YAML at the end, sections of their own
  std::string expires = "10m";     // of the one-sre and two-sre policies
};

struct StartOptions {
  std::string binary{};  // empty: the countersign of this build
  Environment environment{};
  std::vector<std::string> words{};  // empty: BINARY serve -c FILE
  bool wait_ready = true;
  std::chrono::milliseconds limit{20'000};
};

class ServiceKit {
 public:
  explicit ServiceKit(KitOptions options = {});
  ~ServiceKit();

  // --- the process --------------------------------------------------------------------------------------------------
  void start(StartOptions const& options = {});  // throws std::runtime_error with the log if it doesn't get ready
  int stop();                                    // SIGTERM; its exit code
  void kill();                                   // SIGKILL of serve; its runner ends itself
  void kill_runner();                            // SIGKILL of the runner alone
  void kill_both();                              // the runner first would be noticed: serve is stopped meanwhile
  int wait_end(std::chrono::milliseconds limit = 20s);  // its exit code; -1 if it still runs
  pid_t pid() const;
  pid_t runner_pid() const;  // 0: none
  ServiceProcess& process() { return *process_; }
  bool running();
  std::vector<std::string> serve_words(std::string const& binary = {}) const;

  // --- waiting ------------------------------------------------------------------------------------------------------
  bool wait(std::function<bool()> const& done, std::chrono::milliseconds limit = 15s);

  // --- HTTP ---------------------------------------------------------------------------------------------------------
  struct Answer {
    unsigned status = 0;  // 0: no answer
    core::Json body{};
    std::string text{};
  };
  Answer http(std::string const& method, std::string const& path, core::Json const& body = {},
              std::string const& token = "token-of-alice");
  bool ready();  // /readyz is 200

  // --- requests -----------------------------------------------------------------------------------------------------
  // POST /v1/requests to incidents; the id, or an exception with the answer.
  std::string post(std::string const& runbook, core::Json const& parameters = core::Json(core::Json::Object{}),
                   std::string const& token = "token-of-alice");
  std::string ask(std::string const& runbook, core::Json const& parameters = core::Json(core::Json::Object{}));
  core::Json view(std::string const& id);    // GET /v1/requests/ID as alice
  std::string state(std::string const& id);  // "" without an answer

  // --- chat ---------------------------------------------------------------------------------------------------------
  ChatFloor& chat() { return *chats_.front(); }
  ChatFloor& chat(std::string const& platform);  // throws std::logic_error if it is none of the options'
  std::vector<std::unique_ptr<ChatFloor>> const& chats() const { return chats_; }

  // --- Slack, as it stores things: for what is Slack's alone
  // ----------------------------------------------------------
  playground::SlackStandIn& slack();
  // The newest message with this request's buttons or, closed, its id.
  std::optional<core::Json> card(std::string const& id);
  // Presses the button; the interaction's id, or nothing if there is no such button.
  std::optional<std::uint64_t> click(std::string const& user, std::string const& id,
                                     std::string const& verb = "approve");
  // click(), then waits until Slack has its acknowledgement or gave up; true if acknowledged.
  bool press(std::string const& user, std::string const& id, std::string const& verb = "approve");
  // Messages of the bot in the request's thread whose text holds `word`.
  std::vector<core::Json> replies(std::string const& id, std::string const& word = {});
  // What only `user` was told: ephemeral texts, oldest first.
  std::vector<std::string> whispers(std::string const& user);

  // --- judging ------------------------------------------------------------------------------------------------------
  int witnessed() const;  // lines in witness.txt
  std::string witness_text() const;
  std::vector<core::Json> entries(std::string const& kind = {}, std::string const& request = {}) const;  // ledger log
  core::Json verify() const;  // countersign ledger verify --key PIN --json
  std::string fsck() const;   // empty: git fsck --full --strict finds nothing
  // Verify with the pin and fsck; empty when all is well, else what is not.
  std::string ledger_problems() const;

  // Where things are.
  std::filesystem::path dir() const { return dir_.path(); }
  std::filesystem::path operator/(std::string_view name) const { return dir_ / name; }
  std::filesystem::path ledger() const { return dir_ / "ledger.git"; }
  std::filesystem::path state_dir() const { return dir_ / "state"; }
  std::filesystem::path config() const { return dir_ / "countersign.yaml"; }
  std::filesystem::path witness_program() const { return dir_ / "bin/witness"; }  // this kit's own copy
  std::string const& pin() const { return pin_; }
  net::Io& io() { return io_; }
  std::uint16_t port() const { return port_; }
  static std::string binary();  // the countersign of this build

 private:
  void write_config(KitOptions const& options) const;
  SlackFloor& slack_floor();

  TempDir dir_;
  std::string pin_;
  net::Io io_;
  std::unique_ptr<net::HttpClient> http_;
  std::vector<std::unique_ptr<ChatFloor>> chats_;
  std::unique_ptr<ServiceProcess> process_;
  std::uint16_t port_ = 0;
  int starts_ = 0;
};

}  // namespace support
