// The state as bytes and back: over random histories, a state that came back from bytes
// and folded the rest must be the one that folded everything.
#include "bot/core/archive.hpp"

#include <random>

#include "bot/core/noise.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/result_text.hpp"
#include "tests/support/rounds.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;

namespace {

State folded(fixture::Story const& story, State state, std::size_t from, std::size_t to) {
  for (auto i = from; i < to; ++i) {
    auto stored = story.ledger[i];
    stored.time = std::chrono::floor<std::chrono::seconds>(stored.time);
    auto const applied = story.try_apply(state, stored);
    if (!applied) FAIL(applied.error().message);
  }
  return state;
}

Result<State> back(fixture::Story const& story, std::string const& bytes) {
  return decode_state(bytes, [&](std::string_view path) { return story.file(path); });
}

void tell_outcome(fixture::Story& story, RequestId const& id) {
  story.send(PostRendered{id, "outcome", "slack", "incidents", "C0INC", "key2", digest_of("outcome"), Json("")});
  if (story.state.request(id))
    story.send(Posted{id, story.at(id).posts.back().number, Json::object({{"ts", "2"}, {"x", Json::array({1, "a"})}})});
}

// Asks, posts, approves, runs and tells: a case that is closed and settled afterwards.
RequestId settled_case(fixture::Story& story) {
  auto const id = story.open();
  story.vote("bob", id);
  story.send(RunnerAccepted{id});
  story.send(RunEnded{id, Json::object({{"state", "succeeded"}, {"cause", Json()}, {"exit_code", 0}}), "out\n"});
  tell_outcome(story, id);
  return id;
}

fixture::Story random_history(std::uint32_t seed) {
  fixture::Story story;
  std::mt19937 random(seed);
  auto const pick = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  auto const any = [&]() -> std::optional<RequestId> {
    if (story.state.requests.empty()) return std::nullopt;
    auto it = story.state.requests.begin();
    std::advance(it, pick(story.state.requests.size()));
    return it->first;
  };
  static constexpr std::array<char const*, 4> kPeople{"bob", "carol", "dave", "alice"};
  for (int i = 0; i < 60; ++i) {
    story.now += Duration(pick(20'000));
    auto const what = pick(14);
    auto const id = any();
    if (what < 3) {
      auto const kind = pick(3);
      auto ask = story.asked(
          Actor::person("alice"),
          kind == 0   ? "deploy"
          : kind == 1 ? "migrate"
                      : "restart-service",
          kind == 0   ? std::map<std::string, std::string>{{"version", std::to_string(pick(9))}, {"replicas", "2"}}
          : kind == 1 ? std::map<std::string, std::string>{{"database", "main"}}
                      : std::map<std::string, std::string>{{"service", "web"}});
      if (pick(2) == 0) {
        ask.idempotency_key = "key " + std::to_string(pick(30));
        ask.body_digest = digest_of("body");
      }
      story.send(ask);
      if (auto const made = story.reply().request; made && story.state.request(*made))
        story.send(story.collected(*made));
    } else if (what == 3) {
      story.send(SignalFired{"web-down", "down", "it is down", "key-" + std::to_string(pick(5))});
    } else if (what == 4) {
      story.send(SignalRecovered{"web-down", "up"});
    } else if (what == 5) {
      story.pass(std::chrono::minutes(pick(90)));
    } else if (what == 6 && pick(3) == 0) {
      story.restart();
    } else if (what == 7 && pick(4) == 0) {
      auto rules = story.rules;
      rules.policies["one-sre"].expires += 1min;
      story.reload(rules);
    } else if (id) {
      if (story.phase(*id) == Phase::collecting) story.send(story.collected(*id));
      if (story.phase(*id) == Phase::approved) story.send(RunnerAccepted{*id});
      if (story.state.request(*id) && story.phase(*id) == Phase::running)
        story.send(RunEnded{*id, Json::object({{"state", "failed"}, {"cause", "exit"}, {"exit_code", 3}}), "out\n"});
      if (!story.state.request(*id)) continue;
      if (is_final(story.phase(*id))) {
        tell_outcome(story, *id);
      } else {
        story.send(story.cast(kPeople[pick(kPeople.size())], *id,
                              pick(6) == 0   ? Verdict::deny
                              : pick(6) == 0 ? Verdict::withdraw
                                             : Verdict::approve));
      }
    }
  }
  return story;
}

}  // namespace

TEST_CASE("a state from bytes plus the rest of the ledger is the state of the whole ledger, over random histories") {
  for (std::uint32_t seed = 0; seed < support::rounds(200); ++seed) {
    CAPTURE(seed);
    auto const story = random_history(seed);
    REQUIRE(story.broken == "");
    auto const entries = story.ledger.size();
    auto const whole = encode_state(folded(story, State{}, 0, entries));
    REQUIRE(encode_state(story.state) == whole);  // what the service lives with is what a restart folds
    for (auto const cut : {entries / 5, entries / 2, entries - 1, entries}) {
      CAPTURE(cut);
      auto const bytes = encode_state(folded(story, State{}, 0, cut));
      auto restored = back(story, bytes);
      REQUIRE(restored);
      REQUIRE(encode_state(*restored) == bytes);
      auto const later = folded(story, std::move(*restored), cut, entries);
      REQUIRE(encode_state(later) == whole);
      REQUIRE(fixture::dump_state(later) == fixture::dump_state(story.copy));  // written without the code it judges
    }
  }
}

TEST_CASE("a damaged state is refused, whatever is wrong with it") {
  fixture::Story story;
  settled_case(story);
  static_cast<void>(story.open("migrate", {{"database", "main"}}));
  auto const bytes = encode_state(story.state);
  for (std::size_t at = 0; at < bytes.size(); ++at) REQUIRE_FALSE(back(story, bytes.substr(0, at)));
  CHECK_FALSE(back(story, bytes + "x"));
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 0x91);
    refused += back(story, broken) ? 0U : 1U;  // some make another state: that is what signature and digest are for
  }
  CHECK(refused > bytes.size() / 4);
}
