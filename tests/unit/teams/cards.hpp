// Cards for the tests of the Teams adapter.
#pragma once

#include <map>
#include <string>

#include "adapters/teams/render.hpp"
#include "tests/support/card_story.hpp"

namespace teams_cards {

using core::Json;
using core::Verdict;

teams::People people();
std::vector<std::string> watchers();

// The request that alice makes, and what then happens to it.
struct Scene : fixture::CardStory {
  explicit Scene(std::string const& runbook = "restart-service");
};

core::Card waiting();

core::Card hostile();

// Every state in which people see a message, and what makes a waiting one look different.
std::map<std::string, core::Card> in_each_state();

}  // namespace teams_cards
