// What the host gives to the parts: loop and clock, threads, log, programs, papers, side
// file, notes. Adapters of ports.hpp to
// net, process and ledger; only this folder knows both sides.
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

// A fixed number of threads; what they were given is finished before the object goes.
class WorkerPool final : public ports::Workers {
 public:
  explicit WorkerPool(unsigned threads);
  ~WorkerPool() override;
  void run(std::function<void()> work) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// JSON lines on standard error: {"time", "level", "message", facts…}. Written by a thread of its own; text is made
// visible first, so no line can be forged (T73).
std::unique_ptr<ports::Log> make_log(std::string const& level, std::shared_ptr<ports::Redactor const> redactor);

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
