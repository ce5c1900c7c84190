// Sections chat and channels.
#include <algorithm>
#include <array>

#include "config/parts.hpp"
#include "config/platforms.hpp"

namespace config {

namespace {

// A URL that others are made from: no query behind it, and encrypted unless it stays on this host.
bool read_base_url(Map const& map, std::string_view key, std::string& out, Scheme scheme = Scheme::http) {
  std::string url;
  if (!map.text(key, url)) return false;
  if (auto why = why_not_url(url, scheme); !why.empty()) {
    map.error(key, why);
    return false;
  }
  bool const plain = url.starts_with("http:") || url.starts_with("ws:");
  if (plain && !is_loopback_url(url)) {
    auto const word = std::string(scheme == Scheme::http ? "http" : "ws");
    map.error(key, "is plain " + word + " to another host",
              "use " + word + "s" + "; plain " + word + " is for loopback only");
    return false;
  }
  if (url.find_first_of("?#{}") != std::string::npos) {
    map.error(key, "is " + shown(url) + ": there is more than host and path in it", "leave the query out");
    return false;
  }
  out = std::move(url);
  return true;
}

void end_with_slash(std::string& url) {
  if (!url.ends_with('/')) url += '/';
}

void end_without_slash(std::string& url) {
  while (url.ends_with('/')) url.pop_back();
}

void read_guid(Map const& map, std::string_view key, std::string& out, std::string_view what) {
  std::string value;
  if (!map.text(key, value)) return;
  if (!is_guid(value)) {
    map.error(key, "is " + shown(value) + ", which is no " + std::string(what),
              "it looks like 8a6f0c1e-0000-4000-8000-000000000001: Azure portal, the app registration's overview");
    return;
  }
  out = lower(value);
}

Slack read_slack(Map const& map) {
  Slack slack;
  if (map.text("workspace", slack.workspace) && !is_slack_id(slack.workspace, "T")) {
    if (is_slack_id(slack.workspace, "E"))
      map.error("workspace", "is " + shown(slack.workspace) + ", the id of an organisation, which is not served",
                "install the app in one workspace and write the id of that, T…");
    else
      map.error("workspace", "is " + shown(slack.workspace) + ", which is no Slack team id",
                "it looks like T0EX and stands in the URL of Slack in a browser");
  }
  if (read_base_url(map, "api_url", slack.api_url)) end_with_slash(slack.api_url);
  map.secret("app_token", slack.app_token);
  map.secret("bot_token", slack.bot_token);
  map.uint32("connections", slack.connections, 1, 10);
  return slack;
}

Teams::Relay read_relay(Map const& map) {
  Teams::Relay relay;
  if (read_base_url(map, "url", relay.url, Scheme::websocket)) {
    end_without_slash(relay.url);
    if (relay.url.find('/', relay.url.find("://") + 3) != std::string::npos)
      map.error("url", "is " + shown(relay.url) + ": there is a path in it",
                "the hybrid connection's name goes to path");
  }
  // Azure Relay: 1 to 260 characters, letters, digits, '.', '-', '_', and '/' between parts.
  if (map.text("path", relay.path, {.max_bytes = 260})) {
    bool const fine = std::ranges::all_of(relay.path, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
             c == '_' || c == '/';
    });
    if (!fine || relay.path.starts_with('/') || relay.path.ends_with('/'))
      map.error("path", "is " + shown(relay.path) + ", which is no name of a hybrid connection",
                "write it as the Azure portal does, without '/' around it");
  }
  map.text("key_name", relay.key_name, {.max_bytes = 256});
  map.secret("key", relay.key);
  map.uint32("listeners", relay.listeners, 1, 25);
  return relay;
}

Teams::Endpoint read_endpoint(Map const& map) {
  Teams::Endpoint endpoint;
  bool const right = read_listen(map, endpoint.host, endpoint.port) || !map.has("listen");
  map.absolute_path("certificate", endpoint.certificate);
  read_key_file(map, "key", endpoint.key);
  if (map.has("certificate") != map.has("key")) {
    map.error(map.has("certificate") ? "certificate" : "key", "stands alone", "give certificate and key, or neither");
  } else if (!map.has("certificate") && right && !is_loopback_host(endpoint.host)) {
    map.reading().problems.error(map.has("listen") ? map.place("listen") : map.place(),
                                 map.path() + " would take plain HTTP from other hosts",
                                 "give certificate and key, or listen on 127.0.0.1 behind a proxy that speaks TLS");
  }
  return endpoint;
}

Teams read_teams(Map const& map) {
  auto& reading = map.reading();
  Teams teams;
  read_guid(map, "tenant", teams.tenant, "tenant id");
  read_guid(map, "app_id", teams.app_id, "application id");
  map.secret("app_secret", teams.app_secret);
  if (read_base_url(map, "service_url", teams.service_url)) end_with_slash(teams.service_url);
  if (read_base_url(map, "login_url", teams.login_url)) end_with_slash(teams.login_url);
  read_base_url(map, "openid_url", teams.openid_url);
  if (map.text("issuer", teams.issuer)) {
    if (auto why = why_not_url(teams.issuer); !why.empty()) map.error("issuer", why);
  }
  if (auto const* node = map.find("relay"))
    teams.relay = read_relay(Map(reading, *node, sections::teams_relay, map.path("relay")));
  if (auto const* node = map.find("endpoint"))
    teams.endpoint = read_endpoint(Map(reading, *node, sections::teams_endpoint, map.path("endpoint")));
  if (!teams.relay && !teams.endpoint)
    reading.problems.error(map.place(), map.path() + " names no way by which Teams reaches the bot",
                           "add relay (Azure Relay, outbound connections only) or endpoint (HTTPS on a port of ours)");
  return teams;
}

// Exactly one of the three ways in, and what belongs to it.
void read_credentials(Map const& map, Matrix& matrix) {
  std::vector<std::string> given;
  std::array<std::pair<std::string, std::optional<Secret>*>, 3> const ways{
      {{"access_token", &matrix.access_token}, {"password", &matrix.password}, {"as_token", &matrix.as_token}}};
  for (auto const& [key, secret] : ways) {
    if (!map.has(key)) continue;
    given.push_back(key);
    Secret value;
    if (map.secret(key, value)) *secret = std::move(value);
  }
  std::string const way_out =
      "access_token of the bot's account, password of it, or as_token of an application service";
  if (given.empty()) {
    map.reading().problems.error(map.place(), map.path() + " needs exactly one of: access_token, password, as_token",
                                 way_out);
  } else if (given.size() > 1) {
    map.error(given[1], "stands beside " + given[0], "exactly one of: " + way_out);
  }
  // An ordinary account's token has a device already, and the WebSocket needs no login.
  bool const logs_in = map.has("password") || (map.has("as_token") && matrix.transport == Matrix::Transport::sync);
  for (auto const* key : {"device_id", "short_lived_tokens"}) {
    if (map.has(key) && !logs_in) map.error(key, "is for a bot that logs in, by password or as_token", "leave it out");
  }
  if (map.text("device_id", matrix.device_id, {.max_bytes = 64})) {
    bool const fine = std::ranges::all_of(matrix.device_id, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
             c == '_' || c == '~';
    });
    if (!fine)
      map.error("device_id", "is " + shown(matrix.device_id) + ", which is no device id",
                "write letters, digits, '-', '.', '_', '~'");
  }
  map.boolean("short_lived_tokens", matrix.short_lived_tokens);
}

