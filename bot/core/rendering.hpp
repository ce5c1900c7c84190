// The digest of a posted message: what a vote names as the thing that its person saw. One rule for who posts and for
// who verifies; its text stands in ledger/FORMAT.md, Renderings.
#pragma once

#include <string>
#include <string_view>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace core {

// "sha256:…" over the RFC 8785 form of `body` with what the platform's buttons send back blanked: they carry this very
// digest. Pure. Errors: unsupported for a platform whose rule this release does not know, bad_input for a body that has
// no RFC 8785 form.
Result<std::string> rendering_digest(std::string_view platform, Json body);

}  // namespace core
