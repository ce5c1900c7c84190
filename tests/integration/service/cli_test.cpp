// The command line against the running service and its ledger; stock git agrees or objects with us.
#include "tests/integration/service/background.hpp"

namespace {

using namespace service;

support::Ran countersign(std::string const& words) { return support::run("'" + ServiceKit::binary() + "' " + words); }

}  // namespace

TEST_CASE("countersign request --wait: 0 done, 1 no, 2 wrong, 4 the run failed, 5 gave up") {
  ServiceKit kit;
  kit.start();
  {
    Background ask(kit, "request witness word=cli --reason needed --wait");
    auto const id = ask.id();
    REQUIRE(kit.press("U0BOB", id));
    CHECK(ask.exit_code() == 0);
    CHECK(has(read(ask.out), "succeeded"));
  }
  {
    Background ask(kit, "request witness --reason needed --wait --json");
    REQUIRE(kit.press("U0BOB", ask.id(), "deny"));
    CHECK(ask.exit_code() == 1);
  }
  {
    Background ask(kit, "request witness-fail --reason needed --wait");
    REQUIRE(kit.press("U0BOB", ask.id()));
    CHECK(ask.exit_code() == 4);
    CHECK(has(read(ask.out), "failed (exit)"));
  }
  CHECK(Background(kit, "request witness --reason needed --wait --give-up 1s").exit_code() == 5);
  {
    Background ask(kit, "request nothing --reason needed --wait --json");  // the service's answer is no
    CHECK(ask.exit_code() == 1);
    auto const text = read(ask.out);  // with standard error behind it
    auto const said = core::parse_json(text.substr(text.find('{'), text.find('}') - text.find('{') + 1));
    REQUIRE(said);
    CHECK((*said)["status"].integer() == 422);
    CHECK((*said)["title"].text() == "Unprocessable Content");
    CHECK(has((*said)["detail"].text(), "nothing"));
  }
  {
    Background ask(kit, "request witness --reason needed --token-file '" + (kit / "wrong").string() + "'");
    CHECK(ask.exit_code() == 3);  // there is no such file
    CHECK(has(read(ask.out), "No such file or directory"));
  }
  support::write_file(kit / "wrong", "token-of-nobody\n");
  CHECK(
      Background(kit, "request witness --reason needed --token-file '" + (kit / "wrong").string() + "'").exit_code() ==
      1);
  CHECK(Background(kit, "request witness word --reason needed").exit_code() == 2);
  CHECK(Background(kit, "request witness --reason needed").exit_code() == 0);
  support::write_file(kit / "plan.diff", "- old\n+ new\n");
  {
    Background ask(kit, "request witness --reason needed --attach '" + (kit / "plan.diff").string() + "'");
    auto const id = ask.id();
    CHECK(ask.exit_code() == 0);
    REQUIRE(kit.card(id));
    CHECK(has(support::git(kit.ledger(), "grep -h 'new' main --").out, "+ new"));
  }
}

TEST_CASE("a command line that means nothing says which word, and what was meant") {
  auto const says = [](std::string const& words, std::string_view part) {
    auto const ran = countersign(words);
    CHECK(ran.code == 2);
    if (!has(ran.out, part)) FAIL_CHECK(words + " says: " + ran.out);
  };
  says("chekc -c x", "there is no command \"chekc\"; did you mean \"check\"?");
  says("frobnicate", "there is no command \"frobnicate\".");
  says("ledger verfy", "\"ledger verfy\"; did you mean \"ledger verify\"?");
  says("generate mna", "did you mean \"generate man\"?");
  says("generate bash", "Commands: completion, man");
  says("chekc --help", "\"chekc\"");
  says("check --confg x", "\"--confg\" means nothing here; did you mean \"--config\"?");
  for (auto const* later : {"audit", "replay"}) {
    says(later, "\"" + std::string(later) + "\" is not in this release");
    says(std::string(later) + " --help", "is not in this release");
  }
  says("request x --url nonsense --token-file /dev/null", "no token");
  CHECK(support::run("COUNTERSIGN_TOKEN=x '" + ServiceKit::binary() + "' request x --url nonsense").code == 2);
  CHECK(support::run("COUNTERSIGN_TOKEN=x '" + ServiceKit::binary() + "' request x --url http://127.0.0.1:1").code ==
        3);
  CHECK(countersign("--help").code == 0);
  CHECK(countersign("ledger verify --help").code == 0);
}

