// What the Matrix stand-in plays: a homeserver, its accounts, the application service of the bot, and one room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace playground {

struct MatrixAccount {
  std::string key;   // "alice": how tests and the page name them
  std::string id;    // "@alice:example.org"
  std::string name;  // display name
  std::string password, access_token, device_id;
};

struct MatrixWorld {
  std::string server_name = "example.org";
  std::string room_id = "!inc:example.org", room_name = "incidents";
  std::string room_version = "11";    // 12: creators have no level but all power
  std::vector<std::string> in_room;   // keys of people in that room; the bot is in it always
  std::vector<MatrixAccount> people;  // the first one made the room
  MatrixAccount bot;
  // The application service's own user. The same as the bot: one account for both transports, which no Synapse allows
  // (there /sync answers such a user with 500). Another one is in the room too, and has no /sync.
  MatrixAccount service_user;
  std::string service_id = "countersign";  // of the application service
  std::string as_token = "as-token-valid-here-alone", hs_token = "hs-token-valid-here-alone";

  bool separate() const { return service_user.id != bot.id; }
  // Whom the application service may speak for: its user, and those whose names begin with that user's and "_".
  bool serves(std::string_view user) const;
  MatrixAccount const* account(std::string_view key_or_id) const;
};

// alice (asks, has the room's power 100), bob and carol (approve), mallory (outsider) and the bot (power 50) in
// !inc:example.org: invite only, federation off, not encrypted. Passwords and tokens are valid here alone.
MatrixWorld demo_matrix_world();

}  // namespace playground
