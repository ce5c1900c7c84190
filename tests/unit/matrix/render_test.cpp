#include "adapters/matrix/render.hpp"

#include "adapters/matrix/render_text.hpp"
#include "bot/core/rendering.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/talking_evidence.hpp"
#include "tests/unit/matrix/cards.hpp"

using namespace matrix;
using core::Json;

namespace {

void check_golden(std::string const& name, Json const& body) { support::check_golden(MATRIX_GOLDEN, name, body); }

Json const& said(Json const& body) { return body[kOurs]; }

}  // namespace

TEST_CASE("matrix render: the message in each state is as it was") {
  for (auto const& [name, card] : matrix_cards::in_each_state()) {
    CAPTURE(name);
    check_golden(name, render_card(card, "key-1", matrix_cards::people()).body);
  }
  check_golden("note", render_note(matrix_cards::note(), "key-2", matrix_cards::people()).body);
  auto const approved =
      render_card(matrix_cards::Request().vote("bob").updated(), "key-1", matrix_cards::people()).body;
  check_golden("edit", render_edit(approved, "$card"));
  check_golden("answer", render_answer("@bob:example.org", "CS-1: It expired.\nAsk again.", "answer-1", false));
  check_golden("ask", render_answer("@bob:example.org", "Say why: reply here.", "ask-1", true));
  Json parts = Json::array();
  auto const long_one = matrix_cards::Request("restart-long");
  auto const meaning = meaning_of(render_card(long_one.card(), "key-1", matrix_cards::people()).body);
  for (auto const& part : render_action(long_one.view(), meaning.value(), "action-1", "@bob:example.org"))
    parts.push(in_thread(part, "$card"));
  check_golden("action", parts);
}

TEST_CASE("matrix render: a waiting card says all that a tired approver needs") {
  auto const card = matrix_cards::waiting();
  auto const body = render_card(card, "key-1", matrix_cards::people()).body;
  CHECK(body["msgtype"].text() == "m.text");  // a notice would wake nobody
  CHECK(body["m.mentions"]["user_ids"] == Json::array({"@bob:example.org", "@carol:example.org", "@erin:example.org"}));
  CHECK(said(body)["key"].text() == "key-1");
  CHECK(said(body)["request"].text() == card.request_id);
  CHECK(said(body)["binding"].text() == card.binding);
  CHECK(said(body)["approve"].text() == "direct");
  CHECK(said(body)["deny"].text() == "direct");
  CHECK_THAT(body["body"].text(), Catch::StartsWith("CS-1 Restart web"));
  for (auto const& form : {body["body"].text(), body["formatted_body"].text()}) {
    for (auto const& word :
         {std::string("systemctl restart web.service"), std::string("If nobody answers"),
          "!countersign " + card.how_by_text, card.ledger_path, std::string("10:12:03 fatal: out of memory"),
          std::string("\u2705 approves. \u274c denies.")})
      CHECK_THAT(form, Catch::Contains(word));
  }
}

TEST_CASE("matrix render: what a reaction does stands in the message and in its words") {
  auto const forms = [](core::Card const& card) {
    auto const meaning = meaning_of(render_card(card, "k", matrix_cards::people()).body).value();
    return std::pair{meaning.approve, meaning.deny};
  };
  using Form = Meaning::Form;
  CHECK(forms(matrix_cards::waiting()) == std::pair{Form::direct, Form::direct});
  CHECK(forms(matrix_cards::Request("restart-why").card()) == std::pair{Form::with_note, Form::with_note});
  CHECK(forms(matrix_cards::Request("restart-long").card()) == std::pair{Form::view, Form::direct});
  CHECK(forms(matrix_cards::Request("restart-long-why").card()) == std::pair{Form::view, Form::with_note});
  CHECK(forms(matrix_cards::Request().vote("bob").updated()) == std::pair{Form::none, Form::none});
  auto const text =
      render_card(matrix_cards::Request("restart-why").card(), "k", matrix_cards::people()).body["body"].text();
  CHECK_THAT(text, Catch::Contains("you are asked why"));
}

