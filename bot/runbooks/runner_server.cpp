#include "bot/runbooks/runner_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <utility>

#include "bot/core/digest.hpp"
#include "bot/process/run.hpp"
#include "bot/runbooks/run_process.hpp"
#include "bot/runbooks/step_runner.hpp"

namespace runbooks {
namespace {

constexpr core::Duration kLastWords{1'000};  // for the client to read why the runner ends
constexpr core::Duration kRunsEnd{5'000};    // for run processes to kill their steps and clean up by themselves
constexpr core::Duration kReadOn = std::chrono::minutes(10);
constexpr core::Duration kSweep{10'000};                           // for killing whatever is left then
constexpr core::Duration kLookAgain{200}, kLookAgainMost{10'000};  // at a check that failed: each pause twice the last
// Of messages to a client that does not read: beyond it live output is left out, so that there is room for the results.
constexpr std::size_t kMaxLiveWaiting = 1u << 20;

// A name for what belongs to this state directory, whose lock we hold.
std::string owner_of(std::filesystem::path const& state_dir) {
  std::error_code error;
  return core::sha256_hex(std::filesystem::absolute(state_dir, error).lexically_normal().string()).substr(0, 16);
}

core::Error no(std::string why) { return core::make_error(core::Errc::forbidden, std::move(why)); }

core::Error failed(std::string what) {
  return core::make_error(core::Errc::io, std::move(what) + ": " + std::generic_category().message(errno) + ".");
}

}  // namespace

RunnerServer::RunnerServer(RunnerOptions const& options, LedgerView& view, StateDir const& state, int lock)
    : options_(options),
      view_(view),
      state_(state),
      lock_(lock),
      why_no_strict_(process::why_no_strict(options.state_dir.string())),
      cgroups_(process::Cgroups::find(owner_of(options.state_dir))) {
  log(why_no_strict_.empty() ? "the sandbox mode strict works here"
                             : "the sandbox mode strict can't work here: " + why_no_strict_);
  log("control groups: " + cgroups_.words());
  cgroups_.remove_stale();
}

core::Result<void> RunnerServer::serve() {
  io_.on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int) {
    log("ends: it was asked to, or its parent is gone");
    end({});
  });
  auto listener = options_.listen_fd >= 0
                      ? net::adopt_listener(io_, options_.listen_fd, [this](int fd) { accept(fd); })
                      : net::listen_unix(io_, options_.socket_path.string(), 0600, [this](int fd) { accept(fd); });
  if (!listener) return core::make_error(core::Errc::unavailable, listener.error().text);
  listener_ = std::move(*listener);
  io_.run();
  listener_.reset();
  kill_all();
  client_.reset();
  return how_;
}

void RunnerServer::accept(int fd) {
  process::Fd connection{fd};
  ucred peer{};
  socklen_t size = sizeof peer;
  auto const wanted = options_.client_uid == static_cast<uid_t>(-1) ? ::geteuid() : options_.client_uid;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || (peer.uid != wanted && peer.uid != 0)) {
    log("refused a connection from uid " + std::to_string(peer.uid));
    return;
  }
  if (client_ || ended_) {
    log("refused a second connection, from process " + std::to_string(peer.pid));
    return;
  }
  client_ = net::adopt_unix(io_, connection.release(),
                            {.on_open = {},
                             .on_line = [this](std::string line) { order(line); },
                             .on_close =
                                 [this](net::NetError const& why) {
                                   log("ends: its client's socket ended (" + why.text + ")");
                                   end({});
                                 }});
  io_.post([this] { open_ledger(); });
}

void RunnerServer::open_ledger() {
  if (ended_) return;
  if (auto const good = view_.open(); !good) {
    tell(Ended{good.error().message});
    how_ = good.error();
    io_.call_after(kLastWords, [this] { end(how_); });
    return;
  }
  forget_finished();
  tell(Ready{{why_no_strict_.empty() ? "strict" : "basic", cgroups_.word()}});
  read_on();
}

// The service removes the markers of its own runner; nobody but us can remove another account's.
void RunnerServer::forget_finished() {
  if (options_.run_as.empty()) return;
  for (auto const& name : started_markers(options_.state_dir)) {
    auto const id = core::RequestId::parse(name);
    if (!id || !view_.finished(*id)) continue;
    if (auto const gone = forget_started(options_.state_dir, *id); !gone) log(gone.error().message);
  }
}

core::Confinement RunnerServer::confinement_of(core::Request const& request) const {
  return {request.sandbox, cgroups_.word()};
}

void RunnerServer::read_on() {
  io_.call_after(kReadOn, [this] {
    if (ended_) return;
    view_.idle();
    forget_finished();
    read_on();
  });
}

void RunnerServer::order(std::string const& line) {
  if (ended_ || !how_) return;
  auto const parsed = parse_order(line);
  if (!parsed) {
    // A client that doesn't know the protocol is not the one we serve.
    log("ends: " + parsed.error().message);
    client_.reset();
    return end({});
  }
  auto const& id = parsed->request.str();
  if (parsed->kind == Order::Kind::check)
    return check(*parsed, std::chrono::steady_clock::now() + options_.check_limit, kLookAgain);
  auto const vetted = vet(*parsed);
  if (!vetted) return tell(Refused{parsed->kind, id, vetted.error().message});
  if (auto const started = start(*vetted); !started) tell(Refused{parsed->kind, id, started.error().message});
}

// A refusal ends the approved request for good, so what is only in its way at the moment is waited for.
void RunnerServer::check(Order const& order, std::chrono::steady_clock::time_point until, core::Duration pause) {
  if (ended_ || !how_) return;
  auto const id = order.request.str();
  auto const vetted = vet(order);
  if (vetted) return tell(Accepted{id, confinement_of(vetted->request)});
  auto const& error = vetted.error();
  bool const may_pass = error.code == core::Errc::io || error.code == core::Errc::unavailable;
  if (!may_pass || std::chrono::steady_clock::now() + pause > until)
    return tell(Refused{order.kind, id, error.message});
  log(id + " is looked at again in " + core::format_duration(pause) + ": " + error.message);
  io_.call_after(pause, [this, order, until, pause] { check(order, until, std::min(2 * pause, kLookAgainMost)); });
}

core::Result<RunOrder> RunnerServer::vet(Order const& order) {
  auto const& id = order.request;
  // Before the ledger is asked: it is the cheaper question.
  if (runs_.contains(id.str()) || state_.is_started(id))
    return no(id.str() + " was started before; nothing is started twice.");
  auto found = order.kind == Order::Kind::check ? view_.approved(id) : view_.started(id);
  if (!found) return found.error();
  if (found->request.id != id) return no("The ledger answered with another request than " + id.str() + ".");
  if (auto const good = check_request(found->request); !good) return good.error();
  if (auto const free = check_busy(found->request); !free) return free.error();
  for (auto const* steps : {&found->request.steps, &found->request.on_failure}) {
    for (auto const& step : *steps) {
      if (step.kind == core::Step::Kind::http) continue;
      if (step.kind == core::Step::Kind::probe && step.probe_kind != core::Probe::Kind::command) continue;
      if (auto const program = open_approved(step); !program) return program.error();
    }
  }
  return found;
}

core::Result<void> RunnerServer::check_request(core::Request const& request) const {
  if (request.steps.empty()) return no("The request has no steps.");
  if (request.sandbox != "basic" && request.sandbox != "strict")
    return no("The sandbox mode " + request.sandbox + " is not in this release: use basic or strict.");
  if (request.sandbox == "strict" && !why_no_strict_.empty())
    return no("The sandbox mode strict can't work under this runner: " + why_no_strict_ + ".");
  if (request.working_directory != "private")
    return no("The working directory " + request.working_directory + " is not in this release: use private.");
  if (request.run_as != options_.run_as)
    return no("This runner acts as " + (options_.run_as.empty() ? std::string("the service") : options_.run_as) +
              ", and the request is to run as " +
              (request.run_as.empty() ? std::string("the service") : request.run_as) + ".");
  if (request.grant) return no("Grants are not in this release.");
  return {};
}

core::Result<void> RunnerServer::check_busy(core::Request const& request) const {
  std::size_t running = 0;
  for (auto const& [id, run] : runs_) {
    if (run.finished) continue;
    ++running;
    bool const same_lock = !request.lock.empty() && run.lock == request.lock;
    if (same_lock || (!request.targets.empty() && run.target == request.targets.front()))
      return core::make_error(core::Errc::unavailable,
                              "busy: " + id + " is running on " + (same_lock ? run.lock : run.target) + ".");
  }
  if (running >= options_.max_runs)
    return core::make_error(core::Errc::unavailable, "busy: " + std::to_string(running) + " runs are under way.");
  return {};
}

core::Result<void> RunnerServer::start(RunOrder const& order) {
  auto const& id = order.request.id;
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return failed("No socket for the run");
  process::Fd ours{ends[0]}, theirs{ends[1]};
  auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
  auto const marker = core::Json::object(
      {{"schema", 1}, {"request", id.str()}, {"binding", order.binding}, {"at", core::format_time(now)}});
  // From here on this request is never started again, whatever happens (T13).
  if (auto const marked = state_.mark_started(id, core::dump(marker) + "\n"); !marked) return marked;

  sigset_t all, before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);  // until the child has put away our handlers
  pid_t const pid = ::fork();
  if (pid == 0) run_process(order, options_, state_, cgroups_, theirs.get(), lock_);
  auto const error = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    errno = error;
    return failed("No process for the run");
  }
  Active run{
      pid, order.request.lock, order.request.targets.empty() ? std::string() : order.request.target(), false, {}};
  run.channel = net::adopt_unix(io_, ours.release(),
                                {.on_open = {},
                                 .on_line = [this, name = id.str()](std::string line) { run_said(name, line); },
                                 .on_close = [this, name = id.str()](net::NetError const&) { run_ended(name); }});
  runs_.emplace(id.str(), std::move(run));
  return {};
}

