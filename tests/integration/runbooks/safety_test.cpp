// The second lock on the door: exactly what was approved, once, and seeing nothing of ours.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "bot/runbooks/state_files.hpp"
#include "bot/runbooks/step_runner.hpp"
#include "tests/integration/runbooks/rig.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sanitized.hpp"

using namespace rig;

namespace {

// The limit of descriptors under which a runner gets `left` more and then none. None, and said: nobody may look.
std::optional<rlim_t> limit_leaving(pid_t runner, rlim_t left) {
  std::set<rlim_t> taken;
  std::error_code error;
  auto const list = "/proc/" + std::to_string(runner) + "/fd";
  for (fs::directory_iterator it(list, error), end; !error && it != end; it.increment(error))
    taken.insert(std::stoul(it->path().filename()));
  if (error) {
    std::cerr << "SKIPPED: F9 EMFILE: the runner's descriptors can be listed by root alone" << std::endl;
    return std::nullopt;
  }
  for (rlim_t next = 0;; ++next) {
    if (!taken.contains(next) && left-- == 0) return next;
  }
}

// How the step is refused while the kernel fails each open with `error`, in a thread that ends with that. None where
// the kernel can't be told to.
std::optional<core::Result<process::ProgramFile>> opened_at(core::BoundStep const& step, int error) {
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog const filter{std::size(code), code};
  std::optional<core::Result<process::ProgramFile>> opened;
  std::thread([&] {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0)
      opened = runbooks::open_approved(step);
  }).join();
  if (!opened) std::cerr << "SKIPPED: F9 each error of an open: no filter of calls is permitted here" << std::endl;
  return opened;
}

