// The message that follows a run under way: when it comes, how often it changes, and that it never comes twice.
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;
using core::Phase;

core::RequestId running(Rig& rig) {
  auto const id = rig.open();
  rig.approve("bob", id);
  rig.engine->runner_accepted("", id.str());
  rig.settle();
  return id;
}

void ends(Rig& rig, core::RequestId const& id) {
  rig.engine->runner_finished("", id.str(), Rig::result("succeeded", "", 0), "done\n");
  rig.settle();
}

void say(Rig& rig, core::RequestId const& id, std::string const& text) {
  rig.engine->runner_output("", id.str(), "act", text);
  rig.settle();
}

}  // namespace

TEST_CASE("live: a run that ends soon has no message of its own") {
  Rig rig;
  auto const id = running(rig);
  say(rig, id, "quick\n");
  rig.loop.advance(1900ms);
  ends(rig, id);
  rig.loop.advance(1min);
  CHECK(rig.chat.live(id).empty());
  CHECK(rig.chat.notes().size() == 1);  // the outcome
}

TEST_CASE("live: one message, coalesced, at most every five seconds, with the last lines, the step and the time") {
  Rig rig;
  auto const id = running(rig);
  say(rig, id, "first\n");
  rig.loop.advance(2s);
  REQUIRE(rig.chat.live(id).size() == 1);
  CHECK(rig.chat.live(id)[0].find("running for 2s, step 1 of 1 (act)") != std::string::npos);
  CHECK(rig.chat.live(id)[0].find("first") != std::string::npos);
  auto const updates = rig.chat.updates;
  for (int i = 0; i < 200; ++i) {  // ten seconds of a talkative step
    say(rig, id, "line " + std::to_string(i) + "\n");
    rig.loop.advance(50ms);
  }
  CHECK(rig.chat.updates - updates <= 3);
  CHECK(rig.chat.updates - updates >= 2);
  rig.loop.advance(5s);
  auto const shown = rig.chat.live(id).at(0);
  CHECK(shown.find("line 199") != std::string::npos);
  CHECK(shown.find("line 190") != std::string::npos);
  CHECK(shown.find("line 189") == std::string::npos);
  auto const quiet = rig.chat.updates;
  rig.loop.advance(60s);  // says nothing: only the time goes on
  CHECK(rig.chat.updates - quiet == 2);
  ends(rig, id);
  CHECK(rig.chat.live(id).size() == 1);
  CHECK(rig.chat.live(id)[0].find("how it ended stands below") != std::string::npos);
  CHECK(rig.chat.live(id)[0].find("line") == std::string::npos);
  CHECK(rig.chat.notes().size() == 2);  // it and the outcome
}

TEST_CASE("live: megabytes of output stay small, and hostile bytes are shown as what they are") {
  Rig rig;
  auto const id = running(rig);
  rig.loop.advance(2s);
  for (int i = 0; i < 200; ++i) say(rig, id, std::string(16'000, 'x') + "\n");
  say(rig, id, "\x1b[2J<!channel> \xe2\x80\xae\xff\n");
  rig.loop.advance(5s);
  auto const shown = rig.chat.live(id).at(0);
  CHECK(shown.size() < 4000);
  CHECK(shown.find('\x1b') == std::string::npos);
  CHECK(shown.find("\xe2\x80\xae") == std::string::npos);
}

TEST_CASE("live: after a restart nothing is posted again, and what stands there says that nobody follows it") {
  Rig rig;
  auto const id = running(rig);
  rig.loop.advance(3s);
  REQUIRE(rig.chat.live(id).size() == 1);
  rig.start({id.str()});
  rig.loop.advance(10min);
  CHECK(rig.phase(id) == Phase::interrupted);
  CHECK(rig.chat.live(id).size() == 1);
  CHECK(rig.chat.live(id)[0].find("nobody follows this run any more") != std::string::npos);
}

TEST_CASE("live: a platform that refuses the message costs it the message, not the run or the outcome") {
  Rig rig;
  auto const id = running(rig);
  rig.chat.refuse_live = true;
  rig.loop.advance(2s);
  say(rig, id, "x\n");
  rig.loop.advance(30s);
  CHECK(rig.chat.live(id).empty());
  ends(rig, id);
  CHECK(rig.phase(id) == Phase::succeeded);
  CHECK(rig.chat.notes().size() == 1);
}
