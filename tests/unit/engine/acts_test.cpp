// Asking again and asking a question through the engine, and what cards say about their long evidence.
#include "tests/support/result_text.hpp"
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;

core::Rules everywhere() {
  auto rules = fixture::rules();
  rules.channels["incidents"]["matrix"] = "!inc";
  rules.channels["ops"]["slack"] = "C0OPS";
  rules.people["alice"].accounts["matrix"] = "@alice:example.org";
  return rules;
}

ports::Answer act(Rig& rig, std::string const& person, core::RequestId const& id, std::vector<std::string> words,
                  std::string delivery = {}) {
  auto const click = rig.click(person, id);
  words.insert(words.begin() + 1, id.str());
  ports::IncomingCommand command{.account = click.account, .words = std::move(words), .text = {}};
  command.channel = "C0INC";
  command.envelope = click.envelope;
  command.delivery = delivery.empty() ? click.delivery : delivery;
  command.via = "button";
  command.binding = click.binding;
  command.rendering = click.rendering;
  ports::Answer last{.text = "NOT ANSWERED"};
  rig.engine->command(std::move(command), [&](ports::Answer answer) { last = std::move(answer); });
  rig.settle();
  return last;
}

std::vector<std::string> where(FakeChat const& chat, std::string const& words) {
  std::vector<std::string> found;
  for (auto const& note : chat.notes()) {
    if (note.body["note"].text().find(words) != std::string::npos)
      found.push_back(note.channel + "/" + note.thread + " " + core::dump(note.body["mention"]));
  }
  return found;
}

}  // namespace

TEST_CASE("a question stands in the thread of every copy, mentions who asked once a platform, and is no vote") {
  Rig rig(everywhere(), /*start_now=*/false);
  rig.adapters = {&rig.chat, &rig.other};
  rig.start();
  auto const id = rig.open();
  REQUIRE(rig.chat.cards() == 2);
  REQUIRE(rig.other.cards() == 1);
  auto const answer = act(rig, "bob", id, {"ask", "which host? password=hunter2"});
  CHECK(answer.state == State::recorded);
  CHECK(rig.ledger.count("question.asked") == 1);
  CHECK(where(rig.chat, "which host?") == std::vector<std::string>{R"(C0INC/1 ["alice"])", "C0OPS/2 []"});
  CHECK(where(rig.other, "which host?") == std::vector<std::string>{R"(!inc/1 ["alice"])"});
  CHECK(rig.phase(id) == core::Phase::pending);
  CHECK(rig.ledger.folded.request(id)->votes.empty());
  // A restart looks for it and finds it.
  auto const notes = rig.chat.notes().size();
  rig.start();
  CHECK(rig.chat.notes().size() == notes);
  CHECK(rig.chat.finds > 0);
}

TEST_CASE("a question that is on record and stands nowhere is put there after a restart") {
  Rig rig;
  auto const id = rig.open();
  rig.chat.hold_posts = true;
  CHECK(act(rig, "bob", id, {"ask", "which host?"}).state == State::recorded);
  rig.chat.held.clear();
  rig.chat.hold_posts = false;
  rig.start();
  CHECK(where(rig.chat, "which host?").size() == 1);
}

TEST_CASE("a question that a thread did not take is tried again while the request is open, and stands there once") {
  Rig rig;
  auto const id = rig.open();
  SECTION("the platform refuses it for a while") {
    rig.chat.refuse_posts = true;
    CHECK_THAT(act(rig, "bob", id, {"ask", "which host?"}).text, Catch::Contains("goes into its thread"));
    CHECK(where(rig.chat, "which host?").empty());
    rig.loop.advance(61s);
    rig.chat.refuse_posts = false;
    SECTION("and then takes it") {
      rig.loop.advance(121s);
      CHECK(where(rig.chat, "which host?") == std::vector<std::string>{R"(C0INC/1 ["alice"])"});
      rig.loop.advance(30min);
      CHECK(where(rig.chat, "which host?").size() == 1);
    }
    SECTION("and it is decided meanwhile") {
      rig.deny("bob", id);
      rig.loop.advance(30min);
      CHECK(where(rig.chat, "which host?").empty());
    }
  }
  SECTION("after a restart nobody can look for it at first") {
    bool const stands = GENERATE(false, true);
    rig.chat.refuse_posts = !stands;
    CHECK(act(rig, "bob", id, {"ask", "which host?"}).state == State::recorded);
    rig.chat.refuse_posts = false;
    rig.chat.refuse_finds = true;
    rig.start();
    CHECK(where(rig.chat, "which host?").size() == (stands ? 1u : 0u));
    rig.chat.refuse_finds = false;
    rig.loop.advance(61s);
    CHECK(where(rig.chat, "which host?").size() == 1);
  }
}

