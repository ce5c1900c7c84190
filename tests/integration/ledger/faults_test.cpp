// Full disks, failing syncs, second writers, and the way back.
#include <atomic>
#include <cerrno>
#include <future>

#include "ledger/async_ledger.hpp"
#include "ledger/reader.hpp"
#include "ledger/recovery.hpp"
#include "ledger/state.hpp"
#include "ledger/verifier.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/result_text.hpp"
#include "tests/support/virtual_loop.hpp"

using core::Errc;
using support::kNoon;
using support::vote_entry;

namespace {

// Fails the n-th call of one function with one errno.
struct FailingOps final : ledger::FileOps {
  enum class What { write, fsync, rename } what = What::write;
  std::atomic<int> countdown{-1};  // 1: the next call fails
  std::atomic<int> code{ENOSPC};
  bool due(What now) {
    if (now != what || countdown < 0) return false;
    if (--countdown > 0) return false;
    countdown = -1;
    errno = code;
    return true;
  }
  ssize_t write(int fd, void const* bytes, std::size_t count) override {
    return due(What::write) ? -1 : FileOps::write(fd, bytes, count);
  }
  int fsync(int fd) override { return due(What::fsync) ? -1 : FileOps::fsync(fd); }
  int rename(char const* from, char const* to) override { return due(What::rename) ? -1 : FileOps::rename(from, to); }
};

int files_named_tmp(std::filesystem::path const& repository) {
  int found = 0;
  for (auto const& item : std::filesystem::directory_iterator(repository / "objects/pack"))
    found += item.path().filename().string().rfind("tmp_", 0) == 0 ? 1 : 0;
  return found;
}

}  // namespace

TEST_CASE("a full disk at any write or rename loses nothing that was acknowledged and heals in process") {
  support::Ledger ledger;
  FailingOps ops;
  auto store = ledger.store({&ops, false});
  std::uint32_t number = 0;
  auto const what = GENERATE(FailingOps::What::write, FailingOps::What::rename);
  for (int at = 1; at <= 3; ++at) {
    CAPTURE(at);
    auto const before = store->head();
    auto const entry = vote_entry(++number);
    ops.what = what;
    ops.countdown = at;
    auto const failed = store->commit_batch({&entry, 1});
    REQUIRE(!failed);
    CHECK(failed.error().code == Errc::no_space);
    CHECK(store->head().commit == before.commit);
    CHECK(store->failure() == nullptr);
    CHECK(files_named_tmp(ledger.repository) == 0);
    CHECK(ledger.git("rev-parse main").out == before.commit + "\n");
    REQUIRE(store->commit_batch({&entry, 1}));  // space again: the very same entry goes in
    CHECK(store->head().seq == before.seq + 1);
  }
  CHECK(ledger.fsck() == "");
  CHECK(ledger::verify(ledger.repository).value().ok);
}

TEST_CASE("T11 a failed fsync poisons the writer for ever, and recovery keeps all that was acknowledged") {
  int const at = GENERATE(1, 2, 3, 4, 5);  // pack, idx, objects/pack, ref lock, refs/heads
  CAPTURE(at);
  support::Ledger ledger;
  auto state = ledger::StateDir::open(ledger.dir / "state", ledger.dir / "side").value();
  core::Receipt acknowledged;
  {
    FailingOps ops;
    ops.what = FailingOps::What::fsync;
    ops.code = EIO;
    support::VirtualLoop loop;
    ledger::AsyncOptions options;
    options.state = &state;
    auto async = std::make_unique<ledger::AsyncLedger>(ledger.store({&ops, false}), loop, options);
    std::vector<core::Errc> heard;
    auto const append = [&](std::uint32_t number) {
      std::promise<void> done;
      async->append({vote_entry(number)}, [&](core::Result<std::vector<core::Receipt>> result) {
        heard.push_back(result ? Errc{} : result.error().code);
        if (result) acknowledged = result->back();
        done.set_value();
      });
      auto ready = done.get_future();
      while (ready.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) loop.run_posted();
    };
    for (std::uint32_t i = 1; i <= 5; ++i) append(i);
    ops.countdown = at;
    append(6);
    append(7);
    CHECK(heard ==
          std::vector<core::Errc>{Errc{}, Errc{}, Errc{}, Errc{}, Errc{}, Errc::fsync_failed, Errc::fsync_failed});
  }
  CHECK(acknowledged.seq == 5);
  auto const marker = state.fsync_failed().value();
  REQUIRE(marker);
  CHECK(marker->acknowledged.seq == 5);
  CHECK(marker->acknowledged.commit == acknowledged.commit);

  auto const recovered = ledger::recover_after_fsync_failure(ledger.repository, *marker, ledger.key().public_key());
  if (!recovered) FAIL(recovered.error().message);
  CHECK(recovered->head.commit == acknowledged.commit);
  CHECK(recovered->rewritten_objects > 0);
  if (at == 5) {
    REQUIRE(recovered->dropped.size() == 1);
    CHECK(recovered->dropped.front().entry.request_id == "CS-20261121-000006-R1");
  }
  CHECK(ledger.git("rev-parse main").out == acknowledged.commit + "\n");
  CHECK(ledger.fsck() == "");
  // Killed before ledger.recovered was written: the next start drops, and names, the very same.
  auto const again = ledger::recover_after_fsync_failure(ledger.repository, *marker, ledger.key().public_key());
  if (!again) FAIL(again.error().message);
  CHECK(again->head.commit == acknowledged.commit);
  REQUIRE(again->dropped.size() == recovered->dropped.size());
  for (std::size_t i = 0; i < again->dropped.size(); ++i)
    CHECK(again->dropped[i].commit == recovered->dropped[i].commit);
  CHECK(ledger.fsck() == "");
  ledger::forget_suspects(ledger.repository);
  CHECK_FALSE(std::filesystem::exists(ledger.repository / "countersign-suspects"));
  REQUIRE(state.clear_fsync_failed());
  auto store = ledger.store();
  auto const entry = vote_entry(6);
  CHECK(store->commit_batch({&entry, 1}).value().front().seq == 6);
  CHECK(ledger::verify(ledger.repository).value().ok);
}

