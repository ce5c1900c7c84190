// What is collected, what is hidden, what hostile text can't do, and what a reload means.
#include "bot/net/http_server.hpp"
#include "tests/integration/service/service.hpp"
#include "tests/support/journal_files.hpp"

namespace {

using namespace service;

KitOptions collecting(support::TempDir const& dir) {
  KitOptions options;
  options.extra_collectors = "  log: {file: {path: \"" + (dir / "app.log").string() +
                             "\", since: 1h}}\n"
                             "  words: {command: {run: [/bin/echo, \"load is high\"], timeout: 5s}}\n"
                             "  stuck: {command: {run: [/bin/sleep, \"60\"], timeout: 500ms}}\n"
                             "  host: {host: {}}\n";
  options.extra_runbooks =
      "  look:\n    summary: \"Look\"\n    risk: low\n    if_unanswered: \"nothing\"\n"
      "    parameters: {note: {type: string, pattern: \"(?s).*\", max: 400, default: plain}}\n"
      "    collect: [log, words, stuck, host]\n"
      "    steps: [{name: say, run: [/bin/cat, \"" +
      (dir / "app.log").string() + "\"], timeout: 10s}]\n    policy: one-sre\n";
  return options;
}

std::string const kSecret = "AKIAIOSFODNN7EXAMPLE";

}  // namespace

