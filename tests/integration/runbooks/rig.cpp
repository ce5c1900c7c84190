#include "tests/integration/runbooks/rig.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "bot/process/program.hpp"
#include "bot/runbooks/state_files.hpp"
#include "tests/support/catch.hpp"

namespace rig {
namespace {

struct OneSecret : ports::Redactor {
  std::uint32_t redact(std::string& text) const override {
    std::uint32_t count = 0;
    for (auto at = text.find(kSecret); at != std::string::npos; at = text.find(kSecret, at), ++count)
      text.replace(at, kSecret.size(), "[redacted]");
    return count;
  }
};

// The file is there from bind on, but connecting works only after listen. Read from the kernel's list, since a
// connection of our own would be the runner's one client. Its columns: number, references, protocol, flags, type,
// state, inode, path.
bool listens(fs::path const& socket) {
  constexpr unsigned long kListening = 0x10000;  // __SO_ACCEPTCON
  std::ifstream list("/proc/net/unix");
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    std::string number, references, protocol, flags, type, state, inode, path;
    if (words >> number >> references >> protocol >> flags >> type >> state >> inode >> path &&
        path == socket.string() && (std::stoul(flags, nullptr, 16) & kListening) != 0)
      return true;
  }
  return false;
}

}  // namespace

struct Rig::Ledger : runbooks::LedgerView {
  explicit Ledger(Rig const& given) : rig(given) {}
  core::Result<void> open() override { return rig.ledger_holds; }
  core::Result<runbooks::RunOrder> approved(core::RequestId const& id) override {
    if (rig.trouble && looks++ < rig.troubles) return *rig.trouble;
    auto const found = rig.orders_.find(id.str());
    if (found == rig.orders_.end())
      return core::make_error(core::Errc::not_found, "The ledger holds no approval of " + id.str() + ".");
    return runbooks::RunOrder{found->second.first, "sha256:" + std::string(64, 'a')};
  }
  core::Result<runbooks::RunOrder> started(core::RequestId const& id) override {
    auto order = approved(id);
    if (order && !rig.orders_.find(id.str())->second.second)
      return core::make_error(core::Errc::forbidden, "The ledger holds no run.started of " + id.str() + ".");
    return order;
  }
  bool finished(core::RequestId const&) override { return false; }
  Rig const& rig;
  int looks = 0;
};

std::string id(int number) { return "CS-20261121-000042-R" + std::to_string(number); }

core::BoundStep step(std::string name, std::vector<std::string> argv) {
  core::BoundStep bound;
  bound.name = std::move(name);
  auto const program = process::open_program(argv.front());
  if (!program) throw std::runtime_error(program.error().text);
  auto const& identity = program->identity();
  bound.program = core::ProgramIdentity{identity.path, identity.sha256, {}};
  if (identity.interpreter)
    bound.program->interpreter = core::ProgramIdentity::Interpreter{
        identity.interpreter->path, identity.interpreter->sha256, identity.interpreter->argument.value_or("")};
  bound.argv = std::move(argv);
  bound.timeout = 60s;
  return bound;
}

core::BoundStep shell(std::string name, std::string script) {
  return step(std::move(name), {"/bin/sh", "-c", std::move(script)});
}

core::BoundStep helper(std::string name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), RUNBOOKS_HELPER);
  return step(std::move(name), std::move(arguments));
}

core::BoundStep probe(std::string name, core::Probe::Kind kind, std::string target) {
  core::BoundStep bound;
  bound.name = std::move(name);
  bound.kind = core::Step::Kind::probe;
  bound.probe_kind = kind;
  bound.probe_target = std::move(target);
  bound.timeout = 20s;
  return bound;
}

core::Request request(std::vector<core::BoundStep> steps, int number) {
  auto const parsed = core::RequestId::parse(id(number));
  core::Request made{.id = parsed.value()};
  made.steps = std::move(steps);
  made.environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}};
  made.working_directory = "private";
  made.sandbox = "basic";
  made.limits.memory_bytes = 1ULL << 50;  // sanitizers reserve terabytes
  made.limits.grace = 300ms;
  made.targets = {"target-" + std::to_string(number)};
  return made;
}

