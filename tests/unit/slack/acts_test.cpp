// The buttons that are no votes, who may act at all, and what usergroups say.
#include "tests/support/catch.hpp"
#include "tests/support/result_text.hpp"
#include "tests/unit/slack/cards.hpp"
#include "tests/unit/slack/fakes.hpp"

using namespace slack_fakes;
using State = ports::Answer::State;

namespace {

// Members of the payload replaced as RFC 7396 says.
void merge(Json& into, Json const& patch) {
  for (auto const& [name, value] : *patch.if_object()) {
    if (value.is_object() && into[name].is_object()) {
      auto inner = into[name];
      merge(inner, value);
      into.set(name, inner);
    } else {
      into.set(name, value);
    }
  }
}

Json submitted(std::string const& callback, std::string const& metadata, std::string const& words) {
  auto frame = frames::submission("V0VIEW", "t1", metadata, words);
  merge(frame, Json::object({{"payload", Json::object({{"view", Json::object({{"callback_id", callback}})}})}}));
  return frame;
}

}  // namespace

TEST_CASE("slack acts: ask again is a command by button, answered to who tapped") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::click({.action = "again"}));
  REQUIRE(bench.sink.commands.size() == 1);
  CHECK(bench.sink.votes.empty());
  auto const& command = bench.sink.commands[0];
  CHECK(command.words == std::vector<std::string>{"again", "CS-20261121-000042-R1"});
  CHECK(command.via == "button");
  CHECK(command.binding == "sha256:b");
  CHECK(command.rendering == "sha256:r");
  CHECK(command.channel == "C0INC");
  CHECK(command.foreign.empty());
  CHECK(bench.sent(0).empty());
  bench.answer(0, State::recorded, "CS-43 is accepted");
  CHECK(bench.sent(0).size() == 1);
  CHECK_THAT(bench.http.seen.back().body, Catch::Contains("CS-43 is accepted"));
  // The same click in another frame is the same click.
  bench.receive(1, frames::click({.envelope = "env-2", .action = "again"}));
  CHECK(bench.sink.commands.size() == 1);
}

TEST_CASE("slack acts: a question opens its form at once, and what is written there is asked") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::click({.action = "ask"}));
  CHECK(bench.sent(0).size() == 1);
  CHECK(bench.sink.commands.empty());
  auto const form = bench.http.last_body("views.open");
  CHECK(form["view"]["callback_id"].text() == "ask");
  CHECK(form["view"]["blocks"].at_index(0)["element"]["max_length"] == Json(500));
  auto const metadata = form["view"]["private_metadata"].text();
  bench.receive(0, submitted("ask", metadata, "which host?"));
  REQUIRE(bench.sink.commands.size() == 1);
  auto const& command = bench.sink.commands[0];
  CHECK(command.words == std::vector<std::string>{"ask", "CS-20261121-000042-R1", "which host?"});
  CHECK(command.via == "view");
  CHECK(command.rendering == "sha256:r");
  CHECK(command.foreign.empty());
  SECTION("recorded closes it") {
    bench.answer(0, State::recorded);
    CHECK(bench.sent(0)[1] == Json::object({{"envelope_id", "env-view"}}));
  }
  SECTION("refused says why where it was written") {
    bench.answer(0, State::refused, "There are enough questions");
    CHECK(bench.sent(0)[1]["payload"]["errors"]["note"].text() == "There are enough questions");
  }
  SECTION("a vote's form is no question's, and the other way round") {
    auto other = submitted("ask", slack::to_text(slack::ViewOrigin{"R", "B", "D", "approve", "C0INC", "1.2"}), "x");
    merge(other, Json::object({{"envelope_id", "env-8"}, {"payload", Json::object({{"trigger_id", "t8"}})}}));
    bench.receive(0, other);
    REQUIRE(bench.sink.commands.size() == 2);
    CHECK_FALSE(bench.sink.commands.back().foreign.empty());
    auto vote = frames::submission("V0VIEW", "t9", metadata, "x", "env-9");
    bench.receive(0, vote);
    REQUIRE(bench.sink.votes.size() == 1);
    CHECK_FALSE(bench.sink.votes[0].foreign.empty());
  }
}

