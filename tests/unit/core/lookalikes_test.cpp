#include "bot/core/lookalikes.hpp"

#include <algorithm>

#include "bot/core/card.hpp"
#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using core::expose_lookalikes;

TEST_CASE("T35 mixed scripts: a letter that passes for another is shown as what it is") {
  CHECK(expose_lookalikes("restart prоd now") == "restart pr\\u{043E}d now");
  CHECK(expose_lookalikes("аpi.example.org") == "\\u{0430}pi.example.org");
  CHECK(expose_lookalikes("Αdmin") == "\\u{0391}dmin");
  CHECK(expose_lookalikes("ɑlice and bоb_2") == "\\u{0251}lice and b\\u{043E}b_2");
  CHECK(expose_lookalikes("service асе is down") ==
        "service \\u{0430}\\u{0441}\\u{0435} is down");  // whole word of twins
  CHECK(expose_lookalikes("ｗｅｂ") == "\\u{FF57}\\u{FF45}\\u{FF42}");
  CHECK(expose_lookalikes("𝐰eb") == "\\u{1D430}eb");
  CHECK(expose_lookalikes("ℂlear cℴst \u212Aill") == "\\u{2102}lear c\\u{2134}st \\u{212A}ill");
  CHECK(expose_lookalikes("ⅽontrol ⅿ") == "\\u{217D}ontrol \\u{217F}");
  CHECK(expose_lookalikes("aꞌb ꜱudo") == "a\\u{A78C}b \\u{A731}udo");
  CHECK(expose_lookalikes("aǀb webǃ") == "a\\u{01C0}b web\\u{01C3}");
}

TEST_CASE("T35 mixed scripts: languages stay readable") {
  for (auto const* honest :
       {"", "plain ASCII", "Überprüfung läuft, à bientôt, señor, řeka", "служба не отвечает", "η υπηρεσία δεν απαντά",
        "再起動してください: web 次第", "다시 시작", "5µs at 20 °C — “quoted” … ✔ ≤ 3", "сервис web упал",
        "naïve café\nсуть дела", "заявка № 5, Linux™", "\U0001f600 fine"}) {
    CAPTURE(honest);
    CHECK(expose_lookalikes(honest) == honest);
  }
}

TEST_CASE("property T35 mixed scripts: the result is final, valid and bounded, whatever comes") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::string raw;
    for (unsigned n = 0; n < 60; ++n) {
      auto const pick = (seed * 2654435761u + n * 40503u) >> 7;
      static constexpr char const* kPieces[] = {"a", "о",   "α",   " ", "\n",   "９", "\xf0\x9d", "\xd0",
                                                "é", "web", "асе", "-", "\xff", "𝐰",  "日",       "\u200b",
                                                "м", "_",   "ⅽ",   "ℴ", "ǀ",    "ꜱ"};
      raw += kPieces[pick % std::size(kPieces)];
    }
    auto const text = core::visible_text(raw);
    auto const once = expose_lookalikes(text);
    CAPTURE(seed, text, once);
    CHECK(core::is_utf8(once));
    CHECK(expose_lookalikes(once) == once);
    CHECK(once.size() <= 4 * text.size());
    CHECK(core::visible_text(once) == once);
  }
}

TEST_CASE("T35 a letter that passes for another is shown wherever a card or a note quotes somebody") {
  // "prod" with a Cyrillic letter, and as it is to be read.
  std::string const given = "prоd", shown = "pr\\u{043E}d";
  REQUIRE(expose_lookalikes(given) == shown);
  fixture::Story story;
  auto& restart = story.rules.runbooks.at("restart-service");
  restart.summary = "Restart {{service}} in " + given;
  restart.steps.front().argv = {"systemctl", "restart", "{{service}}", "--where=" + given};
  restart.environment = {{"WHERE", given}};
  restart.lock = "service/" + given;
  story.reload(story.rules);
  auto ask = story.asked(core::Actor::person("alice"), "restart-service", {{"service", "web"}});
  ask.reason = "because of " + given;
  ask.labels = {{"where", given}};
  story.send(ask);
  auto const id = story.reply().request.value();
  auto const early = core::make_card(story.state, story.at(id), story.now);
  auto collected = story.collected(id);
  collected.evidence.exhibits.front().name = "of " + given;
  collected.evidence.highlights = {{"host", given + " is down"}};
  story.send(collected);
  REQUIRE(story.phase(id) == core::Phase::pending);
  auto const waiting = core::make_card(story.state, story.at(id), story.now);
  auto cast = story.cast("bob", id, core::Verdict::deny);
  cast.note = "not in " + given;
  story.send(cast);
  REQUIRE(story.phase(id) == core::Phase::denied);
  auto const denied = core::make_card(story.state, story.at(id), story.now);
  auto const outcome = core::make_outcome_note(story.state, story.at(id));
  auto const question =
      core::make_question_note(story.at(id), {.person = "bob", .at = story.now, .text = "why " + given + "?"});

  auto const fact = [&](std::string_view label) {
    auto const found = std::ranges::find(waiting.facts, label, &core::Fact::label);
    return found == waiting.facts.end() ? "" : found->value;
  };
  std::string action, votes;
  for (auto const& line : waiting.action) action += line + '\n';
  for (auto const& line : denied.votes) votes += line + '\n';
  for (auto const& [where, text] : std::vector<std::pair<std::string, std::string>>{
           {"title", waiting.title},
           {"title before it is opened", early.title},
           {"notification before it is opened", early.notification},
           {"notification", waiting.notification},
           {"notification at the end", denied.notification},
           {"target", fact("Target")},
           {"label", fact("where")},
           {"reason", waiting.reason},
           {"arguments", action.substr(action.find("--where="))},
           {"environment", action.substr(action.find("WHERE="))},
           {"highlights", waiting.highlights.front()},
           {"exhibits", waiting.evidence.front()},
           {"votes", votes},
           {"outcome's name", outcome.text.substr(0, outcome.text.find(':'))},
           {"outcome's note", outcome.text.substr(outcome.text.find(':'))},
           {"question", question.text}}) {
    CAPTURE(where, text);
    CHECK(text.find(shown) != std::string::npos);
    CHECK(text.find(given) == std::string::npos);
  }
}
