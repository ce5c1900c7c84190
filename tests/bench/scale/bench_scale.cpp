// What a ledger of 100,000 entries costs: a start from the snapshot beside a full fold, memory, commits, verification,
// stock git. Usage: bench_scale [--check] [--entries N].
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bot/core/archive.hpp"
#include "ledger/snapshot.hpp"
#include "ledger/verifier.hpp"
#include "tests/bench/figures.hpp"
#include "tests/support/big_ledger.hpp"
#include "tests/support/service_kit.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kReady = 1000;  // ms with a snapshot, to `ready` in the log and to /readyz

double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

template <class Work>
double timed(Work const& work) {
  auto const begin = Clock::now();
  work();
  return since(begin);
}

void row(char const* what, double value, char const* unit, char const* more = "") {
  std::printf("%-52s %10.1f %s %s\n", what, value, unit, more);
  std::fflush(stdout);
}

// From exec, in ms.
struct Start {
  double logged;    // to the line "ready" in the log
  double answered;  // until /readyz says so: the runner and the platform are there, too
};

Start start(support::ServiceKit& kit) {
  auto const begin = Clock::now();
  auto const reached = [&](auto const& what) {
    if (!kit.wait([&] { return !kit.running() || what(); }, std::chrono::seconds(300)) || !kit.running())
      throw std::runtime_error("no start: " + kit.process().log_text());
    return since(begin);
  };
  kit.start({.wait_ready = false});
  auto const logged = reached([&] { return kit.process().line("ready").has_value(); });
  return {.logged = logged, .answered = reached([&] { return kit.ready(); })};
}

int run(std::size_t entries, bool check) {
  support::ServiceKit kit;
  auto const key = kit / "ledger_ed25519";
  auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
  std::optional<support::BigLedger> made(std::in_place, kit.ledger(), key, now);
  auto& big = *made;
  row("entries", static_cast<double>(entries), "");
  row("made in", timed([&] { big.grow(entries, core::Duration(1)); }) / 1000, "s");
  auto const before = big.state().entries;
  auto const trickled = timed([&] {
    for (int i = 0; i < 50; ++i) big.trickle();
  });
  row("a commit of one entry at that size", trickled / static_cast<double>(big.state().entries - before), "ms");
  big.stop();
  if (!big.broken().empty()) throw std::runtime_error(big.broken());
  row("packs", static_cast<double>(big.store().pack_count()), "");
  {
    fixture::Story story;
    story.folding = false;
    auto const heap = mallinfo2().uordblks;
    for (int i = 0; i < 2000; ++i) {
      story.vote("bob", story.open("deploy", {{"version", std::to_string(i)}, {"replicas", "1"}}));
      story.lighten();
    }
    row("state: heap of a pending request with one vote, at most",
        static_cast<double>(mallinfo2().uordblks - heap) / 2000 / 1024, "KiB");
    row("state: the same as bytes", static_cast<double>(core::encode_state(story.state).size()) / 2000 / 1024, "KiB");
  }
  row("state: cases kept", static_cast<double>(big.state().cases.size()), "");
  row("state: as bytes", static_cast<double>(core::encode_state(big.state()).size()) / 1024, "KiB");
  made.reset();  // its lock goes

  row("full fold, as serve", timed([&] {
        auto fold = ledger::TrustedFold::open(kit.ledger(), ledger::Trust::own, kit.pin()).value();
        fold->advance().value();
      }),
      "ms");
  row("full fold, every signature checked, as the runner", timed([&] {
        auto fold = ledger::TrustedFold::open(kit.ledger(), ledger::Trust::checked, kit.pin()).value();
        fold->advance().value();
      }),
      "ms");

  auto const cold = start(kit).logged;
  row("serve ready, without a snapshot", cold, "ms");
  if (!kit.wait([&] { return std::filesystem::exists(kit.state_dir() / "snapshot"); }, std::chrono::seconds(60)) ||
      !kit.wait([&] { return std::filesystem::exists(kit.state_dir() / "runner-snapshot"); },
                std::chrono::seconds(300)))
    throw std::runtime_error("no snapshot came");
  if (kit.stop() != 0) throw std::runtime_error("no clean stop");
  std::vector<double> logged, answered;
  for (int i = 0; i < 3; ++i) {
    auto const took = start(kit);
    logged.push_back(took.logged);
    answered.push_back(took.answered);
    if (i < 2 && kit.stop() != 0) throw std::runtime_error("no clean stop");
  }
  auto const warm = bench::median(logged), readyz = bench::median(answered);
  char target[64];
  std::snprintf(target, sizeof target, "(1 : %.1f of a full fold; target < %.0f)", cold / warm, kReady);
  row("serve ready, from the snapshot: median of 3", warm, "ms", target);
  std::snprintf(target, sizeof target, "(target < %.0f)", kReady);
  row("  until readyz: the runner answers, too", readyz, "ms", target);
  row("  memory of serve then", bench::memory_of(kit.pid()).rss, "MiB");
  row("  memory of the runner then", bench::memory_of(kit.runner_pid()).rss, "MiB");
  if (kit.stop() != 0) throw std::runtime_error("no clean stop");

  row("ledger verify",
      timed([&] {
        auto const report =
            ledger::verify(kit.ledger(), {.pin = kit.pin(), .from = {}, .rules = {}, .progress = {}}).value();
        if (!report.ok) throw std::runtime_error("verify is not content");
      }) / 1000,
      "s");
  row("git fsck --full", timed([&] {
                           if (support::git(kit.ledger(), "fsck --full --no-progress").code != 0)
                             throw std::runtime_error("git fsck");
                         }) / 1000,
      "s");
  row("git verify-commit, one", timed([&] { static_cast<void>(support::git(kit.ledger(), "verify-commit main")); }),
      "ms");
  return check && (warm >= kReady || readyz >= kReady) ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t entries = 100'000;
  bool check = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0) check = true;
    if (std::strcmp(argv[i], "--entries") == 0 && i + 1 < argc) entries = std::strtoul(argv[++i], nullptr, 10);
  }
  try {
    return run(entries, check);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "bench_scale: %s\n", error.what());
    return 3;
  }
}
