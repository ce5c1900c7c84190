// T38: who pretends to be somebody else, or that a message is this bot's, by all that a room's events can carry.
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

std::string const kBob = "@bob:example.org", kEve = "@eve:example.org";

Json annotation(std::string const& event, std::string const& key, std::string const& type = "m.annotation") {
  return Json::object({{"m.relates_to", Json::object({{"rel_type", type}, {"event_id", event}, {"key", key}})}});
}

}  // namespace

TEST_CASE("T38 matrix: twenty impostors, and none of their reactions votes, asks or asks again as Bob") {
  struct Scene {
    Bench& bench;
    std::string card, key;
    Json content;  // of the card
    std::string say(std::string const& who, Json what, std::string const& type = "m.room.message") const {
      return bench.hs.say(who, type, std::move(what));
    }
    void react(std::string const& who, std::string const& event) const { bench.hs.react(who, event, key); }
  };
  using Act = std::function<void(Scene const&)>;
  auto const member = [](Scene const& scene, std::string const& user, std::string const& name) {
    scene.bench.hs.say(user, "m.room.member", Json::object({{"membership", "join"}, {"displayname", name}}), kRoom,
                       user);
  };
  std::vector<std::pair<std::string, Act>> const impostors{
      {"Bob by display name", [&](auto const& s) { member(s, kEve, "bob"), s.react(kEve, s.card); }},
      {"Bob's id as a display name", [&](auto const& s) { member(s, kEve, kBob), s.react(kEve, s.card); }},
      {"Bob of another homeserver", [&](auto const& s) { s.react("@bob:elsewhere.example", s.card); }},
      {"Bob of another homeserver, in the room",
       [&](auto const& s) { member(s, "@bob:elsewhere.example", "bob"), s.react("@bob:elsewhere.example", s.card); }},
      {"Bob of our server's name with a port", [&](auto const& s) { s.react("@bob:example.org:8448", s.card); }},
      {"Bob in capitals", [&](auto const& s) { s.react("@BOB:example.org", s.card); }},
      {"Bob with something before", [&](auto const& s) { s.react("@b.ob:example.org", s.card); }},
      {"a copy of the card", [&](auto const& s) { s.react(kBob, s.say(kEve, s.content)); }},
      {"a copy by somebody who is called like the bot",
       [&](auto const& s) { member(s, kEve, "countersign"), s.react(kBob, s.say(kEve, s.content)); }},
      {"a silent edit of the card by somebody else",
       [&](auto const& s) { s.react(kBob, s.say(kEve, matrix::render_edit(s.content, s.card))); }},
      {"a notice of somebody's with the card's words",
       [&](auto const& s) { s.react(kBob, s.say(kEve, Json(s.content).set("msgtype", "m.notice"))); }},
      {"a message of Bob's own with the card's words", [&](auto const& s) { s.react(kBob, s.say(kBob, s.content)); }},
      {"a message that is not there", [&](auto const& s) { s.react(kBob, "$nowhere"); }},
      {"a relation of another kind",
       [&](auto const& s) { s.say(kBob, annotation(s.card, s.key, "m.reference"), "m.reaction"); }},
      {"no relation",
       [&](auto const& s) {
         s.say(kBob, Json::object({{"key", s.key}}), "m.reaction");
       }},
      {"a key with more in it", [&](auto const& s) { s.say(kBob, annotation(s.card, s.key + "!"), "m.reaction"); }},
      {"a message that looks like a reaction",
       [&](auto const& s) { s.say(kBob, annotation(s.card, s.key), "m.room.message"); }},
      {"an encrypted reaction", [&](auto const& s) { s.say(kBob, annotation(s.card, s.key), "m.room.encrypted"); }},
      {"a reaction as a state of the room",
       [&](auto const& s) { s.bench.hs.say(kBob, "m.reaction", annotation(s.card, s.key), kRoom, ""); }},
      {"in a room that is none of ours",
       [&](auto const& s) {
         s.bench.make_room("!other:example.org");
         s.bench.hs.join(kBot, "!other:example.org");
         s.bench.hs.join(kBob, "!other:example.org");
         s.bench.hs.react(kBob, s.card, s.key, "!other:example.org");
       }},
  };
  REQUIRE(impostors.size() == 20);
  for (auto const& [name, act] : impostors) {
    for (auto const* key : {"\u2705", "\u2753", "\U0001f501"}) {
      CAPTURE(name, key);
      Bench bench;
      bench.connected();
      auto const card = bench.post(matrix_cards::waiting());
      auto const said = bench.hs.sent().size();
      act({bench, card, key, bench.hs.sent().at(0)});
      bench.loop.advance(2s);
      auto const counts = [](auto const& one) { return one.foreign.empty() && one.account.id != kEve; };
      CHECK(std::ranges::none_of(bench.engine.votes, counts));
      CHECK(std::ranges::none_of(bench.engine.commands, counts));
      auto const heard = [&] {
        return bench.engine.votes.size() + bench.engine.commands.size() + bench.hs.sent().size();
      };
      // Who has an account of ours may be asked what they want to know.
      if (!name.starts_with("Bob")) CHECK(heard() == said);
      auto const before = heard();
      bench.hs.react(kBob, card, key);  // the honest one is heard
      bench.loop.advance(2s);
      CHECK(heard() > before);
    }
  }
}
