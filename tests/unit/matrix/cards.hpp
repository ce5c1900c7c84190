// Cards for the tests of the Matrix adapter.
#pragma once

#include <map>
#include <string>

#include "adapters/matrix/render.hpp"
#include "tests/support/card_story.hpp"

namespace matrix_cards {

matrix::People people();

// One request of alice's.
struct Request : fixture::CardStory {
  explicit Request(std::string const& runbook = "restart-service");
  ~Request();
};

core::Card waiting();
core::Card hostile();
// Every state in which people see a message, and what makes a pending one look different.
std::map<std::string, core::Card> in_each_state();
core::Note note();

}  // namespace matrix_cards
