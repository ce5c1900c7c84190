// `countersign explain` answers from the file alone what the service then answers; what it and `ledger why` print obeys
// nobody.
#include "tests/integration/service/background.hpp"

namespace {

using namespace service;

support::Ran countersign(std::string const& words) { return support::run("'" + ServiceKit::binary() + "' " + words); }

Json explain(ServiceKit const& kit, std::string const& words, int code) {
  auto const ran = countersign("explain -c '" + kit.config().string() + "' " + words + " --json 2>/dev/null");
  CHECK(ran.code == code);
  auto json = core::parse_json(ran.out);
  if (!json) FAIL_CHECK(words << " prints: " << ran.out);
  return json ? std::move(*json) : Json();
}

// C0 but for line feeds, DEL, and C1 and format characters in UTF-8.
std::string raw_controls(std::string_view text) {
  std::string found;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const byte = static_cast<unsigned char>(text[i]);
    auto const next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    bool const c1 = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f || c1) found += std::to_string(byte) + " ";
  }
  for (auto const* piece : {"\u2028", "\u202e", "\u2066", "\u200b", "\ufeff"}) {
    if (text.find(piece) != std::string_view::npos) found += "format ";
  }
  return found;
}

}  // namespace

TEST_CASE("explain and the service give the same answer: one policy, in one place") {
  ServiceKit kit;
  kit.start();
  struct Row {
    std::string words, runbook;
    Json parameters;
    std::string token, reason;
  };
  auto const none = Json(Json::Object{});
  auto const word = [](std::string const& value) { return Json::object({{"word", value}}); };
  for (auto const& row :
       std::vector<Row>{{"witness word=ok --as alice --reason r", "witness", word("ok"), "token-of-alice", "r"},
                        {"witness --as ci --reason r", "witness", none, "token-of-ci", "r"},
                        {"witness word=NO --as alice --reason r", "witness", word("NO"), "token-of-alice", "r"},
                        {"witness colour=red --as alice --reason r", "witness", Json::object({{"colour", "red"}}),
                         "token-of-alice", "r"},
                        {"nothing --as alice --reason r", "nothing", none, "token-of-alice", "r"},
                        {"witness --as alice --reason ''", "witness", none, "token-of-alice", ""},
                        {"witness --as alice --reason ' '", "witness", none, "token-of-alice", " "}}) {
    CAPTURE(row.words);
    auto body = Json::object({{"runbook", row.runbook}, {"parameters", row.parameters}, {"reason", row.reason}});
    auto const answer = kit.http("POST", "/v1/requests", body, row.token);
    bool const accepted = answer.status == 202;
    auto const said = explain(kit, row.words, accepted ? 0 : 1);
    CHECK(said["accepted"].boolean() == accepted);
    if (!accepted) CHECK(answer.body["detail"].text() == said["refusals"].at_index(0)["text"].text());
    if (!accepted) continue;
    // What was bound, as the ledger has it, is what was foretold.
    auto const id = answer.body["id"].text();
    // Whoever asked may read it; nobody else's token would be told that it is there.
    REQUIRE(kit.wait([&] {
      auto const view = kit.http("GET", "/v1/requests/" + id, {}, row.token);
      return view.body["state"].text() == "pending";
    }));
    auto const bound = kit.entries("request.opened", id).back()["data"];
    for (auto const* member : {"summary", "risk", "parameters", "targets", "steps", "on_failure", "environment",
                               "limits", "lock", "run_as", "sandbox", "working_directory"}) {
      CAPTURE(member);
      CHECK(core::dump(said["runs"][member]) == core::dump(bound[member]));
    }
    CHECK(said["policy"]["digest"].text() == bound["policy"]["digest"].text());
  }
}

TEST_CASE("explain says of a group that a platform keeps that the platform alone knows who is in it") {
  KitOptions options;
  options.extra_sections = "groups: {oncall: {slack_usergroup: S0ONCALL}}\n";
  options.extra_policies = "  by-oncall: {request: [dev, oncall], approve: [{group: oncall, count: 1}]}\n";
  options.extra_runbooks =
      "  page: {summary: Page, risk: low, if_unanswered: nothing, steps: [{name: act, run: [/bin/true]}], policy: "
      "by-oncall}\n";
  ServiceKit kit(options);
  auto const said = explain(kit, "page --as alice --reason r", 0);
  CHECK(said["excluded"].at_index(0)["person"].text() == "alice");
  CHECK(said["excluded"].at_index(0)["why"].text() == "not_known");
  CHECK_THAT(said["excluded"].at_index(0)["text"].text(), Catch::Contains("platform") && Catch::Contains("oncall"));
  CHECK_THAT(core::dump(said["notes"]), Catch::Contains("this command asks nobody"));
  CHECK_THAT(core::dump(explain(kit, "page --as bob --reason r", 1)["notes"]),
             Catch::Contains("this command asks nobody"));
}

