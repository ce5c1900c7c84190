#include "adapters/playground/slack_world.hpp"

#include <algorithm>

namespace playground {

SlackUser const* SlackWorld::user(std::string_view id) const {
  auto const found = std::find_if(users.begin(), users.end(), [&](auto const& user) { return user.id == id; });
  return found == users.end() ? nullptr : &*found;
}

SlackChannel const* SlackWorld::channel(std::string_view id) const {
  auto const found = std::find_if(channels.begin(), channels.end(), [&](auto const& one) { return one.id == id; });
  return found == channels.end() ? nullptr : &*found;
}

SlackChannel* SlackWorld::channel(std::string_view id) {
  return const_cast<SlackChannel*>(static_cast<SlackWorld const&>(*this).channel(id));
}

SlackWorld demo_world() {
  SlackWorld world;
  auto person = [&](char const* id, char const* name, char const* real_name) {
    SlackUser user;
    user.id = id;
    user.name = name;
    user.real_name = real_name;
    user.email = std::string(name) + "@example.org";
    world.users.push_back(user);
  };
  person("U0ALICE", "alice", "Alice Ng");
  person("U0BOB", "bob", "Bob Roy");
  person("U0CAROL", "carol", "Carol Diaz");
  person("U0MALLORY", "mallory", "Mallory Finch");
  person("U0DAVE", "dave", "Dave Okoye");
  world.users.back().is_restricted = true;
  SlackChannel incidents;
  incidents.id = "C0INC";
  incidents.name = "incidents";
  for (auto const& user : world.users) incidents.members.push_back(user.id);
  SlackChannel quiet;
  quiet.id = "C0QUIET";
  quiet.name = "quiet";
  quiet.members = {"U0ALICE"};
  quiet.bot_is_member = false;
  world.channels = {incidents, quiet};
  world.usergroups = {{"S0SRE", "sre", "SRE on call", {"U0BOB", "U0CAROL"}}};
  return world;
}

}  // namespace playground
