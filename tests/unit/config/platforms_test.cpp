// Teams and Matrix: what a good section becomes, and each way to get it wrong with its place.
#include "tests/unit/config/base.hpp"
#include "tests/unit/config/rows.hpp"

using namespace config;
using config_test::kWarning;
using config_test::replaced;
using config_test::Row;

namespace {

constexpr std::string_view kThree = R"(version: 1
people:
  alice: {groups: [dev], teams: 8A6F0C1E-0000-4000-8000-00000000000A, matrix: "@alice:example.org"}
  bob: {groups: [sre], teams: 8a6f0c1e-0000-4000-8000-00000000000b}
  carol: {groups: [sre], matrix: "@carol:[2001:db8::1]:8448"}
chat:
  teams:
    tenant: 5B1C7A30-0000-4000-8000-00000000000A
    app_id: c0047e00-0000-4000-8000-00000000000b
    app_secret: {env: TEAMS_SECRET}
    relay: {url: "wss://ns.servicebus.windows.net/", path: bot/one, key_name: listen, key: {env: RELAY_KEY}, listeners: 3}
    endpoint: {listen: "[::1]:4000", certificate: /etc/tls/bot.pem, key: {file: /etc/tls/bot.key}}
  matrix:
    homeserver: "https://matrix.example.org/"
    transport: sync
    user: "@countersign:example.org"
    access_token: {file: /run/matrix}
channels:
  incidents: {teams: "19:0f1e-2d_3c@thread.tacv2", matrix: "!inc:example.org"}
  old: {teams: "19:abc@thread.skype", matrix: "!Rd8fu3Wb9XsKmTy4cVa1ZnQpLgEoJhIx7tUw5kNq0Yz"}
  chat: {teams: "19:abc@thread.v2"}
runbooks:
  uptime: {summary: Uptime, steps: [{name: show, run: [uptime]}], policy: one-sre}
policies:
  one-sre: {request: [dev, sre], approve: [{group: sre}]}
ledger: {path: /var/lib/countersign/ledger.git, key: {file: /var/lib/countersign/ledger_ed25519}}
)";

Config load_good(std::string_view text) {
  auto outcome = load(text, "good.yaml");
  CAPTURE(check_report(outcome));
  REQUIRE(outcome.config);
  REQUIRE(outcome.problems.empty());
  return *std::move(outcome.config);
}

std::string with(std::string_view from, std::string_view to) {
  auto text = replaced(std::string(kThree), from, to);
  REQUIRE_FALSE(text.empty());
  return text;
}

constexpr char const* kGuid = "no Microsoft Entra object id";
constexpr char const* kToken = "    access_token: {file: /run/matrix}\n";
constexpr char const* kSocket =
    "    transport: websocket\n    user: \"@countersign:example.org\"\n    as_token: {file: /run/matrix}\n";
constexpr char const* kSync =
    "    transport: sync\n    user: \"@countersign:example.org\"\n    access_token: {file: /run/matrix}\n";
constexpr char const* kRelay = "url: \"wss://ns.servicebus.windows.net/\"";
constexpr char const* kEndpoint =
    "endpoint: {listen: \"[::1]:4000\", certificate: /etc/tls/bot.pem, key: {file: /etc/tls/bot.key}}";
constexpr char const* kWays =
    "    relay: {url: \"wss://ns.servicebus.windows.net/\", path: bot/one, key_name: listen, key: {env: RELAY_KEY}, "
    "listeners: 3}\n    endpoint: {listen: \"[::1]:4000\", certificate: /etc/tls/bot.pem, key: {file: "
    "/etc/tls/bot.key}}\n";

