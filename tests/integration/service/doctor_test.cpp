// countersign doctor against stand-ins: what it says, what it advises, and that it takes nothing away from a service
// that runs. The stand-ins live in the test's own process, so the command runs beside it.
#include "bot/process/sandbox.hpp"
#include "tests/integration/service/three.hpp"

namespace {

using namespace service;

struct Told {
  int code = -1;
  std::string text;
  Json json() const {
    auto const parsed = core::parse_json(text);
    return parsed ? *parsed : Json();
  }
};

// `words` after "doctor -c FILE".
Told doctor(ServiceKit& kit, std::string const& words = {}) {
  auto const out = kit / "doctor.out", code = kit / "doctor.code";
  std::filesystem::remove(code);
  support::run("( '" + ServiceKit::binary() + "' doctor -c '" + kit.config().string() + "' " + words + " > '" +
               out.string() + "' 2>&1; echo $? > '" + code.string() + ".new'; mv '" + code.string() + ".new' '" +
               code.string() + "' ) > /dev/null 2>&1 & true");
  if (!kit.wait([&] { return std::filesystem::exists(code); }, 60s)) return {.code = -1, .text = "IT DID NOT END"};
  return {.code = std::stoi(read(code)), .text = read(out)};
}

// What is said after one change of the configuration, which is taken back again.
Told doctor_with(ServiceKit& kit, std::string const& from, std::string const& to) {
  auto const before = read(kit.config());
  edit(kit, from, to);
  auto told = doctor(kit);
  support::write_file(kit.config(), before);
  return told;
}

}  // namespace

TEST_CASE("doctor: a Slack that is as it should be, seen beside a service that runs") {
  ServiceKit kit;
  kit.start();
  REQUIRE(kit.wait([&] { return kit.slack().sockets().size() == 2; }));
  auto const told = doctor(kit);
  INFO(told.text);
  CHECK(told.code == 0);
  for (auto const* line :
       {"Slack\n", "  ok       bot_token: Slack knows it as @countersign in Acme (T0COUNTER).\n",
        "  ok       scopes: The bot may do all that it needs.\n",
        "  ok       channel incidents: The bot is in it (C0INC).\n",
        "  ok       app_token: Socket Mode is on and would open a connection.\n", "Everything that was asked works.\n"})
    CHECK(has(told.text, line));
  CHECK(kit.slack().sockets().size() == 2);
  CHECK(kit.ready());
  CHECK(kit.slack().messages("C0INC").empty());
  CHECK(has(support::run("'" + ServiceKit::binary() + "' doctor --help").out, "Examples:"));
}

TEST_CASE("doctor: each thing that is missing on Slack is said with its way out, and exit code 1") {
  ServiceKit kit;
  auto& world = kit.slack().world();
  auto const says = [&](std::string_view line, std::string_view mend) {
    auto const told = doctor(kit);
    INFO(told.text);
    CHECK(told.code == 1);
    CHECK(has(told.text, line));
    CHECK(has(told.text, mend));
    CHECK(has(told.text, "1 thing to mend."));
  };
  world.channel("C0INC")->bot_is_member = false;
  says("  mend     channel incidents: Slack refused to show C0INC with \"not_in_channel\".\n", "/invite @countersign");
  world.channel("C0INC")->bot_is_member = true;
  world.scopes = "chat:write,users:read,channels:history,groups:history";
  says("  mend     scopes: The scope commands is missing: /countersign needs it.\n", "install the app again");
  world.scopes = "chat:write,commands,channels:history,groups:history";
  says("  mend     scopes: The scope users:read is missing: it must know who is a guest or deactivated:",
       "install the app again");
  world.scopes = "chat:write,commands,users:read,channels:history";  // no private channel here
  auto told = doctor(kit);
  CHECK(told.code == 0);
  CHECK(has(told.text, "  advice   scopes: The scope groups:history is missing"));
  CHECK(has(told.text,
            "  advice   scopes: The scope files:write is missing: without it long evidence stands in the thread"));
  support::write_file(kit / "app_token", "xapp-1-A0-another\n");
  says("  mend     app_token: Slack refused apps.connections.open with \"invalid_auth\".\n", "install the app again");
  support::write_file(kit / "app_token", world.app_token);
  support::write_file(kit / "bot_token", "two words\n");
  says("  mend     bot_token: The secret holds a blank or a control character.\n", "as one line");
  std::filesystem::remove(kit / "bot_token");
  says("  mend     bot_token: The secret can't be read:", "readable for the account that runs the service");
  CHECK(has(doctor(kit).text, "  ok       app_token"));  // the other one is looked at all the same
  support::write_file(kit / "bot_token", world.bot_token);
  edit(kit, "workspace: T0COUNTER", "workspace: T0OTHER");
  says(
      "  mend     workspace: The bot token belongs to the workspace T0COUNTER (Acme), but chat.slack.workspace names "
      "T0OTHER.\n",
      "Correct one of the two.");
}

