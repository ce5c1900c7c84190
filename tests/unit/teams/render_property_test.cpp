// Random hostile cards: whatever they hold, every limit is kept, nobody is pinged, nothing hides, and the whole action
// can be read. The checker knows Adaptive Cards and Teams' limits by itself and shares nothing with the renderer.
#include <random>

#include "adapters/teams/render.hpp"
#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/rounds.hpp"
#include "tests/unit/teams/cards.hpp"

using namespace teams;
using core::Json;

namespace {

constexpr std::size_t kMostBytes = 28 * 1024;

struct Dice {
  std::mt19937 engine;
  std::size_t below(std::size_t n) { return engine() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::string text(std::size_t most) {
    static std::vector<std::string> const kParts{"<at>",
                                                 "</at>",
                                                 "<at>bob</at>",
                                                 "Everyone",
                                                 "**",
                                                 "_",
                                                 "`",
                                                 "[x](https://e)",
                                                 "![i](x)",
                                                 "# ",
                                                 "- ",
                                                 "1. ",
                                                 "\n",
                                                 "\r\n",
                                                 "\t",
                                                 " ",
                                                 "  ",
                                                 "{{DATE(2017-02-14T06:08:39Z)}}",
                                                 "{{TIME(",
                                                 "{{",
                                                 "}}",
                                                 "${x}",
                                                 "<b>",
                                                 "&lt;",
                                                 "\"",
                                                 "\\",
                                                 "\x1b[31m",
                                                 "\u202e",
                                                 "\u2066",
                                                 "\u200b",
                                                 "\ufeff",
                                                 "\xff",
                                                 "\xed\xa0\x80",
                                                 "\U0001f600",
                                                 "e\u0301",
                                                 "word",
                                                 "rm -rf /",
                                                 "\x01",
                                                 std::string(1, '\0')};
    std::string out;
    for (auto n = below(most + 1); n > 0; --n) out += kParts[below(kParts.size())];
    return out;
  }
  std::vector<std::string> lines(std::size_t count, std::size_t most) {
    std::vector<std::string> out(below(count + 1));
    for (auto& line : out) line = text(one_in(12) ? 40 * most : most);
    return out;
  }
};

core::Card random_card(Dice& dice) {
  auto card = teams_cards::waiting();
  for (auto* field : {&card.title, &card.status, &card.notification, &card.reason, &card.if_unanswered,
                      &card.how_by_text, &card.ledger_path, &card.commit})
    *field = dice.text(dice.one_in(6) ? 1500 : 20);
  card.facts.clear();
  for (auto n = dice.below(14); n > 0; --n)
    card.facts.push_back({dice.text(8), dice.text(dice.one_in(4) ? 400 : 20), dice.one_in(2) ? "bob" : ""});
  card.action = dice.lines(dice.one_in(5) ? 200 : 8, 20);
  std::size_t bytes = 0;
  std::erase_if(card.action, [&](auto const& line) { return (bytes += line.size()) > 32 * 1024; });
  card.action.push_back("last: step");
  card.highlights = dice.lines(60, 20);
  card.evidence = dice.lines(40, 20);
  card.votes = dice.lines(30, 20);
  card.mention.clear();
  for (auto n = dice.below(60); n > 0; --n) card.mention.push_back(dice.one_in(2) ? "p" + std::to_string(n) : "bob");
  if (dice.one_in(4)) card.buttons.clear();
  if (dice.one_in(4)) {
    for (auto& button : card.buttons) {
      button.form = core::Button::Form::with_note;
      button.note_required = true;
      button.label = dice.text(30);
    }
  }
  return card;
}

People many_people() {
  auto people = teams_cards::people();
  for (int i = 0; i < 60; ++i)
    people["p" + std::to_string(i)] = "00000000-0000-4000-8000-0000000000" + std::to_string(10 + i);
  return people;
}

std::vector<std::string> many_watchers(Dice& dice) {
  std::vector<std::string> ids;
  for (auto n = dice.below(100); n > 0; --n) ids.push_back("29:" + std::string(dice.below(140), 'w'));
  return ids;
}

// Walks a card as a client would.
struct Reader {
  std::string action;              // what stands in the action's box
  std::set<std::string> mentions;  // of TextBlocks: the only elements in which Teams looks for them
  std::set<std::string> verbs, ids;
  std::size_t inputs = 0;

