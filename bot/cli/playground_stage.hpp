// The stand-ins of the playground with its cast on them, and what the bot's configuration says to reach them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapters/playground/chat_face.hpp"
#include "adapters/playground/matrix_stand_in.hpp"
#include "adapters/playground/slack_stand_in.hpp"
#include "adapters/playground/teams_stand_in.hpp"
#include "bot/cli/playground_story.hpp"
#include "bot/net/io.hpp"

namespace cli {

class Stage {
 public:
  explicit Stage(net::Io& io);

  std::vector<playground::ChatFace*> faces() const;
  std::vector<std::unique_ptr<StoryChat>> story_chats();  // in the order of the faces

  // Writes the secrets as files into `dir`, and answers the sections `people`, `chat` and `channels`.
  std::string config_sections(std::filesystem::path const& dir) const;

 private:
  std::unique_ptr<playground::SlackStandIn> slack_;
  std::unique_ptr<playground::TeamsStandIn> teams_;
  std::unique_ptr<playground::MatrixStandIn> matrix_;
  std::vector<std::unique_ptr<playground::ChatFace>> faces_;
};

}  // namespace cli
