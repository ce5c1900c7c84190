// The writer's side of a ledger: one process, one open Store, one signed commit an entry, one pack a batch.
//
// Life of a batch: (1) blobs, trees and chained, signed commits are built in memory; (2) pack written and synced;
// (3) idx written and synced; (4) both renamed into place, objects/pack synced; (5) refs/heads/main.lock created
// (O_EXCL), written, synced; (6) the ref is still what we expect; (7) rename: the atomic step; (8) refs/heads synced.
// Only then commit_batch returns. Packs are merged by a thread of the Store, so there are never more than kMaxPacks.
//
// Threads: all calls from one thread at a time; they block.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/error.hpp"
#include "ledger/file_ops.hpp"
#include "ledger/key.hpp"

namespace ledger {

inline constexpr std::size_t kMaxPacks = 100;              // stock git slows down beyond (ledger benchmarks)
inline constexpr std::size_t kMaxEntryBytes = 64UL << 20;  // all files of one entry together
inline constexpr std::size_t kMaxFilesPerEntry = 1000;

struct StoreOptions {
  FileOps* files = &FileOps::real();
  bool empty = false;  // `ledger init` alone: the branch doesn't exist yet
};

// Where the ledger stood when it failed for good; goes into STATE/fsync-failed.
struct StoreFailure {
  core::Error error;
  core::Receipt acknowledged;         // the last entry that commit_batch returned
  std::vector<std::string> suspects;  // "pack-<hex>": packs whose sync failed or that hold what was not acknowledged
};

class Store {
 public:
  // Takes the lock of the repository (a second writer is refused: conflict), removes what a killed writer left
  // (lock files, temporary files, packs without idx, packs that a merge had replaced) and checks that the head is
  // signed by `key`. Errors: not_found, conflict, corrupt, forbidden (another key), io.
  static Result<std::unique_ptr<Store>> open(std::filesystem::path const& repository, SigningKey key,
                                             StoreOptions options = {});
  ~Store();
  Store(Store const&) = delete;
  Store& operator=(Store const&) = delete;

  // Writes the groups in order, durable on return; a group is written whole or not at all. The outer error is the
  // disk's and concerns all of them: no_space (nothing was written; a later batch may succeed), fsync_failed or io
  // (this Store is poisoned: every further call fails the same way). An inner error is the group's own: conflict (a
  // path exists, or an entry is dated before the one ahead of it), bad_input, too_large; such a group takes no numbers
  // and the others are written.
  using Group = std::vector<core::Entry>;
  using Receipts = std::vector<core::Receipt>;
  Result<std::vector<Result<Receipts>>> commit_groups(std::span<Group const> groups);
  // One group: whatever kept it out is the error.
  Result<Receipts> commit_batch(std::span<core::Entry const> entries);

  core::Receipt head() const;    // the last acknowledged entry
  core::Time last_time() const;  // its time, in whole seconds as the commit has it
  PublicKey const& key() const;
  StoreFailure const* failure() const;  // null while the Store is sound
  std::size_t pack_count() const;
  void wait_for_merge();  // until no merge is under way: for benchmarks and a clean shutdown

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Whether the repository's disk takes a small file now: asked from time to time after it was full. Blocks for one sync.
bool has_room(std::filesystem::path const& repository, FileOps& files = FileOps::real());

}  // namespace ledger
