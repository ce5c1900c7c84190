// F33 to F35 where the chats come in: bytes that are too large, too deep or no text, at every parser of a platform's
// frames and answers.
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "adapters/matrix/wire.hpp"
#include "adapters/slack/wire.hpp"
#include "adapters/teams/wire.hpp"
#include "adapters/teams/wire_relay.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/unit/slack/fakes.hpp"

namespace {

using core::Json;

struct Door {
  char const* name;
  std::size_t cap;  // bytes that it takes
  std::function<bool(std::string_view)> takes;
};

std::vector<Door> const& doors() {
  static std::vector<Door> const kDoors{
      {"slack frame", slack::kMaxFrameBytes, [](auto bytes) { return slack::parse_frame(bytes).has_value(); }},
      {"slack answer", slack::kMaxAnswerBytes,
       [](auto bytes) { return slack::parse_answer(200, "", bytes).has_value(); }},
      {"teams activity", teams::kMaxActivityBytes, [](auto bytes) { return teams::parse_activity(bytes).has_value(); }},
      {"teams relay", teams::kMaxRelayMessageBytes,
       [](auto bytes) { return teams::parse_relay_command(bytes).has_value(); }},
      {"teams members", teams::kMaxAnswerBytes, [](auto bytes) { return teams::parse_members(bytes).has_value(); }},
      {"matrix sync", matrix::kMaxSyncBytes, [](auto bytes) { return matrix::parse_sync(bytes).has_value(); }},
      {"matrix frame", matrix::kMaxFrameBytes, [](auto bytes) { return matrix::parse_frame(bytes).has_value(); }},
      {"matrix page", matrix::kMaxPageBytes, [](auto bytes) { return matrix::parse_page(bytes, "!a:b").has_value(); }},
  };
  return kDoors;
}

// The most memory this process ever had since the last call of forget(), in bytes (proc(5): clear_refs, VmHWM).
void forget() { std::ofstream("/proc/self/clear_refs") << 5; }
std::size_t high_water() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    unsigned long kib = 0;
    if (std::sscanf(line.c_str(), "VmHWM: %lu kB", &kib) == 1) return kib * 1024;
  }
  return 0;
}

std::string repeated(std::string_view part, std::size_t count) {
  std::string text;
  text.reserve(part.size() * count);
  for (std::size_t i = 0; i < count; ++i) text += part;
  return text;
}

}  // namespace

TEST_CASE("F33 chats: 100 MB of JSON, a million keys, a string of 50 MB: refused, within twice what is taken") {
  std::string keys = "{";
  for (int i = 0; i < 1'000'000; ++i) keys += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  keys += "}";
  std::vector<std::pair<char const*, std::string>> const inputs{
      {"100 MB", "{\"type\":\"hello\",\"rooms\":[" + repeated("{\"a\":\"bcdefgh\"},", 100'000'000 / 17) + "0]}"},
      {"a million keys", keys},
      {"a string of 50 MB", "{\"type\":\"" + std::string(50'000'000, 'x') + "\"}"}};
  for (auto const& [what, bytes] : inputs) {
    for (auto const& door : doors()) {
      CAPTURE(what, door.name);
      forget();
      auto const before = high_water();
      CHECK_FALSE(door.takes(bytes));
      if (!support::skipped_under_sanitizer("F33 memory", "a sanitizer keeps what is freed for a while"))
        CHECK(high_water() - before < 2 * door.cap);
    }
  }
}

TEST_CASE("F34 chats: a million nested brackets are refused") {
  auto const deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  std::string const objects = repeated("{\"a\":", 150'000) + "1" + std::string(150'000, '}');
  for (auto const& door : doors()) {
    CAPTURE(door.name);
    CHECK_FALSE(door.takes(deep));
    CHECK_FALSE(door.takes(objects));
    CHECK_FALSE(door.takes(std::string(200'000, '[')));  // never closed
  }
}

TEST_CASE("F35 chats: no text, NUL or half a surrogate in any field: refused, or nothing of it reaches the engine") {
  // Every string of a click in turn.
  auto const click = core::dump(frames::click({}));
  std::vector<std::size_t> strings;  // the first byte of each value
  for (auto at = click.find(":\""); at != std::string::npos; at = click.find(":\"", at + 1)) strings.push_back(at + 2);
  REQUIRE(strings.size() > 20);
  std::size_t refused = 0, votes = 0;
  for (auto const at : strings) {
    for (auto const* bad : {"\xff", "\xc3", "\xed\xa0\x80", "\\u0000", "\\ud800", "\\udfffx", "\xf4\x90\x80\x80"}) {
      CAPTURE(click.substr(at, 24), bad);
      slack_fakes::Bench bench;
      bench.connected();
      auto frame = click;
      frame.insert(at, bad);
      bench.receive(0, frame);
      for (auto const& vote : bench.sink.votes) {
        for (auto const& text : {vote.account.id, vote.request, vote.binding, vote.rendering, vote.channel, vote.note,
                                 vote.delivery, vote.foreign})
          CHECK(text.find(bad[0] == '\\' ? std::string("\0", 1) : std::string(bad)) == std::string::npos);
      }
      votes += bench.sink.votes.size();
      refused += bench.sink.votes.empty() ? 1U : 0U;
      // The next, honest one counts: nothing was spoilt.
      bench.receive(0,
                    frames::click({.envelope = "env-honest", .action_ts = "1764000099.000001", .trigger = "honest"}));
      CHECK(bench.sink.votes.size() >= 1);
    }
  }
  CHECK(refused > strings.size() * 4);  // what is no text at all goes with its whole frame
  static_cast<void>(votes);
  for (auto const& door : doors()) {
    CAPTURE(door.name);
    for (auto const* bad : {"\xff", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80"})
      CHECK_FALSE(door.takes("{\"type\":\"" + std::string(bad) + "\"}"));
  }
}
