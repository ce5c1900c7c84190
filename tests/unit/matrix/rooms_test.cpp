#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

// All problems of the rooms as one text.
std::string problems(Bench& bench) {
  bench.loop.advance(2s);
  std::string text;
  for (auto const& problem : bench.adapter->room_problems()) text += problem + '\n';
  return text;
}

void power(Bench& bench, Json content) {
  bench.hs.say("@alice:example.org", "m.room.power_levels", std::move(content), kRoom, "");
}

// Whether the adapter says that it is an active member's account; also how often it said anything.
struct Active {
  Active(Bench& bench, std::string const& user) {
    bench.adapter->is_active(user, [this](core::Result<bool> const& said) {
      ++times;
      result = said;
    });
  }
  Active(Active const&) = delete;
  bool yes() const { return result && result->has_value() && **result; }
  bool no() const { return result && result->has_value() && !**result; }
  bool unknown() const { return result && result->has_error(); }

  int times = 0;
  std::optional<core::Result<bool>> result;
};

void leave(Bench& bench, std::string const& user, std::string const& room = kRoom) {
  bench.hs.say("@alice:example.org", "m.room.member", Json::object({{"membership", "leave"}}), room, user);
}

}  // namespace

TEST_CASE("matrix rooms: a room as it should be gives nothing to say") {
  Bench bench;
  bench.connected();
  CHECK(problems(bench).empty());
  CHECK(bench.engine.states.back().second.empty());
}

TEST_CASE("matrix rooms: one that can't be read, or joined, holds no other up") {
  Bench bench;
  std::string const other = "!other:example.org";
  bench.settings.channels = {kRoom, other};
  bench.make_room(other);
  bool const joined = GENERATE(true, false);
  CAPTURE(joined);
  if (joined) {
    bench.hs.join(kBot, other);
    auto const* what = GENERATE("/state/m.room.power_levels", "/joined_members");
    bool const hangs = GENERATE(false, true);  // until the call's time is over
    CAPTURE(what, hangs);
    for (int i = 0; i < 1000; ++i) {
      if (hangs)
        bench.hs.fault(other + what, Homeserver::broken(true), false, 20s);
      else
        bench.hs.fault(other + what, net::HttpResponse{502, {}, "<html>"});
    }
  } else {
    bench.hs.fault("/join/" + other, Homeserver::broken(true), false, 1h);
  }
  bench.start();
  bench.loop.advance(1min);
  CHECK(bench.engine.connected());
  auto const event = bench.post(matrix_cards::waiting());
  bench.hs.react("@bob:example.org", event);
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.size() == 1);
  // Nothing is said in the other before it is known.
  std::optional<core::Result<ports::MessageRef>> posted;
  bench.adapter->post(other, std::nullopt, bench.adapter->render(matrix_cards::waiting(), "k2").body, "k2",
                      bench.loop.now(), [&](auto const& result) { posted = result; });
  bench.loop.advance(1min);
  CHECK_FALSE((posted && posted->has_value()));
  bench.hs.faults.clear();
  if (!joined) bench.hs.join(kBot, other);
  bench.loop.advance(3min);
  CHECK((posted && posted->has_value()));
}

TEST_CASE("matrix rooms: in an encrypted room the bot refuses to work and says so in plain words, once") {
  Bench bench;
  auto const encrypt = [&] {
    bench.hs.say("@alice:example.org", "m.room.encryption", Json::object({{"algorithm", "m.megolm.v1.aes-sha2"}}),
                 kRoom, "");
  };
  bool const from_start = GENERATE(true, false);
  if (from_start) encrypt();
  bench.connected();
  std::string event = "$card";
  if (!from_start) {
    event = bench.post(matrix_cards::waiting());
    CHECK(problems(bench).empty());
    encrypt();
  }
  CHECK_THAT(problems(bench), Catch::Contains("is encrypted") && Catch::Contains("refuses to work"));
  CHECK(bench.engine.connected());
  CHECK_THAT(bench.engine.states.back().second, Catch::Contains("is encrypted"));
  bench.loop.advance(1h);
  std::size_t lines = 0;
  for (auto const& line : bench.log.lines()) {
    if (line.level == ports::Log::Level::error) ++lines;
  }
  CHECK(lines == 1);

  std::optional<core::Result<ports::MessageRef>> posted;
  bench.adapter->post(kRoom, std::nullopt, bench.adapter->render(matrix_cards::waiting(), "k2").body, "k2",
                      bench.loop.now(), [&](auto const& result) { posted = result; });
  bench.loop.advance(1s);
  REQUIRE((posted && posted->has_error()));
  CHECK(posted->error().code == core::Errc::forbidden);
  CHECK_THAT(posted->error().message, Catch::Contains("is encrypted"));
  auto const updated = bench.update(event, matrix_cards::waiting());
  REQUIRE(updated);
  CHECK(updated->has_error());
  bench.hs.react("@bob:example.org", event);
  bench.hs.text("@bob:example.org", "!countersign list");
  bench.loop.advance(1s);
  CHECK(bench.engine.votes.empty());
  CHECK(bench.engine.commands.empty());
}

