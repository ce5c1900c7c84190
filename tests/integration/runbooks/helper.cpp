// helper argv OUT …        writes its own argument vector to OUT, each argument followed by NUL
// helper sight OUT         writes what it can see of its surroundings to OUT: environment, descriptors, limits …
// helper escape PIDS KIND  leaves processes behind that try to outlive it; their ids go to PIDS
// helper bomb PIDS         many processes in sessions of their own; their ids go to PIDS
// helper probe-step …      the runner's prober
// helper runner …          a runner over an empty ledger, as the real command line would start it
// helper serve STATE SOCK  starts that runner as the service does, prints its pid, and waits to be killed
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "bot/runbooks/runner.hpp"
#include "bot/runbooks/runner_client.hpp"

extern char** environ;

namespace {

void report_sight(std::ostream& out) {
  for (char** variable = environ; *variable != nullptr; ++variable) out << "env " << *variable << '\n';
  if (DIR* const dir = ::opendir("/proc/self/fd")) {
    while (dirent const* entry = ::readdir(dir)) {
      int const fd = std::atoi(entry->d_name);
      if (entry->d_name[0] != '.' && fd != ::dirfd(dir)) out << "fd " << fd << '\n';
    }
    ::closedir(dir);
  }
  char cwd[4096];
  out << "cwd " << (::getcwd(cwd, sizeof cwd) != nullptr ? cwd : "?") << '\n';
  out << "no_new_privs " << ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) << '\n';
  out << "leads_session " << (::getsid(0) == ::getpid()) << '\n';
  out << "leads_group " << (::getpgrp() == ::getpid()) << '\n';
  auto const limit = [&](char const* name, __rlimit_resource resource) {
    rlimit value{};
    ::getrlimit(resource, &value);
    out << "limit " << name << ' ' << value.rlim_cur << '\n';
  };
  limit("cpu", RLIMIT_CPU);
  limit("as", RLIMIT_AS);
  limit("fsize", RLIMIT_FSIZE);
  limit("nofile", RLIMIT_NOFILE);
  limit("nproc", RLIMIT_NPROC);
  limit("core", RLIMIT_CORE);
}

// Never ends by itself, and not by anything that can be ignored.
[[noreturn]] void live_on(std::string const& pids) {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_IGN);
  {
    std::ofstream out(pids, std::ios::app);
    out << ::getpid() << std::endl;
  }
  for (;;) ::pause();
}

int escape(std::string const& pids, std::string const& kind) {
  if (kind == "fork") {
    if (::fork() == 0) live_on(pids);
  } else if (kind == "setsid") {
    if (::fork() == 0) {
      ::setsid();
      live_on(pids);
    }
  } else if (kind == "daemon") {  // and lets go of every descriptor
    if (::fork() == 0) {
      ::setsid();
      if (::fork() == 0) {
        for (int fd = 0; fd < 64; ++fd) ::close(fd);
        live_on(pids);
      }
      ::_exit(0);
    }
    ::wait(nullptr);
  } else if (kind == "stay") {  // the leader stays too
    for (int i = 0; i < 3; ++i) escape(pids, i == 0 ? "fork" : i == 1 ? "setsid" : "daemon");
    live_on(pids);
  }
  return 0;
}

// Many processes at once, each in a session of its own with a child that has left it, and none of them goes. Bounded
// here: no limit binds root on a host without control groups.
[[noreturn]] void bomb(std::string const& pids) {
  int const file = ::open(pids.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  auto const live = [&] {
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_IGN);
    auto const line = std::to_string(::getpid()) + "\n";
    [[maybe_unused]] auto const written = ::write(file, line.data(), line.size());
    for (;;) ::poll(nullptr, 0, 1000);
  };
  for (int i = 0; i < 60; ++i) {
    if (::fork() != 0) continue;
    ::setsid();
    if (::fork() == 0) ::setsid();
    live();
  }
  live();
  for (;;) ::poll(nullptr, 0, 1000);
}

struct EmptyLedger : runbooks::LedgerView {
  core::Result<void> open() override { return {}; }
  core::Result<runbooks::RunOrder> approved(core::RequestId const& id) override { return none(id); }
  core::Result<runbooks::RunOrder> started(core::RequestId const& id) override { return none(id); }
  bool finished(core::RequestId const&) override { return false; }
  static core::Error none(core::RequestId const& id) {
    return core::make_error(core::Errc::not_found, "There is no request " + id.str() + ".");
  }
};
struct NoRedactor : ports::Redactor {
  std::uint32_t redact(std::string&) const override { return 0; }
};

int runner(std::vector<std::string> const& words) {
  runbooks::RunnerOptions options;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    if (words[i] == "--state") options.state_dir = words[i + 1];
    if (words[i] == "--socket") options.socket_path = words[i + 1];
  }
  {
    std::ofstream out(options.state_dir.string() + "/sight");
    for (auto const& word : words) out << "argument " << word << '\n';
    out.flush();
    report_sight(out);
  }
  EmptyLedger ledger;
  NoRedactor redactor;
  options.redactor = &redactor;
  return runbooks::run_runner(options, ledger);
}

int serve(std::string const& state, std::string const& socket) {
  auto const pid = runbooks::spawn_runner({.ledger = "ledger", .pin = "pin", .state = state, .socket = socket});
  if (!pid) return 3;
  std::cout << *pid << std::endl;
  for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> const words(argv + 1, argv + argc);
  if (words.empty()) return 2;
  auto const& verb = words[0];
  if (verb == "bomb") bomb(words.at(1));
  if (verb == "probe-step") return runbooks::run_probe_child({words.begin() + 1, words.end()});
  if (verb == "runner") return runner({words.begin() + 1, words.end()});
  if (words.size() < 2) return 2;
  if (verb == "argv") {
    std::ofstream out(words[1], std::ios::binary);
    for (int i = 0; i < argc; ++i) out.write(argv[i], static_cast<std::streamsize>(std::strlen(argv[i]) + 1));
    return out.good() ? 0 : 1;
  }
  if (verb == "sight") {
    std::ofstream out(words[1]);
    report_sight(out);
    return 0;
  }
  if (verb == "escape" && words.size() == 3) return escape(words[1], words[2]);
  if (verb == "serve" && words.size() == 3) return serve(words[1], words[2]);
  return 2;
}
