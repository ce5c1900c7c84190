// What comes in, from the socket to the engine and back.
#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;
using State = ports::Answer::State;

TEST_CASE("teams inbound: what is no activity is refused before anything of it is read") {
  Bench bench;
  bench.connected();
  auto const body = core::dump(message("list"));
  auto const status = [&](std::string const& target, std::string const& method, net::Headers const& headers,
                          std::string const& sent) {
    auto const id = "s" + std::to_string(++bench.requests);
    bench.text(0, core::dump(Bench::request(id, headers, !sent.empty(), target, method)));
    if (!sent.empty()) bench.binary(0, sent);
    return bench.answer(id).value_or(Answer{}).status;
  };
  auto const good = bench.headers();
  CHECK(status("/approvals/api/messages", "HEAD", {}, "") == 200);
  CHECK(status("/approvals/api/messages", "GET", good, "") == 405);
  CHECK(status("/approvals/api/messages", "PUT", good, body) == 405);
  CHECK(status("/approvals/other", "POST", good, body) == 404);
  CHECK(status("/approvals", "POST", good, body) == 404);
  CHECK(status("/approvals/api/messages/", "POST", good, body) == 404);
  CHECK(status("/approvals/api/messages", "POST", good, "") == 400);
  CHECK(status("/approvals/api/messages", "POST", {{"Authorization", good[0].second}}, body) == 415);
  CHECK(status("/approvals/api/messages", "POST", {good[0], {"Content-Type", "text/html"}}, body) == 415);
  CHECK(status("/approvals/api/messages", "POST", {good[0], good[1], {"Content-Encoding", "gzip"}}, body) == 415);
  CHECK(status("/approvals/api/messages", "POST", good, std::string(teams::kMaxActivityBytes + 1, ' ')) == 413);
  CHECK(status("/approvals/api/messages", "POST", good, "{") == 400);
  CHECK(status("/approvals/api/messages", "POST", good, "[]") == 400);
  CHECK(bench.sink.commands.empty());
  CHECK(status("/Approvals/api/messages?x=1", "POST", good, body) == 0);  // it waits for the engine
  CHECK(bench.sink.commands.size() == 1);
}

TEST_CASE("teams inbound: T8 T71 with any byte changed a good request is refused or means nothing else") {
  Bench bench;
  bench.connected();
  auto const original = bench.headers()[0].second;
  std::size_t refused = 0, on_record = 0;
  for (std::size_t at = 0; at < original.size(); ++at) {
    auto changed = original;
    changed[at] = static_cast<char>(changed[at] ^ 0x01);
    auto const id = bench.send(core::dump(message("list", "m" + std::to_string(at))),
                               {{"Authorization", changed}, {"Content-Type", "application/json"}});
    auto const answer = bench.answer(id);
    CAPTURE(at, changed);
    REQUIRE(answer);
    // 503: another key's name, of which nobody can tell yet whether there is such a key.
    CHECK((answer->status == 401 || answer->status == 403 || answer->status == 503));
    ++refused;
    on_record += answer->status == 503 ? 0U : 1U;
    CHECK(bench.sink.refusals.size() == on_record);
  }
  CHECK(refused > 500);
  CHECK(on_record > 400);
  CHECK(bench.sink.commands.empty());
  for (auto const& one : bench.sink.refusals) {
    CHECK(one.platform == "teams");
    CHECK(one.account == "unknown");
    CHECK(one.via == "http");
    CHECK_FALSE(one.reason.empty());
    CHECK(one.reason.find(original.substr(20, 40)) == std::string::npos);
  }

  // Who vouches is asked before the body is read: nonsense is not even told that it is nonsense.
  auto const nonsense = bench.send("{", {{"Authorization", original + "x"}, {"Content-Type", "application/json"}});
  CHECK(bench.answer(nonsense).value_or(Answer{}).status == 401);

  // The body is not signed: TLS and the token's holder vouch for it. What its bytes decide is checked one by one.
  auto const body = core::dump(execute(data("approve"), "f:body"));
  std::size_t same = 0;
  for (std::size_t at = 0; at < body.size(); ++at) {
    auto changed = body;
    changed[at] = static_cast<char>(changed[at] ^ 0x01);
    auto const before = bench.sink.votes.size();
    bench.send(changed, bench.headers());
    if (bench.sink.votes.size() == before) continue;
    auto const& vote = bench.sink.votes.back();
    bool const ours = vote.foreign.empty();
    CAPTURE(changed);
    CHECK((!ours || (vote.verdict == core::Verdict::approve && vote.channel == kChannel)));
    same += ours ? 1 : 0;
    bench.engine(bench.sink.answers.size() - 1, State::refused);
  }
  CHECK(same > 0);
  CHECK_FALSE(bench.sink.votes.empty());
}

