// Stock git judges what we write.
#include <algorithm>

#include "ledger/commit_text.hpp"
#include "ledger/reader.hpp"
#include "ledger/verifier.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/result_text.hpp"

using support::kNoon;
using support::vote_entry;

TEST_CASE("golden: a commit of ours equals git commit-tree -S byte for byte") {
  support::Ledger ledger;
  auto store = ledger.store();
  auto const entry = vote_entry(1);
  auto const receipt = store->commit_batch({&entry, 1}).value().front();
  ledger::Reader reader = ledger::Reader::open(ledger.repository).value();
  auto const ours = reader.raw_commit(receipt.commit).value();
  auto const parsed = ledger::parse_commit(ours);
  CHECK(parsed.problems.empty());
  support::write_file(ledger.dir / "message", ours.substr(ours.find("\n\n") + 2));
  auto const date = std::to_string(parsed.author.seconds) + " +0000";
  auto const theirs = support::run(
      "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_AUTHOR_NAME=bob GIT_AUTHOR_EMAIL=bob@people.invalid "
      "GIT_AUTHOR_DATE='" +
      date + "' GIT_COMMITTER_NAME=countersign GIT_COMMITTER_EMAIL=ledger@countersign.invalid GIT_COMMITTER_DATE='" +
      date + "' git -C '" + ledger.repository.string() + "' -c gpg.format=ssh -c user.signingkey='" +
      ledger.key_file.string() + "' commit-tree -S -p " + parsed.parents.front().hex() + " -F '" +
      (ledger.dir / "message").string() + "' " + parsed.tree.hex());
  CHECK(theirs.out == receipt.commit + "\n");
}

TEST_CASE("stock git accepts a ledger: verify-commit, fsck, clone, verify-pack, trailers") {
  support::Ledger ledger;
  auto store = ledger.store();
  std::vector<core::Entry> entries;
  for (std::uint32_t i = 1; i <= 150; ++i) entries.push_back(vote_entry(i, kNoon + std::chrono::milliseconds(i)));
  REQUIRE(store->commit_batch(entries));  // one batch: trees as deltas
  for (std::uint32_t i = 151; i <= 180; ++i) {
    auto const entry = vote_entry(i, kNoon + std::chrono::seconds(1));
    REQUIRE(store->commit_batch({&entry, 1}));  // batches of one: merges
  }
  store->wait_for_merge();
  CHECK(ledger.fsck() == "");
  auto const commits = ledger.git("rev-list main");
  CHECK(std::count(commits.out.begin(), commits.out.end(), '\n') == 181);
  auto const verified =
      ledger.git("rev-list main | GIT_CONFIG_GLOBAL=/dev/null xargs git -C '" + ledger.repository.string() +
                 "' -c gpg.ssh.allowedSignersFile='" + (ledger.dir / "signers").string() + "' verify-commit");
  CHECK(verified.code == 0);
  std::size_t good = 0;
  for (std::size_t at = 0;
       (at = verified.out.find("Good \"git\" signature for ledger@countersign.invalid", at)) != std::string::npos; ++at)
    ++good;
  CHECK(good == 181);
  CHECK(ledger.git("clone -q . '" + (ledger.dir / "clone").string() + "'").code == 0);
  CHECK(support::git(ledger.dir / "clone", "status --porcelain").out == "");
  CHECK(support::run("for p in '" + ledger.repository.string() +
                     "'/objects/pack/*.pack; do git index-pack --verify $p >/dev/null || exit 1; git verify-pack "
                     "${p%.pack}.idx || exit 1; done")
            .code == 0);
  auto const trailers = ledger.git("log -1 --format='%(trailers)' main");
  CHECK(trailers.out.rfind(
            "Countersign-Seq: 180\nCountersign-Kind: vote.approve\nCountersign-Case: CS-20261121-000180\n"
            "Countersign-Request: CS-20261121-000180-R1\nCountersign-Actor: bob\nCountersign-Digest: sha256:",
            0) == 0);
  auto const report =
      ledger::verify(ledger.dir / "clone", {.pin = ledger.pin, .from = {}, .rules = {}, .progress = {}}).value();
  for (auto const& rule : report.rules) {
    CAPTURE(rule.name, rule.failures.empty() ? "" : rule.failures.front().text);
    CHECK(rule.failed == 0);
    CHECK(rule.checked > 0);
  }
  CHECK(report.ok);
  CHECK(report.pinned);
  CHECK(report.entries == 181);
}