TEST_CASE("matrix render: the digest covers all but itself, and an update names what was posted") {
  auto const first = render_card(matrix_cards::waiting(), "key-1", matrix_cards::people());
  CHECK(said(first.body)["rendering"].text() == first.digest);
  CHECK(core::rendering_digest("matrix", first.body).value() == first.digest);
  auto other = matrix_cards::waiting();
  other.status = "Waiting: nobody";
  CHECK(render_card(other, "key-1", matrix_cards::people()).digest != first.digest);
  other.rendering = first.digest;
  auto const update = render_card(other, "key-1", matrix_cards::people());
  CHECK(said(update.body)["rendering"].text() == first.digest);
  CHECK(update.digest != first.digest);
}

// Computed by what follows, from the text of ledger/FORMAT.md alone:
//   python3 -c '
//   import hashlib, json, sys
//   body = json.load(sys.stdin)
//   ours = body.get("org.countersign.message")
//   if isinstance(ours, dict) and "rendering" in ours: ours["rendering"] = ""
//   text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
//   print("sha256:" + hashlib.sha256(text.encode()).hexdigest())' < golden/NAME.json
TEST_CASE("matrix render: the rendering digest is what the format says, as another program computes it") {
  CHECK(render_card(matrix_cards::waiting(), "key-1", matrix_cards::people()).digest ==
        "sha256:0a195f5257693892847271fb64a54e9672f2acd20dd9441a748f0770c6cf7b16");
  CHECK(render_note(matrix_cards::note(), "key-2", matrix_cards::people()).digest ==
        "sha256:d6d2c0e15e808b6f7cfa2c3f4e15f91fc04c7a8a6a6f40a10d8efa13528fc2fc");
}

TEST_CASE("matrix render: an edit replaces the original for all clients and keeps what it means") {
  auto const body = render_card(matrix_cards::Request().vote("bob").updated(), "key-1", matrix_cards::people()).body;
  auto const edit = render_edit(body, "$card");
  CHECK(edit["m.new_content"] == body);
  CHECK(edit["m.mentions"] == Json::object({}));
  CHECK(edit["m.relates_to"]["rel_type"].text() == "m.replace");
  CHECK(edit["m.relates_to"]["event_id"].text() == "$card");
  CHECK_THAT(edit["body"].text(), Catch::StartsWith("* CS-1") && Catch::Contains("Approved by bob"));
}

