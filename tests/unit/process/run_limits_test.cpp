// Programs that misbehave: too long, too much, too many, and those that try to stay.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <sstream>
#include <thread>

#include "bot/process/run.hpp"
#include "tests/unit/process/support.hpp"

using namespace process_test;
using namespace std::chrono_literals;
using Kind = process::Outcome::Kind;

namespace {

process::Spec with_timeout(process::Duration timeout, process::Duration grace) {
  process::Spec spec;
  spec.limits.timeout = timeout;
  spec.limits.grace = grace;
  return spec;
}

pid_t first_number(std::string const& text) {
  pid_t pid = 0;
  std::istringstream{text} >> pid;
  return pid;
}

}  // namespace

TEST_CASE("run: past its time a program is asked to end, and may say goodbye") {
  auto const outcome = sh("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done", with_timeout(2s, 5s));
  CHECK(outcome.kind == Kind::timed_out);
  CHECK(outcome.output.find("bye\n") != std::string::npos);
  CHECK(outcome.signal == 0);
  CHECK(outcome.exit_code == 3);
  CHECK(outcome.duration < 6s);
}

TEST_CASE("run: one that ignores the question is killed after the grace, with its children") {
  auto const outcome = sh("trap '' TERM; sleep 100 & echo $!; wait; sleep 100", with_timeout(2s, 200ms));
  CHECK(outcome.kind == Kind::timed_out);
  CHECK(outcome.signal == SIGKILL);
  CHECK(outcome.duration >= 2200ms);
  CHECK(outcome.duration < 10s);
  CHECK_FALSE(alive(first_number(outcome.output)));
}

TEST_CASE("run: a stopped program is killed all the same") {
  auto const outcome = sh("kill -STOP $$", with_timeout(200ms, 200ms));
  CHECK(outcome.kind == Kind::timed_out);
  CHECK(outcome.signal == SIGTERM);
}

TEST_CASE("run: cancelling works from another thread, before and during") {
  process::Canceller canceller;
  auto spec = with_timeout(60s, 200ms);
  spec.canceller = &canceller;
  std::thread other;
  spec.on_spawned = [&](pid_t) { other = std::thread{[&] { canceller.cancel(); }}; };
  auto const during = sh("sleep 100", spec);
  other.join();
  CHECK(during.kind == Kind::cancelled);
  CHECK(during.duration < 5s);
  spec.on_spawned = nullptr;
  CHECK(sh("sleep 100", spec).kind == Kind::cancelled);
}

TEST_CASE("run: a background child that holds the output delays us by the drain limit only, and is killed") {
  process::Spec spec;
  spec.limits.drain = 200ms;
  auto const outcome = sh("sleep 100 & echo $!", spec);
  CHECK(outcome.kind == Kind::exited);
  CHECK(outcome.killed_survivors);
  CHECK(outcome.duration < 5s);
  CHECK_FALSE(alive(first_number(outcome.output)));
}

TEST_CASE("run: survivors die, whether in the group, in a group of their own, or in silence") {
  auto const script = GENERATE(as<std::string>{}, "sleep 100 >/dev/null 2>&1 & echo $!",
                               "exec bash -c 'set -m; sleep 100 >/dev/null 2>&1 & echo $!'",
                               "(trap '' HUP TERM; sleep 100 & echo $!) 2>/dev/null >/proc/self/fd/1");
  CAPTURE(script);
  process::Spec spec;
  spec.limits.drain = 200ms;
  auto const outcome = sh(script, spec);
  CHECK(outcome.kind == Kind::exited);
  CHECK(outcome.killed_survivors);
  REQUIRE(first_number(outcome.output) > 0);
  CHECK_FALSE(alive(first_number(outcome.output)));
}

