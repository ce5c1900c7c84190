// Trigger source `log`: follows a file; lines that match raise signals.
//
// Polled, not inotify: what changes on another host's disk makes no event here, and a look costs two system calls. The
// looks are given to a thread of their own, so a dead file system holds up nothing but this trigger.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "bot/triggers/log_counter.hpp"
#include "bot/triggers/log_reader.hpp"

namespace triggers {

struct LogSettings {
  LogRule rule;
  std::string path, match, except;
  std::size_t max_line = 8u << 10;
  core::Duration every{250};  // from one look to the next while nothing is new
};

struct LogParts {
  ports::Loop& loop;
  ports::Log& log;
  ports::Notebook& notebook;                        // keeps the position over a restart
  std::shared_ptr<ports::Redactor const> redactor;  // used by the thread, too
  std::shared_ptr<ports::Workers> thread;           // this trigger's own: its work may never come back
};

// Loop thread only.
class LogTrigger {
 public:
  // Reads its note and begins to look. bad_input: an expression that is none.
  static core::Result<std::unique_ptr<LogTrigger>> make(LogParts parts, WatchParts watch, core::TriggerRule rule,
                                                        LogSettings settings);
  ~LogTrigger();  // the position is kept; nothing is raised any more
  LogTrigger(LogTrigger const&) = delete;
  LogTrigger& operator=(LogTrigger const&) = delete;

 private:
  struct Shared;  // with the thread; outlives the trigger while a look has not come back
  struct Seen;    // what one look found

  LogTrigger(LogParts parts, WatchParts watch, core::TriggerRule rule, LogSettings settings,
             std::unique_ptr<LineMatcher> matcher);
  void look();
  void recorded(core::Reply const& reply);
  bool go_back();
  void looked(Seen seen);
  void keep_position();
  void save();

  LogParts parts_;
  ports::RequestDesk& desk_;
  LogSettings settings_;
  Occurrences occurrences_;
  LogCounter counter_;
  std::string note_;
  std::shared_ptr<Shared> shared_;
  ports::Loop::TimerId timer_ = 0, save_timer_ = 0, stuck_timer_ = 0;
  std::size_t unrecorded_ = 0;       // cases that these lines opened and that are not on record yet
  std::optional<core::Time> again_;  // a case could not be recorded: from then on its lines are read again
  std::optional<LogPosition> position_;
  std::string saved_;  // the note: everything before its position is on record
};

// A thread that is let go, not waited for, when its owner goes: what it is doing may hang for ever.
std::shared_ptr<ports::Workers> make_own_thread();

}  // namespace triggers