TEST_CASE("matrix rooms: public ones and strangers' servers are warned of") {
  Bench bench;
  bench.hs.say("@alice:example.org", "m.room.join_rules", Json::object({{"join_rule", "public"}}), kRoom, "");
  bench.hs.join("@zoe:far.example");
  SECTION("not federated") { bench.connected(); }
  SECTION("federated") {
    bench.hs.say("@alice:example.org", "m.room.create", Json::object({{"room_version", "11"}}), kRoom, "");
    bench.connected();
    CHECK_THAT(problems(bench), Catch::Contains("far.example") && Catch::Contains("m.federate false"));
  }
  CHECK_THAT(problems(bench), Catch::Contains("is public") && Catch::Contains("invite"));
  CHECK(bench.engine.states.back().second.empty());  // a warning, no refusal
  bench.hs.say("@alice:example.org", "m.room.join_rules", Json::object({{"join_rule", "invite"}}), kRoom, "");
  CHECK_THAT(problems(bench), !Catch::Contains("is public"));
}

TEST_CASE("matrix rooms: one that lets people in without an invitation is warned of") {
  Bench bench;
  auto const [rule, says] = GENERATE(table<std::string, std::string>({{"restricted", "members of other rooms"},
                                                                      {"knock_restricted", "members of other rooms"},
                                                                      {"knock", "whoever knocks"}}));
  bench.hs.say("@alice:example.org", "m.room.join_rules", Json::object({{"join_rule", rule}}), kRoom, "");
  bench.connected();
  CHECK_THAT(problems(bench), Catch::Contains(says) && Catch::Contains("join rule to invite"));
}

TEST_CASE("matrix rooms: a history that the whole world may read is warned of, until it is closed") {
  Bench bench;
  bench.hs.say("@alice:example.org", "m.room.history_visibility",
               Json::object({{"history_visibility", "world_readable"}}), kRoom, "");
  bench.connected();
  CHECK_THAT(problems(bench), Catch::Contains("whole world") && Catch::Contains("history visibility"));
  CHECK(bench.engine.states.back().second.empty());  // a warning, no refusal
  bench.hs.say("@alice:example.org", "m.room.history_visibility", Json::object({{"history_visibility", "joined"}}),
               kRoom, "");
  bench.loop.advance(1s);
  CHECK_THAT(problems(bench), !Catch::Contains("whole world"));
}

TEST_CASE("matrix rooms: one that is open to other homeservers is warned of before anybody comes from there") {
  Bench bench;
  bench.hs.say("@alice:example.org", "m.room.create", Json::object({{"room_version", "11"}}), kRoom, "");
  bench.connected();
  CHECK_THAT(problems(bench), Catch::Contains("is open to other homeservers") && Catch::Contains("m.federate false"));
  CHECK(bench.engine.states.back().second.empty());
}

TEST_CASE("matrix rooms: power that is missing is named with its number") {
  Bench bench;
  bench.connected();
  power(bench, Json::object({{"users", Json::object({{kBot, 10}})},
                             {"events", Json::object({{"m.reaction", 25}, {"m.room.redaction", "50"}})}}));
  auto text = problems(bench);
  CHECK_THAT(text, Catch::Contains("m.reaction needs power 25, it has 10"));
  CHECK_THAT(text, Catch::Contains("m.room.redaction needs power 50"));
  CHECK_THAT(text, !Catch::Contains("post messages"));
  CHECK_THAT(text, Catch::Contains("3 persons of the configuration can't react"));
  power(bench, Json::object({{"events_default", 50}, {"users_default", 0}}));
  CHECK_THAT(problems(bench), Catch::Contains("may not post messages"));
  power(bench, Json::object({{"users", Json::object({{kBot, "100"}})}, {"users_default", "25"}}));
  CHECK(problems(bench).empty());
}