TEST_CASE("a second writer is refused, a foreign key is refused, stale locks are cleaned") {
  support::Ledger ledger;
  auto store = ledger.store();
  auto const second = ledger::Store::open(ledger.repository, ledger.key());
  REQUIRE(!second);
  CHECK(second.error().code == Errc::conflict);
  store.reset();
  support::write_file(ledger.repository / "refs/heads/main.lock", "");
  support::write_file(ledger.repository / "objects/pack/tmp_pack_1_1", "torn");
  support::write_file(ledger.repository / "objects/pack/pack-0000000000000000000000000000000000000000.pack", "no idx");
  auto const other = ledger::Store::open(ledger.repository, ledger::SigningKey::make().value());
  REQUIRE(!other);
  CHECK(other.error().code == Errc::forbidden);
  store = ledger.store();
  auto const entry = vote_entry(1);
  REQUIRE(store->commit_batch({&entry, 1}));
  CHECK(files_named_tmp(ledger.repository) == 0);
  CHECK(ledger.fsck() == "");
}

TEST_CASE("what is already recorded is never written again, and a refused group takes no number") {
  support::Ledger ledger;
  auto store = ledger.store();
  auto late = vote_entry(2, kNoon - std::chrono::seconds(1));
  auto unknown = vote_entry(3);
  unknown.kind = "vote.maybe";
  auto nested = vote_entry(4);
  nested.files.push_back({nested.files.front().path + "/below", "x"});
  std::vector<ledger::Store::Group> const groups{{vote_entry(1)},
                                                 {vote_entry(1)},
                                                 {late},
                                                 {unknown},
                                                 {nested},
                                                 {vote_entry(5), vote_entry(1)},
                                                 {vote_entry(6), vote_entry(7)}};
  auto const done = store->commit_groups(groups).value();
  REQUIRE(done.size() == groups.size());
  CHECK(done[0]->front().seq == 1);
  CHECK(done[1].error().code == Errc::conflict);
  CHECK(done[2].error().code == Errc::conflict);
  CHECK(done[3].error().code == Errc::bad_input);
  CHECK(done[4].error().code == Errc::conflict);
  CHECK(done[5].error().code == Errc::conflict);
  CHECK(done[6]->back().seq == 3);
  CHECK(ledger::verify(ledger.repository).value().ok);
  CHECK(ledger.fsck() == "");
}

TEST_CASE("somebody else moved the branch: nothing is overwritten and the writer stops") {
  support::Ledger ledger;
  auto store = ledger.store();
  for (std::uint32_t i = 1; i <= 2; ++i) {
    auto const entry = vote_entry(i);
    REQUIRE(store->commit_batch({&entry, 1}));
  }
  REQUIRE(ledger.git("update-ref refs/heads/main main~1").code == 0);
  auto const entry = vote_entry(3);
  CHECK(store->commit_batch({&entry, 1}).error().code == Errc::io);
  CHECK(store->commit_batch({&entry, 1}).error().code == Errc::io);
  CHECK(ledger.git("rev-list --count main").out == "2\n");
}

TEST_CASE("never more than 100 packs, also under sustained load and at every moment") {
  support::Ledger ledger;
  auto store = ledger.store();
  std::size_t most = 0;
  for (std::uint32_t i = 1; i <= 3000; ++i) {
    auto const entry = vote_entry(i, kNoon + std::chrono::seconds(1));
    REQUIRE(store->commit_batch({&entry, 1}));
    most = std::max(most, store->pack_count());
    if (i % 250 == 0) {
      std::size_t on_disk = 0;
      for (auto const& item : std::filesystem::directory_iterator(ledger.repository / "objects/pack"))
        if (item.path().extension() == ".idx") ++on_disk;
      CHECK(on_disk <= ledger::kMaxPacks);
    }
  }
  CHECK(most <= ledger::kMaxPacks);
  WARN("most packs at once: " << most);
  store->wait_for_merge();
  CHECK(ledger.fsck() == "");
  CHECK(ledger.git("rev-list --count main").out == "3001\n");
}
