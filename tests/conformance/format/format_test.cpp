// ledger/FORMAT.md is enough: a verifier written from that page alone, in another language, agrees with a real ledger
// and objects to each kind of forgery.
#include "tests/integration/service/service.hpp"
#include "tests/support/risky_runbook.hpp"

using namespace service;

namespace {

support::Ran python(std::string const& script, std::string const& words) {
  return support::run("GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null python3 -B '" FORMAT_DIR "/" + script + "' " +
                      words);
}

}  // namespace

TEST_CASE("an independent verifier, written from FORMAT.md alone, agrees with a ledger of every end") {
  support::KitOptions options;
  options.extra_runbooks = support::kRiskyTwo;
  ServiceKit kit(options);
  // Who is sre Slack says: every vote stands on a reading.
  edit(kit, "chat:\n", "groups:\n  sre: {slack_usergroup: S0SRE}\nchat:\n");
  for (auto const* name : {"Bob Roy", "Carol Diaz", "Erin Sato"})
    edit(kit, std::string(name) + ", groups: [sre]", std::string(name) + ", groups: []");
  kit.slack().world().usergroups.at(0).users = {"U0BOB", "U0CAROL", "U0ERIN", "U0STRANGER"};
  kit.start();
  auto const ends = [&](std::string const& id, std::string const& state) { REQUIRE(ends_as(kit, id, state)); };

  // The first approval takes two persons; self_test.py takes one of them away.
  auto const asked = kit.http(
      "POST", "/v1/requests",
      Json::object({{"runbook", "witness-two"},
                    {"reason", "with a plan"},
                    {"channels", Json::array({"incidents"})},
                    {"attachments",
                     Json::array({Json::object(
                         {{"name", "plan.diff"}, {"media_type", "text/x-diff"}, {"data", "LSBvbGQKKyBuZXcK"}})})}}));
  REQUIRE(asked.status == 202);
  auto const two = asked.body["id"].text();
  REQUIRE(kit.wait([&] { return kit.card(two).has_value(); }));
  CHECK(kit.press("U0BOB", two));
  CHECK(kit.press("U0CAROL", two));
  ends(two, "succeeded");
  auto const one = kit.ask("witness", Json::object({{"word", "hello"}}));
  CHECK(kit.press("U0MALLORY", one));
  CHECK(kit.press("U0ALICE", one));  // who asked
  CHECK(has(typed(kit, "U0BOB", "approve " + core::RequestId::parse(one)->short_name() + " " + code(kit, one)), "CS-"));
  ends(one, "succeeded");
  auto const denied = kit.ask("witness-two");
  CHECK(kit.press("U0BOB", denied));
  CHECK(kit.press("U0BOB", denied));  // only repeats it
  auto const about = core::RequestId::parse(denied)->short_name() + " " + code(kit, denied);
  CHECK(has(typed(kit, "U0BOB", "withdraw " + about), "withdrawn"));
  CHECK(kit.entries("vote.withdrawn", denied).at(0)["data"]["repeats"].if_array()->size() == 1);
  CHECK(has(typed(kit, "U0CAROL", "ask " + denied + " which line?"), "into its thread"));
  CHECK(kit.press("U0CAROL", denied, "deny"));
  ends(denied, "denied");
  CHECK(has(typed(kit, "U0CAROL", "again " + denied), "is accepted"));
  auto const again = kit.entries("request.accepted").back()["request"].text();
  REQUIRE(kit.wait([&] { return kit.card(again).has_value(); }));
  CHECK(kit.press("U0BOB", again, "deny"));
  REQUIRE(kit.wait([&] { return count(kit, "request.denied", again) == 1; }));  // carol's: not alice's to see
  auto const failed = kit.ask("witness-fail");
  CHECK(kit.press("U0ERIN", failed));
  ends(failed, "failed");
  auto const cancelled = kit.ask("witness");
  CHECK(kit.http("POST", "/v1/requests/" + cancelled + "/cancel").status < 300);
  ends(cancelled, "cancelled");
  auto const by_robot = kit.http("POST", "/v1/requests",
                                 Json::object({{"runbook", "witness"},
                                               {"reason", "release 42"},
                                               {"initiator", "bob"},
                                               {"channels", Json::array({"incidents"})}}),
                                 "token-of-ci");
  REQUIRE(by_robot.status == 202);
  auto const released = by_robot.body["id"].text();
  REQUIRE(kit.wait([&] { return kit.card(released).has_value(); }));
  CHECK(kit.press("U0BOB", released));  // on whose behalf it is
  CHECK(kit.press("U0CAROL", released));
  REQUIRE(kit.wait([&] { return count(kit, "run.finished", released) == 1; }));  // not alice's to see
  static_cast<void>(typed(kit, "U0MALLORY", "approve CS-999 abcd"));             // names no known request
  // Bob's account is deactivated between his vote and the quorum: the service takes the vote back.
  auto const lost = kit.ask("risky-two");
  CHECK(kit.press("U0BOB", lost));
  REQUIRE(kit.wait([&] { return count(kit, "vote.approve", lost) == 1; }));
  auto& users = kit.slack().world().users;
  auto const bob = std::ranges::find_if(users, [](auto const& user) { return user.id == "U0BOB"; });
  REQUIRE(bob != users.end());
  bob->deleted = true;
  CHECK(kit.press("U0CAROL", lost));
  REQUIRE(kit.wait([&] { return count(kit, "vote.withdrawn", lost) == 1; }));
  bob->deleted = false;
  CHECK(kit.press("U0ERIN", lost));
  ends(lost, "succeeded");
  auto const late = kit.post("witness-short");
  ends(late, "expired");
  auto const voided = kit.ask("witness");
  edit(kit, "expires: 10m", "expires: 11m");
  REQUIRE(reload(kit));
  ends(voided, "voided");
  CHECK(kit.stop() == 0);
  kit.start();
  CHECK(kit.stop() == 0);

  auto const agreed = python("verify_ledger.py", "'" + kit.ledger().string() + "' '" + kit.pin() + "'");
  INFO(agreed.out);
  CHECK(agreed.code == 0);
  CHECK(has(agreed.out, " 0 objections;"));
  for (auto const* kind : {"request.approved 5", "request.denied 2", "vote.withdrawn 2", "request.cancelled 1",
                           "request.expired 1", "request.voided 1", "vote.refused", "groups ", "question.asked 1",
                           "run.finished 5", "config.loaded 2", "exhibits 1"})
    CHECK(has(agreed.out, kind));
  CHECK(kit.ledger_problems() == "");

  auto const other = python("verify_ledger.py", "'" + kit.ledger().string() + "' SHA256:" + std::string(43, 'A'));
  CHECK(other.code == 1);
  CHECK(has(other.out, "pin: the first key is " + kit.pin()));
  auto const forged = python("self_test.py", "'" + kit.ledger().string() + "'");
  INFO(forged.out);
  CHECK(forged.code == 0);
}
