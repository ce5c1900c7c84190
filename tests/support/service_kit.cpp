#include "tests/support/service_kit.hpp"

#include <algorithm>
#include <csignal>
#include <sstream>
#include <stdexcept>

#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"
#include "bot/process/sanitized.hpp"
#include "tests/support/slack_floor.hpp"

namespace support {

using core::Json;
namespace fs = std::filesystem;

namespace {

std::string quoted(std::string const& text) { return core::dump(Json(text)); }  // a JSON string is a YAML string

}  // namespace

std::string ServiceKit::binary() { return COUNTERSIGN_BINARY; }

ServiceKit::ServiceKit(KitOptions options) : http_(net::make_http_client(io_)) {
  pin_ = ledger::keygen(dir_ / "ledger_ed25519").value().fingerprint();
  ledger::init(ledger(), ledger::SigningKey::read(dir_ / "ledger_ed25519").value(),
               std::chrono::floor<core::Duration>(std::chrono::system_clock::now()))
      .value();
  fs::create_directories(dir_ / "bin");
  fs::copy_file(WITNESS_BINARY, witness_program());
  for (auto const platform : options.platforms) chats_.push_back(make_floor(io_, platform, options.slack));
  write_config(options);
}

ServiceKit::~ServiceKit() {
  if (running()) kill();
}

void ServiceKit::write_config(KitOptions const& options) const {
  auto const at = [&](std::string_view name) { return quoted((dir_ / name).string()); };
  auto const runbook = [&](std::string const& name, std::string const& policy, std::string const& more) {
    return "  " + name +
           ":\n"
           "    summary: \"Leave a line: {{word}}\"\n"
           "    risk: medium\n"
           "    if_unanswered: \"no line is left\"\n"
           "    parameters: {word: {type: string, pattern: \"[a-z0-9-]+\", max: 40, default: done}}\n"
           "    lock: \"" +
           name + "/{{word}}\"\n" + "    steps: [{name: leave, run: [" + at("bin/witness") + ", " + at("witness.txt") +
           ", \"{{word}}\"" + more + "], timeout: " + (process::kSanitized ? "5m" : "60s") + "}]\n" +
           "    limits: {grace: 100ms}\n" + "    policy: " + policy + "\n";
  };
  auto const policy = [](std::string const& name, int count, std::string const& expires, std::string const& why) {
    return "  " + name +
           ":\n"
           "    request: [dev, sre, pipelines, triggers]\n"
           "    approve: [{group: sre, count: " +
           std::to_string(count) +
           "}]\n"
           "    notify: [sre]\n"
           "    justification: {approver: " +
           why + ", requester: required}\n" + "    expires: " + expires + "\n";
  };
  auto const person = [&](std::string const& key, std::string const& name, std::string const& group) {
    auto line = "  " + key + ": {name: " + name + ", groups: [" + group + "]";
    for (auto const& chat : chats_) {
      if (auto const account = chat->account(key); !account.empty()) line += ", " + chat->platform() + ": " + account;
    }
    return line + (key == "alice" ? ", token_sha256: " + core::sha256_hex("token-of-alice") : "") + "}\n";
  };
  auto text = "version: 1\npeople:\n" + person("alice", "Alice Ng", "dev") + person("bob", "Bob Roy", "sre") +
              person("carol", "Carol Diaz", "sre") + person("dave", "Dave Okoye", "lead") +
              person("erin", "Erin Sato", "sre") + options.extra_people +
              "robots:\n  ci: {groups: [pipelines], token_sha256: " + core::sha256_hex("token-of-ci") + "}\nchat:\n";
  std::string channel;
  for (auto const& chat : chats_) {
    text += chat->section([&](std::string const& name, std::string const& value) {
      write_file(dir_ / name, value);
      fs::permissions(dir_ / name, fs::perms::owner_read | fs::perms::owner_write);
      return "{file: " + at(name) + "}";
    });
    channel += (channel.empty() ? "" : ", ") + chat->platform() + ": " + chat->channel();
  }
  text += options.extra_chat;
  text += "channels:\n  incidents: {" + channel + "}\n";
  if (!options.extra_collectors.empty()) text += "collectors:\n" + options.extra_collectors;
  if (!options.extra_triggers.empty()) text += "triggers:\n" + options.extra_triggers;
  text += "runbooks:\n" + runbook("witness", "one-sre", "") + runbook("witness-two", "two-sre", "") +
          runbook("witness-short", "short", "") + runbook("witness-hold", "one-sre", ", wait, " + at("release")) +
          runbook("witness-fail", "one-sre", ", exit, \"7\"") + runbook("witness-why", "why-sre", "") +
          options.extra_runbooks;
  text += "policies:\n" + policy("one-sre", 1, options.expires, "optional") +
          policy("two-sre", 2, options.expires, "optional") + policy("short", 1, "1500ms", "optional") +
          policy("why-sre", 1, options.expires, "required") + options.extra_policies;
  text += "ledger: {path: " + at("ledger.git") + ", key: {file: " + at("ledger_ed25519") +
          "}}\nstate: {path: " + at("state") + ", side: " + at("side") + "}\napi: {listen: \"127.0.0.1:0\"" +
          (options.api.empty() ? ", requests_per_second: 100000, max_connections_per_address: 2048" : options.api) +
          "}\n" + options.extra_sections;
  write_file(config(), text);
}

// --- the process
// ------------------------------------------------------------------------------------------------------

std::vector<std::string> ServiceKit::serve_words(std::string const& binary) const {
  return {binary.empty() ? ServiceKit::binary() : binary, "serve", "-c", config().string()};
}

void ServiceKit::start(StartOptions const& options) {
  process_.reset();
  port_ = 0;
  process_ =
      std::make_unique<ServiceProcess>(options.words.empty() ? serve_words(options.binary) : options.words,
                                       dir_ / ("service-" + std::to_string(++starts_) + ".log"), options.environment);
  if (!options.wait_ready) return;
  auto const up = wait(
      [&] {
        if (!running()) return true;
        if (port_ == 0) {
          auto const line = process_->line("ready");
          if (!line) return false;
          port_ = static_cast<std::uint16_t>((*line)["port"].integer());
        }
        return ready();
      },
      options.limit);
  if (!up || !running()) throw std::runtime_error("the service did not get ready:\n" + process_->log_text());
}

bool ServiceKit::running() { return process_ && !process_->ended(); }

int ServiceKit::wait_end(std::chrono::milliseconds limit) {
  if (!wait([&] { return !running(); }, limit)) return -1;
  return process_ ? process_->exit_code().value_or(-1) : -1;
}

int ServiceKit::stop() {
  if (running()) process_->send(SIGTERM);
  return wait_end();
}

void ServiceKit::kill() {
  if (running()) process_->send(SIGKILL);
  static_cast<void>(wait_end());
}

void ServiceKit::kill_runner() {
  if (auto const runner = runner_pid(); runner != 0) ::kill(runner, SIGKILL);
}

void ServiceKit::kill_both() {
  if (!running()) return;
  process_->send(SIGSTOP);
  kill_runner();
  kill();
}

pid_t ServiceKit::pid() const { return process_ ? process_->pid() : 0; }

pid_t ServiceKit::runner_pid() const {
  auto const found = children_of(pid(), "runner");
  return found.empty() ? 0 : found.front();
}

bool ServiceKit::wait(std::function<bool()> const& done, std::chrono::milliseconds limit) {
  return wait_on(io_, done, limit);
}

// --- HTTP
// -------------------------------------------------------------------------------------------------------------

ServiceKit::Answer ServiceKit::http(std::string const& method, std::string const& path, Json const& body,
                                    std::string const& token) {
  if (port_ == 0 && process_) {
    if (auto const line = process_->line("ready")) port_ = static_cast<std::uint16_t>((*line)["port"].integer());
  }
  struct Got {
    bool done = false;
    Answer answer{};
  };
  auto const got = std::make_shared<Got>();
  net::HttpRequest request{.method = method,
                           .url = "http://127.0.0.1:" + std::to_string(port_) + path,
                           .timeout = process::kSanitized ? 60s : 5s};
  request.headers = {{"Authorization", "Bearer " + token}};
  if (!body.is_null()) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = core::dump(body);
  }
  http_->request(std::move(request), [got](net::Result<net::HttpResponse> response) {
    got->done = true;
    if (!response) return;
    got->answer.status = response->status;
    got->answer.text = response->body;
    if (auto json = core::parse_json(response->body)) got->answer.body = std::move(*json);
  });
  io_.run_until([got] { return got->done; }, 6s);
  return got->answer;
}

