// Sections chat and channels.
#include <algorithm>

#include "config/parts.hpp"

namespace config {

namespace {

bool is_slack_id(std::string_view id, std::string_view first) {
  return id.size() >= 2 && id.size() <= 32 && first.find(id[0]) != std::string_view::npos &&
         std::ranges::all_of(id, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

}  // namespace

void read_chat(Map const& root, Config& config) {
  auto& reading = root.reading();
  if (auto const* node = root.find("chat")) {
    Map const chat(reading, *node, sections::chat, "chat");
    if (auto const* slack_node = chat.find("slack")) {
      Map const map(reading, *slack_node, sections::slack, "chat.slack");
      Slack slack;
      if (map.text("workspace", slack.workspace) && !is_slack_id(slack.workspace, "TE"))
        map.error("workspace", "is " + shown(slack.workspace) + ", which is no Slack team id",
                  "it looks like T0EX and stands in the URL of Slack in a browser");
      if (map.text("api_url", slack.api_url)) {
        if (auto why = why_not_url(slack.api_url); !why.empty()) {
          map.error("api_url", why);
        } else if (slack.api_url.starts_with("http:") && !is_loopback_url(slack.api_url)) {
          map.error("api_url", "is plain http to another host", "use https; plain http is for loopback only");
        }
        if (!slack.api_url.ends_with('/')) slack.api_url += '/';
      }
      map.secret("app_token", slack.app_token);
      map.secret("bot_token", slack.bot_token);
      map.uint32("connections", slack.connections, 1, 10);
      config.chat.slack = std::move(slack);
    }
  }
  root.each_named("channels", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::channel, path);
    std::map<std::string, std::string> ids;
    for (std::string const platform : {"slack", "teams", "matrix"}) {
      std::string id;
      if (!map.text(platform, id, {.max_bytes = 256})) continue;
      if (platform == "slack" && !is_slack_id(id, "CGD"))
        map.error(platform, "is " + shown(id) + ", which is no Slack channel id",
                  "it looks like C0INC: channel details, at the bottom");
      if (platform == "matrix" && !id.starts_with('!'))
        map.error(platform, "is " + shown(id) + ", which is no Matrix room id", "it looks like !inc:example.org");
      ids.emplace(platform, std::move(id));
    }
    if (node.kind == Node::Kind::map && ids.empty() && node.members.empty())
      reading.problems.error(node.place, path + " names no channel on any platform", "add slack: C…");
    config.rules.channels.emplace(key, std::move(ids));
  });
}

}  // namespace config
