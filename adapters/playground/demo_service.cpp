#include "adapters/playground/demo_service.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "bot/core/time.hpp"
#include "bot/net/http_server.hpp"

namespace playground {
namespace {

constexpr net::Duration kLookEvery{100};
constexpr std::size_t kMaxLogBytes = 256u << 10;

std::string read_file(std::string const& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool exists(std::string const& path) { return ::access(path.c_str(), F_OK) == 0; }

// Whole or not at all, so that a reader never sees half a number.
bool write_file(std::string const& path, std::string const& text) {
  auto const fresh = path + ".new";
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out << text;
    if (!out.flush()) return false;
  }
  return std::rename(fresh.c_str(), path.c_str()) == 0;
}

long long read_number(std::string const& path) {
  auto const text = read_file(path);
  return std::strtoll(text.c_str(), nullptr, 10);
}

bool alive(pid_t pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM); }

class Service {
 public:
  Service(net::Io& io, std::string dir) : io_(io), dir_(std::move(dir)) {
    ::unlink((dir_ + "/broken").c_str());  // a new process has new connections
    auto const starts = read_number(dir_ + "/started") + 1;
    log("INFO", "orders starting, pool size 20, start number " + std::to_string(starts));
    starts_ = starts;
  }

  int serve(std::uint16_t port) {
    net::HttpServerOptions options;
    options.port = port;
    auto server = net::make_http_server(
        io_, options,
        [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) { answer(request, *responder); });
    if (!server) {
      log("FATAL", server.error().text);
      return 1;
    }
    if (!write_file(dir_ + "/port", std::to_string((*server)->port()) + "\n") ||
        !write_file(dir_ + "/started", std::to_string(starts_) + "\n") ||
        !write_file(dir_ + "/pid", std::to_string(::getpid()) + "\n")) {
      return 1;
    }
    log("INFO", "listening on 127.0.0.1:" + std::to_string((*server)->port()));
    io_.on_signals({SIGTERM, SIGINT}, [this](int) {
      log("INFO", "SIGTERM received, closing 20 connections, goodbye");
      io_.stop();
    });
    tick();
    io_.run();
    ::unlink((dir_ + "/pid").c_str());
    return 0;
  }

 private:
  void log(char const* level, std::string const& text) {
    auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
    auto const path = dir_ + "/log";
    std::ofstream out(path, std::ios::app);
    out << core::format_time(now) << ' ' << level << " orders[" << ::getpid() << "] " << text << '\n';
    if (out.tellp() > static_cast<std::streamoff>(kMaxLogBytes)) {
      out.close();
      std::rename(path.c_str(), (path + ".1").c_str());
    }
  }

  // Ordinary traffic, and the storm once the pool has run dry.
  void tick() {
    bool const broken = exists(dir_ + "/broken");
    if (broken && !broken_) {
      log("WARN", "pool: 20 of 20 connections in use, 3 waiting");
      log("ERROR", "pool: no connection within 2000 ms (in use 20, waiting 14): connections are not given back");
    }
    broken_ = broken;
    ++ticks_;
    auto const order = std::to_string(48'210 + ticks_ * 7 % 911);
    if (broken_ && ticks_ % 3 == 0) {
      log("ERROR", "GET /orders/" + order +
                       " 500 2003 ms: PoolExhausted: no connection within 2000 ms (in use 20, waiting " +
                       std::to_string(14 + ticks_ % 40) + ")");
    } else if (!broken_ && ticks_ % 10 == 0) {
      log("INFO", "GET /orders/" + order + " 200 " + std::to_string(9 + ticks_ % 23) + " ms");
    }
    io_.call_after(kLookEvery, [this] { tick(); });
  }

  void answer(net::HttpRequestIn const& request, net::Responder& responder) {
    bool const sick = exists(dir_ + "/broken");
    if (request.path == "/healthz") {
      log(sick ? "ERROR" : "INFO",
          std::string("GET /healthz ") + (sick ? "503 database pool exhausted (in use 20 of 20)" : "200"));
      return responder.respond({sick ? 503u : 200u,
                                {{"Content-Type", "text/plain"}},
                                sick ? "unhealthy: database pool exhausted (in use 20 of 20)\n" : "ok\n"});
    }
    if (request.path == "/orders") {
      return responder.respond(
          {sick ? 500u : 200u, {{"Content-Type", "text/plain"}}, sick ? "PoolExhausted\n" : "[]\n"});
    }
    responder.respond({404, {{"Content-Type", "text/plain"}}, "not found\n"});
  }

  net::Io& io_;
  std::string dir_;
  long long starts_ = 0;
  long long ticks_ = 0;
  bool broken_ = false;
};

}  // namespace

int run_demo_service(std::string const& dir, std::uint16_t port) {
  net::Io io;
  Service service(io, dir);
  return service.serve(port);
}

core::Result<void> restart_demo_service(std::string const& dir, net::Duration timeout) {
  auto const pid = static_cast<pid_t>(read_number(dir + "/pid"));
  if (!alive(pid)) {
    return core::make_error(core::Errc::not_found, dir + "/pid names no running process: is the playground up?");
  }
  auto const starts = read_number(dir + "/started");
  pollfd changed{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK), POLLIN, 0};
  struct Close {
    int fd;
    ~Close() { ::close(fd); }
  } const close{changed.fd};
  if (changed.fd < 0 || ::inotify_add_watch(changed.fd, dir.c_str(), IN_MOVED_TO) < 0) {
    return core::make_error(core::Errc::io, dir + " can't be watched: " + std::string(std::strerror(errno)) + ".");
  }
  if (::kill(pid, SIGTERM) != 0) {
    return core::make_error(core::Errc::io,
                            "The demo service can't be ended: " + std::string(std::strerror(errno)) + ".");
  }
  auto const until = std::chrono::steady_clock::now() + timeout;
  for (auto left = timeout; left.count() > 0;
       left = std::chrono::ceil<net::Duration>(until - std::chrono::steady_clock::now())) {
    auto const fresh = static_cast<pid_t>(read_number(dir + "/pid"));
    if (read_number(dir + "/started") > starts && fresh != pid && alive(fresh)) return {};
    ::poll(&changed, 1, static_cast<int>(left.count()));  // a start ends with a new pid file
    std::array<char, 4096> events{};
    while (::read(changed.fd, events.data(), events.size()) > 0) {
    }
  }
  return core::make_error(core::Errc::timed_out, "The demo service didn't come back in time.");
}