TEST_CASE("doctor --json: the same for programs") {
  ServiceKit kit;
  kit.slack().world().channel("C0INC")->bot_is_member = false;
  auto const told = doctor(kit, "--json");
  INFO(told.text);
  CHECK(told.code == 1);
  auto const json = told.json();
  CHECK(json["ok"] == Json(false));
  CHECK(json["complete"] == Json(true));
  auto const& slack = json["platforms"].at_index(0);
  CHECK(slack["platform"].text() == "slack");
  CHECK(slack["ok"] == Json(false));
  bool found = false;
  for (auto const& finding : *slack["findings"].if_array()) {
    CHECK_FALSE(finding["text"].text().empty());
    if (finding["about"].text() != "channel incidents") continue;
    found = true;
    CHECK(finding["state"].text() == "mend");
    CHECK(has(finding["mend"].text(), "/invite"));
  }
  CHECK(found);
}

TEST_CASE("doctor: a platform that can't be asked is said in time and told apart from one that says no") {
  ServiceKit kit;
  SECTION("it hangs") {
    kit.slack().add_fault({.method = "auth.test", .kind = playground::Fault::Kind::hang, .times = -1});
    auto const told = doctor(kit, "--json");
    INFO(told.text);
    CHECK(told.code == 3);
    CHECK(told.json()["complete"] == Json(false));
    CHECK(told.json()["platforms"].at_index(0)["ok"] == Json(true));
  }
  SECTION("it fails for the moment") {
    kit.slack().add_fault({.method = "*", .kind = playground::Fault::Kind::status, .times = -1, .status = 503});
    auto const told = doctor(kit);
    INFO(told.text);
    CHECK(told.code == 3);
    CHECK(has(told.text, "  unknown  bot_token: Slack refused auth.test with \"service_unavailable\".\n"));
  }
  SECTION("nobody is there") {
    auto const url = kit.slack().api_url();
    edit(kit, "api_url: \"" + url + "\"", "api_url: \"http://127.0.0.1:1/api/\"");
    auto const told = doctor(kit);
    INFO(told.text);
    CHECK(told.code == 3);
    CHECK(has(told.text, "  unknown  bot_token: Slack could not be asked:"));
    CHECK(has(told.text, "2 that could not be asked") == false);  // one question was enough
  }
}

TEST_CASE("doctor: a configuration that can't be used is said, and nobody is asked") {
  ServiceKit kit;
  auto const calls = kit.slack().calls().size();
  edit(kit, "version: 1", "version: 2");
  auto told = doctor(kit);
  CHECK(told.code == 3);
  CHECK(has(told.text, "countersign.yaml:1:10: error: version is 2"));
  std::filesystem::remove(kit.config());
  told = doctor(kit, "--json");
  CHECK(told.code == 3);
  CHECK(has(told.text, "can't be opened"));
  CHECK(kit.slack().calls().size() == calls);
  CHECK(support::run("'" + ServiceKit::binary() + "' doctor").code == 2);
}

