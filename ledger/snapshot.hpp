// A folded state on disk, so that a start folds only what came after it. It is never a source of truth: whatever is
// doubtful about it, it is deleted and the ledger is folded anew (fold_with_snapshot).
//
//   line 1          canonical JSON: schema, fold (core::fold_build), writer, pin, commit and seq of the last entry in
//                   it, bytes and sha256 of the state
//   serve's only    SSHSIG armor over line 1 with its line feed, by the ledger's signer, namespace countersign-snapshot
//   an empty line   then the state (core::encode_state) up to the end of the file
//
// Stock tools check it: `head -n 1 snapshot | ssh-keygen -Y verify -n countersign-snapshot -s ARMOR …`, and
// `tail -c BYTES snapshot | sha256sum`. The namespace keeps signatures apart: a commit's is none of a snapshot, and the
// other way round.
//
// The runner has no key and must not believe what the service signed. It keeps a snapshot of its own (writer "runner"),
// made from entries whose signatures it checked itself, unsigned: a file of its own account in its own state directory.
// Under an account of its own (systemd) the service can't write there. Under the service's account it could, but there
// it also starts the runner and names its ledger and pin, so nothing is lost by it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "ledger/file_ops.hpp"
#include "ledger/key.hpp"
#include "ledger/trusted_fold.hpp"

namespace ledger {

inline constexpr std::string_view kSnapshotNamespace = "countersign-snapshot";

struct Snapshot {
  core::Receipt head;  // the last entry folded into it
  std::string pin;     // fingerprint of the ledger's first key
  std::string state;   // core::encode_state
};

// Replaces `file` at once and durably: a kill leaves the old one or the new one. With a key it is serve's, without one
// the runner's. Blocks for two syncs.
Result<void> write_snapshot(std::filesystem::path const& file, Snapshot const& snapshot, SigningKey const* key,
                            FileOps& files = FileOps::real());

// `signer`: who must have signed it; null: it must be the runner's. Errors: not_found when there is none, else corrupt
// with what is wrong (another schema, fold, pin or writer, a bad signature or digest, a file that others may write).
Result<Snapshot> read_snapshot(std::filesystem::path const& file, std::string const& pin, PublicKey const* signer);

// A fold up to the head of now, by the snapshot where there is one. One that is doubtful in any way, or whose head is
// not in the ledger's history, is deleted, `doubted` hears why, and the fold begins at the first entry.
Result<std::unique_ptr<TrustedFold>> fold_with_snapshot(std::filesystem::path const& repository, Trust trust,
                                                        std::string const& pin, std::filesystem::path const& file,
                                                        PublicKey const* signer,
                                                        std::function<void(std::string const&)> const& doubted);

}  // namespace ledger
