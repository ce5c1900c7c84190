#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/slack/cards.hpp"
#include "tests/unit/slack/fakes.hpp"

using namespace slack_fakes;
using State = ports::Answer::State;

TEST_CASE("slack clicks: a vote is acknowledged when the engine answers, on the socket it came by") {
  Bench bench;
  bench.connected();
  bench.receive(1, frames::click({}));
  REQUIRE(bench.sink.votes.size() == 1);
  auto const& vote = bench.sink.votes[0];
  CHECK(vote.account.id == "U0BOB");
  CHECK(vote.request == "CS-20261121-000042-R1");
  CHECK(vote.binding == "sha256:b");
  CHECK(vote.rendering == "sha256:r");
  CHECK(vote.verdict == core::Verdict::approve);
  CHECK(vote.channel == "C0INC");
  CHECK(vote.via == "button");
  CHECK(vote.foreign.empty());
  CHECK(core::digest_of(core::dump(frames::click({}))) == vote.envelope);
  CHECK(bench.sent(1).empty());
  bench.loop.advance(1900ms);
  bench.answer(0, State::recorded);
  CHECK(bench.sent(0).empty());
  REQUIRE(bench.sent(1).size() == 1);
  CHECK(bench.sent(1)[0] == Json::object({{"envelope_id", "env-1"}}));
  CHECK(bench.http.count("xyz") == 0);  // recorded: the message itself shows it
}

TEST_CASE("slack clicks: Slack hears within 2.5 s even when the engine says nothing") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::click({}));
  bench.receive(0, frames::command("list", "t1"));
  bench.receive(
      0, frames::submission("V0VIEW", "t2", slack::to_text(slack::ViewOrigin{"R", "B", "D", "approve", "C0INC", "1.2"}),
                            "why"));
  bench.loop.advance(2400ms);
  CHECK(bench.sent(0).empty());
  bench.loop.advance(200ms);
  REQUIRE(bench.sent(0).size() == 3);
  CHECK(bench.sent(0)[2]["payload"]["response_action"].text() == "update");
  CHECK(bench.adapter->counters().acks_by_timer == 3);
  bench.answer(1, State::recorded, "late words");
  CHECK(bench.sent(0).size() == 3);
  CHECK_THAT(bench.http.seen.back().body, Catch::Contains("late words"));
  bench.answer(2, State::recorded, "recorded after all");
  CHECK(bench.http.seen.back().method == "views.update");
}

TEST_CASE("slack clicks: refusals say why, to that person alone") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::click({}));
  bench.answer(0, State::refused, "You asked for this <yourself>");
  CHECK(bench.http.seen.back().url == "https://hooks.slack.com/actions/T0WORKSPC/123/xyz");
  CHECK(bench.http.seen.back().authorization.empty());  // the token goes to the API alone
  auto const body = core::parse_json(bench.http.seen.back().body).value();
  CHECK(body["response_type"].text() == "ephemeral");
  CHECK(body["replace_original"] == Json(false));
  CHECK(body["text"].text() == "You asked for this &lt;yourself&gt;");
}

TEST_CASE("slack clicks: a response_url of a foreign origin is refused and the words go by the API") {
  Bench bench;
  bench.connected();
  auto const url =
      GENERATE(as<std::string>(), "https://evil.example/x", "https://hooks.slack.com.evil.example/x",
               "http://hooks.slack.com/x", "https://hooks.slack.com:444/x", "https://slack.com@evil.example/",
               "ws://127.0.0.1/", "https://files.slack.com/x", "nonsense");
  CAPTURE(url);
  bench.receive(0, frames::click({.response_url = url}));
  bench.answer(0, State::refused, "no");
  CHECK(bench.http.seen.back().method == "chat.postEphemeral");
  auto const body = core::parse_json(bench.http.seen.back().body).value();
  CHECK(body["user"].text() == "U0BOB");
  CHECK(body["channel"].text() == "C0INC");
  for (auto const& call : bench.http.seen) CHECK_THAT(call.url, Catch::StartsWith("https://slack.com/api/"));
}

TEST_CASE("slack clicks: a response_url that has lapsed is followed by an ephemeral message") {
  Bench bench;
  bench.connected();
  bench.http.next["xyz"].push_back(json(R"({"ok":false,"error":"used_url"})", 404));
  bench.receive(0, frames::click({}));
  bench.answer(0, State::not_recorded, "not recorded, try again");
  CHECK(bench.http.seen.back().method == "chat.postEphemeral");
}

