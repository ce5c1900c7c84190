// Votes, views, looks and commands, between people and engine.
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;
using State = ports::Answer::State;

namespace {

constexpr auto kAlice = "a11ce000-0000-4000-8000-000000000001";

// Posts a card of this scene, so that the adapter has it in mind; its buttons' data.
teams::ActionData posted(Bench& bench, core::Card const& card, ports::MessageRef* ref = nullptr) {
  auto const body = bench.adapter->render(card, "key").body;
  bench.adapter->post(kChannel, std::nullopt, body, "key", bench.loop.now(), [ref](auto const& result) {
    if (ref) *ref = result.value();
  });
  bench.loop.advance(1s);
  return teams::origin_of(teams::card_in(body)).value();
}

Json with(teams::ActionData data, std::string const& verb, std::string const& note = {}) {
  data.verb = verb;
  auto json = teams::to_json(data);
  if (!note.empty()) json.set("note", note);
  return json;
}

std::string texts(Json const& value) {
  std::string all;
  if (auto const* list = value.if_array()) {
    for (auto const& one : *list) all += texts(one);
  } else if (value.is_object()) {
    all += value["text"].text();
    for (auto const* name : {"body", "items", "inlines"}) all += texts(value[name]);
  }
  return all;
}

bool has_element(Json const& card, std::string_view id) {
  for (auto const& one : *card["body"].if_array()) {
    if (one["id"].text() == id) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("teams clicks: a vote says all that the engine needs and is answered when the engine answers") {
  Bench bench;
  bench.connected();
  auto const activity = execute(data("approve"));
  auto const body = core::dump(activity);
  auto const id = bench.send(activity);
  REQUIRE(bench.sink.votes.size() == 1);
  auto const& vote = bench.sink.votes[0];
  CHECK(vote.account.platform == "teams");
  CHECK(vote.account.id == kBob);  // never the name
  CHECK(vote.request == "CS-20261121-000042-R1");
  CHECK(vote.binding == "sha256:b");
  CHECK(vote.rendering == "sha256:r");
  CHECK(vote.verdict == core::Verdict::approve);
  CHECK(vote.via == "button");
  CHECK(vote.channel == kChannel);  // without the thread
  CHECK(vote.envelope == core::digest_of(body));
  CHECK(vote.delivery == std::string("teams ") + kThread + " f:9b1c");
  CHECK(vote.foreign.empty());
  CHECK(vote.note.empty());
  CHECK_FALSE(bench.answer(id));
  bench.engine(0, State::recorded, "Recorded. One more is needed.");
  CHECK(bench.answer(id)->status == 200);
  CHECK(bench.answer(id)->body == teams::answer_with_message("Recorded. One more is needed."));
  CHECK(bench.http.count(Door::send) == 0);  // the card itself shows the rest
}

TEST_CASE("teams clicks: the note of the card's input rides along") {
  Bench bench;
  bench.connected();
  auto noted = data("deny");
  noted.set("note", "not now \u202e");
  bench.send(execute(noted));
  REQUIRE(bench.sink.votes.size() == 1);
  CHECK(bench.sink.votes[0].verdict == core::Verdict::deny);
  CHECK(bench.sink.votes[0].note == "not now \\u{202E}");
}

TEST_CASE("teams acts: a question and asking again are commands by button, and their answers are shown to who acted") {
  Bench bench;
  bench.connected();
  auto const origin = posted(bench, teams_cards::waiting());
  auto question = with(origin, "ask");
  question.set("question", "which host \u202e?").set("note", "not this");
  auto const asked = bench.send(execute(question));
  REQUIRE(bench.sink.commands.size() == 1);
  CHECK(bench.sink.votes.empty());
  auto const& ask = bench.sink.commands[0];
  CHECK(ask.words == std::vector<std::string>{"ask", origin.request, "which host \\u{202E}?"});
  CHECK(ask.via == "button");
  CHECK(ask.binding == origin.binding);
  CHECK(ask.rendering == origin.rendering);
  CHECK(ask.account.id == kBob);
  CHECK(ask.foreign.empty());
  bench.engine(0, State::recorded, "It stands in its thread.");
  CHECK(bench.answer(asked)->body == teams::answer_with_message("It stands in its thread."));
  bench.send(execute(with(origin, "again"), "f:2"));
  REQUIRE(bench.sink.commands.size() == 2);
  CHECK(bench.sink.commands[1].words == std::vector<std::string>{"again", origin.request});
  bench.engine(1, State::refused, "It is still open.");
  // T38 T40: from another channel, another organisation, to another bot.
  for (auto const& place :
       {Place{.conversation = "19:other@thread.tacv2;messageid=1"},
        Place{.tenant = "bbbbbbbb-0000-4000-8000-00000000000b"}, Place{.recipient = "28:another"}}) {
    bench.send(execute(with(origin, "again"), "f:" + std::to_string(3 + bench.sink.commands.size()), {}, place));
    CHECK_FALSE(bench.sink.commands.back().foreign.empty());
  }
  CHECK(bench.sink.commands.size() == 5);
}

TEST_CASE("teams clicks: a refusal is the card again with the words on top") {
  Bench bench;
  bench.connected();
  auto const origin = posted(bench, teams_cards::waiting());
  auto const id = bench.send(execute(with(origin, "approve")));
  bench.engine(0, State::refused, "CS-1: You asked for this yourself.");
  auto const body = bench.answer(id)->body;
  CHECK(body["statusCode"] == Json(200));
  CHECK(body["type"].text() == "application/vnd.microsoft.card.adaptive");
  auto const& card = body["value"];
  CHECK(card["body"].at_index(0)["id"].text() == "words");
  CHECK_THAT(texts(card), Catch::StartsWith("CS-1: You asked for this yourself.") &&
                              Catch::Contains("systemctl restart web.service"));
  CHECK(has_element(card, "decide"));  // they may add a note, say
  CHECK(core::dump(body).size() <= teams::kMaxBodyBytes);
}

TEST_CASE("teams clicks: words alone where the card is not in mind") {
  Bench bench;
  bench.connected();
  auto const id = bench.send(execute(data("approve")));
  bench.engine(0, State::not_recorded, "Not recorded, try again.");
  CHECK(texts(bench.answer(id)->body["value"]) == "Not recorded, try again.");
}

TEST_CASE("teams clicks: still recording is said, then the result in the thread") {
  Bench bench;
  bench.connected();
  auto const id = bench.send(execute(data("approve")));
  bench.engine(0, State::still_recording, "Still being recorded; you will be told.");
  CHECK(bench.answer(id)->body["value"].text() == "Still being recorded; you will be told.");
  CHECK(bench.http.count(Door::send) == 0);
  bench.engine(0, State::recorded, "Recorded after all.");
  bench.loop.advance(1s);
  REQUIRE(bench.http.count(Door::send) == 1);
  auto const sent = bench.http.last(Door::send);
  CHECK_THAT(sent.url,
             Catch::Contains("/v3/conversations/19%3Achan%40thread.tacv2%3Bmessageid%3D1764000000123/activities"));
  auto const card = teams::card_in(sent.json());
  CHECK(texts(card) == "<at>bob</at>Recorded after all.");
  CHECK(card["msteams"]["entities"].at_index(0)["mentioned"]["id"].text() == kBob);
}

TEST_CASE("teams clicks: T40 what this bot did not make is handed over as such") {
  Bench bench;
  bench.connected();
  auto const origin = posted(bench, teams_cards::waiting());
  auto const foreign = [&](Json const& activity) {
    auto const before = bench.sink.votes.size();
    bench.send(activity);
    REQUIRE(bench.sink.votes.size() == before + 1);
    return bench.sink.votes.back().foreign;
  };
  int number = 0;
  auto const fresh = [&](Json const& action_data) { return execute(action_data, "t" + std::to_string(++number)); };
  CHECK(foreign(fresh(with(origin, "approve"))).empty());
  CHECK_THAT(foreign(fresh(Json::object({{"verb", "approve"}}))), Catch::Contains("does not carry"));
  auto version = with(origin, "approve");
  version.set("v", 2);
  CHECK_THAT(foreign(fresh(version)), Catch::Contains("does not carry"));
  auto long_one = with(origin, "approve");
  long_one.set("request", std::string(500, 'x'));
  CHECK_THAT(foreign(fresh(long_one)), Catch::Contains("does not carry"));
  auto two_verbs = fresh(with(origin, "approve"));
  two_verbs.if_object()->at("value").if_object()->at("action").set("verb", "deny");
  CHECK_THAT(foreign(two_verbs), Catch::Contains("does not carry"));
  CHECK_THAT(foreign(fresh(with(origin, "reboot"))), Catch::Contains("none of this bot's"));
  auto value_list = fresh(with(origin, "approve"));
  value_list.set("value", Json::array({1}));
  CHECK_THAT(foreign(value_list), Catch::Contains("does not carry"));
  // Posted in one channel, pressed in another that is configured too.
  bench.adapter->set_people_and_channels(teams_cards::people(), {kChannel, "19:second@thread.tacv2"});
  CHECK_THAT(foreign(execute(with(origin, "approve"), "t99", {}, {.conversation = "19:second@thread.tacv2"})),
             Catch::Contains("posted in another channel"));
}

TEST_CASE("teams submits: answered with nothing, refusals told in the thread") {
  Bench bench;
  bench.connected();
  auto noted = data("approve");
  noted.set("note", "fine");
  auto const id = bench.send(submit(noted));
  REQUIRE(bench.sink.votes.size() == 1);
  CHECK(bench.sink.votes[0].via == "button");
  CHECK(bench.sink.votes[0].note == "fine");
  SECTION("recorded: the card shows it") {
    bench.engine(0, State::recorded, "Recorded.");
    bench.loop.advance(1s);
    CHECK(bench.http.count(Door::send) == 0);
  }
  SECTION("refused") {
    bench.engine(0, State::refused, "No.");
    bench.loop.advance(1s);
    CHECK(texts(teams::card_in(bench.http.last(Door::send).json())) == "<at>bob</at>No.");
  }
  CHECK(bench.answer(id)->status == 200);
  CHECK(bench.answer(id)->body.is_null());
}

TEST_CASE("teams looks: the newest card, at once, from memory, and never a vote") {
  Bench bench;
  bench.connected();
  auto scene = teams_cards::Scene();
  ports::MessageRef ref;
  auto const origin = posted(bench, scene.card(), &ref);
  // Who may not decide sees why instead of buttons.
  bench.sink.view_answer = core::make_error(core::Errc::forbidden, "You asked for this yourself.");
  auto const own = bench.ask(execute(with(origin, "refresh"), "l1", {kAlice, "29:1-alice"}, {}, "automatic"));
  CHECK(own.body["type"].text() == "application/vnd.microsoft.card.adaptive");
  CHECK_FALSE(has_element(own.body["value"], "decide"));
  CHECK_FALSE(has_element(own.body["value"], "note"));
  CHECK_THAT(texts(own.body["value"]), Catch::EndsWith("You asked for this yourself."));
  bench.sink.view_answer = core::VoteView{};
  CHECK(has_element(bench.ask(execute(with(origin, "refresh"), "l2", {}, {}, "automatic")).body["value"], "decide"));
  // An update counts from the moment that it is known, whatever data the client still has.
  scene.vote("bob", core::Verdict::approve);
  bench.adapter->update(ref, bench.adapter->render(scene.updated(), "key").body, [](auto const&) {});
  auto const later = bench.ask(execute(with(origin, "refresh"), "l3", {}, {}, "automatic"));
  CHECK_THAT(texts(later.body["value"]), Catch::Contains("Approved by bob"));
  CHECK_FALSE(has_element(later.body["value"], "decide"));
  // A vote that a client would make by itself is none.
  bench.ask(execute(with(origin, "approve"), "l4", {}, {}, "automatic"));
  CHECK(bench.sink.votes.empty());
  // Nothing is remembered of another channel, or after a restart.
  auto const elsewhere = bench.ask(execute(with(origin, "refresh"), "l5", {}, {.conversation = "19:x@thread.tacv2"}));
  CHECK(elsewhere.body["type"].text() == "application/vnd.microsoft.error");
  CHECK(bench.adapter->counters().refreshes == 5);
  for (int i = 0; i < 60; ++i)
    CHECK(bench.ask(execute(with(origin, "refresh"), "m" + std::to_string(i), {}, {}, "automatic")).status == 200);
}

TEST_CASE("teams views: the whole action page by page, and only who was shown all of it votes by it") {
  Bench bench;
  bench.connected();
  auto const scene = teams_cards::Scene("restart-long-why");
  auto long_scene = teams_cards::Scene("restart-long");
  auto const origin = posted(bench, long_scene.card());
  bench.sink.view_answer = long_scene.view();
  auto page_data = [&](std::int64_t page) {
    auto wanted = origin;
    wanted.page = page;
    return with(wanted, "show");
  };
  auto in_view = origin;
  in_view.page = 0;
  in_view.in_view = true;

  auto const first = bench.ask(execute(page_data(1), "v1"));
  CHECK_THAT(texts(first.body["value"]), Catch::Contains("page 1 of 2"));
  CHECK(bench.sink.votes.empty());
  // Whoever crafts the last button without having seen its page is sent back.
  auto const early = bench.ask(execute(with(in_view, "approve"), "v2"));
  CHECK_THAT(texts(early.body["value"]), Catch::StartsWith("Not counted: read all pages"));
  CHECK(bench.sink.votes.empty());
  CHECK_THAT(texts(bench.ask(execute(page_data(2), "v3")).body["value"]), Catch::Contains("page 2 of 2"));
  bench.send(execute(with(in_view, "approve", "read it"), "v4"));
  REQUIRE(bench.sink.votes.size() == 1);
  CHECK(bench.sink.votes[0].via == "view");
  CHECK(bench.sink.votes[0].note == "read it");
  // Another person has seen nothing.
  bench.ask(execute(with(in_view, "approve"), "v5", {teams_cards::people().at("carol"), "29:1-carol"}));
  CHECK(bench.sink.votes.size() == 1);
  // And after an hour it is to be read again.
  bench.loop.advance(61min);
  bench.ask(execute(with(in_view, "approve"), "v6"));
  CHECK(bench.sink.votes.size() == 1);
  CHECK(scene.view().note_required);
}

TEST_CASE("teams views: a refusal is recorded like one, and a client that only submits gets the pages in the thread") {
  Bench bench;
  bench.connected();
  auto const scene = teams_cards::Scene("restart-long");
  auto const origin = posted(bench, scene.card());
  SECTION("refused") {
    bench.sink.view_answer = core::make_error(core::Errc::forbidden, "You asked for this yourself.");
    bench.send(execute(with(origin, "show"), "v1"));
    REQUIRE(bench.sink.votes.size() == 1);
    CHECK(bench.sink.votes[0].foreign == "You asked for this yourself.");
  }
  SECTION("submitted") {
    bench.sink.view_answer = scene.view();
    CHECK(bench.ask(submit(with(origin, "show"), "v1")).status == 200);
    bench.loop.advance(5s);
    CHECK(bench.http.count(Door::send) == 2);
    auto in_view = origin;
    in_view.in_view = true;
    bench.send(submit(with(in_view, "approve"), "v2"));
    REQUIRE(bench.sink.votes.size() == 1);
    CHECK(bench.sink.votes[0].via == "view");
  }
}

TEST_CASE("teams commands: what follows our own mention, cleaned, answered in the thread") {
  Bench bench;
  bench.connected();
  auto const id = bench.send(message("run restart service=\u201cweb\u201d -- it\u2019s &lt;down&gt; &amp;amp; out"));
  REQUIRE(bench.sink.commands.size() == 1);
  auto const& command = bench.sink.commands[0];
  CHECK(command.words == std::vector<std::string>{"run", "restart", "service=web", "--", "it's <down> &amp; out"});
  CHECK(command.account.id == kBob);
  CHECK(command.channel == kChannel);
  CHECK(command.delivery == std::string("teams ") + kThread + " 1764000001456");
  CHECK_FALSE(bench.answer(id));
  bench.engine(0, State::recorded, "Asked:\n  CS-1   waits");
  CHECK(bench.answer(id)->status == 200);
  bench.loop.advance(1s);
  auto const sent = bench.http.last(Door::send);
  CHECK_THAT(sent.url, Catch::Contains("%3Bmessageid%3D1764000000123/activities"));
  auto const card = teams::card_in(sent.json());
  CHECK(texts(card) == "<at>bob</at>Asked:\n\u00a0\u00a0CS-1 \u00a0\u00a0waits");
  CHECK(card["body"].at_index(1)["inlines"].at_index(0)["fontType"].text() == "Monospace");
}

TEST_CASE("teams commands: nothing is heard that was not said to us") {
  Bench bench;
  bench.connected();
  auto silent = message("list", "1");
  silent.set("entities", Json::array({}));
  CHECK(bench.ask(silent).status == 200);
  auto other = message("list", "2");
  other.set("entities", Json::array({mention("28:other")}));
  CHECK(bench.ask(other).status == 200);
  auto elsewhere = message("list", "3");
  elsewhere.set("text", "approve CS-1 7f3a");  // the entity names what does not stand in the text
  CHECK(bench.ask(elsewhere).status == 200);
  CHECK(bench.sink.commands.empty());
  auto two = message("<at>Bob</at> list", "4");
  two.set("entities", Json::array({mention(), mention("29:1-bob", "Bob")}));
  bench.send(two);
  REQUIRE(bench.sink.commands.size() == 1);
  CHECK(bench.sink.commands[0].text == "<at>Bob</at> list");  // those of others stay
  auto personal = message("", "5", {}, {.conversation = "a:1abc", .type = "personal"});
  personal.set("text", "approve CS-1 7f3a").set("entities", Json::array({}));
  bench.send(personal);
  REQUIRE(bench.sink.commands.size() == 2);  // where nobody else is, no mention is needed
  CHECK(bench.sink.commands[1].words == std::vector<std::string>{"approve", "CS-1", "7f3a"});
  CHECK(bench.sink.commands[1].channel == "a:1abc");
}

TEST_CASE("teams commands: strangers of our organisation are told, those of others are not written to") {
  Bench bench;
  bench.connected();
  bench.send(message("list", "1", {"99990000-0000-4000-8000-000000000009", "29:1-zed"}));
  bench.engine(0, State::refused, "You are not known here.");
  bench.loop.advance(1s);
  auto const card = teams::card_in(bench.http.last(Door::send).json());
  CHECK(texts(card) == "<at>you</at>You are not known here.");
  CHECK(card["msteams"]["entities"].at_index(0)["mentioned"]["id"].text() == "99990000-0000-4000-8000-000000000009");
  bench.send(message("list", "2", {}, {.tenant = "bbbbbbbb-0000-4000-8000-00000000000b"}));
  CHECK_FALSE(bench.sink.commands[1].foreign.empty());
  bench.engine(1, State::refused, "This comes from another organisation.");
  bench.loop.advance(1s);
  CHECK(bench.http.count(Door::send) == 1);
}

TEST_CASE("teams whispers: a reply where the person last spoke, and no more than a few wait") {
  Bench bench;
  bench.connected();
  bench.send(message("list", "1"));
  bench.engine(0, State::recorded, "");
  bench.adapter->whisper({"teams", kBob}, kChannel, "psst");
  bench.loop.advance(1s);
  CHECK_THAT(bench.http.last(Door::send).url, Catch::Contains("%3Bmessageid%3D1764000000123"));
  for (int i = 0; i < 100; ++i) bench.adapter->whisper({"teams", kBob}, kChannel, "psst");
  bench.loop.advance(2min);
  CHECK(bench.http.count(Door::send) <= 22);
  CHECK(bench.adapter->counters().answers_dropped >= 79);
}

TEST_CASE("teams guests: T39 a configured person whom Teams calls a guest is not heard") {
  Bench bench;
  bench.http.people = Json::array(
      {Json::object({{"id", "29:1-bob"}, {"aadObjectId", kBob}, {"tenantId", kTenant}, {"userRole", "guest"}}),
       Json::object({{"id", "29:1-alice"}, {"objectId", kAlice}, {"userRole", "user"}})});
  bench.connected();
  bench.send(execute(data("approve")));
  REQUIRE(bench.sink.votes.size() == 1);
  CHECK_THAT(bench.sink.votes[0].foreign, Catch::Contains("guest"));
  CHECK_THAT(bench.log_text(), Catch::Contains("a configured person is a guest"));
  bench.send(execute(data("approve"), "f:2", {kAlice, "29:1-alice"}));
  CHECK(bench.sink.votes[1].foreign.empty());
}
