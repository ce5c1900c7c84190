// What the whole service costs: the real binary as a child, a Slack in this process. Memory while nothing happens, time
// from exec to the first Socket Mode hello, time from a signal to its message beyond the slowest collector.
// Usage: bench_service [--check] [--rounds N] [COUNTERSIGN], by default the one of this build.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bot/net/http_server.hpp"
#include "tests/bench/figures.hpp"
#include "tests/support/service_kit.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// An idle service may use this much; the same bound for `serve` and for its runner, a process of its own.
constexpr double kIdleMiB = 25;
constexpr auto kSlowCollector = 300ms;

double milliseconds(Clock::duration passed) { return std::chrono::duration<double, std::milli>(passed).count(); }

[[noreturn]] void fail(std::string const& why) { throw std::runtime_error(why); }

using bench::Memory, bench::memory_of, bench::processor_time_of, bench::median;

// Polls until three readings, half a second apart, agree within 64 KiB.
Memory settled_memory(support::ServiceKit& kit, pid_t pid) {
  std::vector<double> readings;
  for (int i = 0; i < 40; ++i) {
    readings.push_back(memory_of(pid).rss);
    auto const from = readings.size() < 3 ? readings.begin() : readings.end() - 3;
    auto const [least, most] = std::minmax_element(from, readings.end());
    if (readings.size() >= 3 && *most - *least <= 64.0 / 1024) break;
    static_cast<void>(kit.wait([] { return false; }, 500ms));
  }
  return memory_of(pid);
}

// A web service that people watch: path /N is well until N goes down. It has a loop and a thread of its own, so that
// the moment at which it first answers 500 is taken without waiting for anything of ours.
class Web {
 public:
  Web()
      : server_(net::make_http_server(io_, {},
                                      [this](net::HttpRequestIn request, std::shared_ptr<net::Responder> responder) {
                                        net::HttpResponse response;
                                        response.status = 200;
                                        if (request.path == "/" + std::to_string(down_.load())) {
                                          response.status = 500;
                                          if (!failed_.exchange(true)) failed_at_ = Clock::now();
                                          seen_ = true;
                                        }
                                        responder->respond(std::move(response));
                                      })
                    .value()),
        thread_([this] { io_.run(); }) {}
  ~Web() {
    io_.stop();
    thread_.join();
  }
  Web(Web const&) = delete;
  Web& operator=(Web const&) = delete;

  std::uint16_t port() const { return server_->port(); }
  void take_down(int path) {
    seen_ = false;
    failed_ = false;
    down_ = path;
  }
  bool seen() const { return seen_; }
  Clock::time_point failed_at() const { return failed_at_; }  // after seen()

 private:
  std::atomic<int> down_{0};
  std::atomic<bool> failed_{false}, seen_{false};
  Clock::time_point failed_at_{};
  net::Io io_;
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
};

support::KitOptions options_for(Web const& web, int rounds) {
  support::KitOptions options;
  auto const seconds = static_cast<double>(kSlowCollector.count()) / 1000;
  options.extra_collectors =
      "  host: {host: {}}\n  slow: {command: {run: [/bin/sleep, \"" + std::to_string(seconds) + "\"]}}\n";
  for (int i = 1; i <= rounds; ++i) {
    auto const number = std::to_string(i);
    options.extra_triggers += "  web-" + number +
                              ":\n    probe: {http: \"http://127.0.0.1:" + std::to_string(web.port()) + "/" + number +
                              "\", every: 500ms, timeout: 2s, failures: 1}\n    labels: {service: web-" + number +
                              "}\n    collect: [host, slow]\n    propose: [{runbook: witness, with: {word: web-" +
                              number + "}}]\n    post_to: [incidents]\n";
  }
  return options;
}

struct Starts {
  std::vector<double> clock, processor;  // ms
};

// From exec to the first hello, each time with the ledger that the starts before left.
Starts start_times(support::ServiceKit& kit, std::string const& binary, int rounds) {
  Starts times;
  for (int i = 0; i < rounds; ++i) {
    auto const before = kit.slack().hellos();
    auto const begun = Clock::now();
    kit.start({.binary = binary, .wait_ready = false});
    if (!kit.io().run_until([&] { return kit.slack().hellos() > before; }, 20s))
      fail("no Socket Mode connection within 20 s:\n" + kit.process().log_text());
    times.clock.push_back(milliseconds(Clock::now() - begun));
    times.processor.push_back(processor_time_of(kit.pid()));
    if (!kit.wait([&] { return kit.ready(); }, 20s) || kit.stop() != 0) fail(kit.process().log_text());
  }
  return times;
}

