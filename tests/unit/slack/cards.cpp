#include "tests/unit/slack/cards.hpp"

#include <chrono>

namespace slack_cards {

slack::People people() { return {{"alice", "U0ALICE"}, {"bob", "U0BOB"}, {"carol", "U0CAROL"}, {"erin", "U0ERIN"}}; }

Told::Told(std::string const& runbook)
    : CardStory({.runbook = runbook,
                 .variants = {{"restart-both", "two-sre"}, {"restart-with-words", "one-sre", 6000}},
                 .reason = "The health check fails since 10:12.",
                 .output = "one line\n",
                 .commit = "1f0b02d1c7f2b0c5a9b2a8a0c4b7e1d2f3a4b5c6",
                 .highlights = {{"host", "10:12:03 fatal: out of memory"}, {"host", "load 1.0"}},
                 .reading = std::chrono::seconds(15),
                 .again = true},
                [](core::Card const& card) { return slack::render_card(card, "key-1", people()).digest; }) {}

core::Card waiting() {
  static auto const card = Told().card();
  return card;
}

core::Card hostile() {
  return fixture::hostile_card(
      waiting(),
      "<!channel> <@U0ALICE> *bold* `x` ```y``` :bomb: &lt; <https://evil.example|ok> \u202edrow\u202c \x1b[31m");
}

std::map<std::string, core::Card> in_each_state() {
  auto states = fixture::decided_states([] { return Told(); });
  states.merge(std::map<std::string, core::Card>{
      {"pending", waiting()},
      {"pending_one_of_two", Told("restart-both").vote("bob", core::Verdict::approve, "looks right").updated()},
      {"pending_too_long", Told("restart-with-words").card()},
      {"hostile", hostile()}});
  return states;
}

core::Note note() { return {"CS-42 succeeded in 3s.", {"alice"}, "restarting <web>\ndone & well"}; }

core::VoteView view() {
  auto view = Told("restart-with-words").view();
  view.note_required = true;
  return view;
}

}  // namespace slack_cards
