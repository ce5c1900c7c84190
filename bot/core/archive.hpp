// A whole state as bytes and back, for the snapshot by which a start is quick (ledger/snapshot.hpp).
//
// It holds what entries decide and nothing else: what only the running process knows (repeated clicks, counted
// refusals, the tail of an output, a recovery that is not recorded) is left out, as a fold of the ledger would have it.
// The rules are not in it either but for memberships: they are read from the ledger again by the digest of their file.
#pragma once

#include <string>
#include <string_view>

#include "bot/core/state.hpp"

namespace core {

// "3f7a…": SHA-256 over the version and the source text of this folder and the ledger's. Another build of the fold
// makes another state of the same ledger, so a snapshot of one is none of another.
char const* fold_build() noexcept;

// Deterministic: two states are the same exactly when these bytes are.
std::string encode_state(State const& state);

// Errors: corrupt for anything but what encode_state wrote, whatever the bytes; or why the rules can't be read.
Result<State> decode_state(std::string_view bytes, FileLookup const& lookup);

}  // namespace core