Matrix read_matrix(Map const& map) {
  Matrix matrix;
  if (read_base_url(map, "homeserver", matrix.homeserver)) end_without_slash(matrix.homeserver);
  auto const transport = map.word("transport", {"websocket", "sync"});
  if (transport) matrix.transport = *transport == 0 ? Matrix::Transport::websocket : Matrix::Transport::sync;
  if (map.text("user", matrix.user, {.max_bytes = 256})) {
    if (auto why = why_not_account("matrix", matrix.user); !why.empty())
      map.error("user", "is " + shown(matrix.user) + ": it " + why);
  }
  read_credentials(map, matrix);
  if (read_base_url(map, "proxy", matrix.proxy, Scheme::websocket)) end_without_slash(matrix.proxy);
  if (!transport) return matrix;
  if (matrix.transport == Matrix::Transport::sync) {
    if (map.has("proxy")) map.error("proxy", "is for transport: websocket", "leave it out");
    return matrix;
  }
  if (!map.has("proxy"))
    map.reading().problems.error(map.place("transport"), map.path() + " needs proxy for transport: websocket",
                                 "give the address of mautrix-wsproxy, as in wss://matrix.example.org; "
                                 "deploy/matrix/README.md tells how to run it");
  if (!map.has("as_token"))
    map.reading().problems.error(map.place("transport"), map.path() + " needs as_token for transport: websocket",
                                 "only application services get their events this way; with the account of an ordinary "
                                 "user write transport: sync");
  return matrix;
}

}  // namespace

void read_chat(Map const& root, Config& config) {
  auto& reading = root.reading();
  if (auto const* node = root.find("chat")) {
    Map const chat(reading, *node, sections::chat, "chat");
    if (auto const* slack = chat.find("slack"))
      config.chat.slack = read_slack(Map(reading, *slack, sections::slack, "chat.slack"));
    if (auto const* teams = chat.find("teams"))
      config.chat.teams = read_teams(Map(reading, *teams, sections::teams, "chat.teams"));
    if (auto const* matrix = chat.find("matrix"))
      config.chat.matrix = read_matrix(Map(reading, *matrix, sections::matrix, "chat.matrix"));
    if (auto const* progress = chat.find("progress")) {
      Map const map(reading, *progress, sections::progress, "chat.progress");
      map.duration("after", config.chat.progress_after, std::chrono::milliseconds(50), std::chrono::hours(24));
      map.duration("every", config.chat.progress_every, std::chrono::milliseconds(50), std::chrono::minutes(10));
    }
  }
  root.each_named("channels", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::channel, path);
    std::map<std::string, std::string> ids;
    for (auto const& platform : kPlatforms) {
      std::string id;
      if (!map.text(platform.key, id, {.max_bytes = 256})) continue;
      if (auto const bad = why_not_channel(platform.key, id); !bad.why.empty())
        map.error(platform.key, "is " + shown(id) + ", " + bad.why, bad.hint);
      ids.emplace(platform.key, std::move(id));
    }
    if (node.kind == Node::Kind::map && ids.empty() && node.members.empty())
      reading.problems.error(node.place, path + " names no channel on any platform", "add slack: C…");
    config.rules.channels.emplace(key, std::move(ids));
  });
}

}  // namespace config