TEST_CASE("a question on a trigger's request mentions nobody") {
  Rig rig;
  rig.engine->signal({.trigger = "web-down", .title = "web is down", .text = "503", .dedupe_key = "web"}, {});
  rig.settle();
  REQUIRE(rig.chat.cards() == 1);
  auto const id = rig.ledger.folded.requests.begin()->first;
  CHECK(act(rig, "bob", id, {"ask", "since when?"}).state == State::recorded);
  CHECK(where(rig.chat, "since when?") == std::vector<std::string>{"C0INC/1 []"});
}

TEST_CASE("ask and again by text, and by button after the end") {
  Rig rig;
  auto const id = rig.open();
  auto const asked = rig.type("U0CAROL", "ask " + id.short_name() + " what's it \"for\"?");
  CHECK(asked.state == State::recorded);
  CHECK(rig.ledger.folded.request(id)->questions.at(0).text == "what's it \"for\"?");
  CHECK(rig.type("U0CAROL", "ask " + id.short_name()).state == State::refused);
  CHECK(rig.type("U0CAROL", "again " + id.short_name()).state == State::refused);
  rig.deny("bob", id);
  auto const again = act(rig, "carol", id, {"again"}, "tap-1");
  CHECK(again.state == State::recorded);
  CHECK_THAT(again.text, Catch::Contains("is accepted") && Catch::Contains("1 of sre (bob or erin)"));
  CHECK(rig.ledger.folded.requests.size() == 2);
  CHECK(rig.ledger.folded.requests.rbegin()->second.again_of == id);
  CHECK(rig.chat.cards() == 2);
  rig.start();
  CHECK_THAT(act(rig, "carol", id, {"again"}, "tap-1").text, Catch::Contains("again already"));
  CHECK(rig.ledger.folded.requests.size() == 2);
}

TEST_CASE("T67 a request that was forgotten is named as long over by whatever is done about it") {
  Rig rig(fixture::rules(), /*start_now=*/false);
  rig.ledger.folded.keep = {.cases = 1, .keys = 20, .targets = 5, .trigger_keys = 5};
  rig.start();
  auto const over = rig.open();
  auto const vote = rig.click("carol", over);
  rig.deny("bob", over);
  auto const again = rig.engine->state().request(over) ? rig.type("U0CAROL", "again " + over.str()) : ports::Answer{};
  REQUIRE(again.state == State::recorded);
  auto const repeated = rig.engine->state().requests.rbegin()->first;
  for (int n = 0; n < 3; ++n) rig.deny("bob", rig.open());
  REQUIRE_FALSE(rig.engine->state().request(over));
  REQUIRE(rig.engine->state().request(repeated)->again_of == over);
  for (auto const& words : {"again " + over.str(), "ask " + over.str() + " why?", "show " + over.str(),
                            "approve " + over.str() + " 1234", "cancel " + over.str()}) {
    CAPTURE(words);
    CHECK_THAT(rig.type("U0CAROL", words).text, Catch::Contains("is long over"));
  }
  CHECK_THAT(rig.cast(vote)->at(0).text, Catch::Contains("is long over"));
  auto const view = rig.engine->view({"slack", "U0CAROL"}, over.str(), vote.binding, core::Verdict::approve);
  REQUIRE(view.has_error());
  CHECK_THAT(view.error().message, Catch::Contains("is long over"));
  rig.engine->runner_output("", over.str(), "act", "late");
  rig.engine->runner_accepted("", over.str());
  rig.engine->runner_refused("", over.str(), "late");
  rig.engine->runner_finished("", over.str(), Rig::result("succeeded", "", 0), "");
  rig.loop.advance(11min);
  CHECK(rig.approve("bob", repeated)->at(0).state == State::recorded);  // it stands without what it repeats
  rig.start();
  CHECK(rig.phase(repeated) == core::Phase::approved);
}

TEST_CASE("T39 acts of strangers and foreigners are refused and on record") {
  Rig rig;
  auto const id = rig.open();
  CHECK(rig.type("U0STRANGER", "ask " + id.short_name() + " hm?").state == State::refused);
  CHECK(rig.type("U0CAROL", "ask " + id.short_name() + " hm?", "C0INC", "Your account belongs elsewhere.").state ==
        State::refused);
  CHECK(rig.ledger.count("vote.refused") == 2);
  CHECK(rig.ledger.count("question.asked") == 0);
}

