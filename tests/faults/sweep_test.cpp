// F4, F5, F6, F8, F9 at every call: each call by which the writer touches the ledger fails once, once in each way in
// which it can, and then for ever; afterwards the next start must find everything that was acknowledged, in order, and
// be able to go on. Judges: the verifier, stock git, and the list of what the writer acknowledged.
//
// The service's own writer runs in this process over sweep_shim.c; points on the released binary as a whole stand in
// serve_sweep_test.cpp.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "ledger/recovery.hpp"
#include "ledger/state.hpp"
#include "tests/faults/sweep_judge.hpp"
#include "tests/faults/sweep_page.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"

namespace fs = std::filesystem;
using faults::Fault;
using faults::faults_of;
using faults::SweepPage;
using support::kNoon;
using support::vote_entry;

namespace {

constexpr std::uint32_t kBefore = 6;    // entries of the ledger each point begins with
constexpr std::uint32_t kBatches = 16;  // written under fault; each tenth pack makes packs merge

class Sweep {
 public:
  Sweep() : page_(std::getenv("FAULTS_PAGE")) {
    auto store = original_.store();
    for (std::uint32_t i = 1; i <= kBefore; ++i) commit(*store, i);
    store->wait_for_merge();
  }

  // The calls of one life without a fault.
  long dry_run() {
    prepare();
    page_.arm(folder(), -1, 0, false);
    write_all();
    page_.disarm();
    REQUIRE(acknowledged_.size() == kBatches);
    return page_.seen();
  }
  int kind(long index) const { return page_.kind(index); }

  // What is wrong after a life with this fault and the start behind it; empty: nothing.
  std::string point(long index, Fault const& fault, bool for_ever) {
    prepare();
    page_.arm(folder(), index, fault.error, for_ever);
    write_all();
    page_.disarm();
    failed_ += page_.failed() > 0 ? 1 : 0;
    return judge();
  }
  long failed() const { return failed_; }

 private:
  fs::path folder() const { return dir_ / "ledger.git"; }

  static core::Result<core::Receipt> commit(ledger::Store& store, std::uint32_t number) {
    auto const entry = vote_entry(number, kNoon + std::chrono::seconds(number));
    auto done = store.commit_batch({&entry, 1});
    if (!done) return done.error();
    return done->front();
  }

  void prepare() {
    fs::remove_all(folder());
    fs::remove_all(dir_ / "state");
    fs::copy(original_.repository, folder(), fs::copy_options::recursive);
    acknowledged_.clear();
  }

  void write_all() {
    auto opened = ledger::Store::open(folder(), original_.key());
    if (!opened) return;  // the service would not start
    auto& store = **opened;
    for (std::uint32_t i = 1; i <= kBatches; ++i) {
      auto const done = commit(store, kBefore + i);
      store.wait_for_merge();  // so that calls come in one order
      if (done) acknowledged_.push_back(*done);
      if (store.failure() != nullptr) break;
    }
    if (auto const* failure = store.failure(); failure != nullptr && failure->error.code == core::Errc::fsync_failed) {
      page_.disarm();  // the state directory is on another disk
      auto const state = ledger::StateDir::open(dir_ / "state", dir_ / "side").value();
      state.mark_fsync_failed({failure->acknowledged, failure->suspects, failure->error.message, kNoon}).value();
    }
  }

  std::string judge() {
    auto const state = ledger::StateDir::open(dir_ / "state", dir_ / "side").value();
    if (auto const marker = state.fsync_failed().value()) {
      auto const recovered = ledger::recover_after_fsync_failure(folder(), *marker, original_.key().public_key());
      if (!recovered) return "no recovery: " + recovered.error().message;
      ledger::forget_suspects(folder());
      state.clear_fsync_failed().value();
    }
    {
      auto store = ledger::Store::open(folder(), original_.key());
      if (!store) return "no start: " + store.error().message;
      if (auto const more = commit(**store, kBefore + kBatches + 1); !more)
        return "nothing can be recorded after the start: " + more.error().message;
      (*store)->wait_for_merge();
    }
    return faults::broken_ledger(folder(), original_.pin, [&](std::vector<core::StoredEntry> const& all) {
      std::map<std::uint64_t, std::string> there;
      for (auto const& stored : all) there[stored.seq] = stored.commit;
      for (auto const& receipt : acknowledged_) {
        if (there[receipt.seq] != receipt.commit)
          return "entry " + std::to_string(receipt.seq) + " was acknowledged and is gone";
      }
      return std::string();
    });
  }

  support::Ledger original_;
  support::TempDir dir_;
  SweepPage page_;
  std::vector<core::Receipt> acknowledged_;
  long failed_ = 0;
};

// Each `every`-th point of all; prints how many there were.
void sweep(long every, long at_least) {
  Sweep sweep;
  auto const calls = sweep.dry_run();
  std::map<long, int> kinds;
  for (long i = 0; i < calls; ++i) kinds[i] = sweep.kind(i);
  long points = 0, number = 0;
  std::map<std::string, long> by_fault;
  for (long index = 0; index < calls; ++index) {
    for (auto const& fault : faults_of(kinds[index])) {
      for (bool const for_ever : {false, true}) {
        if (number++ % every != 0) continue;
        CAPTURE(index, kinds[index], fault.name, for_ever);
        auto const wrong = sweep.point(index, fault, for_ever);
        if (!wrong.empty()) FAIL_CHECK(wrong);
        ++points;
        ++by_fault[fault.name];
      }
    }
  }
  std::string list;
  for (auto const& [name, count] : by_fault) list += (list.empty() ? "" : ", ") + name + " " + std::to_string(count);
  std::printf("fault points of the writer: %ld over %ld calls (%s); a call failed in %ld of them\n", points, calls,
              list.c_str(), sweep.failed());
  CHECK(sweep.failed() > points * 3 / 5);
  CHECK(points >= at_least);
}

// This very test once more, over the shim.
void over_shim(std::string const& tag, void (*what)()) {
  if (faults::skipped_in_depth(tag.c_str())) return;
  if (std::getenv("FAULTS_PAGE") != nullptr) return what();
  support::TempDir dir;
  // In memory where that is possible: what a sync costs is not the question here.
  auto const* const where = ::access("/dev/shm", W_OK) == 0 ? "TMPDIR=/dev/shm " : "";
  auto const ran = support::run(std::string(where) + "FAULTS_PAGE='" + (dir / "page").string() + "' LD_PRELOAD='" +
                                SWEEP_SHIM + "' '" + fs::read_symlink("/proc/self/exe").string() + "' '" + tag + "'");
  std::printf("%s", ran.out.c_str());
  CHECK(ran.code == 0);
}

}  // namespace

TEST_CASE("F4 F5 F6 F8 F9 calls of the commit path fail in each way, once and for ever, and nothing is lost: a sample",
          "[sweep-sample]") {
  over_shim("[sweep-sample]", [] { sweep(37, 50); });
}

// Some minutes.
TEST_CASE("F4 F5 F6 F8 F9 every call of the commit path fails in each way, once and for ever", "[.full][sweep-all]") {
  over_shim("[sweep-all]", [] { sweep(1, 2000); });
}