TEST_CASE("exhibits of file, command and host, a hanging one says so, secrets are in no object, message or log") {
  support::TempDir dir;
  support::write_file(dir / "app.log", "ERROR upstream timed out\naws_access_key_id=" + kSecret +
                                           "\npassword: hunter2secret\nERROR <!channel> <@U0BOB> \x1b[31m*bold*\n");
  ServiceKit kit(collecting(dir));
  kit.start();
  auto const answer =
      kit.http("POST", "/v1/requests",
               Json::object({{"runbook", "look"},
                             {"parameters", Json::object({{"note", "<!here> & <@U0CAROL> `code`"}})},
                             {"reason", "see <!everyone> password=hunter2secret\n<https://evil.example|click>"}}));
  REQUIRE(answer.status == 202);
  auto const id = answer.body["id"].text();
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  auto const tree = support::git(kit.ledger(), "ls-tree -r --name-only main").out;
  auto const at = tree.find("requests/R1/evidence/manifest.json");
  REQUIRE(at != std::string::npos);
  auto const from = tree.rfind('\n', at) + 1;
  auto const path = tree.substr(from, tree.find('\n', at) - from);
  auto const manifest = support::git(kit.ledger(), "show main:" + path).out;
  CHECK(has(manifest, "\"log\""));
  CHECK(has(manifest, "\"words\""));
  CHECK(has(manifest, "\"host\""));
  auto const json = core::parse_json(manifest);
  REQUIRE(json);
  CAPTURE(manifest);
  bool stuck_says_so = false;
  for (auto const& item : *(*json)["exhibits"].if_array()) {
    if (item["name"].text() == "stuck") stuck_says_so = !item["error"].text().empty();
  }
  CHECK(stuck_says_so);
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  REQUIRE(kit.wait([&] { return kit.replies(id).size() == 1; }));
  CHECK(kit.stop() == 0);  // no pack comes or goes while git lists what is there
  auto const sinks = all_sinks(kit);
  CHECK(has(sinks, "load is high"));  // the search itself finds what is there
  CHECK(has(sinks, "upstream timed out"));
  CHECK_FALSE(has(sinks, kSecret));
  CHECK_FALSE(has(sinks, "hunter2secret"));
  // T36: none of it has notified anybody but those who were meant.
  std::set<std::string> pinged;
  for (auto const& ping : kit.slack().pings()) {
    CAPTURE(ping.kind, ping.where);
    CHECK(ping.kind == "user");
    if (!ping.update) pinged.insert(ping.target);
  }
  CHECK(pinged == std::set<std::string>{"U0ALICE", "U0BOB", "U0CAROL", "U0ERIN"});
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("since is told from the case's opening: a line five minutes old stands there, one of twenty does not") {
  support::TempDir dir;
  auto const line = [](std::chrono::minutes ago, std::string const& words) {
    auto const at = std::chrono::system_clock::now() - ago;
    return core::format_time(core::Time(std::chrono::duration_cast<core::Duration>(at.time_since_epoch()))) + " " +
           words + "\n";
  };
  support::write_file(dir / "app.log", line(20min, "twenty minutes old") + line(5min, "five minutes old"));
  auto options = collecting(dir);
  auto& log = options.extra_collectors;
  log.replace(log.find("since: 1h"), 9, "since: 10m");
  ServiceKit kit(options);
  kit.start();
  auto const answer = kit.http("POST", "/v1/requests", Json::object({{"runbook", "look"}, {"reason", "why"}}));
  REQUIRE(answer.status == 202);
  auto const id = answer.body["id"].text();
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  auto const folder = std::string(core::RequestId::parse(id)->folder());
  auto const shown = support::git(kit.ledger(), "show main:" + folder + "/evidence/01-log.txt").out;
  CHECK(has(shown, "five minutes old"));
  CHECK_FALSE(has(shown, "twenty minutes old"));
  CHECK(kit.stop() == 0);
}

TEST_CASE("T37 commits are printable ASCII whatever people write, and trailers can't be forged") {
  ServiceKit kit;
  kit.start();
  auto const answer = kit.http(
      "POST", "/v1/requests",
      Json::object(
          {{"runbook", "witness"},
           {"parameters", Json::object({{"word", "w"}})},
           {"reason", "first\n\nCountersign-Actor: bob\nCountersign-Kind: request.approved \u202e na\u00efve"}}));
  REQUIRE(answer.status == 202);
  auto const id = answer.body["id"].text();
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  typed(kit, "U0BOB", "deny " + id + " " + code(kit, id) + " -- n\u00e4 Countersign-Seq: 1");
  REQUIRE(kit.state(id) == "denied");
  kit.http("POST", "/v1/requests", Json::object({{"runbook", "x\u001b[2J"}, {"reason", "x"}}));
  auto const log = support::git(kit.ledger(), "log --format='%an <%ae> %cn <%ce>%n%B'").out;
  CHECK(std::ranges::all_of(log, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));
  auto const kinds = support::git(kit.ledger(), "log --format='%(trailers:key=Countersign-Kind,valueonly)'").out;
  CHECK_FALSE(has(kinds, "request.approved"));
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("T30 SIGHUP: who leaves the group no longer counts, a changed policy voids and tells") {
  ServiceKit kit;
  kit.start();
  auto const two = kit.ask("witness-two");
  auto const one = kit.ask("witness");
  CHECK(kit.press("U0BOB", two));
  edit(kit, "name: Bob Roy, groups: [sre]", "name: Bob Roy, groups: [lead]");
  REQUIRE(reload(kit));
  CHECK(kit.press("U0CAROL", two));
  CHECK(kit.state(two) == "pending");
  CHECK(kit.press("U0BOB", one));
  CHECK(kit.state(one) == "pending");
  CHECK(kit.press("U0ERIN", two));
  REQUIRE(ends_as(kit, two, "succeeded"));
  auto const by = core::dump(kit.view(two)["decision"]["by"]);
  CHECK(has(by, "carol"));
  CHECK_FALSE(has(by, "bob"));
  // A file with mistakes changes nothing.
  auto const good = read(kit.config());
  edit(kit, "version: 1", "version: 1\nnonsense: true");
  auto const loaded = count(kit, "config.loaded");
  kit.process().send(SIGHUP);
  REQUIRE(kit.wait([&] { return kit.process().line("the configuration was not reloaded").has_value(); }));
  CHECK(count(kit, "config.loaded") == loaded);
  CHECK(kit.state(one) == "pending");
  support::write_file(kit.config(), good);
  edit(kit, "  one-sre:\n    request: [dev, sre, pipelines, triggers]",
       "  one-sre:\n    request: [dev, sre, triggers]");
  REQUIRE(reload(kit));
  REQUIRE(ends_as(kit, one, "voided"));
  REQUIRE(kit.wait([&] { return !kit.replies(one).empty(); }));
  CHECK(has(core::dump(kit.replies(one).back()), "<@U0ALICE>"));
  CHECK(kit.ledger_problems().empty());
}

// Everything of a service's folder as bytes: configuration (ours to write), state, side, notes, whatever else there is.
std::string every_file(std::filesystem::path const& folder) {
  std::string text;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename() != "app.conf") text += read(entry.path()) + "\n";
  }
  return text;
}