bool ServiceKit::ready() { return http("GET", "/readyz").status == 200; }

std::string ServiceKit::post(std::string const& runbook, Json const& parameters, std::string const& token) {
  auto const answer = http("POST", "/v1/requests",
                           Json::object({{"runbook", runbook},
                                         {"parameters", parameters},
                                         {"reason", "the line is missing"},
                                         {"channels", Json::array({"incidents"})}}),
                           token);
  if (answer.status != 202)
    throw std::runtime_error("POST /v1/requests answered " + std::to_string(answer.status) + ": " + answer.text);
  return answer.body["id"].text();
}

std::string ServiceKit::ask(std::string const& runbook, Json const& parameters) {
  auto const id = post(runbook, parameters);
  auto const posted = wait([&] {
    return std::ranges::all_of(chats_, [&](auto const& chat) {
      auto const found = chat->card(id);
      return found && found->open;
    });
  });
  if (!posted) throw std::runtime_error("no message for " + id + " was posted:\n" + process_->log_text());
  return id;
}

Json ServiceKit::view(std::string const& id) { return http("GET", "/v1/requests/" + id).body; }
std::string ServiceKit::state(std::string const& id) { return view(id)["state"].text(); }

// --- chat
// -------------------------------------------------------------------------------------------------------------

ChatFloor& ServiceKit::chat(std::string const& platform) {
  for (auto const& chat : chats_) {
    if (chat->platform() == platform) return *chat;
  }
  throw std::logic_error("this kit has no " + platform);
}