  void text(std::string const& shown) {
    CHECK_FALSE(shown.empty());
    CHECK(core::visible_text(shown) == shown);
    for (auto const* macro : {"{{DATE(", "{{TIME("}) CHECK(shown.find(macro) == std::string::npos);
  }
  void element(Json const& one, std::string const& inside) {
    auto const type = one["type"].text(), id = one["id"].text();
    CHECK((!id.empty() && ids.insert(id).second));
    if (type == "RichTextBlock") {
      CHECK_FALSE(one["inlines"].if_array()->empty());
      for (auto const& run : *one["inlines"].if_array()) {
        CHECK(run["type"].text() == "TextRun");
        text(run["text"].text());
        if (inside == "action" && id == "action-lines") action += run["text"].text();
      }
    } else if (type == "TextBlock") {  // markdown and mentions live here: nothing of others may
      std::string rest = one["text"].text();
      while (!rest.empty()) {
        auto const end = rest.find("</at>");
        REQUIRE((rest.starts_with("<at>") && end != std::string::npos));
        auto const name = rest.substr(4, end - 4);
        CHECK(std::ranges::all_of(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }));
        mentions.insert("<at>" + name + "</at>");
        rest.erase(0, end + 5);
        if (rest.starts_with(' ')) rest.erase(0, 1);
      }
    } else if (type == "Container") {
      for (auto const& item : *one["items"].if_array()) element(item, id);
    } else if (type == "Input.Text") {
      ++inputs;
      CHECK_FALSE(one["label"].text().empty());
      if (one["isRequired"].boolean()) CHECK_FALSE(one["errorMessage"].text().empty());
    } else if (type == "ActionSet") {
      auto const& actions = *one["actions"].if_array();
      CHECK((!actions.empty() && actions.size() <= 6));
      for (auto const& button : actions) {
        CHECK(button["type"].text() == "Action.Execute");
        CHECK(button["fallback"]["type"].text() == "Action.Submit");
        CHECK_FALSE(button["title"].text().empty());
        CHECK(button["data"]["note"].is_null());  // an input of that name would win
        verbs.insert(button["verb"].text());
      }
    } else {
      FAIL("an element that we don't use: " << type);
    }
  }
  void card(Json const& card) {
    CHECK(card["type"].text() == "AdaptiveCard");
    CHECK(card["version"].text() == "1.5");
    for (auto const& one : *card["body"].if_array()) element(one, {});
    std::set<std::string> entities;
    if (auto const* list = card["msteams"]["entities"].if_array()) {
      CHECK(list->size() <= 20);
      for (auto const& entity : *list) entities.insert(entity["text"].text());
    }
    CHECK(entities == mentions);  // letter for letter
    if (auto const* users = card["refresh"]["userIds"].if_array()) CHECK(users->size() <= 60);
    CHECK(inputs <= 2);  // a note, a question
  }
};

// The lines of an action as they may stand in a card, by the rule in render_text.hpp.
std::string as_shown(std::vector<std::string> const& lines) {
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    bool blank = true;
    for (char const c : core::visible_text(lines[i])) {
      if (c == '\n') {
        out += "\\n";
      } else if (c == '\t') {
        out += "\\t";
      } else {
        out += c == ' ' && blank ? "\u00a0" : std::string(1, c);
      }
      blank = c == ' ';
    }
  }
  return out;
}

}  // namespace

TEST_CASE("teams render: T4 T35 T36 random hostile cards keep every limit, ping nobody and hide nothing") {
  auto const people = many_people();
  std::size_t whole = 0, paged = 0, largest = 0;
  for (unsigned seed = 0; seed < support::quick_rounds(1200); ++seed) {
    CAPTURE(seed);
    Dice dice{std::mt19937(seed)};
    auto const card = random_card(dice);
    auto const body = render_card(card, people, many_watchers(dice)).body;
    auto const bytes = core::dump(body);
    CHECK(bytes.size() <= kMostBytes);
    largest = std::max(largest, bytes.size());
    CHECK_FALSE(body["summary"].text().empty());
    CHECK(core::visible_text(body["summary"].text()) == body["summary"].text());
    Reader reader;
    reader.card(card_in(body));
    CHECK((reader.mentions.empty() || !card.mention.empty()));
    CHECK(core::dump(answer_with_card(with_words(card_in(body), std::string(5000, '"')))).size() <= kMostBytes);
    CHECK(core::dump(answer_with_card(for_onlooker(card_in(body), std::string(5000, '"')))).size() <= kMostBytes);
    auto const plain = core::dump(plain_fallback(body));
    CHECK(plain.size() <= kMostBytes);
    if (card.buttons.empty()) {
      for (auto const& verb : reader.verbs) CHECK((verb == "ask" || verb == "again"));
      continue;
    }
    auto const complete = as_shown(card.action);
    if (reader.verbs.contains("approve")) {
      ++whole;
      CHECK(reader.action == complete);  // what is approved here can be read here
    } else {
      ++paged;
      CHECK(reader.verbs.contains("show"));
      core::VoteView view = teams_cards::Scene("restart-why").view();
      view.action = card.action;
      view.title = dice.text(300);
      view.summary = dice.text(300);
      std::string shown;
      for (std::size_t page = 1; page <= page_count(view); ++page) {
        Reader pages;
        auto const content = render_page(view, origin_of(card_in(body)).value(), page);
        pages.card(content);
        CHECK(core::dump(answer_with_card(content)).size() <= kMostBytes);
        CHECK(pages.verbs.contains("approve") == (page == page_count(view)));
        CHECK(pages.mentions.empty());
        shown += pages.action;
      }
      CHECK(shown == complete);
    }
  }
  CHECK(whole > support::quick_rounds(200));
  CHECK(paged > support::quick_rounds(100));
  CHECK(largest > 20'000);  // the limit was worth testing
}

TEST_CASE("teams render: T36 hostile notes, answers and words ping nobody but whom they are for") {
  for (unsigned seed = 0; seed < support::quick_rounds(400); ++seed) {
    CAPTURE(seed);
    Dice dice{std::mt19937(seed)};
    core::Note const note{dice.text(400), {}, dice.text(2000)};
    auto const body = render_note(note, teams_cards::people()).body;
    CHECK(core::dump(body).size() <= kMostBytes);
    Reader reader;
    reader.card(card_in(body));
    CHECK(reader.mentions.empty());
    auto const answer = render_answer("bob", teams_cards::people().at("bob"), dice.text(3000));
    CHECK(core::dump(answer).size() <= kMostBytes);
    Reader told;
    told.card(card_in(answer));
    CHECK(told.mentions == std::set<std::string>{"<at>bob</at>"});
    Reader words;
    words.card(render_words(dice.text(3000)));
    CHECK(words.mentions.empty());
  }
}
