// What the host gives to the parts: loop and clock, threads, log, programs, papers, side file, notes. Adapters of
// ports.hpp to net, process and ledger; only this folder knows both sides.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bot/net/io.hpp"
#include "bot/ports.hpp"
#include "ledger/state.hpp"

namespace cli {

// Time that never goes back (design, invariant 7): at start the later of wall clock and last entry; from then on it
// advances with the monotonic clock and follows the wall upward only.
class IoLoop final : public ports::Loop {
 public:
  explicit IoLoop(net::Io& io);
  // Called by now() when the wall clock moved otherwise than time did, by two seconds or more (F11); may be empty.
  std::function<void(core::Duration by)> clock_was_set;
  void not_before(core::Time time);
  core::Time now() const override;
  core::Time wall() const override;
  void post(std::function<void()> work) override { io_.post(std::move(work)); }
  TimerId call_after(core::Duration delay, std::function<void()> work) override {
    return io_.call_after(delay, std::move(work));
  }
  void cancel(TimerId timer) override { io_.cancel(timer); }

 private:
  net::Io& io_;
  mutable core::Time last_, last_wall_;
  mutable std::chrono::steady_clock::time_point last_steady_;
};

// At most so many threads, and one for each that hangs, or once did; each but the first started when there is work and
// none is free.
class WorkerPool final : public ports::Workers {
 public:
  explicit WorkerPool(unsigned most);  // at least one
  // Finishes what it was given, and waits for that without end: whoever can't, asks finish() first.
  ~WorkerPool() override;
  void run(std::function<void()> work) override;
  void hangs() override;
  void came_back() override;
  // Takes nothing more from now on; true once all that it was given is done. False: some of it is not after `limit`,
  // and may never be; what that work uses must not go then.
  bool finish(std::chrono::milliseconds limit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The service's threads, by what they may have to wait for: what hangs holds up its own kind alone.
struct Threads {
  WorkerPool evidence{8}, programs{4}, probes{8};  // others' files, of which any may be on a dead network file system
  WorkerPool watch{2};                             // of configurations, which of those is good
  WorkerPool ledger{4};                            // reads of the ledger
  WorkerPool side{1};                              // writes one line after the other
  WorkerPool files{2};                             // notes, snapshots, names of deliveries: in the state folder

  // WorkerPool::finish of all of them, within one limit.
  bool finish(std::chrono::milliseconds limit);
};

// JSON lines on standard error: {"time", "level", "message", facts…}. Written by a thread of its own; text is made
// visible first, so no line can be forged (T73).
std::unique_ptr<ports::Log> make_log(std::string const& level, std::shared_ptr<ports::Redactor const> redactor);

// A look at a program's file may never come back (a dead network file system): after ten seconds it is an error,
// timed_out, and keeps one worker, however often that program is asked about. Loop and log must outlive the workers.
std::unique_ptr<ports::Programs> make_programs(ports::Loop& loop, ports::Workers& workers, ports::Log& log);

// Each read opens the ledger anew on a worker: it is rare, and what a writer merges meanwhile is found all the same.
std::unique_ptr<ports::Papers> make_papers(std::filesystem::path ledger, ports::Loop& loop, ports::Workers& workers);

// All entries of a request, oldest first, read on a worker; `from`: the commit to begin at and go back, "" = the head.
// What is not read within `limit` is given up (timed_out): the workers have other things to do.
using History = std::function<void(core::RequestId const& id, std::string const& from,
                                   std::function<void(core::Result<std::vector<core::StoredEntry>>)> done)>;
History make_history(std::filesystem::path ledger, ports::Loop& loop, ports::Workers& workers,
                     std::chrono::milliseconds limit = std::chrono::seconds(10));

// The workers must be done before it goes.
std::unique_ptr<ports::SideFile> make_side_file(ledger::StateDir const& state, ports::Loop& loop,
                                                ports::Workers& workers);

// STATE/notes/NAME, 0600 in a folder of 0700; written by a worker, in order. The workers finish what was given to them
// after the notebook has gone; the log must outlive them. An error says why the folder can't be made.
core::Result<std::unique_ptr<ports::Notebook>> make_notebook(std::filesystem::path const& state,
                                                             ports::Workers& workers, ports::Log& log);

}  // namespace cli