Row const kRows[] = {
    // accounts
    {"teams: 8a6f0c1e-0000-4000-8000-00000000000b", "teams: @@8a6f0c1e-0000-4000-8000-00000000000", kGuid},
    {"teams: 8a6f0c1e-0000-4000-8000-00000000000b", "teams: @@8a6f0c1e00004000800000000000000b", kGuid},
    {"teams: 8a6f0c1e-0000-4000-8000-00000000000b", "teams: @@8a6f0c1e-0000-4000-8000-00000000000g", kGuid},
    {"teams: 8a6f0c1e-0000-4000-8000-00000000000b", "teams: @@\"29:1abc\"", kGuid},
    {"teams: 8a6f0c1e-0000-4000-8000-00000000000b", "teams: @@bob@example.org", kGuid},
    {"teams: 8a6f0c1e-0000-4000-8000-00000000000b", "teams: @@8a6f0c1e-0000-4000-8000-00000000000a",
     "alice's account already"},  // whatever the case of its letters
    {"\"@alice:example.org\"", "@@\"alice:example.org\"", "no Matrix user id"},
    {"\"@alice:example.org\"", "@@\"@alice\"", "no Matrix user id"},
    {"\"@alice:example.org\"", "@@\"@:example.org\"", "no Matrix user id"},
    {"\"@alice:example.org\"", "@@\"@alice:\"", "no Matrix user id"},
    {"\"@alice:example.org\"", "@@\"@alice:exa mple.org\"", "no Matrix user id"},
    {"\"@alice:example.org\"", "@@\"@al ice:example.org\"", "no Matrix user id"},
    {"\"@alice:example.org\"", "@@\"@alice:example.org/x\"", "no Matrix user id"},
    {"\"@alice:example.org\"", "@@\"@countersign:example.org\"", "the bot's own account"},
    // channels
    {"\"19:abc@thread.skype\"", "@@\"19:abc@thread.tacv3\"", "no Teams conversation id"},
    {"\"19:abc@thread.skype\"", "@@\"19:@thread.tacv2\"", "no Teams conversation id"},
    {"\"19:abc@thread.skype\"", "@@\"19:a/b@thread.tacv2\"", "no Teams conversation id"},
    {"\"19:abc@thread.skype\"", "@@\"19%3Aabc%40thread.tacv2\"", "percent-encoded"},
    {"\"19:abc@thread.skype\"", "@@\"19:abc@thread.tacv2;messageid=1\"", "leave \";messageid=…\" out"},
    {"\"!inc:example.org\"", "@@\"#inc:example.org\"", "a Matrix alias"},
    {"\"!inc:example.org\"", "@@\"inc:example.org\"", "no Matrix room id"},
    {"\"!inc:example.org\"", "@@\"!\"", "no Matrix room id"},
    {"\"!inc:example.org\"", "@@\"!inc example\"", "no Matrix room id"},
    {"  chat: {teams: \"19:abc@thread.v2\"}", "  chat: {@@slack: C0INC}", "there is no chat.slack", kWarning},
    // chat.teams
    {"    tenant: 5B1C7A30-0000-4000-8000-00000000000A\n", "", "chat.teams lacks the key \"tenant\""},
    {"tenant: 5B1C7A30", "@@tenent: 5B1C7A30", "did you mean \"tenant\"?"},
    {"tenant: 5B1C7A30-", "tenant: @@example.org#", "no tenant id"},
    {"app_id: c0047e00-", "app_id: @@28:c0047e00-", "no application id"},
    {"app_secret: {env: TEAMS_SECRET}", "app_secret: @@abc~SECRET", "{env: NAME} or {file: /path}"},
    {"app_secret: {env: TEAMS_SECRET}", "app_secret: {env: @@~SECRET}", "no name of an environment variable"},
    {"app_secret: {env: TEAMS_SECRET}", "app_secret: {env: A}\n    service_url: @@\"http://example.org/\"",
     "plain http is for loopback only"},
    {"app_secret: {env: TEAMS_SECRET}", "app_secret: {env: A}\n    login_url: @@\"https://u:p@example.org/\"",
     "user name or password"},
    {"app_secret: {env: TEAMS_SECRET}", "app_secret: {env: A}\n    openid_url: @@\"wss://example.org/\"",
     "no http:// or https:// URL"},
    {"app_secret: {env: TEAMS_SECRET}", "app_secret: {env: A}\n    issuer: @@botframework",
     "no http:// or https:// URL"},
    {"  teams:\n    tenant", "  teams: @@5\n  matirx:\n    tenant", "must be a map of keys"},
    // … its relay and its endpoint
    {kRelay, "url: @@\"https://ns.servicebus.windows.net\"", "no ws:// or wss:// URL"},
    {kRelay, "url: @@\"ws://ns.servicebus.windows.net\"", "plain ws is for loopback only"},
    {kRelay, "url: @@\"wss://ns.servicebus.windows.net/$hc/bot\"", "there is a path in it"},
    {kRelay, "url: @@\"wss://ns.servicebus.windows.net/?sb-hc-action=listen\"", "more than host and path"},
    {kRelay, "url: @@\"wss://127.0.0.1:99999\"", "no valid host and port"},
    {"path: bot/one", "path: @@/bot", "no name of a hybrid connection"},
    {"path: bot/one", "path: @@bot one", "no name of a hybrid connection"},
    {"path: bot/one, ", "", "chat.teams.relay lacks the key \"path\""},
    {"key_name: listen, ", "", "lacks the key \"key_name\""},
    {"key: {env: RELAY_KEY}", "key: @@c2VjcmV0SECRET=", "{env: NAME} or {file: /path}"},
    {"listeners: 3", "listeners: @@26", "between 1 and 25"},
    {"listeners: 3", "listeners: @@0", "between 1 and 25"},
    {"listeners: 3", "@@listners: 3", "did you mean \"listeners\"?"},
    {"listen: \"[::1]:4000\"", "listen: @@\"example.org:4000\"", "no address to listen on"},
    {"listen: \"[::1]:4000\"", "listen: @@\"4000\"", "no address to listen on"},
    {kEndpoint, "endpoint: {listen: @@\"0.0.0.0:4000\"}", "would take plain HTTP from other hosts"},
    {kEndpoint, "endpoint: @@{}", "would take plain HTTP from other hosts"},
    {kEndpoint, "endpoint: {certificate: @@/etc/tls/bot.pem}", "give certificate and key, or neither"},
    {kEndpoint, "endpoint: {key: @@{file: /etc/tls/bot.key}}", "give certificate and key, or neither"},
    {"key: {file: /etc/tls/bot.key}", "key: @@{env: TLS_KEY}", "must be a file"},
    {"certificate: /etc/tls/bot.pem", "certificate: @@bot.pem", "no absolute path"},
    {kWays, "", "names no way by which Teams reaches the bot"},
    // chat.matrix
    {"    transport: sync\n", "",
     "sync works with any homeserver and an ordinary account; websocket needs an application"},
    {"transport: sync", "transport: @@sinc", "did you mean \"sync\"?"},
    {"transport: sync", "transport: @@poll", "must be one of: websocket, sync"},
    {"homeserver: \"https://matrix.example.org/\"", "homeserver: @@matrix.example.org", "no http:// or https:// URL"},
    {"homeserver: \"https://matrix.example.org/\"", "homeserver: @@\"http://matrix.example.org\"",
     "plain http is for loopback only"},
    {"homeserver: \"https://matrix.example.org/\"", "homeserver: @@\"https://matrix.example.org/#/room\"",
     "more than host and path"},
    {"user: \"@countersign:example.org\"", "user: @@countersign", "no Matrix user id"},
    {kToken, "", "needs exactly one of: access_token, password, as_token"},
    {kToken, "    access_token: {env: A}\n    password: @@{env: B}\n",
     "chat.matrix.password stands beside access_token"},
    {kToken, "    password: {env: B}\n    as_token: @@{env: C}\n", "chat.matrix.as_token stands beside password"},
    {kToken, "    access_token: @@syt_SECRET\n", "{env: NAME} or {file: /path}"},
    {kToken, "    access_token: {env: A}\n    device_id: @@BOT\n", "is for a bot that logs in"},
    {kToken, "    access_token: {env: A}\n    short_lived_tokens: @@true\n", "is for a bot that logs in"},
    {kToken, "    password: {env: A}\n    device_id: @@\"BOT 1\"\n", "no device id"},
    {kToken, "    password: {env: A}\n    short_lived_tokens: @@yes\n", "neither true nor false"},
    {kToken, "    access_token: {env: A}\n    proxy: @@\"wss://example.org\"\n", "is for transport: websocket"},
    {kToken, "    @@acess_token: {env: A}\n", "did you mean \"access_token\"?"},
    {kSync, kSocket, "needs proxy for transport: websocket"},
    {"transport: sync", "transport: @@websocket\n    proxy: \"wss://example.org\"",
     "needs as_token for transport: websocket"},
    {"transport: sync", "transport: websocket\n    proxy: @@\"https://example.org\"", "no ws:// or wss:// URL"},
    {"transport: sync", "transport: websocket\n    proxy: @@\"ws://example.org\"", "plain ws is for loopback only"},
};

}  // namespace