TEST_CASE("matrix rooms: from version 12 on who made a room stands above all levels") {
  Bench bench;
  auto const create = [&](std::string const& sender, Json content) {
    bench.hs.say(sender, "m.room.create", content.set("room_version", "12").set("m.federate", false), kRoom, "");
  };
  power(bench, Json::object({{"events_default", 50}, {"users_default", 50}, {"users", Json::object({{kBot, 0}})}}));
  bench.connected();
  CHECK_THAT(problems(bench), Catch::Contains("may not post"));
  create("@alice:example.org", Json::object({{"additional_creators", Json::array({kBot})}}));
  CHECK(problems(bench).empty());
  create("@alice:example.org", Json::object({}));
  CHECK_THAT(problems(bench), Catch::Contains("may not post"));
  create(kBot, Json::object({}));
  CHECK(problems(bench).empty());
}

TEST_CASE("matrix rooms: joins where it is invited, at the start and later, and waits out the homeserver's slowness") {
  Bench bench;
  bench.hs.rooms[kRoom].members.erase(kBot);
  SECTION("at the start") {
    bench.hs.rooms[kRoom].invited = true;
    bench.hs.fault("/join/", Homeserver::refusal(403, "M_FORBIDDEN"));
    bench.hs.fault("/join/", Homeserver::refusal(403, "M_UNKNOWN"));
  }
  SECTION("later") {
    bench.connected();
    CHECK_THAT(problems(bench), Catch::Contains("invite @countersign:example.org there"));
    std::optional<core::Result<ports::MessageRef>> posted;
    bench.adapter->post(kRoom, std::nullopt, bench.adapter->render(matrix_cards::waiting(), "k").body, "k",
                        bench.loop.now(), [&](auto const& result) { posted = result; });
    bench.loop.advance(1s);
    CHECK_THAT(posted->error().message, Catch::Contains("invite"));
    bench.loop.advance(10min);
    CHECK(bench.hs.calls("/join/").size() < 25);
    bench.hs.rooms[kRoom].invited = true;
  }
  if (!bench.adapter) bench.connected();
  bench.loop.advance(65s);
  CHECK(problems(bench).empty());
  CHECK_FALSE(bench.post(matrix_cards::waiting(), "k2").empty());
}

TEST_CASE("matrix rooms: removed from a room, and invited again") {
  Bench bench(GENERATE(matrix::Transport::sync, matrix::Transport::websocket));
  bench.connected();
  bench.hs.say("@alice:example.org", "m.room.member", Json::object({{"membership", "leave"}}), kRoom, kBot);
  if (bench.settings.transport == matrix::Transport::websocket) {
    bench.transact("1", 1);
  } else {
    // A homeserver tells of the end of a membership in another place.
    bench.hs.fault("/sync",
                   net::HttpResponse{200, {}, R"({"next_batch":"s90","rooms":{"leave":{"!inc:example.org":{}}}})"});
    bench.loop.advance(31s);
  }
  CHECK_THAT(problems(bench), Catch::Contains("is not in room"));
  bench.hs.rooms[kRoom].invited = true;
  bench.loop.advance(65s);
  CHECK(problems(bench).empty());
}

TEST_CASE("matrix rooms: an upgraded room is said to be replaced") {
  Bench bench;
  bench.connected();
  bench.hs.say("@alice:example.org", "m.room.tombstone", Json::object({{"replacement_room", "!next:example.org"}}),
               kRoom, "");
  CHECK_THAT(problems(bench), Catch::Contains("replaced by !next:example.org"));
}

TEST_CASE("matrix rooms: T39 what could not be read is unknown, and unknown is no until it is read") {
  Bench bench;
  bool const proxy = GENERATE(true, false);
  for (int times = 0; times < 2; ++times)
    bench.hs.fault("GET /_matrix/client/v3/rooms/!inc:example.org/state/m.room.encryption",
                   proxy ? Homeserver::Answer(net::HttpResponse{200, {}, "<html>maintenance</html>"})
                         : Homeserver::refusal(400, "M_UNKNOWN"));
  bench.connected();
  std::optional<core::Result<ports::MessageRef>> posted;
  bench.adapter->post(kRoom, std::nullopt, bench.adapter->render(matrix_cards::waiting(), "k").body, "k",
                      bench.loop.now(), [&](auto const& result) { posted = result; });
  bench.loop.advance(30s);
  INFO(bench.hs.calls("m.room.encryption").size());
  CHECK(bench.hs.sent().empty());
  bench.loop.advance(1min);
  CHECK(bench.hs.sent().size() == 1);
}

