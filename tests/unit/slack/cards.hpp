// Cards for the tests of the Slack renderer.
#pragma once

#include <map>
#include <string>

#include "adapters/slack/render.hpp"
#include "tests/support/card_story.hpp"

namespace slack_cards {

slack::People people();

// A service that was restarted before; alice asks again.
struct Told : fixture::CardStory {
  explicit Told(std::string const& runbook = "restart-service");
};

core::Card waiting();
core::Card hostile();

// Every state in which people see a message, and what makes a pending one look different.
std::map<std::string, core::Card> in_each_state();

core::Note note();
core::VoteView view();

}  // namespace slack_cards
