// What the HTTP API costs: POST /v1/requests (each one a signed, durable entry) and GET, by rate, p99 and processor
// time a call, in turns with Python's own http.server that answers a static JSON; and one entry told to 1,000
// listeners. Usage: bench_api [--check] [--rounds N] [COUNTERSIGN], by default the one of this build.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bot/net/http_client.hpp"
#include "tests/support/open_files.hpp"
#include "tests/support/service_kit.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using core::Json;
using namespace std::chrono_literals;

constexpr int kConnections = 16;  // calls under way at a time
constexpr int kCalls = 2'000;     // of GET in a round
constexpr int kPosts = 300;       // in a round: each is written, collected for and posted
constexpr unsigned kListeners = 1'000;
// Targets: a GET costs no more processor time than a static answer of Python's own server; a listener no more than
// this.
constexpr double kMostOfPeer = 1.0, kMostMicrosecondsAListener = 100;

[[noreturn]] void fail(std::string const& why) { throw std::runtime_error(why); }

// What a process and its threads have had of the processor, in microseconds (Documentation/scheduler/sched-stats.rst).
double processor_time_of(pid_t pid) {
  double sum = 0;
  std::error_code ignored;
  for (auto const& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", ignored)) {
    std::ifstream file(task.path() / "schedstat");
    double nanoseconds = 0;
    if (file >> nanoseconds) sum += nanoseconds / 1e3;
  }
  return sum;
}

struct Figures {
  double rate = 0, p50 = 0, p99 = 0, processor = 0;  // a second, ms, ms, microseconds a call
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// `count` calls, kConnections at a time.
Figures load(support::ServiceKit& kit, pid_t pid, std::string const& method, std::string const& url,
             std::function<std::string(int)> const& body, int count, unsigned wanted) {
  auto const client = net::make_http_client(kit.io(), {.max_connections_per_origin = kConnections});
  std::vector<double> times;
  int sent = 0, wrong = 0;
  auto const before = processor_time_of(pid);
  auto const began = Clock::now();
  std::function<void()> next = [&] {
    if (sent == count) return;
    auto const at = Clock::now();
    client->request({.method = method,
                     .url = url,
                     .headers = {{"Authorization", "Bearer token-of-alice"}, {"Content-Type", "application/json"}},
                     .body = body ? body(sent) : "",
                     .timeout = 30s},
                    [&, at](net::Result<net::HttpResponse> const& answer) {
                      times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - at).count());
                      if (!answer || answer->status != wanted) ++wrong;
                      next();
                    });
    ++sent;
  };
  for (int i = 0; i < kConnections; ++i) next();
  if (!kit.io().run_until([&] { return static_cast<int>(times.size()) == count; }, 120s)) fail("calls hang");
  auto const seconds = std::chrono::duration<double>(Clock::now() - began).count();
  auto const used = processor_time_of(pid) - before;
  if (wrong != 0) fail(std::to_string(wrong) + " calls of " + method + " " + url + " were answered otherwise");
  std::ranges::sort(times);
  return {.rate = count / seconds,
          .p50 = times[times.size() / 2],
          .p99 = times[times.size() * 99 / 100],
          .processor = used / count};
}

