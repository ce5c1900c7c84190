#include "adapters/slack/render.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "adapters/slack/render_text.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/slack/cards.hpp"

using namespace slack;
using core::Json;

namespace {

// Compares with golden/NAME.json; UPDATE_GOLDEN=1 writes it instead.
void check_golden(std::string const& name, Json const& body) {
  auto const path = std::string(SLACK_GOLDEN) + "/" + name + ".json";
  auto const bytes = core::dump_pretty(body);
  if (std::getenv("UPDATE_GOLDEN")) {
    std::ofstream(path) << bytes;
    return;
  }
  std::ostringstream stored;
  stored << std::ifstream(path).rdbuf();
  CAPTURE(path);
  CHECK(stored.str() == bytes);
}

}  // namespace

TEST_CASE("slack render: the message in each state is as it was") {
  for (auto const& [name, card] : cards::in_each_state()) {
    CAPTURE(name);
    check_golden(name, render_card(card, "key-1", cards::people()).body);
  }
  check_golden("note", render_note(cards::note(), "key-2", cards::people()).body);
  check_golden("view", render_view(cards::view(),
                                   {"CS-20261121-000042-R1", "sha256:b", "sha256:r", "approve", "C0INC", "1.2"}, true));
}

TEST_CASE("slack render: a waiting card says all that a tired approver needs") {
  auto const rendered = render_card(cards::waiting(), "key-1", cards::people());
  auto const& body = rendered.body;
  CHECK_THAT(body["text"].text(), Catch::StartsWith("CS-42 Restart web") && Catch::EndsWith("<@U0BOB> <@U0CAROL>"));
  CHECK(body["metadata"]["event_payload"]["key"].text() == "key-1");
  CHECK(body["metadata"]["event_payload"]["request"].text() == "CS-20261121-000042-R1");
  CHECK(body["link_names"] == Json(false));
  CHECK(body["parse"].text() == "none");
  CHECK(body["unfurl_links"] == Json(false));
  auto const bytes = core::dump(body);
  for (auto const* word : {"systemctl restart web.service", "If nobody answers", "/countersign approve CS-42 7f3a",
                           "cases/2026/11/21/00/00/CS-20261121-000042/requests/R1", "Evidence (untrusted)"})
    CHECK_THAT(bytes, Catch::Contains(word));
}

TEST_CASE("slack render: the digest covers all but the button values, which name it") {
  auto const rendered = render_card(cards::waiting(), "key-1", cards::people());
  CHECK(rendering_digest(rendered.body) == rendered.digest);
  auto const value = "v1|CS-20261121-000042-R1|" + cards::waiting().binding + "|" + rendered.digest;
  CHECK_THAT(core::dump(rendered.body), Catch::Contains(value));
  auto other = cards::waiting();
  other.status = "Waiting: nobody";
  auto const changed = render_card(other, "key-1", cards::people());
  CHECK(changed.digest != rendered.digest);
  CHECK(changed.body["blocks"].at_index(0)["block_id"] != rendered.body["blocks"].at_index(0)["block_id"]);
  CHECK(render_card(cards::waiting(), "key-1", cards::people()).body == rendered.body);
}

TEST_CASE("slack render: an action that does not fit is approved only where all of it stands") {
  auto card = cards::waiting();
  card.action.clear();
  for (int i = 0; i < 400; ++i)
    card.action.push_back(std::to_string(i) + ". step: /bin/true argument-" + std::to_string(i));
  auto const rendered = render_card(card, "k", cards::people());
  auto const bytes = core::dump(rendered.body);
  CHECK_THAT(bytes, Catch::Contains("more lines, press Approve to read it all before it counts"));
  CHECK_THAT(bytes, Catch::Contains(R"("action_id":"approve_view")"));
  CHECK_THAT(bytes, !Catch::Contains(R"("action_id":"approve")"));
  CHECK_THAT(bytes, Catch::Contains(R"("action_id":"deny")"));  // a no needs no reading
  auto view = cards::view();
  view.action = card.action;
  auto const shown = core::dump(render_view(view, {}, true));
  for (auto const& line : card.action) CHECK_THAT(shown, Catch::Contains(line));
}

TEST_CASE("slack render: mentions only where the card asks for them, each once") {
  auto card = cards::waiting();
  card.mention = {"bob", "bob", "nobody-we-know"};
  auto const text = render_card(card, "k", cards::people()).body["text"].text();
  CHECK(text.find("<@U0BOB>") == text.rfind("<@U0BOB>"));
  card.mention.clear();
  CHECK_THAT(core::dump(render_card(card, "k", cards::people()).body), !Catch::Contains("<@"));
}

TEST_CASE("slack render: when blocks are refused the bare message still shows the action") {
  auto card = cards::waiting();
  card.action = {"1. restart: echo <!channel> & more"};
  auto const plain = plain_fallback(render_card(card, "k", cards::people()).body);
  CHECK_THAT(plain["text"].text(),
             Catch::Contains("echo &lt;!channel&gt; &amp; more") && Catch::Contains("/countersign approve CS-42 7f3a"));
  CHECK(plain["blocks"] == Json::array());
  card.action.assign(300, std::string(60, '&'));
  auto const cut_text = plain_fallback(render_card(card, "k", cards::people()).body)["text"].text();
  CHECK(length_of(cut_text) <= kMaxMessageText);
  CHECK_THAT(cut_text, Catch::Contains("read it there before deciding"));
}

TEST_CASE("slack render: a card that can't be shown is refused, not shown without its action") {
  auto card = cards::waiting();
  card.binding = std::string(3000, 'x');
  CHECK_THROWS_AS(render_card(card, "k", cards::people()), core::Failure);
  auto view = cards::view();
  view.action.assign(20'000, std::string(40, 'x'));
  CHECK_THROWS_AS(render_view(view, {}, true), core::Failure);
}

TEST_CASE("slack render text: counts, cuts and escapes on borders") {
  CHECK(length_of("a\u00e9\u20ac\U0001f600") == 5);
  CHECK(cut("a\U0001f600b", 2) == "a…");
  CHECK(cut("abc", 3) == "abc");
  CHECK(escape("a<b>&amp;") == "a&lt;b&gt;&amp;amp;");
  CHECK(escape_and_cut("<<<<", 9) == "&lt;&lt;…");
  CHECK(escape_and_cut("<<", 8) == "&lt;&lt;");
  CHECK(fit_lines({"a", "b"}, 3, "x").text == "a\nb");
  auto const fitted =
      fit_lines({std::string(30, 'a'), std::string(30, 'b'), std::string(30, 'c')}, 80, "in the ledger");
  CHECK_FALSE(fitted.whole);
  CHECK(fitted.text == std::string(30, 'a') + "\n… (2 more lines, in the ledger)");
  CHECK(clean_line("a\nb\tc\u202e") == "a\\nb\\tc\\u{202E}");
}
