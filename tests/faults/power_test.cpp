// F3: the power goes. The released service tells its story over power_shim.c; then, for each instant of it, the ledger
// is what a disk may hold at that instant, and the next start must find all that was promised.
#include <algorithm>
#include <cstdio>

#include "ledger/reader.hpp"
#include "ledger/store.hpp"
#include "ledger/verifier.hpp"
#include "tests/faults/fault_story.hpp"
#include "tests/faults/power_disk.hpp"
#include "tests/faults/preloaded.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/full.hpp"

using faults::Loss;
using faults::PowerDisk;
using support::ServiceKit;
namespace fs = std::filesystem;

namespace {

struct Chain {
  std::vector<std::string> commits;  // oldest first
  std::vector<std::string> facts;    // "request.accepted CS-…", as promises are worded
};

Chain chain_of(fs::path const& repository) {
  Chain chain;
  auto reader = ledger::Reader::open(repository).value();
  reader
      .walk("", ledger::Files::names,
            [&](core::StoredEntry&& stored) {
              chain.commits.push_back(stored.commit);
              chain.facts.push_back(stored.entry.kind + " " + stored.entry.request_id);
              return true;
            })
      .value();
  return chain;
}

bool has(std::vector<std::string> const& all, std::string const& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// What the story is: asked, approved and run; asked and denied; asked and left open.
void tell(ServiceKit& kit, PowerDisk const& disk) {
  auto const first = kit.ask("witness");
  disk.promise("request.accepted " + first);
  REQUIRE(kit.press("U0BOB", first));
  disk.promise("request.approved " + first);
  REQUIRE(kit.wait([&] { return kit.state(first) == "succeeded"; }));
  disk.promise("run.finished " + first);
  auto const second = kit.ask("witness");
  disk.promise("request.accepted " + second);
  REQUIRE(kit.press("U0BOB", second, "deny"));
  disk.promise("request.denied " + second);
  auto const third = kit.ask("witness-two");
  disk.promise("request.accepted " + third);
  REQUIRE(kit.press("U0CAROL", third));
  disk.promise("vote.approve " + third);
}

// Empty: the ledger opens, holds what was promised and nothing that never was, and takes a further entry.
std::string wrong_with(fs::path const& image, ServiceKit const& kit, Chain const& real,
                       std::vector<std::string> const& promised, bool ask_git) {
  auto store = ledger::Store::open(image, ledger::SigningKey::read(kit / "ledger_ed25519").value());
  if (!store) return "does not open: " + store.error().message;
  auto const found = chain_of(image);
  if (found.commits.size() > real.commits.size() ||
      !std::equal(found.commits.begin(), found.commits.end(), real.commits.begin()))
    return "holds entries that were never written in that order";
  for (auto const& promise : promised)
    if (!has(found.facts, promise)) return "lost what was promised: " + promise;
  auto entry = support::vote_entry(1, (*store)->last_time() + std::chrono::seconds(1));
  if (auto const written = (*store)->commit_batch({&entry, 1}); !written)
    return "takes no further entry: " + written.error().message;
  store->reset();
  ledger::VerifyOptions options;
  options.pin = kit.pin();
  auto const report = ledger::verify(image, options);
  if (!report) return "can't be verified: " + report.error().message;
  if (!report->ok) return "does not verify";
  if (ask_git) {
    auto const ran = support::git(image, "fsck --full --strict --no-dangling --no-progress");
    if (ran.code != 0) return "git fsck: " + ran.out;
  }
  return {};
}

}  // namespace

TEST_CASE("F3 power loss at any instant: what was promised is there, what was not is whole or absent") {
  if (faults::skipped("F3")) return;
  ServiceKit kit;
  auto const journal = kit / "journal";
  PowerDisk disk(kit.ledger(), journal);
  kit.start({.environment = {{"LD_PRELOAD", FAULTS_POWER_SHIM},
                             {"POWER_FOLDER", kit.ledger().string()},
                             {"POWER_JOURNAL", journal.string()}}});
  tell(kit, disk);
  REQUIRE(kit.stop() == 0);
  disk.read();
  auto const real = chain_of(kit.ledger());

  // The journal tells all there is to tell: a replay of it is the folder.
  support::TempDir scratch;
  disk.image(disk.records(), Loss::nothing, 0, scratch / "whole");
  REQUIRE(support::run("diff -r '" + (scratch / "whole").string() + "' '" + kit.ledger().string() + "'").out == "");

  // Every instant in the full tier; before every commit each seventh, with another loss each time.
  auto const step = support::full() ? 1u : 7u;
  auto const losses = {Loss::nothing, Loss::all, Loss::data, Loss::names, Loss::some, Loss::some, Loss::some};
  std::size_t points = 0;
  for (std::size_t cut = 0; cut <= disk.records(); cut += step) {
    std::uint32_t seed = static_cast<std::uint32_t>(cut) * 16;
    auto const promised = disk.promised(cut);
    for (auto const loss : losses) {
      CAPTURE(cut, faults::to_string(loss), ++seed);
      auto const image = scratch / "image";
      fs::create_directory(image);
      disk.image(cut, loss, seed, image);
      auto const wrong = wrong_with(image, kit, real, promised, ++points % 25 == 0);
      REQUIRE(wrong == "");
      fs::remove_all(image);
    }
  }
  std::printf("F3: %zu instants and losses of %zu records judged\n", points, disk.records());
  CHECK(points >= (support::full() ? 1'000u : 100u));
}