std::string read(fs::path const& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool alive(pid_t pid) {
  auto const stat = read("/proc/" + std::to_string(pid) + "/stat");
  auto const close = stat.rfind(')');
  return close != std::string::npos && close + 2 < stat.size() && stat[close + 2] != 'Z' && stat[close + 2] != 'X';
}

std::vector<pid_t> pids(fs::path const& path) {
  std::vector<pid_t> found;
  std::istringstream in(read(path));
  for (pid_t pid = 0; in >> pid;) found.push_back(pid);
  return found;
}

bool eventually(std::function<bool()> const& holds, std::chrono::milliseconds limit) {
  auto const until = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

Rig::Rig() {
  std::string name = (fs::temp_directory_path() / "cs-run-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  dir = name;
  state = dir / "state";
  socket = dir / "run" / "runner.sock";
}

Rig::~Rig() {
  stop_client();
  runbooks::wait_for_runner_lock(state, 20s);
  std::error_code ignored;
  fs::remove_all(dir, ignored);
}

void Rig::put(core::Request request, bool started) {
  auto const name = request.id.str();
  orders_.insert_or_assign(name, std::pair{std::move(request), started});
}

void Rig::start_runner() {
  start_process();
  connect();
}

void Rig::start_raw_runner() {
  start_process();
  eventually([&] { return listens(socket); });
}

void Rig::start_process() {
  int listener = -1;
  if (activated) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
    listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::unlink(socket.c_str());
    auto const* const generic = reinterpret_cast<sockaddr const*>(&address);
    if (::bind(listener, generic, sizeof address) != 0 || ::listen(listener, 8) != 0)
      throw std::runtime_error("no socket to hand over");
  }
  runner = ::fork();
  if (runner == 0) {
    int code = 99;
    // Becoming somebody else forbids tracing by itself; the runner is to do that.
    if (runner_uid != 0 && (::setuid(runner_uid) != 0 || ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)) ::_exit(code);
    try {
      Ledger ledger(*this);
      OneSecret redactor;
      runbooks::RunnerOptions options{.state_dir = state, .socket_path = socket, .redactor = &redactor};
      options.client_uid = client_uid;
      options.run_as = run_as;
      options.check_limit = check_limit;
      options.listen_fd = listener;
      options.probe_program = RUNBOOKS_HELPER;
      options.log = [this](std::string_view line) {
        std::ofstream(dir / "runner.log", std::ios::app) << line << std::endl;
      };
      code = runbooks::run_runner(options, ledger);
    } catch (...) {
    }
    ::_exit(code);
  }
  if (listener >= 0) ::close(listener);
}

void Rig::connect() {
  events.gone.reset();
  auto const readies = events.readies;
  client = std::make_unique<runbooks::RunnerClient>(
      io, runbooks::RunnerClientOptions{.socket = socket,
                                        .pid = client_runner_uid == static_cast<uid_t>(-1) ? runner : 0,
                                        .runner_uid = client_runner_uid,
                                        .run_as = run_as,
                                        .connect_limit = connect_limit});
  client->start(events);
  wait([&] { return events.readies > readies || events.gone.has_value(); });
}

void Rig::stop_client() {
  if (client) {
    client.reset();
    if (client_runner_uid != static_cast<uid_t>(-1) && runner > 0) ::waitpid(runner, nullptr, 0);  // not the client's
  } else if (runner > 0) {
    kill_runner();
  }
  runner = 0;
}

void Rig::kill_runner() {
  ::kill(runner, SIGKILL);
  ::waitpid(runner, nullptr, 0);
  runner = 0;
}

bool Rig::wait(std::function<bool()> const& holds, std::chrono::milliseconds limit) {
  return io.run_until(holds, limit);
}

Events::Outcome Rig::run(int number) {
  auto const name = id(number);
  auto const before = events.finishes[name];
  events.refused.erase(name);
  client->run(name);
  wait([&] { return events.finishes[name] > before || events.refused.contains(name) || events.gone; });
  INFO("refused: " << events.refused[name] << " log: " << read(dir / "runner.log"));
  REQUIRE(events.finishes[name] == before + 1);
  return events.finished[name];
}

std::string Rig::refusal(int number) {
  auto const name = id(number);
  auto const before = events.finishes[name];
  events.refused.erase(name);
  client->run(name);
  wait([&] { return events.refused.contains(name) || events.finishes[name] > before || events.gone; });
  return events.refused.contains(name) ? events.refused[name] : std::string();
}

Events::Outcome Rig::run_one(core::Request request) {
  put(std::move(request));
  start_runner();
  INFO("log: " << read(dir / "runner.log"));
  REQUIRE(client->ready());
  return run();
}

}  // namespace rig
