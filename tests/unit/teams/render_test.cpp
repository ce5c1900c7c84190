#include "adapters/teams/render.hpp"

#include "adapters/teams/render_text.hpp"
#include "bot/core/rendering.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/talking_evidence.hpp"
#include "tests/unit/teams/cards.hpp"

using namespace teams;
using core::Json;

namespace {

void check_golden(std::string const& name, Json const& body) { support::check_golden(TEAMS_GOLDEN, name, body); }

ports::Rendered render(core::Card const& card) {
  return render_card(card, teams_cards::people(), teams_cards::watchers());
}

Json element(Json const& card, std::string_view id) {
  for (auto const& one : *card["body"].if_array()) {
    if (one["id"].text() == id) return one;
  }
  return {};
}

Json action(Json const& card, std::string_view verb) {
  auto const set = element(card, "decide");
  for (std::size_t i = 0; !set["actions"].at_index(i).is_null(); ++i) {
    if (set["actions"].at_index(i)["verb"].text() == verb) return set["actions"].at_index(i);
  }
  return {};
}

}  // namespace

TEST_CASE("teams render: the message in each state is as it was") {
  for (auto const& [name, card] : teams_cards::in_each_state()) {
    CAPTURE(name);
    check_golden(name, render(card).body);
  }
  auto const succeeded = teams_cards::Scene().vote("bob", core::Verdict::approve).start().end("succeeded");
  check_golden("outcome", render_note(succeeded.outcome(), teams_cards::people()).body);
  auto const long_one = teams_cards::Scene("restart-long-why");
  auto const from = origin_of(card_in(render(long_one.card()).body)).value();
  check_golden("page_last", render_page(long_one.view(), from, 9));
  check_golden("answer", render_answer("bob", teams_cards::people().at("bob"), "CS-1: one\n  CS-2: two"));
  auto const base = card_in(render(teams_cards::waiting()).body);
  check_golden("refused", with_words(base, "Not counted: you asked for this yourself."));
  check_golden("onlooker", for_onlooker(base, "You asked for this yourself."));
  check_golden("plain", plain_fallback(render(teams_cards::waiting()).body));
}

TEST_CASE("teams render: a waiting card says all that a tired approver needs") {
  auto const card = teams_cards::waiting();
  auto const body = render(card).body;
  CHECK(body["type"].text() == "message");
  CHECK(body["summary"].text() == card.notification);
  CHECK(body["text"].is_null());  // text and card in one become two messages with one id
  auto const& content = card_in(body);
  CHECK(content["version"].text() == "1.5");
  auto const bytes = core::dump(content);
  for (auto const& word : {std::string("systemctl restart web.service"), std::string("If nobody answers"),
                           "@Countersign " + card.how_by_text, card.ledger_path, std::string("Evidence (untrusted)"),
                           std::string("load 1.0"), std::string("It began with the deploy.")})
    CHECK_THAT(bytes, Catch::Contains(word));
  auto const approve = action(content, "approve");
  CHECK(approve["type"].text() == "Action.Execute");
  CHECK(approve["id"].text() == "approve");
  CHECK(approve["fallback"]["type"].text() == "Action.Submit");
  CHECK(approve["fallback"]["data"] == approve["data"]);
  CHECK(action(content, "deny")["style"].text() == "destructive");
  CHECK(content["refresh"]["userIds"] == Json::array({"29:1-alice", "29:1-bob"}));
  CHECK(content["refresh"]["action"]["verb"].text() == "refresh");
}

TEST_CASE("teams render: the digest covers all but what names it") {
  auto const rendered = render(teams_cards::waiting());
  CHECK(core::rendering_digest("teams", rendered.body).value() == rendered.digest);
  auto const& content = card_in(rendered.body);
  for (auto const& data : {action(content, "approve")["data"], action(content, "deny")["fallback"]["data"],
                           content["refresh"]["action"]["data"]}) {
    CHECK(data["v"] == Json(1));
    CHECK(data["request"].text() == teams_cards::waiting().request_id);
    CHECK(data["binding"].text() == teams_cards::waiting().binding);
    CHECK(data["rendering"].text() == rendered.digest);
  }
  auto updated = teams_cards::waiting();
  updated.rendering = "sha256:" + std::string(64, 'a');
  auto const later = render(updated);
  CHECK(later.digest == rendered.digest);
  CHECK(action(card_in(later.body), "approve")["data"]["rendering"].text() == updated.rendering);
  updated.status = "Waiting: nobody";
  CHECK(render(updated).digest != rendered.digest);
}