TEST_CASE("teams and matrix: each broken section says what is wrong, and where") {
  config_test::check_rows(kThree, kRows);
}

TEST_CASE("teams and matrix: every key in its field") {
  auto const config = load_good(kThree);
  REQUIRE(config.chat.teams);
  auto const& teams = *config.chat.teams;
  CHECK(teams.tenant == "5b1c7a30-0000-4000-8000-00000000000a");
  CHECK(teams.app_id == "c0047e00-0000-4000-8000-00000000000b");
  CHECK(teams.app_secret == Secret::from_env("TEAMS_SECRET"));
  CHECK(teams.service_url == "https://smba.trafficmanager.net/teams/");
  CHECK(teams.login_url == "https://login.microsoftonline.com/");
  CHECK(teams.openid_url == "https://login.botframework.com/v1/.well-known/openidconfiguration");
  CHECK(teams.issuer == "https://api.botframework.com");
  REQUIRE(teams.relay);
  CHECK(teams.relay->url == "wss://ns.servicebus.windows.net");
  CHECK(teams.relay->path == "bot/one");
  CHECK(teams.relay->key_name == "listen");
  CHECK(teams.relay->key == Secret::from_env("RELAY_KEY"));
  CHECK(teams.relay->listeners == 3);
  REQUIRE(teams.endpoint);
  CHECK(teams.endpoint->host == "::1");
  CHECK(teams.endpoint->port == 4000);
  CHECK(teams.endpoint->certificate == "/etc/tls/bot.pem");
  CHECK(teams.endpoint->key == Secret::from_file("/etc/tls/bot.key"));
  REQUIRE(config.chat.matrix);
  auto const& matrix = *config.chat.matrix;
  CHECK(matrix.homeserver == "https://matrix.example.org");
  CHECK(matrix.transport == Matrix::Transport::sync);
  CHECK(matrix.user == "@countersign:example.org");
  CHECK(matrix.access_token == Secret::from_file("/run/matrix"));
  CHECK_FALSE(matrix.password);
  CHECK_FALSE(matrix.as_token);
  CHECK(matrix.proxy.empty());
  CHECK_FALSE(config.chat.slack);
  CHECK(config.rules.people.at("alice").accounts ==
        std::map<std::string, std::string>{{"teams", "8a6f0c1e-0000-4000-8000-00000000000a"},
                                           {"matrix", "@alice:example.org"}});
  CHECK(config.rules.channels.at("old").at("matrix") == "!Rd8fu3Wb9XsKmTy4cVa1ZnQpLgEoJhIx7tUw5kNq0Yz");
}

