// T32, T33: seeded secrets of every kind in every dress, sent as evidence through the released service on three
// platforms, and looked for at every place where its words end up; the service's own secrets as well.
#include <linux/capability.h>
#include <openssl/evp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <iostream>
#include <map>
#include <unordered_map>

#include "tests/integration/service/service.hpp"
#include "tests/support/matrix_floor.hpp"
#include "tests/support/teams_floor.hpp"
#include "tests/unit/collectors/planted.hpp"

namespace {

using namespace service;
using collectors_test::Planted;
using collectors_test::Planter;

constexpr std::size_t kWindow = 12;  // characters in a row that count as a leak
constexpr std::size_t kSecrets = 5'000;

std::string base64(std::string const& bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  auto const size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

// Every text in it, as whoever reads it has it.
void texts_of(Json const& json, std::string& out) {
  if (auto const* text = json.if_string()) out += *text + "\n";
  if (auto const* array = json.if_array()) {
    for (auto const& item : *array) texts_of(item, out);
  }
  if (auto const* object = json.if_object()) {
    for (auto const& [name, value] : *object) texts_of(value, out);
  }
}

// The text itself, and what JSON in it says: a line, or the whole.
void add(std::string& sink, std::string const& text) {
  sink += text + "\n";
  if (auto const whole = core::parse_json(text, {.max_bytes = 64u << 20, .max_string = 64u << 20})) {
    texts_of(*whole, sink);
    return;
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto const brace = line.starts_with('{') ? core::parse_json(line, {.max_bytes = 64u << 20, .max_string = 64u << 20})
                                             : core::parse_json("");
    if (brace) texts_of(*brace, sink);
  }
}

std::map<std::string, std::string> everywhere(ServiceKit& kit) {
  std::map<std::string, std::string> sinks;
  // Objects one by one, so that JSON among them is read as such.
  auto const objects = support::git(kit.ledger(), "cat-file --batch-all-objects --batch --unordered").out;
  for (std::size_t at = 0; at < objects.size();) {
    auto const end = objects.find('\n', at);
    auto const head = objects.substr(at, end - at);
    auto const size = std::stoul(head.substr(head.rfind(' ')));
    add(sinks["ledger"], objects.substr(end + 1, size));
    at = end + 1 + size + 1;
  }
  for (auto const* folder : {"state", "side", "tmp"}) {
    auto& sink = sinks[folder];
    for (auto const& entry : std::filesystem::recursive_directory_iterator(kit / folder))
      if (entry.is_regular_file()) add(sink, entry.path().string() + "\n" + read(entry.path()));
  }
  add(sinks["log"], kit.process().log_text());
  for (auto const& call : kit.slack().calls()) texts_of(call.arguments, sinks["slack"]);
  for (auto const& message : kit.slack().messages("C0INC")) {
    texts_of(message, sinks["slack"]);
    auto const* files = message["files"].if_array();
    for (std::size_t i = 0; files && i < files->size(); ++i)
      add(sinks["slack"], kit.slack().file((*files)[i]["id"].text()).value_or(""));
  }
  auto& teams = dynamic_cast<support::TeamsFloor&>(kit.chat("teams")).stand_in();
  for (auto const& call : teams.calls()) {
    if (call.call != "token") texts_of(call.body, sinks["teams"]);  // there it shows its secret, as it must
  }
  auto& matrix = dynamic_cast<support::MatrixFloor&>(kit.chat("matrix")).stand_in();
  for (auto const& call : matrix.calls()) texts_of(call.body, sinks["matrix"]);
  texts_of(matrix.state("bob"), sinks["matrix"]);
  return sinks;
}

// Windows of what must be gone, by their length: a character may be written with several bytes.
class Needles {
 public:
  void plant(Planted planted) {
    auto const& kept = planted_.emplace_back(std::move(planted));
    for (auto const& piece : kept.gone) {
      auto const window = kWindow * kept.bytes_each;
      for (std::size_t at = 0; at + window <= piece.size(); at += kept.bytes_each)
        by_length_[window].emplace(std::string_view(piece).substr(at, window), &kept);
    }
  }
  void plant(std::string const& what, std::string const& secret) {
    REQUIRE(secret.size() >= kWindow);
    plant(Planted{.kind = what, .dress = "of the service", .text = {}, .gone = {secret}});
  }
  // Kind, dress and how many windows of it stand there.
  std::map<std::string, int> in(std::string_view sink) const {
    std::map<std::string, int> found;
    for (auto const& [length, windows] : by_length_) {
      for (std::size_t at = 0; at + length <= sink.size(); ++at) {
        auto const hit = windows.find(sink.substr(at, length));
        if (hit != windows.end()) ++found[hit->second->kind + " " + hit->second->dress];
      }
    }
    return found;
  }

 private:
  std::deque<Planted> planted_{};
  std::map<std::size_t, std::unordered_map<std::string_view, Planted const*>> by_length_{};
};

// What the kernel answers to us, as a process of the same account, when we read the other's memory at an address where
// nothing is: EFAULT, or EPERM when it lets us read nothing of it. Root lays down the power to do so anyway meanwhile.
int refusal_to_read(pid_t pid) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> before{};
  REQUIRE(::syscall(SYS_capget, &header, before.data()) == 0);
  auto without = before;
  without[0].effective &= ~(1u << CAP_SYS_PTRACE);
  REQUIRE(::syscall(SYS_capset, &header, without.data()) == 0);
  char byte = 0;
  iovec const here{&byte, 1}, nowhere{nullptr, 1};
  int const why = ::process_vm_readv(pid, &here, 1, &nowhere, 1, 0) < 0 ? errno : 0;
  auto const restored = ::syscall(SYS_capset, &header, before.data());
  REQUIRE(restored == 0);
  return why;
}

// About so many bytes of a log with a secret in every third line.
std::string document(Planter& planter, std::vector<Planted>& all, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    all.push_back(planter.next());
    text += planter.noise() + "\n" + all.back().text + "\n" + planter.noise() + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("T32 T33 5,000 secrets of 25 kinds in 11 dresses, and the service's own, stand at none of its sinks") {
  support::TempDir dir;
  KitOptions options;
  options.platforms = {support::Platform::slack, support::Platform::teams, support::Platform::matrix_sync};
  options.extra_collectors = "  log: {file: {path: \"" + (dir / "app.log").string() +
                             "\"}}\n"
                             "  said: {command: {run: [/bin/cat, \"" +
                             (dir / "said").string() + "\"]}}\n";
  options.extra_runbooks =
      "  look:\n    summary: \"Look\"\n    risk: low\n    if_unanswered: \"nothing\"\n    parameters: {}\n"
      "    collect: [log, said]\n    steps: [{name: say, run: [/bin/cat, \"" +
      (dir / "said").string() + "\"], timeout: 10s}]\n    policy: one-sre\n";
  ServiceKit kit(options);
  std::filesystem::create_directory(kit / "tmp");
  kit.start({.environment = {{"TMPDIR", (kit / "tmp").string()}}});
  Planter planter(48);
  std::vector<Planted> all;
  for (int round = 0; all.size() < kSecrets; ++round) {
    CAPTURE(round);
    REQUIRE(round < 10);
    support::write_file(dir / "app.log", document(planter, all, 50'000));
    support::write_file(dir / "said", document(planter, all, 50'000));
    Json::Array attachments;
    for (int n = 0; n < 15; ++n)
      attachments.push_back(Json::object({{"name", "plan-" + std::to_string(n)},
                                          {"media_type", "text/plain"},
                                          {"data", base64(document(planter, all, 50'000))}}));
    auto const answer = kit.http("POST", "/v1/requests",
                                 Json::object({{"runbook", "look"},
                                               {"parameters", Json(Json::Object{})},
                                               {"reason", "look at it, round " + std::to_string(round)},
                                               {"attachments", Json(std::move(attachments))}}));
    CAPTURE(answer.text);
    REQUIRE(answer.status == 202);
    auto const id = answer.body["id"].text();
    REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }, 30s));
    CHECK(kit.press("U0BOB", id));
    REQUIRE(ends_as(kit, id, "succeeded"));
    REQUIRE(kit.wait([&] { return kit.replies(id).size() >= 1; }));
  }
  CHECK(kit.stop() == 0);  // all that was to be said is said, and no pack comes or goes while git lists what is there
  Needles needles;
  for (auto const& planted : all) needles.plant(planted);
  for (auto const* name : {"app_token", "bot_token", "teams_secret", "relay_key", "matrix_token"})
    needles.plant(name, read(kit / name));
  auto const key = read(kit / "ledger_ed25519");
  needles.plant("the ledger's key", key.substr(key.find('\n') + 100, 60));
  for (auto const* token : {"token-of-alice", "Bearer token-of-ci"}) needles.plant(token, token);
  // The search finds what is there.
  REQUIRE(needles.in("x " + all.at(0).gone.at(0) + " x " + read(kit / "bot_token")).size() == 2);
  auto const sinks = everywhere(kit);
  for (auto const* place : {"ledger", "state", "side", "tmp", "log", "slack", "teams", "matrix"}) {
    CAPTURE(place);
    REQUIRE(sinks.contains(place));
    std::string leaks;
    for (auto const& [what, times] : needles.in(sinks.at(place))) leaks += what + " × " + std::to_string(times) + "\n";
    CHECK(leaks == "");
  }
  for (auto const* place : {"ledger", "slack", "teams", "matrix"}) {  // what is no secret is told
    CAPTURE(place);
    CHECK(has(sinks.at(place), "GET /healthz 200 3 ms"));
    CHECK(has(sinks.at(place), "[redacted]"));
  }
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("T33 neither the service nor its runner writes a core file or is read by another process of its account") {
  ServiceKit kit;
  kit.start();
  pid_t const open = ::fork();  // as processes are by themselves
  if (open == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  int const to_open = refusal_to_read(open);
  ::kill(open, SIGKILL);
  ::waitpid(open, nullptr, 0);
  if (to_open != EFAULT)
    std::cerr << "SKIPPED: T33 the service's memory: this system lets no process read another's" << std::endl;
  for (pid_t const pid : {kit.pid(), kit.runner_pid()}) {
    CAPTURE(pid);
    REQUIRE(pid > 0);
    std::istringstream limits(read("/proc/" + std::to_string(pid) + "/limits"));
    std::string line, soft, hard;
    std::string const about = "Max core file size";
    while (std::getline(limits, line) && !line.starts_with(about)) {
    }
    REQUIRE(std::istringstream(line.substr(std::min(line.size(), about.size()))) >> soft >> hard);
    CHECK(soft == "0");
    CHECK(hard == "0");
    if (to_open == EFAULT) CHECK(refusal_to_read(pid) == EPERM);
  }
}