// Until the service has called Slack no more for 2.5 s: it posts to a channel once a second, as Slack allows, and a
// signal that had to wait for its turn would measure that.
void wait_for_calm(support::ServiceKit& kit) {
  auto calls = kit.slack().calls().size();
  auto since = Clock::now();
  auto const calm = kit.wait(
      [&] {
        if (auto const now = kit.slack().calls().size(); now != calls) {
          calls = now;
          since = Clock::now();
        }
        return Clock::now() - since >= 2500ms;
      },
      30s);
  if (!calm) fail("the service calls Slack all the time:\n" + kit.process().log_text());
}

// From the answer 500 to the message in the channel, less what the slow collector sleeps.
double signal_to_message(support::ServiceKit& kit, Web& web, int number) {
  auto const word = "web-" + std::to_string(number);
  auto const posted = [&] {  // with its buttons: nobody can decide before
    auto const messages = kit.slack().messages("C0INC");
    return std::any_of(messages.begin(), messages.end(), [&](core::Json const& message) {
      auto const text = core::dump(message);
      return text.find(word) != std::string::npos && text.find("\"action_id\":\"approve") != std::string::npos;
    });
  };
  bool seen = false;
  Clock::time_point at;
  auto const observer = kit.slack().on_change([&] {
    if (seen || !posted()) return;
    seen = true;
    at = Clock::now();
  });
  wait_for_calm(kit);
  web.take_down(number);
  auto const done = kit.io().run_until([&] { return seen; }, 20s);
  kit.slack().forget(observer);
  if (!done || !web.seen()) fail("a signal led to no message within 20 s:\n" + kit.process().log_text());
  return milliseconds(at - web.failed_at() - kSlowCollector);
}

void print_times(char const* what, std::vector<double> times, char const* target) {
  std::sort(times.begin(), times.end());
  std::printf("%-52s %8.1f ms (%.1f to %.1f) %s\n", what, median(times), times.front(), times.back(), target);
}

void print_memory(char const* what, Memory const& memory, char const* target) {
  std::printf("%-52s %8.1f MiB RSS, %.1f PSS, %.1f anonymous %s\n", what, memory.rss, memory.pss, memory.anonymous,
              target);
}

int measure(std::string const& binary, bool check, int rounds) {
  Web web;
  support::ServiceKit kit(options_for(web, rounds));
  auto const starts = start_times(kit, binary, rounds);
  kit.start({.binary = binary});
  if (!kit.wait([&] { return kit.slack().sockets().size() >= 2 && kit.runner_pid() != 0; }, 20s))
    fail("the second connection or the runner is missing:\n" + kit.process().log_text());
  auto const serve = settled_memory(kit, kit.pid());
  auto const runner = settled_memory(kit, kit.runner_pid());
  std::vector<double> signals;
  for (int i = 1; i <= rounds; ++i) signals.push_back(signal_to_message(kit, web, i));
  auto const after = settled_memory(kit, kit.pid());
  if (kit.stop() != 0) fail(kit.process().log_text());
  double load[3] = {};
  static_cast<void>(::getloadavg(load, 3));
  auto const idle_target = "(target RSS <= " + std::to_string(static_cast<int>(kIdleMiB)) + ")";
  std::printf("%s, load average %.1f\n", binary.c_str(), load[0]);
  print_memory("idle, serve with two connections", serve, idle_target.c_str());
  print_memory("idle, its runner", runner, idle_target.c_str());
  print_memory("serve after the signals below", after, "");
  print_times("exec to first hello connected, median", starts.clock, "");
  print_times("  processor time of serve until then", starts.processor, "");
  print_times("signal to message beyond the collector, median", signals, "");
  bool const missed = serve.rss > kIdleMiB || runner.rss > kIdleMiB;
  if (missed) std::printf("a target was missed\n");
  return check && missed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool check = false;
  int rounds = 5;
  auto binary = support::ServiceKit::binary();
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0)
      check = true;
    else if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
      rounds = std::max(1, std::atoi(argv[++i]));
    else
      binary = argv[i];
  }
  try {
    return measure(binary, check, rounds);
  } catch (std::exception const& problem) {
    std::fprintf(stderr, "bench_service: %s\n", problem.what());
    return 3;
  }
}
