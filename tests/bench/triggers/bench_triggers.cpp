// What following a log costs beside `grep -E` with the same expression over the same file, in turns; and what the
// service weighs under a storm of 1,000 signals a second, through a webhook and through a log. Usage: bench_triggers
// [--check] [--rounds N] [--mib N] [COUNTERSIGN]
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "bot/net/http_client.hpp"
#include "bot/triggers/line_matcher.hpp"
#include "bot/triggers/log_reader.hpp"
#include "tests/support/hmac.hpp"
#include "tests/support/service_kit.hpp"

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr double kLeastRatio = 0.5;   // of grep's MB/s, by processor time
constexpr double kMostStormMiB = 60;  // RSS of the service in the storm (issue: after 20,000 clicks)
constexpr char const* kExpression = "worker [0-9]+: (out of memory|killed)";
std::string const kSecret = "d41a7c0be9532f68";

struct Cost {
  double wall = 0, cpu = 0;  // s
  std::uint64_t found = 0;
};

double seconds(timeval const& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}
double cpu_of(rusage const& used) { return seconds(used.ru_utime) + seconds(used.ru_stime); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Lines as a web server writes them; one in a thousand matches.
std::uint64_t write_log(std::string const& file, std::uint64_t bytes) {
  std::ofstream out(file, std::ios::binary);
  std::mt19937 random(3);
  std::string block;
  std::uint64_t written = 0, matching = 0;
  for (std::uint64_t line = 0; written < bytes; ++line) {
    block.clear();
    for (int i = 0; i < 1000; ++i) {
      auto const r = random();
      block += "2026-11-21T10:15:30.250Z web-" + std::to_string(r % 16) + " nginx[" + std::to_string(r % 30000) +
               "]: 10.0." + std::to_string(r % 256) + "." + std::to_string((r >> 8) % 256) + " \"GET /api/v1/items/" +
               std::to_string(r) + " HTTP/1.1\" 200 worker " + std::to_string(r % 90) + " took " +
               std::to_string(r % 997) + "ms\n";
    }
    block += "2026-11-21T10:15:30.300Z web-1 kernel: worker 7: out of memory\n";
    ++matching;
    out << block;
    written += block.size();
  }
  if (!out.flush()) throw std::runtime_error("the log can't be written");
  return matching;
}

Cost ours(std::string const& file) {
  auto const matcher = triggers::LineMatcher::make(kExpression, "").value();
  // From its beginning, as a file that was born while nobody looked.
  triggers::LogReader reader({.path = file, .max_catch_up = UINT64_MAX}, triggers::LogPosition{});
  rusage before{}, after{};
  ::getrusage(RUSAGE_THREAD, &before);
  auto const began = Clock::now();
  Cost cost;
  while (reader
             .read([&](std::string_view lines) {
               return matcher->scan(lines, [&](std::string_view, auto const&) {
                 ++cost.found;
                 return true;
               });
             })
             .more) {
  }
  cost.wall = std::chrono::duration<double>(Clock::now() - began).count();
  ::getrusage(RUSAGE_THREAD, &after);
  cost.cpu = cpu_of(after) - cpu_of(before);
  return cost;
}

Cost grep(std::string const& file) {
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  // LC_ALL as the machine has it; the file is ASCII. Every line is printed to a pipe, as a follower would read it.
  std::vector<char*> words{const_cast<char*>("grep"), const_cast<char*>("-E"), const_cast<char*>(kExpression),
                           const_cast<char*>(file.c_str()), nullptr};
  pid_t pid = 0;
  auto const began = Clock::now();
  if (posix_spawnp(&pid, "grep", &actions, nullptr, words.data(), environ) != 0)
    throw std::runtime_error("grep can't be run");
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  Cost cost;
  std::string buffer(1u << 16, '\0');
  ssize_t got = 0;
  while ((got = ::read(out[0], buffer.data(), buffer.size())) > 0)
    cost.found += static_cast<std::uint64_t>(std::count(buffer.begin(), buffer.begin() + got, '\n'));
  ::close(out[0]);
  int status = 0;
  rusage used{};
  ::wait4(pid, &status, 0, &used);
  cost.wall = std::chrono::duration<double>(Clock::now() - began).count();
  cost.cpu = cpu_of(used);
  return cost;
}

bool follow(std::string const& folder, unsigned rounds, std::uint64_t mib, bool check) {
  auto const file = folder + "/app.log";
  auto const matching = write_log(file, mib << 20);
  std::vector<double> our_cpu, our_wall, their_cpu, their_wall;
  for (unsigned round = 0; round <= rounds; ++round) {
    auto const us = ours(file), them = grep(file);
    if (us.found != matching || them.found != matching) throw std::runtime_error("not every matching line was found");
    if (round == 0) continue;  // the file is in memory now
    our_cpu.push_back(us.cpu);
    our_wall.push_back(us.wall);
    their_cpu.push_back(them.cpu);
    their_wall.push_back(them.wall);
  }
  auto const size = static_cast<double>(mib);
  std::printf("following a log of %.0f MiB, %llu of its lines match, median of %u rounds in turns\n", size,
              static_cast<unsigned long long>(matching), rounds);
  std::printf("  %-12s %10s %14s %10s\n", "", "MiB/s", "MiB/CPU-s", "CPU s");
  for (auto const& [name, wall, cpu] : {std::tuple{"countersign", median(our_wall), median(our_cpu)},
                                        {"grep -E", median(their_wall), median(their_cpu)}})
    std::printf("  %-12s %10.0f %14.0f %10.3f\n", name, size / wall, size / cpu, cpu);
  auto const ratio = median(their_cpu) / median(our_cpu);
  std::printf("  ratio by processor time: %.2f (target %.2f)\n", ratio, kLeastRatio);
  return !check || ratio >= kLeastRatio;
}

std::string sign(std::string const& text) { return "sha256=" + support::hmac_sha256_hex(kSecret, text); }

double resident(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return static_cast<double>(std::stol(line.substr(6))) / 1024;
  }
  throw std::runtime_error("the service is gone");
}