TEST_CASE("teams render: the note is an input of the card, needed only where the policy needs it") {
  auto const optional = card_in(render(teams_cards::waiting()).body);
  auto const input = element(optional, "note");
  CHECK(input["type"].text() == "Input.Text");
  CHECK(input["isRequired"].is_null());
  CHECK(action(optional, "approve")["associatedInputs"].text() == "auto");
  CHECK(element(optional, "decide")["actions"].if_array()->size() == 2);  // no second pair "with a note"

  auto const required = card_in(render(teams_cards::Scene("restart-why").card()).body);
  CHECK_THAT(element(required, "note")["label"].text(), Catch::StartsWith("Why?"));
  CHECK(action(required, "deny")["associatedInputs"].text() == "auto");
  // A button sends all inputs of its card: the client must not ask for a vote's reason of who has a question.
  CHECK(element(required, "ask-set")["actions"].at_index(0)["associatedInputs"].text() == "auto");
  CHECK(element(required, "note")["isRequired"].is_null());
  auto unasked = teams_cards::Scene("restart-why").card();
  unasked.ask_question = false;
  auto const alone = card_in(render(unasked).body);
  CHECK(element(alone, "note")["isRequired"] == Json(true));
  CHECK_FALSE(element(alone, "note")["errorMessage"].text().empty());

  auto silent = teams_cards::waiting();
  std::erase_if(silent.buttons, [](auto const& button) { return button.form != core::Button::Form::direct; });
  auto const none = card_in(render(silent).body);
  CHECK(element(none, "note").is_null());
  CHECK(action(none, "approve")["associatedInputs"].text() == "none");
}

TEST_CASE("teams render: T4 an action that does not fit is approved only on the last of its pages") {
  auto const scene = teams_cards::Scene("restart-long");
  auto const content = card_in(render(scene.card()).body);
  CHECK(action(content, "approve").is_null());
  CHECK(action(content, "show")["data"]["page"] == Json(1));
  CHECK_FALSE(action(content, "deny").is_null());  // a no needs no reading
  CHECK(element(content, "how").is_null());
  CHECK_THAT(core::dump(content), Catch::Contains("more line"));
  auto const view = scene.view();
  auto const count = page_count(view);
  REQUIRE(count == 2);
  auto const from = origin_of(content).value();
  std::string shown;
  for (std::size_t page = 1; page <= count; ++page) {
    auto const one = render_page(view, from, page);
    CHECK(core::dump(answer_with_card(one)).size() <= kMaxBodyBytes);
    CHECK(action(one, "approve").is_null() == (page != count));
    CHECK(action(one, "show").is_null() == false);
    CHECK_FALSE(action(one, "refresh").is_null());
    auto const box = element(one, "action");
    for (auto const& run : *box["items"].at_index(1)["inlines"].if_array()) shown += run["text"].text();
  }
  std::string complete;
  for (auto const& line : view.action) complete += (complete.empty() ? "" : "\n") + line;
  CHECK(shown == complete);
  auto const last = action(render_page(view, from, count), "approve");
  CHECK(last["data"]["view"] == Json(true));
  CHECK(last["data"]["rendering"] == Json(from.rendering));
}

TEST_CASE("teams render: mentions only where the card asks for them, each once, with its entity") {
  auto card = teams_cards::waiting();
  card.mention = {"bob", "bob", "nobody-we-know", "carol"};
  auto const content = card_in(render(card).body);
  CHECK(element(content, "notify")["text"].text() == "<at>bob</at> <at>carol</at>");
  auto const& entities = content["msteams"]["entities"];
  REQUIRE(entities.if_array()->size() == 2);
  CHECK(entities.at_index(0)["text"].text() == "<at>bob</at>");
  CHECK(entities.at_index(0)["mentioned"]["id"].text() == teams_cards::people().at("bob"));
  card.mention.clear();
  auto const bytes = core::dump(render(card).body);
  CHECK_THAT(bytes, !Catch::Contains("<at>") && !Catch::Contains("entities"));
}

TEST_CASE("teams render: T35 blanks, dates and breaks look like what they are") {
  auto card = teams_cards::waiting();
  card.action = {"1. x: echo a  b", "2. y: {{DATE(2017-02-14T06:08:39Z)}} {{Time(x)}}", "3. z: a\tb\nc"};
  auto const content = card_in(render(card).body);
  auto const runs = *element(content, "action")["items"].at_index(1)["inlines"].if_array();
  std::string all;
  for (auto const& run : runs) {
    CHECK_THAT(run["text"].text(), !Catch::Contains("{{DATE") && !Catch::Contains("{{Time"));
    all += run["text"].text();
  }
  CHECK(all == "1. x: echo a \u00a0b\n2. y: {{DATE(2017-02-14T06:08:39Z)}} {{Time(x)}}\n3. z: a\\tb\\nc");
  CHECK(runs.size() == 3);
}

