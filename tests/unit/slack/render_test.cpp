#include "adapters/slack/render.hpp"

#include "adapters/slack/render_text.hpp"
#include "bot/core/rendering.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/talking_evidence.hpp"
#include "tests/unit/slack/cards.hpp"

using namespace slack;
using core::Json;

namespace {

void check_golden(std::string const& name, Json const& body) { support::check_golden(SLACK_GOLDEN, name, body); }

}  // namespace

TEST_CASE("slack render: the message in each state is as it was") {
  for (auto const& [name, card] : slack_cards::in_each_state()) {
    CAPTURE(name);
    check_golden(name, render_card(card, "key-1", slack_cards::people()).body);
  }
  check_golden("note", render_note(slack_cards::note(), "key-2", slack_cards::people()).body);
  check_golden("view", render_view(slack_cards::view(),
                                   {"CS-20261121-000042-R1", "sha256:b", "sha256:r", "approve", "C0INC", "1.2"}, true));
}

TEST_CASE("slack render: a waiting card says all that a tired approver needs") {
  auto const card = slack_cards::waiting();
  auto const rendered = render_card(card, "key-1", slack_cards::people());
  auto const& body = rendered.body;
  CHECK_THAT(body["text"].text(),
             Catch::StartsWith("CS-2 Restart web") && Catch::EndsWith("<@U0BOB> <@U0CAROL> <@U0ERIN>"));
  CHECK(body["metadata"]["event_payload"]["key"].text() == "key-1");
  CHECK(body["metadata"]["event_payload"]["request"].text() == card.request_id);
  CHECK(body["link_names"] == Json(false));
  CHECK(body["parse"].text() == "none");
  CHECK(body["unfurl_links"] == Json(false));
  auto const bytes = core::dump(body);
  for (auto const& word :
       {std::string("systemctl restart web.service"), std::string("If nobody answers"), card.how_by_text,
        card.ledger_path, std::string("Evidence (untrusted)"), std::string("failed 2026-11-22 11:00"),
        std::string("succeeded 2026-11-21 10:00"), std::string("10:12:03 fatal: out of memory")})
    CHECK_THAT(bytes, Catch::Contains(word));
}

TEST_CASE("slack render: the digest covers all but the button values, which name it") {
  auto const rendered = render_card(slack_cards::waiting(), "key-1", slack_cards::people());
  auto const value =
      "v1|" + slack_cards::waiting().request_id + "|" + slack_cards::waiting().binding + "|" + rendered.digest;
  CHECK_THAT(core::dump(rendered.body), Catch::Contains(value));
  auto other = slack_cards::waiting();
  other.status = "Waiting: nobody";
  auto const changed = render_card(other, "key-1", slack_cards::people());
  CHECK(changed.digest != rendered.digest);
  CHECK(changed.body["blocks"].at_index(0)["block_id"] != rendered.body["blocks"].at_index(0)["block_id"]);
  CHECK(render_card(slack_cards::waiting(), "key-1", slack_cards::people()).body == rendered.body);
}

// The digests below were not computed by us, but by what follows, from the text of ledger/FORMAT.md alone:
//   python3 -c '
//   import hashlib, json, sys
//   def blank(v):
//       if isinstance(v, list): return [blank(x) for x in v]
//       if not isinstance(v, dict): return v
//       out = {k: blank(x) for k, x in v.items()}
//       if out.get("type") == "button" and "value" in out: out["value"] = ""
//       return out
//   body = blank(json.load(sys.stdin))
//   text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
//   print("sha256:" + hashlib.sha256(text.encode()).hexdigest())' < golden/NAME.json
// (json.dumps gives the RFC 8785 form here: member names are ASCII, numbers whole, no control character but line feed.)
TEST_CASE("the rendering digest is what the format says, as another program computes it") {
  auto const digest = [](std::string const& body) {
    return core::rendering_digest("slack", core::parse_json(body).value());
  };
  CHECK(render_card(slack_cards::waiting(), "key-1", slack_cards::people()).digest ==
        "sha256:9c089f1ed13205d70293cbb5cfa606c2cfd5f42e4978692e9f865f3dba16a13d");
  CHECK(render_note(slack_cards::note(), "key-2", slack_cards::people()).digest ==
        "sha256:dc5bed368f6a399adad6c6fd672b78bcc8b2468dcc98b03800662482e868d021");
  // Objects without a type, values of what is no button, a button without a value, one whose value is an object.
  CHECK(
      digest(
          R"JSON({"text":"é & <x>\n","n":3,"blocks":[{"elements":[{"type":"button","value":"v1|a","text":{"text":"Yes"}},{"type":"button"},{"type":"button","value":{"deep":1}},{"type":"select","value":"kept","options":[{"value":"kept too"}]},{"value":"no type"},{"type":null,"value":"null type"}]}]})JSON")
          .value() == "sha256:c7e320ff8681abf5b5401244b1aff634ef213767b6c66086aee31d6dee2850f3");
  CHECK(digest(R"({"a":1})").value() == digest(R"( {"a" : 1} )").value());
  CHECK(digest(R"({"type":"button"})").value() != digest(R"({"type":"button","value":""})").value());
  CHECK(digest(R"({"n":0.5})").error().code == core::Errc::bad_input);
  CHECK(core::rendering_digest("carrier-pigeon", Json::object({})).error().code == core::Errc::unsupported);
}

