// Snapshots: what they hold, who may have signed them, and that any doubt costs a fold and nothing else.
#include "ledger/snapshot.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "bot/core/archive.hpp"
#include "ledger/signer.hpp"
#include "tests/support/big_ledger.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/result_text.hpp"

namespace fs = std::filesystem;
using ledger::Snapshot;
using ledger::Trust;
using support::kNoon;

namespace {

std::string read_file(fs::path const& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Room : support::Ledger {
  fs::path file = dir / "snapshot";
  std::vector<std::string> doubts;

  explicit Room(std::size_t entries = 60) { grow(entries); }
  void grow(std::size_t entries) {
    support::BigLedger big(repository, key_file, kNoon);
    big.grow(entries);
    REQUIRE(big.broken() == "");
  }
  std::unique_ptr<ledger::TrustedFold> whole(Trust trust = Trust::checked) const {
    auto fold = ledger::TrustedFold::open(repository, trust, pin).value();
    fold->advance().value();
    return fold;
  }
  Snapshot snapshot() const {
    auto const fold = whole();
    return {.head = fold->head(), .pin = pin, .state = core::encode_state(fold->state())};
  }
  // How a start folds now; notes doubts.
  std::unique_ptr<ledger::TrustedFold> start(bool serve = true) {
    auto const signer = key().public_key();
    return ledger::fold_with_snapshot(repository, serve ? Trust::own : Trust::checked, pin, file,
                                      serve ? &signer : nullptr,
                                      [this](std::string const& why) { doubts.push_back(why); })
        .value();
  }
  // The start deleted it, said why, and folded everything.
  void refused(bool serve = true) {
    doubts.clear();
    auto const fold = start(serve);
    CHECK(doubts.size() == 1);
    CHECK_FALSE(fs::exists(fs::symlink_status(file)));
    auto const all = whole();
    CHECK(fold->taken() == all->state().entries);
    CHECK(core::encode_state(fold->state()) == core::encode_state(all->state()));
  }
  void write(Snapshot const& snapshot, bool serve = true) {
    auto const signing = key();
    REQUIRE(ledger::write_snapshot(file, snapshot, serve ? &signing : nullptr));
  }
};

}  // namespace

TEST_CASE("a start from a snapshot folds the tail alone and comes to the same state") {
  bool const serve = GENERATE(true, false);
  CAPTURE(serve);
  Room room;
  room.write(room.snapshot(), serve);
  CHECK(room.start(serve)->taken() == 0);
  room.grow(30);
  auto const fold = room.start(serve);
  CHECK(room.doubts.empty());
  CHECK(fold->taken() > 25);
  CHECK(fold->taken() < 60);
  CHECK(core::encode_state(fold->state()) == core::encode_state(room.whole()->state()));
  auto const grown = room.start(serve);
  room.grow(20);  // and follows what comes
  CHECK(grown->advance());
  CHECK(core::encode_state(grown->state()) == core::encode_state(room.whole()->state()));
}

TEST_CASE("without a snapshot everything is folded and nothing is said") {
  Room room;
  CHECK(room.start()->taken() == room.whole()->state().entries);
  CHECK(room.doubts.empty());
}

TEST_CASE("a snapshot that was changed or cut anywhere is deleted, and the ledger is folded anew") {
  bool const serve = GENERATE(true, false);
  Room room(20);
  room.write(room.snapshot(), serve);
  auto const good = read_file(room.file);
  for (std::size_t i = 0; i < 60; ++i) {
    auto bad = good;
    auto const at = i * (good.size() - 1) / 59;
    CAPTURE(serve, at);
    if (i % 3 == 0) {
      bad.resize(at);
    } else {
      bad[at] = static_cast<char>(bad[at] ^ (i % 3 == 1 ? 0x01 : 0x80));
    }
    support::write_file(room.file, bad);
    ::chmod(room.file.c_str(), 0600);
    room.refused(serve);
  }
}

TEST_CASE("a snapshot by another key, of another ledger, or with a signature from a commit is refused") {
  Room room;
  auto const snapshot = room.snapshot();
  SECTION("another key") {
    REQUIRE(ledger::keygen(room.dir / "other"));
    auto const signing = ledger::SigningKey::read(room.dir / "other").value();
    REQUIRE(ledger::write_snapshot(room.file, snapshot, &signing));
    room.refused();
  }
  SECTION("the runner's, which anybody of that account can make") {
    room.write(snapshot, false);
    room.refused();
  }
  SECTION("the service's word is none to the runner") {
    room.write(snapshot, true);
    room.refused(false);
  }
  SECTION("another ledger of the same key") {
    support::TempDir elsewhere;
    ledger::init(elsewhere / "ledger.git", room.key(), kNoon).value();
    support::BigLedger other(elsewhere / "ledger.git", room.key_file, kNoon);
    other.grow(80, core::Duration(7));
    auto fold = ledger::TrustedFold::open(elsewhere / "ledger.git", Trust::own, room.pin).value();
    REQUIRE(fold->advance());
    room.write({.head = fold->head(), .pin = room.pin, .state = core::encode_state(fold->state())});
    room.refused();
  }
  SECTION("a state that is not the one at its head") {
    auto older = snapshot;
    room.grow(30);
    older.head = room.snapshot().head;
    room.write(older);
    room.refused();
  }
  SECTION("a head with another number") {
    auto wrong = snapshot;
    ++wrong.head.seq;
    room.write(wrong);
    room.refused();
  }
  SECTION("another pin") {
    auto wrong = snapshot;
    wrong.pin[10] = wrong.pin[10] == 'A' ? 'B' : 'A';
    room.write(wrong);
    room.refused();
  }
  SECTION("the ledger was rolled back behind it") {
    room.write(snapshot);
    auto const earlier = room.git("rev-parse main~5").out.substr(0, 40);
    REQUIRE(room.git("update-ref refs/heads/main " + earlier).code == 0);
    room.refused();
  }
  SECTION("a signature of another namespace") {
    room.write(snapshot);
    auto bytes = read_file(room.file);
    auto const line = bytes.substr(0, bytes.find('\n') + 1);
    auto const from = bytes.find("-----BEGIN"), to = bytes.find("-----END SSH SIGNATURE-----\n");
    bytes.replace(from, to + 28 - from, ledger::sign_sshsig(room.key(), line) + "\n");
    support::write_file(room.file, bytes);
    ::chmod(room.file.c_str(), 0600);
    room.refused();
  }
  SECTION("another build of the fold") {
    room.write(snapshot, false);
    auto bytes = read_file(room.file);
    bytes.replace(bytes.find(core::fold_build()), 4, "0000");
    support::write_file(room.file, bytes);
    ::chmod(room.file.c_str(), 0600);
    room.refused(false);
  }
  SECTION("a file that others may write") {
    room.write(snapshot);
    ::chmod(room.file.c_str(), 0620);
    room.refused();
  }
  SECTION("a link to one") {
    room.write(snapshot);
    fs::rename(room.file, room.dir / "elsewhere");
    fs::create_symlink(room.dir / "elsewhere", room.file);
    room.refused();
  }
}

TEST_CASE("stock ssh-keygen verifies a snapshot in its own namespace alone, and no commit's signature for one") {
  Room room;
  room.write(room.snapshot());
  auto const at = [&](char const* name) { return "'" + (room.dir / name).string() + "'"; };
  auto const line =
      "ledger@countersign.invalid " + ledger::read_public_key(room.key_file.string() + ".pub").value().line() + "\n";
  support::write_file(room.dir / "any", line);
  REQUIRE(support::run("head -n 1 " + at("snapshot") + " > " + at("line") + " && sed -n '2,/END SSH/p' " +
                       at("snapshot") + " > " + at("line.sig"))
              .code == 0);
  auto const verify = [&](char const* name_space, char const* what) {
    return support::run("ssh-keygen -Y verify -f " + at("any") + " -I ledger@countersign.invalid -n " + name_space +
                        " -s " + at((std::string(what) + ".sig").c_str()) + " < " + at(what))
        .code;
  };
  CHECK(verify("countersign-snapshot", "line") == 0);
  CHECK(verify("git", "line") != 0);
  auto const raw = room.git("cat-file commit main").out;
  auto const from = raw.find("gpgsig "), to = raw.find("-----END SSH SIGNATURE-----\n") + 28;
  auto armor = raw.substr(from + 7, to - from - 7);
  for (auto cut = armor.find("\n "); cut != std::string::npos; cut = armor.find("\n ")) armor.erase(cut + 1, 1);
  support::write_file(room.dir / "commit", raw.substr(0, from) + raw.substr(to));
  support::write_file(room.dir / "commit.sig", armor);
  CHECK(verify("git", "commit") == 0);
  CHECK(verify("countersign-snapshot", "commit") != 0);
}

TEST_CASE("a snapshot is replaced at once: a failed write leaves the one before, and no other file") {
  Room room;
  auto const before = room.snapshot();
  room.write(before);
  room.grow(20);
  struct Full final : ledger::FileOps {
    int left = 0;
    ssize_t write(int fd, void const* bytes, std::size_t count) override {
      if (left-- > 0) return FileOps::write(fd, bytes, count);
      errno = ENOSPC;
      return -1;
    }
  } full;
  auto const signing = room.key();
  for (full.left = 0; full.left < 2; ++full.left) {
    auto const left = full.left;
    CHECK_FALSE(ledger::write_snapshot(room.file, room.snapshot(), &signing, full));
    full.left = left;
    CHECK_FALSE(fs::exists(room.dir / "snapshot.new"));
    CHECK(room.start()->taken() > 0);
    CHECK(room.doubts.empty());
  }
}
