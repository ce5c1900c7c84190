// The case or request that an auditor names on the command line.
#pragma once

#include <optional>
#include <string>

#include "bot/core/ids.hpp"
#include "ledger/reader.hpp"

namespace cli {

struct Asked {
  core::CaseId of;
  std::string request;  // full id, or empty: the whole case
};

// `id`: a full case or request id, or a short one ("CS-42", "CS-42-R2") that one day alone has. Nothing when the ledger
// has no case of a short one's number. Throws core::Failure: bad_input for what is no id, or for a short one that
// several days have (with the list), or why the ledger can't be read.
std::optional<Asked> find_asked(ledger::Reader& reader, std::string const& id);

}  // namespace cli
