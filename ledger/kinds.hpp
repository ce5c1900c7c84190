// The kinds of entries (ledger/FORMAT.md, Kinds and their files).
#pragma once

#include <string_view>

namespace ledger {

bool is_known_kind(std::string_view kind);

}  // namespace ledger
