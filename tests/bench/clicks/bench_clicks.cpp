// Our service beside an app on Slack's own framework (@slack/bolt) that only acknowledges and updates: each before a
// Slack of its own in this process, in turns within every round. What is compared: throughput and processor time a
// click with 64 clicks under way, memory idle and after many clicks, start to connected, a refresh under clicks.
//
// Ours has a policy of two votes and gets one click a request, so nothing runs and each click is one signed, durable
// entry before it is acknowledged. The later clicks (memory) are ten persons' votes on requests that want eleven.
// Usage: bench_clicks [--check] [--requests N] [COUNTERSIGN]. Exit 77: there is no peer (npm can't install it).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include "bot/net/http_client.hpp"
#include "tests/bench/clicks/crowd.hpp"
#include "tests/bench/figures.hpp"
#include "tests/support/service_kit.hpp"
#include "tests/support/slack_floor.hpp"

namespace {

using bench::Clock;
using core::Json;
using namespace std::chrono_literals;

constexpr std::size_t kWindow = 64, kChannels = 100, kCrowd = 10;
constexpr int kRounds = 4, kStarts = 5;
// The issue's own targets.
constexpr double kThroughput = 1, kProcessor = 0.6, kAck = 50, kIdle = 25, kAfter = 60, kConnected = 60;

[[noreturn]] void fail(std::string const& why) { throw std::runtime_error(why); }
double ms(Clock::duration passed) { return std::chrono::duration<double, std::milli>(passed).count(); }
std::string channel_id(std::size_t number) { return "C0B" + std::to_string(number); }
std::string crowd_user(std::size_t number) { return "U0CROWD" + std::to_string(number); }

std::vector<std::string> channel_ids() {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < kChannels; ++i) ids.push_back(channel_id(i));
  return ids;
}

playground::StandInOptions workspace() {
  playground::StandInOptions options;
  for (std::size_t i = 0; i < kCrowd; ++i) {
    playground::SlackUser user;
    user.id = crowd_user(i);
    user.name = "crowd" + std::to_string(i);
    user.real_name = "Person " + std::to_string(i);
    options.world.users.push_back(user);
  }
  auto const incidents = *options.world.channel("C0INC");
  for (std::size_t i = 0; i < kChannels; ++i) {
    auto channel = incidents;
    channel.id = channel_id(i);
    channel.name = "bench-" + std::to_string(i);
    for (std::size_t person = 0; person < kCrowd; ++person) channel.members.push_back(crowd_user(person));
    options.world.channels.push_back(channel);
  }
  return options;
}

support::KitOptions options_for() {
  support::KitOptions options;
  options.slack = workspace();
  options.expires = "2h";
  options.extra_policies = "  crowd: {request: [dev], approve: [{group: crowd, count: " + std::to_string(kCrowd) +
                           "}, {group: lead, count: 1}], notify: [lead], expires: 2h}\n";
  options.extra_runbooks =
      "  crowded:\n    summary: \"Ask many: {{word}}\"\n    risk: low\n    if_unanswered: \"nothing\"\n"
      "    parameters: {word: {type: string, pattern: \"[a-z0-9-]+\", max: 40}}\n"
      "    steps: [{name: say, run: [/bin/true], timeout: 10s}]\n    policy: crowd\n";
  return options;
}

// The kit's configuration has one channel and five people.
void widen(support::ServiceKit const& kit) {
  std::ifstream file(kit.config());
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::string people, channels;
  for (std::size_t i = 0; i < kCrowd; ++i)
    people += "  p" + std::to_string(i) + ": {name: Person, groups: [crowd], slack: " + crowd_user(i) + "}\n";
  for (std::size_t i = 0; i < kChannels; ++i)
    channels += "  b" + std::to_string(i) + ": {slack: " + channel_id(i) + "}\n";
  for (auto const& [heading, more] :
       {std::pair<std::string, std::string>{"people:\n", people}, {"channels:\n", channels}}) {
    auto const at = text.find(heading);
    if (at == std::string::npos) fail("the configuration has no " + heading);
    text.insert(at + heading.size(), more);
  }
  support::write_file(kit.config(), text);
}

// One of the two: its Slack, its process, what was measured.
struct Side {
  char const* name;
  playground::SlackStandIn& slack;
  std::vector<double> connected_ms, throughput, processor_ms, stand_in_ms, acked_ms, done_ms;
  double idle = 0, after = 0;
  bench::Refresh refresh{};
  std::size_t lost = 0;
};