TEST_CASE("matrix rooms: a new configuration brings rooms and takes them away") {
  Bench bench;
  bench.make_room("!two:example.org");
  bench.hs.join(kBot, "!two:example.org");
  bench.hs.rooms["!two:example.org"].invited = true;
  bench.connected();
  bench.adapter->set_people_and_channels(bench.settings.people, {"!two:example.org"});
  std::optional<core::Result<ports::MessageRef>> posted, elsewhere;
  auto const body = bench.adapter->render(matrix_cards::waiting(), "k").body;
  bench.adapter->post("!two:example.org", std::nullopt, body, "k", bench.loop.now(),
                      [&](auto const& result) { posted = result; });
  bench.adapter->post(kRoom, std::nullopt, body, "k", bench.loop.now(),
                      [&](auto const& result) { elsewhere = result; });
  bench.loop.advance(3s);
  CHECK(posted->has_value());
  CHECK_THAT(elsewhere->error().message, Catch::Contains("not in the configuration"));
}

TEST_CASE("matrix rooms: T39 an active member is who is in a room that the bot is in, as it is now") {
  Bench bench;
  bench.connected();
  Active const before(bench, "@bob:example.org");
  bench.loop.advance(1s);
  CHECK(before.yes());
  leave(bench, "@bob:example.org");
  Active const after(bench, "@bob:example.org");
  bench.loop.advance(1s);
  CHECK(after.no());
}

// A homeserver answers who left a room with the state as it was then: it shows no deactivation that came later.
TEST_CASE("matrix rooms: T39 a room that the bot was removed from says nothing of who is active") {
  Bench bench;
  std::string const other = "!two:example.org";
  bool const elsewhere = GENERATE(false, true), unseen = GENERATE(false, true);
  CAPTURE(elsewhere, unseen);
  if (elsewhere) {
    bench.make_room(other);
    bench.hs.join(kBot, other);
    bench.settings.channels.push_back(other);
  }
  bench.connected();
  std::unique_ptr<Active> asked;
  if (unseen) {
    // Asked before anything tells the bot that it was removed.
    for (int times = 0; times < 3; ++times) bench.hs.fault("/sync", Homeserver::refusal(500, "M_UNKNOWN"));
    leave(bench, kBot);
    leave(bench, "@bob:example.org");
    asked = std::make_unique<Active>(bench, "@bob:example.org");
    bench.loop.advance(20s);
  } else {
    leave(bench, kBot);
    bench.hs.fault("/sync",
                   net::HttpResponse{200, {}, R"({"next_batch":"s90","rooms":{"leave":{"!inc:example.org":{}}}})"});
    bench.loop.advance(31s);
    CHECK_THAT(problems(bench), Catch::Contains("is not in room"));
    leave(bench, "@bob:example.org");
    asked = std::make_unique<Active>(bench, "@bob:example.org");
    bench.loop.advance(20s);
  }
  CHECK(asked->times == 1);
  CHECK(asked->unknown());
  // Back again it sees what is so.
  bench.hs.rooms[kRoom].invited = true;
  bench.loop.advance(2min);
  Active const again(bench, "@bob:example.org");
  bench.loop.advance(1s);
  CHECK(again.no());
  Active const carol(bench, "@carol:example.org");
  bench.loop.advance(1s);
  CHECK(carol.yes());
}

TEST_CASE("matrix rooms: T39 whoever asks whether an account is active is answered once, within 15 s") {
  Bench bench;
  bool const given_up = GENERATE(true, false);
  CAPTURE(given_up);
  SECTION("before the rooms are known") {
    bench.hs.faults.push_back(
        {"joined_rooms", Homeserver::refusal(403, "M_USER_DEACTIVATED"), false, given_up ? core::Duration(1s) : 1h});
    bench.adapter = std::make_unique<matrix::Adapter>(
        bench.settings, matrix::Parts{bench.loop, bench.hs, bench.proxy, bench.log, bench.notebook, [] { return 0; }});
    bench.adapter->start(bench.engine);
  }
  SECTION("while it is asked") {
    bench.connected();
    bench.hs.faults.push_back({"m.room.member", Homeserver::refusal(403, "M_FORBIDDEN"), false, 1h});
    if (given_up) bench.hs.fault("/sync", Homeserver::refusal(403, "M_USER_DEACTIVATED"));
  }
  Active const asked(bench, "@bob:example.org");
  bench.hs.join("@zoe:example.org");
  bench.loop.advance(given_up ? 2s : 15s);
  CHECK(asked.times == 1);
  CHECK(asked.unknown());
  if (given_up) {
    Active const later(bench, "@bob:example.org");
    bench.loop.advance(1s);
    CHECK(later.times == 1);
    CHECK(later.unknown());
  }
  bench.loop.advance(2h);
  CHECK(asked.times == 1);
}