TEST_CASE("teams render: when the card is refused the bare message still shows the action") {
  auto card = teams_cards::waiting();
  card.action = {"1. restart: echo <at>Everyone</at> & more"};
  auto const plain = plain_fallback(render(card).body);
  CHECK(plain["textFormat"].text() == "plain");
  CHECK(plain["attachments"].is_null());
  CHECK_THAT(plain["text"].text(), Catch::StartsWith(card.notification) &&
                                       Catch::Contains("echo <at>Everyone</at> & more") &&
                                       Catch::Contains("@Countersign " + card.how_by_text));
  card.action.assign(300, std::string(60, '&'));
  auto const cut_text = plain_fallback(render(card).body)["text"].text();
  CHECK(cut_text.size() <= 4000);
  CHECK_THAT(cut_text, Catch::Contains("in the ledger: read it there first"));
  auto const note = plain_fallback(render_note({"CS-1 is over.", {}, ""}, teams_cards::people()).body);
  CHECK(note["text"].text() == "CS-1 is over.");
}

TEST_CASE("teams render: a card that can't be shown is refused, not shown without its action") {
  auto card = teams_cards::waiting();
  card.binding = std::string(9000, 'x');
  CHECK_THROWS_AS(render(card), core::Failure);
}

TEST_CASE("teams render text: counts, cuts and pages on borders") {
  CHECK(cost_of("a\u00e9\u20ac\U0001f600") == 10);
  CHECK(cost_of("\"\\\n\t") == 8);
  CHECK(cost_of("{{date") > 80);
  CHECK(cut("a\U0001f600b", 5) == "a…");
  CHECK(cut("abc", 3) == "abc");
  CHECK(prefix_within("a\U0001f600", 4) == "a");
  CHECK(fit({"a", "b"}, 4, "x").text == "a\nb");
  CHECK(fit({}, 0, "x").whole);
  auto const fitted = fit({std::string(30, 'a'), std::string(30, 'b'), std::string(30, 'c')}, 80, "there");
  CHECK(fitted.text == std::string(30, 'a') + "\n… (2 more lines, there)");
  CHECK_FALSE(fitted.whole);
  auto const one = fit({std::string(100, 'a')}, 60, "there").text;
  CHECK_THAT(one, Catch::StartsWith("aaa") && Catch::EndsWith("a…\n… (1 more line, there)"));
  CHECK(cost_of(one) <= 60);
  CHECK(pages_of("ab\ncd", 5) == std::vector<std::string>{"ab\n", "cd"});
  CHECK(pages_of("abcd", 3) == std::vector<std::string>{"abc", "d"});
  CHECK(pages_of("", 3).empty());
  CHECK(keep_blanks(" a  b") == "\u00a0a \u00a0b");
  CHECK(inert_runs("").empty());
  CHECK(inert_runs("{{x}}").size() == 1);
  CHECK(inert_runs("{{{DATE(").size() == 2);
}

TEST_CASE("T34 teams render: 200 texts that talk to the approver stay what they are, evidence") {
  auto const parts = [](Json const& body, Json* evidence) {
    Json rest = Json::array();
    for (auto const& one : *card_in(body)["body"].if_array()) {
      bool const ours = one["id"].text() == "highlights";
      if (ours && evidence) *evidence = one;
      // What decides carries the digest of the whole.
      if (!ours && one["type"].text() != "ActionSet") rest.push(one);
    }
    return rest;
  };
  auto const base = parts(render(teams_cards::waiting()).body, nullptr);
  auto const mentions = card_in(render(teams_cards::waiting()).body)["msteams"];
  std::size_t number = 0;
  Json shown = Json::array();
  for (auto const& card : support::talking_cards(teams_cards::waiting())) {
    CAPTURE(number);
    auto const body = render(card).body;
    support::check_talking(core::dump(card_in(body)["body"]), "systemctl restart web.service", number++);
    Json evidence;
    CHECK(parts(body, &evidence) == base);
    CHECK(card_in(body)["msteams"] == mentions);
    CHECK(core::dump(evidence).find("\"type\":\"Action") == std::string::npos);
    shown.push(evidence);
  }
  check_golden("talking", shown);
}

TEST_CASE("teams render: T34 long evidence in a thread says that nobody vouches for it, before it speaks") {
  std::size_t number = 0;
  for (auto const& note : support::talking_notes()) {
    CAPTURE(number);
    auto const body = render_note(note, teams_cards::people()).body;
    support::check_talking_note(core::dump(card_in(body)["body"]), number);
    support::check_talking_note(plain_fallback(body)["text"].text(), number++);
    CHECK(core::dump(body).find("\"type\":\"Action") == std::string::npos);
  }
}
