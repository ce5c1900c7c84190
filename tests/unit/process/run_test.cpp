// What the child gets: arguments, environment, descriptors, directory, signals; and how it ends.
#include "bot/process/run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <random>
#include <thread>

#include "tests/unit/process/support.hpp"

using namespace process_test;
using Kind = process::Outcome::Kind;

namespace {

// What `cat /proc/self/cmdline` would say: the arguments, each closed by a NUL.
std::string joined(std::vector<std::string> const& arguments) {
  std::string text;
  for (auto const& argument : arguments) text += argument + '\0';
  return text;
}

}  // namespace

TEST_CASE("T5 run: arguments arrive byte for byte, and no shell sees them") {
  std::vector<std::string> payloads = {
      "",           " ",         "a b",      "'",        "\"",     "`id`",   "$(id)",      "$HOME", ";id",
      "|id",        "&& id",     "a\nb",     "\r\n",     "\t",     "\\",     "\\\\n",      "*",     "?[a]",
      "~",          "{a,b}",     "-n",       "--",       "--help", "-e",     "#",          "!!",    "> /tmp/x",
      "< /dev/tty", "\xff\xfe",  "\xc3\x28", "\x1b[31m", "%s%n%d", "../../", "a=b",        "\x7f",  "\x01",
      "é",          "\u202eabc", "$((1/0))", "${IFS}id", "${x:?}", "\\x41",  "$'\\x41'",   "@file", "%00",
      "0x0",        "--opt=a b", "'; id #",  "\"; id #", "`\n`",   "\v\f",   "(id)",       "id&",   "^C",
      "\b\b",       "\u00a0",    "\u2028",   "=",        "-",      "- -",    "a'b\"c`d$e", "\\0",   "\\u0000"};
  std::mt19937 random{5};
  while (payloads.size() < 500) {
    std::string bytes;
    auto const length = random() % 200;
    for (unsigned i = 0; i < length; ++i) bytes += static_cast<char>(1 + random() % 255);
    payloads.push_back(bytes);
  }
  std::vector<std::string> arguments{"%s\\0"};
  arguments.insert(arguments.end(), payloads.begin(), payloads.end());
  CHECK(run("/usr/bin/printf", arguments).output == joined(payloads));

  // And through a script: the interpreter adds nothing and takes nothing away.
  TempDir const dir;
  write_file(dir / "args", "#!/bin/sh\nfor a; do printf '%s\\000' \"$a\"; done\n");
  CHECK(run(dir / "args", payloads).output == joined(payloads));
}

TEST_CASE("run: the environment is what the caller says, and nothing else") {
  REQUIRE(::setenv("COUNTERSIGN_TEST_SECRET", "hunter2", 1) == 0);
  CHECK(run("/usr/bin/env", {}).output.empty());
  process::Spec spec;
  spec.environment = {{"A", "1"}, {"B", "two words"}};
  CHECK(run("/usr/bin/env", {}, spec).output == "A=1\nB=two words\n");
}

TEST_CASE("run: no descriptor but the standard three gets in, and the script's own for a script") {
  // Held open on purpose, without close-on-exec: low and high numbers.
  int const leak = ::open("/dev/zero", O_RDONLY);
  int const high = ::fcntl(leak, F_DUPFD, 500);
  REQUIRE(leak >= 0);
  REQUIRE(high >= 500);
  // ls holds one for the folder that it lists.
  CHECK(run("/bin/ls", {"/proc/self/fd"}).output == "0\n1\n2\n3\n");
  TempDir const dir;
  write_file(dir / "s", "#!/bin/sh\nls -l /proc/$$/fd | sed -n 's/.* \\([0-9]* -> .*\\)/\\1/p' | grep -v pipe:\n");
  process::Spec spec;
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  auto const listed = run(dir / "s", {}, spec).output;
  CHECK(listed.find("0 -> /dev/null") != std::string::npos);
  CHECK(listed.find("3 -> " + (dir / "s")) != std::string::npos);
  CHECK(listed.find("/dev/zero") == std::string::npos);
  ::close(leak);
  ::close(high);
}

