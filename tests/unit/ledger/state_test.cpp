#include "ledger/state.hpp"

#include <cerrno>

#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/result_text.hpp"

using core::Errc;
using core::Json;

TEST_CASE("state directory: the service's lock, the marker of a failed fsync") {
  support::TempDir dir;
  auto const state = ledger::StateDir::open(dir / "state", dir / "side").value();
  {
    auto const lock = state.lock_serve().value();
    CHECK(state.lock_serve().error().code == Errc::conflict);
  }
  CHECK(state.lock_serve().has_value());

  CHECK(!state.fsync_failed().value());
  REQUIRE(state.mark_fsync_failed({{41, std::string(40, 'a')}, {"pack-x"}, "syncing failed", support::kNoon}));
  auto const marker = state.fsync_failed().value();
  REQUIRE(marker);
  CHECK(marker->acknowledged.seq == 41);
  CHECK(marker->suspects == std::vector<std::string>{"pack-x"});
  CHECK(marker->time == support::kNoon);
  support::write_file(dir / "state/fsync-failed", "{");
  CHECK(state.fsync_failed().error().code == Errc::corrupt);
  REQUIRE(state.clear_fsync_failed());
  CHECK(!state.fsync_failed().value());
}

namespace {

// After `good` calls fsync fails `bad` times.
struct FailingSync final : ledger::FileOps {
  int fsync(int fd) override {
    if (good-- > 0 || bad-- <= 0) return FileOps::fsync(fd);
    errno = error;
    return -1;
  }
  int good = 1'000, bad = 0, error = EIO;
};

}  // namespace

TEST_CASE("side file: a line that could not be synced is taken back, and where that fails too it is unknown") {
  support::TempDir dir;
  FailingSync files;
  auto const state = ledger::StateDir::open(dir / "state", dir / "side", files).value();
  auto const append = [&](int good, int bad, int error = EIO) {
    files.good = good, files.bad = bad, files.error = error;
    auto const done = state.side_append(Json::object({{"n", 2}}));
    REQUIRE(done.has_error());
    return done.error().code;
  };
  // The first line: its folder is synced too.
  CHECK(append(0, 1) == Errc::io);
  CHECK(append(1, 1) == Errc::io);
  CHECK(state.side_read().value().empty());
  files = {};
  REQUIRE(state.side_append(Json::object({{"n", 1}})));
  CHECK(append(0, 1) == Errc::io);
  CHECK(append(0, 1, ENOSPC) == Errc::no_space);
  auto const read = state.side_read().value();
  REQUIRE(read.size() == 1);
  CHECK(read[0]["n"].integer() == 1);
  CHECK(append(0, 2) == Errc::fsync_failed);
  CHECK(append(0, 2, ENOSPC) == Errc::fsync_failed);
}

TEST_CASE("side file: keeps every whole line, also around a torn one") {
  support::TempDir dir;
  auto const state = ledger::StateDir::open(dir / "state", dir / "side").value();
  CHECK(state.side_read().value().empty());
  REQUIRE(state.side_append(Json::object({{"n", 1}})));
  support::run("printf '{\"n\":' >> '" + (dir / "side/side.jsonl").string() +
               "'");  // a kill in the middle of an append
  CHECK(state.side_read().value().size() == 1);
  REQUIRE(state.side_append(Json::object({{"n", 2}})));
  auto const read = state.side_read().value();
  REQUIRE(read.size() == 2);
  CHECK(read[1]["n"].integer() == 2);
  REQUIRE(state.side_clear());
  CHECK(state.side_read().value().empty());
}
