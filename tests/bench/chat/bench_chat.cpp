// From a person's press to what follows from it, on each platform and transport: the real binary as a child, one for
// each way, the platforms in this process. Every round presses once on each way, in turns, so that a busy machine
// spoils all alike.
// Usage: bench_chat [--check] [--json] [--rounds N] [COUNTERSIGN], by default the one of this build.
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/chat/head_watch.hpp"
#include "tests/support/matrix_floor.hpp"
#include "tests/support/service_kit.hpp"
#include "tests/support/slack_floor.hpp"
#include "tests/support/teams_floor.hpp"

namespace {

using bench::Clock;
using core::Json;
using support::Platform;
using namespace std::chrono_literals;

enum Figure : std::size_t { kAcknowledged, kDurable, kUpdated, kFigures };
constexpr std::array<char const*, kFigures> kNames{"acknowledged", "durable", "updated"};

struct Way {
  char const* name;
  Platform platform;
  bool endpoint;  // Teams without the relay
  // Milliseconds that the platform's clients wait for an acknowledgement; 0: it has none.
  // api.slack.com/apis/socket-mode: 3 s. Teams: 5 to 15 s, reports differ; the shorter.
  double limit;
};
constexpr std::array<Way, 5> kWays{{{"Slack, Socket Mode", Platform::slack, false, 3'000},
                                    {"Teams, relay", Platform::teams, false, 5'000},
                                    {"Teams, endpoint", Platform::teams, true, 5'000},
                                    {"Matrix, sync", Platform::matrix_sync, false, 0},
                                    {"Matrix, WebSocket", Platform::matrix_websocket, false, 0}}};

// A press leads to five messages at most, and Slack and Teams are sent one a second to a channel: who presses less
// often measures no queue.
constexpr auto kRest = 6s;
constexpr auto kQuiet = 300ms;

[[noreturn]] void fail(std::string const& why) { throw std::runtime_error(why); }

double at_rank(std::vector<double> values, double part) {
  std::ranges::sort(values);
  auto const rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}
double median(std::vector<double> const& values) { return at_rank(values, 0.5); }
double p95(std::vector<double> const& values) { return at_rank(values, 0.95); }

std::string first_line(std::string const& text) { return text.substr(0, text.find('\n')); }

// One way: its service, its platform, and what was measured.
class Lane {
 public:
  Lane(Way const& way, std::string const& binary)
      : way_(way), kit_({.platforms = {way.platform}}), head_(kit_.ledger()) {
    if (way_.endpoint) take_endpoint();
    kit_.start({.binary = binary});
    if (way_.endpoint) {
      if (!kit_.wait([&] { return kit_.process().line("teams endpoint ready").has_value(); }, 20s)) complain("listen");
      auto const port = (*kit_.process().line("teams endpoint ready"))["port"].integer();
      dynamic_cast<support::TeamsFloor&>(kit_.chat()).stand_in().options().bot_endpoint =
          "http://127.0.0.1:" + std::to_string(port) + "/api/messages";
    } else if (!kit_.chat().wait_connected()) {
      complain("connect");
    }
    watch([this] {
      changed_ = true;
      changed_at_ = Clock::now();
    });
  }

  Way const& way() const { return way_; }
  std::vector<double> const& of(Figure figure) const { return figures_[figure]; }

  // Serves the platform for a moment, so that connections live while others are measured.
  void serve() {
    static_cast<void>(kit_.wait([] { return false; }, 20ms));
  }
  bool rested() const { return Clock::now() - pressed_ >= kRest; }

  void round(int number) {
    auto const id = kit_.ask("witness", Json::object({{"word", "round-" + std::to_string(number)}}));
    if (!kit_.wait([&] { return Clock::now() - changed_at_ >= kQuiet; }, 20s)) complain("come to rest");
    auto const head = first_line(support::git(kit_.ledger(), "rev-parse main").out);
    press(id);
    // What was seen first was the decision.
    auto const kinds = support::git(
        kit_.ledger(), "log --reverse --format='%(trailers:key=Countersign-Kind,valueonly)' " + head + "..main");
    if (first_line(kinds.out) != "request.approved") complain("record the decision first: " + kinds.out);
    if (!kit_.wait([&] { return kit_.state(id) == "succeeded"; }, 20s)) complain("run " + id);
  }

  void forget() { figures_ = {}; }
  void stop() {
    if (kit_.stop() != 0) complain("stop");
  }

 private:
  void press(std::string const& id) {
    auto& chat = kit_.chat();
    auto const before = chat.card(id)->text;
    std::array<std::optional<Clock::time_point>, kFigures> at;
    pressed_ = Clock::now();
    auto const act = chat.click("bob", id);
    if (!act) fail(std::string(way_.name) + ": there is nothing to press");
    changed_ = true;
    auto const look = [&] {
      if (std::exchange(changed_, false)) {
        if (!at[kAcknowledged] && way_.limit > 0 && chat.heard(*act)) at[kAcknowledged] = Clock::now();
        if (!at[kUpdated] && chat.card(id)->text != before) at[kUpdated] = Clock::now();
      }
      if (!at[kDurable]) at[kDurable] = head_.after(pressed_);
      return at[kUpdated] && at[kDurable] && (at[kAcknowledged] || way_.limit == 0);
    };
    bool done = false;
    std::function<void()> const tick = [&] {
      if (!(done = look())) kit_.io().call_after(net::Duration{1}, tick);
    };
    tick();
    if (!kit_.io().run_until([&] { return done; }, net::Duration{20'000})) complain("answer a press within 20 s");
    for (std::size_t i = 0; i < kFigures; ++i) {
      if (at[i]) figures_[i].push_back(std::chrono::duration<double, std::milli>(*at[i] - pressed_).count());
    }
  }

  void take_endpoint() const {
    std::ifstream file(kit_.config());
    std::string text{std::istreambuf_iterator<char>(file), {}};
    auto const relay = text.find("    relay: {");
    if (relay == std::string::npos) fail("the configuration has no relay to take away");
    text.replace(relay, text.find('\n', relay) - relay, "    endpoint: {listen: \"127.0.0.1:0\"}");
    support::write_file(kit_.config(), text);
  }

  void watch(std::function<void()> changed) {
    auto& chat = kit_.chat();
    if (auto* slack = dynamic_cast<support::SlackFloor*>(&chat))
      slack->stand_in().on_change(std::move(changed));
    else if (auto* teams = dynamic_cast<support::TeamsFloor*>(&chat))
      teams->stand_in().on_change(std::move(changed));
    else
      dynamic_cast<support::MatrixFloor&>(chat).stand_in().on_change(std::move(changed));
  }

  [[noreturn]] void complain(std::string const& what) {
    fail(std::string(way_.name) + ": the service did not " + what + "\n" + kit_.process().log_text());
  }

  Way const& way_;
  support::ServiceKit kit_;
  bench::HeadWatch head_;
  Clock::time_point pressed_{}, changed_at_ = Clock::now();
  bool changed_ = false;
  std::array<std::vector<double>, kFigures> figures_;
};

using Lanes = std::vector<std::unique_ptr<Lane>>;

double load_average() {
  double load[1] = {};
  static_cast<void>(::getloadavg(load, 1));
  return load[0];
}

void print_table(Lanes const& lanes) {
  std::printf("%-19s", "ms, median (p95)");
  for (auto const* name : kNames) std::printf(" %20s", name);
  std::printf("   to Slack's medians\n");
  for (auto const& lane : lanes) {
    std::printf("%-19s", lane->way().name);
    std::string ratios;
    for (std::size_t i = 0; i < kFigures; ++i) {
      auto const& values = lane->of(static_cast<Figure>(i));
      char cell[32] = "none", ratio[32] = "-";
      if (!values.empty()) {
        std::snprintf(cell, sizeof cell, "%.1f (%.1f)", median(values), p95(values));
        std::snprintf(ratio, sizeof ratio, "%.2f", median(values) / median(lanes[0]->of(static_cast<Figure>(i))));
      }
      std::printf(" %20s", cell);
      ratios += (i == 0 ? "   " : "  ") + std::string(ratio);
    }
    std::printf("%s\n", ratios.c_str());
  }
}

void print_json(Lanes const& lanes, std::string const& binary, int rounds, double load) {
  auto ways = Json::array();
  for (auto const& lane : lanes) {
    auto way = Json::object({{"way", lane->way().name}});
    for (std::size_t i = 0; i < kFigures; ++i) {
      auto const& values = lane->of(static_cast<Figure>(i));
      if (values.empty()) continue;
      auto const micro = [](double ms) { return static_cast<std::int64_t>(std::lround(ms * 1000)); };
      way.set(kNames[i], Json::object({{"median_us", micro(median(values))}, {"p95_us", micro(p95(values))}}));
    }
    ways.push(way);
  }
  std::printf("%s\n", core::dump(Json::object({{"binary", binary},
                                               {"rounds", std::int64_t{rounds}},
                                               {"load_percent", static_cast<std::int64_t>(std::lround(load * 100))},
                                               {"ways", ways}}))
                          .c_str());
}

int run(std::string const& binary, bool check, bool json, int rounds) {
  Lanes lanes;
  for (auto const& way : kWays) lanes.push_back(std::make_unique<Lane>(way, binary));
  auto const serve_all = [&] {
    for (auto const& lane : lanes) lane->serve();
  };
  for (int number = 0; number <= rounds; ++number) {
    for (auto const& lane : lanes) {
      do serve_all();
      while (!lane->rested());
      lane->round(number);
    }
    // The first round is everybody's first time: caches, the runner's first run.
    if (number == 0) {
      for (auto const& lane : lanes) lane->forget();
    }
  }
  auto const load = load_average();
  if (json) {
    print_json(lanes, binary, rounds, load);
  } else {
    std::printf("%s, %d rounds in turns, load average %.1f\n", binary.c_str(), rounds, load);
    print_table(lanes);
  }
  bool missed = false;
  for (auto const& lane : lanes) {
    auto const& times = lane->of(kAcknowledged);
    bool const late = !times.empty() && *std::ranges::max_element(times) > lane->way().limit;
    if (late) std::fprintf(stderr, "%s: later than its clients wait (%.0f ms)\n", lane->way().name, lane->way().limit);
    missed = missed || late;
    lane->stop();
  }
  return check && missed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool check = false, json = false;
  int rounds = 20;
  auto binary = support::ServiceKit::binary();
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0)
      check = true;
    else if (std::strcmp(argv[i], "--json") == 0)
      json = true;
    else if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
      rounds = std::max(1, std::atoi(argv[++i]));
    else
      binary = argv[i];
  }
  try {
    return run(binary, check, json, rounds);
  } catch (std::exception const& problem) {
    std::fprintf(stderr, "bench_chat: %s\n", problem.what());
    return 3;
  }
}
