// The ledger folded into core::State, entry by entry, as far as it can be trusted. The runner looks at the ledger
// through this with every check on; the service starts from it.
//
// Threads: one TrustedFold a thread; starts none of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "bot/core/state.hpp"
#include "ledger/key.hpp"
#include "ledger/reader.hpp"

namespace ledger {

struct Snapshot;  // snapshot.hpp

enum class Trust {
  checked,  // signature by the pinned key over the raw bytes, one parent, sequence, digest of all files: for each entry
  own,      // our own repository, whose head the Store has checked: the fold alone, with its rules on meaning
};

class TrustedFold {
 public:
  // `pin`: fingerprint of the first key; required for Trust::checked. Reads nothing yet.
  static Result<std::unique_ptr<TrustedFold>> open(std::filesystem::path const& repository, Trust trust,
                                                   std::string pin);
  ~TrustedFold();

  // Before the first advance(): begins behind the snapshot's head. That one must be in the history of now, have the
  // number that the snapshot says and a signature of the pinned key. On an error nothing was taken.
  Result<void> resume(Snapshot const& snapshot);

  // Folds what came since the last call, up to the head of now. On an error the state is what it was before the entry
  // at fault, and every later call fails the same way.
  Result<void> advance();

  // A file of the ledger as it stands at the last entry taken. Errors: not_found when there is none.
  Result<std::string> file(std::string_view path);

  core::State const& state() const { return state_; }
  core::State take_state() { return std::move(state_); }
  core::Receipt head() const { return {next_seq_ - 1, last_commit_}; }  // of the last entry taken, once there is one
  std::uint64_t taken() const { return taken_; }  // entries folded one by one: those that no snapshot spared

 private:
  TrustedFold(Reader reader, Trust trust, std::string pin)
      : reader_(std::move(reader)), trust_(trust), pin_(std::move(pin)) {}
  Result<void> take(core::StoredEntry const& stored);
  Result<void> check(core::StoredEntry const& stored);

  Reader reader_;
  Trust trust_;
  std::string pin_;
  std::optional<PublicKey> key_;
  std::string last_commit_;
  std::uint64_t next_seq_ = 0, taken_ = 0;
  std::optional<core::Error> broken_;
  core::State state_;
};

}  // namespace ledger
