// The engine between fakes of its ports, on a clock that the test moves. The ledger is a fold in memory whose writes
// finish, fail or hang as the test says; everything else does what it is told at once.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/digest.hpp"
#include "bot/engine/engine.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/rules_fixture.hpp"
#include "tests/support/story.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/engine/fake_chat.hpp"

namespace rig {

using namespace std::chrono_literals;

// Folds what was durable, as a restart would. `held`: a write waits for finish() or fail().
struct FakeLedger : ports::Ledger {
  FakeLedger(ports::Loop& on, core::State from, core::Rules const& rules);
  void append(std::vector<core::Entry> entries, Appended done) override;
  void finish();
  void fail(Errc code);
  std::size_t count(std::string_view kind) const;
  // Kinds of what became durable from `from` on, joined by blanks.
  std::string kinds(std::size_t from = 0) const;

  ports::Loop& loop;
  core::State folded;
  std::map<std::string, std::string, std::less<>> files;
  std::optional<std::pair<std::vector<core::Entry>, Appended>> waiting;
  std::deque<Errc> fail_with;  // the next writes fail so
  std::vector<core::Entry> durable;
  std::size_t batches = 0;
  bool held = false, overlapped = false;
  bool full = false;  // every write fails for lack of space
  std::string broken;
};

// What is durable, as the ledger's files are.
struct FakePapers : ports::Papers {
  explicit FakePapers(FakeLedger& of);
  void read(std::string path, std::uint64_t most, std::function<void(core::Result<std::string>)> done) override;
  void release();
  FakeLedger& ledger;
  std::vector<std::string> reads;
  std::vector<std::function<void()>> held;
  bool hold = false, spoil = false;
};

struct FakeRoom : ports::EvidenceRoom {
  explicit FakeRoom(ports::Loop& on);
  void collect(ports::EvidenceOrder order, std::function<void(core::Evidence)> done) override;
  void release();
  void release_last_first();
  ports::Loop& loop;
  std::vector<ports::EvidenceOrder> orders;
  std::vector<core::Exhibit> more;  // found each time
  std::vector<std::function<void()>> waiting;
  bool held = false;
};

struct FakePrograms : ports::Programs {
  explicit FakePrograms(ports::Loop& on);
  void identify(std::vector<std::string> names, std::function<void(Found)> done) override;
  ports::Loop& loop;
  std::string missing;
};

struct FakeRunner : ports::Runner {
  void start(ports::RunnerEvents&) override {}
  bool ready() const override { return up; }
  bool ready_for(std::string const& run_as) const override;
  void check(std::string request, std::string) override;
  void run(std::string request, std::string) override;
  void stop() override {}
  bool up = true;
  std::set<std::string> others;  // accounts whose runner answers
  std::vector<std::string> checks, runs;
};

struct FakeSide : ports::SideFile {
  explicit FakeSide(ports::Loop& on);
  void append_aside(std::string line, std::function<void(core::Result<void>)> done) override;
  core::Result<void> append(std::string_view line) override;
  core::Result<std::vector<std::string>> read_all() override;
  core::Result<void> clear() override;
  ports::Loop& loop;
  std::vector<std::string> lines;
  std::vector<std::function<void()>> held;
  int cleared = 0;
  bool broken = false, unreadable = false, hang = false;
  Errc fails_with = Errc::no_space;  // where it is broken
};

using Answers = std::shared_ptr<std::vector<ports::Answer>>;
using Replies = std::shared_ptr<std::vector<core::Reply>>;
using State = ports::Answer::State;

class Rig {
 public:
  explicit Rig(core::Rules with = fixture::rules(), bool start_now = true);
  ~Rig();

  // A fresh engine over what the ledger holds: a restart.
  void start(std::set<std::string> started = {}, std::function<void()> recorded = {});
  void settle();
  // Whatever is on record may become a snapshot: while the ledger can be written, the state is what it holds.
  void check_snapshot(core::Receipt const& head);

  Replies ask(std::string runbook = "restart-service",
              std::map<std::string, std::string> parameters = {{"service", "web"}});
  // Asks and lets everything happen that needs nobody: pending and posted afterwards.
  core::RequestId open(std::string runbook = "restart-service",
                       std::map<std::string, std::string> parameters = {{"service", "web"}});

  ports::IncomingVote click(std::string const& person, core::RequestId const& id,
                            core::Verdict verdict = core::Verdict::approve);
  Answers cast(ports::IncomingVote vote);
  Answers approve(std::string const& person, core::RequestId const& id);
  Answers deny(std::string const& person, core::RequestId const& id);
  Replies cancel(core::RequestId const& id, core::Actor by);
  // What somebody types after "/countersign", split at blanks as the adapter does; the one answer.
  ports::Answer type(std::string const& account, std::string const& text, std::string channel = "C0INC",
                     std::string foreign = {});
  // The runner says yes to what it was asked about, and the run ends well.
  void run_through(core::RequestId const& id);
  static Json result(std::string const& state, std::string const& cause, std::int64_t exit_code);

  core::Phase phase(core::RequestId const& id) const { return ledger.folded.request(id)->phase; }

  core::Rules rules;
  support::VirtualLoop loop;
  FakeLedger ledger;
  FakePapers papers;
  support::MemoryNotebook notebook;
  FakeRoom room;
  FakePrograms programs;
  FakeRunner runner;
  FakeSide side;
  support::MemoryLog log;
  FakeChat chat;
  FakeChat other;  // a second platform, for who adds it to `adapters`
  std::vector<ports::ChatAdapter*> adapters{&chat};
  std::vector<ports::Groups*> groups;
  std::vector<ports::Accounts*> accounts;
  std::optional<engine::Engine> engine;
  std::vector<std::string> forgotten;
  std::optional<Errc> stopped;
  bool refold_broken = false;
  bool room_lies = false;  // the disk says that there is room, and takes nothing all the same
  int deliveries = 0;
};

}  // namespace rig
