// What the parts of the Teams stand-in share. Internal to this folder.
#pragma once

#include <string>
#include <utility>

#include "adapters/playground/stand_in_context.hpp"
#include "adapters/playground/teams_stand_in.hpp"

namespace playground {

struct TeamsContext : StandInContext {
  TeamsContext(net::Io& loop, TeamsOptions chosen)
      : StandInContext(loop, chosen.seed, chosen.now), options(std::move(chosen)) {}

  TeamsWorld const& world() const { return options.world; }
  // "http://127.0.0.1:4711/emea/{tenant}/": newer ones carry the tenant (sheet, section 4).
  std::string service_url() const { return origin + "/emea/" + options.world.tenant_id + "/"; }
  bool quirk(unsigned one_in) { return options.quirks && chance(one_in); }
  std::string tracking_id() { return uuid() + "_G" + std::to_string(1 + pick(20)); }

  TeamsOptions options;
  std::string origin;  // "http://127.0.0.1:4711", once we listen
};

}  // namespace playground