TEST_CASE("T38 slack: twenty impostors, and none of their clicks votes, asks or asks again") {
  auto const payload = [](Json const& patch) { return Json::object({{"payload", patch}}); };
  auto const user = [&](Json const& patch) { return payload(Json::object({{"user", patch}})); };
  auto const message = [&](Json const& patch) { return payload(Json::object({{"message", patch}})); };
  auto const container = [&](Json const& patch) { return payload(Json::object({{"container", patch}})); };
  auto const value = [&](std::string const& text) {
    return payload(Json::object({{"actions", Json::array({Json::object({{"type", "button"},
                                                                        {"action_id", "approve"},
                                                                        {"block_id", "decide-1"},
                                                                        {"value", text},
                                                                        {"action_ts", "1764000042.118500"}})})}}));
  };
  std::vector<std::pair<std::string, Json>> const impostors{
      {"another app's button", payload(Json::object({{"api_app_id", "A0OTHER"}}))},
      {"no app named", payload(Json::object({{"api_app_id", ""}}))},
      {"another workspace", payload(Json::object({{"team", Json::object({{"id", "T0OTHER"}})}}))},
      {"no workspace", payload(Json::object({{"team", Json()}}))},
      {"an organisation-wide installation", payload(Json::object({{"is_enterprise_install", true}}))},
      {"a partner's account", user(Json::object({{"team_id", "T0PARTNER"}}))},
      {"an account without a workspace", user(Json::object({{"team_id", ""}}))},
      {"bob by name alone", user(Json::object({{"id", "U0FAKE"}, {"username", "bob"}, {"name", "bob"}}))},
      {"a message of another bot under our name",
       message(Json::object({{"bot_id", "B0OTHER"}, {"username", "Countersign"}}))},
      {"a message of a person", message(Json::object({{"bot_id", Json()}, {"app_id", Json()}, {"user", "U0MALLORY"}}))},
      {"a message of another app without bot", message(Json::object({{"bot_id", Json()}, {"app_id", "A0OTHER"}}))},
      {"a message about another request",
       message(Json::object({{"metadata", Json::object({{"event_payload", Json::object({{"request", "CS-1"}})}})}}))},
      {"an ephemeral message", container(Json::object({{"is_ephemeral", true}}))},
      {"a button in an attachment", container(Json::object({{"type", "message_attachment"}}))},
      {"a button in a view", container(Json::object({{"type", "view"}}))},
      {"another channel", payload(Json::object({{"channel", Json::object({{"id", "C0OTHER"}})},
                                                {"container", Json::object({{"channel_id", "C0OTHER"}})}}))},
      {"no channel", payload(Json::object({{"channel", Json()}, {"container", Json::object({{"channel_id", ""}})}}))},
      {"a value of words", value("approve")},
      {"a value of another form", value("v2|CS-20261121-000042-R1|sha256:b|sha256:r")},
      {"another request's value", value("v1|CS-20261121-000099-R1|sha256:b|sha256:r")},
  };
  REQUIRE(impostors.size() == 20);
  for (auto const& [name, patch] : impostors) {
    for (auto const* action : {"approve", "again", "ask"}) {
      CAPTURE(name, action);
      Bench bench;
      bench.connected();
      auto frame = frames::click({.action = action});
      merge(frame, patch);
      if (patch["payload"]["actions"].is_array()) {  // the value is the forged part: with each button's id
        auto text = core::dump(frame);
        auto const at = text.find(R"("action_id":"approve")");
        text.replace(at, 21, std::string(R"("action_id":")") + action + '"');
        frame = core::parse_json(text).value();
      }
      bench.receive(0, frame);
      bool const by_name = name == "bob by name alone";
      for (auto const& vote : bench.sink.votes) CHECK((by_name ? vote.account.id == "U0FAKE" : !vote.foreign.empty()));
      for (auto const& command : bench.sink.commands)
        CHECK((by_name ? command.account.id == "U0FAKE" : !command.foreign.empty()));
      CHECK((by_name || bench.http.count("views.open") == 0));
    }
  }
}

TEST_CASE(
    "T39 slack: guests, bots, deactivated and foreign accounts of configured people don't count, nor unknown ones") {
  Bench bench;
  auto const says = [](std::string const& more) {
    return json(R"({"ok":true,"user":{"id":"U0BOB","team_id":"T0WORKSPC")" + more + "}}");
  };
  auto const foreign = [&] {
    bench.receive(0, frames::click({}));
    return bench.sink.votes.at(0).foreign;
  };
  auto const start = [&](FakeHttp::Script answer) {
    bench.http.next["users.info"] = {std::move(answer)};
    bench.connected();
  };
  SECTION("a person of this workspace") {
    start(says(""));
    CHECK(foreign().empty());
    CHECK(bench.http.count("users.info") == 1);
    bench.loop.advance(6min);
    CHECK(bench.http.count("users.info") == 2);
  }
  SECTION("a guest") {
    start(says(R"(,"is_restricted":true)"));
    CHECK_THAT(foreign(), Catch::Contains("guest"));
  }
  SECTION("a guest of one channel") {
    start(says(R"(,"is_ultra_restricted":true)"));
    CHECK_THAT(foreign(), Catch::Contains("guest"));
  }
  SECTION("deactivated") {
    start(says(R"(,"deleted":true)"));
    CHECK_THAT(foreign(), Catch::Contains("deactivated"));
  }
  SECTION("a bot") {
    start(says(R"(,"is_bot":true)"));
    CHECK_THAT(foreign(), Catch::Contains("bot"));
  }
  SECTION("somebody of a shared channel") {
    start(says(R"(,"is_stranger":true)"));
    CHECK_THAT(foreign(), Catch::Contains("another workspace"));
  }
  SECTION("of another workspace") {
    start(json(R"({"ok":true,"user":{"id":"U0BOB","team_id":"T0OTHER"}})"));
    CHECK_THAT(foreign(), Catch::Contains("another workspace"));
  }
  SECTION("an account that Slack does not know") {
    start(json(R"({"ok":false,"error":"user_not_found"})"));
    CHECK_THAT(foreign(), Catch::Contains("no such account"));
  }
  SECTION("a look-up that fails, until it works") {
    start(json("", 500));
    CHECK_THAT(foreign(), Catch::Contains("try again"));
    bench.loop.advance(15s);
    bench.receive(0, frames::click({.envelope = "env-2", .action_ts = "2"}));
    CHECK(bench.sink.votes.at(1).foreign.empty());
  }
  SECTION("a missing scope is said") {
    bench.http.otherwise = [inner =
                                bench.http.otherwise](FakeHttp::Seen const& call) -> net::Result<net::HttpResponse> {
      if (call.method == "users.info")
        return net::HttpResponse{200, {}, R"({"ok":false,"error":"missing_scope","needed":"users:read"})"};
      return inner(call);
    };
    bench.connected();
    CHECK_THAT(foreign(), Catch::Contains("try again"));
    CHECK_THAT(bench.log_text(), Catch::Contains("users:read"));
  }
  SECTION("an answer that is too old") {
    start(says(""));
    bench.http.otherwise = [inner =
                                bench.http.otherwise](FakeHttp::Seen const& call) -> net::Result<net::HttpResponse> {
      if (call.method == "users.info") return net::HttpResponse{500, {}, ""};
      return inner(call);
    };
    bench.loop.advance(16min);
    CHECK_THAT(foreign(), Catch::Contains("try again"));
  }
}

TEST_CASE("T39 slack: an account of which Slack says nothing keeps nobody else from being asked about again") {
  Bench bench;
  bench.settings.people = {{"alice", "U0ALICE"}, {"bob", "U0BOB"}, {"carol", "U0CAROL"}};
  auto const said = GENERATE(as<std::string>(), "user_not_visible", "internal_error");
  bench.http.otherwise = [inner = bench.http.otherwise,
                          said](FakeHttp::Seen const& call) -> net::Result<net::HttpResponse> {
    if (call.method == "users.info" && call.body.find("U0ALICE") != std::string::npos)
      return net::HttpResponse{200, {}, R"({"ok":false,"error":")" + said + R"("})"};
    return inner(call);
  };
  bench.connected();
  bench.loop.advance(20min);
  bench.receive(0, frames::click({}));
  CHECK(bench.sink.votes.at(0).foreign.empty());
  bench.receive(0, frames::click({.envelope = "env-2", .user = "U0ALICE", .action_ts = "2"}));
  CHECK_THAT(bench.sink.votes.at(1).foreign,
             Catch::Contains(said == "user_not_visible" ? "no such account" : "try again"));
  CHECK(bench.http.count("users.info") > 10);
  CHECK(bench.http.count("users.info") < 150);  // one that fails is asked about each 10 s at most
}

TEST_CASE("T30 T39 slack: whether an account is active is asked after the question came, whatever is under way") {
  Bench bench;
  auto const says = [](std::string const& more) {
    return json(R"({"ok":true,"user":{"id":"U0BOB","team_id":"T0WORKSPC")" + more + "}}");
  };
  bench.http.hold = "users.info";
  bench.http.next["users.info"] = {says(""), says(R"(,"deleted":true)"), says("")};
  bench.start();
  REQUIRE(bench.http.held.size() == 1);  // as at each start
  std::vector<bool> said;
  auto const look = [&] {
    bench.adapter->is_active("U0BOB", [&](core::Result<bool> const& active) { said.push_back(active.value()); });
    bench.loop.advance(1s);
  };
  look();
  look();
  bench.http.release();
  bench.loop.advance(1s);
  CHECK(said.empty());
  REQUIRE(bench.http.count("users.info") == 2);  // once for both
  look();                                        // while that one is under way
  bench.http.release();
  bench.loop.advance(1s);
  CHECK(said == std::vector<bool>{false, false});
  REQUIRE(bench.http.count("users.info") == 3);
  SECTION("the next answer") {
    bench.http.release();
    bench.loop.advance(1s);
    CHECK(said == std::vector<bool>{false, false, true});
  }
  SECTION("who is of nobody any more is not asked about, and whoever waits hears that") {
    std::optional<core::Result<bool>> last;
    bench.adapter->is_active("U0BOB", [&](core::Result<bool> const& active) { last = active; });
    bench.adapter->set_people_and_channels({{"alice", "U0ALICE"}}, {"C0INC"});
    bench.http.release();
    bench.loop.advance(1s);
    REQUIRE(last);
    CHECK(last->has_error());
  }
}

TEST_CASE("slack usergroups: who is in one, or why nobody can say") {
  Bench bench;
  auto& adapter = bench.connected();
  auto const ask = [&] {
    auto result = std::make_shared<std::optional<core::Result<std::set<std::string>>>>();
    static_cast<ports::Groups&>(adapter).members("S0SRE",
                                                 [result](auto answer) { result->emplace(std::move(answer)); });
    bench.loop.run_posted();
    return result;
  };
  auto const answers = [&](FakeHttp::Script script) { bench.http.next["usergroups.users.list"] = {std::move(script)}; };
  SECTION("its accounts") {
    answers(json(R"({"ok":true,"users":["U0BOB","U0CAROL"]})"));
    auto const read = ask();
    REQUIRE((read->has_value() && (*read)->has_value()));
    CHECK(***read == std::set<std::string>{"U0BOB", "U0CAROL"});
    CHECK_THAT(bench.http.seen.back().body, Catch::Contains("usergroup=S0SRE"));
  }
  SECTION("nobody") {
    answers(json(R"({"ok":true,"users":[]})"));
    CHECK((*ask())->value().empty());
  }
  for (auto const& [body, words] :
       {std::pair{R"({"ok":false,"error":"no_such_subteam"})", "no such usergroup"},
        {R"({"ok":false,"error":"plan_upgrade_required"})", "plan"},
        {R"({"ok":false,"error":"missing_scope","needed":"usergroups:read"})", "usergroups:read"},
        {R"({"ok":true,"users":"U0BOB"})", "can't be read"},
        {R"({"ok":true,"users":[7]})", "something else"},
        {R"({"ok":true})", "can't be read"},
        {R"(<html>)", "none of Slack's"}}) {
    DYNAMIC_SECTION(words << " " << body) {
      answers(json(body));
      auto const read = ask();
      REQUIRE((read->has_value() && (*read)->has_error()));
      CHECK_THAT((*read)->error().message, Catch::Contains(words));
    }
  }
  SECTION("F20 a rate limit is obeyed, and what was asked before it is not taken for news") {
    answers(json("", 429, {{"Retry-After", "20"}}));
    auto const first = ask();
    CHECK_FALSE(first->has_value());
    auto const second = ask();
    REQUIRE((second->has_value() && (*second)->has_error()));
    CHECK(bench.http.count("usergroups.users.list") == 1);
    bench.loop.advance(19s);
    CHECK(bench.http.count("usergroups.users.list") == 1);
    answers(json(R"({"ok":true,"users":["U0BOB"]})"));
    bench.loop.advance(3s);
    CHECK(bench.http.count("usergroups.users.list") == 2);
    CHECK(first->has_value());
  }
}

TEST_CASE("slack sockets: one, two and ten connections stand, and a refresh of each leaves no gap") {
  auto const wanted = GENERATE(1U, 2U, 10U);
  CAPTURE(wanted);
  Bench bench(wanted);
  bench.connected();
  bench.loop.advance(2s);
  for (std::size_t i = 0; i < bench.dialer.wires.size(); ++i) bench.greet(i, static_cast<std::int64_t>(wanted));
  REQUIRE(bench.adapter->counters().connected == wanted);
  auto const standing = [&] { return bench.adapter->counters().connected; };
  for (std::size_t i = 0; i < wanted; ++i) {
    auto const before = bench.dialer.wires.size();
    bench.receive(i, frames::disconnect("refresh_requested"));
    bench.loop.advance(100ms);
    if (wanted < 10) {
      REQUIRE(bench.dialer.wires.size() == before + 1);
      CHECK(standing() == wanted);  // the old one goes on until the new one has its hello
      bench.greet(before, static_cast<std::int64_t>(wanted) + 1);
      CHECK(standing() >= wanted);
      bench.loop.advance(10s);
      CHECK_FALSE(bench.dialer.wires[i]->closing);  // the platform closes it, who knows what it still sends
      bench.end(i);
    } else {
      CHECK_FALSE(bench.dialer.wires[i]->closing);  // no eleventh: nine bridge the moment
      bench.end(i);
      CHECK(standing() == 9);
      bench.loop.advance(2s);
      REQUIRE(bench.dialer.wires.size() == before + 1);
      bench.greet(before, 10);
    }
    CHECK(standing() == wanted);
  }
  CHECK(bench.adapter->counters().refreshes + (wanted == 10 ? 10 : 0) == wanted);
  CHECK(bench.adapter->counters().lost == 0);
}

TEST_CASE(
    "F22 slack: a token that is revoked at any step ends the calls, says so, and work that waits stays to be done") {
  auto const method =
      GENERATE(std::string("auth.test"), "apps.connections.open", "users.info", "usergroups.users.list",
               "chat.postMessage", "chat.update", "conversations.history", "views.open", "files.getUploadURLExternal");
  CAPTURE(method);
  Bench bench;
  bench.http.next[method] = {json(R"({"ok":false,"error":"token_revoked"})")};
  auto& adapter = bench.start();
  for (std::size_t i = 0; i < bench.dialer.wires.size(); ++i) bench.greet(i);
  std::optional<core::Result<ports::MessageRef>> posted;
  auto const post = [&] {
    posted.reset();
    adapter.post("C0INC", std::nullopt, adapter.render(slack_cards::waiting(), "key-1").body, "key-1", bench.loop.now(),
                 [&](auto const& result) { posted = result; });
    bench.loop.advance(1s);
  };
  auto const ref = Json::object({{"channel", "C0INC"}, {"ts", "1764000000.001001"}});
  if (method == "chat.postMessage") post();
  if (method == "chat.update")
    adapter.update(ref, adapter.render(slack_cards::waiting(), "key-1").body, [](auto const&) {});
  if (method == "conversations.history")
    adapter.find("C0INC", std::nullopt, "key-1", bench.loop.now(), [](auto const&) {});
  if (method == "usergroups.users.list") static_cast<ports::Groups&>(adapter).members("S0SRE", [](auto const&) {});
  if (method == "views.open") bench.receive(0, frames::click({.action = "ask"}));
  if (method == "files.getUploadURLExternal") {
    ports::ChatFile file{
        .exhibit = {.name = "a.txt", .media_type = "text/plain", .sha256 = {}, .path = "p", .bytes = 1}, .bytes = "x"};
    adapter.attach("C0INC", ref, file, "key-2", bench.loop.now(), [](auto const&) {});
  }
  bench.loop.advance(2s);
  REQUIRE(bench.http.count(method) >= 1);
  CHECK_FALSE(bench.sink.connected());
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains("no longer valid") || Catch::Contains("token"));
  CHECK(bench.sink.lockouts.size() == 1);
  auto const calls = bench.http.seen.size();
  bench.loop.advance(30min);
  if (method == "apps.connections.open") {
    CHECK(bench.http.count(method) == 1);
    // The other token lives: people are still told, though nobody can click.
    post();
    REQUIRE(posted);
    CHECK(posted->has_value());
    return;
  }
  CHECK(bench.http.seen.size() == calls);  // the dead token is used no more
  post();
  REQUIRE(posted);
  REQUIRE(posted->has_error());
  CHECK(posted->error().code == core::Errc::forbidden);  // the engine keeps it and tries again later
  CHECK(bench.http.seen.size() == calls);

  auto fresh = bench.settings;
  fresh.app_token = "xapp-fresh";
  fresh.bot_token = "xoxb-fresh";
  adapter.fresh_secrets(fresh).value()();
  auto const wires = bench.dialer.wires.size();
  bench.loop.advance(2s);
  for (auto i = wires; i < bench.dialer.wires.size(); ++i) bench.greet(i);
  CHECK(bench.sink.connected());
  post();
  REQUIRE(posted);
  CHECK(posted->has_value());
  for (auto i = calls; i < bench.http.seen.size(); ++i)
    CHECK_THAT(bench.http.seen[i].authorization, Catch::EndsWith("-fresh"));
}

