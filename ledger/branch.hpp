// Moving refs/heads/main: lock, compare, rename, sync.
#pragma once

#include <filesystem>
#include <optional>

#include "ledger/file_ops.hpp"
#include "ledger/git_object.hpp"

namespace ledger {

// Writes refs/heads/main.lock (O_EXCL, synced), compares the branch with `expected` (nullopt: there is none yet) and
// renames. After success the move is visible but not yet durable: sync_branch. On any error the branch is where it was
// and the lock is gone. io when the branch stands elsewhere or somebody holds its lock for more than two seconds.
Result<void> replace_branch(std::filesystem::path const& git_folder, std::optional<Oid> const& expected,
                            Oid const& next, FileOps& files);
Result<void> sync_branch(std::filesystem::path const& git_folder, FileOps& files);
// refs/heads/*.lock of a killed writer. io when the branch's own lock can't be removed: nothing could be written.
Result<void> remove_stale_locks(std::filesystem::path const& git_folder);

}  // namespace ledger
