// What people type, with its refusals in words.
#include "tests/support/result_text.hpp"
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;
using core::Phase;

bool says(ports::Answer const& answer, std::string_view words) { return answer.text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("help names every command, and so does an unknown word") {
  Rig rig;
  auto const help = rig.type("U0ALICE", "help");
  for (auto const* verb : {"run ", "list", "show ", "approve ", "deny ", "withdraw ", "cancel ", "help"})
    CHECK(says(help, verb));
  CHECK(rig.type("U0ALICE", "").text == help.text);
  auto const unknown = rig.type("U0ALICE", "frobnicate\x1b[31m");
  CHECK(unknown.state == State::refused);
  CHECK(says(unknown, "no command frobnicate"));
  CHECK(unknown.text.find('\x1b') == std::string::npos);
}

TEST_CASE("run asks with parameters and a reason and says who is needed, what is wrong is refused in words") {
  Rig rig;
  auto const good = rig.type("U0ALICE", "run restart-service service=web -- stuck after deploy");
  CHECK(good.state == State::recorded);
  CHECK(says(good, "1 of sre"));
  REQUIRE(rig.ledger.folded.requests.size() == 1);
  auto const& made = rig.ledger.folded.requests.begin()->second;
  CHECK(made.requester == core::Actor::person("alice"));
  CHECK(made.reason == "stuck after deploy");
  CHECK(made.phase == Phase::pending);
  auto const [text, words] = GENERATE(table<char const*, char const*>({
      {"run", "Say which runbook"},
      {"run nothing service=web -- x", "There is no runbook nothing"},
      {"run restart-service -- x", "service"},
      {"run restart-service service=mail -- x", "service"},
      {"run restart-service service=web", "requires a reason"},
      {"run restart-service service=web --", "requires a reason"},
      {"run restart-service service=web service=api -- x", "twice"},
      {"run restart-service web -- x", "no parameter"},
      {"run restart-service =web -- x", "no parameter"},
      {"run restart-service service=web colour=red -- x", "colour"},
  }));
  CAPTURE(text);
  auto const bad = rig.type("U0ALICE", text);
  CHECK(bad.state == State::refused);
  CHECK(says(bad, words));
  CHECK(rig.ledger.folded.requests.size() == 1);
}

TEST_CASE("T70 who may ask for nothing hears of no runbook by a wrong name") {
  Rig rig;
  auto const bad = rig.type("U0MALLORY", "run nothing -- x");
  CHECK(bad.state == State::refused);
  CHECK(says(bad, "There is no runbook nothing. There is none that you may ask for."));
}

TEST_CASE("T69 asking again and asking a question wait in a bounded queue, and a service that stops answers them") {
  Rig rig;
  auto const id = rig.open();
  SECTION("a full queue") {
    rig.ledger.held = true;
    std::size_t turned_away = 0;
    for (int n = 0; n < 20'500; ++n) {
      rig.engine->ask({.requester = core::Actor::person("alice"), .runbook = "nothing", .reason = "x"},
                      [&](core::Reply const& reply) { turned_away += reply.code == Errc::unavailable ? 1 : 0; });
    }
    REQUIRE(turned_away > 0);
    ports::IncomingCommand command{.account = {"slack", "U0BOB"}, .words = {}, .text = {}};
    std::vector<ports::Answer> answers;
    auto const type = [&](std::vector<std::string> words) {
      command.words = std::move(words);
      rig.engine->command(command, [&](ports::Answer answer) { answers.push_back(std::move(answer)); });
    };
    type({"again", id.str()});
    type({"ask", id.str(), "why?"});
    REQUIRE(answers.size() == 2);
    for (auto const& answer : answers) CHECK(says(answer, "Not recorded, try again"));
    // Strangers fill no queue either: what they try is left out of the record first.
    command.account.id = "U0STRANGER";
    type({"list"});
    CHECK(says(answers.at(2), "not known here"));
  }
  SECTION("stopping") {
    rig.engine->stop([] {});
    CHECK(rig.type("U0BOB", "again " + id.str()).state == State::not_recorded);
    CHECK(rig.type("U0BOB", "ask " + id.str() + " why?").state == State::not_recorded);
  }
}

TEST_CASE("run by somebody whose groups may not ask is refused") {
  Rig rig;
  CHECK(rig.type("U0MALLORY", "run restart-service service=web -- x").state == State::refused);
  CHECK(rig.ledger.folded.requests.empty());
}

TEST_CASE("the same slash command delivered twice asks once") {
  Rig rig;
  ports::IncomingCommand const command{.account = {"slack", "U0ALICE"},
                                       .words = {"run", "restart-service", "service=web", "--", "x"},
                                       .text = "run restart-service service=web -- x",
                                       .channel = "C0INC",
                                       .envelope = {},
                                       .delivery = "trigger-1",
                                       .foreign = {}};
  for (int i = 0; i < 2; ++i) {
    rig.engine->command(command, [](ports::Answer const&) {});
    rig.settle();
  }
  CHECK(rig.ledger.folded.requests.size() == 1);
}

TEST_CASE("approve by text wants the id and the code of the message, in the channel of the message") {
  Rig rig;
  auto const id = rig.open();
  auto const code = core::code_of(rig.ledger.folded.request(id)->binding);
  std::string const wrong = code == "0000" ? "0001" : "0000";
  CHECK(says(rig.type("U0BOB", "approve"), "Name the id and the code"));
  CHECK(says(rig.type("U0BOB", "approve CS-1"), "Name the id and the code"));
  CHECK(rig.type("U0BOB", "approve CS-1 " + wrong).state == State::refused);
  CHECK(says(rig.type("U0BOB", "approve CS-1 " + code, "C0OTHER"), "No open request"));
  CHECK(says(rig.type("U0BOB", "approve CS-9 " + code), "No open request"));
  CHECK(says(rig.type("U0BOB", "approve nonsense " + code), "no request id"));
  CHECK(says(rig.type("U0DAVE", "approve CS-1 " + code), "sre"));
  CHECK(rig.phase(id) == Phase::pending);
  CHECK(rig.type("U0BOB", "approve cs-1 " + code + " -- looks right").state == State::recorded);
  CHECK(rig.phase(id) == Phase::approved);
  CHECK(rig.ledger.folded.request(id)->votes.back().note == "looks right");
}

TEST_CASE("deny by text ends it with the note as its reason") {
  Rig rig;
  auto const id = rig.open();
  auto const code = core::code_of(rig.ledger.folded.request(id)->binding);
  CHECK(rig.type("U0BOB", "deny " + id.str() + " " + code + " -- not now").state == State::recorded);
  CHECK(rig.phase(id) == Phase::denied);
  CHECK(rig.ledger.folded.request(id)->decision->reason == "not now");
}

TEST_CASE("an ambiguous short id is refused with the list") {
  Rig rig;
  auto const first = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  rig.rules.policies["two-sre"].expires = 48h;  // the second day's counter begins anew
  rig.engine->reload(rig.rules, fixture::config_bytes(rig.rules));
  rig.settle();
  auto const kept = rig.open("deploy", {{"version", "8"}, {"replicas", "2"}});
  rig.loop.advance(24h);
  rig.open("deploy", {{"version", "9"}, {"replicas", "2"}});
  auto const second = rig.open("deploy", {{"version", "10"}, {"replicas", "2"}});
  REQUIRE(kept.case_id().counter() == second.case_id().counter());
  REQUIRE(rig.phase(kept) == Phase::pending);
  auto const code = core::code_of(rig.ledger.folded.request(second)->binding);
  auto const answer = rig.type("U0BOB", "approve CS-2 " + code);
  CHECK(answer.state == State::refused);
  CHECK(says(answer, kept.str()));
  CHECK(says(answer, second.str()));
  CHECK(rig.type("U0BOB", "approve " + second.str() + " " + code).state == State::recorded);
  CHECK(rig.phase(first) == Phase::voided);
}

TEST_CASE("list shows what waits in this channel, show says why one may not decide") {
  Rig rig;
  CHECK(says(rig.type("U0BOB", "list"), "Nothing waits"));
  auto const id = rig.open();
  auto const code = core::code_of(rig.ledger.folded.request(id)->binding);
  CHECK(says(rig.type("U0BOB", "list"), "CS-1 " + code));
  CHECK(says(rig.type("U0BOB", "list", "C0OTHER"), "Nothing waits"));
  CHECK(says(rig.type("U0BOB", "show CS-1"), "You may decide it"));
  CHECK(says(rig.type("U0ALICE", "show CS-1"), "You may not decide it: "));
  CHECK(says(rig.type("U0BOB", "show CS-1"), "systemctl restart web.service"));
  CHECK(says(rig.type("U0BOB", "show"), "Name the request"));
  CHECK(says(rig.type("U0BOB", "show CS-7"), "No open request"));
}

TEST_CASE("cancel: the requester and approvers may, others may not") {
  Rig rig;
  auto const id = rig.open();
  CHECK(says(rig.type("U0ALICE", "cancel"), "Name the request"));
  auto const other = rig.type("U0DAVE", "cancel CS-1");
  CHECK(other.state == State::refused);
  CHECK(says(other, "Only the requester"));
  CHECK(rig.ledger.count("vote.refused") == 1);
  CHECK(rig.type("U0ALICE", "cancel CS-1 -- not needed").state == State::recorded);
  CHECK(rig.phase(id) == Phase::cancelled);
  CHECK(rig.ledger.folded.request(id)->decision->reason == "not needed");
}

TEST_CASE("T44 an unknown account and a foreign workspace learn nothing and are on record") {
  Rig rig;
  auto const id = rig.open();
  auto const code = core::code_of(rig.ledger.folded.request(id)->binding);
  int refused = 0;
  for (auto const* text : {"help", "list", "show CS-1", "run restart-service service=web -- x", "cancel CS-1"}) {
    CAPTURE(text);
    auto const answer = rig.type("U0STRANGER" + std::to_string(++refused), text);
    CHECK(answer.state == State::refused);
    CHECK(says(answer, "not known here"));
    CHECK_FALSE(says(answer, "restart"));
  }
  CHECK(says(rig.type("U0BOB", "list", "C0INC", "this is another workspace"), "another workspace"));
  CHECK(rig.type("U0STRANGER", "approve CS-1 " + code).state == State::refused);
  CHECK(rig.type("U0BOB", "approve CS-1 " + code, "C0INC", "this is another workspace").state == State::refused);
  CHECK(rig.ledger.count("vote.refused") == 8);
  CHECK(rig.phase(id) == Phase::pending);
  CHECK(rig.ledger.folded.requests.size() == 1);
}

TEST_CASE("T71 refusals beyond the quota of an account become one entry a minute") {
  Rig rig;
  auto const id = rig.open();
  for (int i = 0; i < 40; ++i) rig.approve("mallory", id);
  auto const at_once = rig.ledger.count("vote.refused");
  CHECK(at_once == 5);
  rig.loop.advance(61s);
  CHECK(rig.ledger.count("vote.refused") == 6);
  CHECK(rig.ledger.broken.empty());
}

TEST_CASE("withdraw by text takes back one's own vote, wherever it was cast, and nobody else's") {
  Rig rig;
  auto const id = rig.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  auto const code = core::code_of(rig.ledger.folded.request(id)->binding);
  auto click = rig.click("bob", id);
  click.account = {"matrix", "@bob:example.org"};
  CHECK(rig.cast(click)->front().state == State::recorded);
  CHECK(says(rig.type("U0BOB", "withdraw CS-1"), "Name the id and the code that stand on the message: withdraw CS-42"));
  CHECK(says(rig.type("U0CAROL", "withdraw CS-1 " + code), "no vote on this to withdraw"));
  CHECK(rig.type("U0NOBODY", "withdraw CS-1 " + code).state == State::refused);
  CHECK(core::effective_votes(rig.ledger.folded.request(id)->votes).size() == 1);
  auto const back = rig.type("U0BOB", "withdraw CS-1 " + code + " -- wrong window");
  CHECK(back.state == State::recorded);
  CHECK(says(back, "withdrawn"));
  CHECK(core::effective_votes(rig.ledger.folded.request(id)->votes).empty());
  CHECK(rig.chat.messages.at(0).body["status"].text() == "Waiting for 2 from sre");  // the card says so
  auto const& votes = *rig.chat.messages.at(0).body["votes"].if_array();
  REQUIRE(votes.size() == 2);
  CHECK(votes[1].text().find("bob withdrew at") == 0);
  rig.approve("carol", id);
  CHECK(rig.phase(id) == Phase::pending);
  rig.approve("erin", id);
  CHECK(rig.phase(id) == Phase::approved);
  CHECK(says(rig.type("U0ERIN", "withdraw " + id.str() + " " + code), "already approved"));
  CHECK(rig.phase(id) == Phase::approved);
}
