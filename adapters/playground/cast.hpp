// The people of the playground: one person, an account on each platform. Stand-ins, demo configuration and page agree
// on these.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/matrix_world.hpp"
#include "adapters/playground/slack_world.hpp"
#include "adapters/playground/teams_world.hpp"

namespace playground {

struct Person {
  std::string key;                              // "bob": in the configuration, the ledger, on the page
  std::string name;                             // "Bob Roy"
  std::string role;                             // "approves", for people to read
  std::vector<std::string> groups;              // empty: an outsider, unknown to the configuration
  std::map<std::string, std::string> accounts;  // "slack" → "U0BOB"

  std::string account(std::string_view platform) const;  // empty: none
};

// alice asks; bob, carol and erin approve; mallory is an outsider, dave a guest: neither is in the configuration.
std::vector<Person> const& cast();

// The worlds of the stand-ins with all of them in #incidents, each as the cast says.
SlackWorld playground_slack_world();
TeamsWorld playground_teams_world();
MatrixWorld playground_matrix_world();

}  // namespace playground