TEST_CASE("slack render: an action that does not fit is approved only where all of it stands") {
  auto card = slack_cards::waiting();
  card.action.clear();
  for (int i = 0; i < 400; ++i)
    card.action.push_back(std::to_string(i) + ". step: /bin/true argument-" + std::to_string(i));
  auto const rendered = render_card(card, "k", slack_cards::people());
  auto const bytes = core::dump(rendered.body);
  CHECK_THAT(bytes, Catch::Contains("more lines, press Approve to read it all before it counts"));
  CHECK_THAT(bytes, Catch::Contains(R"("action_id":"approve_view")"));
  CHECK_THAT(bytes, !Catch::Contains(R"("action_id":"approve")"));
  CHECK_THAT(bytes, Catch::Contains(R"("action_id":"deny")"));  // a no needs no reading
  auto view = slack_cards::view();
  view.action = card.action;
  auto const shown = core::dump(render_view(view, {}, true));
  for (auto const& line : card.action) CHECK_THAT(shown, Catch::Contains(line));
}

TEST_CASE("slack render: mentions only where the card asks for them, each once") {
  auto card = slack_cards::waiting();
  card.mention = {"bob", "bob", "nobody-we-know"};
  auto const text = render_card(card, "k", slack_cards::people()).body["text"].text();
  CHECK(text.find("<@U0BOB>") == text.rfind("<@U0BOB>"));
  card.mention.clear();
  CHECK_THAT(core::dump(render_card(card, "k", slack_cards::people()).body), !Catch::Contains("<@"));
}

TEST_CASE("slack render: when blocks are refused the bare message still shows the action") {
  auto card = slack_cards::waiting();
  card.action = {"1. restart: echo <!channel> & more"};
  auto const plain = plain_fallback(render_card(card, "k", slack_cards::people()).body);
  CHECK_THAT(plain["text"].text(),
             Catch::Contains("echo &lt;!channel&gt; &amp; more") && Catch::Contains(card.how_by_text));
  CHECK(plain["blocks"] == Json::array());
  card.action.assign(300, std::string(60, '&'));
  auto const cut_text = plain_fallback(render_card(card, "k", slack_cards::people()).body)["text"].text();
  CHECK(length_of(cut_text) <= kMaxMessageText);
  CHECK_THAT(cut_text, Catch::Contains("read it there before deciding"));
}

TEST_CASE("slack render: a card that can't be shown is refused, not shown without its action") {
  auto card = slack_cards::waiting();
  card.binding = std::string(3000, 'x');
  CHECK_THROWS_AS(render_card(card, "k", slack_cards::people()), core::Failure);
  auto view = slack_cards::view();
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

TEST_CASE("T34 slack render: 200 texts that talk to the approver stay what they are, evidence") {
  auto const without = [](Json const& body, std::string* evidence) {
    Json rest = Json::array();
    for (auto const& block : *body["blocks"].if_array()) {
      if (!block["block_id"].text().starts_with("highlights")) {
        // The suffix of an id follows from the whole message.
        auto copy = block;
        auto const id = block["block_id"].text();
        rest.push(copy.set("block_id", id.substr(0, id.rfind('-'))));
      } else if (evidence) {
        *evidence = core::dump(block);
      }
    }
    // Button values name the digest of the whole.
    return rest;
  };
  auto honest = slack_cards::waiting();
  auto const base = without(render_card(honest, "key-1", slack_cards::people()).body, nullptr);
  std::size_t number = 0;
  Json shown = Json::array();
  for (auto const& card : support::talking_cards(honest)) {
    CAPTURE(number);
    auto const body = render_card(card, "key-1", slack_cards::people()).body;
    support::check_talking(core::dump(body["blocks"]), "systemctl restart web.service", number++);
    std::string evidence;
    auto const rest = without(body, &evidence);
    REQUIRE(rest.if_array()->size() == base.if_array()->size());
    for (std::size_t i = 0; i < rest.if_array()->size(); ++i) {
      if (rest.at_index(i)["type"].text() != "actions") CHECK(rest.at_index(i) == base.at_index(i));
    }
    for (auto const& block : *body["blocks"].if_array()) {
      if (!block["block_id"].text().starts_with("highlights")) continue;
      for (auto const& part : *block["elements"].if_array()) {
        for (auto const& piece : *part["elements"].if_array()) CHECK(piece["type"].text() == "text");
      }
    }
    CHECK(evidence.find("Evidence (untrusted)") != std::string::npos);
    shown.push(core::parse_json(evidence).value());
  }
  check_golden("talking", shown);
}

TEST_CASE("T34 slack render: long evidence in a thread says that nobody vouches for it, before it speaks") {
  std::size_t number = 0;
  for (auto const& note : support::talking_notes()) {
    CAPTURE(number);
    auto const body = render_note(note, "key-2", slack_cards::people()).body;
    support::check_talking_note(core::dump(body["blocks"]), number);
    support::check_talking_note(plain_fallback(body)["text"].text(), number++);
    for (auto const& block : *body["blocks"].if_array())
      CHECK((block["type"].text() == "section" || block["type"].text() == "rich_text"));
  }
}