TEST_CASE("slack clicks: still recording is told, then the result") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::click({}));
  bench.answer(0, State::still_recording, "still being recorded");
  CHECK(bench.sent(0).size() == 1);
  bench.answer(0, State::recorded, "recorded now");
  CHECK(bench.sent(0).size() == 1);
  CHECK(bench.http.count("xyz") == 2);
  CHECK_THAT(bench.http.seen.back().body, Catch::Contains("recorded now"));
}

TEST_CASE("slack clicks: T12 the same delivery any number of times is one click") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::click({}));
  bench.receive(0, frames::click({}));                         // the same envelope
  bench.receive(1, frames::click({}));                         // on the other socket
  bench.receive(1, frames::click({.envelope = "env-other"}));  // the same click in another envelope
  CHECK(bench.sink.votes.size() == 1);
  CHECK(bench.sent(0).empty());
  bench.answer(0, State::recorded);
  CHECK(bench.sent(0).size() == 2);
  REQUIRE(bench.sent(1).size() == 2);
  CHECK(bench.sent(1)[1]["envelope_id"].text() == "env-other");
  bench.loop.advance(599s);
  bench.receive(0, frames::click({.envelope = "env-late"}));
  CHECK(bench.sink.votes.size() == 1);
  CHECK(bench.sent(0).size() == 3);
  bench.receive(0, frames::click({.envelope = "env-2", .action_ts = "1764000099.000001"}));  // a real second click
  CHECK(bench.sink.votes.size() == 2);
  CHECK(bench.sink.votes[0].delivery != bench.sink.votes[1].delivery);
  CHECK(bench.adapter->counters().duplicates == 4);
}

TEST_CASE("slack clicks: T12 commands, submissions and events too") {
  Bench bench;
  bench.connected();
  for (auto const* envelope : {"a", "b"}) {
    bench.receive(0, frames::command("list", "t1", envelope));
    bench.receive(0, frames::submission("V0VIEW", "t2", "{}", "why", std::string("v") + envelope));
    bench.receive(0, frames::event("Ev1", "app_mention", std::string("e") + envelope));
  }
  CHECK(bench.sink.commands.size() == 1);
  CHECK(bench.sink.votes.size() == 1);
  CHECK(bench.sent(0).size() == 2);  // both copies of the event
  bench.answer(1, State::refused, "no such request");
  REQUIRE(bench.sent(0).size() == 4);
  CHECK(bench.sent(0)[2]["payload"] == bench.sent(0)[3]["payload"]);  // the view stays open either way
}

TEST_CASE("slack clicks: T40 forged and foreign clicks are handed over as such") {
  Bench bench;
  bench.connected();
  auto const foreign = [&](frames::Click const& click) {
    bench.receive(0, frames::click(click));
    REQUIRE(bench.sink.votes.size() == 1);
    return bench.sink.votes[0].foreign;
  };
  SECTION("another app") { CHECK_THAT(foreign({.app = "A0OTHER"}), Catch::Contains("another Slack app")); }
  SECTION("another workspace") { CHECK_THAT(foreign({.team = "T0OTHER"}), Catch::Contains("another Slack workspace")); }
  SECTION("a person of another company") {
    CHECK_THAT(foreign({.user_team = "T0PARTNER"}), Catch::Contains("belongs to another workspace"));
  }
  SECTION("another channel") {
    CHECK_THAT(foreign({.channel = "C0OTHER"}), Catch::Contains("not in the configuration"));
  }
  SECTION("somebody else's message") {
    CHECK_THAT(foreign({.bot = "B0OTHER"}), Catch::Contains("not stand on a message that this bot posted"));
  }
  SECTION("a value that is none of ours") {
    CHECK_THAT(foreign({.value = "approve!"}), Catch::Contains("does not carry"));
  }
  SECTION("a value of another message") {
    CHECK_THAT(foreign({.value = "v1|CS-20261121-000099-R1|sha256:b|sha256:r"}), Catch::Contains("another message"));
  }
  SECTION("an organisation-wide installation") {
    auto frame = core::dump(frames::click({}));
    auto const at = frame.find(R"("team":{"domain":"acme","id":"T0WORKSPC"})");
    REQUIRE(at != std::string::npos);
    frame.replace(at, std::string(R"("team":{"domain":"acme","id":"T0WORKSPC"})").size(), R"("team":null)");
    bench.receive(0, frame);
    CHECK_THAT(bench.sink.votes.at(0).foreign, Catch::Contains("organisation-wide"));
  }
  bench.answer(0, State::refused, "refused");
  CHECK(bench.sent(0).size() == 1);
}

