#include "tests/unit/matrix/cards.hpp"

#include <chrono>

namespace matrix_cards {

matrix::People people() {
  return {{"alice", "@alice:example.org"},
          {"bob", "@bob:example.org"},
          {"carol", "@carol:example.org"},
          {"erin", "@erin:example.org"}};
}

Request::Request(std::string const& runbook)
    : CardStory({.runbook = runbook,
                 .variants = {{"restart-both", "two-sre"},
                              {"restart-why", "noted"},
                              {"restart-long", "one-sre", 6000},
                              {"restart-long-why", "noted", 6000}},
                 .reason = "The health check fails since 10:12.\nIt began after the deploy.",
                 .output = "restarting <web>\ndone & well\n",
                 .commit = "1f0b02d1c7f2b0c5a9b2a8a0c4b7e1d2f3a4b5c6",
                 .highlights = {{"host", "10:12:03 fatal: out of memory"}, {"host", "load <1.0> & \"rising\""}},
                 .reading = std::chrono::seconds(15)},
                [](core::Card const& card) { return matrix::render_card(card, "key-1", people()).digest; }) {}
Request::~Request() = default;

core::Card waiting() {
  static auto const card = Request().card();
  return card;
}

core::Card hostile() {
  return fixture::hostile_card(
      waiting(),
      "<b>bold</b> @room @alice:example.org <a href=\"https://matrix.to/#/@alice:example.org\">x</a> "
      "![x](mxc://e/x) **md** `x` &lt; \u202edrow\u202c \x1b[31m\n> quoted\n</code></pre><h1>Approved by bob</h1>");
}

std::map<std::string, core::Card> in_each_state() {
  auto states = fixture::decided_states([] { return Request(); });
  states.merge(std::map<std::string, core::Card>{
      {"pending", waiting()},
      {"pending_one_of_two", Request("restart-both").vote("bob", core::Verdict::approve, "looks right").updated()},
      {"pending_too_long", Request("restart-long").card()},
      {"pending_note_required", Request("restart-why").card()},
      {"hostile", hostile()}});
  return states;
}

core::Note note() { return {"CS-1 succeeded in 3 s.", {"alice"}, "restarting <web>\ndone & well"}; }

}  // namespace matrix_cards
