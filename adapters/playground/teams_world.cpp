#include "adapters/playground/teams_world.hpp"

#include <algorithm>

namespace playground {

TeamsPerson const* TeamsWorld::account(std::string_view id) const {
  auto const found = std::find_if(people.begin(), people.end(), [&](auto const& one) {
    return one.id == id || one.aad_object_id == id || one.email == id;
  });
  return found == people.end() || id.empty() ? nullptr : &*found;
}

TeamsPerson const* TeamsWorld::person(std::string_view key) const {
  auto const found = std::find_if(people.begin(), people.end(), [&](auto const& one) { return one.key == key; });
  return found == people.end() ? account(key) : &*found;
}

TeamsConversation const* TeamsWorld::conversation(std::string_view id) const {
  auto const found =
      std::find_if(conversations.begin(), conversations.end(), [&](auto const& one) { return one.id == id; });
  return found == conversations.end() ? nullptr : &*found;
}

TeamsConversation* TeamsWorld::conversation(std::string_view id) {
  return const_cast<TeamsConversation*>(static_cast<TeamsWorld const&>(*this).conversation(id));
}

TeamsConversation const* TeamsWorld::personal(std::string_view key) const {
  auto const found = std::find_if(conversations.begin(), conversations.end(), [&](auto const& one) {
    return one.type == "personal" && one.members == std::vector<std::string>{std::string(key)};
  });
  return found == conversations.end() ? nullptr : &*found;
}

TeamsWorld demo_teams_world() {
  TeamsWorld world;
  auto person = [&](char const* key, char const* given, char const* surname, char const* id, char const* object) {
    TeamsPerson one;
    one.key = key;
    one.id = id;
    one.name = std::string(given) + " " + surname;
    one.given_name = given;
    one.surname = surname;
    one.email = std::string(key) + "@acme.example";
    one.tenant_id = world.tenant_id;
    one.aad_object_id = object;
    world.people.push_back(one);
  };
  person("alice", "Alice", "Ng", "29:1aLiCe0-Xy_wq7Gd3hTfPbNcVmKsRzUeJ", "a11ce000-0000-4000-8000-000000000001");
  person("bob", "Bob", "Roy", "29:1bOb00-Rt_k2LmQ9vZxWcYdHfGjSaPoIu", "b0b00000-0000-4000-8000-000000000002");
  person("carol", "Carol", "Diaz", "29:1cArOl-7Hn_p4BvXqZsWdEfRgTyUkMiLo", "ca401000-0000-4000-8000-000000000003");
  person("mallory", "Mallory", "Finch", "29:1mAlLoRy-9q_ZxCvBnMaSdFgHjKlQwEr", "3a110400-0000-4000-8000-000000000004");
  world.people.back().installed = false;
  person("dave", "Dave", "Okoye", "29:1dAvE0-5Gf_hJkLpOiUyTrEwQzXcVbNm", "da5e0000-0000-4000-8000-000000000005");
  world.people.back().role = "guest";
  world.people.back().email = "dave_partner.example#EXT#@acme.example";
  person("erin", "Erin", "Stone", "29:1eRiN0-3Fd_sAqWzXeCrVtByNuMiKoLp", "e4140000-0000-4000-8000-000000000006");
  world.people.back().tenant_id = world.other_tenant_id;
  world.people.back().email = "erin@partner.example";
  person("frank", "Frank", "Void", "29:1fRaNk-8Hj_uYtReWqAsDfGzXcVbNmLk", "");
  world.people.back().role = "anonymous";
  world.people.back().email = "";
  world.people.back().installed = false;

  TeamsConversation channel;
  channel.type = "channel";
  for (auto const& one : world.people) channel.members.push_back(one.key);
  channel.id = world.team_id;  // the General channel has the team's own id
  world.conversations.push_back(channel);
  channel.id = "19:incidents@thread.tacv2";
  channel.name = "incidents";
  world.conversations.push_back(channel);
  channel.id = "19:shared@thread.tacv2";
  channel.name = "shared";
  channel.shared = true;
  channel.members = {"alice", "bob", "erin"};
  world.conversations.push_back(channel);
  channel.id = "19:quiet@thread.tacv2";
  channel.name = "quiet";
  channel.shared = channel.bot_is_member = false;
  channel.members = {"alice"};
  world.conversations.push_back(channel);
  TeamsConversation chat;
  chat.id = "19:oncall@thread.v2";
  chat.type = "groupChat";
  chat.members = {"alice", "bob", "carol"};
  world.conversations.push_back(chat);
  for (auto const& one : world.people) {
    if (!one.installed) continue;
    chat.id = "a:1" + one.id.substr(4);
    chat.type = "personal";
    chat.members = {one.key};
    world.conversations.push_back(chat);
  }
  return world;
}

}  // namespace playground