void clicks(net::Io& io, Side& side, pid_t pid, std::vector<playground::Click> const& clicks) {
  auto const theirs = bench::processor_time_of(pid), own = bench::own_processor_time();
  auto const times = bench::click_all(io, side.slack, clicks, kWindow);
  auto const count = static_cast<double>(clicks.size());
  side.processor_ms.push_back((bench::processor_time_of(pid) - theirs) / count);
  side.stand_in_ms.push_back((bench::own_processor_time() - own) / count);
  side.throughput.push_back(count / times.seconds);
  side.acked_ms.insert(side.acked_ms.end(), times.acked_ms.begin(), times.acked_ms.end());
  side.done_ms.insert(side.done_ms.end(), times.done_ms.begin(), times.done_ms.end());
  side.lost += times.lost;
}

// The same for 4 s.
double settled_rss(net::Io& io, pid_t pid) {
  constexpr std::ptrdiff_t kSettled = 8;
  std::vector<double> readings;
  for (int i = 0; i < 40; ++i) {
    readings.push_back(bench::memory_of(pid).rss);
    auto const from = std::ssize(readings) < kSettled ? readings.begin() : readings.end() - kSettled;
    auto const [least, most] = std::minmax_element(from, readings.end());
    if (std::ssize(readings) >= kSettled && *most - *least <= 0.125) break;
    static_cast<void>(io.run_until([] { return false; }, 500ms));
  }
  return readings.back();
}

class Peer {
 public:
  Peer(net::Io& io, std::string node)
      : io_(io), node_(std::move(node)), slack_(io, workspace()), http_(net::make_http_client(io)) {}
  void start() {
    std::filesystem::copy_file(PEER_SOURCE "/app.mjs", PEER_FOLDER "/app.mjs",
                               std::filesystem::copy_options::overwrite_existing);
    process_.reset();
    process_ = std::make_unique<support::ServiceProcess>(std::vector<std::string>{node_, PEER_FOLDER "/app.mjs"},
                                                         dir_ / "peer.log",
                                                         support::Environment{{"BOT_TOKEN", slack_.world().bot_token},
                                                                              {"APP_TOKEN", slack_.world().app_token},
                                                                              {"API_URL", slack_.api_url()}});
  }
  void stop() {
    process_->send(SIGKILL);
    if (!io_.run_until([&] { return process_->ended(); }, 10s)) fail("the peer doesn't end");
  }
  // As somebody else's program does it: over HTTP.
  void post(std::string const& channel, Json const& message) {
    net::HttpRequest request{.method = "POST", .url = slack_.api_url() + "chat.postMessage"};
    request.headers = {{"Authorization", "Bearer " + slack_.world().bot_token},
                       {"Content-Type", "application/json; charset=utf-8"}};
    request.body =
        core::dump(Json::object({{"channel", channel}, {"text", message["text"]}, {"blocks", message["blocks"]}}));
    bool done = false;
    http_->request(std::move(request), [&](net::Result<net::HttpResponse> const& response) {
      done = true;
      if (!response || response->status != 200 || response->body.find("\"ok\":true") == std::string::npos)
        fail("the peer's Slack took no message: " + (response ? response->body : response.error().text));
    });
    if (!io_.run_until([&] { return done; }, 10s)) fail("the peer's Slack is silent");
  }
  playground::SlackStandIn& slack() { return slack_; }
  pid_t pid() const { return process_->pid(); }
  std::string log() const { return process_->log_text(); }

 private:
  net::Io& io_;
  std::string node_;
  support::TempDir dir_;
  playground::SlackStandIn slack_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<support::ServiceProcess> process_;
};

void wait_for_hello(net::Io& io, Side& side, std::uint64_t before, Clock::time_point begun, std::string const& log) {
  if (!io.run_until([&] { return side.slack.hellos() > before; }, 30s))
    fail(std::string(side.name) + " does not connect: " + log);
  side.connected_ms.push_back(ms(Clock::now() - begun));
}

void measure_starts(support::ServiceKit& kit, Peer& peer, Side& ours, Side& theirs, std::string const& binary) {
  for (int i = 0; i < kStarts; ++i) {
    auto before = ours.slack.hellos();
    auto begun = Clock::now();
    kit.start({.binary = binary, .wait_ready = false});
    wait_for_hello(kit.io(), ours, before, begun, kit.process().log_text());
    if (!kit.wait([&] { return kit.ready(); }, 20s) || (i + 1 < kStarts && kit.stop() != 0))
      fail(kit.process().log_text());
    before = theirs.slack.hellos();
    begun = Clock::now();
    peer.start();
    wait_for_hello(kit.io(), theirs, before, begun, peer.log());
    if (i + 1 < kStarts) peer.stop();
  }
}