TEST_CASE("F22 slack: an app token that is replaced costs nothing that is under way") {
  Bench bench;
  bench.http.next["apps.connections.open"] = {json(R"({"ok":false,"error":"invalid_auth"})")};
  bench.start();
  REQUIRE(bench.sink.lockouts.size() == 1);
  bench.http.next["chat.update"] = {json("", 429, {{"Retry-After", "20"}})};
  bench.http.next["chat.postMessage"] = {failing(true)};
  bench.http.hold = "conversations.replies";
  std::optional<core::Result<void>> updated;
  std::optional<core::Result<ports::MessageRef>> posted;
  std::optional<core::Result<std::optional<ports::MessageRef>>> found;
  auto const ref = Json::object({{"channel", "C0INC"}, {"ts", "1764000000.001001"}});
  auto const body = bench.adapter->render(slack_cards::waiting(), "key-1").body;
  bench.adapter->update(ref, body, [&](auto const& result) { updated = result; });
  bench.adapter->post("C0INC", std::nullopt, body, "key-1", bench.loop.now(),
                      [&](auto const& result) { posted = result; });
  bench.adapter->find("C0INC", ref, "key-2", bench.loop.now(), [&](auto const& result) { found = result; });
  bench.loop.advance(2s);
  REQUIRE(bench.http.held.size() == 1);
  auto fresh = bench.settings;
  fresh.app_token = "xapp-fresh";
  bench.adapter->fresh_secrets(fresh).value()();
  bench.loop.advance(2s);
  for (std::size_t i = 0; i < bench.dialer.wires.size(); ++i) bench.greet(i);
  CHECK(bench.sink.connected());
  CHECK(bench.http.count("auth.test") == 1);  // the other token is as it was
  bench.http.release();
  bench.loop.advance(2min);
  CHECK((updated && updated->has_value()));
  CHECK((posted && posted->has_value()));
  CHECK((found && found->has_value()));
  // A second refusal is told again.
  bench.http.next["apps.connections.open"] = {json(R"({"ok":false,"error":"invalid_auth"})")};
  bench.broken(0);
  bench.loop.advance(2s);
  CHECK(bench.sink.lockouts.size() == 2);
}