TEST_CASE(
    "explain: who could approve, who could not and why, every refusal with its place, no ledger, no secret needed") {
  ServiceKit kit;
  std::filesystem::remove_all(kit.ledger());
  std::filesystem::remove(kit / "ledger_ed25519");
  auto said = explain(kit, "witness-two --as bob --at 2026-11-21T10:00:00Z --reason r", 0);
  CHECK(said["expires_at"].text() == "2026-11-21T10:10:00.000Z");
  CHECK(said["missing"].text() == "2 from sre");
  CHECK(core::dump(said["needs"].at_index(0)["could"]) == R"(["carol","erin"])");
  CHECK(said["excluded"].at_index(0)["person"].text() == "bob");
  CHECK(said["excluded"].at_index(0)["why"].text() == "requester");
  CHECK(said["if_unanswered"].text() == "no line is left");
  said = explain(kit, "witness --as ci --initiator carol --reason r", 0);
  CHECK(said["excluded"].at_index(0)["why"].text() == "initiator");
  CHECK(explain(kit, "witness --as slack:U0BOB", 0)["as"].text() == "bob");
  CHECK(has(explain(kit, "witness --as slack:U0MALLORY", 1)["refusals"].at_index(0)["text"].text(), "unknown is no"));
  CHECK(has(explain(kit, "witness --as nobody", 1)["refusals"].at_index(0)["text"].text(), "unknown is no"));
  CHECK(has(explain(kit, "witness --as trigger:none", 1)["refusals"].at_index(0)["text"].text(), "no trigger"));
  said = explain(kit, "witness word=NO colour=red --as dave --initiator alice --channel elsewhere --reason ''", 1);
  std::set<std::string> keys;
  for (auto const& refusal : *said["refusals"].if_array()) keys.insert(refusal["key"].text("-"));
  CHECK(keys == std::set<std::string>{"-", "channels", "policies.one-sre.justification.requester",
                                      "policies.one-sre.request", "runbooks.witness.parameters.colour",
                                      "runbooks.witness.parameters.word"});
  CHECK(said["refusals"].at_index(0)["place"]["line"].integer() > 1);
  auto const words = countersign("explain -c '" + kit.config().string() + "' witness word=NO --as dave");
  CHECK(words.code == 1);
  CHECK(has(words.out, kit.config().string() + ":"));
  edit(kit, "version: 1", "version: 1\nnonsense: true");
  CHECK(has(countersign("explain -c '" + kit.config().string() + "' witness --as alice").out, ":2:1:"));
  CHECK(countersign("explain -c /nowhere.yaml witness --as alice").code == 3);
  CHECK(countersign("explain -c '" + kit.config().string() + "' witness --as alice --at noon").code != 0);
}