TEST_CASE("doctor: of this host, the sandbox in force and the runners of other accounts, with their ways out") {
  ServiceKit kit;
  auto const why = process::why_no_strict(kit.dir().string());
  auto told = doctor(kit);
  CHECK(told.code == 0);
  CHECK_THAT(told.text, Catch::StartsWith("This host\n  ok       sandbox: basic is active; strict would " +
                                          (why.empty() ? "work for this account" : "not work here: " + why) + ".\n"));
  auto const strict = "version: 1\nsandbox: {mode: strict}";
  told = doctor_with(kit, "version: 1", strict);
  CHECK(told.code == (why.empty() ? 0 : 1));
  CHECK(has(told.text, why.empty() ? "  ok       sandbox: strict is active, and works for this account.\n"
                                   : "  mend     sandbox: strict is configured, and does not work for this account: "));
  // No try can be made in there, not even by root.
  auto const never = process::why_no_strict("/proc/self");
  REQUIRE(!never.empty());
  edit(kit, kit.state_dir().string(), "/proc/self");
  CHECK(has(doctor(kit).text, "  ok       sandbox: basic is active; strict would not work here: " + never));
  told = doctor_with(kit, "version: 1", strict);
  INFO(told.text);
  CHECK(told.code == 1);
  CHECK(has(told.text, "  mend     sandbox: strict is configured, and does not work for this account: " + never));
  CHECK(has(told.text, "or write mode: basic.\n"));

  auto const socket = (kit / "runner.sock").string();
  auto const with_runner = [&](std::string const& name) {
    auto answer = doctor_with(kit, "version: 1", "version: 1\nrunners: {" + name + ": {socket: \"" + socket + "\"}}");
    CHECK(answer.code == 1);
    return answer.text;
  };
  CHECK(has(with_runner("cs-nobody"), "  mend     runner cs-nobody: There is no account cs-nobody on this host.\n"));
  told.text = with_runner("nobody");
  CHECK(has(told.text, "  mend     runner nobody: Nothing is at " + socket + ".\n"));
  CHECK(has(told.text, "systemctl enable --now countersign-runner@nobody.socket\n"));
  support::write_file(socket, "");
  CHECK(has(with_runner("nobody"), "  mend     runner nobody: " + socket + " is no socket.\n"));
}

TEST_CASE("doctor: three platforms that are as they should be, beside a service that runs on them") {
  Three kit;
  kit.start();
  auto const heard = kit.wait([&] {
    auto const listeners = kit.teams.listeners();
    return std::ranges::count_if(listeners, [](auto const& one) { return one.open; }) == 2;
  });
  REQUIRE(heard);
  auto const told = doctor(kit);
  INFO(told.text);
  CHECK(told.code == 0);
  for (auto const* line :
       {"Slack\n", "Teams\n", "Matrix\n", "  ok       app_secret: The login of the tenant gives the bot a token.\n",
        "  ok       openid_url: The keys that sign what Teams sends are there (",
        "  ok       relay: The hybrid connection approvals at ws://127.0.0.1:",
        "  ok       channel incidents: The app is installed there; it has 7 members.\n",
        " answers and speaks Matrix up to v1.", "The homeserver knows the bot as @countersign:example.org, device ",
        "  ok       transport: sync: the client API answers, and polling needs no more.\n",
        "  ok       channel incidents: The bot is in !inc:example.org and may do there what it must.\n",
        "Everything that was asked works.\n"})
    CHECK(has(told.text, line));
  CHECK(kit.ready());
  CHECK(kit.teams.messages("19:incidents@thread.tacv2").empty());
  CHECK(kit.matrix.messages().empty());
  for (auto const& finding : kit.teams.findings()) FAIL_CHECK(finding);
  for (auto const& finding : kit.matrix.findings()) FAIL_CHECK(finding);
}