core::Result<void> break_demo_service(std::string const& dir) {
  if (write_file(dir + "/broken", "database pool exhausted\n")) return {};
  return core::make_error(core::Errc::io, dir + "/broken can't be written.");
}

core::Result<void> mend_demo_service(std::string const& dir) {
  if (::unlink((dir + "/broken").c_str()) == 0 || errno == ENOENT) return {};
  return core::make_error(core::Errc::io, dir + "/broken can't be removed.");
}

DemoStatus demo_service_status(std::string const& dir, std::size_t log_lines) {
  DemoStatus status;
  auto const pid = static_cast<pid_t>(read_number(dir + "/pid"));
  status.pid = alive(pid) ? pid : 0;
  status.port = static_cast<std::uint16_t>(read_number(dir + "/port"));
  status.starts = static_cast<std::uint64_t>(read_number(dir + "/started"));
  bool const broken = exists(dir + "/broken");
  status.up = status.pid != 0 && !broken;
  status.reason = status.pid == 0 ? "The process is not running."
                  : broken        ? "The database pool is exhausted: every order fails."
                                  : "Serving orders.";
  std::istringstream log(read_file(dir + "/log"));
  for (std::string line; std::getline(log, line);) {
    status.log.push_back(line);
    if (status.log.size() > log_lines) status.log.erase(status.log.begin());
  }
  return status;
}

DemoSupervisor::DemoSupervisor(net::Io& io, std::vector<std::string> command, net::Duration restart_delay)
    : io_(io), command_(std::move(command)), restart_delay_(restart_delay) {
  if (command_.empty() || ::access(command_.front().c_str(), X_OK) != 0) {
    throw core::Failure(core::make_error(core::Errc::not_found, "The demo service's program can't be executed."));
  }
  start();
  look();
}

DemoSupervisor::~DemoSupervisor() {
  io_.cancel(timer_);
  if (pid_ <= 0) return;
  pollfd end{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), POLLIN, 0};
  ::kill(pid_, SIGTERM);
  if (end.fd < 0 || ::poll(&end, 1, 2'000) != 1) ::kill(pid_, SIGKILL);
  if (end.fd >= 0) ::close(end.fd);
  ::waitpid(pid_, nullptr, 0);
}

void DemoSupervisor::start() {
  std::vector<char*> argv;
  for (auto& word : command_) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  auto const parent = ::getpid();
  // Our handlers must not run in the child for a signal that arrives before it has become another program.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto const child = ::fork();
  if (child != 0) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) {
    throw core::Failure(core::make_error(core::Errc::io, "The demo service can't be started: fork failed."));
  }
  if (child == 0) {
    for (int const signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);
    ::close_range(3, ~0u, 0);
    ::execve(argv[0], argv.data(), environment);
    ::_exit(127);
  }
  pid_ = child;
}

void DemoSupervisor::look() {
  timer_ = io_.call_after(kLookEvery, [this] {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = 0;
    if (pid_ > 0) return look();
    timer_ = io_.call_after(restart_delay_, [this] {
      start();
      look();
    });
  });
}

}  // namespace playground
