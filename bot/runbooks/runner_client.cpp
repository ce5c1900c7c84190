#include "bot/runbooks/runner_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>

#include "bot/core/text.hpp"
#include "bot/net/unix_socket.hpp"
#include "bot/runbooks/protocol.hpp"
#include "bot/runbooks/result.hpp"
#include "bot/runbooks/state_dir.hpp"

namespace runbooks {
namespace {

using Steady = std::chrono::steady_clock;

constexpr net::Duration kRetry{20};       // between two tries to connect
constexpr net::Duration kConnect{1'000};  // for one try
constexpr net::Duration kReap{10};        // between two looks whether the runner has ended
constexpr std::size_t kMaxWhy = 2'000;

core::Error failed(std::string what, int number) {
  return core::make_error(core::Errc::unavailable,
                          std::move(what) + ": " + std::generic_category().message(number) + ".");
}

// The vectors behind execve's two arrays.
struct Strings {
  std::vector<std::string> texts;
  std::vector<char*> pointers{};
  char* const* get() {
    pointers.clear();
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers.data();
  }
};

// In the child, between fork and exec: system calls only.
[[noreturn]] void become_runner(char const* executable, char* const* arguments, char* const* environment, pid_t parent,
                                int status, int null) noexcept {
  auto const fail = [&] {
    int const number = errno;
    [[maybe_unused]] auto const written = ::write(status, &number, sizeof number);
    ::_exit(127);
  };
  // Its own session: what a terminal sends to the service's group is not for it.
  if (::setsid() < 0 || ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0) fail();
  if (::getppid() != parent) ::_exit(127);  // it died before prctl
  struct sigaction preset {};
  preset.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &preset, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(null, 0) < 0 || ::dup2(null, 1) < 0) fail();
  constexpr int kStatus = 3;
  if (status != kStatus && ::dup3(status, kStatus, O_CLOEXEC) < 0) fail();
  status = kStatus;
  if (::syscall(SYS_close_range, 4u, ~0u, 0u) != 0) {
    for (int fd = 4; fd < 65'536; ++fd) ::close(fd);  // Linux before 5.9
  }
  if (::chdir("/") != 0) fail();
  ::execve(executable, arguments, environment);
  fail();
  ::_exit(127);
}

std::string describe_end(int status) {
  if (WIFEXITED(status)) return "The runner ended with exit code " + std::to_string(WEXITSTATUS(status)) + ".";
  if (WIFSIGNALED(status)) return "The runner was ended by signal " + std::to_string(WTERMSIG(status)) + ".";
  return "The runner ended.";
}

}  // namespace

core::Result<pid_t> spawn_runner(SpawnOptions const& options) {
  std::error_code error;
  auto const absolute = [&](std::filesystem::path const& path) {
    return error ? std::string() : std::filesystem::absolute(path, error).string();
  };
  Strings arguments{{"countersign", "runner", "--ledger", absolute(options.ledger), "--key", options.pin, "--state",
                     absolute(options.state), "--socket", absolute(options.socket)}};
  if (error) return failed("The runner's paths can't be made absolute", error.value());
  Strings environment{{}};
  for (auto const& [name, value] : options.environment) environment.texts.push_back(name + "=" + value);

  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("The runner can't be started", errno);
  process::Fd const reader{ends[0]};
  process::Fd writer{::fcntl(ends[1], F_DUPFD_CLOEXEC, 4)};  // above what the child rearranges
  ::close(ends[1]);
  process::Fd const opened{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  process::Fd const null{::fcntl(opened.get(), F_DUPFD_CLOEXEC, 4)};
  if (!writer || !null) return failed("The runner can't be started", errno);

  auto* const argv = arguments.get();
  auto* const envp = environment.get();
  auto const parent = ::getpid();
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t const pid = ::fork();
  if (pid == 0) become_runner(options.executable.c_str(), argv, envp, parent, writer.get(), null.get());
  int const fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return failed("The runner can't be started", fork_error);
  writer = process::Fd{};
  int number = 0;
  ssize_t count = 0;
  do count = ::read(reader.get(), &number, sizeof number);
  while (count < 0 && errno == EINTR);
  if (count != static_cast<ssize_t>(sizeof number)) return pid;
  ::waitpid(pid, nullptr, 0);
  return failed("The runner " + options.executable.string() + " can't be started", number);
}

struct RunnerClient::Impl {
  Impl(net::Io& loop, RunnerClientOptions given) : io(loop), options(std::move(given)) {}

  void connect() {
    timer = 0;
    channel = net::connect_unix(io, options.socket.string(), kConnect,
                                {.on_open = [this] { opened(); },
                                 .on_line = [this](std::string line) { heard(line); },
                                 .on_close = [this](net::NetError const& why) { closed(why); }});
  }

  void opened() {
    auto const peer = channel->peer();
    auto const uid = options.runner_uid == static_cast<uid_t>(-1) ? ::geteuid() : options.runner_uid;
    // Somebody else's socket at that path must not get our orders, nor tell us how they ended.
    // systemd has opened its socket and our knocking starts the runner, which makes it its own and hangs up: then we
    // knock again. Nothing is said before its account answers.
    if (peer && options.pid == 0 && peer->uid == 0 && uid != 0) {
      auto const left = std::max(until - Steady::now(), Steady::duration::zero());
      timer = io.call_after(std::chrono::floor<net::Duration>(left), [this] {
        timer = 0;
        gone("systemd listens on " + options.socket.string() + ", but the runner behind it does not come: see the " +
             "unit's log.");
      });
      return;
    }
    if (!peer || (options.pid != 0 ? peer->pid != options.pid : peer->uid != uid))
      return gone("The process that listens on " + options.socket.string() + " is not the runner.");
    is_open = true;
    until = Steady::now() + options.ready_limit;
    timer = io.call_after(options.ready_limit, [this] {
      timer = 0;
      gone("The runner did not finish checking the ledger in time.");
    });
  }

  void closed(net::NetError const& why) {
    channel.reset();
    io.cancel(std::exchange(timer, 0));
    if (is_open) return gone(last_words.empty() ? "The runner's socket ended: " + why.text : last_words);
    if (auto const end = reap()) return gone(describe_end(*end));
    if (Steady::now() >= until) return gone("The runner did not listen in time: " + why.text);
    timer = io.call_after(kRetry, [this] { connect(); });
  }

  void heard(std::string const& line) {
    auto const message = parse_message(line);
    if (!message) return gone("The runner broke the protocol: " + message.error().message);
    // An event may destroy us: nothing is touched after it.
    struct Tell {
      Impl& self;
      ports::RunnerEvents& events;
      void operator()(Ready const& said) const {
        if (self.is_ready) return;
        self.is_ready = true;
        self.io.cancel(std::exchange(self.timer, 0));
        events.runner_ready(self.options.run_as, said.can);
      }
      void operator()(Accepted const& said) const {
        events.runner_accepted(self.options.run_as, said.request, said.confinement);
      }
      void operator()(Refused const& said) const { self.tell_refused(said.kind, said.request, said.why); }
      void operator()(Output const& said) const {
        events.runner_output(self.options.run_as, said.request, said.step, said.text);
      }
      void operator()(Finished const& said) const {
        events.runner_finished(self.options.run_as, said.request, said.result, said.output);
      }
      void operator()(Ended const& said) const {
        self.last_words = core::one_line(said.why, kMaxWhy);
        self.gone(self.last_words);
      }
    };
    if (events != nullptr) std::visit(Tell{*this, *events}, *message);
  }

  void order(Order::Kind kind, std::string const& request) {
    auto const id = core::RequestId::parse(request);
    if (is_ready && id) return channel->send(encode(Order{kind, *id}));
    auto why = id ? std::string("The runner is not ready.") : id.error().message;
    io.post([weak = std::weak_ptr<int>(alive), this, kind, request, why = std::move(why)] {
      if (weak.lock() && events != nullptr) tell_refused(kind, request, why);
    });
  }

  void tell_refused(Order::Kind kind, std::string const& request, std::string const& why) const {
    if (kind == Order::Kind::check) return events->runner_refused(options.run_as, request, why);
    events->runner_finished(options.run_as, request, refused_json(why), "");
  }

  void gone(std::string why) {
    if (ended) return;
    hang_up();
    if (auto* const told = std::exchange(events, nullptr)) told->runner_gone(options.run_as, why);
  }

  // Ends the conversation, and looks after the process until it is gone.
  void hang_up() {
    ended = true;
    is_ready = is_open = false;
    if (timer != 0) io.cancel(std::exchange(timer, 0));
    channel.reset();
    kill_at = Steady::now() + options.end_limit;
    look();
  }

  void look() {
    if (options.pid == 0 || reap()) return;
    if (Steady::now() >= kill_at) ::kill(options.pid, SIGKILL);
    reap_timer = io.call_after(kReap, [this] { look(); });
  }

  // The end of a spawned runner; nothing while it lives.
  std::optional<int> reap() {
    if (options.pid == 0 || reaped) return reaped;
    int status = 0;
    auto const pid = ::waitpid(options.pid, &status, WNOHANG);
    if (pid == options.pid) reaped = status;
    if (pid < 0 && errno == ECHILD) reaped = 0;
    return reaped;
  }

  net::Io& io;
  RunnerClientOptions options;
  ports::RunnerEvents* events = nullptr;
  std::unique_ptr<net::LineChannel> channel{};
  net::Io::TimerId timer = 0, reap_timer = 0;
  Steady::time_point until{}, kill_at{};
  bool is_open = false, is_ready = false, ended = false;
  std::optional<int> reaped{};
  std::string last_words{};
  std::shared_ptr<int> alive = std::make_shared<int>(0);
};

RunnerClient::RunnerClient(net::Io& io, RunnerClientOptions options)
    : impl_(std::make_unique<Impl>(io, std::move(options))) {}

RunnerClient::~RunnerClient() {
  stop();
  auto& self = *impl_;
  if (self.reap_timer != 0) self.io.cancel(self.reap_timer);
  while (self.options.pid != 0 && !self.reap()) {
    if (Steady::now() >= self.kill_at) ::kill(self.options.pid, SIGKILL);
    ::poll(nullptr, 0, 2);
  }
}

void RunnerClient::start(ports::RunnerEvents& events) {
  impl_->events = &events;
  impl_->until = Steady::now() + impl_->options.connect_limit;
  impl_->connect();
}

bool RunnerClient::ready() const { return impl_->is_ready; }
bool RunnerClient::ended() const { return impl_->ended && (impl_->options.pid == 0 || impl_->reaped); }
bool RunnerClient::ready_for(std::string const& run_as) const { return ready() && run_as == impl_->options.run_as; }
void RunnerClient::check(std::string request, std::string) { impl_->order(Order::Kind::check, request); }
void RunnerClient::run(std::string request, std::string) { impl_->order(Order::Kind::run, request); }

void RunnerClient::stop() {
  impl_->events = nullptr;
  if (!impl_->ended) impl_->hang_up();
}

}  // namespace runbooks
