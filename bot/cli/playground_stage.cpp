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
  playground::TeamsOptions teams;
  teams.world = playground::playground_teams_world();
  teams_ = std::make_unique<playground::TeamsStandIn>(io, std::move(teams));
  faces_.push_back(playground::make_face(*teams_));
  playground::MatrixOptions matrix;
  matrix.world = playground::playground_matrix_world();
  matrix_ = std::make_unique<playground::MatrixStandIn>(io, std::move(matrix));
  faces_.push_back(playground::make_face(*matrix_));
}

std::vector<playground::ChatFace*> Stage::faces() const {
  std::vector<playground::ChatFace*> list;
  for (auto const& face : faces_) list.push_back(face.get());
  return list;
}

std::vector<std::unique_ptr<StoryChat>> Stage::story_chats() {
  std::vector<std::unique_ptr<StoryChat>> list;
  list.push_back(story_chat(*slack_));
  list.push_back(story_chat(*teams_));
  list.push_back(story_chat(*matrix_));
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
  auto const& slack = slack_->world();
  text += "chat:\n  slack:\n    workspace: " + slack.team_id + "\n    api_url: " + yaml_text(slack_->api_url()) +
          "\n    app_token: " + secret("app_token", slack.app_token) +
          "\n    bot_token: " + secret("bot_token", slack.bot_token) + "\n    connections: 2\n";
  auto const& teams = teams_->world();
  text += "  teams:\n    tenant: " + teams.tenant_id + "\n    app_id: " + teams.app_id +
          "\n    app_secret: " + secret("teams_secret", teams.app_secret) +
          "\n    service_url: " + yaml_text(teams_->service_url()) +
          "\n    login_url: " + yaml_text(teams_->login_url()) +
          "\n    openid_url: " + yaml_text(teams_->metadata_url()) +
          "\n    relay: {url: " + yaml_text(teams_->relay_url()) + ", path: " + teams.relay_path +
          ", key_name: " + teams.listen_key_name + ", key: " + secret("relay_key", teams.listen_key) + "}\n";
  auto const& matrix = matrix_->world();
  text += "  matrix:\n    homeserver: " + yaml_text(matrix_->origin()) +
          "\n    transport: websocket\n    proxy: " + yaml_text("ws" + matrix_->origin().substr(4)) +
          "\n    user: " + yaml_text(matrix.bot.id) + "\n    as_token: " + secret("as_token", matrix.as_token) + "\n";
  text += "channels:\n  incidents: {slack: C0INC, teams: \"19:incidents@thread.tacv2\", matrix: " +
          yaml_text(matrix.room_id) + "}\n";
  return text;
}

}  // namespace cli
