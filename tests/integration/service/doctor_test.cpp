// countersign doctor against stand-ins: what it says, what it advises, and that it takes nothing away from a service
// that runs. The stand-ins live in the test's own process, so the command runs beside it.
#include "tests/integration/service/service.hpp"

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
  world.scopes = "chat:write,channels:history,groups:history";
  says("  mend     scopes: The scope commands is missing: /countersign needs it.\n", "install the app again");
  world.scopes = "chat:write,commands,channels:history";  // no private channel here
  auto told = doctor(kit);
  CHECK(told.code == 0);
  CHECK(has(told.text, "  advice   scopes: The scope groups:history is missing"));
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