TEST_CASE("run: one that leaves the session is found by a process that adopts orphans") {
  // In a process of its own, because adopting and killing every child concerns a whole process.
  std::fflush(nullptr);
  pid_t const worker = ::fork();
  REQUIRE(worker >= 0);
  if (worker == 0) {
    bool good = process::adopt_orphans();
    auto const program = process::open_program("/bin/sh");
    process::Spec spec;
    spec.program = &*program;
    spec.limits.drain = 100ms;
    spec.arguments = {"-c",
                      "up=$(mktemp -u); mkfifo $up; setsid sh -c 'sleep 100 & sleep 100 & echo $!; echo >'$up'; wait' "
                      "</dev/null & read x <$up; rm $up"};
    spec.environment = {{"PATH", "/usr/bin:/bin"}};
    auto const outcome = process::run(spec);
    good = good && outcome && outcome->killed_survivors;
    pid_t const escaped = outcome ? first_number(outcome->output) : 0;
    good = good && escaped > 0 && alive(escaped);  // out of the session's reach …
    good = process::kill_descendants() >= 3 && good;
    good = good && !alive(escaped);  // … but not out of ours
    good = good && ::waitpid(-1, nullptr, WNOHANG) < 0;
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(worker, &status, 0) == worker);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("run: the program dies with its parent") {
  std::fflush(nullptr);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  pid_t const worker = ::fork();
  REQUIRE(worker >= 0);
  if (worker == 0) {
    auto const program = process::open_program("/bin/sleep");
    process::Spec spec;
    spec.program = &*program;
    spec.arguments = {"100"};
    spec.on_spawned = [&](pid_t pid) { [[maybe_unused]] auto const written = ::write(ends[1], &pid, sizeof pid); };
    [[maybe_unused]] auto const outcome = process::run(spec);
    ::_exit(0);
  }
  pid_t child = 0;
  REQUIRE(::read(ends[0], &child, sizeof child) == static_cast<ssize_t>(sizeof child));
  CHECK(alive(child));
  REQUIRE(::kill(worker, SIGKILL) == 0);
  REQUIRE(::waitpid(worker, nullptr, 0) == worker);
  auto const deadline = std::chrono::steady_clock::now() + 5s;
  while (alive(child) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK_FALSE(alive(child));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("run: a flood is counted in full and kept within the limit") {
  process::Spec spec;
  spec.limits.max_output_bytes = 1000;
  std::uint64_t seen = 0;
  spec.on_output = [&](process::Stream, std::string_view bytes) { seen += bytes.size(); };
  auto const outcome = sh("echo first; yes | head -c 50000000; echo last", spec);
  CHECK(outcome.output_bytes == 50'000'011);
  CHECK(seen == outcome.output_bytes);
  CHECK(outcome.truncated);
  CHECK(outcome.output.size() < 1100);
  CHECK(outcome.output.starts_with("first\ny\n"));
  CHECK(outcome.output.ends_with("y\nlast\n"));
  CHECK(outcome.output.find("[49999011 bytes left out]") != std::string::npos);
}

TEST_CASE("run: an endless flood or line ends with the time limit") {
  auto const program = GENERATE(as<std::string>{}, "yes", "cat /dev/zero");
  auto spec = with_timeout(300ms, 200ms);
  spec.limits.max_output_bytes = 4096;
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  auto const outcome = sh("exec " + program, spec);
  CHECK(outcome.kind == Kind::timed_out);
  CHECK(outcome.output.size() < 4200);
  CHECK(outcome.output_bytes > 4096);
}

TEST_CASE("run: resource limits hold") {
  TempDir const dir;
  process::Spec spec;
  spec.working_directory = dir.str();
  spec.limits.cpu_seconds = 1;
  spec.limits.timeout = 30s;
  spec.limits.open_files = 33;
  spec.limits.file_size = 4096;
  spec.limits.address_space = 256u << 20;
  spec.limits.processes = 4000;
  auto const limits = run("/bin/cat", {"/proc/self/limits"}, spec).output;
  auto const has = [&](std::string const& name, std::string const& soft) {
    auto const at = limits.find(name);
    REQUIRE(at != std::string::npos);
    auto const value = limits.find_first_not_of(' ', at + name.size());
    return limits.substr(value, soft.size() + 1) == soft + " ";
  };
  CHECK(has("Max core file size", "0"));
  CHECK(has("Max cpu time", "1"));
  CHECK(has("Max open files", "33"));
  CHECK(has("Max file size", "4096"));
  CHECK(has("Max address space", "268435456"));

  // And they bite.
  auto const busy = sh("while :; do :; done", spec);
  CHECK(busy.kind == Kind::signaled);
  CHECK(busy.signal == SIGXCPU);
  CHECK(sh("exec head -c 10000 /dev/zero > big", spec).kind == Kind::signaled);
  CHECK(std::filesystem::file_size(dir / "big") == 4096);
}