TEST_CASE("T37 hostile subjects leave git log as printable ASCII and forge no trailer") {
  support::Ledger ledger;
  auto store = ledger.store();
  std::vector<std::string> const hostile{"\x1b]0;pwned\x07 red \x1b[31m",
                                         "a\nCountersign-Seq: 99\n\nCountersign-Kind: run.started",
                                         "\r\rtree 0000",
                                         "\x9b"
                                         "31m c1 csi",
                                         "\u202e evil \u2066 bidi \u200b",
                                         "\x7f\x7f",
                                         "caf\u00e9 \U0001F600",
                                         "\xff\xfe\xc0\x80",
                                         "   ",
                                         "",
                                         std::string(5000, 'x'),
                                         std::string("nul\0byte", 8),
                                         "Countersign-Digest: sha256:00",
                                         "-----BEGIN SSH SIGNATURE-----",
                                         "back\\slash",
                                         "#comment"};
  std::uint32_t number = 0;
  for (auto const& subject : hostile) {
    auto entry = vote_entry(++number);
    entry.subject = subject;
    REQUIRE(store->commit_batch({&entry, 1}));
  }
  auto const log = ledger.git("log --format=fuller main");
  CHECK(std::all_of(log.out.begin(), log.out.end(), [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); }));
  auto const seqs = ledger.git("log --reverse --format='%(trailers:key=Countersign-Seq,valueonly,separator=;)' main");
  std::string expected;
  for (std::size_t i = 0; i <= hostile.size(); ++i) expected += std::to_string(i) + "\n";
  CHECK(seqs.out == expected);
  CHECK(ledger::verify(ledger.repository).value().ok);
}

TEST_CASE("equal files, folders and empty outputs never stand twice") {
  support::Ledger ledger;
  auto store = ledger.store();
  for (std::uint32_t i = 1; i <= 60; ++i) {
    auto entry = vote_entry(i, kNoon + std::chrono::seconds(1));
    entry.kind = "run.finished";
    auto const folder = core::RequestId::parse(entry.request_id)->folder();
    entry.files = {{folder + "/run.json", entry.files.front().bytes},
                   {folder + "/output.txt", ""},
                   {folder + "/evidence/01-log.txt", "same"}};
    REQUIRE(store->commit_batch({&entry, 1}));
  }
  store->wait_for_merge();
  CHECK(ledger.fsck() == "");
  CHECK(store->pack_count() < 20);
}

TEST_CASE("the reader finds entries, files and folders while the writer goes on") {
  support::Ledger ledger;
  auto store = ledger.store();
  auto reader = ledger::Reader::open(ledger.repository).value();
  for (std::uint32_t i = 1; i <= 120; ++i) {
    auto const entry = vote_entry(i, kNoon + std::chrono::milliseconds(500));
    REQUIRE(store->commit_batch({&entry, 1}));
    if (i % 10 == 0) {
      std::uint64_t seen = 0;
      REQUIRE(reader.walk({}, ledger::Files::main_only, [&](core::StoredEntry&& stored) {
        CHECK(stored.seq == seen);
        CHECK(!stored.entry.files.empty());
        ++seen;
        return true;
      }));
      CHECK(seen == i + 1);
    }
  }
  auto const found = reader.find("CS-20261121-000007-R1", ledger::Files::all).value();
  REQUIRE(found.size() == 1);
  CHECK(found.front().seq == 7);
  CHECK(found.front().entry.time == kNoon + std::chrono::milliseconds(500));
  CHECK(found.front().entry.actor == core::Actor::person("bob"));
  CHECK(found.front().entry.files.front().bytes ==
        vote_entry(7, kNoon + std::chrono::milliseconds(500)).files.front().bytes);
  CHECK(reader.list("cases/2026/11/21/00/00").value().size() == 99);
  CHECK(reader.file("keys/0001-allowed_signers")
            .value()
            ->find("ledger@countersign.invalid namespaces=\"git\" ssh-ed25519 ") == 0);
  CHECK(!reader.file("cases/none").value());
}
