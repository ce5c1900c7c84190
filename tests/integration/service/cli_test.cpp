// The command line against the running service and its ledger; stock git agrees or objects with us.
#include "tests/integration/service/service.hpp"

namespace {

using namespace service;

// A command of ours in the background, its output in a file; the kit's loop goes on meanwhile.
struct Background {
  Background(ServiceKit& with, std::string const& words)
      : kit(with), out(with / "cli.out"), code_file(with / "cli.code") {
    std::filesystem::remove(code_file);
    support::run("( COUNTERSIGN_TOKEN=token-of-alice '" + ServiceKit::binary() + "' " + words +
                 " --url http://127.0.0.1:" + std::to_string(kit.port()) + " > '" + out.string() +
                 "' 2>&1; echo $? > '" + code_file.string() + ".new'; mv '" + code_file.string() + ".new' '" +
                 code_file.string() + "' ) > /dev/null 2>&1 & true");
  }
  std::string id() {
    std::string found;
    kit.wait([&] {
      auto const text = read(out);
      auto const at = text.find("-R1");  // the case's id may stand before it
      if (at != std::string::npos && at >= 18) found = text.substr(at - 18, 21);
      return !found.empty();
    });
    kit.wait([&] { return kit.card(found).has_value(); });
    return found;
  }
  int exit_code() {
    if (!kit.wait([&] { return std::filesystem::exists(code_file); }, 20s)) return -1;
    return std::stoi(read(code_file));
  }
  ServiceKit& kit;
  std::filesystem::path out, code_file;
};

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
  CHECK(Background(kit, "request nothing --reason needed --wait").exit_code() == 2);
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

TEST_CASE("check, serve without key or ledger, keygen and init") {
  ServiceKit kit;
  CHECK(countersign("check -c '" + kit.config().string() + "'").code == 0);
  auto const good = read(kit.config());
  edit(kit, "version: 1", "version: 1\nnonsense: true");
  auto const bad = countersign("check -c '" + kit.config().string() + "'");
  CHECK(bad.code == 1);
  CHECK(has(bad.out, "countersign.yaml:2:1:"));
  CHECK(has(bad.out, "nonsense"));
  support::write_file(kit.config(), good);
  std::filesystem::remove_all(kit.ledger());
  auto const none = countersign("serve -c '" + kit.config().string() + "'");
  CHECK(none.code == 3);
  CHECK(has(none.out, "countersign keygen --out"));
  CHECK(has(none.out, "countersign ledger init --ledger"));
  CHECK_FALSE(std::filesystem::exists(kit.ledger()));
  CHECK(countersign("frobnicate").code == 2);
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
  CHECK(verify(clone, "--key SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").code == 1);
  CHECK(verify((kit / "nowhere").string()).code == 3);
  CHECK(has(countersign("ledger show " + id + " --ledger '" + ledger + "'").out, "bob"));
  CHECK(countersign("ledger log --ledger '" + ledger + "'").code == 0);

  // Somebody rewrites history: carol's denial never was.
  auto const tampered = support::git(
      clone,
      "log -1 > /dev/null; export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x; "
      "cd '" +
          clone +
          "' && new=$(git commit-tree -p main~1 -m 'service stopped' 'main^{tree}') && git update-ref "
          "refs/heads/main $new");
  REQUIRE(tampered.code == 0);
  CHECK(verify(clone, "--key '" + kit.pin() + "'").code == 1);
  CHECK(support::git(clone, "-c gpg.ssh.allowedSignersFile='" + signers + "' verify-commit main").code != 0);
  // Somebody cuts the end off a ledger and flips a byte of another.
  CHECK(verify(ledger, "--key '" + kit.pin() + "'").code == 0);
}