TEST_CASE("commands with --json that need no service: one object a line") {
  ServiceKit kit;
  auto const object = [](std::string const& words, int code) {
    auto const ran = countersign(words + " --json 2>/dev/null");
    CHECK(ran.code == code);
    auto json = core::parse_json(ran.out);
    if (!json || json->if_object() == nullptr) FAIL_CHECK(words + " prints: " + ran.out);
    return json ? std::move(*json) : Json();
  };
  CHECK(object("--version", 0)["program"].text() == "countersign");
  auto const key = (kit / "another_key").string(), ledger = (kit / "another.git").string();
  auto const made = object("keygen --out '" + key + "'", 0)["fingerprint"].text();
  CHECK(made.starts_with("SHA256:"));
  CHECK(object("keygen --out '" + key + "'", 3)["error"].text() == "conflict");
  CHECK(object("ledger init --ledger '" + ledger + "' --key '" + key + "'", 0)["fingerprint"].text() == made);
  CHECK(object("check -c '" + kit.config().string() + "'", 0)["ok"].boolean());
  CHECK(has(object("check -c /nowhere/c.yaml", 3)["detail"].text(), "/nowhere/c.yaml"));
  CHECK(object("ledger verify --ledger '" + ledger + "'", 0)["ok"].boolean());
  CHECK_FALSE(object("ledger verify --ledger /nowhere", 3)["ok"].boolean(true));
}

TEST_CASE("playground --json: a line a step, each an object") {
  support::TempDir dir;
  auto const ran = countersign("playground --scenario hands-off --json --dir '" + (dir / "play").string() + "'");
  INFO(ran.out);
  CHECK(ran.code == 0);
  std::vector<std::string> steps;
  std::istringstream text(ran.out);
  for (std::string line; std::getline(text, line);) {
    auto const json = core::parse_json(line);
    REQUIRE(json);
    if (steps.empty()) {
      CHECK((*json)["pin"].text().starts_with("SHA256:"));
      CHECK((*json)["api"].text().starts_with("http://127.0.0.1:"));
      CHECK((*json)["dir"].text() == (dir / "play").string());
    }
    steps.push_back((*json)["step"].text());
  }
  // A line a platform where each has its own.
  CHECK(steps == std::vector<std::string>{"up", "connected", "broken", "posted", "posted", "posted", "refused",
                                          "refused", "refused", "voted", "voted", "approved", "outcome", "outcome",
                                          "outcome", "mended", "recorded", "stopped"});
}

TEST_CASE("check, serve without key or ledger, keygen and init") {
  ServiceKit kit;
  CHECK(countersign("check -c '" + kit.config().string() + "'").code == 0);
  auto const good = read(kit.config());
  edit(kit, "version: 1", "version: 1\nnonsense: true");
  auto const bad = countersign("check -c '" + kit.config().string() + "'");
  CHECK(bad.code == 1);
  CHECK(has(bad.out, "countersign.yaml:2:1:"));
  CHECK(has(bad.out, "nonsense"));
  auto const missing = countersign("check -c '" + (kit / "missing.yaml").string() + "'");
  CHECK(missing.code == 3);
  CHECK(has(missing.out, "missing.yaml"));
  CHECK(has(missing.out, "No such file or directory"));
  CHECK_FALSE(has(missing.out, "with -c FILE"));
  support::write_file(kit.config(), good);
  std::filesystem::remove_all(kit.ledger());
  auto const none = countersign("serve -c '" + kit.config().string() + "'");
  CHECK(none.code == 3);
  CHECK(has(none.out, "countersign keygen --out"));
  CHECK(has(none.out, "countersign ledger init --ledger"));
  CHECK_FALSE(std::filesystem::exists(kit.ledger()));
  CHECK(countersign("serve").code == 2);
}