TEST_CASE("teams inbound: T12 the same activity any number of times is one act with one answer") {
  Bench bench(2);
  bench.connected();
  auto const click = execute(data("approve"));
  auto const first = bench.send(click), again = bench.send(click);
  auto const other_socket = bench.send(click, 1);
  CHECK(bench.sink.votes.size() == 1);
  CHECK_FALSE(bench.answer(first));
  bench.engine(0, State::recorded, "Recorded. One more is needed.");
  auto const answer = bench.answer(first);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  for (auto const& copy : {bench.answer(again), bench.answer(other_socket, 1)}) {
    REQUIRE(copy);
    CHECK(copy->body == answer->body);
  }
  bench.loop.advance(599s);
  CHECK(bench.ask(click).body == answer->body);
  CHECK(bench.sink.votes.size() == 1);
  CHECK(bench.adapter->counters().duplicates == 3);
  // A real second click has another id, and the engine hears of it; so does an old one after a restart of ours.
  bench.send(execute(data("approve"), "f:second"));
  REQUIRE(bench.sink.votes.size() == 2);
  CHECK(bench.sink.votes[1].delivery != bench.sink.votes[0].delivery);
  bench.adapter.reset();
  bench.dialer.wires.clear();
  bench.connected();
  bench.send(click);
  REQUIRE(bench.sink.votes.size() == 3);
  CHECK(bench.sink.votes[2].delivery == bench.sink.votes[0].delivery);  // the ledger knows that one
}

TEST_CASE("teams inbound: T12 replayed commands and submits too") {
  Bench bench;
  bench.connected();
  for (int i = 0; i < 3; ++i) {
    bench.send(message("list", "c1"));
    bench.send(submit(data("approve"), "s1"));
  }
  CHECK(bench.sink.commands.size() == 1);
  CHECK(bench.sink.votes.size() == 1);
  bench.send(message("list", "c1", {}, {.conversation = "19:other@thread.v2", .type = "groupChat"}));
  CHECK(bench.sink.commands.size() == 2);  // ids are a conversation's own
}

TEST_CASE("teams inbound: T12 copies of one that is never answered are bounded, and all are answered in the end") {
  Bench bench;
  bench.connected();
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(bench.send(execute(data("approve"))));
  bench.loop.advance(3s);
  for (auto const& id : ids) {
    auto const answer = bench.answer(id);
    REQUIRE(answer);
    CHECK((answer->status == 200 || answer->status == 503));
  }
}

TEST_CASE("teams inbound: every request is answered within the time that Teams gives") {
  Bench bench;
  bench.connected();
  auto const click = bench.send(execute(data("approve")));
  auto const command = bench.send(message("list"));
  bench.loop.advance(2299ms);
  CHECK_FALSE(bench.answer(click));
  bench.loop.advance(1ms);
  REQUIRE(bench.answer(click));
  CHECK(bench.answer(click)->body["type"].text() == "application/vnd.microsoft.activity.message");
  CHECK_THAT(bench.answer(click)->body["value"].text(), Catch::StartsWith("Still being recorded"));
  CHECK(bench.answer(command)->status == 200);
  // How it ended is told in the thread.
  bench.engine(0, State::recorded, "Recorded now.");
  bench.loop.advance(1s);
  CHECK_THAT(bench.http.last(Door::send).body, Catch::Contains("Recorded now.") && Catch::Contains("<at>bob</at>"));
  CHECK(bench.adapter->counters().answers_by_timer == 2);
}