TEST_CASE("teams and matrix: the other ways in, and the defaults that README.md states") {
  auto const local = load_good(with(kWays,
                                    "    relay: {url: \"ws://127.0.0.1:9\", path: a, key_name: b, key: {env: K}}\n"
                                    "    service_url: \"http://localhost:9/emea\"\n    login_url: "
                                    "\"http://127.0.0.1:9\"\n    issuer: \"https://api.botframework.us\"\n"));
  CHECK(local.chat.teams->relay->listeners == 2);
  CHECK(local.chat.teams->service_url == "http://localhost:9/emea/");
  CHECK(local.chat.teams->login_url == "http://127.0.0.1:9/");
  CHECK(local.chat.teams->issuer == "https://api.botframework.us");
  CHECK_FALSE(local.chat.teams->endpoint);
  auto const proxied = load_good(with(kWays, "    endpoint: {listen: \"127.0.0.1:0\"}\n"));
  CHECK(proxied.chat.teams->endpoint->host == "127.0.0.1");
  CHECK(proxied.chat.teams->endpoint->certificate.empty());
  CHECK_FALSE(proxied.chat.teams->relay);
  auto const open = load_good(with(kWays, "    endpoint: {certificate: /c, key: {file: /k}}\n"));
  CHECK(open.chat.teams->endpoint->host == "0.0.0.0");
  CHECK(open.chat.teams->endpoint->port == 3978);

  auto const login = load_good(with(kToken, "    password: {env: MATRIX_PASSWORD}\n"));
  CHECK(login.chat.matrix->password == Secret::from_env("MATRIX_PASSWORD"));
  CHECK(login.chat.matrix->device_id == "COUNTERSIGN");
  CHECK_FALSE(login.chat.matrix->short_lived_tokens);
  auto const device =
      load_good(with(kToken, "    password: {env: A}\n    device_id: BOT-1\n    short_lived_tokens: true\n"));
  CHECK(device.chat.matrix->device_id == "BOT-1");
  CHECK(device.chat.matrix->short_lived_tokens);
  auto const service = load_good(with(kSync, std::string(kSocket) + "    proxy: \"ws://[::1]:29331/\"\n"));
  CHECK(service.chat.matrix->transport == Matrix::Transport::websocket);
  CHECK(service.chat.matrix->as_token == Secret::from_file("/run/matrix"));
  CHECK(service.chat.matrix->proxy == "ws://[::1]:29331");
  auto const polls = load_good(with(kToken, "    as_token: {env: A}\n    device_id: BOT-2\n"));
  CHECK(polls.chat.matrix->as_token);  // a service may poll as well
  CHECK(polls.chat.matrix->device_id == "BOT-2");
}

