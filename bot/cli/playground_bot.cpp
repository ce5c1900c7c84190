#include "bot/cli/playground_bot.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/core/text.hpp"

namespace cli {

BotProcess::BotProcess(std::string const& program, std::filesystem::path const& config, std::filesystem::path log)
    : log_(std::move(log)) {
  std::vector<std::string> const words{program, "serve", "-c", config.string()};
  std::vector<char*> argv;
  for (auto const& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  auto const out = open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  auto const parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    setpgid(0, 0);
    dup2(out, STDERR_FILENO);
    dup2(out, STDOUT_FILENO);
    execv(argv.front(), argv.data());
    _exit(127);
  }
  close(out);
  if (pid_ < 0) throw core::Failure(core::make_error(core::Errc::unavailable, "the bot could not be started"));
}

BotProcess::~BotProcess() {
  if (pid_ <= 0 || ended()) return;
  pollfd end{static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), POLLIN, 0};
  kill(pid_, SIGTERM);
  if (end.fd < 0 || poll(&end, 1, 15'000) != 1) kill(pid_, SIGKILL);
  if (end.fd >= 0) close(end.fd);
  waitpid(pid_, nullptr, 0);
}

bool BotProcess::ended() {
  if (pid_ <= 0) return true;
  if (waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
  pid_ = 0;
  return true;
}

std::optional<std::int64_t> BotProcess::ready_port() const {
  std::ifstream file(log_);
  for (std::string line; std::getline(file, line);) {
    auto const json = core::parse_json(line);
    if (json && (*json)["message"].text() == "ready") return (*json)["port"].integer();
  }
  return std::nullopt;
}

std::string BotProcess::last_lines() const {
  std::ifstream file(log_);
  std::string text, line;
  while (std::getline(file, line)) text = core::one_line(line, 500) + "\n" + text.substr(0, 2000);
  return text;
}

}  // namespace cli
