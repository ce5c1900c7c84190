// Whom an event notifies, by the default push rules. Internal to this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/matrix_accounts.hpp"
#include "adapters/playground/matrix_store.hpp"

namespace playground {

// Client-server API 1.19, "Predefined Rules", in their order; the first that fits decides. One ping a person at most.
std::vector<MatrixPing> pings_of(MatrixEvent const& event, MatrixRoom const& room, MatrixAccounts const& accounts);

}  // namespace playground
