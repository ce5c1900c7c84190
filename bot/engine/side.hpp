// The lines of the side file: denies, cancels and withdrawals that were acted on while the ledger could not be written.
// Private to engine.
#pragma once

#include <string>
#include <string_view>

#include "bot/core/step.hpp"

namespace engine {

std::string write_side(core::Event const& event);  // VoteCast or CancelAsked
core::Result<core::Event> parse_side(std::string_view line);

}  // namespace engine
