// What a ledger must be after a life with a failing disk and the start behind it; one judge for both sweeps.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bot/core/entry.hpp"

namespace faults {

// What is wrong with what is there, all entries in order, without their files' contents; empty: nothing is missing.
using Missing = std::function<std::string(std::vector<core::StoredEntry> const&)>;

// In words; empty: nothing is wrong. It can be read, `missing` finds all that was promised, the verifier and stock git
// are content, and no temporary file and no lock is left. Nobody writes meanwhile.
std::string broken_ledger(std::filesystem::path const& repository, std::string const& pin, Missing const& missing);

}  // namespace faults
