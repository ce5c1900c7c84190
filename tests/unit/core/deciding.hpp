// What the tests of deciding share: a state compared with its copy, a cancel, a card that stands.
#pragma once

#include "bot/core/card.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

namespace deciding {

inline void check_same(fixture::Story const& story) {
  CHECK(story.broken == "");
  CHECK(fixture::dump_state(story.state) == fixture::dump_state(story.copy));
}

inline core::CancelAsked cancel(core::Actor by, core::RequestId const& id) {
  return {.ticket = 9,
          .by = std::move(by),
          .platform = "slack",
          .account = "U0X",
          .channel = {},
          .request = id.str(),
          .reason = {}};
}

inline void post_card(fixture::Story& story, core::RequestId const& id, bool delivered = true) {
  story.send(
      core::PostRendered{id, "card", "slack", "incidents", "C0INC", "key", core::digest_of("r"), core::Json("body")});
  if (delivered) story.send(core::Posted{id, story.at(id).posts.back().number, core::Json::object({{"ts", "1.2"}})});
}

}  // namespace deciding
