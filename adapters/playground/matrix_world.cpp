#include "adapters/playground/matrix_world.hpp"

#include <algorithm>
#include <cctype>

namespace playground {

MatrixAccount const* MatrixWorld::account(std::string_view key_or_id) const {
  if (key_or_id == bot.key || key_or_id == bot.id) return &bot;
  if (key_or_id == service_user.key || key_or_id == service_user.id) return &service_user;
  auto const found = std::find_if(people.begin(), people.end(),
                                  [&](auto const& one) { return one.key == key_or_id || one.id == key_or_id; });
  return found == people.end() ? nullptr : &*found;
}

bool MatrixWorld::serves(std::string_view user) const {
  auto const localpart = service_user.id.substr(0, service_user.id.find(':'));
  return user == service_user.id || (user.starts_with(localpart + "_") && user.ends_with(":" + server_name));
}

MatrixWorld demo_matrix_world() {
  MatrixWorld world;
  auto account = [&](std::string const& key, char const* name) {
    auto device = key + "01";
    std::transform(device.begin(), device.end(), device.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return MatrixAccount{
        key, "@" + key + ":" + world.server_name, name, key + "-password", "syt_" + key + "_playground", device};
  };
  world.people = {account("alice", "Alice Ng"), account("bob", "Bob Roy"), account("carol", "Carol Diaz"),
                  account("mallory", "Mallory Finch")};
  for (auto const& one : world.people) world.in_room.push_back(one.key);
  world.bot = account("countersign", "Countersign");
  world.service_user = world.bot;
  return world;
}

}  // namespace playground
