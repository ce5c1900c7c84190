// Signed durable entries a second, beside `git commit -S` with core.fsync=all, raw fdatasync and raw signing, all in
// one run and in turns, because the machine's speed moves. Usage: bench_ledger [--check] [--rounds N]
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "ledger/async_ledger.hpp"
#include "ledger/signer.hpp"
#include "tests/support/ledger_kit.hpp"

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;
using support::kNoon;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Runs posted work at once, on the writer's thread: no loop's own cost is measured.
struct InlineLoop final : ports::Loop {
  ports::Time now() const override { return kNoon; }
  void post(std::function<void()> work) override { work(); }
  TimerId call_after(ports::Duration, std::function<void()>) override { return 0; }
  void cancel(TimerId) override {}
};

struct Figures {
  double per_second = 0, p50_ms = 0, p99_ms = 0;
};

Figures figures_of(std::vector<double> latencies, double elapsed) {
  std::sort(latencies.begin(), latencies.end());
  auto const at = [&](double share) {
    return latencies[static_cast<std::size_t>(share * static_cast<double>(latencies.size() - 1))] * 1e3;
  };
  return {static_cast<double>(latencies.size()) / elapsed, at(0.5), at(0.99)};
}

// `callers` in a closed loop, each with one entry under way; the merges still open at the end are waited for.
Figures ours(std::size_t callers, std::uint32_t entries) {
  support::Ledger ledger;
  InlineLoop loop;
  std::mutex mutex;
  std::condition_variable finished;
  std::uint32_t next = 0;
  std::uint32_t done_count = 0;
  std::vector<double> latencies;
  latencies.reserve(entries);
  auto opened = ledger.store();
  auto* const store = opened.get();
  auto async = std::make_unique<ledger::AsyncLedger>(std::move(opened), loop);
  auto const start = Clock::now();
  std::function<void()> call = [&] {
    std::uint32_t number = 0;
    {
      std::lock_guard const lock(mutex);
      if (next == entries) return;
      number = ++next;
    }
    auto const begun = Clock::now();
    async->append({support::vote_entry(number)}, [&, begun](core::Result<std::vector<core::Receipt>> result) {
      if (!result) {
        std::fprintf(stderr, "%s\n", result.error().message.c_str());
        std::exit(3);
      }
      {
        std::lock_guard const lock(mutex);
        latencies.push_back(seconds_since(begun));
        if (++done_count == entries) finished.notify_all();
      }
      call();
    });
  };
  for (std::size_t i = 0; i < callers; ++i) call();
  {
    std::unique_lock lock(mutex);
    finished.wait(lock, [&] { return done_count == entries; });
  }
  store->wait_for_merge();  // the writer is idle now
  auto const elapsed = seconds_since(start);
  async.reset();
  return figures_of(std::move(latencies), elapsed);
}

void spawn(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  int status = 0;
  if (::posix_spawnp(&child, argv.front(), nullptr, nullptr, argv.data(), environ) != 0 ||
      ::waitpid(child, &status, 0) != child || status != 0) {
    std::fprintf(stderr, "git failed\n");
    std::exit(3);
  }
}

// Stock git with the same files, key, message and durability. Only `git commit` is timed for the ratio; staging the
// files (`git add`), which a user of git has to do too, is reported beside it.
Figures stock_git(std::uint32_t entries, double* with_add) {
  support::TempDir dir;
  auto const key = dir / "key";
  static_cast<void>(ledger::keygen(key).value());
  auto const tree = (dir / "tree").string();
  auto const made = support::run(
      "export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null; git init -q -b main '" + tree + "' && cd '" +
      tree +
      "' && git config user.name bob && git config user.email bob@people.invalid && git config gpg.format ssh && git "
      "config "
      "user.signingkey '" +
      key.string() + "' && git config core.fsync all && git config gc.auto 0 && git config maintenance.auto false");
  if (made.code != 0) std::exit(3);
  std::vector<double> latencies;
  double adding = 0;
  for (std::uint32_t i = 1; i <= entries; ++i) {
    auto const entry = support::vote_entry(i);
    std::vector<std::string> add{"git", "-C", tree, "add", "--"};
    for (auto const& file : entry.files) {
      std::filesystem::create_directories((dir / "tree" / file.path).parent_path());
      support::write_file(dir / "tree" / file.path, file.bytes);
      add.push_back(file.path);
    }
    auto const begun = Clock::now();
    spawn(add);
    auto const added = Clock::now();
    spawn({"git", "-C", tree, "commit", "-q", "-S", "-m", entry.subject + "\n\nCountersign-Seq: " + std::to_string(i)});
    adding += std::chrono::duration<double>(added - begun).count();
    latencies.push_back(seconds_since(added));
  }
  double elapsed = 0;
  for (auto const latency : latencies) elapsed += latency;
  *with_add = static_cast<double>(entries) / (elapsed + adding);
  return figures_of(std::move(latencies), elapsed);
}

double raw_fdatasync() {
  support::TempDir dir;
  int const fd = ::open((dir / "raw").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  std::string const block(4096, 'x');
  int count = 0;
  auto const start = Clock::now();
  for (; seconds_since(start) < 0.5; ++count) {
    if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size()) || ::fdatasync(fd) != 0)
      std::exit(3);
  }
  ::close(fd);
  return count / seconds_since(start);
}

double raw_sign() {
  auto const key = ledger::SigningKey::make().value();
  std::string const text(700, 'x');
  int count = 0;
  auto const start = Clock::now();
  for (; seconds_since(start) < 0.5; ++count) static_cast<void>(ledger::sign_sshsig(key, text));
  return count / seconds_since(start);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  bool check = false;
  int rounds = 3;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0) check = true;
    if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) rounds = std::max(1, std::atoi(argv[++i]));
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a run that is cut short has told what it measured
  ::setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
  ::setenv("GIT_CONFIG_SYSTEM", "/dev/null", 1);
  std::vector<double> ratio1, ratio16, ratio256;
  std::printf("%-34s %12s %10s %10s %8s\n", "", "entries/s", "p50 ms", "p99 ms", "ratio");
  for (int round = 1; round <= rounds; ++round) {
    double with_add = 0;
    auto const peer = stock_git(40, &with_add);
    std::printf("round %d\n%-34s %12.1f %10.2f %10.2f %8s\n", round, "git commit -S, core.fsync=all", peer.per_second,
                peer.p50_ms, peer.p99_ms, "1");
    std::printf("%-34s %12.1f\n", "  with git add", with_add);
    for (auto const& [callers, entries, ratios] : {std::tuple{std::size_t{1}, 2000U, &ratio1},
                                                   {std::size_t{16}, 6000U, &ratio16},
                                                   {std::size_t{256}, 12000U, &ratio256}}) {
      auto const mine = ours(callers, entries);
      ratios->push_back(mine.per_second / peer.per_second);
      std::printf("countersign, %3zu callers %10s %12.1f %10.2f %10.2f %8.1f\n", callers, "", mine.per_second,
                  mine.p50_ms, mine.p99_ms, ratios->back());
    }
    std::printf("%-34s %12.0f\n%-34s %12.0f\n", "raw write + fdatasync, 4 KiB", raw_fdatasync(),
                "raw SSHSIG signing, one thread", raw_sign());
    std::fflush(stdout);
  }
  std::printf(
      "median ratio to git commit -S: 1 caller %.1f (target 6), 16 callers %.1f, 256 callers %.1f (target 25)\n",
      median(ratio1), median(ratio16), median(ratio256));
  return check && (median(ratio1) < 6 || median(ratio256) < 25) ? 1 : 0;
}