TEST_CASE("doctor: a platform that is wrong or gone doesn't keep the others from being looked at") {
  Three kit;
  kit.teams.add_fault({.call = "token", .kind = playground::TeamsFault::Kind::cut, .times = -1});
  auto const told = doctor(kit, "--json");
  INFO(told.text);
  CHECK(told.code == 3);
  auto const platforms = told.json()["platforms"];
  REQUIRE(platforms.if_array()->size() == 3);
  CHECK(platforms.at_index(0)["complete"] == Json(true));
  CHECK(platforms.at_index(1)["platform"].text() == "teams");
  CHECK(platforms.at_index(1)["complete"] == Json(false));
  CHECK(platforms.at_index(2)["ok"] == Json(true));
  CHECK(platforms.at_index(2)["complete"] == Json(true));
}

TEST_CASE("doctor: each thing that is missing on Teams is said with its way out") {
  Three kit;
  auto const says = [](Told const& told, std::string_view line, std::string_view mend) {
    INFO(told.text);
    CHECK(told.code == 1);
    CHECK(has(told.text, line));
    CHECK(has(told.text, mend));
  };
  support::write_file(kit / "teams_secret", "wrong~secret");
  says(doctor(kit), "  mend     app_secret: ", "secret");
  support::write_file(kit / "teams_secret", kit.teams.world().app_secret);
  support::write_file(kit / "relay_key", "d3Jvbmc=");
  says(doctor(kit), "  mend     relay: Azure Relay does not take the key listen for approvals at ",
       "shared access policy");
  support::write_file(kit / "relay_key", kit.teams.world().send_key);
  says(doctor_with(kit, "key_name: listen", "key_name: send"), "  mend     relay: The key send may not listen",
       "right Listen");
  support::write_file(kit / "relay_key", kit.teams.world().listen_key);
  kit.teams.options().relay_requires_authorization = true;
  says(doctor(kit), "  mend     relay: The hybrid connection approvals requires client authorization",
       "--requires-client-authorization false");
  kit.teams.options().relay_requires_authorization = false;
  says(doctor_with(kit, "path: approvals", "path: another"), "  mend     relay: There is no hybrid connection another",
       "az relay hyco");
  says(doctor_with(kit, "19:incidents@thread.tacv2", "19:quiet@thread.tacv2"),
       "  mend     channel incidents: Teams refused to list", "nstall");
  says(doctor_with(kit, "openid_url: \"" + kit.teams.metadata_url(),
                   "openid_url: \"" + kit.teams.login_url() + "/nowhere"),
       "  mend     openid_url: ", "Leave openid_url out");
  says(doctor_with(kit, "    login_url:", "    issuer: \"https://api.botframework.us\"\n    login_url:"),
       "  mend     issuer: The keys belong to https://api.botframework.com", "of the same cloud");
  kit.teams.options().quirks = false;  // now and then it leaves object ids out, and then nothing is said
  auto const lonely = doctor_with(kit, "19:incidents@thread.tacv2", "19:shared@thread.tacv2");
  CHECK(lonely.code == 0);
  CHECK(has(lonely.text, "  advice   channel incidents: These are no members, so they can't decide there: carol.\n"));
}