// Opens so many requests and gives their buttons: those with `word` in their text.
void open_requests(support::ServiceKit& kit, std::string const& runbook, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto const answer =
        kit.http("POST", "/v1/requests",
                 Json::object({{"runbook", runbook},
                               {"parameters", Json::object({{"word", runbook + "-" + std::to_string(i)}})},
                               {"reason", "the line is missing"},
                               {"channels", Json::array({"b" + std::to_string(i % kChannels)})}}));
    if (answer.status != 202) fail("POST /v1/requests answered " + std::to_string(answer.status) + ": " + answer.text);
  }
}

std::vector<bench::Button> wait_for_buttons(support::ServiceKit& kit, std::size_t count) {
  std::vector<bench::Button> buttons;
  auto const posted = [&] {
    buttons = bench::buttons_in(kit.slack(), channel_ids());
    return buttons.size() >= count;
  };
  auto const limit = Clock::now() + 600s;
  while (!posted()) {
    if (Clock::now() > limit)
      fail(std::to_string(buttons.size()) + " of " + std::to_string(count) + " messages were posted");
    static_cast<void>(kit.wait([] { return false; }, 2s));
  }
  return buttons;
}

// In turns over the channels, so that neighbours in the window are in different ones; each button once by each user.
std::vector<playground::Click> clicks_on(std::vector<bench::Button> const& buttons,
                                         std::vector<std::string> const& users) {
  std::vector<playground::Click> made;
  for (auto const& user : users) {
    for (auto const& button : buttons)
      made.push_back({.user = user, .channel = button.channel, .ts = button.ts, .action_id = button.action_id});
  }
  return made;
}

void row(char const* what, double ours, double theirs, char const* unit, std::string const& target) {
  std::printf("%-46s %9.2f %9.2f %-8s %6.2f  %s\n", what, ours, theirs, unit, theirs > 0 ? ours / theirs : 0,
              target.c_str());
}

bool report(Side const& ours, Side const& theirs) {
  auto const p99 = [](auto const& values) { return bench::at_rank(values, 0.99); };
  auto const rate = bench::median(ours.throughput) / bench::median(theirs.throughput);
  auto const cost = bench::median(ours.processor_ms) / bench::median(theirs.processor_ms);
  std::printf("%-46s %9s %9s %-8s %6s\n", "", "ours", "bolt", "", "ratio");
  row("clicks a second, 64 under way", bench::median(ours.throughput), bench::median(theirs.throughput), "1/s", ">= 1");
  row("processor time a click", bench::median(ours.processor_ms), bench::median(theirs.processor_ms), "ms", "<= 0.6");
  row("  the stand-in's own, beside it", bench::median(ours.stand_in_ms), bench::median(theirs.stand_in_ms), "ms", "");
  row("acknowledged (and before that durable), median", bench::median(ours.acked_ms), bench::median(theirs.acked_ms),
      "ms", "");
  row("  p99", p99(ours.acked_ms), p99(theirs.acked_ms), "ms", "ours <= 50");
  row("updated, median", bench::median(ours.done_ms), bench::median(theirs.done_ms), "ms", "");
  row("  p99", p99(ours.done_ms), p99(theirs.done_ms), "ms", "");
  row("memory idle (RSS)", ours.idle, theirs.idle, "MiB", "ours <= 25");
  row("memory after the clicks (RSS)", ours.after, theirs.after, "MiB", "ours <= 60");
  row("start to connected, median", bench::median(ours.connected_ms), bench::median(theirs.connected_ms), "ms",
      "ours <= 60");
  row("refresh under 20 clicks/s: without a socket", ours.refresh.gap_ms, theirs.refresh.gap_ms, "ms", "ours 0");
  row("  clicks lost", static_cast<double>(ours.refresh.lost), static_cast<double>(theirs.refresh.lost), "", "ours 0");
  row("clicks lost before", static_cast<double>(ours.lost), static_cast<double>(theirs.lost), "", "ours 0");
  return rate >= kThroughput && cost <= kProcessor && p99(ours.acked_ms) <= kAck && ours.idle <= kIdle &&
         ours.after <= kAfter && bench::median(ours.connected_ms) <= kConnected && ours.refresh.gap_ms == 0 &&
         ours.refresh.lost == 0 && ours.lost == 0;
}

