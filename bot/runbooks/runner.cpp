#include "bot/runbooks/runner.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>

#include "bot/core/json.hpp"
#include "bot/core/text.hpp"
#include "bot/core/time.hpp"
#include "bot/process/run.hpp"
#include "bot/runbooks/runner_server.hpp"

namespace runbooks {
namespace {

constexpr int kDone = 0;
constexpr int kCouldNotRun = 3;  // design, section 8
constexpr std::size_t kMaxLogLine = 2'000;

core::Result<void> confine() {
  auto const failed = [](char const* what) {
    return core::make_error(core::Errc::io, std::string(what) + ": " + std::generic_category().message(errno) + ".");
  };
  if (!process::adopt_orphans()) return failed("The runner can't become the parent of orphans");
  // Not dumpable: a step under the same account can neither trace us nor read our memory or descriptors (T19).
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("The runner can't forbid being traced");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("The runner can't give up new privileges");
  rlimit const none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(077);
  return {};
}

// The socket's folder decides who can reach it at all: the file's own mode comes a moment after the file.
core::Result<void> check_socket_folder(std::filesystem::path const& socket) {
  auto folder = socket.parent_path();
  if (folder.empty()) folder = ".";
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return core::make_error(core::Errc::io, "The folder " + folder.string() +
                                                " can't be made: " + std::generic_category().message(errno) + ".");
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return core::make_error(core::Errc::io, folder.string() + " is not a folder.");
  if ((status.st_uid != ::geteuid() && status.st_uid != 0) || (status.st_mode & 0077) != 0)
    return core::make_error(
        core::Errc::forbidden,
        "The socket's folder " + folder.string() + " must be open to the runner's account alone: chmod it to 0700.");
  return {};
}

core::Result<void> run(RunnerOptions const& options, LedgerView& view) {
  if (auto const good = confine(); !good) return good;
  auto const state = StateDir::open(options.state_dir);
  if (!state) return state.error();
  auto const lock = state->lock();
  if (!lock) return lock.error();
  if (auto const good = check_socket_folder(options.socket_path); !good) return good;
  // What can't be removed is in nobody's way.
  if (auto const removed = state->remove_stale_work(); !removed && options.log) options.log(removed.error().message);
  return RunnerServer{options, view, *state, lock->get()}.serve();
}

}  // namespace

// The service's standard error, so a line of its form.
void log_to_stderr(std::string_view line) {
  auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
  auto const text = core::dump(core::Json::object({{"time", core::format_time(now)},
                                                   {"level", "info"},
                                                   {"message", "runner: " + core::one_line(line, kMaxLogLine)}})) +
                    "\n";
  [[maybe_unused]] auto const written = ::write(STDERR_FILENO, text.data(), text.size());
}

int run_runner(RunnerOptions const& given, LedgerView& view) {
  RunnerOptions options = given;
  if (!options.log) options.log = log_to_stderr;
  core::Result<void> how;
  try {
    how = run(options, view);
  } catch (std::exception const& error) {
    how = core::make_error(core::Errc::io, error.what());
  }
  if (how) return kDone;
  options.log(how.error().message);
  return kCouldNotRun;
}

}  // namespace runbooks
