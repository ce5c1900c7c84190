// The workspace that the Slack stand-in plays: who is in it, which conversations there are, and the app's secrets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace playground {

struct SlackUser {
  std::string id, name, real_name, email;
  std::string team_id{};  // empty: the workspace's own; another one makes this a Slack Connect guest
  bool is_bot = false, deleted = false, is_restricted = false, is_ultra_restricted = false, is_stranger = false;
  bool hide_team_id = false;  // as seen on Enterprise Grid: users.info leaves team_id out
};

struct SlackChannel {
  std::string id, name;
  std::vector<std::string> members;  // of people; the bot's membership is its own flag
  bool bot_is_member = true, is_private = false, is_archived = false;
  std::string im_with{};  // a direct conversation of the bot with this user
};

struct SlackUserGroup {
  std::string id, handle, name;
  std::vector<std::string> users;
};

struct SlackWorld {
  std::string team_id = "T0COUNTER", team_name = "Acme", team_domain = "acme";
  std::string app_id = "A0COUNTER", bot_user_id = "U0BOTUSER", bot_id = "B0COUNTER", bot_name = "countersign";
  std::string scopes =
      "chat:write,commands,channels:history,groups:history,files:write,usergroups:read,users:read";  // of the bot
                                                                                                     // token, as Slack
                                                                                                     // tells them
  std::string app_token = "xapp-1-A0COUNTER-playground", bot_token = "xoxb-playground";              // valid here alone
  std::vector<SlackUser> users;
  std::vector<SlackChannel> channels;
  std::vector<SlackUserGroup> usergroups;
  bool usergroups_available = true;  // false: plan_upgrade_required, as on the free plan

  SlackUser const* user(std::string_view id) const;
  SlackChannel const* channel(std::string_view id) const;
  SlackChannel* channel(std::string_view id);
};

// alice (U0ALICE, asks), bob and carol (U0BOB, U0CAROL, approve), mallory (U0MALLORY, outsider) and dave (U0DAVE, a
// guest) in #incidents (C0INC); #quiet (C0QUIET) without the bot; the user group @sre (S0SRE: bob, carol).
SlackWorld demo_world();

}  // namespace playground
