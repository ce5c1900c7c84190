// Asking again and asking a question; and what people are told about how long a decision usually takes.
#include "tests/unit/core/deciding.hpp"

using namespace core;
using namespace deciding;
using fixture::Story;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

namespace {

CardAct act(Story& story, std::string const& person, RequestId const& id) {
  auto const cast = story.cast(person, id);
  return {.ticket = cast.ticket,
          .platform = cast.platform,
          .account = cast.account,
          .channel = cast.channel,
          .request = cast.request,
          .binding = cast.binding,
          .rendering = cast.rendering,
          .via = "button",
          .envelope = cast.envelope,
          .delivery = cast.delivery,
          .foreign = {}};
}
CardAct typed(Story& story, std::string const& person, std::string const& id, std::string const& channel = "C0INC") {
  return {.ticket = ++story.ticket,
          .platform = "slack",
          .account = fixture::rules().people.at(person).accounts.at("slack"),
          .channel = channel,
          .request = id,
          .binding = {},
          .rendering = {},
          .via = "text",
          .envelope = {},
          .delivery = "t" + std::to_string(++story.delivery),
          .foreign = {}};
}
bool says(Reply const& reply, std::string const& words) { return reply.text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("again: one tap asks for the same, by who taps, and says of what it is the repetition") {
  Story story;
  auto const id = story.open();
  story.vote("bob", id, Verdict::deny);
  REQUIRE(story.phase(id) == Phase::denied);
  CHECK(make_card(story.state, story.at(id), story.now).ask_again);
  auto const tap = act(story, "carol", id);
  story.send(AgainAsked{tap});
  CHECK(story.kinds() == "case.opened request.accepted");
  auto const again = story.reply().request.value();
  auto const& made = story.at(again);
  CHECK(made.again_of == id);
  CHECK(made.requester == Actor::person("carol"));
  CHECK(made.parameters == story.at(id).parameters);
  CHECK(made.reason == story.at(id).reason);
  CHECK(made.channels == story.at(id).channels);
  CHECK(story.count<CollectEvidence>() == 1);  // fresh evidence, so a fresh binding
  story.send(story.collected(again));
  CHECK(made.binding != story.at(id).binding);
  CHECK(story.vote("carol", again).code == Errc::forbidden);  // who tapped asked
  // Once: the same delivery, another tap, and after a restart.
  story.send(AgainAsked{tap});
  CHECK(story.kinds().empty());
  CHECK(says(story.reply(), again.str()));
  story.send(AgainAsked{act(story, "bob", id)});
  CHECK(story.kinds().empty());
  story.restart();
  story.vote("bob", again, Verdict::deny);
  story.send(AgainAsked{tap});
  CHECK(story.kinds().empty());
  CHECK(story.reply().request == again);
  check_same(story);
}

TEST_CASE("again: what a signal with more labels than a request takes has proposed") {
  Story story;
  SignalFired signal{"web-down", "web is down", "503", "web"};
  for (int n = 0; n < 40; ++n) signal.labels.emplace("label-" + std::to_string(n), "x");
  story.send(signal);
  auto const id = RequestId::make(story.state.cases.begin()->first, 1);
  CHECK(story.at(id).labels.size() == 32);
  CHECK(story.at(id).labels.contains(std::string(kFromSignal)));
  story.send(story.collected(id));
  story.vote("bob", id, Verdict::deny);
  story.send(AgainAsked{act(story, "bob", id)});
  CAPTURE(story.reply().text);
  CHECK(story.reply().code == Errc{});
  CHECK(story.kinds() == "case.opened request.accepted");
  check_same(story);
}

TEST_CASE("again: what is open or succeeded is not asked again, and who may not ask is refused on record") {
  Story story;
  auto const id = story.open();
  story.send(AgainAsked{act(story, "carol", id)});
  CHECK(story.reply().code == Errc::conflict);
  story.vote("bob", id);
  story.send(RunnerAccepted{id});
  story.send(RunEnded{id,
                      Json::object({{"state", "succeeded"},
                                    {"cause", ""},
                                    {"explanation", ""},
                                    {"step", Json()},
                                    {"exit_code", 0},
                                    {"steps", Json::array()}}),
                      ""});
  REQUIRE(story.phase(id) == Phase::succeeded);
  CHECK_FALSE(make_card(story.state, story.at(id), story.now).ask_again);
  story.send(AgainAsked{act(story, "carol", id)});
  CHECK(story.reply().code == Errc::conflict);
  auto const denied = story.open();
  story.vote("bob", denied, Verdict::deny);
  story.send(AgainAsked{act(story, "mallory", denied)});
  CHECK(story.reply().code == Errc::forbidden);
  CHECK(story.kinds() == "vote.refused");
  // By text, with the short id of one that has ended.
  story.send(AgainAsked{typed(story, "carol", denied.short_name())});
  CHECK(story.kinds() == "case.opened request.accepted");
  check_same(story);
}

TEST_CASE("T44 T38 acts: absent and forbidden answer alike, another card's value is none, and each try is on record") {
  Story story;
  auto const id = story.open();
  auto const elsewhere = typed(story, "mallory", id.str(), "C0OTHER");
  static_cast<void>(story.cast("bob", id));  // posts its card
  story.send(QuestionAsked{elsewhere, "what is it?"});
  auto const forbidden = story.reply();
  auto absent = typed(story, "mallory", "CS-20261121-000999-R1", "C0OTHER");
  story.send(QuestionAsked{absent, "what is it?"});
  auto const missing = story.reply();
  CHECK(forbidden.code == missing.code);
  CHECK(forbidden.text == "There is no request " + id.str() + ".");
  CHECK(missing.text == "There is no request CS-20261121-000999-R1.");
  CHECK(story.kinds() == "vote.refused");
  for (auto const* what : {"binding", "rendering", "foreign", "account"}) {
    auto forged = act(story, "carol", id);
    if (std::string_view(what) == "binding") forged.binding = digest_of("another");
    if (std::string_view(what) == "rendering") forged.rendering = digest_of("another");
    if (std::string_view(what) == "foreign") forged.foreign = "Your account belongs to another workspace.";
    if (std::string_view(what) == "account") forged.account = "U0STRANGER";
    CAPTURE(what);
    story.send(QuestionAsked{forged, "what is it?"});
    CHECK(story.reply().code == Errc::forbidden);
    CHECK(story.kinds() == "vote.refused");
    story.send(AgainAsked{forged});
    CHECK(story.count<CollectEvidence>() == 0);
    story.pass(61s);  // of the quota of refusals
  }
  CHECK(story.at(id).questions.empty());
  check_same(story);
}

TEST_CASE("question: recorded once, bounded, no vote, and the request goes on to its expiry") {
  Story story;
  auto const id = story.open();
  auto const click = act(story, "bob", id);
  story.send(QuestionAsked{click, "which host?  "});
  CHECK(story.kinds() == "question.asked");
  CHECK(story.count<SayQuestion>() == 1);
  REQUIRE(story.at(id).questions.size() == 1);
  CHECK(story.at(id).questions[0].text == "which host?");
  auto const note = make_question_note(story.at(id), story.at(id).questions[0]);
  CHECK(note.mention == std::vector<std::string>{"alice"});
  CHECK(note.text.starts_with("bob asks about " + id.short_name() + ": which host?"));
  story.send(QuestionAsked{click, "which host?"});
  CHECK(story.kinds().empty());
  CHECK(says(story.reply(), "recorded already"));
  story.restart();
  story.send(QuestionAsked{click, "which host?"});
  CHECK(story.kinds().empty());
  for (auto const& [text, code] : {std::pair<std::string, Errc>{"", Errc::bad_input},
                                   {std::string(501, 'x'), Errc::bad_input},
                                   {"a\x01", Errc::bad_input}}) {
    story.send(QuestionAsked{act(story, "bob", id), text});
    CHECK(story.reply().code == code);
  }
  for (int i = 0; i < 4; ++i) story.send(QuestionAsked{act(story, "bob", id), "more"});
  CHECK(story.kinds() == "question.asked");
  story.send(QuestionAsked{act(story, "bob", id), "one too many"});
  CHECK(story.reply().code == Errc::conflict);
  story.send(QuestionAsked{act(story, "carol", id), "and I?"});
  CHECK(story.kinds() == "question.asked");
  CHECK(story.at(id).votes.empty());
  story.pass(30min);
  CHECK(story.phase(id) == Phase::expired);
  story.send(QuestionAsked{act(story, "carol", id), "too late?"});
  CHECK(story.reply().code == Errc::conflict);
  check_same(story);
}

TEST_CASE("run answers with who is needed, who could, and how long it usually takes, which two decisions don't tell") {
  Story story;
  auto const asked = [&] {
    story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
    return story.reply();
  };
  auto const first = asked();
  CHECK(says(first, "It needs 1 of sre (bob, carol or erin) within 30m."));
  story.send(story.collected(*first.request));
  auto const decide = [&](RequestId const& id, Duration after) {
    story.now += after;
    story.vote("bob", id, Verdict::deny);
  };
  decide(*first.request, 1min);
  decide(story.open(), 4min);
  CHECK_FALSE(says(asked(), "usually"));
  decide(story.open(), 20min);
  CHECK(says(asked(), "usually decided in 4m (median of 3)"));
  decide(story.open(), 6min);
  CHECK(says(asked(), "usually decided in 5m (median of 4)"));
  story.send(story.asked(Actor::person("bob"), "deploy", {{"version", "1"}, {"replicas", "2"}}));
  CHECK(says(story.reply(), "2 of sre (carol or erin)"));
  CHECK_FALSE(says(story.reply(), "usually"));
  for (int i = 0; i < 120; ++i) decide(story.open(), 1s);
  CHECK(story.state.decided_in.at("restart-service").size() == kMostDecisionTimes);
  check_same(story);
}

TEST_CASE("a card names whom it concerns: who may vote on it, then who asked") {
  Story story;
  auto const id = story.open();
  CHECK(make_card(story.state, story.at(id), story.now).concerned ==
        std::vector<std::string>{"bob", "carol", "erin", "alice"});
  CHECK(make_card(story.state, story.at(id), story.now).ask_question);
}

TEST_CASE("a card says in words where its long evidence is, whatever became of it") {
  Story story;
  story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
  auto const id = story.reply().request.value();
  auto event = story.collected(id);
  event.evidence.exhibits[0].bytes = std::string(5000, 'x');
  story.send(event);
  auto const& request = story.at(id);
  auto const path = request.id.folder() + "/" + request.exhibits[0].file;
  auto const line = [&](ThreadFiles const& files) {
    return make_card(story.state, request, story.now, files).evidence.at(0);
  };
  CHECK(line({}) == "host, 4 KiB, all of it in the thread as a file");
  CHECK(line({.usual = InThread::text}) == "host, 4 KiB, more in the thread as text, all of it in the ledger");
  CHECK(line({.known = {{path, InThread::text}}}) ==
        "host, 4 KiB, more in the thread as text, all of it in the ledger");
  CHECK(line({.usual = InThread::ledger}) == "host, 4 KiB, all of it in the ledger");
  ThreadFiles const pages{.usual = InThread::ledger,
                          .known = {{path, {.as = InThread::As::text, .pages = 4, .link = "https://x.example/1"}}}};
  CHECK(line(pages) == "host, 4 KiB, 4 pages below, all of it in the ledger");
  auto const links = make_card(story.state, request, story.now, pages).pages;
  REQUIRE(links.size() == 1);
  CHECK(links[0].words == "Evidence 1, 4 pages");  // a name might read like a button that decides
  CHECK(links[0].url == "https://x.example/1");
  CHECK(make_card(story.state, request, story.now, {}).pages.empty());
  CHECK(line({.known = {{path, InThread::failed}}}) ==
        "host, 4 KiB, could not be put into the thread: read it in the ledger");
}
