// What the parts of the Slack stand-in share. Internal to this folder.
#pragma once

#include "adapters/playground/slack_stand_in.hpp"
#include "adapters/playground/stand_in_context.hpp"

namespace playground {

struct SlackContext : StandInContext {
  SlackContext(net::Io& loop, StandInOptions chosen)
      : StandInContext(loop, chosen.seed, chosen.now), options(std::move(chosen)) {}

  StandInOptions options;
};

}  // namespace playground
