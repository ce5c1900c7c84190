#include "tests/support/service_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace support {

namespace fs = std::filesystem;

namespace {

std::string slurp(fs::path const& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// State letter and parent from /proc/PID/stat; the program's name may hold anything, hence from the last bracket.
std::pair<char, pid_t> state_and_parent(pid_t pid) {
  auto const text = slurp("/proc/" + std::to_string(pid) + "/stat");
  auto const bracket = text.rfind(')');
  if (bracket == std::string::npos) return {'?', -1};
  std::istringstream rest(text.substr(bracket + 1));
  char state = '?';
  pid_t parent = -1;
  rest >> state >> parent;
  return {state, parent};
}

}  // namespace

ServiceProcess::ServiceProcess(std::vector<std::string> const& words, fs::path log, Environment const& extra)
    : log_(std::move(log)) {
  std::vector<char*> argv;
  for (auto const& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (auto const& [name, value] : extra) variables.push_back(name + "=" + value);
  for (char** at = environ; *at != nullptr; ++at) {
    std::string const variable(*at);
    if (std::ranges::none_of(extra, [&](auto const& one) { return variable.starts_with(one.first + "="); }))
      variables.push_back(variable);
  }
  std::vector<char*> envp;
  for (auto& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  int const out = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  auto const parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::setpgid(0, 0);
    ::dup2(out, STDERR_FILENO);
    ::dup2(out, STDOUT_FILENO);
    // The test's own sockets stay the test's: a stand-in that starts again needs its port.
    for (int fd = STDERR_FILENO + 1; fd < 1024; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::execve(argv.front(), argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(out);
  if (pid_ < 0) std::abort();
}

ServiceProcess::~ServiceProcess() {
  if (ended()) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
}

bool ServiceProcess::ended() {
  if (status_) return true;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

std::optional<int> ServiceProcess::exit_code() {
  static_cast<void>(ended());
  return status_;
}

void ServiceProcess::send(int signal) const {
  if (!status_) ::kill(pid_, signal);
}

std::vector<core::Json> ServiceProcess::log() const {
  std::vector<core::Json> lines;
  std::istringstream in(log_text());
  for (std::string line; std::getline(in, line);) {
    if (auto json = core::parse_json(line)) lines.push_back(std::move(*json));
  }
  return lines;
}

std::string ServiceProcess::log_text() const { return slurp(log_); }

std::optional<core::Json> ServiceProcess::line(std::string const& message) const {
  std::optional<core::Json> found;
  for (auto& line : log()) {
    if (line["message"].text() == message) found = std::move(line);
  }
  return found;
}

std::vector<pid_t> children_of(pid_t parent, std::string const& word) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (auto const& item : fs::directory_iterator("/proc", ignored)) {
    auto const name = item.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto const pid = static_cast<pid_t>(std::atol(name.c_str()));
    if (state_and_parent(pid).second != parent) continue;
    if (slurp(item.path() / "cmdline").find(word) != std::string::npos) found.push_back(pid);
  }
  return found;
}

bool process_exists(pid_t pid) {
  auto const state = state_and_parent(pid).first;
  return state != '?' && state != 'Z' && state != 'X';
}

}  // namespace support
