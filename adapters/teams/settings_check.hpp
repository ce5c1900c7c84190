// Settings that can't be right are refused before anything is opened. Pure.
#pragma once

#include "adapters/teams/parts.hpp"

namespace teams {

// As they are used: GUIDs and account ids in lower case. Throws core::Failure(bad_input) with the way out.
Settings checked(Settings settings);

}  // namespace teams
