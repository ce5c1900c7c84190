// Shared access signatures, as Azure Relay checks them. Internal to this folder.
// Source: learn.microsoft.com, "Relay authentication and authorization"; azure-relay-dotnet, TokenProvider.cs.
#pragma once

#include <string>
#include <string_view>

#include "adapters/playground/teams_world.hpp"
#include "bot/core/time.hpp"

namespace playground {

struct SasVerdict {
  unsigned status = 0;  // 0: good; 401: no, bad or stale token; 403: a good one without the right
  std::string why{};
  core::Time until{};
};

enum class SasRight { listen, send };

// `host`: of the request, with or without a port.
SasVerdict check_sas(std::string_view token, std::string_view host, TeamsWorld const& world, SasRight right,
                     core::Time now);

}  // namespace playground