std::vector<std::string> payloads() {
  std::vector<std::string> all{"",         " ",     "-",        "--",       "-rf",          "--help",
                               "$(id)",    "`id`",  "${HOME}",  "$HOME",    "; id",         "| id",
                               "|| id",    "&& id", "& id",     "> /x",     "< /x",         "a\nb",
                               "a\r\nb",   "a\tb",  "'",        "\"",       "'\"'",         "\\",
                               "\\n",      "\\\\",  "*",        "?",        "[a-z]",        "~",
                               "~root",    "{a,b}", "!!",       "#",        "%s%n",         "%00",
                               "../..",    "/etc",  "a=b",      "=",        "--x=$(id)",    "-o ProxyCommand=id",
                               "\x1b[31m", "\x7f",  "\xff\xfe", "\xc3\x28", "\xe2\x80\xae", "日本語",
                               "$((1+1))", "<(id)", "@file",    "\x01\x02", "a'b\"c`d$e",   std::string(30'000, 'A')};
  std::mt19937 random(20261121);
  std::string const alphabet = "ab -$`'\"\\;|&<>(){}[]*?~!#%=\n\r\t\x1b\xff/.@";
  while (all.size() < 600) {
    std::string text;
    for (auto length = random() % 24; length > 0; --length) text += alphabet[random() % alphabet.size()];
    all.push_back(text);
  }
  return all;
}

fs::path copy_program(fs::path const& from, fs::path const& to) {
  fs::copy_file(from, to, fs::copy_options::overwrite_existing);
  return to;
}

void replace(fs::path const& path, std::string const& text) {
  auto const fresh = path.string() + ".new";
  std::ofstream(fresh) << text;
  ::chmod(fresh.c_str(), 0755);
  fs::rename(fresh, path);
}

}  // namespace

TEST_CASE("T5 argv: 600 hostile values arrive byte for byte, and nothing interprets them") {
  Rig rig;
  auto const all = payloads();
  REQUIRE(all.size() >= 500);
  std::vector<core::BoundStep> steps;
  auto const file = [&](std::size_t at) { return rig.dir / ("argv-" + std::to_string(at)); };
  for (std::size_t at = 0; at < all.size(); at += 20) {
    std::vector<std::string> arguments{"argv", file(at).string()};
    for (std::size_t i = at; i < at + 20; ++i) arguments.push_back(all[i]);
    steps.push_back(helper("argv", arguments));
  }
  auto const wanted = request(steps);
  CHECK(rig.run_one(wanted).result["state"].text() == "succeeded");
  for (std::size_t at = 0; at < all.size(); at += 20) {
    std::string expected;
    for (auto const& argument : wanted.steps[at / 20].argv) expected += argument + '\0';
    CHECK(read(file(at)) == expected);
  }
}

TEST_CASE("T13 once: a second order for an id is refused, also by the next runner and after a kill") {
  Rig rig;
  auto const witness = rig.dir / "witness";
  rig.put(request({shell("count", "echo x >> " + witness.string())}, 1));
  rig.put(request({shell("hang", "echo x >> " + witness.string() + "; echo in; sleep 600")}, 2));
  rig.start_runner();
  CHECK(rig.run(1).result["state"].text() == "succeeded");
  CHECK(rig.refusal(1).find("started before") != std::string::npos);
  rig.client->run(id(2));
  REQUIRE(rig.wait([&] { return rig.events.live.contains(id(2) + " hang"); }));
  CHECK(rig.refusal(2).find("started before") != std::string::npos);

  bool const orderly = GENERATE(true, false);
  if (!orderly) {
    rig.kill_runner();
    REQUIRE(rig.wait([&] { return rig.events.gone.has_value(); }));
  }
  rig.stop_client();
  REQUIRE(runbooks::wait_for_runner_lock(rig.state, 20s));
  rig.start_runner();
  REQUIRE(rig.client->ready());
  CHECK(rig.refusal(1).find("started before") != std::string::npos);
  CHECK(rig.refusal(2).find("started before") != std::string::npos);
  CHECK(read(witness) == "x\nx\n");
  CHECK(rig.events.finishes[id(2)] == 0);
  // Only the engine, once run.finished is durable, takes a marker away.
  REQUIRE(runbooks::started_markers(rig.state).size() == 2);
}

TEST_CASE("T10 T13 once: the marker is on disk before the first step runs") {
  Rig rig;
  auto const outcome = rig.run_one(request({shell("look", "cat " + (rig.state / "started" / id()).string())}));
  CHECK(outcome.output.find("\"binding\":\"sha256:aaaa") != std::string::npos);
}

TEST_CASE("T19 T47 sight: a step sees the environment it was given, no descriptor of ours, and its limits") {
  Rig rig;
  ::setenv("COUNTERSIGN_CANARY", "canary-in-the-environment", 1);
  ::setenv("LD_LIBRARY_PATH", "/canary", 1);
  ::setenv("BASH_ENV", "/canary", 1);
  int const canary = ::open("/dev/null", O_RDONLY);  // without close-on-exec
  REQUIRE(canary > 2);
  auto const out = rig.dir / "sight";
  auto wanted = request({helper("look", {"sight", out.string()})});
  wanted.environment["HOME"] = "/root";  // ours holds
  wanted.limits.cpu_seconds = 77;
  wanted.limits.open_files = 55;
  wanted.limits.file_bytes = 123'456;
  wanted.limits.processes = 4'321;
  auto const outcome = rig.run_one(wanted);
  ::close(canary);
  for (auto const* name : {"COUNTERSIGN_CANARY", "LD_LIBRARY_PATH", "BASH_ENV"}) ::unsetenv(name);
  CHECK(outcome.result["state"].text() == "succeeded");

  std::vector<std::string> environment, descriptors;
  std::istringstream in(read(out));
  std::string rest;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("env ")) {
      environment.push_back(line.substr(4));
    } else if (line.starts_with("fd ")) {
      descriptors.push_back(line.substr(3));
    } else {
      rest += line + "\n";
    }
  }
  auto const folder = (rig.state / "work" / id()).string();
  std::ranges::sort(environment);
  CHECK(environment ==
        std::vector<std::string>{"HOME=" + folder, "LANG=C.UTF-8", "PATH=/usr/bin:/bin", "TMPDIR=" + folder});
  std::ranges::sort(descriptors);
  CHECK(descriptors.front() == "0");
  CHECK(descriptors.size() == 4);  // and the file that it writes
  // A sanitized build sets no limit on the address space.
  auto const space = runbooks::process_limits(wanted.limits, 1s).address_space.value_or(RLIM_INFINITY);
  CHECK(rest == "cwd " + folder + "\nno_new_privs 1\nleads_session 1\nleads_group 1\nlimit cpu 77\nlimit as " +
                    std::to_string(space) +
                    "\n"
                    "limit fsize 123456\nlimit nofile 55\nlimit nproc 4321\nlimit core 0\n");
}