TEST_CASE("T37 commands over a hostile ledger: nothing that a terminal obeys leaves raw") {
  ServiceKit kit;
  kit.start();
  // What the service takes: no controls, and yet characters that turn and hide.
  auto const hostile = std::string("\u202e\u2066 <!channel> \u200b\ufeff $(id) \\x1b[2J");
  auto const answer =
      kit.http("POST", "/v1/requests",
               Json::object({{"runbook", "witness-two"}, {"parameters", Json(Json::Object{})}, {"reason", hostile}}));
  REQUIRE(answer.status == 202);
  auto const id = answer.body["id"].text();
  REQUIRE(kit.wait([&] { return kit.card(id).has_value(); }));
  REQUIRE(kit.press("U0BOB", id));
  REQUIRE(kit.wait([&] { return kit.view(id)["votes"].at_index(0)["person"].text() == "bob"; }));
  CHECK(kit.stop() == 0);
  auto const at = " --ledger '" + kit.ledger().string() + "' ";
  auto const why =
      core::parse_json(countersign("ledger why" + at + id + " --key '" + kit.pin() + "' --json").out).value();
  CHECK(why["reason"].text() == hostile);
  CHECK(why["missing"].text() == "1 more from sre");
  CHECK(why["votes"].at_index(0)["counted_for"].text() == "sre");
  CHECK(core::dump(why["could_still_approve"]) == R"(["carol","erin"])");
  CHECK(why["verified"]["ok"].boolean());
  CHECK(why["verified"]["pinned"].boolean());
  CHECK(countersign("ledger why" + at + "CS-999").code == 1);
  CHECK(countersign("ledger why" + at + "yesterday").code == 2);
  auto const keys = core::parse_json(countersign("ledger keys" + at + "--json").out).value();
  CHECK(keys["keys"].at_index(0)["fingerprint"].text() == kit.pin());
  CHECK(keys["keys"].at_index(0)["entries"].integer() == static_cast<std::int64_t>(kit.entries().size()));

  // What nobody's service ever took: a commit with every byte in its file, on top of the real ones.
  std::string bytes = "{\"schema\":1,\"kind\":\"vote.refused\",\"reason\":\"";
  for (int byte = 1; byte < 256; ++byte) {
    if (byte != '"' && byte != '\\') bytes += static_cast<char>(byte);
  }
  support::write_file(kit / "hostile.json", bytes + "\u009b31m\u0085\"}");
  support::write_file(kit / "message",
                      "\x1b[2Jhostile \u009b31m\u202e\n\nCountersign-Seq: 99\nCountersign-Kind: vote.refused\n"
                      "Countersign-Request: " +
                          id + "\nCountersign-Actor: \x1b[31mbob\n");
  auto const forged = (kit / "forged.git").string();
  REQUIRE(support::run("git clone -q --bare '" + kit.ledger().string() + "' '" + forged + "'").code == 0);
  auto const folder = core::RequestId::parse(id)->folder();
  auto const made =
      support::run("cd '" + forged + "' && export GIT_DIR='" + forged + "' GIT_INDEX_FILE='" + forged +
                   "/index' GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x && git "
                   "read-tree main && "
                   "git update-index --add --cacheinfo 100644,$(git hash-object -w '" +
                   (kit / "hostile.json").string() + "')," + folder +
                   "/votes/0099-refused-bob.json && git update-ref refs/heads/main $(git commit-tree -p main -F '" +
                   (kit / "message").string() + "' $(git write-tree))");
  REQUIRE(made.code == 0);
  for (auto const& where : {kit.ledger().string(), forged}) {
    for (auto const* json : {"", " --json"}) {
      for (auto const& command : {std::string("log"), "show " + id, "why " + id, std::string("keys"),
                                  std::string("verify"), "export --as folder --out '" + (kit / "out").string() + "'",
                                  "export " + id + " --out '" + (kit / "out").string() + "'"}) {
        std::filesystem::remove_all(kit / "out");
        auto const ran = countersign("ledger " + command + " --ledger '" + where + "'" + json);
        if (auto const raw = raw_controls(ran.out); !raw.empty()) FAIL_CHECK(command << json << " prints raw: " << raw);
        CHECK(ran.code >= 0);
        CHECK(ran.code <= 3);
        if (std::filesystem::exists(kit / "out/register.jsonl"))
          CHECK(raw_controls(read(kit / "out/register.jsonl")).empty());
      }
    }
    auto const lines = countersign("ledger export --as jsonl --out - --ledger '" + where + "'");
    CHECK(raw_controls(lines.out).empty());
  }
  auto const unknown_key = countersign("ledger keys --ledger '" + forged + "'");
  CHECK(unknown_key.code == 1);  // an entry without a signature
  CHECK(countersign("ledger why " + id + " --ledger '" + forged + "'").code == 1);
}

