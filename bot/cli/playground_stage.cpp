#include "bot/cli/playground_stage.hpp"

#include "adapters/playground/cast.hpp"
#include "bot/cli/playground_chats.hpp"
#include "bot/cli/playground_config.hpp"

namespace cli {

Stage::Stage(net::Io& io) {
  playground::StandInOptions slack;
  slack.world = playground::playground_slack_world();
  slack_ = std::make_unique<playground::SlackStandIn>(io, std::move(slack));
  faces_.push_back(playground::make_face(*slack_));
}

std::vector<playground::ChatFace*> Stage::faces() const {
  std::vector<playground::ChatFace*> list;
  for (auto const& face : faces_) list.push_back(face.get());
  return list;
}

std::vector<std::unique_ptr<StoryChat>> Stage::story_chats() {
  std::vector<std::unique_ptr<StoryChat>> list;
  list.push_back(story_chat(*slack_));
  return list;
}

std::string Stage::config_sections(std::filesystem::path const& dir) const {
  auto const secret = [&](char const* name, std::string const& value) {
    write_private(dir / name, value);
    return "{file: " + yaml_text((dir / name).string()) + "}";
  };
  std::string text = "people:\n";
  for (auto const& person : playground::cast()) {
    if (person.groups.empty()) continue;  // outsiders and guests are nobody here
    text += "  " + person.key + ": {name: " + person.name + ", groups: [";
    for (auto const& group : person.groups) text += (&group == &person.groups.front() ? "" : ", ") + group;
    text += "]";
    for (auto const& face : faces_)
      text += ", " + std::string(face->platform()) + ": " + yaml_text(person.account(face->platform()));
    text += "}\n";
  }
  auto const& world = slack_->world();
  text += "chat:\n  slack:\n    workspace: " + world.team_id + "\n    api_url: " + yaml_text(slack_->api_url()) +
          "\n    app_token: " + secret("app_token", world.app_token) +
          "\n    bot_token: " + secret("bot_token", world.bot_token) + "\n    connections: 2\n";
  text += "channels:\n  incidents: {slack: C0INC}\n";
  return text;
}

}  // namespace cli