TEST_CASE("a full disk: asking again and asking a question are refused, with the reason") {
  Rig rig;
  auto const id = rig.open(), ended = rig.open("restart-service", {{"service", "api"}});
  rig.deny("bob", ended);
  rig.ledger.full = true;
  CHECK(act(rig, "bob", id, {"ask", "which host?"}).state == State::not_recorded);
  CHECK(act(rig, "carol", ended, {"again"}).state == State::not_recorded);
  CHECK(where(rig.chat, "which host?").empty());
}

TEST_CASE("a card says what became of its long evidence: a file, text, or nothing") {
  Rig rig(fixture::rules(), /*start_now=*/false);
  core::Exhibit log{.name = "web-log", .collector = "web-log", .bytes = std::string(5'000, 'x')};
  log.total_bytes = 5'000;
  rig.room.more = {log};
  rig.start();
  auto const evidence = [&] { return rig.chat.messages.at(0).body["evidence"].at_index(0).text(); };
  SECTION("a file") {
    rig.open();
    CHECK_THAT(evidence(), Catch::Contains("all of it in the thread as a file"));
    CHECK(rig.chat.updates == 0);
  }
  SECTION("text in its place") {
    rig.chat.files_as = core::InThread::text;
    rig.open();
    CHECK_THAT(evidence(), Catch::Contains("more in the thread as text, all of it in the ledger"));
    CHECK(rig.chat.updates == 1);
  }
  SECTION("nothing") {
    rig.chat.refuse_files = true;
    rig.open();
    CHECK_THAT(evidence(), Catch::Contains("could not be put into the thread: read it in the ledger"));
    CHECK(rig.chat.updates == 1);
  }
}

TEST_CASE("several channels: one that refuses, and a platform that is down, hold no other copy up") {
  Rig rig(everywhere(), /*start_now=*/false);
  rig.adapters = {&rig.chat, &rig.other};
  rig.start();
  rig.chat.refuse_channel = "C0INC";
  rig.other.hold_posts = true;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  CHECK(rig.chat.cards() == 1);
  CHECK(rig.chat.messages[0].channel == "C0OPS");
  auto vote = rig.click("bob", id);
  vote.channel = "C0OPS";
  CHECK(rig.cast(vote)->at(0).state == State::recorded);
  CHECK(rig.chat.messages[0].updates == 1);
  rig.other.hold_posts = false;
  rig.other.release();
  rig.settle();
  CHECK(rig.other.cards() == 1);
  // Mentions: the channel that refused would have carried Slack's; one note does in its place, Matrix has its own.
  std::size_t slack = 0, matrix = 0;
  for (auto const& message : rig.chat.messages) slack += message.body["mention"].if_array()->empty() ? 0u : 1u;
  for (auto const& message : rig.other.messages) matrix += message.body["mention"].if_array()->empty() ? 0u : 1u;
  CHECK(slack == 1);
  CHECK(matrix <= 1);
}

TEST_CASE("F22 a platform that refuses our credentials is told of on the others, once, until it takes them again") {
  Rig rig;
  rig.rules.channels["incidents"]["matrix"] = "!inc";
  rig.rules.channels["lobby"]["matrix"] = "!lobby";
  rig.ledger.folded = fixture::Story(rig.rules).copy;
  rig.ledger.files["config/" + core::sha256_hex(fixture::config_bytes(rig.rules)) + ".json"] =
      fixture::config_bytes(rig.rules);
  rig.adapters = {&rig.chat, &rig.other};
  rig.start();
  auto const id = rig.open();
  auto const notes = [](FakeChat const& chat) {
    std::vector<std::string> found;
    for (auto const& message : chat.messages) {
      if (message.key.starts_with("locked-out"))
        found.push_back(message.channel + " " + message.body["note"].text() + " " + message.body["block"].text());
    }
    return found;
  };
  for (int i = 0; i < 3; ++i) {
    rig.engine->connection("slack", false, "token_revoked");
    rig.engine->locked_out("slack", "token_revoked: install the app again");
    rig.settle();
  }
  REQUIRE(notes(rig.other).size() == 1);
  CHECK_THAT(notes(rig.other)[0], Catch::StartsWith("!inc Slack has locked the bot out") &&
                                      Catch::Contains("until an operator mends it and reloads the service") &&
                                      Catch::Contains("restarts it, where systemd") &&
                                      Catch::EndsWith("token_revoked: install the app again"));
  CHECK(notes(rig.chat).empty());
  CHECK(rig.engine->platforms_locked_out() == std::set<std::string>{"slack"});
  CHECK(rig.phase(id) == core::Phase::pending);
  rig.engine->connection("slack", true, "");
  CHECK(rig.engine->platforms_locked_out().empty());
  rig.engine->locked_out("slack", "token_revoked: again");
  rig.settle();
  CHECK(notes(rig.other).size() == 2);
}
