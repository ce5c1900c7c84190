// The stand-ins as the story plays in them.
#pragma once

#include <memory>

#include "bot/cli/playground_story.hpp"

namespace playground {
class MatrixStandIn;
class SlackStandIn;
class TeamsStandIn;
}  // namespace playground

namespace cli {

std::unique_ptr<StoryChat> story_chat(playground::SlackStandIn& slack);
std::unique_ptr<StoryChat> story_chat(playground::TeamsStandIn& teams);
std::unique_ptr<StoryChat> story_chat(playground::MatrixStandIn& matrix);

}  // namespace cli