TEST_CASE("teams and matrix: too few accounts on what is connected is said, whichever they are") {
  auto const report = [](std::string const& text) { return check_report(load(text, "a")); };
  CHECK(report(with("bob: {groups: [sre], teams: 8a6f0c1e-0000-4000-8000-00000000000b}", "bob: {groups: [sre]}"))
            .find("too few") == std::string::npos);
  auto const nobody = replaced(
      with("bob: {groups: [sre], teams: 8a6f0c1e-0000-4000-8000-00000000000b}", "bob: {groups: [sre], slack: U0BOB}"),
      "carol: {groups: [sre], matrix: \"@carol:[2001:db8::1]:8448\"}", "carol: {groups: [sre]}");
  CHECK(report(nobody).find("too few of the people who approve have a Teams or Matrix account to vote with") !=
        std::string::npos);
}

TEST_CASE("teams and matrix: what the ledger keeps of them has no secret and no place of one") {
  auto const config = load_good(kThree);
  auto const json = public_json(config);
  auto const text = core::canonical(json);
  for (auto const* hidden : {"TEAMS_SECRET", "RELAY_KEY", "/run/matrix", "/etc/tls", "token", "password", "listen\""})
    CHECK(text.find(hidden) == std::string::npos);
  auto const& chat = json["wiring"]["chat"];
  CHECK(chat["slack"].is_null());
  CHECK(chat["teams"]["tenant"].text() == "5b1c7a30-0000-4000-8000-00000000000a");
  CHECK(chat["teams"]["relay"]["listeners"].integer() == 3);
  CHECK(chat["teams"]["endpoint"]["tls"].boolean());
  CHECK(chat["matrix"]["transport"].text() == "sync");
  CHECK(core::rules_from_json(core::parse_json(text).value()).has_value());
  auto const moved = load_good(with("{file: /run/matrix}", "{env: MATRIX_TOKEN}"));
  CHECK(core::canonical(public_json(moved)) == text);
}
