// `countersign ledger show`: a case or a request as a person reads it, or as one JSON object.
#pragma once

#include <string>

#include "bot/core/entry.hpp"
#include "bot/core/json.hpp"

namespace cli {

// A line of `ledger log --json` (design, section 10).
core::Json ledger_line(core::StoredEntry const& stored);

// `id`: a full case or request id, or a short one (CS-42, CS-42-R2) that one day alone has. Answers an exit code: kNo
// when the ledger holds nothing about it. Throws core::Failure: bad_input (no id, or a short one that several days
// have, with the list), or why the ledger can't be read.
int show_case(std::string const& ledger, std::string const& id, bool json);

}  // namespace cli