TEST_CASE("T19 sight: the runner and its run process are closed to others of the account") {
  Rig rig;
  if (::geteuid() == 0) {  // whose processes belong to root anyway
    rig.runner_uid = 65534;
    REQUIRE(::chown(rig.dir.c_str(), rig.runner_uid, rig.runner_uid) == 0);
  }
  auto const pids_file = rig.dir / "parent";
  rig.put(request({shell("hang", "echo $PPID > " + pids_file.string() + "; echo in; sleep 600")}));
  rig.start_runner();
  rig.client->run(id());
  REQUIRE(rig.wait([&] { return rig.events.live.contains(id() + " hang"); }));
  auto processes = pids(pids_file);
  REQUIRE(processes.size() == 1);
  CHECK(processes.front() != rig.runner);
  processes.push_back(rig.runner);
  for (pid_t const pid : processes) {
    // The kernel gives what belongs to a process that is not dumpable to root (proc(5)); its owner can't even list it.
    struct stat status {};
    REQUIRE(::stat(("/proc/" + std::to_string(pid) + "/fd").c_str(), &status) == 0);
    CHECK(status.st_uid == 0);
    CHECK(read("/proc/" + std::to_string(pid) + "/status").find("NoNewPrivs:\t1") != std::string::npos);
  }
}

TEST_CASE("T20 swap: a program that changed since the approval is refused, and nothing of it runs") {
  auto const way = GENERATE(as<std::string>{}, "content", "rename", "link");
  CAPTURE(way);
  Rig rig;
  auto const program = rig.dir / "program";
  auto const witness = rig.dir / "witness";
  if (way == "link") {
    copy_program("/bin/true", rig.dir / "real");
    fs::create_symlink(rig.dir / "real", program);
  } else {
    copy_program("/bin/true", program);
  }
  rig.put(request({step("tool", {program.string()})}));
  rig.start_runner();
  rig.client->check(id());
  REQUIRE(rig.wait([&] { return !rig.events.accepted.empty(); }));  // the control: as approved it would run
  auto const evil = "#!/bin/sh\ntouch " + witness.string() + "\n";
  if (way == "content") {
    std::ofstream(program, std::ios::trunc) << evil;
  } else if (way == "rename") {
    replace(program, evil);
  } else {
    fs::remove(program);
    replace(rig.dir / "other", evil);
    fs::create_symlink(rig.dir / "other", program);
  }
  CHECK(rig.refusal().find("not the program that was approved") != std::string::npos);
  CHECK_FALSE(fs::exists(witness));
  CHECK(runbooks::started_markers(rig.state).empty());
}

TEST_CASE("T20 swap: at each step boundary, by the step before") {
  auto const at = GENERATE(1, 2, 3);
  auto const what = GENERATE(as<std::string>{}, "program", "script", "interpreter");
  CAPTURE(at, what);
  Rig rig;
  auto const program = rig.dir / "program", interpreter = rig.dir / "interpreter", witness = rig.dir / "witness";
  copy_program("/bin/sh", interpreter);
  if (what == "program") {
    copy_program("/bin/true", program);
  } else {
    replace(program, "#!" + interpreter.string() + "\ntrue\n");
  }
  // Behind the same name, a moment before it is used again.
  auto const target = what == "interpreter" ? interpreter : program;
  auto const swap = "printf '#!/bin/sh\\ntouch " + witness.string() + "\\n' > n; chmod 755 n; mv n " + target.string();
  std::vector<core::BoundStep> steps;
  for (int i = 0; i < 4; ++i) {
    if (i == at - 1) {
      steps.push_back(shell("swap", swap));
    } else {
      steps.push_back(step("tool-" + std::to_string(i), {program.string()}));
    }
  }
  auto wanted = request(steps);
  wanted.on_failure = {step("undo", {program.string()})};
  auto const outcome = rig.run_one(wanted);
  CHECK(outcome.result["state"].text() == "failed");
  CHECK(outcome.result["cause"].text() == "refused_by_runner");
  CHECK(outcome.result["step"].text() == "tool-" + std::to_string(at));
  auto const count = outcome.result["steps"].if_array()->size();
  CHECK(count == static_cast<std::size_t>(at) + 2);  // the steps before, the refused one, the equally refused undo
  CHECK(outcome.result["steps"].at_index(count - 1)["cause"].text() == "refused_by_runner");
  CHECK_FALSE(fs::exists(witness));
}

