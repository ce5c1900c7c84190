// The other definition of core::reached(), linked into countersign-faults alone.
//
// One order, in a file of one line: `ROLE POINT WHAT NTH VICTIM`, e.g. "serve 7 request.approved 1 both". ROLE serve or
// runner (and its children), POINT the number of the K step, WHAT the entry's kind or *, NTH from 1. VICTIM is killed
// by SIGKILL: serve, runner, both; or pause: stays there while FILE.pause exists. FILE.hit is made first and only once,
// so that a process that was started again is spared. serve finds the file by the variable COUNTERSIGN_FAILPOINTS; the
// runner, whose environment is empty, as `failpoints` in its --state.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/failpoint.hpp"

namespace core {

namespace {

std::vector<std::string> words_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(std::move(word));
  return words;
}

std::string role_of(pid_t pid) {
  auto const words = words_of(pid);
  return words.size() > 1 ? words[1] : std::string();
}

pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string const text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  char state = 0;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

struct Order {
  std::string file, role, what, victim;
  int point = 0, nth = 0;
};

Order read_order() {
  Order order;
  auto const words = words_of(::getpid());
  if (auto const* named = std::getenv("COUNTERSIGN_FAILPOINTS")) {
    order.file = named;
  } else {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      if (words[i] == "--state") order.file = words[i + 1] + "/failpoints";
    }
  }
  std::ifstream file(order.file);
  file >> order.role >> order.point >> order.what >> order.nth >> order.victim;
  if (words.size() < 2 || words[1] != order.role) order.point = 0;
  return order;
}

// Both pids, wherever we stand: serve, its child the runner, or a run's process below that.
std::pair<pid_t, pid_t> serve_and_runner() {
  auto const self = ::getpid();
  if (role_of(self) == "serve") {
    for (auto const& item : std::filesystem::directory_iterator("/proc")) {
      auto const pid = static_cast<pid_t>(std::atol(item.path().filename().c_str()));
      if (pid > 0 && parent_of(pid) == self && role_of(pid) == "runner") return {self, pid};
    }
    return {self, 0};
  }
  pid_t runner = self;
  while (role_of(parent_of(runner)) == "runner") runner = parent_of(runner);
  return {parent_of(runner), runner};
}

void carry_out(Order const& order) {
  int const mark = ::open((order.file + ".hit").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (mark < 0) return;
  ::close(mark);
  if (order.victim == "pause") {
    while (::access((order.file + ".pause").c_str(), F_OK) == 0) ::usleep(1'000);
    return;
  }
  auto const [serve, runner] = serve_and_runner();
  auto const self = ::getpid();
  // Ourselves last, or the other one would be spared; serve stands still meanwhile, or it would see its runner die.
  if (order.victim == "both" && serve > 1 && serve != self) ::kill(serve, SIGSTOP);
  if (order.victim != "serve" && runner > 1) ::kill(runner, SIGKILL);
  if (order.victim != "runner" && serve > 1) ::kill(serve, SIGKILL);
}

}  // namespace

void reached(Failpoint point, char const* what) noexcept {
  static Order const order = read_order();
  static std::atomic<int> hits{0};
  if (order.point != static_cast<int>(point) || (order.what != "*" && order.what != what)) return;
  if (hits.fetch_add(1) + 1 == order.nth) carry_out(order);
}

}  // namespace core