TEST_CASE("teams inbound: what other bots and people of elsewhere do is on record, as such") {
  Bench bench;
  bench.connected();
  auto const foreign = [&](From const& from, Place const& place) {
    auto const before = bench.sink.votes.size();
    bench.send(execute(data("approve"), "f" + std::to_string(before), from, place));
    REQUIRE(bench.sink.votes.size() == before + 1);
    return bench.sink.votes.back().foreign;
  };
  CHECK(foreign({}, {}).empty());
  CHECK(foreign({}, {.tenant = ""}).empty());  // one of the two is enough, where they agree
  CHECK_THAT(foreign({}, {.tenant = "", .data_tenant = ""}), Catch::Contains("which organisation"));
  CHECK_THAT(foreign({}, {.tenant = "bbbbbbbb-0000-4000-8000-00000000000b"}), Catch::Contains("another organisation"));
  CHECK_THAT(foreign({}, {.data_tenant = "bbbbbbbb-0000-4000-8000-00000000000b"}),
             Catch::Contains("another organisation"));
  CHECK_THAT(foreign({}, {.recipient = "28:99999999-2222-4333-8444-555555555555"}), Catch::Contains("another bot"));
  CHECK_THAT(foreign({.object = ""}, {}), Catch::Contains("does not know who you are"));
  CHECK_THAT(foreign({.id = "28:other"}, {}), Catch::Contains("done by a bot"));
  CHECK_THAT(foreign({.role = "skill"}, {}), Catch::Contains("done by a bot"));
  CHECK_THAT(foreign({}, {.conversation = "19:elsewhere@thread.tacv2"}), Catch::Contains("not in the configuration"));
  CHECK(bench.sink.votes[6].account.id == "29:1-bob");  // nobody's object id: the ledger still says who
  // Object ids are the same in any case.
  CHECK(foreign({.object = core::visible_text("B0B00000-0000-4000-8000-000000000002")}, {}).empty());
  CHECK(bench.sink.votes.back().account.id == kBob);
}

TEST_CASE("teams inbound: events are taken note of, unknown ones too, and never answered with an error") {
  Bench bench;
  bench.connected();
  for (auto const* type :
       {"messageReaction", "messageUpdate", "messageDelete", "event", "typing", "endOfConversation", "somethingNew"}) {
    CAPTURE(type);
    auto odd = base(type, "e1", {}, {});
    odd.set("membersAdded", "no list").set("value", Json::array({1}));
    odd.if_object()->at("from").set("aadObjectId", 7);
    CHECK(bench.ask(odd).status == 200);
  }
  CHECK(bench.ask(installed()).status == 200);
  for (auto const* name : {"task/fetch", "fileConsent/invoke", "signin/verifyState", "somethingNew"}) {
    auto odd = base("invoke", std::string("i") + name, {}, {});
    odd.set("name", name);
    auto const answer = bench.ask(odd);
    CHECK(answer.status == 501);
    CHECK(answer.body.is_null());
  }
  CHECK(bench.sink.commands.empty());
  CHECK(bench.sink.votes.empty());
}

TEST_CASE("teams inbound: T44 the answer about what is not there is the one about what is not yours") {
  Bench bench;
  bench.connected();
  bench.sink.view_answer = core::make_error(core::Errc::not_found, "This request is not known here.");
  // Whatever id is guessed, looking tells nothing that the engine does not say.
  auto const look = [&](std::string const& request) {
    return bench.ask(execute(data("refresh", request), "look-" + request)).body;
  };
  CHECK(look("CS-20261121-000001-R1") == look("CS-20261121-999999-R1"));
  auto const show = [&](std::string const& request) {
    auto guessed = data("show", request);
    guessed.set("page", 1);
    auto const id = bench.send(execute(guessed, "show-" + request));
    REQUIRE(bench.sink.votes.back().foreign == "This request is not known here.");
    bench.engine(bench.sink.answers.size() - 1, State::refused, "This request is not known here.");
    return bench.answer(id)->body;
  };
  CHECK(show("CS-20261121-000001-R1") == show("CS-20261121-999999-R1"));
}