void RunnerServer::run_said(std::string const& id, std::string const& line) {
  auto const run = runs_.find(id);
  if (run == runs_.end() || ended_) return;
  auto message = parse_message(line);
  if (!message) return;  // its end without a result follows
  if (auto* piece = std::get_if<Output>(&*message)) return tell_live(run->second, std::move(*piece));
  if (auto const* finished = std::get_if<Finished>(&*message)) run->second.finished = finished->request == id;
  tell(*message);
}

void RunnerServer::run_ended(std::string const& id) {
  if (ended_) return;
  auto const run = runs_.extract(id);
  if (run.empty()) return;
  int status = 0;
  // Its socket closes when it exits, so this is short.
  while (::waitpid(run.mapped().pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (run.mapped().finished) return;
  // Somebody killed it from outside. What its steps did is unknown; our end says so in the protocol's own way.
  log("ends: the process of " + id + " ended without a result");
  end(core::make_error(core::Errc::io, "The process of " + id + " ended without a result."));
}

void RunnerServer::tell_live(Active& run, Output piece) {
  if (!client_) return;
  if (piece.text.empty()) return tell(piece);  // it names the step that begins: without it another one would be shown
  if (client_->waiting() > kMaxLiveWaiting) {
    run.left_out = true;
    return;
  }
  if (std::exchange(run.left_out, false))
    piece.text.insert(0, "[live output was left out here: the service did not take it in time]\n");
  tell(piece);
}

void RunnerServer::tell(Message const& message) {
  if (client_) client_->send(encode(message));
}

void RunnerServer::end(core::Result<void> how) {
  if (ended_) return;
  ended_ = true;
  how_ = std::move(how);
  io_.stop();
}

void RunnerServer::kill_all() {
  for (auto& [id, run] : runs_) run.channel.reset();  // they see it, kill their steps, clean up and go
  auto const until = std::chrono::steady_clock::now() + kRunsEnd;
  for (auto& [id, run] : runs_) {
    while (::waitpid(run.pid, nullptr, WNOHANG) == 0 && std::chrono::steady_clock::now() < until) ::poll(nullptr, 0, 2);
  }
  cgroups_.remove_stale();            // kills what is in them
  process::kill_descendants(kSweep);  // also what an orphaned step left to us
  for (auto const& [id, run] : runs_) {
    if (auto const name = core::RequestId::parse(id)) {
      if (auto const removed = state_.remove_work_folder(*name); !removed) log(removed.error().message);
    }
  }
  runs_.clear();
}

void RunnerServer::log(std::string const& line) const {
  if (options_.log) options_.log(line);
}

}  // namespace runbooks
