#include "bot/cli/snapshot_keeper.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "bot/core/archive.hpp"
#include "ledger/snapshot.hpp"

namespace cli {

namespace {

constexpr std::uint64_t kEvery = 4'000;         // entries: some 0.3 s of folding
constexpr std::uint64_t kBytesAnEntry = 2'048;  // a large state is written less often: bytes of snapshot an entry
constexpr std::uint64_t kAtStop = 200;          // entries that are quicker folded than written

}  // namespace

struct SnapshotKeeper::Shared {
  std::filesystem::path file;
  ledger::SigningKey key;
  ports::Log& log;
  std::mutex writing;  // the worker's writes and the one at the end
  bool busy = false;   // loop only

  void write(ledger::Snapshot const& snapshot) {  // `writing` is held
    if (auto const written = ledger::write_snapshot(file, snapshot, &key); !written)
      log.warn("the snapshot could not be written, so the next start takes longer", {{"why", written.error().message}});
  }
};

SnapshotKeeper::SnapshotKeeper(std::filesystem::path file, ledger::SigningKey key, std::uint64_t from,
                               ports::Loop& loop, ports::Workers& workers, ports::Log& log)
    : shared_(new Shared{.file = std::move(file), .key = std::move(key), .log = log, .writing = {}}),
      last_(from),
      every_(kEvery),
      loop_(loop),
      workers_(workers) {}

SnapshotKeeper::~SnapshotKeeper() = default;

void SnapshotKeeper::recorded(core::State const& state, core::Receipt const& head) {
  if (shared_->busy || head.seq < last_ + every_) return;
  last_ = head.seq;
  shared_->busy = true;
  auto snapshot = std::make_shared<ledger::Snapshot const>(
      ledger::Snapshot{.head = head, .pin = state.first_key, .state = core::encode_state(state)});
  every_ = std::max(kEvery, std::uint64_t{snapshot->state.size()} / kBytesAnEntry);
  workers_.run([shared = shared_, snapshot = std::move(snapshot), &loop = loop_]() mutable {
    {
      std::lock_guard const lock(shared->writing);
      shared->write(*snapshot);
    }
    snapshot.reset();
    loop.post([shared] { shared->busy = false; });
  });
}

void SnapshotKeeper::stopping(core::State const& state, core::Receipt const& head) {
  if (head.seq < last_ + kAtStop) return;
  // A worker that is still at it writes hardly less, and may hang: nobody waits for it.
  std::unique_lock const lock(shared_->writing, std::try_to_lock);
  if (!lock) return;
  last_ = head.seq;
  shared_->write({.head = head, .pin = state.first_key, .state = core::encode_state(state)});
}

}  // namespace cli