int run(std::string const& binary, bool check, std::size_t requests) {
  auto const found = support::run(std::string(NODE_PACKAGES) + " " PEER_SOURCE " " PEER_FOLDER);
  if (found.code != 0) {
    std::fprintf(stderr, "%s\n", found.out.c_str());
    return 77;
  }
  support::ServiceKit kit(options_for());
  widen(kit);
  Peer peer(kit.io(), found.out.substr(0, found.out.find('\n')));
  Side ours{.name = "ours", .slack = kit.slack()}, theirs{.name = "bolt", .slack = peer.slack()};
  measure_starts(kit, peer, ours, theirs, binary);
  if (!kit.wait([&] { return kit.chat().connected(); }, 20s)) fail("the second connection is missing");
  ours.idle = settled_rss(kit.io(), kit.pid());
  theirs.idle = settled_rss(kit.io(), peer.pid());

  open_requests(kit, "witness-two", requests);
  auto const buttons = wait_for_buttons(kit, requests);
  for (auto const& channel : channel_ids()) {
    for (auto const& message : kit.slack().messages(channel)) peer.post(channel, message);
  }
  auto const their_buttons = bench::buttons_in(peer.slack(), channel_ids());
  auto const mine = clicks_on(buttons, {"U0BOB"}), same = clicks_on(their_buttons, {"U0BOB"});
  for (int round = 0; round < kRounds; ++round) {
    auto const part = [&](auto const& all) {
      auto const size = all.size() / kRounds;
      auto const from = all.begin() + static_cast<std::ptrdiff_t>(size) * round;
      return std::vector<playground::Click>(from, from + static_cast<std::ptrdiff_t>(size));
    };
    clicks(kit.io(), ours, kit.pid(), part(mine));
    clicks(kit.io(), theirs, peer.pid(), part(same));
  }
  auto const votes = kit.entries("vote.approve").size();
  if (votes != requests / kRounds * kRounds) fail("the ledger has " + std::to_string(votes) + " votes");
  std::printf("%zu clicks, %d rounds in turns; %zu entries of votes in the ledger\n", votes, kRounds, votes);

  // Memory: ten persons on as many requests again.
  open_requests(kit, "crowded", requests);
  std::vector<bench::Button> crowded;
  for (auto const& button : wait_for_buttons(kit, 2 * requests)) {
    if (std::ranges::none_of(buttons,
                             [&](auto const& one) { return one.channel == button.channel && one.ts == button.ts; }))
      crowded.push_back(button);
  }
  std::vector<std::string> crowd;
  for (std::size_t i = 0; i < kCrowd; ++i) crowd.push_back(crowd_user(i));
  auto const before = ours.lost;
  auto const many = clicks_on(crowded, crowd);
  auto const late = bench::click_all(kit.io(), ours.slack, many, kWindow);
  auto const their_late = bench::click_all(kit.io(), theirs.slack, clicks_on(their_buttons, crowd), kWindow);
  ours.lost = before + late.lost;
  theirs.lost += their_late.lost;
  ours.after = settled_rss(kit.io(), kit.pid());
  theirs.after = settled_rss(kit.io(), peer.pid());
  std::printf("%zu clicks more (%zu entries), %.0f/s; bolt %.0f/s\n", many.size(),
              kit.entries("vote.approve").size() - votes, static_cast<double>(many.size()) / late.seconds,
              static_cast<double>(many.size()) / their_late.seconds);

  ours.refresh =
      bench::refresh_under_clicks(kit.io(), ours.slack, mine.front(), net::Duration{50}, net::Duration{15'000});
  theirs.refresh =
      bench::refresh_under_clicks(kit.io(), theirs.slack, same.front(), net::Duration{50}, net::Duration{15'000});
  if (kit.stop() != 0) fail(kit.process().log_text());
  double load[1] = {};
  static_cast<void>(::getloadavg(load, 1));
  std::printf("%s, load average %.1f\n", binary.c_str(), load[0]);
  bool const met = report(ours, theirs);
  if (!met) std::printf("a target was missed\n");
  return check && !met ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool check = false;
  std::size_t requests = 2'000;
  auto binary = support::ServiceKit::binary();
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0)
      check = true;
    else if (std::strcmp(argv[i], "--requests") == 0 && i + 1 < argc)
      requests = static_cast<std::size_t>(std::max(100, std::atoi(argv[++i])));
    else
      binary = argv[i];
  }
  try {
    return run(binary, check, requests);
  } catch (std::exception const& problem) {
    std::fprintf(stderr, "bench_clicks: %s\n", problem.what());
    return 3;
  }
}