TEST_CASE("ledger why in words: the rule, what each vote counted for, who was excluded and refused and why, the end") {
  ServiceKit kit;
  kit.start();
  CHECK(has(typed(kit, "U0BOB", "run witness-two -- the line is missing"), "2 of sre"));
  REQUIRE(kit.wait([&] { return count(kit, "request.posted") == 1; }));
  auto const opened = kit.entries("request.opened").at(0);
  auto const id = opened["request"].text();
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.press("U0CAROL", id));
  REQUIRE(kit.wait([&] { return count(kit, "vote.approve", id) == 1; }));
  auto const why = [&] {
    return countersign("ledger why --ledger '" + kit.ledger().string() + "' " + id + " --key '" + kit.pin() + "'");
  };
  auto const policy = opened["data"]["policy"]["digest"].text();
  auto const rule = "  rule         two-sre " + policy.substr(0, 19) + "…, pinned by entry " +
                    std::to_string(opened["seq"].integer()) +
                    "\n               2 of sre must approve\n"
                    "               nobody approves what they asked for, or what was asked for them\n";
  auto const carol = std::string(
      " carol: approve (slack U0CAROL, button; then in sre)\n"
      "               counted as 1 of 2 from sre; still missing: 1 more from sre\n");
  auto told = why();
  INFO(told.out);
  CHECK(told.code == 0);
  CHECK(told.out.starts_with(id + ": pending\n  asked by     bob, "));
  CHECK(has(told.out, "  reason       the line is missing\n  what         Leave a line: done\n" + rule));
  CHECK(has(told.out,
            "  people       bob: sre at opening; excluded: asked for it, and nobody approves their own request\n"
            "               carol: sre at opening\n               erin: sre at opening\n  votes        "));
  CHECK(has(told.out, carol + "  refused      "));
  CHECK(
      has(told.out, " bob (slack U0BOB): approve refused: You asked for this yourself; somebody else has to decide."));
  CHECK(has(told.out, "; missing: 1 more from sre\n  could still  erin\n  verifier     every entry of it holds"));
  CHECK(told.out.ends_with(", which is the pinned one\n"));

  CHECK(kit.press("U0ERIN", id));
  REQUIRE(kit.wait([&] { return count(kit, "run.finished", id) == 1; }));
  told = why();
  INFO(told.out);
  CHECK(told.out.starts_with(id + ": succeeded\n"));
  CHECK(has(told.out, rule + "               the same text was in force at the decision\n"));
  CHECK(has(told.out, carol));
  CHECK(has(told.out,
            " erin: approve (slack U0ERIN, button; then in sre)\n"
            "               counted as 2 of 2 from sre; still missing: nothing\n"));
  CHECK(has(told.out, "  ending       approved by carol, erin at "));
  CHECK(has(told.out, ": the policy two-sre is satisfied; the run succeeded, exit code 0\n"));
  CHECK_FALSE(has(told.out, "could still"));
}

TEST_CASE("ledger export: what it wrote is read again, nothing is ever overwritten") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.stop() == 0);
  auto const at = " --ledger '" + kit.ledger().string() + "' ";
  auto const out = (kit / "export").string();
  auto const export_as = [&](std::string const& words) {
    return countersign("ledger export" + at + words + " --out '" + out + "'");
  };
  CHECK(export_as("--as bundle").code == 0);
  CHECK(export_as("--as bundle").code == 3);  // it stands there already
  REQUIRE(support::run("git clone -q --branch main '" + out + "' '" + (kit / "clone").string() + "'").code == 0);
  CHECK(countersign("ledger verify --ledger '" + (kit / "clone").string() + "' --key '" + kit.pin() + "'").code == 0);
  std::filesystem::remove(out);
  CHECK(export_as("").code == 0);
  CHECK(support::run("diff -r --exclude=.git --exclude=register.jsonl '" + (kit / "clone").string() + "' '" + out + "'")
            .out.empty());
  CHECK(export_as("").code == 3);
  std::filesystem::remove_all(out);
  CHECK(export_as(core::RequestId::parse(id)->case_id().str()).code == 0);
  CHECK(std::filesystem::exists(std::filesystem::path(out) / core::RequestId::parse(id)->folder() / "request.json"));
  CHECK(std::filesystem::exists(std::filesystem::path(out) / "keys/0001-allowed_signers"));
  std::filesystem::remove_all(out);
  CHECK(export_as("CS-999").code == 1);
  CHECK(export_as("CS-1 --as bundle").code == 2);
  auto const lines = countersign("ledger export" + at + "--as jsonl --out -");
  CHECK(lines.code == 0);
  std::size_t count = 0;
  std::istringstream text(lines.out);
  for (std::string line; std::getline(text, line); ++count) {
    auto const entry = core::parse_json(line, {.max_bytes = 8 << 20});
    REQUIRE(entry);
    CHECK((*entry)["files"].at_index(0)["path"].if_string());
  }
  CHECK(count == kit.entries().size());
  // The auditor's lines of the README, as they stand there, on this ledger.
  auto const sources = std::string(COUNTERSIGN_SOURCES);
  auto const audited =
      support::run("python3 -B '" + sources + "/tests/unit/deploy/readme_test.py' '" + ServiceKit::binary() + "' '" +
                   sources + "' '" + kit.ledger().string() + "' " + kit.pin());
  if (audited.code != 0) FAIL_CHECK(audited.out);
}