// The peer as a child; it dies with its pipe's reader at the latest when killed here.
class Peer {
 public:
  Peer() {
    std::string const command = "exec python3 -B '" + std::string(BENCH_SOURCE) + "/peer.py'";
    process_ = std::make_unique<support::ServiceProcess>(std::vector<std::string>{"/bin/sh", "-c", command},
                                                         dir_.path() / "peer.log");
    for (int i = 0; i < 200 && port_ == 0; ++i) {
      std::ifstream file(dir_.path() / "peer.log");
      file >> port_;
      if (port_ == 0) ::usleep(25'000);
    }
  }
  bool up() const { return port_ != 0; }
  pid_t pid() const { return process_->pid(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  support::TempDir dir_;
  std::unique_ptr<support::ServiceProcess> process_;
  int port_ = 0;
};

// Processor time of the service for telling one entry to one listener, beyond what the same entry costs without them.
double fan_out(support::ServiceKit& kit) {
  auto const cost = [&](unsigned listeners) {
    auto const id = kit.ask("witness-two");
    auto const client = net::make_http_client(kit.io(), {.max_connections_per_origin = kListeners});
    std::size_t heard = 0;
    for (unsigned i = 0; i < listeners; ++i)
      client->request(
          {.url = "http://127.0.0.1:" + std::to_string(kit.port()) + "/v1/requests/" + id + "/events",
           .headers = {{"Authorization", "Bearer token-of-alice"}},
           .timeout = 60s,
           .on_part = [&](std::string_view part) { heard += part.find("event: vote.approve") != part.npos ? 1u : 0u; }},
          [](net::Result<net::HttpResponse> const&) {});
    if (!kit.wait(
            [&] {
              return kit.http("GET", "/metrics")
                         .text.find("countersign_api_listeners " + std::to_string(listeners) + "\n") !=
                     std::string::npos;
            },
            60s))
      fail("not everybody could listen");
    static_cast<void>(kit.wait([] { return false; }, 300ms));
    auto const before = processor_time_of(kit.pid());
    if (!kit.press("U0BOB", id)) fail("no acknowledgement");
    if (!kit.wait([&] { return heard >= listeners; }, 30s)) fail("not everybody heard");
    static_cast<void>(kit.wait([] { return false; }, 300ms));
    return processor_time_of(kit.pid()) - before;
  };
  auto const alone = cost(0);
  return std::max(0.0, cost(kListeners) - alone) / kListeners;
}

void row(char const* what, Figures const& figures) {
  std::printf("%-34s %8.0f /s   p50 %7.2f ms   p99 %7.2f ms   %7.0f us of processor a call\n", what, figures.rate,
              figures.p50, figures.p99, figures.processor);
}

Figures middle(std::vector<Figures> const& all) {
  auto const of = [&](double Figures::*member) {
    std::vector<double> values;
    for (auto const& one : all) values.push_back(one.*member);
    return median(values);
  };
  return {of(&Figures::rate), of(&Figures::p50), of(&Figures::p99), of(&Figures::processor)};
}

int run(bool check, int rounds, std::string const& binary) {
  support::open_files();
  support::ServiceKit kit;
  kit.start({.binary = binary});
  Peer peer;
  auto const id = kit.ask("witness");
  auto const base = "http://127.0.0.1:" + std::to_string(kit.port()) + "/v1/requests";
  auto const body = [](int number) {
    return core::dump(Json::object({{"runbook", "witness"},
                                    {"parameters", Json::object({{"word", "w" + std::to_string(number)}})},
                                    {"reason", "a bench"}}));
  };
  std::vector<Figures> gets, posts, peer_gets, peer_posts;
  for (int i = 0; i < rounds; ++i) {
    gets.push_back(load(kit, kit.pid(), "GET", base + "/" + id, {}, kCalls, 200));
    if (peer.up()) peer_gets.push_back(load(kit, peer.pid(), "GET", peer.url(), {}, kCalls, 200));
    posts.push_back(load(kit, kit.pid(), "POST", base, body, kPosts, 202));
    if (peer.up()) peer_posts.push_back(load(kit, peer.pid(), "POST", peer.url(), body, kPosts, 200));
  }
  row("GET /v1/requests/{id}", middle(gets));
  row("POST /v1/requests (durable)", middle(posts));
  if (peer.up()) {
    row("Python http.server, GET, static", middle(peer_gets));
    row("Python http.server, POST, static", middle(peer_posts));
  } else {
    std::printf("no peer: python3 is not there\n");
  }
  support::ServiceKit quiet;  // the other one still has the messages of all those posts to show, at the chat's pace
  quiet.start({.binary = binary});
  auto const each = fan_out(quiet);
  std::printf("an entry told to %u listeners: %.1f us of processor a listener\n", kListeners, each);
  bool met = each <= kMostMicrosecondsAListener;
  if (peer.up()) {
    auto const ratio = middle(gets).processor / middle(peer_gets).processor;
    std::printf("GET against the peer's, by processor time: %.2f\n", ratio);
    met = met && ratio <= kMostOfPeer;
  }
  return check && !met ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool check = false;
  int rounds = 3;
  std::string binary;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0) {
      check = true;
    } else if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
      rounds = std::max(1, std::atoi(argv[++i]));
    } else {
      binary = argv[i];
    }
  }
  try {
    return run(check, rounds, binary);
  } catch (std::exception const& failure) {
    std::fprintf(stderr, "bench_api: %s\n", failure.what());
    return 3;
  }
}
