// A grown ledger: a start from the snapshot, and the command line and stock git reading while a writer writes.
#include <atomic>
#include <future>
#include <thread>

#include "bot/core/archive.hpp"
#include "bot/core/text.hpp"
#include "ledger/snapshot.hpp"
#include "tests/support/big_ledger.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/full.hpp"
#include "tests/support/service_kit.hpp"

using support::ServiceKit;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

core::Time wall() { return std::chrono::floor<core::Duration>(std::chrono::system_clock::now()); }

void grow(ServiceKit const& kit, std::size_t entries) {
  support::BigLedger big(kit.ledger(), kit / "ledger_ed25519", wall());
  big.grow(entries, core::Duration(1));
  big.stop();
  REQUIRE(big.broken() == "");
}

std::int64_t entries_folded(ServiceKit& kit) {
  return kit.process().line("ready").value()["entries_folded"].integer(-1);
}

}  // namespace

TEST_CASE("a restart folds only what came after the snapshot, and a doubtful snapshot costs a fold and nothing else") {
  ServiceKit kit;
  grow(kit, 4'050);
  auto const snapshot = kit.state_dir() / "snapshot", runners = kit.state_dir() / "runner-snapshot";
  kit.start({.limit = 120s});
  CHECK(entries_folded(kit) > 4'050);
  REQUIRE(kit.wait([&] { return fs::exists(snapshot) && fs::exists(runners); }, 60s));
  auto const id = kit.ask("witness");
  kit.kill();

  kit.start({.limit = 120s});
  CHECK(entries_folded(kit) < 100);
  CHECK(kit.press("U0BOB", id));  // what the snapshot and the tail give is enough for both locks
  CHECK(kit.wait([&] { return kit.state(id) == "succeeded"; }));
  CHECK(kit.stop() == 0);

  // Forged, and yet signed by nobody: both are thrown away.
  for (auto const& file : {snapshot, runners}) {
    auto const size = fs::file_size(file);
    std::FILE* const opened = std::fopen(file.c_str(), "r+b");
    REQUIRE(opened != nullptr);
    std::fseek(opened, static_cast<long>(size / 2), SEEK_SET);
    std::fputc('!', opened);
    std::fclose(opened);
  }
  kit.start({.limit = 120s});
  CHECK(entries_folded(kit) > 4'050);
  CHECK(kit.wait(
      [&] { return kit.process().line("the snapshot was deleted and the ledger is folded anew").has_value(); }));
  CHECK(kit.wait(
      [&] { return kit.process().log_text().find("runner: its snapshot is of no use") != std::string::npos; }));
  auto const again = kit.ask("witness", core::Json::object({{"word", "again"}}));
  CHECK(kit.press("U0BOB", again));
  CHECK(kit.wait([&] { return kit.state(again) == "succeeded"; }));
  CHECK(kit.witnessed() == 2);
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("T19 a snapshot of the runner that a step forged makes nothing else run than what people approved") {
  bool const with_binding = GENERATE(false, true);  // the steps alone, or their binding, too
  CAPTURE(with_binding);
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  kit.kill();
  auto const fold = ledger::TrustedFold::open(kit.ledger(), ledger::Trust::checked, kit.pin()).value();
  fold->advance().value();
  auto state = fold->state();
  auto& request = state.requests.at(core::RequestId::parse(id).value());
  request.bound->steps.front().argv.back() = "forged";
  if (with_binding) request.binding = core::binding_of(*request.bound);
  ledger::write_snapshot(kit.state_dir() / "runner-snapshot",
                         {.head = fold->head(), .pin = kit.pin(), .state = core::encode_state(state)}, nullptr)
      .value();
  kit.start();
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.wait([&] { return kit.state(id) == (with_binding ? "failed" : "succeeded"); }));
  CHECK(kit.witness_text().find("forged") == std::string::npos);
  CHECK(kit.witnessed() == (with_binding ? 0 : 1));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("the command line and stock git read a ledger while thousands of entries and merges of packs come in") {
  auto const enough = std::size_t{support::full() ? 10'000U : 500U};  // entries, each a commit and a pack of its own
  ServiceKit kit;
  support::BigLedger big(kit.ledger(), kit / "ledger_ed25519", wall());
  big.grow(200, core::Duration(1));
  auto const id = big.last().str();
  auto const at_least = big.state().entries + enough;

  std::atomic<bool> writing{true};
  auto writer = std::async(std::launch::async, [&] {
    while (big.state().entries < at_least) big.trickle();
    writing = false;
  });
  auto const ours = "'" + ServiceKit::binary() + "' ledger ";
  auto const where = " --ledger '" + kit.ledger().string() + "'";
  std::size_t rounds = 0;
  std::string wrong;
  auto const expect = [&](support::Ran const& ran, std::string const& what, std::string const& word) {
    if ((ran.code != 0 || ran.out.find(word) == std::string::npos) && wrong.empty())
      wrong = what + " ended with " + std::to_string(ran.code) + ": " + std::string(core::utf8_suffix(ran.out, 600));
  };
  do {
    auto const log = support::run(ours + "log --json" + where);
    expect(log, "log", "\"seq\"");
    std::size_t lines = 0;
    for (std::size_t from = 0, to = 0; (to = log.out.find('\n', from)) != std::string::npos; from = to + 1, ++lines) {
      auto const json = core::parse_json(std::string_view(log.out).substr(from, to - from));
      if ((!json || (*json)["data"].is_null()) && wrong.empty()) wrong = "log printed half an entry";
    }
    if (lines < 200 && wrong.empty()) wrong = "log printed too little";
    expect(support::run(ours + "show " + id + where), "show", id);
    expect(support::run(ours + "verify --key " + kit.pin() + where), "verify", "");
    expect(support::git(kit.ledger(), "log --oneline -50 main"), "git log", "CS-");
    auto const copy = "'" + (kit / ("clone" + std::to_string(rounds))).string() + "'";
    expect(support::git(kit.ledger(), "clone -q --bare --no-local . " + copy), "git clone", "");
    expect(support::run("git --git-dir " + copy + " fsck --no-dangling --no-progress"), "git fsck of the clone", "");
    ++rounds;
  } while (writing && wrong.empty());
  writer.get();
  big.stop();
  // Of a repository whose packs are replaced meanwhile, git's own fsck promises nothing: of it at rest, or of a clone.
  expect(support::git(kit.ledger(), "fsck --no-dangling --no-progress"), "git fsck", "");
  CHECK(wrong == "");
  std::printf("%zu rounds of readers over %zu appends\n", rounds, enough);
  CHECK(rounds >= 1);
  CHECK(kit.ledger_problems() == "");
}
