// Runs one program to its end: no shell, nothing inherited, limited, and nothing left behind. Blocks: call it on a
// worker thread. Several runs may go on at once in one process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/process/cgroup.hpp"
#include "bot/process/error.hpp"
#include "bot/process/fd.hpp"
#include "bot/process/program.hpp"
#include "bot/process/sandbox.hpp"

namespace process {

using Duration = std::chrono::milliseconds;

// Ends a run early, from any thread. May be shared by several runs; stays cancelled.
class Canceller {
 public:
  Canceller();  // throws std::system_error if the system has no descriptor left
  void cancel() noexcept;
  bool cancelled() const noexcept;
  int fd() const noexcept { return event_.get(); }  // readable once cancelled

 private:
  Fd event_;
};

struct Limits {
  Duration timeout{60'000};  // then SIGTERM to the group …
  Duration grace{5'000};     // … and after this SIGKILL
  Duration drain{500};       // how long output may still come from others once the program itself has ended
  std::size_t max_output_bytes = 1u << 20;  // kept: its first half and its last half; all of it is counted

  // rlimits of the child (setrlimit(2)); not set: as ours. Core files are always 0.
  std::optional<std::uint64_t> cpu_seconds{};
  std::optional<std::uint64_t> address_space{};  // bytes
  std::optional<std::uint64_t> open_files = 1024;
  std::optional<std::uint64_t> processes{};  // of the whole account; root is not bound by it
  std::optional<std::uint64_t> file_size{};  // bytes
};

enum class Stream { out, err };

struct Spec {
  ProgramFile const* program = nullptr;  // required; must live as long as the run
  std::vector<std::string> arguments{};  // behind argv[0], byte for byte; NUL is refused
  std::string argv0{};                   // empty: the program's path. A script sees its interpreter's conventions.
  std::vector<std::pair<std::string, std::string>> environment{};  // all there is: nothing is inherited
  std::string working_directory = "/";
  Limits limits{};
  std::optional<Sandbox> sandbox{};      // not set: the file system as it is
  Cgroup const* cgroup = nullptr;        // optional: the group that it joins
  Canceller const* canceller = nullptr;  // optional; must live as long as the run

  // All run on the calling thread. on_output sees every byte, also beyond max_output_bytes.
  std::function<void(Stream, std::string_view)> on_output{};
  std::function<void(pid_t)> on_spawned{};  // the program has been executed
  std::function<void()> on_exit_seen{};     // its end is known, nothing has been cleaned up yet
};

struct Outcome {
  enum class Kind { exited, signaled, timed_out, cancelled };

  Kind kind = Kind::exited;
  int exit_code = 0;     // of kind exited
  int signal = 0;        // what ended it, of any kind but exited; 0 if it ended by itself during the grace
  std::string output{};  // stdout and stderr as they arrived; if truncated, head and tail with a line between them that
                         // says how many bytes are missing
  std::uint64_t output_bytes = 0;  // all that was written, kept or not
  bool truncated = false;
  bool killed_survivors = false;  // others were left: those of its session were killed, the rest lost its output
  Duration duration{0};           // monotonic
  std::uint64_t max_rss_bytes = 0;
};

// An error means that the program never ran: bad argument, no such working directory, fork or exec failed.
Result<Outcome> run(Spec const& spec);

// Kills (SIGKILL) and reaps every process below us, also those that left their group or session, until none is left or
// `limit` has passed; answers how many. Only for a process whose children are all its own to kill, after
// adopt_orphans(); no run() may be under way.
std::size_t kill_descendants(Duration limit = Duration{2'000});
// Makes us the parent of descendants whose own parent dies (PR_SET_CHILD_SUBREAPER), so that kill_descendants finds
// them. For the whole process, for ever. False if the system refuses.
bool adopt_orphans() noexcept;

}  // namespace process
