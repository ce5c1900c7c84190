#include "adapters/playground/cast.hpp"

#include <algorithm>

namespace playground {

std::string Person::account(std::string_view platform) const {
  auto const found = accounts.find(std::string(platform));
  return found == accounts.end() ? "" : found->second;
}

std::vector<Person> const& cast() {
  static auto const kCast = [] {
    std::vector<Person> people;
    auto const teams = demo_teams_world();
    auto person = [&](char const* key, char const* name, char const* role, std::vector<std::string> groups,
                      char const* slack) {
      people.push_back({key,
                        name,
                        role,
                        std::move(groups),
                        {{"slack", slack},
                         {"teams", teams.person(key)->aad_object_id},
                         {"matrix", "@" + std::string(key) + ":example.org"}}});
    };
    person("alice", "Alice Ng", "asks", {"dev"}, "U0ALICE");
    person("bob", "Bob Roy", "approves", {"sre"}, "U0BOB");
    person("carol", "Carol Diaz", "approves", {"sre"}, "U0CAROL");
    person("erin", "Erin Stone", "approves", {"sre"}, "U0ERIN");
    person("mallory", "Mallory Finch", "outsider", {}, "U0MALLORY");
    person("dave", "Dave Okoye", "guest", {}, "U0DAVE");
    return people;
  }();
  return kCast;
}

SlackWorld playground_slack_world() {
  auto world = demo_world();
  std::erase_if(world.channels, [](auto const& one) { return one.name == "quiet"; });
  for (auto const& person : cast()) {
    auto const id = person.account("slack");
    if (world.user(id) != nullptr) continue;
    SlackUser user;
    user.id = id;
    user.name = person.key;
    user.real_name = person.name;
    user.email = person.key + "@example.org";
    world.users.push_back(user);
    world.channel("C0INC")->members.push_back(id);
    for (auto& group : world.usergroups) {
      if (std::find(person.groups.begin(), person.groups.end(), group.handle) != person.groups.end())
        group.users.push_back(id);
    }
  }
  return world;
}

TeamsWorld playground_teams_world() {
  auto world = demo_teams_world();
  for (auto& one : world.people) {
    // Here all approvers are colleagues.
    if (one.key == "erin") one.tenant_id = world.tenant_id;
  }
  std::erase_if(world.conversations, [](auto const& one) { return one.type != "personal" && one.name != "incidents"; });
  return world;
}

MatrixWorld playground_matrix_world() {
  auto world = demo_matrix_world();
  for (auto const& person : cast()) {
    if (world.account(person.key) != nullptr) continue;
    world.people.push_back({person.key, person.account("matrix"), person.name, person.key + "-password",
                            "syt_" + person.key + "_playground", "PAGE"});
    world.in_room.push_back(person.key);
  }
  return world;
}

}  // namespace playground