TEST_CASE("run: directory, umask, session, signals and privileges are set") {
  TempDir const dir;
  process::Spec spec;
  spec.working_directory = dir.str();
  CHECK(sh("pwd; umask", spec).output == dir.str() + "\n0077\n");
  REQUIRE(::signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  auto const status = run("/bin/cat", {"/proc/self/status"}).output;
  CHECK(status.find("NoNewPrivs:\t1\n") != std::string::npos);
  CHECK(status.find("SigBlk:\t0000000000000000\n") != std::string::npos);
  CHECK(status.find("SigIgn:\t0000000000000000\n") != std::string::npos);
  CHECK(sh("[ \"$(cut -d' ' -f1,5,6 /proc/$$/stat)\" = \"$$ $$ $$\" ] && echo own", {}).output == "own\n");
  CHECK(run("/bin/cat", {}).output.empty());  // stdin ends at once
}

TEST_CASE("run: how it ended is told apart") {
  CHECK(sh("exit 0").exit_code == 0);
  auto const failed = sh("echo to stdout; echo to stderr >&2; exit 7");
  CHECK(failed.kind == Kind::exited);
  CHECK(failed.exit_code == 7);
  CHECK(failed.output == "to stdout\nto stderr\n");
  CHECK(failed.max_rss_bytes > 0);
  auto const killed = sh("kill -SEGV $$");
  CHECK(killed.kind == Kind::signaled);
  CHECK(killed.signal == SIGSEGV);
}

TEST_CASE("run: streams are told apart, and the hooks come in order") {
  process::Spec spec;
  std::string out, err, order;
  spec.on_output = [&](process::Stream stream, std::string_view bytes) {
    (stream == process::Stream::out ? out : err) += bytes;
    order += 'o';
  };
  spec.on_spawned = [&](pid_t pid) {
    CHECK(::kill(pid, 0) == 0);  // it may have ended, but is not reaped yet
    order += 's';
  };
  spec.on_exit_seen = [&] { order += 'x'; };
  sh("echo 1; echo 2 >&2", spec);
  CHECK(out == "1\n");
  CHECK(err == "2\n");
  CHECK(order.front() == 's');
  CHECK(order.find('x') != std::string::npos);
}

TEST_CASE("run: a program that can't start is an error, not an outcome") {
  TempDir const dir;
  write_file(dir / "garbage",
             "\x7f"
             "ELF but not really");
  auto const garbage = open(dir / "garbage");
  process::Spec spec;
  spec.program = &garbage;
  auto const outcome = process::run(spec);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().number == ENOEXEC);
  CHECK(outcome.error().text.find("executing it failed") != std::string::npos);

  auto const good = open("/bin/true");
  spec.program = &good;
  spec.working_directory = dir / "missing";
  CHECK(process::run(spec).error().number == ENOENT);
  spec.working_directory = "/";
  spec.arguments = {std::string{"a\0b", 3}};
  CHECK(process::run(spec).error().number == EINVAL);
  spec.arguments = {};
  spec.environment = {{"A=B", "c"}};
  CHECK(process::run(spec).error().number == EINVAL);
  CHECK(process::run(process::Spec{}).error().number == EINVAL);
}

TEST_CASE("run: an exception from a hook leaves no process behind") {
  process::Spec spec;
  pid_t pid = 0;
  spec.on_spawned = [&](pid_t child) { pid = child; };
  spec.on_output = [](process::Stream, std::string_view) { throw std::runtime_error("the caller's own"); };
  auto const program = open("/bin/sh");
  spec.program = &program;
  spec.arguments = {"-c", "echo x; sleep 100"};
  CHECK_THROWS_WITH(process::run(spec), "the caller's own");
  CHECK_FALSE(alive(pid));
}

TEST_CASE("run: many at once in one process don't hold each other's pipes") {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  auto const program = open("/bin/echo");
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 20; ++j) {
        process::Spec spec;
        spec.program = &program;
        spec.arguments = {std::to_string(i * 100 + j)};
        auto const outcome = process::run(spec);
        if (outcome && outcome->output == std::to_string(i * 100 + j) + "\n" && !outcome->killed_survivors) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 160);
}
