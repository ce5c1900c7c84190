// `ledger init`: a new repository and its first entry.
#pragma once

#include <filesystem>
#include <string>

#include "bot/core/entry.hpp"
#include "ledger/key.hpp"

namespace ledger {

struct Initialised {
  core::Receipt opened;     // seq 0
  std::string fingerprint;  // the auditor's pin
  std::string instance;     // 32 random hex digits: the name of this ledger, part of every binding
};

// Makes the bare repository and `ledger.opened`. conflict when `repository` exists and is not an empty directory.
Result<Initialised> init(std::filesystem::path const& repository, SigningKey key, core::Time now);

}  // namespace ledger
