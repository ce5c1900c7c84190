// What the Teams stand-in plays: a tenant, its people, a team with channels, the bot's registration, and the relay.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace playground {

struct TeamsPerson {
  std::string key;  // "alice": how tests and the page name them
  std::string id;   // "29:1…": as this bot sees them; another bot sees another one
  std::string name, given_name, surname, email;
  std::string tenant_id;        // of their account
  std::string aad_object_id{};  // empty: joined without an account
  std::string role = "user";    // or "guest", "anonymous"
  bool installed = true;        // has the app, so there is a 1:1 chat
};

struct TeamsConversation {
  std::string id;                    // "19:…@thread.tacv2", "19:…@thread.v2", "a:1…"
  std::string type;                  // "channel", "groupChat", "personal"
  std::string name{};                // of a channel; empty for the General one
  std::vector<std::string> members;  // keys of people
  bool bot_is_member = true;
  bool shared = false;  // a shared channel: activities name no team
};

struct TeamsWorld {
  std::string tenant_id = "ace00000-0000-4000-8000-000000000001", tenant_name = "Acme";
  std::string other_tenant_id = "0e400000-0000-4000-8000-000000000009";
  std::string team_id = "19:operations@thread.tacv2", team_name = "Operations";
  std::string team_aad_group_id = "6e000000-0000-4000-8000-000000000001";

  // Valid here alone.
  std::string app_id = "c0047e00-5167-4000-8000-000000000001", bot_name = "Countersign";
  std::string app_secret = "playground-secret~1";
  std::string relay_path = "approvals";
  std::string listen_key_name = "listen", listen_key = "cGxheWdyb3VuZC1saXN0ZW4ta2V5LW9uZQ==";
  std::string send_key_name = "send", send_key = "cGxheWdyb3VuZC1zZW5kLWtleS10d28tdHdv";

  std::vector<TeamsPerson> people;
  std::vector<TeamsConversation> conversations;

  std::string bot() const { return "28:" + app_id; }
  TeamsPerson const* person(std::string_view key) const;  // by our key or by what account() takes
  TeamsPerson const* account(std::string_view id) const;  // by what the wire may name: "29:…", Entra object id, UPN
  TeamsConversation const* conversation(std::string_view id) const;  // without ";messageid=…"
  TeamsConversation* conversation(std::string_view id);
  TeamsConversation const* personal(std::string_view person_key) const;
};

// alice (asks), bob and carol (approve), mallory (outsider), dave (a guest), erin (of another tenant), frank (joined
// without an account), all in 19:incidents@thread.tacv2; 19:quiet@thread.tacv2 without the bot; 19:shared@thread.tacv2,
// a shared channel; the group chat 19:oncall@thread.v2; and a 1:1 chat "a:1…" with each who has the app (not mallory).
TeamsWorld demo_teams_world();

}  // namespace playground