bool storm(std::string const& binary, bool check) {
  support::TempDir dir;
  auto const log = (dir / "app.log").string();
  std::ofstream(log).flush();
  support::KitOptions options;
  options.extra_triggers =
      "  hook: {webhook: {format: json, secret: {env: HOOK_SECRET}, delivery: {header: X-Delivery}, labels: {host: "
      "/host}}, post_to: [incidents], noise: {dedupe: [host]}}\n"
      "  noisy: {log: {path: \"" +
      log + "\", match: error}, post_to: [incidents]}\n";
  support::ServiceKit kit(options);
  kit.start({.binary = binary, .environment = {{"HOOK_SECRET", kSecret}}});
  auto const before = resident(kit.pid());
  auto client = net::make_http_client(kit.io());
  std::size_t under_way = 0, taken = 0, turned_away = 0, other = 0, number = 0;
  std::vector<double> waits;
  double most = before;
  auto const url = "http://127.0.0.1:" + std::to_string(kit.port()) + "/v1/signals/hook";
  std::ofstream out(log, std::ios::app);
  auto const began = Clock::now();
  for (int tick = 0; tick < 1000; ++tick) {  // 10 s, 10 of each every 10 ms
    for (int i = 0; i < 10; ++i, ++number) {
      net::HttpRequest request;
      request.method = "POST";
      request.url = url;
      request.body = R"({"state": "down", "host": "h)" + std::to_string(number % 500) + "\"}";
      request.headers = {{"Content-Type", "application/json"},
                         {"X-Delivery", std::to_string(number)},
                         {"X-Hub-Signature-256", sign(request.body)}};
      ++under_way;
      auto const asked = Clock::now();
      client->request(std::move(request), [&, asked](net::Result<net::HttpResponse> const& answer) {
        --under_way;
        ++(answer && answer->status == 202 ? taken : answer && answer->status == 429 ? turned_away : other);
        waits.push_back(std::chrono::duration<double, std::milli>(Clock::now() - asked).count());
      });
      out << "an error number " << number << "\n";
    }
    out.flush();
    auto const due = began + (tick + 1) * 10ms;
    kit.wait([&] { return Clock::now() >= due && under_way < 200; }, 10s);
    if (tick % 20 == 0) most = std::max(most, resident(kit.pid()));
  }
  kit.wait([&] { return under_way == 0; }, 30s);
  auto const took = std::chrono::duration<double>(Clock::now() - began).count();
  most = std::max(most, resident(kit.pid()));
  auto const entries = kit.entries().size();
  std::printf("a storm of %zu webhook deliveries and as many log lines in %.1f s (%.0f of each a second)\n", number,
              took, static_cast<double>(number) / took);
  std::printf("  deliveries taken %zu, turned away %zu, other answers %zu; median answer %.1f ms\n", taken, turned_away,
              other, median(waits));
  std::printf("  RSS of serve: %.1f MiB before, %.1f MiB at most (target %.0f); ledger: %zu entries\n", before, most,
              kMostStormMiB, entries);
  return !check || (most <= kMostStormMiB && other == 0);
}

}  // namespace

int main(int argc, char** argv) try {
  bool check = false;
  unsigned rounds = 5;
  std::uint64_t mib = 256;
  std::string binary;
  for (int i = 1; i < argc; ++i) {
    std::string const word = argv[i];
    if (word == "--check") {
      check = true;
    } else if (word == "--rounds" && i + 1 < argc) {
      rounds = static_cast<unsigned>(std::max(1, std::atoi(argv[++i])));
    } else if (word == "--mib" && i + 1 < argc) {
      mib = static_cast<std::uint64_t>(std::max(1, std::atoi(argv[++i])));
    } else {
      binary = word;
    }
  }
  support::TempDir dir;
  bool const fast = follow(dir.path().string(), rounds, mib, check);
  bool const small = storm(binary, check);
  return fast && small ? 0 : 1;
} catch (std::exception const& problem) {
  std::fprintf(stderr, "bench_triggers: %s\n", problem.what());
  return 3;
}