SlackFloor& ServiceKit::slack_floor() { return dynamic_cast<SlackFloor&>(chat("slack")); }
playground::SlackStandIn& ServiceKit::slack() { return slack_floor().stand_in(); }
std::optional<Json> ServiceKit::card(std::string const& id) { return slack_floor().stored(id); }

std::optional<std::uint64_t> ServiceKit::click(std::string const& user, std::string const& id,
                                               std::string const& verb) {
  auto const found = card(id);
  if (!found) return std::nullopt;
  auto const clicked = slack().click({.user = user,
                                      .channel = SlackFloor::kChannel,
                                      .ts = (*found)["ts"].text(),
                                      .action_id = SlackFloor::button_of(*found, verb)});
  return clicked ? std::optional(*clicked) : std::nullopt;
}

bool ServiceKit::press(std::string const& user, std::string const& id, std::string const& verb) {
  auto const interaction = click(user, id, verb);
  if (!interaction) return false;
  using State = playground::Interaction::State;
  auto const state = [&] { return slack().interaction(*interaction)->state; };
  static_cast<void>(wait(
      [&] { return state() == State::acked || state() == State::not_acked || state() == State::undelivered; }, 10s));
  return state() == State::acked;
}

std::vector<Json> ServiceKit::replies(std::string const& id, std::string const& word) {
  std::vector<Json> found;
  auto const top = card(id);
  if (!top) return found;
  for (auto& message : slack().messages(SlackFloor::kChannel)) {
    if (message["thread_ts"].text() == (*top)["ts"].text() && message["ts"].text() != (*top)["ts"].text() &&
        !message["is_ephemeral"].boolean() && message["text"].text().find(word) != std::string::npos)
      found.push_back(std::move(message));
  }
  return found;
}

std::vector<std::string> ServiceKit::whispers(std::string const& user) {
  std::vector<std::string> texts;
  for (auto const& message : slack().messages(SlackFloor::kChannel)) {
    if (message["is_ephemeral"].boolean() && message["ephemeral_user"].text() == user)
      texts.push_back(message["text"].text());
  }
  return texts;
}

// --- judging
// ----------------------------------------------------------------------------------------------------------

std::string ServiceKit::witness_text() const {
  std::ifstream file(dir_ / "witness.txt");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int ServiceKit::witnessed() const {
  auto const text = witness_text();
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

std::vector<Json> ServiceKit::entries(std::string const& kind, std::string const& request) const {
  std::vector<Json> found;
  std::istringstream lines(run(binary() + " ledger log --ledger '" + ledger().string() + "' --json").out);
  for (std::string line; std::getline(lines, line);) {
    auto entry = core::parse_json(line, {.max_bytes = 8 << 20, .max_string = 4 << 20});
    if (!entry) throw std::runtime_error("ledger log printed: " + line);
    if ((kind.empty() || (*entry)["kind"].text() == kind) && (request.empty() || (*entry)["request"].text() == request))
      found.push_back(std::move(*entry));
  }
  return found;
}

Json ServiceKit::verify() const {
  auto const ran =
      run(binary() + " ledger verify --ledger '" + ledger().string() + "' --key '" + pin_ + "' --json 2>/dev/null");
  auto json = core::parse_json(ran.out, {.max_bytes = 8 << 20, .max_string = 4 << 20});
  if (!json) throw std::runtime_error("ledger verify printed: " + ran.out);
  return std::move(*json);
}

std::string ServiceKit::fsck() const {
  auto const ran = git(ledger(), "fsck --full --strict --no-dangling --no-progress");
  return ran.code == 0 ? ran.out : "exit " + std::to_string(ran.code) + ": " + ran.out;
}

std::string ServiceKit::ledger_problems() const {
  auto const report = verify();
  std::string problems;
  if (!report["ok"].boolean() || !report["pinned"].boolean()) problems = "verify: " + core::dump(report) + "\n";
  if (auto const found = fsck(); !found.empty()) problems += "fsck: " + found;
  return problems;
}

}  // namespace support
