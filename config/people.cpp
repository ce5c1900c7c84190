// Sections people and robots.
#include <algorithm>

#include "config/parts.hpp"
#include "config/platforms.hpp"

namespace config {

namespace {

void read_groups(Map const& map, std::set<std::string>& groups) {
  map.name_set("groups", groups);
  if (groups.contains("triggers")) {
    auto const& places = map.reading().places;
    auto const found = places.find(map.path("groups") + "=triggers");
    map.reading().problems.error(found == places.end() ? map.place("groups") : found->second,
                                 map.path("groups") + ": the group \"triggers\" is reserved for triggers",
                                 "choose another name");
  }
}

void read_token(Map const& map, std::string& digest) {
  std::string value;
  if (!map.text("token_sha256", value)) return;
  bool const fine = value.size() == 64 && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!fine) {
    // The value is never shown: it may be the token itself.
    map.error("token_sha256", "is no SHA-256 digest of 64 lower-case hex digits",
              "compute it with: printf %s \"$TOKEN\" | sha256sum");
    return;
  }
  digest = std::move(value);
}

void read_scopes(Map const& map, std::set<std::string>& scopes) {
  if (!map.has("scopes")) return;
  std::vector<std::string> const known{"request", "read", "read_all"};
  scopes.clear();
  map.each_item("scopes", [&](Node const& item, std::string const& path) {
    auto const value = read_text(map.reading(), item, path);
    if (!value) return;
    if (std::ranges::find(known, *value) == known.end()) {
      auto const near = nearest(*value, known);
      map.reading().problems.error(
          item.place, path + " is " + shown(*value) + ", which is no scope",
          near.empty() ? "scopes are request, read, read_all" : "did you mean \"" + near + "\"?");
      return;
    }
    if (!scopes.insert(*value).second)
      map.reading().problems.error(item.place, map.path("scopes") + " names " + shown(*value) + " twice",
                                   "remove one of them");
  });
}

void refuse_reserved(Map const& map, std::string_view section, std::string const& key) {
  if (key != "countersign" && key != "unknown") return;
  auto const found = map.reading().places.find(std::string(section) + "." + key);
  map.reading().problems.error(found == map.reading().places.end() ? map.place() : found->second,
                               std::string(section) + ": the name \"" + key + "\" is reserved",
                               "the ledger uses it for the service itself and for strangers; choose another");
}

// Who is in these groups a platform keeps; asking about each twice a minute must stay within its limits.
void read_sources(Map const& root, Config& config) {
  auto& reading = root.reading();
  root.each_named("groups", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::group, path);
    if (key == "triggers")
      reading.problems.error(reading.places[path], "groups: the group \"triggers\" is reserved for triggers",
                             "choose another name");
    std::string id;
    if (!map.text("slack_usergroup", id)) return;
    if (!is_slack_id(id, "S"))
      return map.error("slack_usergroup", "is " + shown(id) + ", which is no id of a Slack usergroup",
                       "it begins with S; usergroups.list tells it, a handle such as @sre is no identity");
    config.rules.sources.emplace(key, core::GroupSource{.platform = "slack", .id = std::move(id)});
    config.rules.unread.insert(key);
  });
  constexpr std::size_t kMostSources = 10;  // usergroups.users.list takes 20 calls a minute and more (tier 2)
  if (config.rules.sources.size() > kMostSources)
    root.error("groups", "has " + std::to_string(config.rules.sources.size()) +
                             " groups from Slack; each is asked about every 30 s, which Slack's limits allow for 10");
  auto const refuse = [&](std::string const& section, std::string const& key, std::set<std::string> const& groups) {
    for (auto const& group : groups) {
      if (!config.rules.sources.contains(group)) continue;
      auto const path = section + "." + key + ".groups";
      auto const found = reading.places.find(path + "=" + group);
      reading.problems.error(found == reading.places.end() ? reading.places[path] : found->second,
                             path + ": who is in the group \"" + group + "\" its usergroup says",
                             "leave it out here, or take it out of groups");
    }
  };
  for (auto const& [key, person] : config.rules.people) refuse("people", key, person.groups);
  for (auto const& [key, robot] : config.rules.robots) refuse("robots", key, robot.groups);
}

}  // namespace

void read_people(Map const& root, Config& config) {
  auto& reading = root.reading();
  std::map<std::string, std::string> owners;  // account or token digest → who has it
  root.each_named("people", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::person, path);
    refuse_reserved(map, "people", key);
    core::Person person;
    map.text("name", person.name, {.max_bytes = 128});
    if (map.text("email", person.email, {.max_bytes = 254}) &&
        (person.email.find('@') == std::string::npos || person.email.find(' ') != std::string::npos))
      map.error("email", "is " + shown(person.email) + ", which is no mail address");
    read_groups(map, person.groups);
    for (auto const& [known, platform_name, how, channel] : kPlatforms) {
      std::string const platform(known);
      std::string account;
      if (!map.text(platform, account)) continue;
      if (auto why = why_not_account(platform, account); !why.empty()) {
        map.error(platform, "is " + shown(account) + ": it " + why);
        continue;
      }
      if (platform == "teams") account = lower(account);  // as the adapter compares it
      auto const [other, fresh] = owners.emplace(platform + " " + account, key);
      if (!fresh) {
        map.error(platform, "is " + shown(account) + ", which is " + other->second + "'s account already",
                  "an account belongs to one person");
        continue;
      }
      person.accounts.emplace(platform, std::move(account));
    }
    read_token(map, person.token_sha256);
    if (!person.token_sha256.empty()) {
      auto const [other, fresh] = owners.emplace("token " + person.token_sha256, key);
      if (!fresh) map.error("token_sha256", "is the same as " + other->second + "'s", "give each its own token");
    }
    read_scopes(map, person.scopes);
    config.rules.people.emplace(key, std::move(person));
  });
  if (auto const* people = root.find("people"); people && people->kind == Node::Kind::map && people->members.empty())
    root.error("people", "names nobody", "name at least who asks and who approves");
  root.each_named("robots", [&](Node const& node, std::string const& key, std::string const& path) {
    Map const map(reading, node, sections::robot, path);
    refuse_reserved(map, "robots", key);
    if (config.rules.people.contains(key))
      reading.problems.error(reading.places[path], "robots: \"" + key + "\" is a person's name too",
                             "people and robots share one name space; rename one");
    core::Robot robot;
    read_groups(map, robot.groups);
    read_token(map, robot.token_sha256);
    if (!robot.token_sha256.empty()) {
      auto const [other, fresh] = owners.emplace("token " + robot.token_sha256, key);
      if (!fresh) map.error("token_sha256", "is the same as " + other->second + "'s", "give each its own token");
    }
    read_scopes(map, robot.scopes);
    config.rules.robots.emplace(key, std::move(robot));
  });
  read_sources(root, config);
}

}  // namespace config
