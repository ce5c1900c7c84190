// After a failed fsync (design, invariant 1): what the kernel dropped can't be known, so the end of the ledger is
// written again into new files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bot/core/entry.hpp"
#include "ledger/key.hpp"
#include "ledger/state.hpp"

namespace ledger {

struct Recovered {
  core::Receipt head;  // the last acknowledged entry, now the head again
  std::vector<core::StoredEntry>
      dropped;                        // entries after it that nobody was promised, oldest first, as far as readable
  std::size_t rewritten_objects = 0;  // objects written again with a fresh fsync
};

// Moves `main` back to the acknowledged entry, the suspect packs out of git's sight, and writes every other pack that
// may still have been dirty into new files, each object's checksum compared on the way. Nothing else may have the
// ledger open. Afterwards the caller appends `ledger.recovered`, clears the marker and then forgets the suspects; cut
// off before that, it does the same again. Errors: corrupt (an acknowledged object is damaged: restore from a replica),
// conflict (another writer), no_space, fsync_failed, io.
Result<Recovered> recover_after_fsync_failure(std::filesystem::path const& repository, FsyncMarker const& marker,
                                              PublicKey const& key, FileOps& files = FileOps::real());
// None is no error.
void forget_suspects(std::filesystem::path const& repository);

}  // namespace ledger