TEST_CASE("F9 EMFILE: a check without a descriptor left is done again, and no approved request ends for it") {
  if (support::skipped_under_address_sanitizer("F9 EMFILE", "a sanitizer needs descriptors to look at memory")) return;
  Rig rig;
  rig.put(request({shell("say", "echo said")}, 1));
  rig.put(request({shell("say", "echo said")}, 2));
  rig.start_runner();
  auto const none_left = limit_leaving(rig.runner, 0);
  if (!none_left) return;
  rlimit before{};
  REQUIRE(::prlimit(rig.runner, RLIMIT_NOFILE, nullptr, &before) == 0);
  rlimit const tight{*none_left, before.rlim_max};
  REQUIRE(::prlimit(rig.runner, RLIMIT_NOFILE, &tight, nullptr) == 0);
  rig.client->check(id(1));
  CHECK(rig.refusal(2).find("Too many open files") != std::string::npos);  // an order to run, answered behind the check
  CHECK_FALSE(rig.events.refused.contains(id(1)));
  REQUIRE(::prlimit(rig.runner, RLIMIT_NOFILE, &before, nullptr) == 0);
  CHECK(rig.wait([&] { return !rig.events.accepted.empty() || rig.events.refused.contains(id(1)); }));
  CHECK(rig.events.accepted == std::vector<std::string>{id(1)});
}

TEST_CASE(
    "F9 a program that can't be opened is refused for good, but not where that says something of the host alone") {
  auto const error = GENERATE(EMFILE, ENFILE, ENOMEM, EIO, EACCES);
  CAPTURE(error);
  auto const opened = opened_at(shell("say", "echo said"), error);
  if (!opened) return;
  REQUIRE(opened->has_error());
  CHECK(opened->error().code == (error == EACCES ? core::Errc::forbidden : core::Errc::unavailable));
}

TEST_CASE("a check is done again where the ledger can't be read at the moment, not without end, and for nothing else") {
  Rig rig;
  rig.put(request({shell("say", "echo said")}));
  rig.troubles = 2;
  std::string refusal;
  SECTION("it passes") { rig.trouble = core::make_error(core::Errc::io, "The disk is at fault."); }
  SECTION("it stays") {
    rig.trouble = core::make_error(core::Errc::io, "The disk is at fault.");
    rig.troubles = 1'000'000;
    rig.check_limit = 500ms;
    refusal = "The disk is at fault.";
  }
  SECTION("it is a no") {
    rig.trouble = core::make_error(core::Errc::forbidden, "In the ledger it is denied.");
    refusal = "In the ledger it is denied.";
  }
  rig.start_runner();
  rig.client->check(id());
  REQUIRE(rig.wait([&] { return !rig.events.accepted.empty() || rig.events.refused.contains(id()); }));
  CHECK(rig.events.refused[id()] == refusal);
}

TEST_CASE(
    "F9 EMFILE: without a descriptor left an order is refused without a trace, the socket stays, and later it runs") {
  if (support::skipped_under_address_sanitizer("F9 EMFILE", "a sanitizer needs descriptors to look at memory")) return;
  Rig rig;
  rig.put(request({shell("say", "echo said")}, 1));
  rig.put(request({shell("say", "echo said")}, 2));
  rig.start_runner();
  std::vector<std::optional<rlim_t>> limits;
  for (rlim_t const left : {0U, 1U, 2U, 3U}) limits.push_back(limit_leaving(rig.runner, left));
  if (!limits.front()) return;
  rlimit before{};
  REQUIRE(::prlimit(rig.runner, RLIMIT_NOFILE, nullptr, &before) == 0);
  for (rlim_t const left : {0U, 1U, 2U, 3U}) {  // for the pair of sockets, the marker, its folder
    CAPTURE(left);
    rlimit const tight{*limits.at(left), before.rlim_max};
    REQUIRE(::prlimit(rig.runner, RLIMIT_NOFILE, &tight, nullptr) == 0);
    if (left < 2) {
      CHECK(rig.refusal(1).find("Too many open files") != std::string::npos);
      CHECK(runbooks::started_markers(rig.state).empty());
    } else {
      auto const why = rig.refusal(1);  // perhaps behind its marker: then it is never started again
      CHECK((why.find("Too many open files") != std::string::npos || why.find("started before") != std::string::npos ||
             rig.events.finished.contains(id(1))));
    }
    CHECK(rig.client->ready());
  }
  REQUIRE(::prlimit(rig.runner, RLIMIT_NOFILE, &before, nullptr) == 0);
  CHECK(rig.run(2).output.find("said") != std::string::npos);
}
