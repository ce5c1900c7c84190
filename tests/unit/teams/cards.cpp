#include "tests/unit/teams/cards.hpp"

#include <utility>

namespace teams_cards {

teams::People people() {
  return {{"alice", "a11ce000-0000-4000-8000-000000000001"},
          {"bob", "b0b00000-0000-4000-8000-000000000002"},
          {"carol", "ca401000-0000-4000-8000-000000000003"},
          {"erin", "e4100000-0000-4000-8000-000000000004"}};
}

std::vector<std::string> watchers() { return {"29:1-alice", "29:1-bob"}; }

Scene::Scene(std::string const& runbook)
    : CardStory({.runbook = runbook,
                 .variants = {{"restart-twice", "two-sre"},
                              {"restart-why", "noted"},
                              {"restart-long", "one-sre", 30'000},
                              {"restart-long-why", "noted", 6'000}},
                 .reason = "The health check fails since 10:12.\nIt began with the deploy.",
                 .output = "restarting <web>\n  done & well {{DATE(2026-01-01T00:00:00Z)}}\n",
                 .commit = "0badc0de00000000000000000000000000000000",
                 .highlights = {}},
                [](core::Card const& card) { return teams::render_card(card, people(), watchers()).digest; }) {}

core::Card waiting() {
  static auto const card = Scene().card();
  return card;
}

core::Card hostile() {
  auto card = fixture::hostile_card(
      waiting(),
      "<at>Everyone</at> **bold** _x_ [link](https://evil.example) ![i](x) <b>h</b> &lt; {{DATE(2017-02-14T06:08:39Z, "
      "LONG)}} \u202edrow\u202c \x1b[31m\n- 1. # head\r\n```code```");
  card.action.emplace_back("2. y:   three   blanks");
  return card;
}

std::map<std::string, core::Card> in_each_state() {
  auto states = fixture::decided_states([] { return Scene(); });
  states.merge(std::map<std::string, core::Card>{
      {"waiting", waiting()},
      {"waiting_for_second", Scene("restart-twice").vote("bob", Verdict::approve, "looks right").updated()},
      {"waiting_note_required", Scene("restart-why").card()},
      {"waiting_too_long", Scene("restart-long").card()},
      {"waiting_too_long_note", Scene("restart-long-why").card()},
      {"hostile", hostile()}});
  return states;
}

}  // namespace teams_cards