TEST_CASE("stock git and ledger verify judge a whole story, a clone of it, and a clone that was tampered with") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  auto const denied = kit.ask("witness-two");
  CHECK(kit.press("U0CAROL", denied, "deny"));
  REQUIRE(ends_as(kit, denied, "denied"));
  REQUIRE(kit.wait([&] { return kit.replies(denied).size() == 1; }));
  CHECK(kit.stop() == 0);

  auto const ledger = kit.ledger().string(), clone = (kit / "clone.git").string();
  CHECK(support::git(kit.ledger(), "fsck --full --strict --no-dangling").code == 0);
  REQUIRE(support::run("git clone -q --bare '" + ledger + "' '" + clone + "'").code == 0);
  auto const keys = support::git(kit.ledger(), "ls-tree --name-only main keys/").out;
  REQUIRE(has(keys, "-allowed_signers"));
  auto const signers = (kit / "signers").string();
  support::git(kit.ledger(), "show main:" + keys.substr(0, keys.find('\n')) + " > '" + signers + "'");
  auto const commits = support::git(kit.ledger(), "rev-list --count main").out;
  auto const verified =
      support::git(clone, "rev-list main | GIT_CONFIG_GLOBAL=/dev/null xargs git -C '" + clone +
                              "' -c safe.directory='*' -c gpg.ssh.allowedSignersFile='" + signers + "' verify-commit");
  CHECK(verified.code == 0);
  std::size_t good = 0;
  for (auto at = verified.out.find("Good \"git\" signature"); at != std::string::npos;
       at = verified.out.find("Good \"git\" signature", at + 1))
    ++good;
  CHECK(std::to_string(good) + "\n" == commits);
  auto const trailers =
      support::git(kit.ledger(), "log --reverse --format='%(trailers:key=Countersign-Kind,valueonly,separator=)'").out;
  CHECK(trailers.starts_with("ledger.opened\nconfig.loaded\nservice.started\ncase.opened\nrequest.accepted\n"));
  CHECK(trailers.ends_with("service.stopped\n"));
  for (auto const* kind : {"request.opened", "request.post_intent", "request.posted", "request.approved", "run.started",
                           "run.finished", "request.denied", "case.closed"})
    CHECK(has(trailers, kind));

  auto const verify = [&](std::string const& where, std::string const& more = {}) {
    return countersign("ledger verify --ledger '" + where + "' " + more);
  };
  CHECK(verify(ledger, "--key '" + kit.pin() + "'").code == 0);
  CHECK(verify(clone, "--key '" + kit.pin() + "'").code == 0);
  auto const unpinned = verify(clone);
  CHECK(unpinned.code == 0);
  CHECK(has(unpinned.out, "not pinned"));
  auto const last_line = [](std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    return text.substr(text.rfind('\n') + 1);
  };
  auto const other = std::string("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  auto const foreign = verify(clone, "--key " + other);
  CHECK(foreign.code == 1);
  CHECK_FALSE(has(foreign.out, "not pinned"));
  CHECK(has(last_line(foreign.out), "NOT VERIFIED: it was opened with the key " + kit.pin() + ", but the pin names " +
                                        other + "; all else holds"));
  CHECK(foreign.out.starts_with("  FAIL  pin "));
  CHECK(verify((kit / "nowhere").string()).code == 3);
  auto const logged = countersign("ledger log --json --ledger '" + ledger + "'");
  CHECK(logged.code == 0);
  std::istringstream register_lines(logged.out);
  std::string before;
  for (std::string line; std::getline(register_lines, line);) {
    auto const entry = core::parse_json(line);
    REQUIRE(entry);
    auto const time = (*entry)["time"].text();
    if (time < before) FAIL_CHECK("time goes back: " + before + ", then " + time);
    if ((*entry)["kind"].text() == "request.opened") CHECK(time == (*entry)["data"]["opened_at"].text());
    before = time;
  }

  auto const show = [&](std::string const& words) {
    return countersign("ledger show --ledger '" + ledger + "' " + words);
  };
  auto const of_case = core::RequestId::parse(id)->case_id();
  auto const story = show(of_case.str());
  CHECK(story.code == 0);
  for (auto const* part : {": succeeded", "asked by     alice", "reason ", "needs        1 of sre (policy one-sre)",
                           "runs         1. ", "bob: approve (slack U0BOB, button)", "decision     approved by bob",
                           "run          succeeded, exit code 0", "output       | ", "timeline", "close case"}) {
    if (!has(story.out, part)) FAIL_CHECK("\"" << part << "\" is not in:\n" << story.out);
  }
  auto const brief = "CS-" + std::to_string(of_case.counter());
  CHECK(show(brief).out == story.out);
  CHECK(show(brief + "-R1").out == show(id).out);
  CHECK(has(show(denied).out, "decision     denied by carol"));
  auto const data = core::parse_json(show(id + " --json").out);
  REQUIRE(data);
  auto const& one = (*data)["requests"].at_index(0);
  CHECK(one["state"].text() == "succeeded");
  CHECK(one["votes"].at_index(0)["person"].text() == "bob");
  CHECK(one["run"]["exit_code"].integer(-1) == 0);
  CHECK((*data)["timeline"].if_array()->size() > 5);
  CHECK(show("CS-999").code == 1);
  CHECK(show(of_case.str() + "-R7").code == 1);
  CHECK(show("yesterday").code == 2);
  // A case of another day with the same counter: the short id names neither.
  auto const two_days = (kit / "two-days.git").string();
  REQUIRE(support::run("git clone -q --bare '" + ledger + "' '" + two_days + "'").code == 0);
  REQUIRE(
      support::git(two_days, "log -1 > /dev/null; export GIT_INDEX_FILE='" + two_days + "/index' GIT_DIR='" + two_days +
                                 "' GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x; "
                                 "git read-tree main && git update-index --add --cacheinfo 100644,$(echo '{}' | git "
                                 "hash-object -w --stdin),cases/2020/01/02/00/00/CS-20200102-00000" +
                                 brief.substr(3) +
                                 "/case.json && git update-ref refs/heads/main $(git commit-tree -p "
                                 "main -m x $(git write-tree))")
          .code == 0);
  auto const either = countersign("ledger show " + brief + " --ledger '" + two_days + "'");
  CHECK(either.code == 2);
  CHECK(has(either.out, "stands for 2 cases"));
  CHECK(has(either.out, "CS-20200102-00000" + brief.substr(3)));
  CHECK(has(either.out, of_case.str()));

  // Somebody rewrites history: carol's denial never was.
  auto const tampered = support::git(
      clone,
      "log -1 > /dev/null; export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x; "
      "cd '" +
          clone +
          "' && new=$(git commit-tree -p main~1 -m 'service stopped' 'main^{tree}') && git update-ref "
          "refs/heads/main $new");
  REQUIRE(tampered.code == 0);
  auto const broken = verify(clone, "--key '" + kit.pin() + "'");
  CHECK(broken.code == 1);
  CHECK(has(last_line(broken.out), "NOT VERIFIED: broken: "));
  CHECK(has(last_line(broken.out), "signature (1)"));
  auto const unpinned_broken = last_line(verify(clone).out);
  CHECK(has(unpinned_broken, "NOT VERIFIED: broken: "));
  CHECK_FALSE(has(unpinned_broken, "self-consistent"));
  CHECK(support::git(clone, "-c gpg.ssh.allowedSignersFile='" + signers + "' verify-commit main").code != 0);
  // Somebody cuts the end off a ledger and flips a byte of another.
  CHECK(verify(ledger, "--key '" + kit.pin() + "'").code == 0);
}