TEST_CASE(
    "T32 T33 a story with secrets at every door: none in objects, messages, state, notes, logs, no dump allowed") {
  support::TempDir dir;
  // Each door has a secret of its own, so that a finding names it.
  auto const secret = [](char door) { return "xoxb-1234567890-" + std::string(24, door); };
  support::write_file(dir / "app.conf", "pool = 50\nslack = " + secret('c') + "\n");
  KitOptions options;
  options.extra_collectors = "  app: {config: {path: \"" + (dir / "app.conf").string() +
                             "\"}}\n"
                             "  said: {command: {run: [/bin/echo, \"" +
                             secret('d') +
                             "\"]}}\n"
                             "  lately: {changes: {units: false, files: [\"" +
                             dir.path().string() + "\"]}}\n";
  options.extra_runbooks =
      "  look:\n    summary: \"Look\"\n    risk: low\n    if_unanswered: \"nothing\"\n    parameters: {}\n"
      "    collect: [app, said, lately]\n"
      "    steps: [{name: say, run: [/bin/cat, \"" +
      (dir / "app.conf").string() + "\"], timeout: 10s}]\n    policy: one-sre\n";
  ServiceKit kit(options);
  kit.start();
  auto const limits = read("/proc/" + std::to_string(kit.pid()) + "/limits");
  auto const core_line = limits.substr(std::min(limits.find("Max core file size"), limits.size()), 60);
  CAPTURE(core_line);
  CHECK(core_line.find(" 0 ") != std::string::npos);
  CHECK(core_line.find("unlimited") == std::string::npos);
  auto const runner = read("/proc/" + std::to_string(kit.runner_pid()) + "/limits");
  CHECK(runner.find("Max core file size        0 ") != std::string::npos);
  // base64 of "token=" and the secret is what a pipeline may paste.
  auto const answer = kit.http(
      "POST", "/v1/requests",
      Json::object({{"runbook", "look"},
                    {"parameters", Json(Json::Object{})},
                    {"reason", "see " + secret('r') + " and cGFzc3dvcmQ9aHVudGVyMmh1bnRlcjI= please"},
                    {"attachments", Json::array({Json::object(
                                        {{"name", "plan"},
                                         {"media_type", "text/plain"},
                                         // "plan says password=attachedsecret123\n"
                                         {"data", "cGxhbiBzYXlzIHBhc3N3b3JkPWF0dGFjaGVkc2VjcmV0MTIzCg=="}})})}}));
  REQUIRE(answer.status == 202);
  auto const id = answer.body["id"].text();
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  typed(kit, "U0ALICE", "run look -- again with " + secret('t'));
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  REQUIRE(kit.wait([&] { return kit.replies(id).size() >= 1; }));
  CHECK(kit.stop() == 0);
  auto const sinks = all_sinks(kit);
  CHECK(has(sinks, "pool = 50"));
  CHECK(has(sinks, "plan says password=[redacted]"));
  auto const files = every_file(kit.dir());
  CHECK(has(files, "pool = 50"));  // the good version is among them
  for (auto const& [place, text] : {std::pair("sinks", &sinks), std::pair("files", &files)}) {
    CAPTURE(place);
    for (char const door : std::string("crt")) {
      CAPTURE(door);
      CHECK_FALSE(has(*text, secret(door)));
      CHECK_FALSE(has(*text, std::string(12, door)));
    }
    CHECK_FALSE(has(*text, "attachedsecret123"));
    CHECK_FALSE(has(*text, "cGFzc3dvcmQ9aHVudGVyMmh1bnRlcjI"));
  }
  // The command's own argument is the operator's word in the configuration; what it printed is evidence.
  CHECK_FALSE(has(sinks, "\n" + secret('d')));
  CHECK(kit.ledger_problems().empty());
}