TEST_CASE("doctor: each thing that is missing on Matrix is said with its way out") {
  Three kit;
  auto const says = [](Told const& told, std::string_view line, std::string_view mend) {
    INFO(told.text);
    CHECK(told.code == 1);
    CHECK(has(told.text, line));
    CHECK(has(told.text, mend));
  };
  SECTION("who the bot is") {
    support::write_file(kit / "matrix_token", "syt_wrong");
    says(doctor(kit), "  mend     access_token: ", "Log the account in anew");
    support::write_file(kit / "matrix_token", kit.matrix.world().account("bob")->access_token);
    says(doctor(kit), "  mend     user: The token belongs to @bob:example.org, but chat.matrix.user names ",
         "Correct one of the two");
  }
  SECTION("what it may do in the room") {
    auto const bot = kit.matrix.world().bot.id;
    REQUIRE(kit.matrix.set_power(bot, 0).has_value());
    auto levels = Json::object({{"users", Json::object({{"@alice:example.org", 100}})}, {"events_default", 10}});
    REQUIRE(kit.matrix.set_state("alice", kit.matrix.world().room_id, "m.room.power_levels", "", levels).has_value());
    says(doctor(kit), "the bot may not post messages (m.room.message needs power 10, it has 0)", "that power");
  }
  SECTION("an encrypted room") {
    REQUIRE(kit.matrix.encrypt_room().has_value());
    says(doctor(kit), "is encrypted: the bot can't read or write there", "make a new room");
  }
  SECTION("a public room works, with a risk") {
    REQUIRE(kit.matrix
                .set_state("alice", kit.matrix.world().room_id, "m.room.join_rules", "",
                           Json::object({{"join_rule", "public"}}))
                .has_value());
    auto const told = doctor(kit);
    CHECK(told.code == 0);
    CHECK(has(told.text, "  advice   channel incidents: Room !inc:example.org is public"));
  }
  SECTION("rooms and people") {
    says(doctor_with(kit, "!inc:example.org", "!other:example.org"),
         "  mend     channel incidents: The bot is not in !other:example.org.\n",
         "Invite @countersign:example.org there");
    REQUIRE(kit.matrix.leave("carol").has_value());
    auto told = doctor(kit);
    CHECK(told.code == 0);
    CHECK(has(told.text,
              "  advice   channel incidents: These are not in the room, so they can't decide there: carol.\n"));
    told = doctor_with(kit, "@bob:example.org", "@bob:elsewhere.org");
    CHECK(has(told.text, "  advice   person bob: @bob:elsewhere.org is on another homeserver than the bot"));
  }
  SECTION("other ways in") {
    auto const token = "access_token: {file: \"" + (kit / "matrix_token").string() + "\"}";
    auto told = doctor_with(kit, token, "password: {file: \"" + (kit / "matrix_token").string() + "\"}");
    CHECK(told.code == 3);
    CHECK(has(told.text, "  unknown  password: The bot has not logged in yet"));
    // With the token that a service keeps: nobody is logged in anew for it.
    std::filesystem::create_directories(kit.state_dir() / "notes");
    support::write_file(kit.state_dir() / "notes/matrix-session",
                        core::dump(Json::object({{"v", 1},
                                                 {"user", kit.matrix.world().bot.id},
                                                 {"device", "COUNTERSIGN"},
                                                 {"access_token", kit.matrix.world().bot.access_token},
                                                 {"refresh_token", ""}})));
    told = doctor_with(kit, token, "password: {file: \"" + (kit / "matrix_token").string() + "\"}");
    CHECK(told.code == 0);
    CHECK(has(told.text, "  ok       password: The homeserver knows the bot as @countersign:example.org"));
    CHECK(std::ranges::none_of(kit.matrix.calls(), [](auto const& call) { return call.call == "login"; }));
    support::write_file(kit / "as_token", kit.matrix.world().as_token);
    auto const before = read(kit.config());
    edit(kit, "transport: sync", "transport: websocket");
    edit(kit, token,
         "as_token: {file: \"" + (kit / "as_token").string() + "\"}\n    proxy: \"ws" + kit.matrix.origin().substr(4) +
             "\"");
    told = doctor(kit);
    INFO(told.text);
    CHECK(told.code == 0);
    CHECK(has(told.text, "  ok       proxy: mautrix-wsproxy answers and knows the token.\n"));
    CHECK(kit.matrix.service_connections() == 0);
    support::write_file(kit / "as_token", "wrong");
    says(doctor(kit), "  mend     as_token: ", "registration");
    // An application service's own user, which a homeserver may know nothing to poll for.
    support::write_file(kit / "as_token", kit.matrix.world().as_token);
    edit(kit, "transport: websocket", "transport: sync");
    edit(kit, "\n    proxy: \"ws" + kit.matrix.origin().substr(4) + "\"", "");
    says(doctor(kit), "  mend     transport: sync: the homeserver does not serve /sync to ", "sender_localpart");
  }
}