TEST_CASE("slack clicks: links, selects and unknown buttons are acknowledged and that is all") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::click({.action = "open_page"}));
  CHECK(bench.sent(0).size() == 1);
  CHECK(bench.sink.votes.empty());
}

TEST_CASE("slack views: opened before anything else, and the submission votes") {
  Bench bench;
  bench.connected();
  bench.sink.view_answer = slack_cards::view();
  bench.receive(0, frames::click({.action = "approve_view"}));
  CHECK(bench.sent(0).size() == 1);  // at once
  CHECK(bench.sink.votes.empty());
  auto const open = bench.http.last_body("views.open");
  CHECK(open["trigger_id"].text() == frames::Click{}.trigger);
  auto const metadata = open["view"]["private_metadata"].text();

  bench.receive(0, frames::submission("V0VIEW", "t1", metadata, "it is down"));
  REQUIRE(bench.sink.votes.size() == 1);
  auto const& vote = bench.sink.votes[0];
  CHECK(vote.via == "view");
  CHECK(vote.note == "it is down");
  CHECK(vote.request == "CS-20261121-000042-R1");
  CHECK(vote.binding == "sha256:b");
  CHECK(vote.rendering == "sha256:r");
  CHECK(vote.channel == "C0INC");
  CHECK(vote.foreign.empty());
  SECTION("recorded closes it") {
    bench.answer(0, State::recorded);
    CHECK(bench.sent(0)[1] == Json::object({{"envelope_id", "env-view"}}));
  }
  SECTION("refused shows why at the note") {
    bench.answer(0, State::refused, "Say why");
    CHECK(bench.sent(0)[1]["payload"]["errors"]["note"].text() == "Say why");
  }
  SECTION("still recording says so in the view and ends there") {
    bench.answer(0, State::still_recording, "wait");
    CHECK(bench.sent(0)[1]["payload"]["response_action"].text() == "update");
    bench.answer(0, State::recorded, "done");
    CHECK(bench.http.last_body("views.update")["view_id"].text() == "V0VIEW");
  }
}

TEST_CASE("slack views: refused ones are recorded and answered, failed ones ask to click again") {
  Bench bench;
  bench.connected();
  SECTION("refused") {
    bench.sink.view_answer = core::make_error(core::Errc::forbidden, "You asked for this yourself.");
    bench.receive(0, frames::click({.action = "approve_note"}));
    REQUIRE(bench.sink.votes.size() == 1);
    CHECK(bench.sink.votes[0].foreign == "You asked for this yourself.");
    CHECK(bench.http.count("views.open") == 0);
    bench.answer(0, State::refused, "You asked for this yourself.");
    CHECK_THAT(bench.http.seen.back().body, Catch::Contains("yourself"));
  }
  SECTION("too late") {
    bench.sink.view_answer = slack_cards::view();
    bench.http.next["views.open"].push_back(json(R"({"ok":false,"error":"expired_trigger_id"})"));
    bench.receive(0, frames::click({.action = "deny_note"}));
    CHECK_THAT(bench.http.seen.back().body, Catch::Contains("click again"));
  }
  SECTION("a submission with somebody else's metadata is foreign") {
    bench.receive(0, frames::submission("V0VIEW", "t1", R"({"v":1})", ""));
    CHECK_FALSE(bench.sink.votes.at(0).foreign.empty());
  }
}

TEST_CASE("slack commands: answered in the acknowledgement, or afterwards") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::command("run restart service=\u201cweb\u201d -- it\u2019s down", "t1"));
  REQUIRE(bench.sink.commands.size() == 1);
  CHECK(bench.sink.commands[0].words == std::vector<std::string>{"run", "restart", "service=web", "--", "it's down"});
  CHECK(bench.sink.commands[0].foreign.empty());
  bench.answer(0, State::recorded, "Asked <for>");
  auto const payload = bench.sent(0)[0]["payload"];
  CHECK(payload["response_type"].text() == "ephemeral");
  CHECK(payload["text"].text() == "Asked &lt;for&gt;");
  CHECK(bench.sent(0).size() == 1);
}

TEST_CASE("slack events: an uninstalled app stops everything loudly") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::event("Ev9", "app_uninstalled"));
  CHECK_FALSE(bench.sink.states.back().first);
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains("removed from the workspace"));
}

TEST_CASE("slack clicks: an acknowledgement whose socket is gone is dropped, the vote stands") {
  Bench bench;
  bench.connected();
  bench.receive(0, frames::click({}));
  bench.broken(0);
  bench.answer(0, State::recorded);
  CHECK(bench.sent(1).empty());
  CHECK(bench.adapter->counters().acks_dropped == 1);
}