TEST_CASE("T32 exhibits of a journal and of a page behind TLS, whose token is sent to it and stands nowhere else") {
  if (support::run("openssl version").code != 0) {
    WARN("SKIPPED: openssl is not installed");
    return;
  }
  support::TempDir dir;
  std::string const token = "what-the-status-page-knows-us-by";  // nothing around it gives it away
  support::write_file(dir / "token", token + "\n");
  auto const journal = (dir / "journal").string();
  KitOptions options;
  options.extra_collectors =
      "  page: {http: {url: \"https://127.0.0.1:1/status/{{service}}\", allow: [127.0.0.1], ca: /nowhere/ca.pem, "
      "bearer: {file: \"" +
      (dir / "token").string() + "\"}}}\n  units: {journal: {path: \"" + journal +
      "\", units: [\"{{service}}\"], priority: warning, since: 10m}}\n  last: {journal: {path: \"" + journal +
      "\", lines: 1}}\n";
  options.extra_runbooks =
      "  look:\n    summary: \"Look\"\n    risk: low\n    if_unanswered: \"nothing\"\n"
      "    parameters: {service: {type: enum, values: [web, db]}}\n    collect: [page, units, last]\n"
      "    steps: [{name: say, run: [/bin/true], timeout: 10s}]\n    policy: one-sre\n";
  ServiceKit kit(options);
  make_certificate(kit, "127.0.0.1");
  std::vector<std::string> asked;
  auto const server = net::make_http_server(
      kit.io(), {.certificate_file = (kit / "tls.pem").string(), .key_file = (kit / "tls.key").string()},
      [&](net::HttpRequestIn const& in, std::shared_ptr<net::Responder> const& responder) {
        asked.push_back(in.method + " " + in.target + " " + std::string(in.header("Authorization").value_or("nobody")));
        responder->respond({.headers = {{"Content-Type", "application/json"}},
                            .body = R"({"state":"degraded","hello":")" + token + "\"}"});
      });
  REQUIRE(server.has_value());
  edit(kit, "127.0.0.1:1/", "127.0.0.1:" + std::to_string((*server)->port()) + "/");
  edit(kit, "/nowhere/ca.pem", "\"" + (kit / "tls.pem").string() + "\"");
  bool const journals = support::have_journal_remote();
  if (journals) {
    auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
    support::write_file(
        dir / "export",
        support::journal_export({{.message = "twenty minutes old", .priority = 3}}, now - 20min) +
            support::journal_export({{.message = "upstream timed out", .priority = 3},
                                     {.unit = "db.service", .message = "another unit's", .priority = 3},
                                     {.message = "no more than a notice", .priority = 5},
                                     {.message = "with password=hunter2-of-the-journal", .priority = 4}},
                                    now - 5min));
    std::filesystem::create_directory(journal);
    auto const made = support::run("cd '" + dir.path().string() + "' && " + support::kJournalRemote +
                                   " -o journal/system.journal export");
    CAPTURE(made.out);
    REQUIRE(made.code == 0);
  }
  kit.start();
  auto const id = kit.ask("look", Json::object({{"service", "web"}}));
  auto const folder = core::RequestId::parse(id)->folder() + "/evidence/";
  auto const exhibit = [&](std::string const& name) {
    return support::git(kit.ledger(), "show main:" + folder + name).out;
  };
  auto const page = exhibit("01-page.txt");
  CAPTURE(page);
  CHECK(page.starts_with("HTTP 200 (ok), from 127.0.0.1, application/json"));
  CHECK(has(page, "{\n  \"state\": \"degraded\",\n  \"hello\": \"[redacted]\"\n}\n"));
  CHECK(asked == std::vector<std::string>{"GET /status/web Bearer " + token});
  if (journals) {
    auto const units = exhibit("02-units.txt"), last = exhibit("03-last.txt");
    CAPTURE(units, last);
    CHECK(has(units, "Z web-1 web[812] err: upstream timed out\n"));
    CHECK(has(units, "Z web-1 web[812] warning: with password=[redacted]\n"));
    for (auto const* left_out : {"twenty minutes", "another unit", "a notice"}) CHECK_FALSE(has(units, left_out));
    CHECK(has(last, "with password=[redacted]\n"));
    CHECK_FALSE(has(last, "upstream"));
  }
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.stop() == 0);
  auto const sinks = all_sinks(kit);
  CHECK(has(sinks, "degraded"));
  CHECK(has(sinks, "upstream timed out") == journals);
  for (auto const* secret : {token.c_str(), "hunter2"}) {
    CAPTURE(secret);
    CHECK_FALSE(has(sinks, secret));
    CHECK_FALSE(has(every_file(kit.state_dir()), secret));
  }
  CHECK(kit.ledger_problems().empty());
}