TEST_CASE("matrix render: notes notify whom they mention, others are notices") {
  auto note = matrix_cards::note();
  auto const body = render_note(note, "k", matrix_cards::people()).body;
  CHECK(body["msgtype"].text() == "m.text");
  CHECK(body["m.mentions"]["user_ids"] == Json::array({"@alice:example.org"}));
  note.mention = {"somebody-unknown"};
  auto const quiet = render_note(note, "k", matrix_cards::people()).body;
  CHECK(quiet["msgtype"].text() == "m.notice");
  CHECK(quiet["m.mentions"] == Json::object({}));
  note.block = std::string(200'000, '"') + "\nthe very end";
  auto const cut_short = render_note(note, "k", matrix_cards::people()).body;
  CHECK(core::dump(cut_short).size() <= kMaxCopyBytes);
  CHECK_THAT(cut_short["body"].text(), Catch::Contains("the very end") && Catch::Contains("in the ledger"));
}

TEST_CASE("matrix render: an action that does not fit is approved only where all of it stands") {
  auto card = matrix_cards::waiting();
  card.action.assign(400, "step: /bin/true argument");
  auto const body = render_card(card, "k", matrix_cards::people()).body;
  CHECK(said(body)["approve"].text() == "view");
  CHECK(said(body)["deny"].text() == "direct");  // a no needs no reading
  CHECK_THAT(body["body"].text(), Catch::Contains("more lines, react"));
}

TEST_CASE("matrix render: a card that can't be shown is refused, not shown without its action") {
  auto card = matrix_cards::waiting();
  card.binding = std::string(30'000, 'x');
  CHECK_THROWS_AS(render_card(card, "k", matrix_cards::people()), core::Failure);
  auto view = matrix_cards::Request("restart-long").view();
  view.action.assign(40'000, std::string(40, '"'));
  CHECK_THROWS_AS(render_action(view, {}, "k", "@bob:example.org"), core::Failure);
}

TEST_CASE("matrix render: a message that the server refuses still shows what it is about") {
  auto card = matrix_cards::waiting();
  card.reason = std::string(3900, 'r');
  auto const body = render_card(card, "k", matrix_cards::people()).body;
  auto const plain = plain_fallback(body);
  CHECK(plain["formatted_body"].is_null());
  CHECK(plain["format"].is_null());
  CHECK(plain["body"] == body["body"]);
  CHECK(said(plain)["approve"].text() == "direct");
  Json longer = body;
  longer.set("body", std::string(20'000, 'x'));
  CHECK(plain_fallback(longer)["body"].text().size() <= 8 * 1024);
  CHECK(said(plain_fallback(longer))["approve"].text() == "view");
}

TEST_CASE("matrix render: what a message says about itself is read back, and nothing else is") {
  CHECK_FALSE(meaning_of(Json::object({{"body", "x"}})).has_value());
  CHECK_FALSE(meaning_of(core::parse_json(R"({"org.countersign.message":{"v":2,"kind":"card"}})").value()).has_value());
  CHECK_FALSE(meaning_of(core::parse_json(R"({"org.countersign.message":{"v":1,"kind":"x"}})").value()).has_value());
  CHECK_FALSE(meaning_of(core::parse_json(R"({"org.countersign.message":"card"})").value()).has_value());
  auto const meaning =
      meaning_of(core::parse_json(R"({"org.countersign.message":{"v":1,"kind":"card","approve":"now"}})").value());
  REQUIRE(meaning.has_value());
  CHECK(meaning->approve == Meaning::Form::none);
}

TEST_CASE("matrix render text: cuts and escapes on borders") {
  CHECK(escape_html("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
  CHECK(cut("a\U0001f600b", 5) == "a…");
  CHECK(cut("abc", 3) == "abc");
  CHECK(clean_line("a\nb\tc\u202e") == "a\\nb\\tc\\u{202E}");
  auto const fitted =
      fit_lines({std::string(30, 'a'), std::string(30, 'b'), std::string(30, 'c')}, 80, "in the ledger");
  CHECK_FALSE(fitted.whole);
  CHECK(fitted.lines == std::vector<std::string>{std::string(30, 'a'), "… (2 more lines, in the ledger)"});
  CHECK(fit_lines({"a", "b"}, 4, "x").whole);
}

TEST_CASE("T34 matrix render: 200 texts that talk to the approver stay what they are, evidence") {
  // What stands before the label and from the list of exhibits on.
  auto const around = [](std::string const& html, std::string* evidence) {
    auto const label = html.find("Evidence (untrusted)"), end = html.rfind("Exhibits:");
    REQUIRE(label != std::string::npos);
    if (evidence) *evidence = html.substr(label, end == std::string::npos || end < label ? end : end - label);
    return html.substr(0, label) + (end == std::string::npos || end < label ? "" : html.substr(end));
  };
  auto const honest = render_card(matrix_cards::waiting(), "key-1", matrix_cards::people()).body;
  std::size_t number = 0;
  Json shown = Json::array();
  for (auto const& card : support::talking_cards(matrix_cards::waiting())) {
    CAPTURE(number);
    auto const body = render_card(card, "key-1", matrix_cards::people()).body;
    auto const html = body["formatted_body"].text();
    support::check_talking(html, "systemctl restart web.service", number);
    support::check_talking(body["body"].text(), "systemctl restart web.service", number++);
    std::string evidence;
    CHECK(around(html, &evidence) == around(honest["formatted_body"].text(), nullptr));
    CHECK(body["m.mentions"] == honest["m.mentions"]);
    CHECK(evidence.find("<a ") == std::string::npos);
    CHECK(evidence.find("<h1") == std::string::npos);
    shown.push(evidence);
  }
  check_golden("talking", shown);
}

TEST_CASE("T34 matrix render: long evidence in a thread says that nobody vouches for it, before it speaks") {
  std::size_t number = 0;
  for (auto const& note : support::talking_notes()) {
    CAPTURE(number);
    auto const body = render_note(note, "key-2", matrix_cards::people()).body;
    support::check_talking_note(body["formatted_body"].text(), number);
    support::check_talking_note(body["body"].text(), number++);
    CHECK(body["formatted_body"].text().find("<a ") == std::string::npos);
  }
}