TEST_CASE("F22 slack: with a new bot token what was under way with the dead one is still answered") {
  Bench bench;
  bench.connected();
  bench.http.hold = "conversations.replies";
  std::optional<core::Result<std::optional<ports::MessageRef>>> found;
  auto const ref = Json::object({{"channel", "C0INC"}, {"ts", "1764000000.001001"}});
  bench.adapter->find("C0INC", ref, "key-2", bench.loop.now(), [&](auto const& result) { found = result; });
  bench.loop.advance(1s);
  bench.http.next["chat.update"] = {json(R"({"ok":false,"error":"token_revoked"})")};
  bench.adapter->update(ref, bench.adapter->render(slack_cards::waiting(), "key-1").body, [](auto const&) {});
  bench.loop.advance(1s);
  REQUIRE(bench.sink.lockouts.size() == 1);
  REQUIRE(bench.http.held.size() == 1);
  CHECK_FALSE(found);
  auto fresh = bench.settings;
  fresh.bot_token = "xoxb-fresh";
  bench.adapter->fresh_secrets(fresh).value()();
  bench.loop.advance(2s);
  bench.http.release();
  bench.loop.advance(1s);
  CHECK(found);
  CHECK(bench.adapter->counters().posts == 0);
}

TEST_CASE("F22 slack: what waits for its turn when the token is revoked is answered, and not sent") {
  Bench bench;
  auto& adapter = bench.connected();
  bench.http.next["chat.update"] = {json("", 429, {{"Retry-After", "20"}})};
  int failed = 0;
  for (int i = 0; i < 3; ++i) {
    adapter.update(Json::object({{"channel", "C0INC"}, {"ts", "1." + std::to_string(i)}}),
                   adapter.render(slack_cards::waiting(), "key-1").body,
                   [&](auto const& result) { failed += result ? 0 : 1; });
    bench.loop.advance(1s);
  }
  bench.http.next["chat.postMessage"] = {json(R"({"ok":false,"error":"token_revoked"})")};
  adapter.post("C0INC", std::nullopt, adapter.render(slack_cards::waiting(), "key-1").body, "key-1", bench.loop.now(),
               [](auto const&) {});
  bench.loop.advance(1s);
  auto const calls = bench.http.seen.size();
  bench.loop.advance(1h);
  CHECK(bench.http.seen.size() == calls);
  CHECK(failed == 3);
}
